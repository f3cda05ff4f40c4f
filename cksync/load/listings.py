"""Who stands in which list, and where: what the next pull expects to find, and compares.

`_cksync.listings` holds the rows of every paged list in the API's order, and for single records asked for
by id when that was. It is merged beside the tables, from the same segments.
"""

from collections.abc import Collection

import duckdb

from cksync.sqltext import literal

# The streams with paged lists, and the slices in which single records are asked for one by one.
LISTED = ("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
SINGLE = ("subscribers/by_id", "broadcasts/detail", "broadcast_stats")
# The end of a slice's name that shows only those of its rows that changed.
CHANGED_ONLY = "/changed"
# Where a row stands: on pages from the front, or (below zero) from the newest row.
PLACE = "case when page > 0 then page * 1000 + position else page * 1000 - position end"

_SINGLE = ", ".join(map(literal, SINGLE))


# Where a row of a table stands: the slices whose listings lose it when it is gone.
_SLICES_OF = {
    "subscribers": "('subscribers/active', 'subscribers/cancelled', 'subscribers/by_id')",
    "subscriptions": "('subscriptions/' || gone.subscribable_type || '/' || gone.subscribable_id)",
    "broadcasts": "('broadcasts', 'broadcasts/detail', 'broadcast_stats')",
    "purchases": "('purchases')",
}
_KEYS = {"subscriptions": "subscribable_type, subscribable_id, id"}


def note_listings(db: duckdb.DuckDBPyConnection, tables: Collection[str], doubted: Collection[tuple[int, str]]) -> None:
    """Bring `_cksync.listings` up to date from `present`, `stood` and `gone_<table>` of the tables merged.

    A list that lost too much to be believed in a round (`doubted`) keeps its rows.
    """
    _replace_whole(db, doubted)
    _load_newest(db)
    _take_out(db, tables)
    _add(db)
    _note_times(db)
    if {"subscribers", "subscriptions"} <= set(tables):
        _note_seen(db)
    if "subscribers" in tables:
        _keep_consistent(db)


def _replace_whole(db: duckdb.DuckDBPyConnection, doubted: Collection[tuple[int, str]]) -> None:
    """`whole`: the last complete readings of lists. Those lists that are not as they were then are replaced."""
    named = ", ".join(f"({number}, {literal(slice_)})" for number, slice_ in doubted) or "(-1, '')"
    db.execute(
        f"""
        create or replace temp table whole as
        select slice, max(round) as round, arg_max(found_at, round) as found_at from found
        where (round, slice) not in ({named}) and split_part(slice, '/', 1) in ({", ".join(map(literal, LISTED))})
        group by slice
        """
    )
    db.execute(
        """
        create or replace temp table renewed as
        with now as (
            select slice, list(try_cast(key as bigint) order by place) as keys
            from present semi join whole using (round, slice) where key is not null group by slice
        ),

        before as (
            select slice, list(key order by place, key) as keys
            from _cksync.listings semi join whole using (slice) group by slice
        )

        select round, slice from whole left join now using (slice) left join before using (slice)
        where now.keys is distinct from before.keys
        """
    )
    db.execute("delete from _cksync.listings where slice in (select slice from renewed)")
    db.execute(
        """
        insert into _cksync.listings
        select slice, cast(key as bigint), place from present semi join renewed using (round, slice)
        where key is not null
        order by slice, place
        """
    )


def _load_newest(db: duckdb.DuckDBPyConnection) -> None:
    """`newest`: how each row stood at last, if that is newer than its list's complete reading, and the round and
    the place in which it came first."""
    db.execute(
        """
        create or replace temp table newest as
        select slice, key, max(observed_at) as observed_at, arg_max(is_absent, observed_at) as is_absent,
            min(round) as round, arg_min(place, observed_at) as place
        from stood anti join whole on whole.slice = stood.slice and whole.found_at >= stood.observed_at
        group by slice, key
        """
    )


def _take_out(db: duckdb.DuckDBPyConnection, tables: Collection[str]) -> None:
    """Rows that a look proved to be in their list no more, and everything of what is gone."""
    db.execute(
        """
        delete from _cksync.listings as old using newest
        where newest.is_absent and newest.slice = old.slice and newest.key = old.key
        """
    )
    for table in _SLICES_OF.keys() & tables:
        db.execute(
            f"""
            delete from _cksync.listings as old using (
                from gone_{table} anti join main."{table}" using ({_KEYS.get(table, "id")})
            ) as gone
            where old.key = gone.id and old.slice in {_SLICES_OF[table]}
            """
        )


def _add(db: duckdb.DuckDBPyConnection) -> None:
    """Rows that were seen in a list which is known: cancelled people come last, in the order in which they
    were seen; purchases first where the API shows the newest first; all others behind the row with the next
    lower id."""
    db.execute(
        f"""
        create or replace temp table added as
        select newest.slice, newest.key, newest.round, newest.place
        from newest
        semi join (
            select slice from _cksync.slices where cursor_at is not null union select slice from whole
        ) as known on known.slice = newest.slice
        anti join _cksync.listings as old on old.slice = newest.slice and old.key = newest.key
        where not newest.is_absent and newest.slice not in ({_SINGLE})
        """
    )
    db.execute(
        """
        insert into _cksync.listings
        select slice, key, (select min(place) from _cksync.listings where slice = 'purchases')
            - row_number() over (order by round, key)
        from added
        where slice = 'purchases' and (
            select arg_min(key, place) > arg_max(key, place) from _cksync.listings where slice = 'purchases'
        )
        """
    )
    db.execute("delete from added using _cksync.listings as old where old.slice = added.slice and old.key = added.key")
    db.execute(
        """
        insert into _cksync.listings
        select slice, key, row_number() over (order by added.round, added.place)
            + (select coalesce(max(place), 0) from _cksync.listings where slice = 'subscribers/cancelled')
        from added where slice = 'subscribers/cancelled'
        union all
        select added.slice, added.key, coalesce(before.place, 0)
        from (from added where slice <> 'subscribers/cancelled') as added
        asof left join (
            from _cksync.listings semi join added using (slice)
        ) as before on before.slice = added.slice and added.key >= before.key
        """
    )


def _note_times(db: duckdb.DuckDBPyConnection) -> None:
    """When single records were asked for."""
    asked = f"(from newest where slice in ({_SINGLE}))"
    db.execute(
        f"""
        delete from _cksync.listings as old using {asked} as asked
        where asked.slice = old.slice and asked.key = old.key
        """
    )
    db.execute(f"insert into _cksync.listings select slice, key, epoch_us(observed_at) from {asked}")


def _note_seen(db: duckdb.DuckDBPyConnection) -> None:
    """People whom no list of people shows, and who were seen inside a subscription: as if asked for by id."""
    db.execute(
        """
        create or replace temp table met as
        select person.id as key, epoch_us(max(newest.observed_at)) as place
        from newest
        join main.subscriptions as membership
            on membership.id = newest.key
            and newest.slice = 'subscriptions/' || membership.subscribable_type || '/' || membership.subscribable_id
        join main.subscribers as person
            on person.id = membership.subscriber_id and person.state not in ('active', 'cancelled')
        where not newest.is_absent
        group by person.id
        """
    )
    db.execute(
        """
        delete from _cksync.listings as old using met
        where old.slice = 'subscribers/by_id' and old.key = met.key
        """
    )
    db.execute("insert into _cksync.listings select 'subscribers/by_id', key, place from met")


def _keep_consistent(db: duckdb.DuckDBPyConnection) -> None:
    """Nobody stands in a list of people in another state, or who is gone; who is seen in a list again
    may be asked for by id anew when they leave it."""
    db.execute(
        """
        delete from _cksync.listings as old using main.subscribers as person
        where old.key = person.id and (
            (old.slice = 'subscribers/active' and person.state is distinct from 'active')
            or (old.slice = 'subscribers/cancelled' and person.state is distinct from 'cancelled')
        )
        """
    )
    db.execute(
        """
        delete from _cksync.listings as old using newest
        where old.slice = 'subscribers/by_id' and newest.key = old.key and not newest.is_absent
            and newest.slice in ('subscribers/active', 'subscribers/cancelled')
            and epoch_us(newest.observed_at) > old.place
        """
    )
