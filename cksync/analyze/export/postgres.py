"""Postgres: tables in a schema, filled by COPY, visible all at once or not at all.

Everything is one transaction. Rows first go into temporary tables, so that no reader waits for the network; then the
old rows are deleted and the new ones inserted, which blocks no reader. A table is never dropped: its views, grants and
indexes stay. When its columns change, columns are added and dropped, and a view that needs a dropped one stops the
export. Tables that no export made are not touched without `is_forced`.
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.naming import fitting
from cksync.analyze.export.source import ExportColumn, ExportTable, count
from cksync.analyze.export.target import place_of
from cksync.analyze.export.types import Kind, digits, kind_of, plain
from cksync.errors import Failed, Locked, Refused, Rejected
from cksync.sqltext import identifier, literal, quoted

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection, Cursor

FETCH_ROWS = 20_000
NAME_BYTES = 63
LEDGER = "_cksync_export"
# Connection errors that the caller can fix; for others, the server is busy, starting or stopping.
_YOURS = re.compile("authentication failed|does not exist|no pg_hba.conf entry|permission denied|not permitted")
# Spelled as by format_type() of Postgres.
_TYPES: dict[Kind, str] = {
    "integer": "bigint",
    "float": "double precision",
    "boolean": "boolean",
    "instant": "timestamp with time zone",
    "moment": "timestamp without time zone",
    "date": "date",
    "text": "text",
    "json": "jsonb",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a table goes: its name in SQL, that of its temporary table, and its columns by name and type."""

    table: ExportTable
    schema: str
    name: str
    staged: str
    columns: dict[str, str]

    @property
    def title(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.name)}"


def write(
    db: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportTable],
    uri: str,
    schema: str,
    stamp: Stamp,
    *,
    is_forced: bool,
) -> Iterator[Moving | Written]:
    """Replace the rows of every table in a schema, which is created if missing.

    Raises Rejected for an invalid address or credentials and for columns that views need, Refused for tables that no
    export made, Locked if another export is running, Failed on a server error.
    """
    with _connected(uri) as connection, connection.cursor() as cursor, _worded(uri):
        places = _places(tables, schema, _reserved(cursor))
        _prepare(cursor, schema, places, is_forced=is_forced)
        for place in places:
            yield Moving(place.table.label, 0, place.table.rows)
            _stage(db, cursor, place)
            yield Moving(place.table.label, place.table.rows, place.table.rows)
        done = []
        for place in places:
            _replace(cursor, place)
            _note(cursor, place, stamp)
            size = _value(cursor, f"select pg_total_relation_size({literal(place.sql)}::regclass)")
            done.append(Written(place.table.label, place.table.rows, size))
        connection.commit()
        yield from done


@contextlib.contextmanager
def _connected(uri: str) -> "Iterator[Connection]":
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError:
        raise Rejected("Postgres needs an extra package: pip install 'cksync[postgres]'") from None
    try:
        connection = driver.connect(uri)
    except driver.Error as error:
        raise _no_connection(uri, str(error)) from None
    with connection:
        yield connection


def _no_connection(uri: str, text: str) -> Failed | Rejected:
    """Explain why there is no connection. Only messages of the server or the system are repeated, because libpq quotes
    an address that it cannot parse, including the password."""
    place = place_of(uri)
    fatal = re.search(r"FATAL:\s*(.+)", text)
    if fatal:
        kind = Rejected if _YOURS.search(fatal[1]) else Failed
        return kind(f"{place} rejected the connection: {fatal[1].strip()}")
    reason = re.search(r"failed: (?!FATAL)(.+)", text) or re.search(r"could not translate host name.*?: (.+)", text)
    if reason:
        return Failed(f"{place} cannot be reached: {reason[1].strip()}; is a PostgreSQL server listening there?")
    if "no password supplied" in text:
        return Rejected(f"{place} requires a password: set PGPASSWORD, or put it into ~/.pgpass or the URL")
    return Rejected(
        "the URL is not valid; write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        " with %40 for an @ in the password, %2F for a / and %25 for a %"
    )


@contextlib.contextmanager
def _worded(uri: str) -> Iterator[None]:
    """Convert the server's errors into cksync's own."""
    from adbc_driver_manager import Error

    try:
        yield
    except Error as error:
        text = str(error)
        said = re.search(r"ERROR:\s*(.+)", text)
        reason = said[1].strip() if said else text.splitlines()[0]
        if error.sqlstate in ("42501", "28000", "28P01"):
            raise Rejected(f"{place_of(uri)}: {reason}; nothing was changed there") from None
        raise Failed(f"{place_of(uri)} rejected the export and is unchanged: {reason}") from None


def _reserved(cursor: "Cursor") -> set[str]:
    """Return the reserved column names: the system columns of every table. `oid` was one before version 12."""
    query = "select attname::text from pg_attribute where attrelid = 'pg_attribute'::regclass and attnum < 0"
    version = int(_value(cursor, "select current_setting('server_version_num')"))
    return {row[0] for row in _rows(cursor, query)} | ({"oid"} if version < 120_000 else set())


def _places(tables: Sequence[ExportTable], schema: str, reserved: Collection[str]) -> list[_Place]:
    names = fitting([table.label for table in tables], NAME_BYTES, "utf-8", {LEDGER})
    places = []
    for number, (name, table) in enumerate(zip(names, tables, strict=True)):
        columns = fitting([column.name for column in table.columns], NAME_BYTES, "utf-8", reserved)
        types = dict(zip(columns, map(_type, table.columns), strict=True))
        places.append(_Place(table, schema, name, f"cksync_new_{number}", types))
    return places


def _type(column: ExportColumn) -> str:
    kind = kind_of(column)
    return "numeric({},{})".format(*digits(column)) if kind == "decimal" else _TYPES[kind]


# -- before anything is written


def _prepare(cursor: "Cursor", schema: str, places: Sequence[_Place], *, is_forced: bool) -> None:
    key = literal(f"cksync export {schema}")
    if not _value(cursor, f"select pg_try_advisory_xact_lock(hashtextextended({key}, 0))"):
        raise Locked(f"another `cksync export` is writing the schema {schema}; wait for it to finish")
    if not _value(cursor, f"select count(*) from pg_namespace where nspname = {literal(schema)}"):
        cursor.execute(f"create schema {identifier(schema)}")
    cursor.execute(
        f"""
        create table if not exists {_ledger(schema)} (
            table_name text primary key, rows bigint, exported_at timestamptz, cksync_version text,
            mirror_load_id text, mirror_loaded_at timestamptz, emails_hashed boolean
        )
        """
    )
    ours = {row[0] for row in _rows(cursor, f"select table_name from {_ledger(schema)}")}
    for place in places:
        _check(cursor, place, is_made_by_cksync=place.name in ours or is_forced)


def _ledger(schema: str) -> str:
    return f"{identifier(schema)}.{LEDGER}"


def _check(cursor: "Cursor", place: _Place, *, is_made_by_cksync: bool) -> None:
    found = _rows(
        cursor,
        f"""
        select c.relkind::text, exists (select from pg_constraint where contype = 'f' and confrelid = c.oid)
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = {literal(place.schema)} and c.relname = {literal(place.name)}
        """,
    )
    if not found:
        return
    (kind, is_referenced), *_ = found
    if kind != "r":
        raise Rejected(f"{place.title} exists and is not a table; choose another --schema")
    if not is_made_by_cksync:
        raise Refused(
            f"{place.title} exists and cksync did not export it; choose another --schema, or replace its rows with"
            " --force"
        )
    if is_referenced:
        raise Rejected(
            f"a foreign key references {place.title}, but an export replaces all its rows; drop the foreign key"
        )


# -- the rows


def _stage(db: duckdb.DuckDBPyConnection, cursor: "Cursor", place: _Place) -> None:
    """COPY the rows into a temporary table. JSON and columns with infinite times go as text, and are parsed there."""
    types, cells = [], []
    for (name, kind), column in zip(place.columns.items(), place.table.columns, strict=True):
        is_endless = _is_endless(db, place, column)
        cells.append(f"{_endless(column) if is_endless else _cell(column)} as {identifier(name)}")
        types.append(f"{identifier(name)} {'text' if kind == 'jsonb' or is_endless else kind}")
    cursor.execute(f"create temporary table {place.staged} ({', '.join(types)}) on commit drop")
    reader = db.sql(f"select {', '.join(cells)} from {place.table.relation}").to_arrow_reader(FETCH_ROWS)
    cursor.adbc_ingest(place.staged, reader, mode="append", temporary=True)


def _cell(column: ExportColumn) -> str:
    """Return the SQL of a column. A text in Postgres cannot contain NUL, which becomes U+FFFD."""
    value = plain(column)
    if kind_of(column) == "text":
        return f"replace({value}, chr(0), chr(65533))"
    return rf"replace({value}, '\u0000', '\ufffd')" if kind_of(column) == "json" else value


def _is_endless(db: duckdb.DuckDBPyConnection, place: _Place, column: ExportColumn) -> bool:
    """Return True if a column has infinite times: COPY would turn them into distant dates, or fail."""
    if kind_of(column) not in ("instant", "moment", "date"):
        return False
    return count(db, f"from {place.table.relation} where not isfinite({plain(column)}) limit 1") > 0


def _endless(column: ExportColumn) -> str:
    """Return SQL for a time as text that Postgres parses."""
    text = f"{plain(column)}::varchar"
    return f"case when contains({text}, '(BC)') then replace({text}, ' (BC)', '') || ' BC' else {text} end"


def _replace(cursor: "Cursor", place: _Place) -> None:
    """Replace the old rows by the staged ones."""
    there = _there(cursor, place)
    if there is None:
        definition = ", ".join(f"{identifier(name)} {kind}" for name, kind in place.columns.items())
        cursor.execute(f"create table {place.sql} ({definition})")
    else:
        cursor.execute(f"delete from {place.sql}")
        _fit(cursor, place, there)
    values = ", ".join(f"{identifier(name)}::{kind}" for name, kind in place.columns.items())
    cursor.execute(f"insert into {place.sql} ({quoted(list(place.columns))}) select {values} from {place.staged}")
    for comment in _comments(place):
        cursor.execute(comment)
    cursor.execute(f"analyze {place.sql}")


def _there(cursor: "Cursor", place: _Place) -> dict[str, str] | None:
    """Return the columns of the existing table, by name and type; None if there is none."""
    oid = _value(cursor, f"select to_regclass({literal(place.sql)})::oid::bigint")
    if oid is None:
        return None
    query = f"""
        select attname::text, format_type(atttypid, atttypmod)
        from pg_attribute where attrelid = {oid} and attnum > 0 and not attisdropped order by attnum
    """
    return {row[0]: row[1] for row in _rows(cursor, query)}


def _fit(cursor: "Cursor", place: _Place, there: dict[str, str]) -> None:
    """Update the columns of a table. Raises Rejected if a view needs one that is dropped."""
    from adbc_driver_manager import Error

    gone = [name for name, kind in there.items() if place.columns.get(name) != kind]
    new = [name for name, kind in place.columns.items() if there.get(name) != kind]
    changes = [f"drop column {identifier(name)}" for name in gone]
    changes += [f"add column {identifier(name)} {place.columns[name]}" for name in new]
    if not changes:
        return
    try:
        cursor.execute(f"alter table {place.sql} {', '.join(changes)}")
    except Error as error:
        if error.sqlstate != "2BP01":
            raise
        needed = "; ".join(re.findall(r"^(?:DETAIL:\s*)?(\S.* depends on .*)$", str(error), re.MULTILINE))
        raise Rejected(
            f"the columns of {place.title} have changed ({', '.join(gone)}), but other objects depend on them"
            f" ({needed}); drop these, export, and recreate them, or choose another --schema; nothing was changed"
        ) from None


def _comments(place: _Place) -> Iterator[str]:
    if place.table.comment:
        yield f"comment on table {place.sql} is {literal(place.table.comment)}"
    for name, column in zip(place.columns, place.table.columns, strict=True):
        if column.comment:
            yield f"comment on column {place.sql}.{identifier(name)} is {literal(column.comment)}"


def _note(cursor: "Cursor", place: _Place, stamp: Stamp) -> None:
    """Store the origin of a table, for dashboards that show its freshness."""
    loaded_at = stamp.loaded_at.isoformat() if stamp.loaded_at else None
    values = ", ".join(
        "null" if value is None else literal(value)
        for value in (
            place.name,
            place.table.rows,
            stamp.made_at.isoformat(),
            stamp.version,
            stamp.load_id,
            loaded_at,
            stamp.is_hashed,
        )
    )
    cursor.execute(f"delete from {_ledger(place.schema)} where table_name = {literal(place.name)}")
    cursor.execute(f"insert into {_ledger(place.schema)} values ({values})")


def _rows(cursor: "Cursor", query: str) -> list[tuple[Any, ...]]:
    cursor.execute(query)
    return list(cursor.fetchall())


def _value(cursor: "Cursor", query: str) -> Any:
    (row,) = _rows(cursor, query)
    return row[0]
