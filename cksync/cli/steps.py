"""Progress of commands that make no requests: on a terminal a line that is redrawn, otherwise a line a minute."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from cksync.cli import frame
from cksync.cli.bar import bar
from cksync.cli.streams import visible
from cksync.clock import REAL_TIME, Time
from cksync.domain import OnStep, Step, unseen

LINE_SECONDS = 60.0


@contextmanager
def stepping(*, quiet: bool, unit: str = "steps", time: Time | None = None) -> Iterator[OnStep]:
    """Yield a function that displays the steps of a command; `unit` is what they count."""
    time = time or REAL_TIME
    if quiet:
        yield unseen
    elif sys.stderr.isatty():
        with _drawn(unit, time) as show:
            yield show
    else:
        yield _said(unit, time)


@contextmanager
def _drawn(unit: str, time: Time) -> Iterator[Callable[[Step], None]]:
    step, began = Step("starting", 0, 0), time.ticks()
    with bar(lambda width: [line(step, unit, time.ticks() - began, width)], time) as drawn:

        def show(now: Step) -> None:
            nonlocal step
            step = now
            drawn.draw()

        yield show


def _said(unit: str, time: Time) -> Callable[[Step], None]:
    began = said_at = time.ticks()

    def show(step: Step) -> None:
        nonlocal said_at
        now = time.ticks()
        if now - said_at >= LINE_SECONDS:
            said_at = now
            click.echo(f"{step.what}: {step.done:,} of {step.total:,} {unit}, {frame.elapsed(now - began)}", err=True)

    return show


def line(step: Step, unit: str, seconds: float, width: int) -> str:
    """Return what to show of a step."""
    what, spent = visible(step.what), frame.elapsed(seconds)
    if not step.total:
        return f"{what}, {spent}"
    counts = f"{step.done:,} of {step.total:,} {unit}"
    room = min(width - len(what) - len(counts) - len(spent) - 8, frame.WIDEST_BAR)
    if room < frame.NARROWEST_BAR:
        return f"{what}: {counts}, {spent}"
    full = int(room * min(step.done / step.total, 1.0))
    return f"{what}  [{'#' * full}{'.' * (room - full)}]  {counts}  {spent}"
