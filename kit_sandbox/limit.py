"""The rate limit: so many requests in any rolling window, by arrival time."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class RollingLimit:
    """Admits at most `limit` arrivals in any `period_seconds`; None admits everything.

    Rejected arrivals also occupy the window, unless `counts_rejected` is off.
    """

    limit: int | None
    period_seconds: float
    counts_rejected: bool = True
    rejected: int = 0
    _arrivals: deque[float] = field(default_factory=deque)

    def admits(self, arrived_at: float) -> bool:
        """Return True if a request that arrives now may pass; times must not go backwards."""
        if self.limit is None:
            return True
        while self._arrivals and self._arrivals[0] <= arrived_at - self.period_seconds:
            self._arrivals.popleft()
        is_admitted = len(self._arrivals) < self.limit
        if is_admitted or self.counts_rejected:
            self._arrivals.append(arrived_at)
        self.rejected += not is_admitted
        return is_admitted
