"""`cksync report`."""

from pathlib import Path

import click

from cksync.cli import Settings, common
from cksync.cli.output import say

DEFAULT = "cksync-report.html"


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--open", "is_opened", is_flag=True, help="Open the report in the browser.")
@click.option("--force", is_flag=True, help="Replace a file that is not a cksync report.")
@common
@click.pass_obj
def report(settings: Settings, file: Path, is_opened: bool, force: bool) -> None:
    """Write a one-page HTML report about the account.

    FILE is cksync-report.html by default. The report is based on the mirror alone, needs no network, and contains
    no names or addresses of subscribers.
    """
    from cksync.analyze.report import write_report
    from cksync.cli.steps import stepping
    from cksync.folder import Folder

    config = settings.load()
    with stepping(quiet=settings.quiet, unit="sections", time=settings.time) as show:
        made = write_report(Folder(config.data_dir), file, config.report, force=force, on_step=show)
    as_of = f", as of {made.as_of:%Y-%m-%d %H:%M} UTC" if made.as_of else ""
    say(f"{made.path} is written: {made.size // 1000:,} kB{as_of}.")
    if is_opened:
        click.launch(str(file.resolve()))
