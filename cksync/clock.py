"""Time for observations: it never runs backwards, even if the machine's clock does. Also how a run waits."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The machine's current time, in UTC."""
    return datetime.now(UTC)


def _first_done(heads: Sequence[Future[Any]], under_way: Sequence[Future[Any]], seconds: float) -> bool:
    return bool(wait_for(heads, seconds, FIRST_COMPLETED).done)


@contextlib.contextmanager
def _ticking(seconds: float, call: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def tick() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=tick, name="ticking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True)
class Time:
    """Where a run takes the time from, and how it waits: by the machine's clock, or by a virtual one.

    `ticks` is a monotonic clock in seconds. `wait` waits for an event, for at most so many seconds, and returns whether
    it is set. `first_done` waits until one of the futures that it gets first is done, and returns False if none was
    within so many seconds; it also gets all that are under way. `ticking` calls a function at every interval of so many
    seconds.
    """

    wall: Clock = wall_clock
    ticks: Callable[[], float] = time.monotonic
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    first_done: Callable[[Sequence[Future[Any]], Sequence[Future[Any]], float], bool] = _first_done
    ticking: Callable[[float, Callable[[], None]], contextlib.AbstractContextManager[None]] = _ticking


REAL_TIME = Time()


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
