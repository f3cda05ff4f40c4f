"""Build a data folder with a hand-written log: what a pull would have stored, at the times a test chooses."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cksync.domain import Checkpoint, LoadEnd, Page, Record, Request, Slice
from cksync.folder import Folder
from cksync.load.log import Start, Writer, load_id_at
from tests.support.published import rows_of

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
NEVER = 1_000_000  # pages until a segment is full: the test decides when to store one

Given = str | dict[str, Any] | Record


def at(minutes: float) -> datetime:
    """Return a time of the test, counted from nine o'clock."""
    return NINE + timedelta(minutes=minutes)


def record(given: Given) -> Record:
    """Return a record from its text or its fields, with the key that the API's catalog gives it."""
    if isinstance(given, Record):
        return given
    text = given if isinstance(given, str) else json.dumps(given)
    fields = json.loads(text)
    name = "primary_email_address" if "primary_email_address" in fields else "id"
    return Record(str(fields[name]), text.encode())


def gone(key: object) -> Record:
    """Return a 404 for this key."""
    return Record(str(key), None)


class LogBuilder:
    """A log of loads, each written page by page."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root)
        self.folder.prepare()
        self.ids: list[str] = []

    def begin(
        self, minutes: float = 0, *, account: str = "kai@example.com", allowed: tuple[str, ...] = ()
    ) -> "LoadBuilder":
        """Begin a load at that time, a moment before its first request; its id joins `ids`."""
        began_at = at(minutes) - timedelta(seconds=1) + timedelta(microseconds=len(self.ids))
        self.ids.append(load_id_at(began_at))
        start = Start(at(minutes), account, (), allowed)
        return LoadBuilder(Writer(self.folder.log, self.ids[-1], start, NEVER, ticks=lambda: 0.0))

    def write(self, slice_: Slice, minutes: float, given: Iterable[Given], **reading: Any) -> None:
        """Write a finished load of its own that read one page: see `LoadBuilder.page`."""
        load = self.begin(minutes)
        load.page(slice_, minutes, given, **reading)
        load.end(minutes)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Query the published mirror."""
        return rows_of(self.folder.mirror, query)


class LoadBuilder:
    """A load of the log while it is written."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def page(
        self,
        slice_: Slice,
        minutes: float,
        given: Iterable[Given],
        *,
        number: int = 1,
        is_complete: bool = False,
        read_from: float | None = None,
        is_gone: bool = False,
    ) -> None:
        """Add a page requested at that time; `is_complete`: with it the slice was read completely, from `read_from` on
        (this page alone if None)."""
        records = tuple(map(record, given))
        began_at = at(minutes if read_from is None else read_from)
        self.writer.add(
            Page(Request(slice_, "path", {}, number), at(minutes), at(minutes), None, (), records),
            Checkpoint(
                slice_,
                began_at,
                began_at,
                next_page=number + 1,
                rows=len(records),
                is_done=is_complete,
                is_complete=is_complete,
                proof="content" if is_complete else None,
                is_gone=is_gone,
            ),
        )

    def store(self) -> None:
        """End a segment here."""
        self.writer.flush()

    def end(self, minutes: float = 0, *, exit_status: int = 0, is_finished: bool = True) -> None:
        """End the load, and with it its round if it `is_finished`."""
        self.writer.flush(LoadEnd(at(minutes), exit_status, "done", is_finished))
