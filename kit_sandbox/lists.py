"""The rows of each list of the API, and their order, under a Behaviour.

Lists are computed once and kept until the version of their content changes, so that a page costs a slice.
"""

import zlib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from typing import Any, Literal, TypeVar

from .behaviour import Behaviour
from .codec import milliseconds
from .records import STATES, Broadcast, CustomField, Kind, Parent, Purchase, Subscriber, Subscription
from .world import World

Row = TypeVar("Row")
Order = Literal["asc", "desc"]
Rank = Callable[[Any], Any]

_KEPT = 256
_DAY_MS = 86_400_000
_DATE_PARAMETERS = ("from", "to", "updated_from", "updated_to")


@dataclass
class Lists:
    """The lists of one world."""

    world: World
    _kept: dict[Hashable, tuple[Hashable, list[Any]]] = field(default_factory=dict)

    def subscribers(self, params: Mapping[str, str], order: Order) -> list[Subscriber]:
        """Return active people by creation, or with sort_field=cancelled_at the cancelled ones by cancellation."""
        wanted = ("sort_field", "email_address", "status", *_DATE_PARAMETERS)
        key = ("subscribers", order, *(params.get(name) for name in wanted))
        build = partial(select_subscribers, self.world, params, order)
        return self._keep(key, self.world.versions["people"], build)

    def subscriptions(self, kind: Kind, parent_id: int, state: str | None, order: Order) -> list[Subscription]:
        """Return the memberships of one form, sequence or tag, oldest first by default."""
        world, behaviour, roster = self.world, self.world.behaviour, self.world.rosters[kind, parent_id]
        shown = shown_states(behaviour, state)
        is_whole = shown == frozenset(STATES) and not behaviour.cancelled_leave
        version = (roster.version, 0 if is_whole else world.versions["states"])

        def build() -> list[Subscription]:
            rows: Iterable[Subscription] = roster.members.values()
            if not is_whole:
                people = world.subscribers
                rows = [row for row in rows if is_shown(behaviour, row, people[row.subscriber_id].state, shown)]
            rank = attrgetter("id" if behaviour.subscriptions_by == "id" else "created_ms")
            return ordered(rows, rank, order, behaviour)

        return self._keep(("subscriptions", kind, parent_id, state, order), version, build)

    def parents(self, kind: Kind) -> list[Parent]:
        """Return an unpaged list: all forms (archived too), sequences or tags."""
        rows = sorted(self.world.parents[kind].values(), key=attrgetter("id"))
        if kind == "tag" and self.world.behaviour.tags_by == "name":
            rows.sort(key=attrgetter("name"))
        return [row for row in rows if is_listed(self.world.behaviour, row)]

    def custom_fields(self) -> list[CustomField]:
        return sorted(self.world.custom_fields.values(), key=attrgetter("id"))

    def broadcasts(self, order: Order) -> list[Broadcast]:
        """Return all broadcasts, including drafts."""
        rows, behaviour = self.world.broadcasts.values(), self.world.behaviour
        build = partial(ordered, rows, attrgetter("created_ms"), order, behaviour)
        return self._keep(("broadcasts", order), self.world.versions["broadcasts"], build)

    def purchases(self) -> list[Purchase]:
        """Return the purchases; the API takes no order here, and a switch sets it."""
        rows, behaviour = self.world.purchases.values(), self.world.behaviour
        order: Order = "asc" if behaviour.purchases_order == "oldest" else "desc"
        rank = attrgetter("id" if behaviour.purchases_by == "id" else "transaction_ms")
        build = partial(ordered, rows, rank, order, behaviour)
        return self._keep(("purchases",), self.world.versions["purchases"], build)

    def _keep(self, key: Hashable, version: Hashable, build: Callable[[], list[Row]]) -> list[Row]:
        version = (version, self.world.behaviour)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            return kept[1]
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        rows = build()
        self._kept[key] = (version, rows)
        return rows


def shown_states(behaviour: Behaviour, state: str | None) -> frozenset[str]:
    """Return the states whose memberships are requested; an unknown subscriber_state counts as omitted."""
    return frozenset({state} if state in ("active", "cancelled") else behaviour.unfiltered_states)


def is_shown(behaviour: Behaviour, row: Subscription, state: str, asked: frozenset[str]) -> bool:
    """Return True if a list shows the membership of a person in this state."""
    is_hidden = state == "cancelled" and behaviour.hides(row.kind, row.parent_id, row.subscriber_id)
    return state in asked and not is_hidden


def is_listed(behaviour: Behaviour, row: Parent) -> bool:
    """Return True if the list of forms, sequences or tags includes it."""
    return behaviour.archived_forms == "listed" or not row.details.get("archived")


def has_stats(world: World, row: Broadcast) -> bool:
    """Return True if the API has its stats, if only zeros."""
    return row.status != "draft" or world.behaviour.draft_stats == "zeros"


def ordered(rows: Iterable[Row], rank: Rank, order: Order, behaviour: Behaviour) -> list[Row]:
    """Sort by rank, ties by the behaviour's rule."""
    tie = _TIES[behaviour.ties]
    result = sorted(rows, key=tie)
    if order == "asc":
        result.sort(key=rank)
    elif behaviour.desc_reverses_ties:
        result.sort(key=rank)
        result.reverse()
    else:
        result.sort(key=rank, reverse=True)
    return result


def _scrambled(row: Any) -> int:
    return zlib.crc32(row.id.to_bytes(8, "big"))


_TIES: Mapping[str, Rank] = {
    "id": attrgetter("id"),
    "id_desc": lambda row: -row.id,
    "scrambled": _scrambled,
}


def select_subscribers(world: World, params: Mapping[str, str], order: Order) -> list[Subscriber]:
    """Return the rows of /subscribers for these parameters, except the page."""
    behaviour = world.behaviour
    is_cancelled_list = params.get("sort_field") == "cancelled_at"
    rows = _with_email(world, params["email_address"]) if "email_address" in params else _everybody(world)
    states = _states_of(behaviour, params, is_cancelled_list)
    if states is not None:
        rows = [row for row in rows if row.state in states]
    rows = _within_dates(rows, params, behaviour, is_cancelled_list)
    by_time = "cancelled_ms" if is_cancelled_list else "created_ms"
    is_by_id = behaviour.subscribers_by == "id" and not is_cancelled_list
    return ordered(rows, attrgetter("id" if is_by_id else by_time), order, behaviour)


def _states_of(behaviour: Behaviour, params: Mapping[str, str], is_cancelled_list: bool) -> frozenset[str] | None:
    if is_cancelled_list:
        return frozenset({"cancelled"})
    if "email_address" in params and behaviour.email_finds_all_states:
        return None
    status = params.get("status") if behaviour.status_parameter == "honoured" else None
    return None if status == "all" else frozenset({status or "active"})


def _everybody(world: World) -> Iterable[Subscriber]:
    return world.subscribers.values()


def _with_email(world: World, email: str) -> Iterable[Subscriber]:
    person = world.subscribers.get(world.by_email.get(email.lower(), -1))
    if person is None or (person.email_address != email and not world.behaviour.email_ignores_case):
        return []
    return [person]


def _within_dates(
    rows: Iterable[Subscriber], params: Mapping[str, str], behaviour: Behaviour, is_cancelled_list: bool
) -> Iterable[Subscriber]:
    """Apply the four date filters, both ends inclusive by day."""
    start = _bound(params.get("from"), behaviour)
    end = _bound(params.get("to"), behaviour, is_end=True)
    updated_start = _bound(params.get("updated_from"), behaviour, shift=behaviour.updated_from_strict)
    updated_end = _bound(params.get("updated_to"), behaviour, is_end=True, shift=behaviour.updated_to_strict)
    by_cancel = is_cancelled_list and behaviour.cancelled_window == "cancelled"
    if start is not None or end is not None:
        rows = [row for row in rows if _between((row.cancelled_ms or 0) if by_cancel else row.created_ms, start, end)]
    if updated_start is not None or updated_end is not None:
        rows = [row for row in rows if _between(row.updated_ms, updated_start, updated_end)]
    return rows


def _between(moment: int, start: int | None, end: int | None) -> bool:
    """Return True within the bounds: start inclusive, end exclusive, either may be open."""
    return (start is None or moment >= start) and (end is None or moment < end)


def _bound(text: str | None, behaviour: Behaviour, is_end: bool = False, shift: bool = False) -> int | None:
    """Return a filter's date as a moment: the beginning of the day, or for an end the beginning of the next.

    `shift` moves it inwards by a day (strictly after, strictly before). A full ISO time is used to the millisecond
    unless the behaviour truncates it to its day. An invalid date filters nothing.
    """
    day = _day(text)
    if day is None or text is None:
        return None
    if len(text) > 10 and not behaviour.times_cut_to_day:
        return milliseconds(day) + (1 if is_end or shift else 0)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    start = milliseconds(midnight - timedelta(hours=behaviour.day_offset_hours))
    return start + _DAY_MS * (is_end != shift)


def _day(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
