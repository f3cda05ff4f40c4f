"""Memory for a model: as little as a publish takes, and more if that is not enough.

A merge is written to need little; a model may read people with a hundred long custom fields all at once.
"""

import duckdb

MORE = "1GB"


def with_more_memory(db: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyConnection:
    """Execute a statement; if memory runs out, execute it again with more."""
    try:
        return db.execute(statement)
    except duckdb.OutOfMemoryException:
        (limit,) = db.execute("select current_setting('memory_limit')").fetchone() or ("",)
        db.execute(f"set memory_limit = '{MORE}'")
        try:
            return db.execute(statement)
        finally:
            db.execute(f"set memory_limit = '{limit}'")
