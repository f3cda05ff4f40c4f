"""One account behind one address: limit, faults, API and journal, still without a socket."""

import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from .faults import Faults
from .journal import Journal
from .limit import RollingLimit
from .messages import NOT_FOUND, RETRY_LATER, Answer, Request
from .v3 import V3
from .world import World

PREFIX = "/v3"


class Site:
    """Takes requests in the order of their arrival and tells what to send back."""

    def __init__(self, world: World, limit: RollingLimit, latency_seconds: float = 0.0) -> None:
        self.world = world
        self.limit = limit
        self.latency_seconds = latency_seconds
        self.faults = Faults()
        self.journal = Journal()
        self.api = V3(world)

    def answer(self, request: Request) -> Answer:
        """Answers now; the journal has the request whatever became of it."""
        arrived_at = time.monotonic()
        with self.world.lock:
            answer = self._answer(request, arrived_at)
        self.journal.add(arrived_at, request, answer)
        return answer

    def _answer(self, request: Request, arrived_at: float) -> Answer:
        """The limit comes first, before anything is looked at; it belongs to the account, not to the key."""
        if not self.limit.admits(arrived_at):
            return RETRY_LATER
        return self.faults.apply(request, self.api.answer)


def read_request(method: str, path: str, query: str, body: bytes, headers: Mapping[bytes, bytes]) -> Request:
    """A request from its parts; parameters may stand in the query or in a JSON body, even of a GET."""
    content = _json(body)
    inside = content if isinstance(content, dict) else {}
    params = {name: _text(value) for name, value in inside.items() if not isinstance(value, dict | list)}
    params |= dict(parse_qsl(query, keep_blank_values=True))
    accepts_gzip = b"gzip" in headers.get(b"accept-encoding", b"")
    return Request(method, path.rstrip("/"), params, content, accepts_gzip)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def outside(path: str) -> Answer | None:
    """What a path is worth that is not below `/v3`."""
    return None if path.startswith(PREFIX + "/") else NOT_FOUND
