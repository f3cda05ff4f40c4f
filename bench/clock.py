"""A clock that runs like any other and can be put forward: the virtual days of a benchmark."""

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 1, 2, tzinfo=UTC)


class RunningClock:
    """Callable as a world's `now` and a pull's `wall`; while a pull runs it goes on as fast as the pull's own."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def advance(self, seconds: float) -> None:
        """Put it forward."""
        self._start += timedelta(seconds=seconds)
