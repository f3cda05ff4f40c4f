"""The catalogue of API v3: which streams there are, how each is asked for, and how its answers are cut.

Adding a stream is one entry here and one file in sql/tables. Paths and keys are those of the API's
documentation and of what it really sends (`courses` for sequences, stats as object or array).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec

from cksync.api.client import Call, Client, Malformed, Reply
from cksync.api.salvage import as_sent
from cksync.domain import Page, Record, Request, Slice
from cksync.errors import EndpointFailed, Rejected

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Stream:
    """One kind of record. `records` is the key of its list in an answer, `one` that of a single one
    asked for by id, `total` that of the list's count ('' where v3 has none)."""

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
        Stream("purchases", "purchases", "purchases", "total_purchases", is_paged=True),
    )
}

# The word of a subscription's parent in the mirror -> the stream that lists such parents.
PARENTS = {"form": "forms", "sequence": "sequences", "tag": "tags"}

ACTIVE = Slice("subscribers", "subscribers/active")
CANCELLED = Slice("subscribers", "subscribers/cancelled")
# The same two lists cut down to people who changed since a day.
CHANGED = {
    ACTIVE: Slice("subscribers", "subscribers/active/changed"),
    CANCELLED: Slice("subscribers", "subscribers/cancelled/changed"),
}
BY_ID = Slice("subscribers", "subscribers/by_id")
BROADCASTS = Slice("broadcasts", "broadcasts")
DETAILS = Slice("broadcasts", "broadcasts/detail")
STATS = Slice("broadcast_stats", "broadcast_stats")
PURCHASES = Slice("purchases", "purchases")

# Statuses of broadcasts that nobody has been sent yet, and of those that nothing changes any more.
UNSENT = ("draft", "scheduled")
FINAL = ("completed", "aborted")

# What a slice asks for beyond the page, and the only state of a person it may show.
_BY_CANCELLATION = {"sort_field": "cancelled_at"}
_PARAMS: Mapping[Slice, Mapping[str, str]] = {CANCELLED: _BY_CANCELLATION, CHANGED[CANCELLED]: _BY_CANCELLATION}
_STATES = {ACTIVE: "active", CANCELLED: "cancelled", CHANGED[ACTIVE]: "active", CHANGED[CANCELLED]: "cancelled"}


def whole(stream: str) -> Slice:
    """The slice of a stream that is read in one piece."""
    return Slice(stream, stream)


def members(parent: str, parent_id: str) -> Slice:
    """The subscriptions of one `form`, `sequence` or `tag`."""
    return Slice("subscriptions", f"subscriptions/{parent}/{parent_id}")


def ask_page(slice_: Slice, page: int, since: date | None = None) -> Request:
    """The request for one page of a list, -1 being the first of the newest rows first; an unpaged list is
    its own page 1. `since` asks for people who changed on that day or later."""
    stream = STREAMS[slice_.stream]
    path = stream.path
    if slice_.stream == "subscriptions":
        _, parent, parent_id = slice_.name.split("/")
        path = path.format(parent=f"{PARENTS[parent]}/{parent_id}")
    params = dict(_PARAMS.get(slice_, {}))
    if since is not None:
        params["updated_from"] = since.isoformat()
    if page < 0:
        params["sort_order"] = "desc"
    if stream.is_paged:
        params["page"] = str(abs(page))
    return Request(slice_, path, params, page)


def ask_one(slice_: Slice, key: str, place: int) -> Request:
    """The request for one record by its id; `place` is its place in the order of asking."""
    path = STREAMS[slice_.stream].path
    return Request(slice_, path.format(id=key) if "{id}" in path else f"{path}/{key}", {}, place, key)


@dataclass(frozen=True, slots=True)
class _Cut:
    records: tuple[Record, ...]
    total: int | None = None
    total_pages: int | None = None
    page_echo: int | None = None
    strangers: int = 0


class V3:
    """The API v3 behind the protocol `Api`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, request: Request) -> Page:
        """Ask, and cut the answer into records. A 404 is an answer: see `Page.is_missing`.

        Raises what Client.get raises, Rejected when the address knows no /account, and EndpointFailed when it knows
        another unpaged list not.
        """
        answer = self._client.get(request.path, request.params, lambda body: _cut(request, body))
        page = Page(request, answer.sent_at, answer.received_at, answer.server_at, answer.attempts)
        if answer.content is not None:
            cut = answer.content
            return replace(
                page,
                records=cut.records,
                total=cut.total,
                total_pages=cut.total_pages,
                page_echo=cut.page_echo,
                strangers=cut.strangers,
            )
        if request.key is not None:
            tombstone = (Record(request.key, None),) if answer.is_json else ()
            return replace(page, records=tombstone, is_missing=True)
        if STREAMS[request.slice.stream].is_paged:
            return replace(page, is_missing=True)
        unknown = f"GET {request.path} is not known there (404)"
        error = (
            Rejected(f"{unknown}: api.base_url is not API v3's address, which ends with /v3")
            if request.slice.stream == "account"
            else EndpointFailed(unknown, "not known there (404)", answer.sent_at)
        )
        error.attempts = answer.attempts
        raise error

    def read(self, path: str) -> Any:
        """What stands at a path, decoded; None for a 404. Raises what Client.get raises."""
        return self._client.get(path, {}, lambda body: (msgspec.json.decode(body), 1)).content

    def write(self, call: Call) -> Reply:
        """Send a write: see Client.write."""
        return self._client.write(call)


def _cut(request: Request, body: bytes) -> tuple[_Cut, int]:
    """A body -> its records and counts, and the number of records. Raises Malformed."""
    stream = STREAMS[request.slice.stream]
    try:
        top = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        cut = _one(stream, request, top, body) if not stream.records or request.key else _list(stream, request, top)
    except msgspec.DecodeError:
        raise Malformed("another shape") from None
    return cut, len(cut.records)


def _list(stream: Stream, request: Request, top: dict[str, msgspec.Raw]) -> _Cut:
    if stream.records not in top:
        raise Malformed(f"no {stream.records}")
    texts = _texts(top[stream.records])
    heads = _heads(stream, top[stream.records], texts)
    state = _STATES.get(request.slice)
    return _Cut(
        records=tuple(Record(key, as_sent(text)) for (key, _), text in zip(heads, texts, strict=True)),
        total=_count(top, stream.total),
        total_pages=_count(top, "total_pages"),
        page_echo=_count(top, "page"),
        strangers=sum(found != state for _, found in heads) if state else 0,
    )


class _Head(msgspec.Struct):
    """What almost every record begins with."""

    id: int | None = None
    state: str | None = None


def _heads(stream: Stream, raw: msgspec.Raw, texts: list[bytes]) -> list[tuple[str | None, str | None]]:
    """Key and state of each record: all at once, or one by one where a record is not like the others."""
    try:
        heads = msgspec.json.decode(raw, type=list[_Head])
    except msgspec.DecodeError:
        return [(_key(stream, text), _text_of(text, "state")) for text in texts]
    return [(None if head.id is None else _as_key(str(head.id)), head.state) for head in heads]


def _one(stream: Stream, request: Request, top: dict[str, msgspec.Raw], body: bytes) -> _Cut:
    """A single record, wrapped or bare; stats may come as an array of one."""
    texts = _texts(top[stream.one]) if stream.one in top else [body]
    key = _key(stream, texts[0]) if len(texts) == 1 else None
    if key is None or request.key not in (None, key):
        raise Malformed(f"no {stream.one or stream.name} with the {stream.key} asked for")
    return _Cut((Record(key, as_sent(texts[0])),))


def _texts(raw: msgspec.Raw) -> list[bytes]:
    """The records of a list as the bytes the API sent; a lone object counts as a list of one."""
    text = bytes(raw).strip()
    if text[:1] == b"{":
        return [text]
    return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def _key(stream: Stream, record: bytes) -> str | None:
    """The record's key as text, or None where it has none that the mirror could hold."""
    key = _text_of(record, stream.key)
    return _as_key(key or "") if stream.key == "id" else key or None


def _as_key(text: str) -> str | None:
    return text if _WHOLE_NUMBER.fullmatch(text) else None


def _text_of(record: bytes, name: str) -> str | None:
    try:
        raw = msgspec.json.decode(record, type=dict[str, msgspec.Raw]).get(name)
        value = msgspec.json.decode(raw) if raw is not None else None
    except msgspec.DecodeError:
        return None
    return str(value) if isinstance(value, str | int) else None


def _count(top: Mapping[str, msgspec.Raw], name: str) -> int | None:
    try:
        value = msgspec.json.decode(top[name]) if name in top else None
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
