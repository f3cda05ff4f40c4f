"""A clock that stands still until it is told to move, for worlds whose days a test decides."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Callable as a world's `now`."""

    def __init__(self, start: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)) -> None:
        self.at = start

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **units: float) -> datetime:
        """Moves on by the units of a timedelta: `clock.advance(days=1, hours=2)`."""
        self.at += timedelta(**units)
        return self.at


def system_clock() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
