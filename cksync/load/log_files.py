"""The Parquet files of the log: written whole or not at all, and read by row.

What the rows mean, and the metadata of a file, is up to log.py.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cksync.errors import Failed
from cksync.folder import put_in_place

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
# The most text to convert at once: DuckDB holds several copies of it.
PORTION_BYTES = 8_000_000
# How the log is encoded: only the names of streams and slices repeat, and no query searches by a column.
_PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "use_dictionary": ["stream", "slice"],
    "write_statistics": False,
}


def write_rows(table: pa.Table, file: BinaryIO) -> None:
    """Write rows of the log as Parquet."""
    pq.write_table(table, file, **_PARQUET)


@contextlib.contextmanager
def put_whole(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write that appears at its path only when complete."""
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
        raise damaged(path, error) from None
    return sum(int(held.row_group(n).total_byte_size) for n in range(held.num_row_groups)), int(held.num_rows)


def size(path: Path) -> int:
    """Return the unpacked size of a log file in bytes. Raises Failed if it cannot be read."""
    return _extent(path)[0]


def row_count(path: Path) -> int:
    """Return the number of rows of a log file. Raises Failed if it cannot be read."""
    return _extent(path)[1]


def row_of(path: Path, number: int) -> pa.Table:
    """Return one row of a file as a table. Raises Failed if the file cannot be read."""
    return _read_table(path, SCHEMA.names).slice(number, 1)


def records(path: Path, numbers: Sequence[int]) -> list[str]:
    """Return the records of some rows of a file. Raises Failed if it cannot be read."""
    texts: list[str] = _read_table(path, ["record"])["record"].take(numbers).to_pylist()
    return texts


def _read_table(path: Path, names: Sequence[str]) -> pa.Table:
    try:
        # one thread: if no other can be started, Arrow waits for it forever
        return pq.read_table(path, columns=list(names), use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(path, error) from None


def portions(sized: Iterable[tuple[T, int]], most: int) -> Iterator[list[T]]:
    """Group things in order, at most `most` bytes a group unless one alone has more."""
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


def read_columns(path: Path, names: list[str]) -> list[list[Any]]:
    """Return columns of a segment. Raises Failed if it cannot be read."""
    return [column.to_pylist() for column in _read_table(path, names).columns]


def damaged(path: Path, error: Exception) -> Failed:
    return Failed(
        f"log: {path} is damaged ({type(error).__name__}); restore it from a backup, or move its folder away so"
        " that the next pull reads its contents again"
    )
