"""The published mirror, opened for reading."""

import contextlib
from collections.abc import Iterator

import duckdb

from cksync.errors import Failed
from cksync.folder import Folder

# What DuckDB 1.2 and everything after it can read.
STORAGE_VERSION = "v1.2.0"


@contextlib.contextmanager
def open_mirror(folder: Folder) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published mirror, read-only, times in UTC. Raises Failed when there is none, or it is none."""
    folder.check_format()
    if not folder.mirror.exists():
        raise Failed(f"there is no mirror in {folder.root} yet; `cksync pull` makes it, `cksync demo` shows one")
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
