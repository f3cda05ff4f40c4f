"""What is not in the account any more: found by complete readings and by 404s, never by a mere absence."""

import duckdb

from cksync.domain import vanish_doubt
from cksync.load.listings import LISTED
from cksync.load.schema import quoted
from cksync.load.tables import Owner, Table


def find_gone(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """`gone_<table>`: the keys of rows to take out, and when that was found.

    Gives the slices that lost too much to be believed, and why; their rows stay.
    """
    doubts = _load_absent(db, table)
    finds = ["from absent", _by_tombstone(table)]
    if table.slice and table.streams[0] in LISTED:
        finds.append(_by_look(table))
    if table.child_of:
        finds.append(_with_owner(table, table.child_of))
    if table.part_of:
        finds += [_with_owner(table, table.part_of), _missing_part(table, table.part_of)]
    union = " union all ".join(f"({find})" for find in finds)
    db.execute(
        f"""
        create or replace temp table gone_{table.name} as
        select {quoted(table.key)}, min(found_at) as found_at from ({union}) group by all
        """
    )
    return doubts


def write_gone(db: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Close the open version, add a tombstone, take the row out of `main`; the number of rows."""
    row = db.execute(f"select count(*) from gone_{table.name}").fetchone()
    assert row is not None
    if not row[0]:
        return 0
    same_key = " and ".join(f'old."{name}" = new."{name}"' for name in table.key)
    db.execute(
        f"""
        update history."{table.name}" as old set valid_to = new.found_at
        from gone_{table.name} as new where old.valid_to is null and {same_key}
        """
    )
    db.execute(
        f"""
        insert into history."{table.name}"
        select old.*, new.found_at, new.found_at, 'delete'
        from main."{table.name}" as old join gone_{table.name} as new on {same_key}
        """
    )
    db.execute(f'delete from main."{table.name}" as old using gone_{table.name} as new where {same_key}')
    return int(row[0])


def _load_absent(db: duckdb.DuckDBPyConnection, table: Table) -> dict[str, str]:
    """`absent`: rows not seen in a slice that was read completely, unless too many vanished at once."""
    key = quoted(table.key)
    db.execute(
        f"""
        create or replace temp table held as
        select {key}, {table.slice or "null::varchar"} as _slice, cast("{table.key[-1]}" as varchar) as _key
        from main."{table.name}" {_of_complete(table)}
        """
    )
    lost = db.execute(
        """
        select held._slice, count(*) filter (present.key is null), count(*)
        from held
        join complete on complete.slice = held._slice and not complete.is_exempt
        left join present on present.slice = held._slice and present.key = held._key
        group by held._slice
        """
    ).fetchall()
    doubts = {slice_: doubt for slice_, gone, rows in lost if (doubt := vanish_doubt(gone, rows))}
    db.execute(
        f"""
        create or replace temp table absent as
        select {key}, found.found_at
        from held
        join found on found.slice = held._slice
        anti join present on present.slice = held._slice and present.key = held._key
        where not list_contains(?::varchar[], held._slice)
        """,
        [list(doubts)],
    )
    return doubts


def _of_complete(table: Table) -> str:
    """What cuts a table down to the rows of complete slices, found list by list and not row by row."""
    if table.slice is None:
        return "where false"
    lists = quoted(table.key[:-1])
    if not lists:
        return f"where {table.slice} in (select slice from complete)"
    return f"""
        semi join (
            select {lists} from (select distinct {lists} from main."{table.name}")
            where {table.slice} in (select slice from complete)
        ) as lists using ({lists})
    """


def _by_tombstone(table: Table) -> str:
    """Rows that the API said are not there (404) after it had shown them last."""
    return f"""
        select {quoted(table.key, "row.")}, tombstones.observed_at as found_at
        from main."{table.name}" as row
        join tombstones on tombstones.key = cast(row."{table.key[-1]}" as varchar)
        where tombstones.observed_at >= row._synced_at
    """


def _by_look(table: Table) -> str:
    """Rows that a look at their list proved to be in it no more, and that were not seen there since."""
    return f"""
        select {quoted(table.key, "row.")}, stood.observed_at as found_at
        from main."{table.name}" as row
        join stood on stood.is_absent and stood.key = row."{table.key[-1]}" and stood.slice = {table.slice}
    """


def _with_owner(table: Table, owner: Owner) -> str:
    """Rows whose owner went in this merge."""
    return f"""
        select {quoted(table.key, "row.")}, parent.found_at
        from main."{table.name}" as row
        join gone_{owner.table} as parent on parent.id = row."{owner.column}"
    """


def _missing_part(table: Table, owner: Owner) -> str:
    """Rows that the newest record of their owner does not hold any more."""
    return f"""
        select {quoted(table.key, "row.")}, parent.found_at
        from main."{table.name}" as row
        join (
            select key, max(observed_at) as found_at from records where stream = '{owner.table}' group by key
        ) as parent on parent.key = cast(row."{owner.column}" as varchar)
        anti join incoming
            on {" and ".join(f'incoming."{name}" = row."{name}"' for name in table.key)}
            and incoming._synced_at = parent.found_at
        where parent.found_at >= row._synced_at
    """
