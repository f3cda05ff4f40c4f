"""Progress on stderr: on a terminal two lines that are redrawn, else a whole line a minute; nothing with --quiet."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from cksync.cli import frame
from cksync.cli.bar import bar
from cksync.cli.frame import Limit, Shown
from cksync.cli.streams import visible
from cksync.clock import REAL_TIME, Time
from cksync.config import Config
from cksync.pipeline.events import Event, Forecast, Merging, Note, PageRead, PullReport, Waiting
from cksync.plural import plural
from cksync.secrets import redact

# Without a terminal, how often to say how far a pull is.
LINE_SECONDS = 60.0
# Requests that take longer than this are announced; others are over by then.
WORTH_TELLING_SECONDS = 5.0


@contextmanager
def shown(config: Config, *, quiet: bool, time: Time = REAL_TIME) -> Iterator[Callable[[Event], None]]:
    """Yield a function that displays the events of a pull."""
    limit = Limit(config.api.rate_limit, config.api.rate_period_seconds)
    state = Shown(limit, time.ticks())
    if quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with _drawn(state, time) as show:
            yield show
    else:
        with _said(state, time) as show:
            yield show


def _is_worth_telling(cost: Forecast) -> bool:
    return cost.seconds - cost.merging_seconds >= WORTH_TELLING_SECONDS


def _wall(time: Time) -> datetime:
    """The time in the zone of the machine, which its user reads."""
    return time.wall().astimezone()


@contextmanager
def _drawn(state: Shown, time: Time) -> Iterator[Callable[[Event], None]]:
    with bar(lambda width: frame.lines(state, time.ticks(), _wall(time), width), time) as drawn:

        def show(event: Event) -> None:
            state.take(event, time.ticks())
            if isinstance(event, Note):
                drawn.above(visible(f"note: {event.text}"))
            elif isinstance(event, Forecast) and _is_worth_telling(event):
                drawn.above(frame.cost_text(event, state.limit, _wall(time)))
            elif not isinstance(event, PullReport):
                drawn.draw()

        yield show


@contextmanager
def _said(state: Shown, time: Time) -> Iterator[Callable[[Event], None]]:
    """Whole lines: the cost, every minute how far the pull is, and the end of reading."""
    said_at = state.began

    def say(text: str) -> None:
        nonlocal said_at
        said_at = time.ticks()
        click.echo(text, err=True)

    def show(event: Event) -> None:
        now = time.ticks()
        reason = state.waiting.reason if state.waiting else None
        state.take(event, now)
        if isinstance(event, Note):
            click.echo(f"note: {event.text}", err=True)
        elif isinstance(event, Forecast) and _is_worth_telling(event):
            say(frame.cost_text(event, state.limit, _wall(time)))
        elif isinstance(event, Waiting) and event.reason not in ("limit", reason):
            say(frame.doing(state, now))
        elif isinstance(event, Merging) and not event.is_early:
            say(f"Read everything: {plural(state.made, 'request')} in {frame.elapsed(now - state.began)}; merging.")
        elif isinstance(event, PageRead | Waiting) and now - said_at >= LINE_SECONDS:
            say(_minute(state, now, _wall(time)))

    yield show


def _minute(state: Shown, now: float, wall: datetime) -> str:
    """Say how far a pull is."""
    if state.forecast is None:
        return f"{plural(state.made, 'request')} so far; counting what there is to read"
    left = frame.left_text(state.seconds_left(now) or 0.0, wall)
    return f"{state.made:,} of {plural(max(state.forecast.requests, state.made), 'request')}, {left}"


class _Clean(logging.Formatter):
    """Masks secrets in all log lines."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_logging(verbosity: int, *, quiet: bool) -> None:
    """Log warnings to stderr, with -v also messages of libraries, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Clean("%(levelname)s %(name)s: %(message)s" if verbosity else "%(message)s"))
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(
        handlers=[handler], level=logging.DEBUG if verbosity > 1 else logging.INFO if verbosity else level
    )
