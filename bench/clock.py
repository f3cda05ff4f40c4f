"""A clock that runs in real time and can be advanced: the virtual days of a benchmark."""

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 1, 2, tzinfo=UTC)


class RunningClock:
    """A world's `now` and a pull's `wall`; during a pull it runs at normal speed."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._began)

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self._start += timedelta(seconds=seconds)
