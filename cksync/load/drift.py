"""Detect a mirror that was built with other SQL than the current: another version, or an edit."""

import duckdb

from cksync.load.schema import create
from cksync.load.tables import casts, fingerprint, tables

ADVICE = "sql/tables has changed since this mirror was built; run `cksync rebuild` to apply it to existing rows"
REBUILT = "sql/tables defines other columns than the mirror has; the mirror was rebuilt from the log"


def is_outdated(db: duckdb.DuckDBPyConnection) -> bool:
    """Return True if other SQL built the mirror that is the current database of `db`."""
    there = db.execute(
        "select 1 from duckdb_tables()"
        " where database_name = current_database() and schema_name = '_cksync' and table_name = 'made'"
    ).fetchone()
    return not there or db.execute("select sql_sha256 from _cksync.made").fetchone() != (fingerprint(),)


def has_other_columns(db: duckdb.DuckDBPyConnection) -> bool:
    """Return True if the mirror's tables differ from those that the SQL describes, so that a merge is impossible."""
    with duckdb.connect() as fresh:
        fresh.execute("set TimeZone = 'UTC'")
        fresh.execute(casts())
        create(fresh, tables())
        return _columns(fresh) != _columns(db)


def _columns(db: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, str]]:
    """Return schema, table, name and type of every column, in order; without models and their notes, which every
    publish rebuilds."""
    return db.execute(
        """
        select schema_name, table_name, column_name, data_type
        from duckdb_columns() semi join duckdb_tables() using (database_name, schema_name, table_name)
        where database_name = current_database() and (
            schema_name = 'history'
            or schema_name = '_cksync' and table_name not in ('models', 'checks')
            or schema_name = 'main' and table_name in (
                select table_name from duckdb_tables()
                where database_name = current_database() and schema_name = 'history'
            )
        )
        order by schema_name, table_name, column_index
        """
    ).fetchall()
