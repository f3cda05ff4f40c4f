"""The tables of the mirror: made from what sql/ says, with comments that a BI tool shows."""

from collections.abc import Sequence

import duckdb

from cksync.load.tables import Table, fingerprint
from cksync.sqltext import comments, literal

_SYSTEM = {
    "_first_seen_at": "When the row was first seen, ever.",
    "_synced_at": "When its last change was seen.",
    "_extra": "Fields the API sent that have no column, and values that fit none; null when there are none.",
}
_VERSION = {
    "valid_from": "When this version was first seen.",
    "valid_to": "When the next version was first seen; null: current.",
    "change": "insert, update or delete (a tombstone: last values, valid_from = valid_to).",
}

_CKSYNC = {
    "made": (
        "One row: the SQL that made the mirror, as the SHA-256 of its text; none when that is not known.",
        "sql_sha256 varchar",
    ),
    "loads": (
        "One row per load: a run that read the API.",
        "load_id varchar, streams varchar, account varchar, started_at timestamptz, ended_at timestamptz,"
        " exit_status integer, message varchar, is_finished boolean, segments integer, requests bigint,"
        " inserted bigint, updated bigint, deleted bigint, unread bigint, depth varchar, planned bigint, base json",
    ),
    "slices": (
        "One row per slice: how far and how well it was read.",
        "slice varchar, stream varchar, load_id varchar, is_complete boolean, rows bigint, total bigint,"
        " cursor_at timestamptz, read_at timestamptz, checked_at timestamptz, proof varchar, doubt varchar",
    ),
    "listings": (
        "One row per row of a list, in the list's order; of single records, when they were asked for.",
        "slice varchar, key bigint, place bigint",
    ),
    "requests": (
        "One row per request made, never with a secret.",
        "load_id varchar, requested_at timestamptz, endpoint varchar, params varchar, status integer,"
        " milliseconds bigint, rows bigint, problem varchar",
    ),
    "pushes": (
        "One row per change pushed, and what became of it: done, rejected or unknown.",
        "load_id varchar, pushed_at timestamptz, action varchar, what varchar, target varchar, cells json,"
        " outcome varchar, message varchar",
    ),
}

# What the selects of sql/tables read; empty where no segment has anything for a table.
NO_RECORDS = (
    "select ''::varchar as stream, ''::varchar as slice, 0 as page, 0 as position, ''::varchar as key,"
    " now() as observed_at, null::varchar as record where false"
)


def columns(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """A table's own columns and their types, as its select gives them from the view `records`."""
    rows = db.execute(f"describe {table.sql}").fetchall()
    return {row[0]: row[1] for row in rows if row[0] not in ("_extra", "_synced_at")}


def create(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Make what is missing in the current database, with its comments."""
    there = {
        (row[0], row[1])
        for row in db.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
    }
    db.execute(f"create or replace temp view records as {NO_RECORDS}")
    for schema in ("history", "as_of", "_cksync"):
        db.execute(f"create schema if not exists {schema}")
    for name, (grain, definition) in _CKSYNC.items():
        if ("_cksync", name) not in there:
            db.execute(f"create table _cksync.{name} ({definition})")
            db.execute(comments("table", f"_cksync.{name}", grain, {}))
    if not there:
        db.execute("insert into _cksync.made values (?)", [fingerprint()])
    for table in tables:
        if ("main", table.name) not in there:
            _create_table(db, table)
    _create_as_of(db, tables)


def _create_table(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    # One long text keeps DuckDB from compressing a whole column, unless it is told how.
    zip_json = {"JSON": "json using compression zstd"}
    own = ", ".join(f'"{name}" {zip_json.get(kind, kind)}' for name, kind in columns(db, table).items())
    every = f"{own}, _first_seen_at timestamptz, _synced_at timestamptz, _extra {zip_json['JSON']}"
    versions = f"{every}, valid_from timestamptz, valid_to timestamptz, change varchar"
    db.execute(f'create table main."{table.name}" ({every})')
    db.execute(f'create table history."{table.name}" ({versions})')
    db.execute(comments("table", f'main."{table.name}"', table.grain, {**table.comments, **_SYSTEM}))
    grain = f"Every version of every row of main.{table.name}. {table.grain}"
    db.execute(comments("table", f'history."{table.name}"', grain, {**table.comments, **_SYSTEM, **_VERSION}))


def _create_as_of(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """`as_of.<table>(t)`: the rows of `main.<table>` as they were at `t`, a time or its text."""
    told = db.execute(
        "select function_name from duckdb_functions()"
        " where database_name = current_database() and schema_name = 'as_of'"
    ).fetchall()
    for table in tables:
        if (table.name,) not in told:
            db.execute(_as_of(table))


def _as_of(table: Table) -> str:
    # No database is named in it: the file may be attached by any name, and `use` tells where to look.
    meaning = literal(f"main.{table.name} as it was at the time t. {table.grain}")
    return f"""
        begin;
        create macro as_of."{table.name}"(t) as table
            select version.* exclude (valid_from, valid_to, change)
            from history."{table.name}" as version
            where version.change <> 'delete'
                and version.valid_from <= cast(t as timestamptz)
                and (version.valid_to is null or version.valid_to > cast(t as timestamptz));
        comment on macro table as_of."{table.name}" is {meaning};
        commit
    """
