"""Print the rows of a query: as a table, one line per column, CSV, JSON or Parquet."""

import contextlib
import csv
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cksync.cli.output import cut, one_line, terminal_width
from cksync.cli.streams import utf8, while_read
from cksync.cli.values import FETCH_ROWS, exact_rows, json_rows, text_of

if TYPE_CHECKING:
    import duckdb


# On a terminal: rows shown of a table, and up to how many rows of a wide result are printed one column per line.
SHOWN_ROWS, SHORT = 40, 5


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
