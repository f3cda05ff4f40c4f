"""The published mirror, opened for reading."""

import contextlib
import re
from collections.abc import Iterator

import duckdb

from cksync.errors import Failed, Refused
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


def lock(db: duckdb.DuckDBPyConnection) -> None:
    """Let a database reach nothing but what it has open; no statement can undo it.

    DuckDB counts the open file itself, and the folder in which it spills, as its own: see `check_reach`.
    """
    close_in(db)
    db.execute("set lock_configuration = true")


def close_in(db: duckdb.DuckDBPyConnection) -> None:
    """Keep a database from files and from Python's variables; other settings can still be changed."""
    db.execute("set python_enable_replacements = false")
    db.execute("set enable_external_access = false")


# What they do is done to files, or to the settings that keep files out of reach.
_OUTSIDE = {
    duckdb.StatementType.COPY: "copy",
    duckdb.StatementType.EXPORT: "export database",
    duckdb.StatementType.ATTACH: "attach",
    duckdb.StatementType.DETACH: "detach",
    duckdb.StatementType.LOAD: "load or install",
    duckdb.StatementType.COPY_DATABASE: "copy database",
}
# They have another statement inside, which DuckDB's parser does not show.
_AROUND = (duckdb.StatementType.EXPLAIN, duckdb.StatementType.PREPARE)


def check_reach(query: str) -> None:
    """Raise Refused for a statement that reaches outside the mirror by its kind.

    `lock` alone would let `copy` write over the mirror's own file. What is no SQL passes: DuckDB says so itself.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error:
        return
    for statement in statements:
        inside = re.search(r"\b(copy|export|attach)\b", statement.query, re.IGNORECASE)
        if statement.type in _AROUND and inside:
            raise _refused(inside[1].lower())
        if statement.type in _OUTSIDE:
            raise _refused(_OUTSIDE[statement.type])


def refusal(error: duckdb.Error) -> Refused | None:
    """The sentence for what `lock` has kept a statement from; None for any other error."""
    text = str(error)
    if isinstance(error, duckdb.PermissionException) and (at := re.search(r'Cannot access \w+ "([^"]*)"', text)):
        return _refused(f"access to {at[1]}")
    if isinstance(error, duckdb.PermissionException):
        return _refused("loading an extension")
    if "the configuration has been locked" in text:
        return _refused("changing a setting")
    return None


def _refused(what: str) -> Refused:
    return Refused(
        f"{what}: a query reads the mirror and nothing outside it, and writes nothing; `--allow-files` lets it read and"
        " write files, attach databases and change settings"
    )
