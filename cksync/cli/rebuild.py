"""`cksync rebuild`."""

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, say
from cksync.cli.pull import changes_as_json, print_changes, print_complaints, took
from cksync.plural import plural


@click.command()
@FORMAT
@common
@click.pass_obj
def rebuild(settings: Settings, form: str) -> int:
    """Rebuild mirror.duckdb from log/. Makes no API requests.

    Exits with status 3 if the log contains a record that no table can hold.
    """
    from cksync.cli.steps import stepping
    from cksync.clock import REAL_TIME
    from cksync.folder import Folder
    from cksync.pipeline import publishing

    config = settings.load()
    folder = Folder(config.data_dir)
    time = settings.time or REAL_TIME
    began = time.ticks()
    with folder.lock("rebuild"), stepping(quiet=settings.quiet, time=time) as show:
        published = publishing.rebuild(config, folder, show)
    if published.advice:
        click.echo(published.advice, err=True)
    if form == "json":
        print_json(
            {
                "tables": changes_as_json(published, {}),
                "complaints": list(published.analysis.complaints),
                "set_aside": dict(published.set_aside),
            }
        )
    elif not settings.quiet:
        print_changes(published, {})
        print_complaints(published)
    for slice_, what in published.set_aside.items():
        click.echo(f"incomplete: {slice_}: {what}", err=True)
    if form == "table" and not settings.quiet:
        rows = plural(sum(published.rows.values()), "row")
        click.echo()
        say(f"{folder.mirror} is rebuilt from the log: {rows} in {took(time.ticks() - began)}.")
    return 3 if published.set_aside else 0
