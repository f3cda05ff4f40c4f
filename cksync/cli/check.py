"""`cksync check`."""

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_pairs


@click.command()
@FORMAT
@common
@click.pass_obj
def check(settings: Settings, form: str) -> None:
    """Test the credentials, data folder, disk and clock, and show the account. Makes one API request,
    or two if purchases come from API v3."""
    from cksync.cli.progress import start_logging
    from cksync.folder import Folder
    from cksync.pipeline import account

    config = settings.load()
    start_logging(settings.verbosity, quiet=settings.quiet)
    found = account.check(config)
    warning = account.little_room(Folder(config.data_dir), account.free_bytes(config.data_dir))
    if form == "json":
        print_json({**found, "warnings": [warning] if warning else []})
    else:
        print_pairs(found)
    if warning and not settings.quiet:
        click.echo(f"warning: {warning}", err=True)
