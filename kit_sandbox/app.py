"""One account behind one address: limit, faults, API and journal, without a socket."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from secrets import token_urlsafe
from urllib.parse import parse_qsl

from .faults import Faults
from .journal import Journal
from .limit import RollingLimit
from .messages import NOT_FOUND, OAUTH_PREFIXES, RETRY_LATER, WRITE_METHODS, Answer, Request
from .params import flat, nested, read_body
from .v3 import V3
from .v4 import V4, Limits
from .world import World

PREFIX = "/v3"
_V4 = ("/v4/", "/oauth/")
_CREDENTIALS = (b"x-kit-api-key", b"authorization")


class App:
    """Processes requests in order of arrival and returns what to send back."""

    def __init__(
        self,
        world: World,
        limit: RollingLimit,
        latency_seconds: float = 0.0,
        control_token: str | None = None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ticks` is the clock of the limit, in seconds."""
        self.world = world
        self.limit = limit
        self.latency_seconds = latency_seconds
        self._ticks = ticks
        self.control_token = control_token or token_urlsafe(16)
        self.faults = Faults()
        self.journal = Journal()
        self.api = V3(world)
        self.v4 = V4(world)
        self.v4_limits = Limits(limit.limit, limit.period_seconds, limit.counts_rejected, self.v4.oauth)

    def answer(self, request: Request) -> Answer:
        """Answer a request; the journal records it whatever happens."""
        arrived_at = self._ticks()
        made: list[int] = []
        with self.world.lock:
            answer = self._answer(request, arrived_at, made)
        self.journal.add(arrived_at, request, answer, made[-1] if made else None)
        return answer

    def _answer(self, request: Request, arrived_at: float, made: list[int]) -> Answer:
        """The limit comes first, before anything else is checked: under v3 the account's, under v4 the credential's."""
        api = self.v4 if _is_v4(request) else self.api
        if not self._admits(request, arrived_at):
            return replace(RETRY_LATER, body=b"") if self._is_silent(request) else RETRY_LATER

        def ask(asked: Request) -> Answer:
            answer = api.answer(asked)
            made.append(answer.status)
            return answer

        return self.faults.apply(request, ask)

    def _admits(self, request: Request, arrived_at: float) -> bool:
        if request.path.startswith(OAUTH_PREFIXES):
            return True
        return self.v4_limits.admits(request, arrived_at) if _is_v4(request) else self.limit.admits(arrived_at)

    def _is_silent(self, request: Request) -> bool:
        return _is_v4(request) and self.world.behaviour.v4_limit_body == "empty"


def _is_v4(request: Request) -> bool:
    return request.path.startswith(_V4)


def read_request(method: str, path: str, query: str, body: bytes, headers: Mapping[bytes, bytes]) -> Request:
    """Build a request from its parts; parameters may be in the query or in the body, even of a GET."""
    asked, is_malformed = parse_qsl(query, keep_blank_values=True), False
    try:
        content, in_query = read_body(body, headers.get(b"content-type", b"")), nested(asked)
    except (ValueError, RecursionError):
        content, in_query, is_malformed = None, {}, method in WRITE_METHODS
    inside = content if isinstance(content, dict) else {}
    return Request(
        method,
        path.rstrip("/"),
        {**flat(content), **dict(asked)},
        content,
        accepts_gzip=b"gzip" in headers.get(b"accept-encoding", b""),
        given={**inside, **in_query},
        is_malformed=is_malformed,
        headers={name.decode(): headers[name].decode("latin-1") for name in _CREDENTIALS if name in headers},
    )


def outside(path: str) -> Answer | None:
    """The response to a path outside `/v3` and `/v4`."""
    inner = path.removeprefix(PREFIX)
    return None if path.startswith(_V4) or (inner != path and not inner.startswith(_V4)) else NOT_FOUND
