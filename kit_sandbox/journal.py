"""The server's journal: every request, without the secret, for tests to count."""

import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .messages import Answer, Request, is_write


@dataclass(frozen=True)
class Entry:
    """One request; `status` is None if the connection was broken instead of answered.

    `made` is the status that the API gave, whatever a fault then sent; None if a fault or the limit answered in its
    place. The `params` of a write include those of its body, nested as sent.
    """

    arrived_at: float
    method: str
    path: str
    params: dict[str, Any]
    status: int | None
    made: int | None = None

    @property
    def is_executed_write(self) -> bool:
        """True if the API did what a POST, PUT or DELETE requested, even if the client never received the response."""
        return is_write(self.method, self.path) and self.made is not None and 200 <= self.made < 300


class Journal:
    """The requests in order of arrival."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self.entries))

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, arrived_at: float, request: Request, answer: Answer, made: int | None = None) -> None:
        status = None if answer.is_reset else answer.status
        self.entries.append(Entry(arrived_at, request.method, request.path, request.public_params, status, made))

    def clear(self) -> None:
        self.entries.clear()

    def count(self, path: str | None = None, status: int | None = None, method: str | None = None) -> int:
        """Return how many requests had this path (a regular expression for all of it after `/v3`), status and
        method."""
        return sum(status in (None, each.status) for each in self._matching(path, method))

    def writes(self, path: str | None = None, method: str | None = None) -> list[Entry]:
        """Return the writes that the API executed, in order, without those refused or never received."""
        return [each for each in self._matching(path, method) if each.is_executed_write]

    def _matching(self, path: str | None, method: str | None) -> Iterator[Entry]:
        wanted = re.compile(path if path is not None else ".*")
        return (each for each in self if method in (None, each.method) and wanted.fullmatch(each.path))

    def by_status(self) -> dict[int | None, int]:
        return dict(Counter(each.status for each in self))

    def by_path(self) -> dict[str, int]:
        return dict(Counter(each.path for each in self))

    def peak(self, period_seconds: float) -> int:
        """Return the most arrivals in any rolling window of this length."""
        window: deque[float] = deque()
        most = 0
        for each in self:
            window.append(each.arrived_at)
            while window[0] <= each.arrived_at - period_seconds:
                window.popleft()
            most = max(most, len(window))
        return most

    def summary(self) -> dict[str, Any]:
        """Return counts and the whole list, as plain values."""
        return {
            "total": len(self),
            "by_status": {str(status): count for status, count in self.by_status().items()},
            "by_path": self.by_path(),
            "requests": [asdict(each) for each in self],
        }
