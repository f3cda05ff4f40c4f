"""A circuit breaker for each endpoint: how often a request is tried, and whether it is sent at all.

An endpoint is a path without its ids, such as `broadcasts/{id}/stats`. While it answers, each request gets all its
tries. After a few consecutive requests failed in all of them, the next ones get a single try, and so does any repeated
request; after more failures, only one request in so many is sent, to notice when the endpoint recovers. The first
answer closes the circuit. The time lost in waiting is bounded, too: endpoints that let every try time out must not cost
a night. Pure but for its lock: times are arguments.
"""

import re
import threading
from dataclasses import dataclass, field

# Consecutive failed requests of an endpoint: after the first number the next ones get one try, after the second most
# are not sent.
FEW, MANY = 3, 10
# While an endpoint is down, one request in this many is sent.
PROBE_EVERY = 10


@dataclass
class _Circuit:
    """The state of an endpoint: requests that `failed` in a row and those not sent since, the seconds lost to all
    failures, and what was requested `in_vain`."""

    failed: int = 0
    skipped: int = 0
    lost_seconds: float = 0.0
    reason: str = ""
    in_vain: set[str] = field(default_factory=set)


class Breaker:
    """The circuits of one run, for all its threads."""

    def __init__(self, attempts: int, patience_seconds: float, fresh_seconds: float) -> None:
        """`attempts` are the tries of a healthy endpoint; `patience_seconds` is the time that an endpoint's failures
        may cost before it gets single tries only (after twice that it is not requested); an answer proves for
        `fresh_seconds` that the API is up."""
        self._attempts, self._patience, self._fresh = attempts, patience_seconds, fresh_seconds
        self._circuits: dict[str, _Circuit] = {}
        self._heard_at = float("-inf")
        self._lock = threading.Lock()

    def lets_pass(self, endpoint: str) -> bool:
        """Return True if the next request of an endpoint is to be sent, and count it."""
        with self._lock:
            circuit = self._circuit(endpoint)
            if circuit.failed < MANY:
                return True
            circuit.skipped += 1
            return circuit.skipped % PROBE_EVERY == 0 and circuit.lost_seconds < 2 * self._patience

    def attempts(self, endpoint: str, asked: str) -> int:
        """Return how often to try a request of an endpoint; `asked` identifies the request."""
        with self._lock:
            circuit = self._circuit(endpoint)
            is_worn = circuit.failed >= FEW or circuit.lost_seconds >= self._patience
            return 1 if is_worn or asked in circuit.in_vain else self._attempts

    def reason(self, endpoint: str) -> str:
        """Return why the last request of an endpoint failed."""
        with self._lock:
            return self._circuit(endpoint).reason

    def answered(self, endpoint: str, at: float) -> None:
        """Note a usable answer at `at`."""
        with self._lock:
            circuit = self._circuit(endpoint)
            circuit.failed = circuit.skipped = 0
            self._heard_at = max(self._heard_at, at)

    def failed(self, endpoint: str, asked: str, reason: str, lost_seconds: float) -> None:
        """Note a request that failed for good."""
        with self._lock:
            circuit = self._circuit(endpoint)
            circuit.failed += 1
            circuit.lost_seconds += lost_seconds
            circuit.reason = reason
            circuit.in_vain.add(asked)

    def needs_pulse(self, endpoint: str, since: float, at: float) -> bool:
        """Return True if a failure at `at` of a request first sent at `since` may be one of the whole API: nothing else
        has answered meanwhile. From an endpoint's second failure on, an answer in the last `fresh_seconds` suffices."""
        with self._lock:
            is_first = self._circuit(endpoint).failed <= 1
            return self._heard_at < since and (is_first or at - self._heard_at > self._fresh)

    def _circuit(self, endpoint: str) -> _Circuit:
        return self._circuits.setdefault(endpoint, _Circuit())


def endpoint_of(path: str) -> str:
    """Return a path without its ids."""
    return re.sub(r"(?<=/)[0-9]+(?=/|$)", "{id}", path)
