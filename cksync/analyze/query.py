"""Read-only queries of the published mirror."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cksync.analyze.saved import Saved, saved_query, why_empty
from cksync.errors import Rejected
from cksync.folder import Folder
from cksync.mirror import check_reach, lock, open_mirror, refusal


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The rows of a query; None for a statement that returns none. `saved` is the saved query that was run by name,
    and `why_empty` the reason if it has no rows."""

    relation: duckdb.DuckDBPyRelation | None
    saved: Saved | None = None
    why_empty: str | None = None


@contextlib.contextmanager
def ask(
    data_dir: Path, query: str, models_path: Path | None = None, *, allow_files: bool = False
) -> Iterator[QueryResult]:
    """Yield the result of a query, or of a saved one (`@name`; `models_path` is the folder of the user's models).

    Reads nothing but the mirror and writes nothing, unless `allow_files`. Raises Refused if a query tries, Rejected
    with DuckDB's message for an invalid one.
    """
    words = query.split()
    if query.lstrip().startswith("."):
        raise Rejected(
            f"{words[0]} is a command of the DuckDB shell, not SQL; try `cksync sql --list`, `cksync sql --describe"
            f" subscribers`, or open the shell: duckdb -readonly {Folder(data_dir).mirror}"
        )
    if not words:
        raise Rejected('the query is empty; try: cksync sql "select state, count(*) from subscribers group by all"')
    with open_mirror(Folder(data_dir)) as db:
        saved = saved_query(db, words[0][1:], models_path) if words[0].startswith("@") else None
        if saved and len(words) > 1:
            raise Rejected(f"@{saved.name} is a complete query and cannot be extended; write the SQL yourself")
        text = saved.sql if saved else query
        reason = why_empty(db, saved) if saved else None
        if not allow_files:
            check_reach(text)
            lock(db)
        try:
            yield QueryResult(db.sql(text), saved, reason)
        except duckdb.Error as error:
            if not allow_files and (refused := refusal(error)):
                raise refused from None
            where = f"{saved.file}: " if saved and saved.file else ""
            raise Rejected(f"{where}{error}") from None
