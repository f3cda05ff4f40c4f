"""What the server saw: every request, without the secret, so that a test can count them."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .messages import Answer, Request


@dataclass(frozen=True)
class Entry:
    """One request; `status` is None where the connection was broken instead of an answer."""

    arrived_at: float
    method: str
    path: str
    params: dict[str, str]
    status: int | None


class Journal:
    """The requests in the order of their arrival."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self.entries))

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, arrived_at: float, request: Request, answer: Answer) -> None:
        status = None if answer.is_reset else answer.status
        self.entries.append(Entry(arrived_at, request.method, request.path, request.public_params, status))

    def clear(self) -> None:
        self.entries.clear()

    def count(self, path: str | None = None, status: int | None = None) -> int:
        """How many requests had this path (without `/v3`) and this status."""
        return sum(path in (None, each.path) and status in (None, each.status) for each in self)

    def by_status(self) -> dict[int | None, int]:
        return dict(Counter(each.status for each in self))

    def by_path(self) -> dict[str, int]:
        return dict(Counter(each.path for each in self))

    def peak(self, period_seconds: float) -> int:
        """The most arrivals in any rolling window of this length."""
        window: deque[float] = deque()
        most = 0
        for each in self:
            window.append(each.arrived_at)
            while window[0] <= each.arrived_at - period_seconds:
                window.popleft()
            most = max(most, len(window))
        return most

    def summary(self) -> dict[str, Any]:
        """Counts and the whole list, as plain values."""
        return {
            "total": len(self),
            "by_status": {str(status): count for status, count in self.by_status().items()},
            "by_path": self.by_path(),
            "requests": [asdict(each) for each in self],
        }
