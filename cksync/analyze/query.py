"""Read-only questions to the published mirror."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from cksync.errors import Rejected
from cksync.folder import Folder
from cksync.mirror import open_mirror


@contextlib.contextmanager
def ask(data_dir: Path, query: str) -> Iterator[duckdb.DuckDBPyRelation | None]:
    """The answer to a query; None for a statement that has none. Raises Rejected with DuckDB's own words."""
    if query.lstrip().startswith("."):
        raise Rejected(
            f"{query.split()[0]} is a command of the DuckDB shell, not SQL; try `show tables`, `describe subscribers`,"
            f" or open the shell: duckdb -readonly {Folder(data_dir).mirror}"
        )
    if not query.strip():
        raise Rejected('there is no query; try: cksync sql "select state, count(*) from subscribers group by all"')
    with open_mirror(Folder(data_dir)) as db:
        try:
            yield db.sql(query)
        except duckdb.Error as error:
            raise Rejected(str(error)) from None
