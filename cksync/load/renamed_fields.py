"""Apply renamed, deleted and added fields: a JSON column of every row has other keys from then on.

The list of fields shows it, so no row is requested again. What a row brought at or after that time stays as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import duckdb

from cksync.load.tables import Owner, Table
from cksync.sqltext import quoted

# Rows written at once: a hundred keys each must fit into memory.
ROWS_AT_ONCE = 20_000


class Version(NamedTuple):
    """A field's key, and the time in which it was valid."""

    id: int
    key: str | None
    valid_from: datetime
    valid_to: datetime | None
    change: str


@dataclass(frozen=True, slots=True)
class Rekeying:
    """What happened to the keys of the JSON `column` at a time.

    `moves`: old key -> new key, None if deleted; `added`: new ones in the order of their ids; `before` and `after`: all
    keys.
    """

    column: str
    at: datetime
    moves: Mapping[str, str | None]
    added: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]


def key_versions(db: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> dict[str, list[Version]]:
    """Return every version of each of `tables` that defines the keys of another one, by name."""
    names = {table.name for table in tables}
    return {owner.table: _versions(db, owner) for table in tables if (owner := table.keyed_by) and owner.table in names}


def rekeyings(
    db: duckdb.DuckDBPyConnection, table: Table, known: Mapping[str, Sequence[Version]]
) -> tuple[Rekeying, ...]:
    """Return the changes of the keys of `table` since the `known` versions, oldest first."""
    owner = table.keyed_by
    if owner is None or owner.table not in known:
        return ()
    now = _versions(db, owner)
    old = {(version.id, version.valid_from, version.change) for version in known[owner.table]}
    times = {version.valid_from for version in now if (version.id, version.valid_from, version.change) not in old}
    found = (compare(owner.column, at, _keys_before(now, at), _keys_after(now, at)) for at in sorted(times))
    return tuple(rekeying for rekeying in found if rekeying.moves or rekeying.added)


def compare(column: str, at: datetime, before: Mapping[int, str | None], after: Mapping[int, str | None]) -> Rekeying:
    """Return the change of keys, each given by its field's id. An unreadable key counts as unchanged."""
    kept = {key for id_, key in before.items() if id_ in after and after[id_] in (key, None)}
    moves = {key: after.get(id_) for id_, key in before.items() if key is not None and key not in kept}
    new = (key for id_, key in sorted(after.items()) if key is not None and before.get(id_) is None)
    return Rekeying(column, at, moves, tuple(dict.fromkeys(new)), _readable(before.values()), _readable(after.values()))


def rekey(db: duckdb.DuckDBPyConnection, table: Table, rekeying: Rekeying) -> int:
    """Give every row of `main` last seen before then its new keys, as a version; return the number of rows."""
    (key,) = table.key
    portions = db.execute(
        f"""
        with numbered as (
            select "{key}" as key, (row_number() over (order by "{key}") - 1) // {ROWS_AT_ONCE} as portion
            from main."{table.name}" where _synced_at < ?
        )
        select min(key), max(key) from numbered group by portion order by portion
        """,
        [rekeying.at],
    ).fetchall()
    count = 0
    for first, last in portions:
        _load_rekeyed(db, table, rekeying, first, last)
        count += _write_rekeyed(db, table, rekeying.column, rekeying.at)
    return count


def _versions(db: duckdb.DuckDBPyConnection, owner: Owner) -> list[Version]:
    rows = db.execute(f'select id, key, valid_from, valid_to, change from history."{owner.table}"').fetchall()
    return [Version(*row) for row in rows]


def _keys_before(versions: Iterable[Version], at: datetime) -> dict[int, str | None]:
    """Return the keys until then, by their fields' ids."""
    return {v.id: v.key for v in versions if v.valid_from < at and (v.valid_to is None or v.valid_to >= at)}


def _keys_after(versions: Iterable[Version], at: datetime) -> dict[int, str | None]:
    """Return the keys from then on; a tombstone is valid at no time."""
    return {v.id: v.key for v in versions if v.valid_from <= at and (v.valid_to is None or v.valid_to > at)}


def _readable(keys: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(key for key in keys if key is not None)


def _load_rekeyed(db: duckdb.DuckDBPyConnection, table: Table, rekeying: Rekeying, first: int, last: int) -> None:
    """Create `rekeyed`: keys of rows, and their new fields, without rows that already have only the new keys.

    A field keeps its position. A renamed one takes the position of a former field of its new name.
    """
    (key,) = table.key
    db.execute(
        f"""
        create or replace temp table rekeyed as
        with rule as (
            select map(?::varchar[], ?::varchar[]) as moves, ?::varchar[] as added,
                ?::varchar[] as before, ?::varchar[] as after
        ),

        old as (
            select row."{key}", from_json(row."{rekeying.column}", '"MAP(VARCHAR, JSON)"') as fields
            from main."{table.name}" as row
            where row."{key}" between ? and ? and row._synced_at < ?
                and json_type(row."{rekeying.column}") = 'OBJECT'
        ),

        concerned as (
            select "{key}", moves, added, map_entries(fields) as entries, list_transform(
                    list_filter(map_keys(fields), lambda name: map_contains(moves, name)), lambda name: moves[name]
                ) as taken
            from old, rule
            where (list_has_any(map_keys(fields), map_keys(moves)) or not list_has_all(map_keys(fields), added))
                and (list_has_all(map_keys(fields), before) or not list_has_all(map_keys(fields), after))
        ),

        moved as (
            select "{key}", added, list_transform(
                    list_filter(entries, lambda entry: case
                        when map_contains(moves, entry.key) then moves[entry.key] is not null
                        else not list_contains(taken, entry.key)
                    end),
                    lambda entry: {{'key': coalesce(moves[entry.key], entry.key), 'value': entry.value}}
                ) as entries
            from concerned
        ),

        complete as (
            select "{key}", list_concat(entries, list_transform(
                    list_filter(added, lambda name: not list_contains(
                        list_transform(entries, lambda entry: entry.key), name
                    )),
                    lambda name: {{'key': name, 'value': null::json}}
                )) as entries
            from moved
        )

        select "{key}", cast('{{' || array_to_string(list_transform(
                entries, lambda entry: to_json(entry.key) || ':' || coalesce(entry.value, 'null')
            ), ',') || '}}' as json) as fields
        from complete
        """,
        [
            list(rekeying.moves),
            list(rekeying.moves.values()),
            list(rekeying.added),
            list(rekeying.before),
            list(rekeying.after),
            first,
            last,
            rekeying.at,
        ],
    )


def _write_rekeyed(db: duckdb.DuckDBPyConnection, table: Table, column: str, at: datetime) -> int:
    """Close the open versions and store the new ones; return their number."""
    key = quoted(table.key)
    same_key = f"old.{key} = new.{key}"
    db.execute(
        f"""
        update history."{table.name}" as old set valid_to = ?
        from rekeyed as new where old.valid_to is null and {same_key}
        """,
        [at],
    )
    db.execute(
        f"""
        insert into history."{table.name}"
        select old.* replace (new.fields as "{column}", ? as _synced_at), ?, null, 'update'
        from main."{table.name}" as old join rekeyed as new on {same_key}
        """,
        [at, at],
    )
    db.execute(
        f"""
        update main."{table.name}" as old set "{column}" = new.fields, _synced_at = ?
        from rekeyed as new where {same_key}
        """,
        [at],
    )
    row = db.execute("select count(*) from rekeyed").fetchone()
    assert row is not None
    return int(row[0])
