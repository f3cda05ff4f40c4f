"""What is not in the account any more: found by complete readings, looks and 404s, never by a mere absence."""

from collections.abc import Callable

import duckdb

from cksync.load.listings import LISTED
from cksync.load.tables import Owner, Table
from cksync.sqltext import quoted


def begin_gone(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """`gone_<table>`, still empty: the keys of rows that a merge takes out, and when and in which round that
    was found. What goes with them reads it."""
    db.execute(
        f"""
        create or replace temp table gone_{table.name} as
        select {quoted(table.key)}, _synced_at as found_at, 0 as round from main."{table.name}" limit 0
        """
    )


def forget_ends(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """`ends`, empty: more is to come of these rounds. A 404 is void when what has come shows the row later."""
    db.execute(
        f"""
        create or replace temp table ends as
        select {quoted(table.key)}, _synced_at as found_at, 0 as round, null::varchar as slice from incoming limit 0
        """
    )
    db.execute(
        f"""
        delete from tombstones using incoming
        where tombstones.key = cast(incoming."{table.key[-1]}" as varchar)
            and tombstones.observed_at < incoming._synced_at
        """
    )


def load_ends(db: duckdb.DuckDBPyConnection, table: Table, times: Callable[[str], str]) -> None:
    """`ends`: keys of the table, and when (of `times`) and in which round something said that the row is not
    there; of a complete reading `slice` says which.

    A row may not have been there then in the first place. What was seen again in the same round is not gone.
    """
    finds = [_by_tombstone(table)]
    if table.slice:
        finds.append(_by_reading(table))
        if table.streams[0] in LISTED:
            finds.append(_by_look(table))
    if table.child_of:
        finds.append(_with_owner(table, table.child_of))
    if table.part_of:
        finds += [_with_owner(table, table.part_of), _missing_part(table, table.part_of, times("observed_at"))]
    union = " union all ".join(f"({find})" for find in finds)
    db.execute(
        f"""
        create or replace temp table ends as
        select {quoted(table.key)}, found_at, round, any_value(slice) as slice
        from ({union}) where {times("found_at")} group by all
        """
    )
    db.execute(
        f"""
        delete from ends using incoming, rounds
        where {_same_key(table, "ends", "incoming")} and rounds.round = ends.round
            and incoming._synced_at > ends.found_at and incoming._synced_at < rounds.ends_at
        """
    )


def _same_key(table: Table, one: str, other: str) -> str:
    return " and ".join(f'{one}."{name}" = {other}."{name}"' for name in table.key)


def _rows(table: Table, *more: str) -> str:
    """All rows that are in the table or have just been seen: their keys and other columns."""
    names = quoted(tuple(dict.fromkeys((*table.key, *more))))
    return f'(select {names} from main."{table.name}" union all select {names} from incoming)'


def _by_reading(table: Table) -> str:
    """Rows of slices that were read completely, which were not seen there."""
    of_slice = f"{table.slice} in (select slice from complete)"
    lists = quoted(table.key[:-1])
    if lists:  # found list by list, not row by row
        of_complete = f"""
            semi join (
                select {lists} from (select distinct {lists} from main."{table.name}") where {of_slice}
            ) as lists using ({lists})
        """
    else:
        of_complete = f"where {of_slice}"
    what = f'{quoted(table.key)}, {table.slice} as _slice, cast("{table.key[-1]}" as varchar) as _key'
    return f"""
        select {quoted(table.key)}, found.found_at, found.round, held._slice as slice
        from (
            select {what} from main."{table.name}" {of_complete}
            union all
            select {what} from incoming where {of_slice}
        ) as held
        join found on found.slice = held._slice
        anti join present
            on present.round = found.round and present.slice = held._slice and present.key = held._key
    """


def _by_tombstone(table: Table) -> str:
    """Rows that the API said are not there (404)."""
    return f"""
        select {quoted(table.key, "row.")}, tombstones.observed_at as found_at, tombstones.round, null::varchar as slice
        from {_rows(table)} as row
        join tombstones on tombstones.key = cast(row."{table.key[-1]}" as varchar)
    """


def _by_look(table: Table) -> str:
    """Rows that a look at their list proved to be in it no more, and that were not seen there since."""
    return f"""
        select {quoted(table.key, "row.")}, stood.observed_at as found_at, stood.round, null::varchar as slice
        from {_rows(table)} as row
        join stood on stood.is_absent and stood.key = row."{table.key[-1]}" and stood.slice = {table.slice}
    """


def _with_owner(table: Table, owner: Owner) -> str:
    """Rows whose owner went in this merge, or is not there (404) and never was a row."""
    return f"""
        select {quoted(table.key, "row.")}, parent.found_at, parent.round, null::varchar as slice
        from {_rows(table, owner.column)} as row
        join (
            select id, found_at, round from gone_{owner.table}
            union all
            select try_cast(key as bigint) as id, observed_at, round
            from missing anti join main."{owner.table}" as owner on owner.id = try_cast(key as bigint)
            where stream = '{owner.table}'
        ) as parent on parent.id = row."{owner.column}"
    """


def _missing_part(table: Table, owner: Owner, is_meant: str) -> str:
    """Rows that a record of their owner, observed when `is_meant`, does not hold."""
    return f"""
        select {quoted(table.key, "row.")}, parent.observed_at as found_at, rounds.round, null::varchar as slice
        from {_rows(table, owner.column)} as row
        join (
            select distinct key, observed_at from seen semi join segments using (file)
            where stream = '{owner.table}' and state = 'usable' and {is_meant}
        ) as parent on parent.key = cast(row."{owner.column}" as varchar)
        join rounds on rounds.begins_at <= parent.observed_at and rounds.ends_at > parent.observed_at
        anti join incoming
            on {_same_key(table, "incoming", "row")} and incoming._synced_at = parent.observed_at
    """
