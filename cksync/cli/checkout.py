"""`cksync checkout`."""

import signal
from pathlib import Path

import click

from cksync.cli import Settings, common
from cksync.cli.output import FORMAT, print_json, print_table, say
from cksync.cli.plans import WORK


@click.command()
@WORK
@click.option("--refresh", is_flag=True, help="Refresh WORK from the current mirror, keeping unpushed edits.")
@FORMAT
@common
@click.pass_obj
def checkout(settings: Settings, work: Path, refresh: bool, form: str) -> int:
    """Create WORK, a copy of the mirror to edit with any SQL tool. Makes no API requests."""
    from cksync.cli.steps import stepping
    from cksync.folder import Folder
    from cksync.write.refresh import refresh as verb_again
    from cksync.write.workspace import check
    from cksync.write.workspace import checkout as verb

    folder = Folder(settings.load().data_dir)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no partial workspace is left
    if refresh:
        check(work)
    with stepping(quiet=settings.quiet, unit="tables", time=settings.time) as show:
        rows = verb_again(folder, work, show) if refresh else verb(folder, work, show)
    if form == "json":
        print_json({"workspace": str(work), "rows": rows})
    elif not settings.quiet:
        print_table(["table", "rows"], list(rows.items()))
        click.echo()
        say(f"{work} is ready: edit it with any SQL tool (duckdb {work}), then run `cksync diff {work}`.")
    return 0
