"""CSV by RFC 4180: UTF-8, commas, CRLF, a header, quotes where needed; "" is an empty text, and nothing at all is null.

A spreadsheet runs a cell that begins with = + - @ tab or a line break as a formula. Such texts get a ' in front, and so
do texts with one or more ' before such a character: removing one ' restores the text. Numbers of numeric columns stay
as they are.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.analyze.export import manifest
from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.source import ExportColumn, ExportTable
from cksync.analyze.export.types import iso, kind_of, plain
from cksync.sqltext import identifier, literal

_FORMULA = r"^'*[=+\-@\t\r\n]"
_GUARD = "'"


def write_folder(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], folder: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write every table into a file of its own, and the manifest."""
    folder.mkdir()
    entries = []
    for table in tables:
        yield Moving(table.label, 0, table.rows)
        path = folder / f"{table.label}.csv"
        _write(db, table, path)
        entries.append(manifest.TableFiles(table, (manifest.File(path.relative_to(folder), table.rows),)))
        yield Written(table.label, table.rows, path.stat().st_size)
    manifest.write(folder, "csv", stamp, entries)


def write_file(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], path: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write one table into one file."""
    (table,) = tables
    yield Moving(table.label, 0, table.rows)
    _write(db, table, path)
    yield Written(table.label, table.rows, path.stat().st_size)


def looks_like(path: Path, table: ExportTable) -> bool:
    """Return True if a file may be an earlier export of the table: at least half of its header are columns of it.

    CSV has no room for a signature, and a nightly job must be able to replace its own output.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    names = {_header(column) for column in table.columns}
    return 2 * len(names.intersection(header)) >= len(header)


def _write(db: duckdb.DuckDBPyConnection, table: ExportTable, path: Path) -> None:
    cells = ", ".join(f"{_cell(column)} as {identifier(_header(column))}" for column in table.columns)
    options = r"""format csv, header, delimiter ',', quote '"', escape '"', nullstr '', new_line '\r\n'"""
    db.execute(f"copy (select {cells} from {table.relation}) to {literal(path)} ({options})")


def _header(column: ExportColumn) -> str:
    first = column.name.lstrip(_GUARD)[:1]
    return _GUARD + column.name if first and first in "=+-@\t\r\n" else column.name


def _cell(column: ExportColumn) -> str:
    """Return the SQL of a column as CSV writes it."""
    kind = kind_of(column)
    if kind in ("instant", "moment"):
        return iso(column)
    if kind in ("text", "json"):
        text = plain(column)
        return f"case when regexp_matches({text}, {literal(_FORMULA)}) then {literal(_GUARD)} || {text} else {text} end"
    return plain(column)
