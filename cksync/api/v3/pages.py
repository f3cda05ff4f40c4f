"""Cut the responses of API v3 into records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from cksync.api.http import NO_PARAMS, Call, HttpClient, Malformed, Reply
from cksync.api.salvage import as_sent
from cksync.api.throttle import Throttle
from cksync.api.v3.catalog import STATES, STREAMS, Stream
from cksync.domain import Page, Record, Request
from cksync.errors import EndpointFailed, Rejected
from cksync.versions import Version


@dataclass(frozen=True, slots=True)
class _Cut:
    records: tuple[Record, ...]
    total: int | None = None
    total_pages: int | None = None
    page_echo: int | None = None
    strangers: int = 0


class V3:
    """API v3 behind the protocol `Api`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def fetch(self, request: Request) -> Page:
        """Fetch a request, and cut the response into records. A 404 is a response, too: see `Page.is_missing`.

        Raises what HttpClient.get raises, Rejected if the address has no /account, and EndpointFailed if it lacks
        another unpaged list.
        """
        answer = self._client.get(
            request.path,
            request.params,
            lambda body: _cut(request, body),
            stream=request.slice.stream,
            slice_=request.slice.name,
        )
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
        if STREAMS[request.slice.stream].is_paged or request.slice.stream == "webhooks":
            return replace(page, is_missing=True)
        unknown = f"GET {request.path} does not exist there (404)"
        error = (
            Rejected(f"{unknown}: api.base_url must be the address of API v3, ending in /v3")
            if request.slice.stream == "account"
            else EndpointFailed(unknown, "does not exist there (404)", answer.sent_at)
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
        """See WritingApi.read; API v3 has neither reads by POST nor one root in all its answers."""
        return self._client.get(path, params, lambda text: (msgspec.json.decode(text), 1), stream=stream).content

    def write(self, call: Call) -> Reply:
        """Send a write: see HttpClient.write."""
        return self._client.write(call)

    def throttles(self) -> Mapping[Version, Throttle]:
        """See WritingApi.throttles."""
        return {"v3": self._client.throttle}


def _cut(request: Request, body: bytes) -> tuple[_Cut, int]:
    """Return the records and counts of a body, and the number of records. Raises Malformed."""
    stream = STREAMS[request.slice.stream]
    try:
        if stream.name == "webhooks":
            cut = _webhooks(stream, body)
            return cut, len(cut.records)
        top = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        cut = _one(stream, request, top, body) if not stream.records or request.key else _list(stream, request, top)
    except msgspec.DecodeError:
        raise Malformed("unexpected structure") from None
    return cut, len(cut.records)


def _list(stream: Stream, request: Request, top: dict[str, msgspec.Raw]) -> _Cut:
    if stream.records not in top:
        raise Malformed(f"no {stream.records}")
    texts = _texts(top[stream.records])
    heads = _heads(stream, top[stream.records], texts)
    state = STATES.get(request.slice)
    return _Cut(
        records=tuple(Record(key, as_sent(text)) for (key, _), text in zip(heads, texts, strict=True)),
        total=_count(top, stream.total),
        total_pages=_count(top, "total_pages"),
        page_echo=_count(top, "page"),
        strangers=sum(found != state for _, found in heads) if state else 0,
    )


def _webhooks(stream: Stream, body: bytes) -> _Cut:
    """Return the webhooks of an undocumented list: an array of rules, each wrapped or bare."""
    items = msgspec.json.decode(body, type=list[dict[str, msgspec.Raw]])
    texts = [bytes(item["rule"]) if "rule" in item else msgspec.json.encode(item) for item in items]
    return _Cut(tuple(Record(_key(stream, text), as_sent(text)) for text in texts))


class _Head(msgspec.Struct):
    """The first keys of almost every record."""

    id: int | None = None
    state: str | None = None


def _heads(stream: Stream, raw: msgspec.Raw, texts: list[bytes]) -> list[tuple[str | None, str | None]]:
    """Return key and state of each record: all at once, or one by one if a record is not like the others."""
    try:
        heads = msgspec.json.decode(raw, type=list[_Head])
    except msgspec.DecodeError:
        return [(_key(stream, text), _text_of(text, "state")) for text in texts]
    return [(None if head.id is None else _as_key(str(head.id)), head.state) for head in heads]


def _one(stream: Stream, request: Request, top: dict[str, msgspec.Raw], body: bytes) -> _Cut:
    """Return a single record, wrapped or bare; stats may be an array of one."""
    texts = _texts(top[stream.one]) if stream.one in top else [body]
    key = _key(stream, texts[0]) if len(texts) == 1 else None
    if key is None or request.key not in (None, key):
        raise Malformed(f"no {stream.one or stream.name} with the requested {stream.key}")
    return _Cut((Record(key, as_sent(texts[0])),))


def _texts(raw: msgspec.Raw) -> list[bytes]:
    """Return the records of a list as the bytes the API sent; a lone object counts as a list of one."""
    text = bytes(raw).strip()
    if text[:1] == b"{":
        return [text]
    return [bytes(item) for item in msgspec.json.decode(text, type=list[msgspec.Raw])]


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")


def _key(stream: Stream, record: bytes) -> str | None:
    """Return the record's key as text; None if it has none that the mirror could hold."""
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
