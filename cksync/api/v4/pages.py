"""Cut the responses of API v4 into records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from cksync.api.http import NO_PARAMS, Call, HttpClient, Malformed, Reply
from cksync.api.salvage import as_sent
from cksync.api.throttle import Throttle
from cksync.api.v3.pages import V3
from cksync.api.v4.catalog import STREAMS, Stream
from cksync.domain import Head, Page, Record, Request
from cksync.errors import EndpointFailed, Rejected
from cksync.versions import Version


@dataclass(frozen=True, slots=True)
class _Cut:
    records: tuple[Record, ...]
    heads: tuple[Head, ...] = ()
    total: int | None = None
    cursor: str | None = None
    has_next: bool = False
    per_page: int | None = None


class V4:
    """API v4 behind the protocol `Api`. `v3` reads what only API v3 gives to a secret, such as purchases."""

    def __init__(self, client: HttpClient, v3: V3 | None) -> None:
        self._client, self._v3 = client, v3

    def fetch(self, request: Request) -> Page:
        """Fetch a request, and cut the response into records. A 404 is a response, too: see `Page.is_missing`.

        Raises what HttpClient.get raises, Rejected if the address has no /account, and EndpointFailed if it lacks
        another list of the account.
        """
        if request.slice.version == "v3" and self._v3 is not None:
            return self._v3.fetch(request)
        answer = self._client.get(
            request.path,
            request.params,
            lambda body: _cut(request, body),
            stream=request.slice.stream,
            slice_=request.slice.name,
            body=request.body,
        )
        page = Page(request, answer.sent_at, answer.received_at, answer.server_at, answer.attempts)
        if answer.content is not None:
            cut = answer.content
            return replace(
                page,
                records=cut.records,
                heads=cut.heads,
                total=cut.total,
                cursor=cut.cursor,
                has_next=cut.has_next,
                per_page=cut.per_page,
            )
        if request.key is not None:
            tombstone = (Record(request.key, None),) if answer.is_json else ()
            return replace(page, records=tombstone, is_missing=True)
        if "{" in STREAMS[request.slice.stream].path:
            return replace(page, is_missing=True)
        unknown = f"GET {request.path} does not exist there (404)"
        error = (
            Rejected(f"{unknown}: api.base_url must be the address of API v4, ending in /v4")
            if request.slice.stream == "account"
            else EndpointFailed(unknown, "does not exist there (404)", answer.sent_at, 404)
        )
        error.attempts = answer.attempts
        raise error

    def read(
        self,
        path: str,
        stream: str,
        params: Mapping[str, str] = NO_PARAMS,
        body: Mapping[str, Any] | None = None,
        root: str = "",
    ) -> Any:
        """See WritingApi.read."""
        return self._client.get(path, params, lambda text: (_rooted(text, root), 1), stream=stream, body=body).content

    def write(self, call: Call) -> Reply:
        """Send a write, one of API v3 through the client beside this one: see HttpClient.write. Raises Rejected if
        there is none."""
        if call.version == "v4":
            return self._client.write(call)
        if self._v3 is None:
            raise Rejected(f"{call.method} {call.path} is a write of API v3, and api.api_secret is not set")
        return self._v3.write(call)

    def throttles(self) -> Mapping[Version, Throttle]:
        """See WritingApi.throttles."""
        beside = self._v3.throttles() if self._v3 is not None else {}
        return {**beside, "v4": self._client.throttle}


def _rooted(text: bytes, root: str) -> Any:
    """Return a decoded body. Raises Malformed if it lacks the key at its root."""
    found = msgspec.json.decode(text)
    if root and (not isinstance(found, dict) or root not in found):
        raise Malformed(f"no {root}")
    return found


def _cut(request: Request, body: bytes) -> tuple[_Cut, int]:
    """Return what a body holds, and its number of records. Raises Malformed."""
    stream = STREAMS[request.slice.stream]
    try:
        top = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if stream.name == "account":
            cut = _account(top, body)
        elif request.key is not None:
            cut = _one(stream, request, top)
        else:
            cut = _list(stream, top)
    except msgspec.DecodeError:
        raise Malformed("unexpected structure") from None
    return cut, len(cut.records)


def _account(top: Mapping[str, msgspec.Raw], body: bytes) -> _Cut:
    """Return the account with the user beside it, as it came."""
    account = msgspec.json.decode(top.get("account", b"{}"), type=dict[str, Any])
    key = account.get("primary_email_address")
    if not isinstance(key, str) or not key:
        raise Malformed("no primary_email_address")
    return _Cut((Record(key, body),))


def _one(stream: Stream, request: Request, top: Mapping[str, msgspec.Raw]) -> _Cut:
    text = bytes(top.get(stream.one, b""))
    if not text:
        raise Malformed(f"no {stream.one}")
    (key, head), *_ = _heads([text])
    if key != request.key:
        raise Malformed(f"no {stream.one} with the requested id")
    return _Cut((Record(key, as_sent(text)),), (head,))


class _Pagination(msgspec.Struct):
    has_next_page: bool
    end_cursor: str | None = None
    total_count: int | None = None
    per_page: int | None = None


def _list(stream: Stream, top: Mapping[str, msgspec.Raw]) -> _Cut:
    holder: Mapping[str, msgspec.Raw] = top
    if stream.inside:
        holder = msgspec.json.decode(top.get(stream.inside, b"{}"), type=dict[str, msgspec.Raw])
    if stream.records not in holder or "pagination" not in top:
        raise Malformed(f"no {stream.records if stream.records not in holder else 'pagination'}")
    place = msgspec.json.decode(top["pagination"], type=_Pagination)
    if place.has_next_page and not place.end_cursor:
        raise Malformed("no end_cursor, though there is a next page")
    texts = [bytes(item) for item in msgspec.json.decode(holder[stream.records], type=list[msgspec.Raw])]
    found = _heads(texts, holder[stream.records])
    return _Cut(
        tuple(Record(key, as_sent(text)) for (key, _), text in zip(found, texts, strict=True)),
        tuple(head for _, head in found),
        place.total_count if place.total_count is not None and place.total_count >= 0 else None,
        place.end_cursor,
        place.has_next_page,
        place.per_page,
    )


class _Tag(msgspec.Struct):
    id: int


class _Stats(msgspec.Struct):
    total_clicks: int | None = None


class _Shown(msgspec.Struct):
    """The keys of a record that scans need, as far as it has them."""

    id: int | str | None = None
    state: str | None = None
    tags: list[_Tag] | None = None
    subscriber_count: int | None = None
    email_count: int | None = None
    updated_at: str | None = None
    tagged_at: str | None = None
    added_at: str | None = None
    created_at: str | None = None
    stats: _Stats | None = None


def _heads(texts: list[bytes], all_: msgspec.Raw | None = None) -> list[tuple[str | None, Head]]:
    """Return key and head of each record: all at once, or one by one if a record is not like the others."""
    try:
        shown = msgspec.json.decode(all_ if all_ is not None else b"[" + texts[0] + b"]", type=list[_Shown])
    except msgspec.DecodeError:
        shown = [_shown(text) for text in texts]
    return [(_key(each.id), _head(each)) for each in shown]


def _shown(text: bytes) -> _Shown:
    try:
        return msgspec.json.decode(text, type=_Shown)
    except msgspec.DecodeError:
        pass
    try:
        record = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return _Shown()
    id_, state = record.get("id"), record.get("state")
    is_id = isinstance(id_, int | str) and not isinstance(id_, bool)
    return _Shown(id=id_ if is_id else None, state=state if isinstance(state, str) else None)


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def _key(id_: int | str | None) -> str | None:
    text = str(id_)
    return text if _WHOLE_NUMBER.fullmatch(text) else None


def _head(shown: _Shown) -> Head:
    return Head(
        shown.state,
        tuple(tag.id for tag in shown.tags) if shown.tags is not None else None,
        shown.subscriber_count,
        _time(shown.tagged_at or shown.added_at or shown.created_at),
        _time(shown.updated_at),
        shown.stats.total_clicks if shown.stats is not None else shown.email_count,
    )


def _time(text: str | None) -> datetime | None:
    """Return a time with its zone; None if it has none."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return at if at.tzinfo else None
