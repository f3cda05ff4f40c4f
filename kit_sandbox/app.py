"""One account behind one address: limit, faults, API and journal, without a socket."""

import time
from collections.abc import Mapping
from secrets import token_urlsafe
from urllib.parse import parse_qsl

from .faults import Faults
from .journal import Journal
from .limit import RollingLimit
from .messages import NOT_FOUND, RETRY_LATER, WRITE_METHODS, Answer, Request
from .params import flat, nested, read_body
from .v3 import V3
from .world import World

PREFIX = "/v3"


class App:
    """Processes requests in order of arrival and returns what to send back."""

    def __init__(
        self, world: World, limit: RollingLimit, latency_seconds: float = 0.0, control_token: str | None = None
    ) -> None:
        self.world = world
        self.limit = limit
        self.latency_seconds = latency_seconds
        self.control_token = control_token or token_urlsafe(16)
        self.faults = Faults()
        self.journal = Journal()
        self.api = V3(world)

    def answer(self, request: Request) -> Answer:
        """Answer a request; the journal records it whatever happens."""
        arrived_at = time.monotonic()
        made: list[int] = []
        with self.world.lock:
            answer = self._answer(request, arrived_at, made)
        self.journal.add(arrived_at, request, answer, made[-1] if made else None)
        return answer

    def _answer(self, request: Request, arrived_at: float, made: list[int]) -> Answer:
        """The limit comes first, before anything else is checked; it applies to the account, not to the key."""
        if not self.limit.admits(arrived_at):
            return RETRY_LATER

        def ask(asked: Request) -> Answer:
            answer = self.api.answer(asked)
            made.append(answer.status)
            return answer

        return self.faults.apply(request, ask)


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
    )


def outside(path: str) -> Answer | None:
    """The response to a path outside `/v3`."""
    return None if path.startswith(PREFIX + "/") else NOT_FOUND
