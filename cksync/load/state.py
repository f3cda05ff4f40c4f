"""The state in the published mirror: cursors, the order of every list, and when people were last seen."""

import contextlib
import functools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import duckdb

from cksync.domain import (
    ACTIVE,
    BY_ID,
    CANCELLED,
    MEMBERSHIPS,
    VANISH_ROWS,
    Held,
    Listing,
    Slice,
    members_sql,
    parent_of,
)
from cksync.folder import Folder
from cksync.load.list_order import LISTED
from cksync.mirror import open_mirror

_LISTS_OF_PEOPLE = {"active": ACTIVE.name, "cancelled": CANCELLED.name}
# Rows that depend on the list rows with these `{ids}`, by the list's stream.
_ALONG = {
    "custom_fields": """
        (
            select unnest(map_entries(from_json(fields, '"MAP(VARCHAR, JSON)"'))) as entry
            from main.subscribers where json_type(fields) = 'OBJECT'
        )
        where entry.value <> 'null' and entry.key in (select key from main.custom_fields where id in {ids})
    """,
    "forms": "main.subscriptions where subscribable_type = 'form' and subscribable_id in {ids}",
    "sequences": "main.subscriptions where subscribable_type = 'sequence' and subscribable_id in {ids}",
    "tags": "main.subscriptions where subscribable_type = 'tag' and subscribable_id in {ids}",
    "subscribers": "main.subscriptions where subscriber_id in {ids}",
    "broadcasts": "main.broadcast_stats where broadcast_id in {ids}",
    "purchases": "main.purchase_products where purchase_id in {ids}",
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a slice was read: `read_to` is when its last complete read began, `checked_at` when it was last proved
    beyond its total; `is_complete` tells how its last read ended."""

    read_to: datetime | None
    checked_at: datetime | None
    rows: int
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast as the mirror knows it: `sent_at` is the best estimate of when it was sent, `touched_at` when it was
    written or last seen edited; `is_dated`: it has a send time."""

    id: int
    subject: str | None
    status: str | None
    sent_at: datetime | None
    touched_at: datetime | None
    is_dated: bool


class MirrorState:
    """The mirror at the beginning of a pull; empty if there is no mirror."""

    def __init__(self, db: duckdb.DuckDBPyConnection | None) -> None:
        self._db = db

    @property
    def is_empty(self) -> bool:
        """True if there is no mirror yet."""
        return self._db is None

    def rows(self, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none if there is no mirror."""
        return self._db.execute(query, values).fetchall() if self._db is not None else []

    def execute(self, statement: str, values: Sequence[object] = ()) -> None:
        """Execute a statement on temporary tables, if there is a mirror."""
        if self._db is not None:
            self._db.execute(statement, values)

    def held_of(self, slice_: Slice, keys: Collection[int], *, may_vanish: bool, least: int) -> Held:
        """Return some rows of a list for the `vanish` safety rule, with the rows that depend on them."""
        return Held(keys, functools.partial(self._along, slice_), may_vanish, least)

    @cached_property
    def cursors(self) -> Mapping[str, Cursor]:
        """Every slice that was ever read."""
        rows = self.rows("select slice, cursor_at, checked_at, rows, is_complete from _cksync.slices")
        return {name: Cursor(*cursor) for name, *cursor in rows}

    @cached_property
    def last_load_at(self) -> datetime | None:
        """When the last successful load of all streams began."""
        rows = self.rows("select max(started_at) from _cksync.loads where is_finished and streams = 'all'")
        at: datetime | None = rows[0][0] if rows else None
        return at

    @cached_property
    def last_load_through_v3_at(self) -> datetime | None:
        """When the last finished load through API v3 began."""
        rows = self.rows(
            "select max(started_at) from _cksync.loads where is_finished and version = 'v3' and streams <> 'push'"
        )
        at: datetime | None = rows[0][0] if rows else None
        return at

    @cached_property
    def newest_load_at(self) -> datetime | None:
        """When the newest merged load began."""
        rows = self.rows("select max(started_at) from _cksync.loads")
        at: datetime | None = rows[0][0] if rows else None
        return at

    @property
    def account(self) -> str | None:
        """The address of the account that the mirror belongs to."""
        rows = self.rows("select account from _cksync.loads where account <> '' order by load_id desc limit 1")
        return rows[0][0] if rows else None

    def listing(self, slice_: Slice) -> Listing:
        """Return the rows of a list, in order."""
        if self._db is None:
            return Listing()
        query = "select key from _cksync.listings where slice = ? order by place, key"
        listing = Listing()
        for batch in self._db.sql(query, params=[slice_.name]).to_arrow_reader():
            listing.keys.extend(batch.column(0).to_pylist())
        return listing

    def held(self, slice_: Slice, *, may_vanish: bool = False, least: int = VANISH_ROWS) -> Held:
        """Return the rows of a list for the `vanish` safety rule; `may_vanish` and `least` are as in `Held`."""
        keys: Collection[int] = self.listing(slice_).keys
        if slice_.stream not in LISTED:
            keys = [row[0] for row in self.rows(f'select id from main."{slice_.stream}"')]
        return Held(keys, functools.partial(self._along, slice_), may_vanish, least)

    def _along(self, slice_: Slice, keys: Collection[int]) -> int:
        """Return how many memberships, values and other rows depend on these rows of a list."""
        if slice_.stream not in _ALONG:
            return 0
        source = _ALONG[slice_.stream].format(ids="(select unnest(?::bigint[]))")
        return int(self.rows(f"select count(*) from {source}", [list(keys)])[0][0])

    def read_times(self, slice_: Slice) -> dict[int, datetime]:
        """Return when each record of a slice of single records was last requested."""
        rows = self.rows("select key, make_timestamptz(place) from _cksync.listings where slice = ?", [slice_.name])
        return dict(rows)

    def people(self, most: int) -> list[str]:
        """Return the ids of a few people, spread over the account's years."""
        rows = self.rows("select id from main.subscribers order by hash(id) limit ?", [most])
        return [str(row[0]) for row in rows]

    def left_behind(self, since: datetime) -> set[int]:
        """Return people last known as active or cancelled who are in neither list, and have not been requested by id
        since then."""
        rows = self.rows(
            """
            select id from main.subscribers
            where state in ('active', 'cancelled') and id not in (
                select key from _cksync.listings
                where slice in ($active, $cancelled) or (slice = $by_id and make_timestamptz(place) > $since)
            )
            """,
            {**_LISTS_OF_PEOPLE, "by_id": BY_ID.name, "since": since},
        )
        return {row[0] for row in rows}

    def unlisted(self) -> list[tuple[int, datetime | None]]:
        """Return the people whom neither list shows, and when they were last seen."""
        return self.rows(
            """
            select id, greatest(_synced_at, make_timestamptz(asked.place))
            from main.subscribers
            left join _cksync.listings as asked on asked.slice = $by_id and asked.key = id
            anti join _cksync.listings as listed on listed.slice in ($active, $cancelled) and listed.key = id
            """,
            {**_LISTS_OF_PEOPLE, "by_id": BY_ID.name},
        )

    def memberships_of(self, people: Collection[int]) -> dict[str, set[int]]:
        """Return the subscriptions of some people, by slice."""
        if not people:
            return {}
        rows = self.rows(
            f"""
            select {members_sql("subscribable_type", "subscribable_id")}, list(id)
            from main.subscriptions where subscriber_id in (select unnest(?::bigint[])) group by 1
            """,
            [list(people)],
        )
        return {name: set(ids) for name, ids in rows}

    def state_changed(self) -> dict[str, set[int]]:
        """Return the subscriptions, by slice, of people who were seen in another state after the slice was last
        read."""
        rows = self.rows(
            f"""
            with lists as (
                select slice, cursor_at from _cksync.slices where stream = '{MEMBERSHIPS}' and cursor_at is not null
            ),

            recent as (
                select distinct id from history.subscribers where valid_from > (select min(cursor_at) from lists)
            ),

            versions as (
                select id, valid_from, state, lag(state) over (partition by id order by valid_from, valid_to) as before
                from history.subscribers semi join recent using (id) where change <> 'delete'
            ),

            turns as (select id as subscriber_id, max(valid_from) as at from versions where state <> before group by id)

            select lists.slice, list(membership.id)
            from main.subscriptions as membership
            join turns using (subscriber_id)
            join lists
                on lists.slice = {members_sql("membership.subscribable_type", "membership.subscribable_id")}
                and lists.cursor_at < turns.at
            group by 1
            """
        )
        return {name: set(ids) for name, ids in rows}

    def shown(self) -> list[tuple[str, str, int, int]]:
        """Return each list of members: its slice, its kind, and how many active and cancelled people it shows."""
        return self.rows(
            f"""
            select {members_sql("subscribable_type", "subscribable_id")}, subscribable_type,
                count(*) filter (person.state = 'active'), count(*) filter (person.state = 'cancelled')
            from main.subscriptions as membership
            join main.subscribers as person on person.id = membership.subscriber_id
            group by 1, 2
            """
        )

    def states(self) -> dict[str, int]:
        """Return the number of people in each state."""
        return dict(self.rows("select state, count(*) from main.subscribers where state is not null group by state"))

    def membership_slices(self) -> set[str]:
        """Return the slices of subscriptions."""
        return {name for name in self.cursors if parent_of(name)}

    def people_count(self) -> int:
        """Return how many people the mirror has."""
        rows = self.rows("select count(*) from main.subscribers")
        return int(rows[0][0]) if rows else 0

    def people_since(self, day: date) -> int:
        """Return how many people joined on that day or later."""
        rows = self.rows("select count(*) from main.subscribers where created_at >= ?", [day])
        return int(rows[0][0]) if rows else 0

    def past_nights(self, most: int) -> list[tuple[dict[str, int], dict[str, int]]]:
        """Return the last nightly pulls of everything: the requests each was certain to make, by group, and those it
        made."""
        has_slices = self.rows(
            "select 1 from duckdb_columns()"
            " where schema_name = '_cksync' and table_name = 'requests' and column_name = 'slice'"
        )
        if not has_slices:  # a mirror of cksync 0.1.0
            return []
        rows = self.rows(
            """
            with nights as (
                select load_id, base from _cksync.loads
                where depth = 'nightly' and streams = 'all' and is_finished and base is not null
                order by started_at desc limit $most
            ),

            spent as (
                select load_id, if(slice = $by_id, slice, stream) as asked_for, count(*) as requests
                from _cksync.requests semi join nights using (load_id) group by all
            )

            select any_value(base), json_group_object(asked_for, requests)
            from nights join spent using (load_id)
            where load_id not in (select load_id from spent where asked_for is null) group by load_id
            """,
            {"most": most, "by_id": BY_ID.name},
        )
        return [(json.loads(base), json.loads(spent)) for base, spent in rows]

    def broadcasts(self) -> list[Broadcast]:
        """Return every broadcast, the newest ids first."""
        rows = self.rows(
            """
            with edits as (
                select id, max(valid_from) as at from history.broadcasts where change = 'update' group by id
            )

            select broadcasts.id, subject, broadcast_stats.status, coalesce(published_at, send_at, created_at),
                greatest(created_at, edits.at), published_at is not null or send_at is not null
            from main.broadcasts
            left join main.broadcast_stats on broadcast_id = broadcasts.id
            left join edits on edits.id = broadcasts.id
            order by broadcasts.id desc
            """
        )
        return [Broadcast(*row) for row in rows]

    def pages_read(self, endpoint: str) -> dict[int, datetime]:
        """Return when each page of a list, oldest first, was last read."""
        rows = self.rows(
            """
            select try_cast(regexp_extract(params, '(^|&)page=(\\d+)', 2) as bigint) as page, max(requested_at)
            from _cksync.requests
            where endpoint = ? and status = 200 and params not like '%sort_order%' group by 1 having page is not null
            """,
            [endpoint],
        )
        return dict(rows)

    def finished_loads(self) -> set[str]:
        """Return the finished loads that the mirror has merged."""
        return {row[0] for row in self.rows("select load_id from _cksync.loads where is_finished")}


@contextlib.contextmanager
def mirror_state(folder: Folder) -> Iterator[MirrorState]:
    """Yield the state of the mirror. Raises Failed if it cannot be read."""
    if not folder.mirror.exists():
        yield MirrorState(None)
        return
    with open_mirror(folder) as db:
        yield MirrorState(db)
