"""A data folder whose log is written by hand: what a pull would have stored, at the times a test says."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from cksync.domain import Checkpoint, LoadEnd, Page, Record, Request, Slice
from cksync.folder import Folder
from cksync.load.log import Start, Writer, load_id_at
from cksync.load.merge import Merged, merge
from cksync.load.schema import create
from cksync.load.seen import Reading, Round
from cksync.load.tables import casts, tables
from cksync.load.versions import Change

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
NEVER = 1_000_000  # pages until a segment is full: the test says when to store one

Given = str | dict[str, Any] | Record


def at(minutes: float) -> datetime:
    """A time of the test, counted from nine o'clock."""
    return NINE + timedelta(minutes=minutes)


def record(given: Given) -> Record:
    """A record from its text or its fields, with the key that the API's catalogue gives it."""
    if isinstance(given, Record):
        return given
    text = given if isinstance(given, str) else json.dumps(given)
    fields = json.loads(text)
    name = "primary_email_address" if "primary_email_address" in fields else "id"
    return Record(str(fields[name]), text.encode())


def gone(key: object) -> Record:
    """The API answered 404 for this key."""
    return Record(str(key), None)


class Book:
    """A log of loads, each written page by page."""

    def __init__(self, root: Path) -> None:
        self.folder = Folder(root)
        self.folder.prepare()
        self.ids: list[str] = []

    def begin(self, minutes: float = 0, *, account: str = "kai@example.com", allowed: tuple[str, ...] = ()) -> "Entry":
        """A load that starts then, a moment before its first request; its id joins `ids`."""
        began_at = at(minutes) - timedelta(seconds=1) + timedelta(microseconds=len(self.ids))
        self.ids.append(load_id_at(began_at))
        start = Start(at(minutes), account, (), allowed)
        return Entry(Writer(self.folder.log, self.ids[-1], start, NEVER, ticks=lambda: 0.0))

    def write(self, slice_: Slice, minutes: float, given: Iterable[Given], **reading: Any) -> None:
        """A load of its own, finished, that read one page: see `Entry.page`."""
        entry = self.begin(minutes)
        entry.page(slice_, minutes, given, **reading)
        entry.end(minutes)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The published mirror's answer."""
        with duckdb.connect(str(self.folder.mirror), read_only=True) as db:
            db.execute("set TimeZone = 'UTC'")
            return db.execute(query).fetchall()


class Entry:
    """One load of a book while it is written."""

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
        """A page that was asked for then; `is_complete`: with it all of the slice was read, from
        `read_from` on (this page alone when None)."""
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
        """Close the load, and with it its round if it `is_finished`."""
        self.writer.flush(LoadEnd(at(minutes), exit_status, "done", is_finished))


class Mirror:
    """Some tables of the mirror in memory, into which a test merges segments as it groups them."""

    def __init__(self, book: Book, *names: str) -> None:
        self.book = book
        self.tables = [table for table in tables() if table.name in names]
        self.db = duckdb.connect(config={"threads": 1})
        self.db.execute("set TimeZone = 'UTC'")
        self.db.execute(casts())
        create(self.db, self.tables)
        self._paths: list[Path] = []
        self._new: dict[str, list[Path]] = {}
        self._complete: dict[str, Reading] = {}
        self._rounds: list[Round] = []
        self._began_at = NINE

    def see(
        self,
        slice_: Slice,
        minutes: float,
        *given: Given,
        is_complete: bool = False,
        read_from: float | None = None,
        is_exempt: bool = False,
    ) -> None:
        """Put a page into the log; the next merge takes it in."""
        if not self._new:
            self._began_at = at(minutes)
        entry = self.book.begin(minutes)
        entry.page(slice_, minutes, given)
        entry.store()
        path = self.book.folder.log / entry.writer.load_id / "000001.parquet"
        self._paths.append(path)
        self._new.setdefault(slice_.stream, []).append(path)
        if is_complete:
            began_at = at(minutes if read_from is None else read_from)
            self._complete[slice_.name] = Reading(slice_.name, began_at, is_exempt)

    def merge(self) -> dict[str, Change]:
        """Take in what was seen since the last merge: what it did, by table."""
        return {change.table: change for change in self.take_in().changes}

    def take_in(self) -> Merged:
        """The same, with what it could not believe; of several rounds that of the last one."""
        self.end_round()
        rounds, self._rounds = self._rounds, []
        return merge(self.db, self.tables, rounds)[-1]

    def end_round(self) -> None:
        """What is seen from now on belongs to another round, which the next merge takes in after this one."""
        self._rounds.append(Round(self._began_at, self._new, self._paths[:], tuple(self._complete.values())))
        self._new, self._complete = {}, {}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(query, list(parameters)).fetchall()

    def close(self) -> None:
        self.db.close()
