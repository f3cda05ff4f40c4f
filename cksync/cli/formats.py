"""Print the rows of a query: as a table, one line per column, CSV, JSON or Parquet."""

import contextlib
import csv
import functools
import io
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from cksync.cli.output import cut, one_line, terminal_width
from cksync.cli.streams import utf8, while_read
from cksync.cli.values import FETCH_ROWS, exact_rows, json_rows, text_of
from cksync.sqltext import identifier

if TYPE_CHECKING:
    import duckdb


# On a terminal: rows shown of a table, and up to how many rows of a wide result are printed one column per line.
SHOWN_ROWS, SHORT = 40, 5
# A longer text wraps rather than push other columns out; a column takes three more for its border.
NARROW, BORDER = 40, 3


def _table(relation: "duckdb.DuckDBPyRelation") -> None:
    """Print a DuckDB table. On a terminal too narrow for all columns, the least useful ones are left out and named."""
    width = terminal_width()
    if width is None:
        relation.show(max_width=10_000, max_rows=1_000_000)
        return
    kept = _useful(relation, width)
    printed = _boxed(relation, kept, width)
    while _HIDES.search(printed[-2 * width :]) and len(kept) > 1:
        kept = kept[:-1]
        printed = _boxed(relation, kept, width)
    click.echo(printed)
    left_out = [name for place, name in enumerate(relation.columns) if place not in kept]
    if left_out:
        more = f" and {len(left_out) - SHORT} more" if len(left_out) > SHORT else ""
        named = ", ".join(map(one_line, left_out[:SHORT]))
        click.echo(f"-- not shown: {named}{more}; --format line shows every column", err=True)


_HIDES = re.compile(r"\d+ columns \(\d+ shown\)")


def _boxed(relation: "duckdb.DuckDBPyRelation", kept: Sequence[int], width: int) -> str:
    """A DuckDB table of some columns, in their own order."""
    names = [f"#{place + 1} as {identifier(relation.columns[place])}" for place in sorted(kept)]
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        relation.project(", ".join(names)).show(max_width=width, max_rows=SHOWN_ROWS)
    return printed.getvalue().rstrip("\n")


def _useful(relation: "duckdb.DuckDBPyRelation", width: int) -> list[int]:
    """The columns that fit, the most useful first: from the left, then those without a value in the first rows, then
    technical ones."""
    names, kinds = relation.columns, [str(kind) for kind in relation.types]
    rows = list(exact_rows(relation.limit(SHOWN_ROWS)))
    empty = {place for place in range(len(names)) if rows and all(row[place] is None for row in rows)}
    order = sorted(range(len(names)), key=lambda place: (names[place].startswith("_"), place in empty, place))
    kept, used = list[int](), 1
    for place in order:
        texts = [one_line(str(text_of(row[place]))) for row in rows]
        natural = max(map(len, [names[place], kinds[place].lower()[:NARROW], *texts]))
        used += min(natural, max(NARROW, len(names[place]))) + BORDER
        if used > width and kept:
            break
        kept.append(place)
    return kept


def is_wide(relation: "duckdb.DuckDBPyRelation") -> bool:
    """Whether a result has so few rows, and so many columns, that a terminal shows it better one column per line."""
    width = terminal_width()
    if width is None or len(_useful(relation, width)) == len(relation.columns):
        return False
    return 0 < len(relation.limit(SHORT + 1).fetchall()) <= SHORT


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


class _Ended:
    """Changes the line ends of a `csv.writer`, which quotes a carriage return only with its own."""

    def __init__(self, out: TextIO, line_end: str) -> None:
        self._out, self._line_end = out, line_end

    def write(self, row: str) -> None:
        self._out.write(row.removesuffix("\r\n") + self._line_end)


def print_csv(relation: "duckdb.DuckDBPyRelation", line_end: str = "\n") -> None:
    """Print CSV; some versions of Excel need the line ends of Windows."""
    with utf8() as out:
        writer = csv.writer(_Ended(out, line_end))
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
    "csv": print_csv,
    "crlf": functools.partial(print_csv, line_end="\r\n"),
    "json": _json,
    "parquet": _parquet,
}
