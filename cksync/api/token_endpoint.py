"""Requests to the OAuth endpoints of API v4, which carry secrets in their bodies and no token in a header."""

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cksync.api.exchange import Exchange, RawResponse
from cksync.api.throttle import Throttle
from cksync.secrets import Redactor

ATTEMPTS = 7


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How the OAuth endpoints are reached: as the API itself. Without a `throttle` their requests do not count."""

    base_url: str
    throttle: Throttle | None
    redactor: Redactor
    now: Callable[[], datetime]
    stop: threading.Event
    period: float
    timeout: float
    most_mb: float
    user_agent: str
    attempts: int = ATTEMPTS


def post(url: str, values: Mapping[str, Any], around: Surroundings, setting: str) -> RawResponse:
    """Send one request, on a connection of its own: a reused one may break for no reason. `setting` is what to check
    if the address does not work. Raises as Exchange.send does, and Stopped."""
    base, _, name = url.rpartition("/")
    exchange = Exchange(
        base,
        urlsplit(url).netloc,
        timeout=around.timeout,
        most_mb=around.most_mb,
        concurrency=1,
        stop=around.stop,
        user_agent=around.user_agent,
        setting=setting,
    )
    is_limited = around.throttle is not None and url.startswith(f"{around.base_url}/")
    slot = around.throttle.slot() if around.throttle is not None and is_limited else contextlib.nullcontext()
    with contextlib.closing(exchange), slot:
        return exchange.send("POST", name, body=msgspec.json.encode(values))
