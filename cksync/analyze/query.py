"""Read-only questions to the published mirror."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb

from cksync.errors import Failed, Rejected
from cksync.folder import Folder


@contextlib.contextmanager
def open_mirror(data_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published mirror, read-only, times in UTC. Raises Failed when there is none, or it is none."""
    folder = Folder(data_dir)
    folder.check_format()
    if not folder.mirror.exists():
        raise Failed(f"there is no mirror in {data_dir} yet; `cksync pull` makes it, `cksync demo` shows one")
    try:
        db = duckdb.connect(str(folder.mirror), read_only=True)
    except duckdb.Error as error:
        raise Failed(
            f"{folder.mirror} cannot be opened as a DuckDB database ({str(error).splitlines()[0]});"
            " `cksync rebuild` makes it anew from the log"
        ) from None
    with db:
        db.execute("set TimeZone = 'UTC'")
        yield db


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
    with open_mirror(data_dir) as db:
        try:
            yield db.sql(query)
        except duckdb.Error as error:
            raise Rejected(str(error)) from None
