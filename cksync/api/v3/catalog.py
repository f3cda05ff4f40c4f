"""The catalog of API v3: the streams, and how to request each.

To add a stream, add one entry here and one file in sql/tables. Paths and keys are those of the API's documentation and
of its real responses (`courses` for sequences, stats as object or array).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cksync.domain import ACTIVE, CANCELLED, CHANGED, PARENTS, Request, Slice

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record. `records` is the key of its list in a response, `one` that of a single record by id, `total`
    that of the list's count ('' where v3 has none)."""

    name: str
    path: str
    records: str = ""
    total: str = ""
    one: str = ""
    key: str = "id"
    is_paged: bool = False


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("account", "account", key="primary_email_address"),
        Stream("custom_fields", "custom_fields", "custom_fields"),
        Stream("forms", "forms", "forms"),
        Stream("sequences", "sequences", "courses"),
        Stream("tags", "tags", "tags"),
        Stream("subscribers", "subscribers", "subscribers", "total_subscribers", "subscriber", is_paged=True),
        Stream("subscriptions", "{parent}/subscriptions", "subscriptions", "total_subscriptions", is_paged=True),
        Stream("broadcasts", "broadcasts", "broadcasts", one="broadcast", is_paged=True),
        Stream("broadcast_stats", "broadcasts/{id}/stats", one="broadcast"),
        Stream("webhooks", "automations/hooks"),
        Stream("purchases", "purchases", "purchases", "total_purchases", is_paged=True),
    )
}

# The statuses of broadcasts not sent yet, and of those that no longer change.
UNSENT = ("draft", "scheduled")
FINAL = ("completed", "aborted")

# The parameters of a slice besides the page, and the only state of a person it may show.
_BY_CANCELLATION = {"sort_field": "cancelled_at"}
_PARAMS: Mapping[Slice, Mapping[str, str]] = {CANCELLED: _BY_CANCELLATION, CHANGED[CANCELLED]: _BY_CANCELLATION}
STATES = {ACTIVE: "active", CANCELLED: "cancelled", CHANGED[ACTIVE]: "active", CHANGED[CANCELLED]: "cancelled"}


def ask_page(slice_: Slice, page: int, since: date | None = None) -> Request:
    """Return the request for one page of a list, -1 being the first one in descending order; an unpaged list is its own
    page 1. `since` limits it to people who changed on that day or later."""
    stream = STREAMS[slice_.stream]
    path = stream.path
    if slice_.parent:
        kind, id_ = slice_.parent
        path = path.format(parent=f"{PARENTS[kind]}/{id_}")
    params = dict(_PARAMS.get(slice_, {}))
    if since is not None:
        params["updated_from"] = since.isoformat()
    if page < 0:
        params["sort_order"] = "desc"
    if stream.is_paged:
        params["page"] = str(abs(page))
    return Request(slice_, path, params, page)


def ask_one(slice_: Slice, key: str, place: int) -> Request:
    """Return the request for one record by id; `place` is its position in the order of requests."""
    path = STREAMS[slice_.stream].path
    return Request(slice_, path.format(id=key) if "{id}" in path else f"{path}/{key}", {}, place, key)
