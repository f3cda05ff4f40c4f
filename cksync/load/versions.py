"""Versions: what differs from what was there before, and the rows that makes in `main` and `history`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from cksync.domain import vanish_doubt
from cksync.load.tables import Table
from cksync.sqltext import quoted


@dataclass(frozen=True, slots=True)
class Change:
    """What a merge did to one table; `unread` counts values kept in `_extra` because they fit no column."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unread: int = 0

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.table,
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.unread + other.unread,
        )


def load_changed(db: duckdb.DuckDBPyConnection, table: Table) -> dict[tuple[int, str], str]:
    """`changed`, from `incoming` and `ends`. Gives the slices, by round, that lost too much to be believed, and
    why; what they lack is not gone, which changes what was there before the next reading."""
    own = [name for name in _names(db, "incoming") if name not in ("_synced_at", "_extra", "_unread")]
    doubts: dict[tuple[int, str], str] = {}
    while True:
        _load_changed(db, table, own)
        found = _first_doubt(db)
        if found is None:
            return doubts
        number, slice_, doubt = found
        doubts[number, slice_] = doubt
        db.execute("delete from ends where round = ? and slice = ?", [number, slice_])


def write_changed(db: duckdb.DuckDBPyConnection, table: Table) -> Iterator[tuple[int, Change]]:
    """Store what `changed` says; what that did in which round."""
    done = _count_changed(db, table)
    if not done:
        return
    own = [name for name in _names(db, "incoming") if name not in ("_synced_at", "_extra", "_unread")]
    key = quoted(table.key)
    every = f"{quoted(own, 'incoming.')}, _first_seen_at, incoming._synced_at, _extra"
    same_key = " and ".join(f'old."{name}" = new."{name}"' for name in table.key)
    db.execute(
        f"""
        update history."{table.name}" as old set valid_to = new.at
        from (select {key}, min(_at) as at from changed group by all) as new
        where old.valid_to is null and {same_key}
        """
    )
    db.execute(
        f"""
        insert into history."{table.name}"
        select {every}, _at, _until, case when _before = {_NOT_THERE} then 'insert' else 'update' end
        from changed join incoming on incoming.rowid = changed._row
        """
    )
    db.execute(
        f"""
        insert into history."{table.name}"
        select {every}, _at, _at, 'delete'
        from changed join incoming on incoming.rowid = changed._row_before where _end is not null
        union all
        select old.*, _at, _at, 'delete'
        from changed as new join main."{table.name}" as old on {same_key}
        where _end is not null and _row_before is null
        """
    )
    db.execute(f'delete from main."{table.name}" as old using changed as new where {same_key}')
    db.execute(
        f"""
        insert into main."{table.name}"
        select {every} from changed join incoming on incoming.rowid = changed._row where _until is null
        """
    )
    db.execute(f"insert into gone_{table.name} select {key}, _at, _round from changed where _end is not null")
    yield from done


# The hash of a row that is not there.
_NOT_THERE = "0::ubigint"


def _count_changed(db: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[int, Change]]:
    """By round: rows that are new, that differ and that are gone at its end, and values unread in its versions."""
    rows = db.execute(
        f"""
        select _round,
            count(*) filter (_is_last and _end is null and _before_round = {_NOT_THERE}),
            count(*) filter (_is_last and _end is null and _before_round <> {_NOT_THERE}),
            count(*) filter (_is_last and _end is not null and _before_round <> {_NOT_THERE}),
            coalesce(sum(_unread), 0)
        from changed left join incoming on incoming.rowid = changed._row
        group by _round
        """
    ).fetchall()
    return [(number, Change(table.name, *map(int, counts))) for number, *counts in rows]


def _names(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in db.execute(f"describe {table}").fetchall()]


def _first_doubt(db: duckdb.DuckDBPyConnection) -> tuple[int, str, str] | None:
    """The first reading that too many rows are gone by: its round, its slice and why it is not believed."""
    rows = db.execute(
        """
        with lost as (
            select ends.round, ends.slice, min(ends.found_at) as found_at, count(*) as lost
            from changed join ends on ends.rowid = changed._end
            where ends.slice is not null
            group by all
        )

        select lost.round, lost.slice, lost.lost, lost.lost + (
            select count(*) from present where present.round = lost.round and present.slice = lost.slice
        )
        from lost join complete on complete.round = lost.round and complete.slice = lost.slice
        where not complete.is_exempt
        order by lost.found_at, lost.slice
        """
    ).fetchall()
    for number, slice_, lost, held in rows:
        if doubt := vanish_doubt(lost, held):
            return number, slice_, doubt
    return None


def _load_changed(db: duckdb.DuckDBPyConnection, table: Table, own: Sequence[str]) -> None:
    """`changed`: what differs from the version before it: observations (by their `_row` of `incoming`), and
    ends of rows that were there (by their `_end` of `ends`).

    `_at` is when, in `_round`; `_before` the hash of the version before it, `_row_before` its row (null: it is
    in `main`), `_before_round` the hash of the last version before the round; `_until` when the next one came,
    `_is_last` whether that was in another round; `_first_seen_at` the earliest time the row was ever seen.
    """
    key = quoted(table.key)
    in_order = f"partition by {key} order by _at, _end nulls first, _hash"
    db.execute(
        f"""
        create or replace temp table changed as
        with observed as (
            select rowid as _row, null as _end, {key}, _synced_at as _at, hash({quoted(own)}, _extra) as _hash
            from incoming
            union all
            select null, rowid, {key}, found_at, {_NOT_THERE} from ends
        ),

        current as (
            select {key}, hash({quoted(own)}, _extra) as _current, _synced_at as _current_at, _first_seen_at
            from main."{table.name}" semi join observed using ({key})
        ),

        ordered as (
            select *, lag(_hash, 1, coalesce(_current, {_NOT_THERE})) over ({in_order}) as _before
            from observed left join current using ({key})
            where _current_at is null or _at >= _current_at
        ),

        different as materialized (
            select ordered.*, rounds.round as _round
            from ordered join rounds on rounds.begins_at <= _at and rounds.ends_at > _at
            where _before <> _hash
        ),

        placed as (
            select *, lead(_at) over ({in_order}) as _until, lag(_row) over ({in_order}) as _row_before,
                lead(_round) over ({in_order}) is distinct from _round as _is_last,
                first_value(_before) over (
                    partition by {key}, _round order by _at, _end nulls first, _hash
                ) as _before_round,
                min(_at) over (partition by {key}) as _seen_at
            from different
        ),

        returned as (
            select {key}, min(valid_from) as _ever_at
            from history."{table.name}" semi join different using ({key})
            group by all
        )

        select placed.* exclude (_hash, _current, _current_at, _first_seen_at, _seen_at),
            coalesce(_first_seen_at, _ever_at, _seen_at) as _first_seen_at
        from placed left join returned using ({key})
        """
    )
