"""Clocks: one that moves when told to alone, for tests that choose the date, and the machine's, some time apart."""

from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable


@runtime_checkable
class Movable(Protocol):
    """A clock that can be told to go on."""

    def __call__(self) -> datetime: ...

    def advance(self, **units: float) -> datetime: ...


class Clock:
    """Callable as a world's `now`."""

    def __init__(self, start: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)) -> None:
        self.at = start

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **units: float) -> datetime:
        """Advance by the units of a timedelta: `clock.advance(days=1, hours=2)`."""
        self.at += timedelta(**units)
        return self.at


class ShiftedClock:
    """The machine's clock, so many days behind, until it is told to go on."""

    def __init__(self, days_behind: float = 0.0) -> None:
        self.behind = timedelta(days=days_behind)

    def __call__(self) -> datetime:
        return system_clock() - self.behind

    def advance(self, **units: float) -> datetime:
        self.behind -= timedelta(**units)
        return self()


def system_clock() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
