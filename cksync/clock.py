"""Time for observations: it never runs backwards, whatever happens to the machine's clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The machine's idea of now, in UTC."""
    return datetime.now(UTC)


def steady_clock(
    not_before: datetime | None, wall: Clock = wall_clock, ticks: Callable[[], float] = time.monotonic
) -> Clock:
    """A clock that starts now, but later than `not_before` (the newest observation of the log), and goes
    on by the monotonic clock: what is observed later always gets the later time."""
    start = wall()
    if not_before is not None and start <= not_before:
        start = not_before + timedelta(microseconds=1)
    began = ticks()
    return lambda: start + timedelta(seconds=ticks() - began)
