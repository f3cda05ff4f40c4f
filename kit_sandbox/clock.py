"""A clock that only moves when told to, for tests that choose the date."""

from datetime import UTC, datetime, timedelta


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


def system_clock() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)
