"""How many requests to have in flight. Pure: rates and latencies are arguments."""

from dataclasses import dataclass
from math import ceil

from cksync.versions import KEY_LIMIT, OAUTH_LIMIT

# However slow the API is.
MOST_CONNECTIONS = 32
# Requests in flight are `rate x latency` on average; some more, because latencies vary.
MARGIN = 1.5
# As many connections as `least` are enough up to this share of their capacity.
FULL_SHARE = 0.8
# The weight of the newest of all latencies.
NEWEST_SHARE = 0.2


def usable_rate(version: str, limit: int, period_seconds: float) -> float:
    """Return how many requests per second a limit allows, but at most as many as Kit does: a higher limit is that of a
    sandbox, which is fast."""
    return min(limit / period_seconds, (OAUTH_LIMIT if version == "v4" else KEY_LIMIT) / 60)


def connections_needed(rate: float, latency_seconds: float, least: int) -> int:
    """Return how many requests in flight use a limit of `rate` requests per second, given the latency of one."""
    busy = rate * latency_seconds
    if busy <= FULL_SHARE * least:
        return least
    return max(least, min(ceil(busy * MARGIN) + 1, MOST_CONNECTIONS))


@dataclass
class Latency:
    """The average latency of recent requests, in which old ones fade; None before the first."""

    seconds: float | None = None

    def note(self, newest_seconds: float) -> None:
        """Note the latency of one more request."""
        self.seconds = smoothed(self.seconds, newest_seconds)


def smoothed(latency_seconds: float | None, newest_seconds: float) -> float:
    """Return an average of latencies after one more, in which old ones fade."""
    if latency_seconds is None:
        return newest_seconds
    return latency_seconds + NEWEST_SHARE * (newest_seconds - latency_seconds)
