"""One DuckDB file to share: tables and models as tables, with their comments, for DuckDB 1.2 and newer."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.source import ExportTable
from cksync.errors import Locked
from cksync.mirror import STORAGE_VERSION
from cksync.sqltext import identifier, literal


def write(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], path: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write every table into a new database; `_cksync.export` records its origin."""
    db.execute(f"attach {literal(path)} as shared (storage_version '{STORAGE_VERSION}')")
    for schema in sorted({table.schema for table in tables} | {"_cksync"}):
        db.execute(f"create schema if not exists shared.{identifier(schema)}")
    for table in tables:
        yield Moving(table.label, 0, table.rows)
        name = f"shared.{identifier(table.schema)}.{identifier(table.name)}"
        db.execute(f"create table {name} as from {table.relation}")
        _comment(db, name, table)
        yield Written(table.label, table.rows)
    db.execute(
        "create table shared._cksync.export as select ?::timestamptz as made_at, ?::varchar as cksync_version,"
        " ?::varchar as load_id, ?::timestamptz as loaded_at, ?::boolean as emails_hashed",
        [stamp.made_at, stamp.version, stamp.load_id, stamp.loaded_at, stamp.is_hashed],
    )
    db.execute("detach shared")


def is_made_by_cksync(path: Path) -> bool:
    """Return True if `write` made this database. Raises Locked if another program is writing it."""
    query = "select 1 from duckdb_tables() where schema_name = '_cksync' and table_name = 'export'"
    try:
        with duckdb.connect(str(path), read_only=True) as db:
            return db.execute(query).fetchone() is not None
    except duckdb.Error as error:
        if "lock" in str(error):
            raise Locked(f"{path} is open for writing in another program; close it there") from None
        return False


def _comment(db: duckdb.DuckDBPyConnection, name: str, table: ExportTable) -> None:
    comments = [f"comment on table {name} is {literal(table.comment)}"] if table.comment else []
    comments += [
        f"comment on column {name}.{identifier(column.name)} is {literal(column.comment)}"
        for column in table.columns
        if column.comment
    ]
    for comment in comments:
        db.execute(comment)
