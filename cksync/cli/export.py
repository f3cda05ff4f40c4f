"""`cksync export`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cksync.cli import Settings, common
from cksync.cli.output import ALLOW_FILES, FORMAT, print_json, print_table, say
from cksync.cli.signals import end_on_signals
from cksync.cli.streams import as_typed, steering
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.analyze.export.events import Event, Exported
    from cksync.analyze.export.target import Form

FORMS = ("parquet", "csv", "excel", "sqlite", "duckdb", "postgres")


@click.command()
@click.argument("target")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--to", "to", type=click.Choice(FORMS), help="Output format; inferred from TARGET's extension by default."
)
@click.option("--query", help="Export the result of this select.")
@click.option("--as", "alias", default="query", show_default=True, help="Table name for the result of --query.")
@click.option("--hash-emails", is_flag=True, help="Replace email addresses with the SHA-256 of their lower-case form.")
@click.option(
    "--partition-by",
    metavar="COLUMN",
    help=(
        "Parquet: one folder per value of this column (per year for a time); `none` for no folders. [default:"
        " large tables by year]"
    ),
)
@click.option("--schema", default="cksync", show_default=True, help="Postgres: schema to write to.")
@click.option("--force", is_flag=True, help="Replace a target that cksync did not export.")
@click.option("--raw", is_flag=True, help="Excel and CSV: every table and model, with technical columns.")
@ALLOW_FILES
@FORMAT
@common
@click.pass_obj
def export(
    settings: Settings,
    target: str,
    names: tuple[str, ...],
    to: "Form | None",
    query: str | None,
    alias: str,
    hash_emails: bool,
    partition_by: str | None,
    schema: str,
    force: bool,
    raw: bool,
    allow_files: bool,
    form: str,
) -> None:
    """Export tables and models for other tools.

    TARGET is a folder/ of Parquet files (or CSV files, with --to csv), a file ending in .parquet, .csv, .xlsx, .sqlite,
    .db or .duckdb, or postgresql://user@host/database. It is replaced as a whole, or not at all.

    NAME is a table or model, or a pattern (`sub*`, `history.*`); all current tables and models by default. For
    Excel and CSV the default is people with a column per custom field, purchases, broadcasts, and a contents list.
    """
    from cksync.analyze.export.run import Order
    from cksync.analyze.export.run import export as verb
    from cksync.analyze.export.target import hide_password

    for given in (target, *names):
        hide_password(given)
    end_on_signals(_say_interrupted)
    query = as_typed(query, "--query") if query else query
    order = Order(target, names, query, alias, to, hash_emails, schema, partition_by, force, allow_files, raw)
    with _shown(settings) as show:
        for event in verb(settings.load().data_dir, order):
            show(event)
    _report(settings, event, form)


def _say_interrupted() -> None:
    """Report an interruption. The next export removes the unfinished files."""
    if sys.stderr.isatty():
        steering().write("\033[?25h")  # show the cursor, hidden by the progress bar
    click.echo("cksync: interrupted; the target is unchanged", err=True)


def _report(settings: Settings, event: "Event", form: str) -> None:
    from cksync.analyze.export.events import Exported

    assert isinstance(event, Exported)
    if form == "json":
        print_json(_plain(event))
        return
    if settings.quiet:
        return
    if any(table.bytes is not None for table in event.tables):
        print_table(("table", "rows", "bytes"), [(each.table, each.rows, each.bytes) for each in event.tables])
    else:
        print_table(("table", "rows"), [(each.table, each.rows) for each in event.tables])
    for table in event.tables:
        for note in table.notes:
            click.echo(f"note: {note}", err=True)
    click.echo()
    say(f"{event.target} is written: {plural(len(event.tables), 'table')}, {event.bytes:,} bytes of {event.form}.")


def _plain(event: "Exported") -> dict[str, object]:
    return {
        "target": event.target,
        "format": event.form,
        "bytes": event.bytes,
        "made_at": event.stamp.made_at,
        "emails_hashed": event.stamp.is_hashed,
        "mirror": {"load_id": event.stamp.load_id, "loaded_at": event.stamp.loaded_at},
        "tables": [
            {"table": each.table, "rows": each.rows, "bytes": each.bytes, "notes": list(each.notes)}
            for each in event.tables
        ],
    }


@contextmanager
def _shown(settings: Settings) -> "Iterator[Callable[[Event], None]]":
    """Progress on stderr: a bar on a terminal, otherwise one line per table, nothing with --quiet."""
    from cksync.analyze.export.events import Moving, Written
    from cksync.cli.steps import stepping
    from cksync.domain import Step

    has_bar = sys.stderr.isatty()
    with stepping(quiet=settings.quiet, unit="rows", time=settings.time) as step:

        def show(event: "Event") -> None:
            if isinstance(event, Moving):
                step(Step(f"writing {event.table}", event.rows, event.total))
            elif isinstance(event, Written) and not has_bar and not settings.quiet:
                click.echo(f"wrote {event.table}: {plural(event.rows, 'row')}", err=True)

        yield show
