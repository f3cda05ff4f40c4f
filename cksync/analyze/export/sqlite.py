"""SQLite, with Python's own module: DuckDB would have to download an extension.

| DuckDB | SQLite |
|---|---|
| integers | INTEGER |
| decimals | DECIMAL(p, s), which SQLite stores as a number: exact to 15 digits, with a note for more |
| floats | REAL; NaN is null |
| booleans | BOOLEAN: 0 or 1 |
| times | TEXT, ISO 8601 with six decimals, so that they sort; instants end in Z |
| dates, texts, JSON | TEXT |
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.naming import fitting
from cksync.analyze.export.source import ExportColumn, ExportTable, count
from cksync.analyze.export.types import Kind, digits, is_common, kind_of, plain
from cksync.plural import plural
from cksync.sqltext import identifier, quoted

FETCH_ROWS = 10_000
STAMP = "_cksync_export"
# The application id in the file's header; unregistered otherwise.
APPLICATION = int.from_bytes(b"cksy")
# A float cannot preserve more digits.
FLOAT_DIGITS = 15
_TYPES: dict[Kind, str] = {"integer": "INTEGER", "float": "REAL", "boolean": "BOOLEAN"}


def write(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], path: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write every table into a new database, with an index on every id and address."""
    # Names that begin with sqlite_ are reserved; tables and indexes share one namespace.
    labels = [re.sub(r"^(?i:sqlite_)", r"_\g<0>", table.label) for table in tables]
    names = fitting(labels, 1_000, "utf-8", {STAMP})
    taken = [*names, STAMP]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as into:
        into.execute("pragma journal_mode = off")  # the file is private until it is complete
        into.execute("pragma synchronous = off")
        into.execute(f"pragma application_id = {APPLICATION}")
        for name, table in zip(names, tables, strict=True):
            into.execute("begin")
            yield from _write_table(db, into, name, table, taken)
            into.execute("commit")
            yield Written(table.label, table.rows, notes=tuple(_rounded(db, table)))
        _stamp(into, stamp)


def is_made_by_cksync(path: Path) -> bool:
    """Return True if `write` made this database."""
    with open(path, "rb") as file:
        header = file.read(100)
    return header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION.to_bytes(4)


def _write_table(
    db: duckdb.DuckDBPyConnection, into: sqlite3.Connection, name: str, table: ExportTable, taken: list[str]
) -> Iterator[Moving]:
    """Write a table and its indexes, and add their names to `taken`."""
    columns = fitting([column.name for column in table.columns], 1_000, "utf-8")
    types = ", ".join(
        f"{identifier(label)} {_type(column)}" for label, column in zip(columns, table.columns, strict=True)
    )
    into.execute(f"create table {identifier(name)} ({types})")
    cells = ", ".join(map(_cell, table.columns))
    done = 0
    yield Moving(table.label, done, table.rows)
    found = db.execute(f"select {cells} from {table.relation}")
    marks = ", ".join("?" * len(columns))
    while rows := found.fetchmany(FETCH_ROWS):
        into.executemany(f"insert into {identifier(name)} values ({marks})", rows)
        done += len(rows)
        yield Moving(table.label, done, table.rows)
    for label in columns:
        if label in ("id", "email_address") or label.endswith("_id"):
            (index,) = fitting([f"{name}_{label}"], 1_000, "utf-8", taken)
            taken.append(index)
            into.execute(f"create index {identifier(index)} on {identifier(name)} ({identifier(label)})")


def _type(column: ExportColumn) -> str:
    kind = kind_of(column)
    return "DECIMAL({}, {})".format(*digits(column)) if kind == "decimal" else _TYPES.get(kind, "TEXT")


def _cell(column: ExportColumn) -> str:
    """Return the SQL of a column as a value that SQLite can hold."""
    kind, value = kind_of(column), plain(column)
    if kind in ("instant", "moment"):
        sortable = f"strftime({value}, '%Y-%m-%dT%H:%M:%S.%f{'Z' if kind == 'instant' else ''}')"
        return f"case when {is_common(value)} then {sortable} else {value}::varchar end"
    # converted through text: gives the nearest float, where a division may give its neighbour
    casts: dict[Kind, str] = {"decimal": "::varchar::double", "boolean": "::integer", "date": "::varchar"}
    return value + casts.get(kind, "")


def _rounded(db: duckdb.DuckDBPyConnection, table: ExportTable) -> Iterator[str]:
    """Yield a sentence for each column with amounts that SQLite rounds."""
    for column in table.columns:
        if kind_of(column) != "decimal" or digits(column)[0] <= FLOAT_DIGITS:
            continue
        value = plain(column)
        type_ = "decimal({}, {})".format(*digits(column))
        is_other = f"try_cast({value}::varchar::double as {type_}) is distinct from {value}"
        rounded = count(db, f"from {table.relation} where {value} is not null and {is_other}")
        if rounded:
            yield (
                f"{table.label}.{column.name}: {plural(rounded, 'value')} with more than {FLOAT_DIGITS} digits,"
                " rounded by SQLite"
            )


def _stamp(into: sqlite3.Connection, stamp: Stamp) -> None:
    loaded_at = stamp.loaded_at.isoformat() if stamp.loaded_at else None
    row = (stamp.made_at.isoformat(), stamp.version, stamp.load_id, loaded_at, stamp.is_hashed)
    columns = ("made_at", "cksync_version", "load_id", "loaded_at", "emails_hashed")
    into.execute(f"create table {STAMP} ({quoted(columns)})")
    into.execute(f"insert into {STAMP} values (?, ?, ?, ?, ?)", row)
