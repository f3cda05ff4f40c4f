"""The periods that a reader can choose, each with the one before it, cut into bins for charts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb

from cksync.analyze.report.components import row

Bin = tuple[date, date]  # the first day, and the day after the last

# Days of the periods, and days of their bins.
LENGTHS = ((28, 1), (90, 1), (365, 7))
ALL = "all"

# Where days come from: table and column.
_DAYS = (("list_growth_daily", "day"), ("revenue_daily", "day"), ("broadcast_performance", "sent_on"))


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` to `end`, both included; `unit` names a bin, `before` is the same number of days before."""

    name: str
    label: str
    start: date
    end: date
    unit: str
    bins: Sequence[Bin]
    before: "Period | None" = None

    @property
    def days(self) -> int:
        """Its number of days."""
        return (self.end - self.start).days + 1

    @property
    def spoken(self) -> str:
        """`in 28 days`, for sentences."""
        return "in all time" if self.name == ALL else f"in {self.days} days"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its days and bins as parameters of a query."""
        starts, stops = [start for start, _ in self.bins], [stop for _, stop in self.bins]
        return {"start": self.start, "end": self.end, "starts": starts, "stops": stops}


# A relation of the bins of a period; a query that reads it needs `starts` and `stops`.
BINS = "(select unnest($starts::date[]) as start, unnest($stops::date[]) as stop)"


def read_periods(db: duckdb.DuckDBPyConnection, there: Collection[str]) -> Sequence[Period]:
    """The periods of a mirror; none if it has no day at all."""
    known = [f"select min({day}) as first, max({day}) as last from {name}" for name, day in _DAYS if name in there]
    if not known:
        return ()
    span = row(db, f"select min(first) as first, max(last) as last from ({' union all '.join(known)})")
    return () if span["first"] is None else periods_of(span["first"], span["last"])


def periods_of(first: date, last: date) -> Sequence[Period]:
    """Every period shorter than the days from `first` to `last`, and all of them."""
    shorter = [_latest(days, step, last, first) for days, step in LENGTHS if days < (last - first).days + 1]
    unit = _unit((last - first).days + 1)
    return (*shorter, Period(ALL, "All", first, last, unit, list(_calendar(first, last, unit))))


def default_of(periods: Sequence[Period]) -> Period:
    """The period that is shown first: a year, because it has every season, or all of a younger list."""
    return next((period for period in periods if period.days == 365), periods[-1])


def _latest(days: int, step: int, last: date, first: date) -> Period:
    start = last - timedelta(days - 1)
    before = None
    if start - timedelta(days) >= first:
        earlier = start - timedelta(1)
        bins = _equal(start - timedelta(days), earlier, step)
        before = Period(str(days), "before", start - timedelta(days), earlier, _name(step), bins)
    return Period(str(days), f"{days} days", start, last, _name(step), _equal(start, last, step), before)


def _name(step: int) -> str:
    return "day" if step == 1 else "week"


def _equal(start: date, end: date, step: int) -> Sequence[Bin]:
    """Bins of `step` days up to the last day; the first takes the days that are left over."""
    count = ((end - start).days + 1) // step
    stops = [end + timedelta(1 - step * place) for place in reversed(range(count))]
    return list(zip([start, *stops[:-1]], stops, strict=True))


def _unit(days: int) -> str:
    """The unit that cuts so many days into at most about 400 bins."""
    if days <= 90:
        return "day"
    if days <= 1.5 * 365:
        return "week"
    return "month" if days <= 30 * 365 else "year"


def _calendar(first: date, last: date, unit: str) -> Iterator[Bin]:
    start = first
    while start <= last:
        stop = min(_next(start, unit), last + timedelta(1))
        yield start, stop
        start = stop


def _next(day: date, unit: str) -> date:
    """The first day of the next unit of the calendar."""
    if unit == "day":
        return day + timedelta(1)
    if unit == "week":
        return day + timedelta(7 - day.weekday())
    if unit == "month":
        return (day.replace(day=1) + timedelta(32)).replace(day=1)
    return date(day.year + 1, 1, 1)
