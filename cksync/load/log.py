"""The log: Parquet segments that hold records and the checkpoints they make true, never changed once written.

    log/<load_id>/000001.parquet    columns SCHEMA, one row a record, as the API sent it
                                    metadata `cksync`: what the segment makes true (see `Segment`)
    log/<load_id>/000001-000057.parquet
                                    a snapshot: the rows of the segments that it names, and what each of
                                    them made true (see `compact`)

A load is one run that read the API; its id sorts by time. A round is the loads that together read
everything once: a killed or stopped load leaves its round open, and the next one goes on with it. What was read
before the stop is then brought up to date in a round of its own.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cksync.domain import Attempt, Checkpoint, LoadEnd, Page, Slice
from cksync.errors import Failed
from cksync.folder import put_in_place, sync_folder

SCHEMA = pa.schema(
    [
        pa.field("stream", pa.string(), nullable=False),
        pa.field("slice", pa.string(), nullable=False),
        pa.field("page", pa.int32(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("received_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("record", pa.string()),
    ]
)
T = TypeVar("T")
REQUESTS = "_requests"
PUSHES = "_pushes"
_REQUESTS, _PUSHES = Slice(REQUESTS, REQUESTS), Slice(PUSHES, PUSHES)
# What a load that writes to the account has for its streams.
PUSH = ("push",)
# The page of a row that was found to be in its slice no more. (A 404 stands on the page that asked for it.)
ABSENT = 0
FLUSH_SECONDS = 1.0
# So much text is typed at once: DuckDB holds several copies of all of it.
PORTION_BYTES = 8_000_000
# A segment with so much text is stored at once.
SEGMENT_BYTES = 1_000_000
# How the log is written: only the names of streams and slices repeat, and nothing searches by a column.
_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["stream", "slice"],
    "write_statistics": False,
}
# Pages that a kill may cost: those read and not yet stored, and those under way. One is left for the
# page that a resumed slice reads again.
LOSE_PAGES = 9


@dataclass(frozen=True, slots=True)
class Start:
    """What a load knows about itself from its first segment on. `account` is '' when nobody answered;
    `streams` is empty when all are read; `allowed` are the safety rules that the user lifted; `planned` is
    how many requests were foreseen, `base` how many of them for certain, by group."""

    started_at: datetime
    account: str
    streams: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    depth: str = "nightly"
    planned: int | None = None
    base: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """The metadata of one file: its place, and what became true with it."""

    load_id: str
    number: int
    start: Start
    streams: tuple[str, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    end: LoadEnd | None = None
    format: int = 1


@dataclass(frozen=True)
class Load:
    """One load, folded from its segments. `end` is None while it runs, and when it was killed; `files` says
    where each segment is, by its number."""

    load_id: str
    start: Start
    segments: tuple[Segment, ...]
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    end: LoadEnd | None = None
    files: Mapping[int, Path] = field(default_factory=dict)

    def files_of(self, segments: Iterable[Segment]) -> list[Path]:
        """The files that hold these segments."""
        return sorted({self.files[segment.number] for segment in segments})


class Writer:
    """Collects what a load reads, and stores it segment by segment. `ticks` are seconds of a clock that never jumps."""

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
        """Take a page of a walk in; stored at the latest a few pages or a second later."""
        self._checkpoints[page.request.slice.name] = checkpoint
        self.observe(page, absent)

    def observe(self, page: Page, absent: Iterable[int] = ()) -> None:
        """Take a page in that is part of no walk.

        `absent` are rows that it proves to be in the slice no more: page 0, without a record.
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
        """Take in that a request of a walk had no usable answer."""
        self._checkpoints[checkpoint.slice.name] = checkpoint
        self.add_attempts(attempts)
        self.flush_if_due()

    def mark(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Note what is known about slices without a new page."""
        self._checkpoints.update({checkpoint.slice.name: checkpoint for checkpoint in checkpoints})

    def add_attempts(self, attempts: Iterable[Attempt]) -> None:
        """Requests made are a stream of the log like any other."""
        for place, attempt in enumerate(attempts, 1):
            at = _microseconds(attempt.requested_at)
            self._rows.add(_REQUESTS, 1, [place], [None], at, at, [msgspec.json.encode(attempt)])

    def note_push(self, at: datetime, text: bytes) -> None:
        """What became of a change that was pushed, as JSON: see `_cksync.pushes`."""
        when = _microseconds(at)
        self._rows.add(_PUSHES, 1, [1], [None], when, when, [text])

    def flush_if_due(self) -> None:
        """Store what has come when it is enough or old enough."""
        is_enough = self._pages >= self._flush_pages or self._bytes >= SEGMENT_BYTES
        if is_enough or self._ticks() - self._flushed >= FLUSH_SECONDS:
            self.flush()

    def flush(self, end: LoadEnd | None = None) -> None:
        """Store everything now. Raises Failed when the disk does not take it; the log stays valid."""
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
        """How many segments are stored."""
        return self._segment.number


class _Rows:
    """Rows of a segment while they are collected, column by column as Arrow takes them."""

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
        """Rows that differ in their place, key and record alone."""
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


def write_rows(table: pa.Table, file: BinaryIO) -> None:
    """Rows of the log as Parquet."""
    pq.write_table(table, file, **_PARQUET)


@contextlib.contextmanager
def put_whole(path: Path) -> Iterator[BinaryIO]:
    """A file to write that stands in its place when it is whole, and not before."""
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    put_in_place(temporary, path)


@lru_cache(maxsize=10_000)  # a stored file never changes
def _extent(path: Path) -> tuple[int, int]:
    try:
        held = pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    return sum(int(held.row_group(n).total_byte_size) for n in range(held.num_row_groups)), int(held.num_rows)


def size(path: Path) -> int:
    """How many bytes a file of the log holds when it is unpacked. Raises Failed when it cannot be read."""
    return _extent(path)[0]


def row_count(path: Path) -> int:
    """How many rows a file of the log holds. Raises Failed when it cannot be read."""
    return _extent(path)[1]


def row_of(path: Path, number: int) -> pa.Table:
    """One row of a file, as a table. Raises Failed when the file cannot be read."""
    return _read_table(path, SCHEMA.names).slice(number, 1)


def records(path: Path, numbers: Sequence[int]) -> list[str]:
    """The records of some rows of a file. Raises Failed when it cannot be read."""
    texts: list[str] = _read_table(path, ["record"])["record"].take(numbers).to_pylist()
    return texts


def _read_table(path: Path, names: Sequence[str]) -> pa.Table:
    try:
        # one thread: where no other can be started, Arrow waits for it without end
        return pq.read_table(path, columns=list(names), use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def portions(sized: Iterable[tuple[T, int]], most: int) -> Iterator[list[T]]:
    """Things in their order, in groups of no more than `most` bytes, unless one alone has more."""
    group: list[T] = []
    held = 0
    for thing, bytes_ in sized:
        if group and held + bytes_ > most:
            yield group
            group, held = [], 0
        group.append(thing)
        held += bytes_
    if group:
        yield group


def _microseconds(at: datetime) -> int:
    """A time as Arrow holds it."""
    return round(at.timestamp() * 1_000_000)


@lru_cache(maxsize=10_000)
def decode(path: Path) -> tuple[Segment, ...]:
    """The metadata of the segments in a file. Raises Failed when the file is not one of ours."""
    try:
        text = (pq.read_schema(path).metadata or {})[b"cksync"]
        if text.startswith(b"["):
            return msgspec.json.decode(text, type=tuple[Segment, ...])
        return (msgspec.json.decode(text, type=Segment),)
    except (pa.ArrowException, OSError, KeyError, msgspec.DecodeError) as error:
        raise _damaged(path, error) from None


def _columns(path: Path, names: list[str]) -> list[list[Any]]:
    """Columns of a segment. Raises Failed when it cannot be read."""
    return [column.to_pylist() for column in _read_table(path, names).columns]


def _damaged(path: Path, error: Exception) -> Failed:
    return Failed(
        f"log: {path} is damaged ({type(error).__name__}); restore it from a backup, or move its folder away so"
        " that the next pull reads its contents again"
    )


def load_id_at(at: datetime) -> str:
    """The id of a load that starts then; ids sort by time."""
    return at.strftime("%Y%m%dT%H%M%S.%fZ")


_STORED = re.compile(r"([0-9]+)(?:-([0-9]+))?\.parquet")


def is_single(path: Path) -> bool:
    """Whether a file holds one segment as it was written, and is no snapshot."""
    return "-" not in path.name


def segment_numbers(name: str) -> tuple[int, int] | None:
    """The first and the last segment in a file of that name; None when it is no file of segments."""
    if found := _STORED.fullmatch(name):
        return int(found[1]), int(found[2] or found[1])
    return None


def _stored(folder: Path, load_id: str) -> list[tuple[int, int, bool, str]]:
    """The stored files of a load: the first segment, the last one (negative), whether it is a segment, and the name.
    Sorted, of files with one beginning the largest comes first, and a snapshot before a segment."""
    with os.scandir(folder / load_id) as entries:
        found = [(segment_numbers(entry.name), entry.name) for entry in entries]
    return sorted((held[0], -held[1], "-" not in name, name) for held, name in found if held)


def all_files(folder: Path, load_id: str) -> set[Path]:
    """Every stored file of a load."""
    return {folder / load_id / name for *_, name in _stored(folder, load_id)}


def segment_files(folder: Path, load_id: str) -> list[Path]:
    """The files of a load, in order, without segments that a snapshot holds too."""
    files: list[Path] = []
    end, place = 0, folder / load_id
    for _, last, _, name in _stored(folder, load_id):
        if -last > end:
            files.append(place / name)
            end = -last
    return files


def segment_count(folder: Path, load_id: str) -> int:
    """How many segments a load has stored."""
    return max(-last for _, last, _, _ in _stored(folder, load_id))


def load_ids(folder: Path) -> list[str]:
    """All loads of the log, oldest first."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and _has_segments(entry.path))


def _has_segments(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return any(segment_numbers(entry.name) for entry in entries)


def read_load(folder: Path, load_id: str) -> Load:
    """Fold a load's segments. Raises Failed when one is damaged."""
    held = [(segment, path) for path in segment_files(folder, load_id) for segment in decode(path)]
    segments = tuple(segment for segment, _ in held)
    checkpoints = {c.slice.name: c for segment in segments for c in segment.checkpoints}
    files = {segment.number: path for segment, path in held}
    return Load(load_id, segments[0].start, segments, checkpoints, segments[-1].end, files)


def open_round(folder: Path) -> list[Load]:
    """The loads of the round that is not finished yet, oldest first; empty: a new one begins.

    What was read before a push has to be read again: the account is another one since.
    """
    loads: list[Load] = []
    for load_id in reversed(load_ids(folder)):
        load = read_load(folder, load_id)
        if load.start.streams == PUSH or _is_finished(load):
            break
        loads.append(load)
    return loads[::-1]


def is_published(folder: Path, published: Set[str]) -> bool:
    """Whether the last finished load is among those `published`: a process may die in between."""
    finished = (load_id for load_id in reversed(load_ids(folder)) if _is_finished(read_load(folder, load_id)))
    return next(finished, None) in {None, *published}


def _is_finished(load: Load) -> bool:
    return load.end is not None and load.end.is_finished


def was_cut_off(folder: Path) -> bool:
    """Whether the last load was killed."""
    return any(read_load(folder, load_id).end is None for load_id in load_ids(folder)[-1:])


def newest_observation(folder: Path) -> datetime | None:
    """The time of the newest row of the log; None when it is empty."""
    for load_id in reversed(load_ids(folder)):
        for path in reversed(segment_files(folder, load_id)):
            (times,) = _columns(path, ["received_at"])
            if times:
                newest: datetime = max(times)
                return newest
    return None


def pinned_account(folder: Path) -> str | None:
    """The address of the account that the log belongs to; None before the first load that knew it."""
    for load_id in reversed(load_ids(folder)):
        account = decode(segment_files(folder, load_id)[0])[0].start.account
        if account:
            return account
    return None


def keys_by_slice(
    loads: Iterable[Load], checkpoints: Mapping[str, Checkpoint]
) -> tuple[dict[str, set[str]], dict[str, set[int]]]:
    """The distinct keys read of each slice, and those found absent, as far as they count for its checkpoint."""
    found: dict[str, set[str]] = {name: set() for name in checkpoints}
    absent: dict[str, set[int]] = {}
    for path in (path for load in loads for path in load.files_of(load.segments)):
        columns = _columns(path, ["slice", "page", "key", "observed_at"])
        for name, page, key, observed_at in zip(*columns, strict=True):
            if key is None or name not in checkpoints or observed_at < checkpoints[name].read_from:
                continue
            if page == ABSENT:
                absent.setdefault(name, set()).add(int(key))
            else:
                found[name].add(key)
    return found, absent


def was_ever_finished(folder: Path) -> bool:
    """Whether any pull has read the whole account: until then it is the first."""
    loads = (read_load(folder, load_id) for load_id in reversed(load_ids(folder)))
    return any(load.end is not None and load.end.is_finished and not load.start.streams for load in loads)
