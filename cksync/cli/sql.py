"""`cksync sql`: needs only DuckDB and the published file."""

import contextlib
import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from cksync.cli import Settings, common
from cksync.cli.output import ALLOW_FILES, cut, one_line, terminal_width
from cksync.cli.streams import as_typed, from_stdin, utf8, while_read
from cksync.cli.values import FETCH_ROWS, exact_rows, json_rows, text_of

if TYPE_CHECKING:
    import duckdb

    from cksync.config import Config

# On a terminal: rows shown of a table, and up to how many rows of a wide result are printed one column per line.
SHOWN_ROWS, SHORT = 40, 5
FORMATS = ("table", "line", "csv", "json", "parquet")


def _names(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Shell completion: names of tables and models, or with @ also of saved queries."""
    from cksync.analyze.dictionary import entries
    from cksync.analyze.saved import saved_queries
    from cksync.errors import CksyncError
    from cksync.folder import Folder
    from cksync.mirror import open_mirror

    if parameter.name == "query" and not incomplete.startswith("@"):
        return []
    try:
        config = replace(context.ensure_object(Settings), quiet=True).load()
        with open_mirror(Folder(config.data_dir)) as db:
            known = [entry.label for entry in entries(db)]
        if parameter.name == "query":
            known = [f"@{name}" for name in (*known, *(saved.name for saved in saved_queries(config.models.path)))]
    except CksyncError:
        return []
    return sorted({name for name in known if name.startswith(incomplete)})


@click.command(context_settings={"ignore_unknown_options": True})  # a query may begin with a comment: --
@click.argument("query", required=False, shell_complete=_names)
@click.option("--list", "listing", is_flag=True, help="List tables, models and saved queries.")
@click.option("--describe", metavar="NAME", shell_complete=_names, help="Describe a table or model and its columns.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="table",
    help="Output format; `line` prints one column per line, `parquet` needs a file or pipe.",
)
@ALLOW_FILES
@common
@click.pass_obj
def sql(
    settings: Settings, query: str | None, listing: bool, describe: str | None, form: str, allow_files: bool
) -> None:
    """Query the mirror with SQL, read-only. Queries cannot access other files without --allow-files.

    QUERY is SQL, or @NAME: a saved query, a table or a model. Without QUERY, SQL is read from stdin.
    """
    if listing + (describe is not None) + (query is not None) > 1:
        raise click.UsageError("use only one of: a query, --list, --describe")
    if query is not None and re.fullmatch(r"--?[\w-]+(=.*)?", query):
        raise click.UsageError(f"there is no option {query.split('=')[0]}; `cksync sql --help` lists the options")
    if form == "parquet" and sys.stdout.isatty():
        raise click.UsageError(
            "parquet is a binary format; redirect it to a file: `cksync sql … --format parquet > out.parquet`"
        )
    config = settings.load()
    if listing or describe is not None:
        from cksync.cli import dictionary

        if describe is None:
            dictionary.list_everything(config.data_dir, config.models.path, form)
        else:
            dictionary.describe(config.data_dir, describe, form)
        return
    text = from_stdin("the query") if query in (None, "-") else as_typed(query or "", "the query")
    _ask(config, text, form, quiet=settings.quiet, allow_files=allow_files)


def _ask(config: "Config", query: str, form: str, *, quiet: bool, allow_files: bool) -> None:
    from cksync.analyze.query import ask

    with ask(config.data_dir, query, config.models.path, allow_files=allow_files) as answer:
        if answer.saved and not answer.saved.file and not quiet:
            click.echo(f"-- {answer.saved.sql}", err=True)
        if answer.relation is not None:
            PRINTERS[form](answer.relation)


def _table(relation: "duckdb.DuckDBPyRelation") -> None:
    """Print a DuckDB table; on a terminal too narrow for all columns, print few rows one column per line."""
    width = terminal_width()
    if width is None:
        relation.show(max_width=10_000, max_rows=1_000_000)
        return
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        relation.show(max_width=width, max_rows=SHOWN_ROWS)
    hides_columns = re.search(r"\d+ columns \(\d+ shown\)", printed.getvalue()[-2 * width :])
    rows = list(exact_rows(relation.limit(SHORT + 1))) if hides_columns else []
    if 0 < len(rows) <= SHORT:
        _print_lines(relation.columns, rows)
        return
    click.echo(printed.getvalue().rstrip("\n"))
    if hides_columns:
        click.echo("-- use --format line to see every column", err=True)


def _line(relation: "duckdb.DuckDBPyRelation") -> None:
    _print_lines(relation.columns, while_read(exact_rows(relation)))


def _print_lines(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows like the `line` mode of the DuckDB and SQLite shells."""
    wide, width = max(map(len, names), default=0), terminal_width()
    room = None if width is None else max(width - wide - 3, 10)
    for number, row in enumerate(rows):
        if number:
            click.echo()
        for name, value in zip(names, row, strict=True):
            text = "NULL" if value is None else one_line(str(text_of(value)))
            click.echo(f"{name.rjust(wide)} = {cut(text, room)}")


def _csv(relation: "duckdb.DuckDBPyRelation") -> None:
    with utf8() as out:
        writer = csv.writer(out)
        writer.writerow(relation.columns)
        for row in while_read(exact_rows(relation)):
            writer.writerow([text_of(value) for value in row])


def _json(relation: "duckdb.DuckDBPyRelation") -> None:
    """Print a JSON array with one object per line; JSON columns stay JSON, decimals keep their digits."""
    separator = "[\n"
    with utf8() as out:
        for row in while_read(json_rows(relation)):
            out.write(separator + row)
            separator = ",\n"
        out.write("[]\n" if separator == "[\n" else "\n]\n")


def _parquet(relation: "duckdb.DuckDBPyRelation") -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cksync.errors import Rejected

    reader = relation.to_arrow_reader(FETCH_ROWS)
    try:
        writer = pq.ParquetWriter(pa.PythonFile(sys.stdout.buffer, mode="w"), reader.schema, compression="zstd")
    except pa.ArrowNotImplementedError as error:
        raise Rejected(f"Parquet does not support the type of a column; cast it to varchar ({error})") from None
    with writer:
        for batch in while_read(reader):
            writer.write_batch(batch)


PRINTERS: dict[str, Callable[["duckdb.DuckDBPyRelation"], None]] = {
    "table": _table,
    "line": _line,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
