"""Progress on stderr: a bar on a terminal, a line a stream elsewhere, nothing with --quiet."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

import click

from cksync.api.throttle import floor_seconds
from cksync.cli.streams import Above, steering, visible
from cksync.config import Config
from cksync.pipeline.events import Event, Note, PageRead, PullReport
from cksync.secrets import redact


@contextmanager
def shown(config: Config, *, quiet: bool) -> Iterator[Callable[[Event], None]]:
    """What to call with each event of a pull."""
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
    """One line for each stream, once it is read."""
    rows: dict[str, list[int]] = {}

    def flush(but: str | None = None) -> None:
        for stream in [name for name in rows if name != but]:
            count, pages = rows.pop(stream)
            click.echo(f"read {stream}: {count:,} rows in {pages:,} requests", err=True)

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
    """Let what is printed to the terminal beside a bar go above it; a file or a pipe gets its part as ever."""
    with ExitStack() as stack:
        if sys.stdout.isatty():
            stack.enter_context(redirect_stdout(Above(above)))
        stack.enter_context(redirect_stderr(Above(above)))
        yield


def _left(config: Config, requests: int, spent: float) -> str:
    """The time that the limit alone still takes for what is known to be left."""
    floor = floor_seconds(requests, config.api.rate_limit, config.api.rate_period_seconds)
    return said_left(floor - spent)


def said_left(seconds: float) -> str:
    """How long it still takes, as far as the limit tells; nothing when it does not hold anything up."""
    if seconds < 1:
        return ""
    return f"at least {seconds / 60:.0f} min left" if seconds >= 90 else f"at least {seconds:.0f} s left"


class _Clean(logging.Formatter):
    """Log lines without secrets, whoever wrote them."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def start_logging(verbosity: int, *, quiet: bool) -> None:
    """Warnings on stderr; with -v what the libraries say too, every line cleaned of secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Clean("%(levelname)s %(name)s: %(message)s" if verbosity else "%(message)s"))
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(
        handlers=[handler], level=logging.DEBUG if verbosity > 1 else logging.INFO if verbosity else level
    )
