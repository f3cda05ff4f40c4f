"""The source of an export: tables and models of the mirror, and the result of a query, from one snapshot."""

import contextlib
import difflib
import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cksync.errors import Rejected
from cksync.folder import Folder
from cksync.mirror import close_in, open_mirror, refusal
from cksync.sqltext import identifier, literal

# DuckDB spills to disk beyond this limit. Of two threads, the faster one would have to buffer until its turn; with one,
# rows are written in order with little memory.
MEMORY_LIMIT = "256MB"
THREADS = 1


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column; `type` is DuckDB's name of its type."""

    name: str
    type: str
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class ExportTable:
    """A table, model or query result to export: `select * from <relation>` returns its rows.

    `label` is its name where there are no schemas: `history_subscribers` for history.subscribers.
    """

    schema: str
    name: str
    comment: str | None
    columns: tuple[ExportColumn, ...]
    relation: str
    rows: int

    @property
    def label(self) -> str:
        """The name in one word."""
        return self.name if self.schema == "main" else f"{self.schema}_{self.name}"


@dataclass(frozen=True, slots=True)
class Found:
    """A table or view of the mirror, by name."""

    schema: str
    name: str
    comment: str | None
    is_view: bool

    @property
    def title(self) -> str:
        """The display name."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"


@contextlib.contextmanager
def opened(folder: Folder, spill: Path, within: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield the mirror, read-only and current, in a database that may attach others; data beyond memory spills into
    `spill`. With `within`, no file outside that folder can be opened. Raises Failed if there is no mirror."""
    with open_mirror(folder):
        pass  # it exists, and is a database
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": THREADS,
        "temp_directory": str(spill),
    }
    with duckdb.connect(":memory:", config=settings) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"attach {literal(folder.mirror)} as mirror (read_only)")
        db.execute("use mirror")
        if within is not None:
            db.execute(f"set allowed_directories = [{literal(f'{within}/')}]")
            close_in(db)  # the query is one select, and changes no setting
        yield db


def choose(db: duckdb.DuckDBPyConnection, names: Sequence[str]) -> list[Found]:
    """Return the tables and models with these names, which may have wildcards; without names all of `main`.

    Raises Rejected for an unknown name, with a suggestion.
    """
    there = _there(db)
    chosen: list[Found] = []
    for name in names or ["*"]:
        matching = [found for found in there if fnmatch.fnmatchcase(found.title, name)]
        matching = [found for found in matching if found.schema == "main" or "." in name]
        if not matching:
            raise Rejected(_unknown(name, there))
        chosen += [found for found in matching if found not in chosen]
    return chosen


def _there(db: duckdb.DuckDBPyConnection) -> list[Found]:
    rows = db.execute(
        """
        select schema_name, table_name, comment, false
        from duckdb_tables() where database_name = 'mirror'
        union all
        select schema_name, view_name, comment, true
        from duckdb_views() where database_name = 'mirror' and not internal
        """
    ).fetchall()
    return sorted((Found(*row) for row in rows), key=lambda found: (found.schema != "main", found.schema, found.name))


def _unknown(name: str, there: Sequence[Found]) -> str:
    titles = {found.title.lower(): found.title for found in there}
    close = difflib.get_close_matches(name.lower(), titles, n=1)
    names = ", ".join(found.title for found in there if found.schema == "main")
    hint = f"did you mean {titles[close[0]]}?" if close else f"choose from {names}"
    return f"unknown table or model {name!r}; {hint}"


def prepare(db: duckdb.DuckDBPyConnection, found: Found) -> ExportTable:
    """Return a table of the mirror, ready to export. A model is computed once, into a table of this process.

    Raises Rejected with DuckDB's message if a model cannot be computed.
    """
    stored = f"mirror.{identifier(found.schema)}.{identifier(found.name)}"
    columns = tuple(
        ExportColumn(*row)
        for row in db.execute(
            "select column_name, data_type, comment from duckdb_columns()"
            " where database_name = 'mirror' and schema_name = ? and table_name = ? order by column_index",
            [found.schema, found.name],
        ).fetchall()
    )
    if not found.is_view:
        return ExportTable(found.schema, found.name, found.comment, columns, stored, count(db, f"from {stored}"))
    made = _made(db, f"{found.schema}.{found.name}", f"from {stored}", f"the model {found.title} cannot be computed")
    comments = {column.name: column.comment for column in columns}
    described = tuple(replace(column, comment=comments.get(column.name)) for column in _described(db, made))
    return ExportTable(found.schema, found.name, found.comment, described, made, count(db, f"from {made}"))


def answer(db: duckdb.DuckDBPyConnection, query: str, name: str) -> ExportTable:
    """Return the result of a query under a name. Raises Rejected with DuckDB's message."""
    if not name.replace("_", "").replace("-", "").isalnum():
        raise Rejected(f"--as {name!r}: a table name may contain only letters, digits, - and _")
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise Rejected(f"--query: {error}") from None
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise Rejected(
            "--query: must be exactly one select, such as --query 'select state, count(*) from subscribers group"
            " by all'"
        )
    made = _made(db, f"query.{name}", statements[0].query.strip().rstrip(";"), "--query")
    return ExportTable("main", name, None, _described(db, made), made, count(db, f"from {made}"))


def _made(db: duckdb.DuckDBPyConnection, name: str, query: str, what: str) -> str:
    made = f"temp.main.{identifier(name)}"
    try:
        db.execute(f"create temp table {identifier(name)} as {query}")
    except duckdb.IOException:
        raise  # the disk, not the query
    except duckdb.Error as error:
        raise refusal(error) or Rejected(f"{what}: {error}") from None
    return made


def _described(db: duckdb.DuckDBPyConnection, relation: str) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(row[0], row[1]) for row in db.execute(f"describe from {relation}").fetchall())


def count(db: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the number of rows of a query."""
    ((rows,),) = db.execute(f"select count(*) from ({query})").fetchall()
    return int(rows)
