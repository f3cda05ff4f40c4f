"""The log: immutable Parquet segments of records, with the checkpoints they make true.

    log/<load_id>/000001.parquet    columns SCHEMA, one row per record, as the API sent it
                                    metadata `cksync`: what the segment makes true (see `Segment`)
    log/<load_id>/000001-000057.parquet
                                    a snapshot: the rows of the segments that it names, and what each of
                                    them made true (see `compact`)

A load is one run that read the API; its id sorts by time. A round is the loads that together read everything once: a
killed or stopped load leaves its round open, and the next load continues it. What was read before the stop is then
brought up to date in a round of its own.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cksync.domain import Attempt, Checkpoint, LoadEnd, Page, Slice
from cksync.errors import Failed
from cksync.folder import sync_folder
from cksync.load.log_files import SCHEMA, damaged, put_whole, read_columns, write_rows
from cksync.versions import Version

REQUESTS = "_requests"
PUSHES = "_pushes"
_REQUESTS, _PUSHES = Slice(REQUESTS, REQUESTS), Slice(PUSHES, PUSHES)
# The stream name of a load that writes to the account.
PUSH = ("push",)
# The page of a row that was found absent from its slice. (A 404 has the page that requested it.)
ABSENT = 0
FLUSH_SECONDS = 1.0
# A segment with this much text is stored at once.
SEGMENT_BYTES = 1_000_000
# The most pages that a kill may cost: those read and not yet stored, and those in flight. One is reserved for the page
# that a resumed slice reads again.
LOSE_PAGES = 9


@dataclass(frozen=True, slots=True)
class Start:
    """The facts of a load known from its first segment on. `account` is '' if the account did not answer; `streams` is
    empty if all are read; `allowed` are the safety rules that the user lifted; `planned` is the number of planned
    requests, `base` the certain part of them, by group; `version` is that of the API."""

    started_at: datetime
    account: str
    streams: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    depth: str = "nightly"
    planned: int | None = None
    base: Mapping[str, int] | None = None
    version: Version = "v3"


@dataclass(frozen=True, slots=True)
class Segment:
    """The metadata of one segment: its position, and what became true with it."""

    load_id: str
    number: int
    start: Start
    streams: tuple[str, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    end: LoadEnd | None = None
    format: int = 1


@dataclass(frozen=True)
class Load:
    """One load, combined from its segments. `end` is None while it runs, and if it was killed; `files` maps segment
    numbers to files."""

    load_id: str
    start: Start
    segments: tuple[Segment, ...]
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    end: LoadEnd | None = None
    files: Mapping[int, Path] = field(default_factory=dict)

    def files_of(self, segments: Iterable[Segment]) -> list[Path]:
        """Return the files that hold these segments."""
        return sorted({self.files[segment.number] for segment in segments})


class Writer:
    """Collects what a load reads, and stores it segment by segment. `ticks` is a monotonic clock in seconds."""

    def __init__(
        self,
        folder: Path,
        load_id: str,
        start: Start,
        flush_pages: int,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder / load_id
        self._flush_pages = max(flush_pages, 1)
        self._segment = Segment(load_id, 0, start)
        self._rows = _Rows()
        self._checkpoints: dict[str, Checkpoint] = {}
        self._pages = self._bytes = 0
        self._ticks, self._flushed = ticks, ticks()
        self.load_id = load_id

    def add(self, page: Page, checkpoint: Checkpoint, absent: Iterable[int] = ()) -> None:
        """Add a page of a scan; it is stored a few pages or one second later at the latest."""
        self._checkpoints[page.request.slice.name] = checkpoint
        self.observe(page, absent)

    def observe(self, page: Page, absent: Iterable[int] = ()) -> None:
        """Add a page outside any scan.

        `absent` are rows that it proves to be no longer in the slice: page 0, without a record.
        """
        slice_, number = page.request.slice, page.request.page
        sent, received = _microseconds(page.sent_at), _microseconds(page.received_at)
        records = page.records
        texts = [record.text for record in records]
        self._rows.add(
            slice_, number, range(1, len(records) + 1), [record.key for record in records], sent, received, texts
        )
        gone = [str(key) for key in sorted(absent)]
        self._rows.add(slice_, ABSENT, [0] * len(gone), gone, sent, received, [None] * len(gone))
        self._bytes += sum(map(len, filter(None, texts)))
        self.add_attempts(page.attempts)
        self._pages += 1
        self.flush_if_due()

    def miss(self, attempts: Iterable[Attempt], checkpoint: Checkpoint) -> None:
        """Note a request of a scan without a usable answer."""
        self._checkpoints[checkpoint.slice.name] = checkpoint
        self.add_attempts(attempts)
        self.flush_if_due()

    def mark(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Note checkpoints of slices without a new page."""
        self._checkpoints.update({checkpoint.slice.name: checkpoint for checkpoint in checkpoints})

    def add_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Add requests, which are a stream of the log like any other."""
        for place, attempt in enumerate(attempts, 1):
            at = _microseconds(attempt.requested_at)
            self._rows.add(_REQUESTS, 1, [place], [None], at, at, [msgspec.json.encode(attempt)])

    def note_push(self, at: datetime, text: bytes) -> None:
        """Add the outcome of a pushed change, as JSON: see `_cksync.pushes`."""
        when = _microseconds(at)
        self._rows.add(_PUSHES, 1, [1], [None], when, when, [text])

    def flush_if_due(self) -> None:
        """Store what has arrived if it is large or old enough."""
        is_enough = self._pages >= self._flush_pages or self._bytes >= SEGMENT_BYTES
        if is_enough or self._ticks() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self, end: LoadEnd | None = None) -> None:
        """Store everything now. Raises Failed on a disk error; the log stays valid."""
        self._flushed = self._ticks()
        if not (self._rows or self._checkpoints or end):
            return
        segment = replace(
            self._segment,
            number=self._segment.number + 1,
            streams=tuple(sorted(set(self._rows.streams))),
            checkpoints=tuple(self._checkpoints.values()),
            end=end,
        )
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if segment.number == 1:
                sync_folder(self._folder.parent)
            _write_segment(self._folder / f"{segment.number:06d}.parquet", self._rows, segment)
        except OSError as error:
            raise Failed(f"log: {self._folder} cannot be written: {error.strerror or error}") from None
        self._segment = segment
        self._rows, self._checkpoints, self._pages, self._bytes = _Rows(), {}, 0, 0

    @property
    def segments(self) -> int:
        """Return the number of stored segments."""
        return self._segment.number


class _Rows:
    """The rows of a segment being collected, column by column as Arrow takes them."""

    def __init__(self) -> None:
        self.columns: tuple[list[Any], ...] = tuple([] for _ in SCHEMA)

    def add(
        self,
        slice_: Slice,
        page: int,
        positions: Sequence[int],
        keys: Sequence[str | None],
        sent: int,
        received: int,
        texts: Sequence[bytes | None],
    ) -> None:
        """Add rows that differ only in position, key and record."""
        count = len(keys)
        stream, name, pages = [slice_.stream] * count, [slice_.name] * count, [page] * count
        values: tuple[Iterable[Any], ...] = (
            stream,
            name,
            pages,
            positions,
            keys,
            [sent] * count,
            [received] * count,
            texts,
        )
        for column, added in zip(self.columns, values, strict=True):
            column.extend(added)

    @property
    def streams(self) -> list[str]:
        return self.columns[0]

    def __len__(self) -> int:
        return len(self.columns[0])


def _write_segment(path: Path, rows: _Rows, segment: Segment) -> None:
    schema = SCHEMA.with_metadata({"cksync": msgspec.json.encode(segment)})
    arrays = [pa.array(column, type=kind) for column, kind in zip(rows.columns, SCHEMA.types, strict=True)]
    with put_whole(path) as file:
        write_rows(pa.Table.from_arrays(arrays, schema=schema), file)


def _microseconds(at: datetime) -> int:
    """Convert a time to Arrow's representation."""
    return round(at.timestamp() * 1_000_000)


@lru_cache(maxsize=10_000)
def decode(path: Path) -> tuple[Segment, ...]:
    """Return the metadata of the segments in a file. Raises Failed if it is not a log file of cksync."""
    try:
        text = (pq.read_schema(path).metadata or {})[b"cksync"]
        if text.startswith(b"["):
            return msgspec.json.decode(text, type=tuple[Segment, ...])
        return (msgspec.json.decode(text, type=Segment),)
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
        raise damaged(path, error) from None


def load_id_at(at: datetime) -> str:
    """Return the id of a load that starts then; ids sort by time."""
    return at.strftime("%Y%m%dT%H%M%S.%fZ")


_STORED = re.compile(r"([0-9]+)(?:-([0-9]+))?\.parquet")


def is_single(path: Path) -> bool:
    """Return True if a file holds one segment as it was written, and is not a snapshot."""
    return "-" not in path.name


def segment_numbers(name: str) -> tuple[int, int] | None:
    """Return the first and the last segment in a file of that name; None if it is no file of segments."""
    if found := _STORED.fullmatch(name):
        return int(found[1]), int(found[2] or found[1])
    return None


def _stored(folder: Path, load_id: str) -> list[tuple[int, int, bool, str]]:
    """Return the stored files of a load: the first segment, the last one (negative), True for a single segment, and the
    name. Sorted: of files with the same first segment the largest comes first, and a snapshot before a segment."""
    with os.scandir(folder / load_id) as entries:
        found = [(segment_numbers(entry.name), entry.name) for entry in entries]
    return sorted((held[0], -held[1], "-" not in name, name) for held, name in found if held)


def all_files(folder: Path, load_id: str) -> set[Path]:
    """Return every stored file of a load."""
    return {folder / load_id / name for *_, name in _stored(folder, load_id)}


def segment_files(folder: Path, load_id: str) -> list[Path]:
    """Return the files of a load, in order, without segments that a snapshot also holds."""
    files: list[Path] = []
    end, place = 0, folder / load_id
    for _, last, _, name in _stored(folder, load_id):
        if -last > end:
            files.append(place / name)
            end = -last
    return files


def segment_count(folder: Path, load_id: str) -> int:
    """Return the number of segments that a load has stored."""
    return max(-last for _, last, _, _ in _stored(folder, load_id))


def load_ids(folder: Path) -> list[str]:
    """Return all loads of the log, oldest first."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and _has_segments(entry.path))


def _has_segments(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return any(segment_numbers(entry.name) for entry in entries)


def read_load(folder: Path, load_id: str) -> Load:
    """Combine a load's segments. Raises Failed if one is damaged."""
    held = [(segment, path) for path in segment_files(folder, load_id) for segment in decode(path)]
    segments = tuple(segment for segment, _ in held)
    checkpoints = {c.slice.name: c for segment in segments for c in segment.checkpoints}
    files = {segment.number: path for segment, path in held}
    return Load(load_id, segments[0].start, segments, checkpoints, segments[-1].end, files)


def open_round(folder: Path) -> list[Load]:
    """Return the loads of the unfinished round, oldest first; empty if a new round begins.

    What was read before a push must be read again, because the account has changed since.
    """
    loads: list[Load] = []
    for load_id in reversed(load_ids(folder)):
        load = read_load(folder, load_id)
        if load.start.streams == PUSH or _is_finished(load):
            break
        loads.append(load)
    return loads[::-1]


def is_published(folder: Path, published: Set[str]) -> bool:
    """Return True if the last finished load is among those `published`: a process may die in between."""
    finished = (load_id for load_id in reversed(load_ids(folder)) if _is_finished(read_load(folder, load_id)))
    return next(finished, None) in {None, *published}


def _is_finished(load: Load) -> bool:
    return load.end is not None and load.end.is_finished


def was_cut_off(folder: Path) -> bool:
    """Return True if the last load was killed."""
    return any(read_load(folder, load_id).end is None for load_id in load_ids(folder)[-1:])


def newest_observation(folder: Path) -> datetime | None:
    """Return the time of the newest row of the log; None if it is empty."""
    for load_id in reversed(load_ids(folder)):
        for path in reversed(segment_files(folder, load_id)):
            (times,) = read_columns(path, ["received_at"])
            if times:
                newest: datetime = max(times)
                return newest
    return None


def pinned_account(folder: Path) -> str | None:
    """Return the address of the account that the log belongs to; None before the first load that knew it."""
    for load_id in reversed(load_ids(folder)):
        account = decode(segment_files(folder, load_id)[0])[0].start.account
        if account:
            return account
    return None


def keys_by_slice(
    loads: Iterable[Load], checkpoints: Mapping[str, Checkpoint]
) -> tuple[dict[str, set[str]], dict[str, set[int]]]:
    """Return the distinct keys read of each slice, and those found absent, as far as they count for its checkpoint."""
    found: dict[str, set[str]] = {name: set() for name in checkpoints}
    absent: dict[str, set[int]] = {}
    for path in (path for load in loads for path in load.files_of(load.segments)):
        columns = read_columns(path, ["slice", "page", "key", "observed_at"])
        for name, page, key, observed_at in zip(*columns, strict=True):
            if key is None or name not in checkpoints or observed_at < checkpoints[name].read_from:
                continue
            if page == ABSENT:
                absent.setdefault(name, set()).add(int(key))
            else:
                found[name].add(key)
    return found, absent


def was_ever_finished(folder: Path) -> bool:
    """Return True if any pull has read the whole account; until then, the next one is the first."""
    loads = (read_load(folder, load_id) for load_id in reversed(load_ids(folder)))
    return any(load.end is not None and load.end.is_finished and not load.start.streams for load in loads)
