"""`cksync revert`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.plans import WORK
from cksync.plural import plural

if TYPE_CHECKING:
    pass


@click.command(context_settings={"ignore_unknown_options": True})  # a key may be negative
@WORK
@click.argument("table", required=False)
@click.argument("key", required=False)
@click.option("--invalid", is_flag=True, help="Revert all edits that the API does not support.")
@click.option("--all", "everything", is_flag=True, help="Revert all unpushed edits.")
@common
@click.pass_obj
def revert(settings: Settings, work: Path, table: str | None, key: str | None, invalid: bool, everything: bool) -> int:
    """Undo the edits of one row of WORK, given by TABLE and KEY as shown by `diff`, or of many rows.

    Reverting a new row also removes the rows that refer to it. Makes no API requests.
    """
    from cksync.pipeline import revert as verb

    if (table is not None) + invalid + everything != 1 or (table is None) != (key is None):
        raise click.UsageError("name the TABLE and KEY of a row, or use --invalid or --all")
    config = settings.load()
    if everything:
        verb.revert_everything(config, work)
        said = "reverted all unpushed edits"
    elif invalid:
        said = f"reverted {plural(verb.revert_invalid(config, work), 'edit')}"
    else:
        assert table is not None
        assert key is not None
        verb.revert(config, work, table, key)
        said = f"reverted {table} {key}"
    if not settings.quiet:
        click.echo(said)
    return 0
