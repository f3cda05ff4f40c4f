"""Who stands in which list, and where: what the next pull expects to find, and compares.

`_cksync.listings` holds the rows of every paged list in the API's order, and for single records asked for
by id when that was. It is merged beside the tables, from the same segments.
"""

from collections.abc import Collection

import duckdb

from cksync.load.schema import literal

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


def note_listings(db: duckdb.DuckDBPyConnection, tables: Collection[str], doubted: Collection[str]) -> None:
    """Bring `_cksync.listings` up to date from `present`, `stood` and `gone_<table>` of the tables merged.

    A list that lost too much to be believed (`doubted`) keeps its rows.
    """
    _replace_whole(db, doubted)
    _take_out(db, tables)
    _add(db)
    _note_times(db)
    if {"subscribers", "subscriptions"} <= set(tables):
        _note_seen(db)
    if "subscribers" in tables:
        _keep_consistent(db)


def _replace_whole(db: duckdb.DuckDBPyConnection, doubted: Collection[str]) -> None:
    """Lists that were read completely, and are not as they were."""
    named = ", ".join(map(literal, doubted)) or "''"
    db.execute(
        f"""
        create or replace temp table renewed as
        with now as (
            select slice, list(try_cast(key as bigint) order by place) as keys
            from present where key is not null group by slice
        ),

        before as (
            select slice, list(key order by place, key) as keys
            from _cksync.listings semi join complete using (slice) group by slice
        )

        select slice from complete left join now using (slice) left join before using (slice)
        where slice not in ({named}) and split_part(slice, '/', 1) in ({", ".join(map(literal, LISTED))})
            and now.keys is distinct from before.keys
        """
    )
    db.execute("delete from _cksync.listings where slice in (select slice from renewed)")
    db.execute(
        """
        insert into _cksync.listings
        select slice, cast(key as bigint), place from present semi join renewed using (slice)
        where key is not null
        order by slice, place
        """
    )


def _take_out(db: duckdb.DuckDBPyConnection, tables: Collection[str]) -> None:
    """Rows that a look proved to be in their list no more, and everything of what is gone."""
    db.execute(
        """
        delete from _cksync.listings as old using stood
        where stood.is_absent and stood.slice = old.slice and stood.key = old.key
        """
    )
    for table in _SLICES_OF.keys() & tables:
        db.execute(
            f"""
            delete from _cksync.listings as old using gone_{table} as gone
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
        select stood.slice, stood.key, stood.place
        from stood
        semi join _cksync.slices as known on known.slice = stood.slice and known.cursor_at is not null
        anti join complete on complete.slice = stood.slice
        anti join _cksync.listings as old on old.slice = stood.slice and old.key = stood.key
        where not stood.is_absent and stood.slice not in ({_SINGLE})
        """
    )
    db.execute(
        """
        insert into _cksync.listings
        select slice, key, (select min(place) from _cksync.listings where slice = 'purchases')
            - row_number() over (order by key)
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
        select slice, key, row_number() over (order by added.place)
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
    asked = f"(from stood where slice in ({_SINGLE}))"
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
        select person.id as key, epoch_us(max(stood.observed_at)) as place
        from stood
        join main.subscriptions as membership
            on membership.id = stood.key
            and stood.slice = 'subscriptions/' || membership.subscribable_type || '/' || membership.subscribable_id
        join main.subscribers as person
            on person.id = membership.subscriber_id and person.state not in ('active', 'cancelled')
        where not stood.is_absent
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
        delete from _cksync.listings as old using stood
        where old.slice = 'subscribers/by_id' and stood.key = old.key and not stood.is_absent
            and stood.slice in ('subscribers/active', 'subscribers/cancelled')
            and epoch_us(stood.observed_at) > old.place
        """
    )
