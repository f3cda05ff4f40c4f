"""`cksync config`."""

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table, say


@click.command()
@click.option("--example", is_flag=True, help="Print a commented example of a config file, with every key.")
@FORMAT
@common
@click.pass_obj
def config(settings: Settings, example: bool, form: str) -> None:
    """Show the settings in force and where each comes from, with secrets masked. Makes no API requests."""
    from dataclasses import asdict

    from cksync.config import example_text, find_config
    from cksync.in_force import in_force
    from cksync.secrets import environment

    if example:
        click.echo(example_text(), nl=False)
        return
    environ = environment()
    path = find_config(settings.config, environ)
    found = in_force(settings.load(), settings.config, environ)
    if form == "json":
        print_json({"file": path, "settings": [asdict(each) for each in found]})
        return
    say(f"config file: {path.absolute()}" if path else "config file: none; `cksync init` writes one")
    click.echo()
    rows = [(each.key, "" if each.value is None else _text(each.value), each.source) for each in found]
    print_table(("setting", "value", "from"), rows)
    click.echo()
    say("`cksync config --example` prints an example that explains every key")


def _text(value: object) -> str:
    """A value as a config file has it."""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
