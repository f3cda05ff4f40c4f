"""Progress on stderr: a bar on a terminal, otherwise one line per stream, nothing with --quiet."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

import click

from cksync.api.throttle import floor_seconds
from cksync.cli.streams import Above, steering, visible
from cksync.config import Config
from cksync.pipeline.events import Event, Merging, Note, PageRead, PullReport
from cksync.plural import plural
from cksync.secrets import redact


@contextmanager
def shown(config: Config, *, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """Yield a function that displays the events of a pull."""
    if quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with _bar(config) as show:
            yield show
    else:
        with _lines() as show:
            yield show


@contextmanager
def _lines() -> Iterator[Callable[[Event], None]]:
    """One line per stream, after it was read."""
    rows: dict[str, list[int]] = {}

    def flush(but: str | None = None) -> None:
        for stream in [name for name in rows if name != but]:
            count, pages = rows.pop(stream)
            click.echo(f"read {stream}: {plural(count, 'row')} in {plural(pages, 'request')}", err=True)

    def show(event: Event) -> None:
        if isinstance(event, Note):
            click.echo(f"note: {event.text}", err=True)
        if isinstance(event, PageRead):
            flush(but=event.slice.stream)
            so_far = rows.setdefault(event.slice.stream, [0, 0])
            so_far[0] += event.rows
            so_far[1] += 1
        if isinstance(event, PullReport):
            flush()

    yield show
    flush()


@contextmanager
def _bar(config: Config) -> Iterator[Callable[[Event], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} requests"),
        TextColumn("{task.fields[speed]}/min"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(file=steering()),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )

    def above(line: str) -> None:
        progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    with progress, _aside(above):
        task = progress.add_task("account", total=1, speed=0, left="")
        began = time.monotonic()

        def show(event: Event) -> None:
            if isinstance(event, Note):
                above(visible(f"note: {event.text}"))
            if isinstance(event, Merging):
                progress.update(task, description="merging into the mirror", left="")
            if isinstance(event, PageRead):
                spent = time.monotonic() - began
                progress.update(
                    task,
                    description=visible(event.slice.stream),
                    completed=event.requests,
                    total=event.expected,
                    speed=round(60 * event.requests / max(spent, 1)),
                    left=_left(config, event.expected, spent),
                )

        yield show


@contextmanager
def _aside(above: Callable[[str], None]) -> Iterator[None]:
    """Print terminal output above the progress bar; files and pipes are unaffected."""
    with ExitStack() as stack:
        if sys.stdout.isatty():
            stack.enter_context(redirect_stdout(Above(above)))
        stack.enter_context(redirect_stderr(Above(above)))
        yield


def _left(config: Config, requests: int, spent: float) -> str:
    """The minimum time for the remaining requests under the rate limit, as text."""
    floor = floor_seconds(requests, config.api.rate_limit, config.api.rate_period_seconds)
    return said_left(floor - spent)


def said_left(seconds: float) -> str:
    """The remaining time under the rate limit, as text; empty if the limit causes no delay."""
    if seconds < 1:
        return ""
    return f"at least {seconds / 60:.0f} min left" if seconds >= 90 else f"at least {seconds:.0f} s left"


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
