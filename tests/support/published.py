"""Query a published mirror."""

from pathlib import Path
from typing import Any

import duckdb

from cksync.config import Config


def rows(config: Config, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query of the published mirror."""
    return rows_of(config.data_dir / "mirror.duckdb", query)


def rows_of(mirror: Path, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query of a mirror, with times in UTC."""
    with duckdb.connect(str(mirror), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        return db.execute(query).fetchall()
