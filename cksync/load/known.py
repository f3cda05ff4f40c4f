"""What the mirror knows of an account that is read through API v4, as the next pull needs it."""

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from cksync.domain import PARENTS, V4, Held, Slice, list_sql, parent_of
from cksync.load.state import MirrorState


@dataclass(frozen=True, slots=True)
class Members:
    """The people in a list as the mirror has them: all of them, those who are active, and those who joined only
    recently."""

    all: "array[int]"
    active: frozenset[int]
    young: frozenset[int]


@dataclass(frozen=True, slots=True)
class Sent:
    """A broadcast whose links may be due: when it was sent, its clicks when they were last read and now, and when that
    was."""

    id: int
    sent_at: datetime | None
    clicks: int | None
    clicks_then: int | None
    read_at: datetime | None


class Known:
    """The mirror at the beginning of a pull through API v4; `young_since` is the time since when a lagging list may
    lack rows."""

    def __init__(self, state: MirrorState, young_since: datetime) -> None:
        self.state, self._young_since = state, young_since

    def ids(self, stream: str) -> set[int]:
        """Return the ids of all rows of a table."""
        return {row[0] for row in self.state.rows(f'select id from main."{stream}"')}

    def young(self, stream: str) -> set[int]:
        """Return the ids of rows that a push made so recently that a lagging list may lack them."""
        query = f"""
            select id from main."{stream}" join _cksync.loads on _first_seen_at between started_at and ended_at
            where _first_seen_at >= ? and streams = 'push'
        """
        return {row[0] for row in self.state.rows(query, [self._young_since])}

    def children(self, slice_: Slice) -> set[int]:
        """Return the ids of the rows of a list that belongs to one record, such as the links of a broadcast."""
        stream, _, owner = slice_.name.removeprefix(V4).partition("/")
        column = {"broadcast_links": "broadcast_id", "sequence_emails": "sequence_id"}[stream]
        return {row[0] for row in self.state.rows(f"select id from main.{stream} where {column} = ?", [int(owner)])}

    def engaged(self) -> set[int]:
        """Return the people with figures."""
        return {row[0] for row in self.state.rows("select subscriber_id from main.subscriber_stats")}

    def held(self, slice_: Slice, *, may_vanish: bool, least: int) -> Held:
        """Return the rows of a list for the `vanish` safety rule."""
        parent = parent_of(slice_.name)
        keys: Collection[int] = self.members(slice_).all if parent else self.ids(slice_.stream)
        return self.state.held_of(slice_, keys, may_vanish=may_vanish, least=least)

    @cached_property
    def _has_members(self) -> bool:
        self.state.execute(
            """
            create or replace temp table listed_members as
            select subscribable_type, subscribable_id, subscriber_id, person.state = 'active' as is_active,
                coalesce(membership.created_at >= ?, false) as is_young
            from main.subscriptions as membership
            left join main.subscribers as person on person.id = membership.subscriber_id
            order by subscribable_type, subscribable_id, subscriber_id
            """,
            [self._young_since],
        )
        return True

    def members(self, slice_: Slice) -> Members:
        """Return the people in a list."""
        kind, id_ = parent_of(slice_.name) or ("", "0")
        if self.state.is_empty or not self._has_members:
            return Members(array("q"), frozenset(), frozenset())
        rows = self.state.rows(
            """
            select subscriber_id, coalesce(is_active, false), is_young from listed_members
            where subscribable_type = ? and subscribable_id = ?
            """,
            [kind, int(id_)],
        )
        return Members(
            array("q", (row[0] for row in rows)),
            frozenset(row[0] for row in rows if row[1]),
            frozenset(row[0] for row in rows if row[2]),
        )

    def joined(self, slice_: Slice) -> Mapping[int, datetime]:
        """Return when the people in a list joined it, as far as is known."""
        kind, id_ = parent_of(slice_.name) or ("", "0")
        rows = self.state.rows(
            """
            select subscriber_id, created_at from main.subscriptions
            where subscribable_type = ? and subscribable_id = ? and created_at is not null
            """,
            [kind, int(id_)],
        )
        return dict(rows)

    def parents(self, kind: str) -> set[int]:
        """Return the forms, sequences or tags that the mirror has, or has members of."""
        query = "select distinct subscribable_id from main.subscriptions where subscribable_type = ?"
        return self.ids(PARENTS[kind]) | {row[0] for row in self.state.rows(query, [kind])}

    def active_people(self) -> set[int]:
        """Return the people who are active."""
        return {row[0] for row in self.state.rows("select id from main.subscribers where state = 'active'")}

    def cancelled_people(self) -> set[int]:
        """Return the people who have cancelled, with the time of it."""
        query = "select id from main.subscribers where state = 'cancelled' and canceled_at is not null"
        return {row[0] for row in self.state.rows(query)}

    def digests(self) -> Mapping[int, int]:
        """Return digests of the records last seen in the list of people, by id; without people of whom another record
        was newer."""
        rows = self.state.rows(
            """
            select key, digest from _cksync.digests join main.subscribers on id = key
            where _synced_at <= observed_at
            """
        )
        return dict(rows)

    def asked_since(self, slice_: Slice, at: datetime) -> set[int]:
        """Return the records that were requested by id since then."""
        return {key for key, when in self.state.read_times(slice_).items() if when > at}

    def sequences(self) -> Mapping[int, tuple[datetime | None, int]]:
        """Return when each sequence had been updated when its emails were last read, and how many the mirror has.

        A load that resumes another may have read the emails before, but the sequence after a change.
        """
        rows = self.state.rows(
            f"""
            with {_read_times("sequence_emails")}

            select sequences.id,
                (
                    select any_value(old.updated_at) from history.sequences as old
                    where old.id = sequences.id and {_held_at("read.at")}
                ),
                (select count(*) from main.sequence_emails where sequence_id = sequences.id)
            from main.sequences left join read on read.id = sequences.id
            """
        )
        return {id_: (at, count) for id_, at, count in rows}

    def sent(self) -> list[Sent]:
        """Return the broadcasts with figures, and what was known of their clicks when their links were last read."""
        return [
            Sent(*row)
            for row in self.state.rows(
                f"""
                with {_read_times("broadcast_links")}

                select stats.broadcast_id, coalesce(broadcasts.send_at, broadcasts.published_at), stats.total_clicks,
                    (
                        select any_value(old.total_clicks) from history.broadcast_stats as old
                        where old.broadcast_id = stats.broadcast_id and {_held_at("read.at")}
                    ), read.at
                from main.broadcast_stats as stats
                join main.broadcasts on broadcasts.id = stats.broadcast_id
                left join read on read.id = stats.broadcast_id
                """
            )
        ]


def _read_times(stream: str) -> str:
    """Return the SQL of `read`: when each list of a stream was last read, by the id of the row it belongs to. Where the
    API's clock is behind ours, so is the cursor of a list; the time of its proof is ours."""
    return f"""read as (
        select split_part({list_sql("slice")}, '/', 2)::bigint as id, max(greatest(cursor_at, checked_at)) as at
        from _cksync.slices where stream = '{stream}' and cursor_at is not null
        group by all
    )"""


def _held_at(time: str) -> str:
    """Return the SQL of whether `old`, a version in history, was the row at a time."""
    return f"old.change <> 'delete' and old.valid_from <= {time} and (old.valid_to is null or old.valid_to > {time})"
