"""Time for observations: it never runs backwards, even if the machine's clock does."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The machine's current time, in UTC."""
    return datetime.now(UTC)


def steady_clock(
    not_before: datetime | None, wall: Clock = wall_clock, ticks: Callable[[], float] = time.monotonic
) -> Clock:
    """A clock that starts now, or just after `not_before` (the newest observation in the log), and then follows the
    monotonic clock: a later observation always gets a later time."""
    start = wall()
    if not_before is not None and start <= not_before:
        start = not_before + timedelta(microseconds=1)
    began = ticks()
    return lambda: start + timedelta(seconds=ticks() - began)
