"""The published mirror, opened for reading."""

import contextlib
import re
from collections.abc import Iterator

import duckdb

from cksync.errors import Failed, Refused
from cksync.folder import Folder

# Readable by DuckDB 1.2 and later.
STORAGE_VERSION = "v1.2.0"


@contextlib.contextmanager
def open_mirror(folder: Folder) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published mirror read-only, with times in UTC. Raises Failed if it is missing or not a database."""
    folder.check_format()
    if not folder.mirror.exists():
        raise Failed(f"there is no mirror in {folder.root} yet; create it with `cksync pull`, or try `cksync demo`")
    try:
        db = duckdb.connect(str(folder.mirror), read_only=True)
    except duckdb.Error as error:
        raise Failed(
            f"{folder.mirror} cannot be opened as a DuckDB database ({str(error).splitlines()[0]}); `cksync"
            " rebuild` restores it from the log"
        ) from None
    with db:
        db.execute("set TimeZone = 'UTC'")
        yield db


def lock(db: duckdb.DuckDBPyConnection) -> None:
    """Restrict a connection to the databases it has open; no statement can undo this.

    DuckDB still allows access to the open file itself and to its spill folder: see `check_reach`.
    """
    close_in(db)
    db.execute("set lock_configuration = true")


def close_in(db: duckdb.DuckDBPyConnection) -> None:
    """Deny a connection access to files and Python variables; other settings can still be changed."""
    db.execute("set python_enable_replacements = false")
    db.execute("set enable_external_access = false")


# Statements that access files, or the settings that prevent this.
_OUTSIDE = {
    duckdb.StatementType.COPY: "copy",
    duckdb.StatementType.EXPORT: "export database",
    duckdb.StatementType.ATTACH: "attach",
    duckdb.StatementType.DETACH: "detach",
    duckdb.StatementType.LOAD: "load or install",
    duckdb.StatementType.COPY_DATABASE: "copy database",
}
# Statements that contain another statement, hidden by DuckDB's parser.
_AROUND = (duckdb.StatementType.EXPLAIN, duckdb.StatementType.PREPARE)


def check_reach(query: str) -> None:
    """Raise Refused for a kind of statement that accesses something outside the mirror.

    `lock` alone would let `copy` overwrite the mirror's own file. Invalid SQL passes: DuckDB reports it.
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
    """The message for a statement stopped by `lock`; None for any other error."""
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
        f"{what}: queries can only read the mirror; to read and write files, attach databases or change settings,"
        " add --allow-files"
    )
