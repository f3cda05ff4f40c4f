"""History (SCD type 2): what changed, and the rows to write in `main` and `history`.

The statements are the files of sql/merge/versions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from cksync.domain import vanish_doubt
from cksync.load.schema import columns
from cksync.load.steps import same_key, step
from cksync.load.tables import Table
from cksync.sqltext import quoted


@dataclass(frozen=True, slots=True)
class Change:
    """What a merge did to one table; `unread` counts values kept in `_extra` because they fit no column, `filled` rows
    completed in place because another version of the API gives more."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unread: int = 0
    filled: int = 0

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.table,
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.unread + other.unread,
            self.filled + other.filled,
        )


def is_changed(db: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Return True if an observation of `incoming` differs from its row of `main`, or `ends` has a row: without either,
    `changed` would be empty. That is most tables of a night."""
    if not db.execute(f'select 1 from main."{table.name}" limit 1').fetchone():
        return True  # or nothing was observed, and `changed` is as quickly empty
    given = step("versions/is_changed", table, values=quoted(tuple(columns(db, table))))
    return db.execute(given).fetchone() is not None


def load_changed(db: duckdb.DuckDBPyConnection, table: Table) -> dict[tuple[int, str], str]:
    """Create `changed` from `incoming` and `ends`. Return the slices, by round, that lost implausibly many rows, with
    the reason; their missing rows are not deleted, which changes what the next read is compared with."""
    statement = step("versions/changed", table, values=quoted(tuple(columns(db, table))))
    doubts: dict[tuple[int, str], str] = {}
    has_losses = db.execute("select 1 from ends where slice is not null limit 1").fetchone() is not None
    while True:
        db.execute(statement)
        found = _first_doubt(db) if has_losses else None
        if found is None:
            return doubts
        number, slice_, doubt = found
        doubts[number, slice_] = doubt
        db.execute("delete from ends where round = ? and slice = ?", [number, slice_])


def write_changed(db: duckdb.DuckDBPyConnection, table: Table) -> Iterator[tuple[int, Change]]:
    """Write the rows of `changed`; yield what that did in each round."""
    done = _count_changed(db, table)
    if not done:
        return
    row = f"{quoted(tuple(columns(db, table)), 'incoming.')}, _first_seen_at, incoming._synced_at, _extra"
    is_same = same_key(table, "old", "new")
    db.execute(step("versions/close", table, same_key=is_same))
    db.execute(step("versions/write", table, row=row))
    db.execute(step("versions/write_deletes", table, row=row, same_key=is_same))
    db.execute(step("versions/take_out", table, same_key=is_same))
    db.execute(step("versions/put_in", table, row=row))
    db.execute(step("versions/note_gone", table))
    yield from done


def _count_changed(db: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[int, Change]]:
    rows = db.execute(step("versions/counts")).fetchall()
    return [(number, Change(table.name, *map(int, counts))) for number, *counts in rows]


def _first_doubt(db: duckdb.DuckDBPyConnection) -> tuple[int, str, str] | None:
    """Return the first read that lost too many rows: its round, its slice and the reason to distrust it."""
    for number, slice_, lost, known in db.execute(step("versions/lost")).fetchall():
        if doubt := vanish_doubt(lost, known):
            return number, slice_, doubt
    return None
