"""The catalog of API v4: the streams, and how to request each.

Every list is walked by its cursor, newest id first. To add a stream, add one entry here and one file in sql/tables.
Paths, parameters and keys are those of shared facts about the API (developers.kit.com, and its real responses).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cksync.domain import (
    CHANGED_ONLY,
    MEMBERSHIPS,
    PARAMETER,
    PARENTS,
    PROBED,
    V4,
    Request,
    Slice,
    counted,
    parent_of,
    whole,
)

PAGE_ROWS = 1000
# Lists are fed asynchronously: at the worst they are five minutes behind, so what is younger than this may be missing.
LAG = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record. `records` is the key of its list in a response, `one` that of a single record by id, `inside`
    the key of the object that holds the list, if any. `legs` are the parameters of each walk that its list takes."""

    name: str
    path: str
    records: str = ""
    one: str = ""
    inside: str = ""
    legs: Sequence[Mapping[str, str]] = field(default=({},))
    is_list: bool = True


_PEOPLE = {"status": "all", "include": "attribution,tags,location"}
_CANCELLED = {"status": "cancelled", "include": "attribution,location,canceled_at"}
_COUNTED = {"include": "subscriber_count"}
# What the parameters for the time of joining begin with.
_JOINED = {"form": "added", "sequence": "added", "tag": "tagged"}

STREAMS = {
    stream.name: stream
    for stream in (
        Stream("account", "account", is_list=False),
        Stream("custom_fields", "custom_fields", "custom_fields"),
        Stream(
            "forms", "forms", "forms", legs=({"status": "active", **_COUNTED}, {"status": "archived", **_COUNTED})
        ),  # no row of the list of all shows if a form is trashed
        Stream("sequences", "sequences", "sequences", "sequence"),
        Stream("tags", "tags", "tags", legs=(_COUNTED,)),
        Stream("subscribers", "subscribers", "subscribers", "subscriber", legs=(_PEOPLE,)),
        Stream(MEMBERSHIPS, "{parent}/subscribers", "subscribers", legs=({"status": "all", "slim": "true"},)),
        Stream("broadcasts", "broadcasts", "broadcasts", "broadcast"),
        Stream("broadcast_stats", "broadcasts/stats", "broadcasts", "broadcast"),
        Stream("broadcast_links", "broadcasts/{id}/clicks", "clicks", inside="broadcast"),
        Stream("sequence_emails", "sequences/{id}/emails", "emails", legs=({"include": "stats"},)),
        Stream("subscriber_stats", "subscribers/filter", "subscribers"),
        Stream("segments", "segments", "segments"),
        Stream("email_templates", "email_templates", "email_templates"),
        Stream("posts", "posts", "posts", "post"),
        Stream("snippets", "snippets", "snippets", "snippet", legs=({}, {"archived": "true"})),
        Stream("webhooks", "webhooks", "webhooks"),
        Stream("purchases", "purchases", "purchases", "purchase"),
    )
}

ACCOUNT = whole("account", "v4")
PEOPLE = whole("subscribers", "v4")
CHANGED = Slice("subscribers", PEOPLE.name + CHANGED_ONLY)
CANCELLED = Slice("subscribers", f"{V4}subscribers/cancelled")
BROADCASTS = whole("broadcasts", "v4")
STATS = whole("broadcast_stats", "v4")
TRASHED = Slice("forms", f"{V4}forms{PROBED}trashed")
PURCHASES = whole("purchases", "v4")
# Where content is not kept, the parameter that leaves it out, or (of these) the one that includes it is not sent.
_WITH_CONTENT = ("posts", "snippets", "sequence_emails")


def engagement(days: int) -> Slice:
    """The figures of every active person over so many days."""
    return Slice("subscriber_stats", f"{V4}subscriber_stats{PARAMETER}days={days}")


def links_of(broadcast: int) -> Slice:
    """The links of one broadcast."""
    return Slice("broadcast_links", f"{V4}broadcast_links/{broadcast}")


def emails_of(sequence: int) -> Slice:
    """The emails of one sequence, with their figures."""
    return Slice("sequence_emails", f"{V4}sequence_emails/{sequence}")


def counts_of(status: str) -> Slice:
    """The number of people in a state, or of `all`."""
    return Slice("subscribers", f"{V4}subscribers{PROBED}{status}")


@dataclass(frozen=True, slots=True)
class Query:
    """How a slice is requested: the path, the parameters of each walk, and for a POST that reads the body besides the
    cursor."""

    path: str
    legs: Sequence[Mapping[str, str]]
    body: Mapping[str, Any] | None = None


def query_of(
    slice_: Slice, *, since: datetime | None = None, with_content: bool = True, now: datetime | None = None
) -> Query:
    """Return how to request a list. `since` limits it to what changed or joined after that time; `now` is the end of
    the window of an engagement list."""
    stream = STREAMS[slice_.stream]
    path, extra = stream.path, dict[str, str]()
    if parent := parent_of(slice_.name):
        kind, id_ = parent
        path = path.format(parent=f"{PARENTS[kind]}/{id_}")
        if since is not None:
            extra[f"{_JOINED[kind]}_after"] = moment(since)
    elif "{id}" in path:
        path = path.format(id=slice_.name.rpartition("/")[2])
    elif since is not None:
        extra["updated_after"] = moment(since)
    legs = stream.legs
    if slice_ == CANCELLED:
        legs = (_CANCELLED,)
    if PROBED in slice_.name:
        legs = ({"status": slice_.name.rpartition("/")[2]},)
    if slice_.stream in _WITH_CONTENT and with_content:
        extra["include_content"] = "true"
    if slice_.stream == "broadcasts" and not with_content:
        extra["slim"] = "true"
    if slice_.stream == "subscriber_stats":
        return Query(path, ({},), _engaged(slice_, now or datetime.now(UTC)))
    return Query(path, tuple({**leg, **extra} for leg in legs))


def query_of_cancellations() -> Query:
    """Return how to request cancelled people in the order of their cancellation, the latest first. Such an order knows
    seconds alone, so that it may skip rows where a page ends: whoever is missing is in the list by id."""
    return Query("subscribers", ({**_CANCELLED, "sort_field": "cancelled_at", "sort_order": "desc"},))


def _engaged(slice_: Slice, now: datetime) -> dict[str, Any]:
    days = int(slice_.name.rpartition("=")[2])
    start, end = ((now - timedelta(days=back)).date().isoformat() for back in (days, -1))
    return {
        "all": [{"type": "subscriber_state", "states": ["active"]}],
        "include": [{"type": "stats", "range": {"start": start, "end": end}}],
        "sort_field": "id",
        "sort_order": "desc",
    }


def ask_list(
    slice_: Slice, query: Query, leg: int, number: int, cursor: str | None, per_page: int, *, with_total: bool
) -> Request:
    """Return the request for one page of a walk: the first one, or the one behind `cursor`. `number` counts the pages
    of the scan."""
    if not STREAMS[slice_.stream].is_list:
        return Request(slice_, query.path, {}, number)
    place: dict[str, Any] = {"per_page": per_page}
    if cursor is not None:
        place["after"] = cursor
    elif with_total:
        place["include_total_count"] = True
    if query.body is not None:
        return Request(slice_, query.path, {}, number, body={**query.body, **place})
    texts = {name: str(value).lower() if value is True else str(value) for name, value in place.items()}
    return Request(slice_, query.path, {**query.legs[leg], **texts}, number)


def ask_count(list_: Slice, number: int, after: datetime | None = None) -> Request:
    """Return the request for the number of active members of a list, or of those who joined after a time."""
    return _ask_members(list_, number, {"status": "active", "per_page": "1", "include_total_count": "true"}, after)


def ask_joined(
    list_: Slice,
    number: int,
    per_page: int,
    *,
    after: datetime | None = None,
    before: datetime | None = None,
    cursor: str | None = None,
) -> Request:
    """Return the request for the members of a list, in all states, who joined between two times."""
    params = {"status": "all", "per_page": str(per_page)} | ({"after": cursor} if cursor is not None else {})
    return _ask_members(list_, number, params, after, before)


def _ask_members(
    list_: Slice, number: int, params: Mapping[str, str], after: datetime | None, before: datetime | None = None
) -> Request:
    kind, id_ = parent_of(list_.name) or ("", "")
    times = {f"{_JOINED[kind]}_after": after, f"{_JOINED[kind]}_before": before}
    path = STREAMS[MEMBERSHIPS].path.format(parent=f"{PARENTS[kind]}/{id_}")
    between = {name: moment(at) for name, at in times.items() if at is not None}
    return Request(counted(list_), path, {"slim": "true", **params, **between}, number)


def ask_account() -> Request:
    """Return the request for the account."""
    return Request(ACCOUNT, STREAMS["account"].path)


def ask_one(slice_: Slice, key: str, place: int) -> Request:
    """Return the request for one record by id; `place` is its position in the order of requests."""
    if slice_.stream == "broadcast_stats":
        return Request(slice_, f"broadcasts/{key}/stats", {}, place, key)
    return Request(slice_, f"{STREAMS[slice_.stream].path}/{key}", {}, place, key)


def moment(at: datetime) -> str:
    """Write a time as the API's filters take it, in whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
