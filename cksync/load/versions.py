"""Versions: which observations differ from what was there before, and the rows they make in `main` and `history`."""

from collections.abc import Sequence

import duckdb

from cksync.load.schema import quoted
from cksync.load.tables import Table


def write_changed(db: duckdb.DuckDBPyConnection, table: Table) -> tuple[int, int, int]:
    """Store the versions that differ from what was there; (rows inserted, updated, values unread)."""
    own = [name for name in _names(db, "incoming") if name not in ("_synced_at", "_extra", "_unread")]
    _load_changed(db, table, own)
    inserted, updated, unread, versions = _count_changed(db)
    if not versions:
        return 0, 0, 0
    key = quoted(table.key)
    every = f"{quoted(own, 'incoming.')}, _first_seen_at, incoming._synced_at, _extra"
    same_key = " and ".join(f'old."{name}" = new."{name}"' for name in table.key)
    db.execute(
        f"""
        update history."{table.name}" as old set valid_to = new.at
        from (select {key}, min(_synced_at) as at from changed group by all) as new
        where old.valid_to is null and {same_key}
        """
    )
    db.execute(
        f"""
        insert into history."{table.name}"
        select {every}, incoming._synced_at, _until, case when _before is null then 'insert' else 'update' end
        from changed join incoming on incoming.rowid = changed._row
        """
    )
    db.execute(f'delete from main."{table.name}" as old using changed as new where {same_key}')
    db.execute(
        f"""
        insert into main."{table.name}"
        select {every} from changed join incoming on incoming.rowid = changed._row where _until is null
        """
    )
    return inserted, updated, unread


def _count_changed(db: duckdb.DuckDBPyConnection) -> tuple[int, int, int, int]:
    """Rows that are new, rows that differ, values unread in them, and versions in all."""
    row = db.execute(
        """
        select count(*) filter (_until is null and _current is null),
            count(*) filter (_until is null and _current is not null),
            (select coalesce(sum(_unread), 0) from changed join incoming on incoming.rowid = changed._row), count(*)
        from changed
        """
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


def _names(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in db.execute(f"describe {table}").fetchall()]


def _load_changed(db: duckdb.DuckDBPyConnection, table: Table, own: Sequence[str]) -> None:
    """`changed`: which rows of `incoming` (by `_row`) differ from the version before them.

    `_before` is that version's hash (null: there was none), `_until` when the next one came, `_current`
    the hash of the row in `main`, `_first_seen_at` the earliest time the row was ever seen.
    """
    key = quoted(table.key)
    order = f"partition by {key} order by _synced_at, _hash"
    db.execute(
        f"""
        create or replace temp table changed as
        with observed as (
            select rowid as _row, {key}, _synced_at, hash({quoted(own)}, _extra) as _hash from incoming
        ),

        current as (
            select {key}, hash({quoted(own)}, _extra) as _current, _synced_at as _current_at, _first_seen_at
            from main."{table.name}" semi join observed using ({key})
        ),

        ordered as (
            select *, coalesce(lag(_hash) over ({order}), _current) as _before
            from observed left join current using ({key})
            where _current_at is null or _synced_at >= _current_at
        ),

        different as materialized (
            select *, lead(_synced_at) over ({order}) as _until, min(_synced_at) over (partition by {key}) as _seen_at
            from ordered
            where _before is distinct from _hash
        ),

        returned as (
            select {key}, min(valid_from) as _ever_at
            from history."{table.name}" semi join different using ({key})
            group by all
        )

        select different.* exclude (_first_seen_at, _seen_at, _current_at),
            coalesce(_first_seen_at, _ever_at, _seen_at) as _first_seen_at
        from different left join returned using ({key})
        """
    )
