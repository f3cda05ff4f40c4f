"""Scans that need another look, and scans without requests."""

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cksync.domain import Checkpoint, Miss, Page, Request, Slice
from cksync.extract.first_pages import FirstPages
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import Scan


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait of so many seconds before the next scans: lists and counts of API v4 are minutes behind."""

    seconds: float


Phases = Generator[Sequence[Scan] | FirstPages | Pause, None, None]
# Phases that return the last scan of each list, by the name of its slice.
Reading = Generator[Sequence[Scan] | FirstPages | Pause, None, dict[str, CursorScan]]


class Proved:
    """What needs no request: a list that other requests have proved, or that an earlier load of the round has read."""

    absent: Collection[int] = ()
    pages_left = 0

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.slice, self.checkpoint = checkpoint.slice, checkpoint
        self.keys: set[str] = set()

    def ask(self) -> Request | None:
        """Return no request."""
        return None

    def tell(self, page: Page) -> None:
        """Receive nothing."""

    def miss(self, missed: Miss) -> None:
        """Receive nothing."""


def proved(slice_: Slice, at: datetime, rows: int, doubt: str | None = None) -> Proved:
    """Return a list of so many rows whose content is proved as of `at`, unless it is in `doubt`."""
    complete = doubt is None
    proof = "content" if complete else None
    return Proved(
        Checkpoint(slice_, at, at, rows=rows, is_done=True, is_complete=complete, doubt=doubt, proof=proof)  # type: ignore[arg-type]
    )


def settle(scans: Iterable[CursorScan], seconds: float) -> Reading:
    """Run scans; walk those again whose count does not match: at once, and once more after some `seconds`. Return the
    last scan of each slice, by name."""
    last = {scan.slice.name: scan for scan in scans}
    yield list(last.values())
    for wait in (0.0, seconds):
        again = {name: scan.again() for name, scan in last.items() if scan.is_worth_repeating}
        if not again:
            break
        if wait:
            yield Pause(wait)
        yield list(again.values())
        last |= again
    return last


def as_of(checkpoint: Checkpoint, rows: int) -> Checkpoint:
    """Return a checkpoint of a list that was brought up to date: so many rows, by count."""
    return replace(checkpoint, rows=rows, proof="counts" if checkpoint.is_complete else None)
