"""Saved queries: `@name` is a file of the user's folder `queries`, one of sql/queries, or else a table or model.

A file is SQL whose first line is a comment that says what it answers; a line `-- @empty: TEXT` says why it may have no
rows. name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cksync.analyze.dictionary import Column, Entry, advice, columns, entries
from cksync.errors import Rejected
from cksync.sqltext import header, identifier, sql_folder

LIMIT = 100
_TIMES = ("DATE", "TIMESTAMPTZ", "TIMESTAMP")


@dataclass(frozen=True, slots=True)
class Saved:
    """A query with a name, and what it answers. `file` is None for one derived from a table or model. `empty` is the
    reason if it has no rows; `{first_pull}` in it is the day of the first pull."""

    name: str
    title: str
    sql: str
    file: str | None = None
    empty: str | None = None


def saved_queries(models_path: Path | None) -> list[Saved]:
    """Return the files, by name; `models_path` is the user's models folder. Raises Rejected if one is unreadable."""
    found = {saved.name: saved for saved in _read(sql_folder() / "queries", "sql/queries")}
    if models_path is not None:
        found |= {saved.name: saved for saved in _read(models_path / "queries", f"{models_path}/queries")}
    return [found[name] for name in sorted(found)]


def saved_query(db: duckdb.DuckDBPyConnection, name: str, models_path: Path | None) -> Saved:
    """Return the query `@name`. Raises Rejected with close names if it is unknown."""
    files = {saved.name.lower(): saved for saved in saved_queries(models_path)}
    if name.lower() in files:
        return files[name.lower()]
    known = {entry.label.lower(): entry for entry in entries(db) if entry.kind != "macro" and not entry.problem}
    if name.lower() in known:
        return query_of(db, known[name.lower()])
    close = advice(f"@{name.lower()}", [f"@{other}" for other in (*files, *known)])
    raise Rejected(f"unknown saved query, table or model {name}; {close}")


def query_of(db: duckdb.DuckDBPyConnection, entry: Entry) -> Saved:
    """Return a query of a table or model: newest rows first, or by key; with its usual filter, unless that leaves
    nothing."""
    where = f" where {entry.filter}" if entry.filter not in (None, "true") and _leaves_rows(db, entry) else ""
    names = (entry.name,) if entry.schema == "main" else (entry.schema, entry.name)
    by = [f"{_plain(db, name)}{way}" for name, way in _order(entry.key, columns(db, entry))]
    order = f" order by {', '.join(by)}" if by else ""
    sql = f"from {_plain(db, *names)}{where}{order} limit {LIMIT}"
    return Saved(entry.label, entry.grain, sql)


def why_empty(db: duckdb.DuckDBPyConnection, saved: Saved) -> str | None:
    """Return the reason why a saved query may have no rows; None if it has none to give."""
    if saved.empty is None or "{first_pull}" not in saved.empty:
        return saved.empty
    query = "select min(started_at)::date, current_date from _cksync.loads where is_finished and streams = 'all'"
    ((first, today),) = db.execute(query).fetchall()
    day = "never made" if first is None else "today" if first == today else f"on {first}"
    return saved.empty.replace("{first_pull}", day)


def _read(folder: Path, shown: str) -> list[Saved]:
    found = []
    for path in sorted(folder.glob("*.sql")):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
            raise Rejected(f"{shown}/{path.name} cannot be read: {reason}") from None
        found_header = header(text)
        found.append(
            Saved(path.stem, found_header.grain, text, f"{shown}/{path.name}", found_header.words.get("@empty"))
        )
    return found


def _leaves_rows(db: duckdb.DuckDBPyConnection, entry: Entry) -> bool:
    try:
        return bool(db.execute(f"from {entry.relation} where {entry.filter} limit 1").fetchall())
    except duckdb.Error:
        return False


def _order(key: Sequence[str], known: Sequence[Column]) -> list[tuple[str, str]]:
    """Return the columns to order by, and how; without a key the first few that distinguish rows."""
    dated = [column.name for column in known if column.type in _TIMES and not column.name.startswith("_")]
    newest = next((name for name in key if name in dated), next(iter(dated), None))
    first = [(newest, " desc nulls last")] if newest else []
    by = key or [column.name for column in known[:3]]
    return [*first, *((name, "") for name in by if name != newest)]


def _plain(db: duckdb.DuckDBPyConnection, *names: str) -> str:
    """Return SQL for a display name, quoted only where SQL requires it."""
    kept = {row[0] for row in db.execute("select keyword_name from duckdb_keywords()").fetchall()}
    return ".".join(
        name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and name not in kept else identifier(name) for name in names
    )
