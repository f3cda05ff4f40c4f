"""The tables of the mirror, created from the files of sql/, with comments that BI tools show."""

from collections.abc import Sequence

import duckdb

from cksync.load.tables import Table, fingerprint
from cksync.sqltext import comments, literal

_SYSTEM = {
    "_first_seen_at": "When the row was first seen.",
    "_synced_at": "When its last change was seen.",
    "_extra": "Fields from the API without a column, and values that do not fit their column; null if there are none.",
}
_VERSION = {
    "valid_from": "When this version was first seen.",
    "valid_to": "When the next version was first seen; null for the current one.",
    "change": "insert, update or delete (a tombstone: last values, valid_from = valid_to).",
}

_CKSYNC = {
    "made": (
        "One row: the SHA-256 of the SQL that built the mirror; no row if unknown.",
        {"sql_sha256": ("varchar", "SHA-256 of sql/casts.sql and sql/tables.")},
    ),
    "loads": (
        "One row per load: a run that reads the API.",
        {
            "load_id": ("varchar", "The load's folder in log/; sorts by time."),
            "streams": ("varchar", "Streams to read: `all`, or names separated by commas."),
            "account": ("varchar", "The address of the account's owner."),
            "started_at": ("timestamptz", "When it started."),
            "ended_at": ("timestamptz", "When it ended; null if it was killed."),
            "exit_status": (
                "integer",
                "0: complete, 3: incomplete, else the exit status; null if it was killed.",
            ),
            "message": ("varchar", "Its final message."),
            "is_finished": ("boolean", "Whether everything was read; if not, the next load continues."),
            "segments": ("integer", "Files of the log that are in the mirror."),
            "requests": ("bigint", "Requests made."),
            "inserted": ("bigint", "Rows that were new."),
            "updated": ("bigint", "Rows that had changed."),
            "deleted": ("bigint", "Rows that were deleted."),
            "unread": ("bigint", "Values that fit no column; they are in `_extra`."),
            "depth": ("varchar", "How much was read, such as `nightly` or `full`."),
            "planned": ("bigint", "Requests that were planned."),
            "base": ("json", "The plan by stream, before the adjustment from recent pulls."),
            "version": ("varchar", "The version of the API that it read, `v3` or `v4`."),
        },
    ),
    "slices": (
        "One row per slice: how far and how well it was read.",
        {
            "slice": ("varchar", "The unit that is read and verified, such as `subscribers/active`."),
            "stream": ("varchar", "The stream it is part of."),
            "load_id": ("varchar", "The load that read it last."),
            "is_complete": ("boolean", "Whether all its rows are known to be right."),
            "rows": ("bigint", "Rows that were read."),
            "total": ("bigint", "Rows according to the API; null if the API gives no count."),
            "cursor_at": ("timestamptz", "The next incremental scan reads what changed after this."),
            "read_at": ("timestamptz", "When it was read last."),
            "checked_at": ("timestamptz", "When it was last proved."),
            "proof": (
                "varchar",
                "Evidence for that: `content` (every row was read), `borders` (sampled pages), `counts` or `changes`.",
            ),
            "doubt": ("varchar", "Why it is incomplete."),
        },
    ),
    "set_aside": (
        "One row per record that no table can hold; the log has it, and its slice is incomplete.",
        {
            "slice": ("varchar", "The slice it was seen in."),
            "key": ("varchar", "Its id; empty if it has none."),
            "observed_at": ("timestamptz", "When it was seen last."),
            "reason": ("varchar", "Why no table can hold it."),
        },
    ),
    "extra_keys": (
        "One row per key of `_extra` and version of the API that gave it.",
        {
            "table_name": ("varchar", "The table."),
            "version": ("varchar", "The version of the API, such as `v4`."),
            "key": ("varchar", "The key."),
        },
    ),
    "digests": (
        "One row per person in the list of API v4: a digest of the record last seen there.",
        {
            "key": ("bigint", "The person's id."),
            "digest": ("ubigint", "The lower half of the MD5 of the record."),
            "observed_at": ("timestamptz", "When it was seen."),
        },
    ),
    "listings": (
        "One row per row of a list, in list order, or per record requested by id.",
        {
            "slice": ("varchar", "The list."),
            "key": ("bigint", "The row's id."),
            "place": ("bigint", "Position in the list, or time of the request."),
        },
    ),
    "requests": (
        "One row per API request; never contains a secret.",
        {
            "load_id": ("varchar", "The load that made it."),
            "requested_at": ("timestamptz", "When it was sent."),
            "stream": ("varchar", "The stream it was made for; null in loads of cksync 0.1.0."),
            "slice": ("varchar", "The slice it read; null if none."),
            "endpoint": ("varchar", "Its path below the API's base URL."),
            "params": ("varchar", "Its parameters, without credentials."),
            "status": ("integer", "HTTP status of the response; null if there was none."),
            "milliseconds": ("bigint", "Response time."),
            "rows": ("bigint", "Records in the response."),
            "problem": ("varchar", "What was wrong with the response."),
        },
    ),
    "pushes": (
        "One row per pushed change, with its outcome.",
        {
            "load_id": ("varchar", "The push."),
            "pushed_at": ("timestamptz", "When it was sent."),
            "action": ("varchar", "The action's id in its plan."),
            "what": ("varchar", "What kind of change."),
            "target": ("varchar", "What was changed."),
            "cells": ("json", "Columns with the values before and after."),
            "outcome": (
                "varchar",
                "`done`, `rejected` (by the API), `conflict` (what it needs was deleted in the account or belongs to"
                " another person) or `unknown` (it is unclear whether it was executed).",
            ),
            "message": ("varchar", "The message of the API, or what to do."),
        },
    ),
}

# The input of the selects of sql/tables; empty where no segment has rows for a table.
NO_RECORDS = (
    "select ''::varchar as stream, ''::varchar as slice, 'v3' as version, '' as parameter, 0 as page, 0 as position,"
    " ''::varchar as key, now() as observed_at, null::varchar as record where false"
)

# The columns of each select, once DuckDB has told them: they depend on its text alone.
_GIVEN: dict[str, dict[str, str]] = {}


def columns(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Return a table's own columns and their types, as its select gives them from the view `records`."""
    return {name: kind for name, kind in given_columns(db, table).items() if not name.startswith("_")}


def given_columns(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """Return all columns that a table's select gives: its own, and those for the merge (see tables.py)."""
    if table.sql not in _GIVEN:
        _GIVEN[table.sql] = {row[0]: row[1] for row in db.execute(f"describe {table.sql}").fetchall()}
    return _GIVEN[table.sql]


def create(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    """Create what is missing in the current database, with its comments, in one transaction: a commit for each of some
    sixty statements takes as long as all of them."""
    db.execute("begin")
    _create_missing(db, tables)
    db.execute("commit")


def _create_missing(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    there = {
        (row[0], row[1])
        for row in db.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
    }
    db.execute(f"create or replace temp view records as {NO_RECORDS}")
    for schema in ("history", "as_of", "_cksync"):
        db.execute(f"create schema if not exists {schema}")
    for name, (grain, own) in _CKSYNC.items():
        if ("_cksync", name) not in there:
            definition = ", ".join(f"{column} {kind}" for column, (kind, _) in own.items())
            db.execute(f"create table _cksync.{name} ({definition})")
            meanings = {column: meaning for column, (_, meaning) in own.items()}
            db.execute(comments("table", f"_cksync.{name}", grain, meanings))
    if not there:
        db.execute("insert into _cksync.made values (?)", [fingerprint()])
    for table in tables:
        if ("main", table.name) not in there:
            _create_table(db, table)
    _create_as_of(db, tables)


def _create_table(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    # A single long text keeps DuckDB from compressing the whole column by default.
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
    """Create `as_of.<table>(t)`: the rows of `main.<table>` as of `t`, a time or its text."""
    existing = db.execute(
        "select function_name from duckdb_functions()"
        " where database_name = current_database() and schema_name = 'as_of'"
    ).fetchall()
    for table in tables:
        if (table.name,) not in existing:
            db.execute(_as_of(table))


def _as_of(table: Table) -> str:
    # Names no database, since the file may be attached under any name; `use` selects it.
    meaning = literal(f"main.{table.name} as of time t. {table.grain}")
    return f"""
        create macro as_of."{table.name}"(t) as table
            select version.* exclude (valid_from, valid_to, change)
            from history."{table.name}" as version
            where version.change <> 'delete'
                and version.valid_from <= cast(t as timestamptz)
                and (version.valid_to is null or version.valid_to > cast(t as timestamptz));
        comment on macro table as_of."{table.name}" is {meaning}
    """
