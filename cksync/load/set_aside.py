"""Records that no table can hold: kept in the log and listed in `_cksync.set_aside`; their slice is incomplete until
they are gone or usable."""

import duckdb

from cksync.domain import CHANGED_ONLY
from cksync.load.observations import RECORD_BYTES
from cksync.sqltext import literal

_REASONS = {
    "invalid": "is not valid JSON for the database",
    "unowned": "is a membership without a person",
    "long": f"is longer than {RECORD_BYTES // 1_000_000} MB",
}
_NAMED = 3


def note_set_aside(db: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], str]:
    """Update `_cksync.set_aside` from `seen`. Return the slices with such a record, by round, and the reason."""
    db.execute(
        """
        delete from _cksync.set_aside as old using found
        where found.slice = old.slice and found.found_at > old.observed_at and not exists (
            from present
            where present.round = found.round and present.slice = old.slice and coalesce(present.key, '') = old.key
        )
        """
    )
    states = ", ".join(map(literal, _REASONS))
    db.execute(
        f"""
        create or replace temp table concerned as
        select replace(slice, '{CHANGED_ONLY}', '') as slice, coalesce(key, '') as key,
            arg_max(state, observed_at) as state, max(observed_at) as observed_at
        from seen semi join arrivals using (file)
        group by all
        having bool_or(state in ({states})) or (slice, key) in (select (slice, key) from _cksync.set_aside)
        """
    )
    db.execute(
        """
        delete from _cksync.set_aside as old using concerned as now
        where now.slice = old.slice and now.key = old.key and now.observed_at > old.observed_at
        """
    )
    reason = " ".join(f"when '{state}' then {literal(text)}" for state, text in _REASONS.items())
    db.execute(
        f"""
        insert into _cksync.set_aside
        select slice, key, observed_at, case state {reason} end from concerned where state in ({states})
        """
    )
    return _reasons(db)


def _reasons(db: duckdb.DuckDBPyConnection) -> dict[tuple[int, str], str]:
    missing = set_aside(db)
    rows = db.execute(
        "select distinct round, slice from _cksync.set_aside join rounds on rounds.ends_at > observed_at"
    ).fetchall()
    return {(number, slice_): missing[slice_] for number, slice_ in rows}


def set_aside(db: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the slices with such a record, and a sentence that names it."""
    rows = db.execute(
        f"""
        select slice, count(*),
            list('record ' || if(key = '', 'without an id', key) || ' ' || reason order by key)[:{_NAMED}]
        from _cksync.set_aside group by slice order by slice
        """
    ).fetchall()
    return {slice_: _sentence(count, named) for slice_, count, named in rows}


def _sentence(count: int, named: list[str]) -> str:
    more = f" and {count - len(named)} more" if count > len(named) else ""
    return f"set aside: {', '.join(named)}{more}"
