"""A circuit breaker for each endpoint: how often a request is tried there, and whether it is sent at all.

An endpoint is a path without its ids, such as `broadcasts/{id}/stats`. While it answers, each request has all its
tries. After a few requests in a row that failed in all of them, the next ones have a single try, and so has whatever is
asked for again; after more of them, only every so-many-th request is sent, to notice when the endpoint is back. The
first answer closes the circuit.
What is lost in waiting is bounded, too: endpoints that let every try time out must not cost a night. Pure but for
its lock: times come as arguments.
"""

import re
import threading
from dataclasses import dataclass, field

# Requests of an endpoint that failed in a row: then the next ones have one try, and later most are not sent.
FEW, MANY = 3, 10
# Of an endpoint that is clearly down, one request in so many is sent.
PROBE_EVERY = 10


@dataclass
class _Circuit:
    """What is known of an endpoint: requests that `failed` in a row and those that were not sent since, how many
    seconds all failures have cost, and what was asked for `in_vain`."""

    failed: int = 0
    skipped: int = 0
    lost_seconds: float = 0.0
    reason: str = ""
    in_vain: set[str] = field(default_factory=set)


class Breaker:
    """The circuits of one run, for all its threads."""

    def __init__(self, attempts: int, patience_seconds: float, fresh_seconds: float) -> None:
        """`attempts` are the tries of a healthy endpoint; `patience_seconds` what the failures of an endpoint may cost
        before it has single tries only (after twice as much it is not asked); an answer proves for `fresh_seconds`
        that the API is there."""
        self._attempts, self._patience, self._fresh = attempts, patience_seconds, fresh_seconds
        self._circuits: dict[str, _Circuit] = {}
        self._heard_at = float("-inf")
        self._lock = threading.Lock()

    def lets_pass(self, endpoint: str) -> bool:
        """Whether the next request of an endpoint is sent. Counts it."""
        with self._lock:
            circuit = self._circuit(endpoint)
            if circuit.failed < MANY:
                return True
            circuit.skipped += 1
            return circuit.skipped % PROBE_EVERY == 0 and circuit.lost_seconds < 2 * self._patience

    def attempts(self, endpoint: str, asked: str) -> int:
        """How often a request of an endpoint is tried, as far as is known now; `asked` tells its requests apart."""
        with self._lock:
            circuit = self._circuit(endpoint)
            is_worn = circuit.failed >= FEW or circuit.lost_seconds >= self._patience
            return 1 if is_worn or asked in circuit.in_vain else self._attempts

    def reason(self, endpoint: str) -> str:
        """Why the last request of an endpoint failed."""
        with self._lock:
            return self._circuit(endpoint).reason

    def answered(self, endpoint: str, at: float) -> None:
        """A usable answer came at `at`."""
        with self._lock:
            circuit = self._circuit(endpoint)
            circuit.failed = circuit.skipped = 0
            self._heard_at = max(self._heard_at, at)

    def failed(self, endpoint: str, asked: str, reason: str, lost_seconds: float) -> None:
        """A request failed for good."""
        with self._lock:
            circuit = self._circuit(endpoint)
            circuit.failed += 1
            circuit.lost_seconds += lost_seconds
            circuit.reason = reason
            circuit.in_vain.add(asked)

    def needs_pulse(self, endpoint: str, since: float, at: float) -> bool:
        """Whether the failure at `at` of a request that was first sent at `since` may be that of the whole API: nothing
        else has answered meanwhile. After an endpoint's first failure an answer of the last `fresh_seconds` will do."""
        with self._lock:
            is_first = self._circuit(endpoint).failed <= 1
            return self._heard_at < since and (is_first or at - self._heard_at > self._fresh)

    def _circuit(self, endpoint: str) -> _Circuit:
        return self._circuits.setdefault(endpoint, _Circuit())


def endpoint_of(path: str) -> str:
    """A path without its ids."""
    return re.sub(r"(?<=/)[0-9]+(?=/|$)", "{id}", path)
