"""What the progress of a pull looks like at a moment, as text. Pure: no clock, no terminal."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from cksync.pipeline.events import Event, Forecast, Merging, PageRead, Waiting
from cksync.plural import plural

# The least width of a bar, and the widest.
NARROWEST_BAR, WIDEST_BAR = 10, 50
# From so many seconds on, the time of the end is told, and with its day.
TELLS_TIME_SECONDS, TELLS_DAY_SECONDS = 120, 12 * 3600
SEVERAL = 1.5 * 60


@dataclass(frozen=True)
class Limit:
    """The rate limit: so many requests in so many seconds."""

    requests: int
    seconds: float

    @property
    def short(self) -> str:
        """Say it after a number of requests."""
        return f"{self.requests:,} a minute" if self.seconds == 60 else f"{self.requests:,} in {self.seconds:g} s"

    @property
    def text(self) -> str:
        """Say it."""
        if self.seconds == 60:
            return f"{self.requests:,} requests a minute"
        return f"{self.requests:,} requests in {self.seconds:g} s"


@dataclass
class Shown:
    """What is known of a pull. Times are seconds of one clock; `began` is when the pull began."""

    limit: Limit
    began: float
    what: str = "reading the account"
    made: int = 0
    forecast: Forecast | None = None
    forecast_at: float = 0.0
    waiting: Waiting | None = None
    waiting_since: float = 0.0
    merging: Merging | None = None
    merging_since: float = 0.0

    def take(self, event: Event, now: float) -> None:
        """Receive an event."""
        if isinstance(event, PageRead):
            self.made, self.waiting, self.merging = event.requests, None, None
            self.what = f"reading {event.slice.stream}"
        elif isinstance(event, Waiting):
            self.waiting, self.waiting_since, self.merging = event, now, None
        elif isinstance(event, Merging):
            self.merging, self.merging_since, self.waiting = event, now, None
        found = event if isinstance(event, Forecast) else getattr(event, "forecast", None)
        if found is not None:
            self.forecast, self.forecast_at = found, now

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds left of the pull; None if unknown."""
        if self.forecast is None:
            return None
        return max(self.forecast.seconds - (now - self.forecast_at), 0.0)


def lines(shown: Shown, now: float, wall: datetime, width: int) -> list[str]:
    """Return what to show: how far the pull is, and what it is doing."""
    return [_how_far(shown, now, wall, width), doing(shown, now)]


def doing(shown: Shown, now: float) -> str:
    """Say what happens at this moment."""
    if shown.merging is not None:
        spent = elapsed(now - shown.merging_since)
        if shown.merging.is_early:
            return f"publishing what was read so far ({spent}); then reading continues"
        return f"everything is read; merging it into the mirror ({spent} so far)"
    if shown.waiting is not None:
        left = max(1, ceil(shown.waiting.seconds - (now - shown.waiting_since)))
        return waiting(shown.waiting, left, shown.limit)
    return f"{shown.what}, at most {shown.limit.text}"


def waiting(wait: Waiting, seconds: int, limit: Limit) -> str:
    """Say why no request is sent, and for how long."""
    if wait.reason == "refused":
        return f"waiting {seconds} s: the API refused a request (429); another program may be using the limit"
    if wait.reason == "lag":
        return f"waiting {seconds} s: some counts of the API lag behind"
    return f"waiting {seconds} s for the rate limit ({limit.text})"


def _how_far(shown: Shown, now: float, wall: datetime, width: int) -> str:
    if shown.forecast is None:
        return f"{plural(shown.made, 'request')} so far; counting what there is to read"
    total = max(shown.forecast.requests, shown.made)
    is_read = shown.merging is not None and not shown.merging.is_early
    share = shown.made / max(total, 1) if is_read else min(shown.made / max(total, 1), 0.99)
    left = left_text(shown.seconds_left(now) or 0.0, wall)
    counts, percent = f"{shown.made:,} of {plural(total, 'request')}", f"{100 * share:3.0f} %"
    room = min(width - len(counts) - len(percent) - len(left) - 8, WIDEST_BAR)
    if room < NARROWEST_BAR:
        return f"{counts}, {left}"
    full = int(room * share)
    return f"{counts}  [{'#' * full}{'.' * (room - full)}] {percent}  {left}"


def left_text(seconds: float, wall: datetime) -> str:
    """Say how much time is left, and if that is minutes, when the end is. `wall` is the time now, in its zone."""
    if seconds < 1:
        return "almost done"
    said = f"about {rounded(seconds)} left"
    if seconds < TELLS_TIME_SECONDS:
        return said
    return f"{said} (until {_time(wall, seconds)})"


def _time(wall: datetime, seconds: float) -> str:
    end = wall + timedelta(seconds=seconds)
    return f"{end:%a %H:%M}" if seconds >= TELLS_DAY_SECONDS else f"{end:%H:%M}"


def cost_text(forecast: Forecast, limit: Limit, wall: datetime) -> str:
    """Say what a pull will cost, before it starts."""
    end = f" (until {_time(wall, forecast.seconds)})" if forecast.seconds >= TELLS_TIME_SECONDS else ""
    cost = f"{plural(forecast.requests, 'request')}, about {rounded(forecast.seconds)} at {limit.short}"
    return f"This pull takes {cost}{end}."


def rounded(seconds: float) -> str:
    """Return a length of time as roughly as an estimate deserves."""
    if seconds < SEVERAL:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def elapsed(seconds: float) -> str:
    """Return a measured length of time."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
