"""Compaction: the segments of loads that are over are put into few files, and nothing of them is dropped."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cksync.errors import Failed
from cksync.load.log import (
    SCHEMA,
    all_files,
    decode,
    is_single,
    load_ids,
    put_whole,
    row_count,
    segment_files,
    segment_numbers,
)

# A snapshot has no more rows than this, unless one segment alone has.
SNAPSHOT_ROWS = 20_000


def compact(folder: Path, but: str) -> None:
    """Put the segments of every load `but` one into few files, with every row and every checkpoint.

    Killed at any instant it leaves the segments, the snapshot, or both: then the snapshot counts. Raises
    Failed when the disk does not take it; the segments stay.
    """
    for load_id in load_ids(folder):
        if load_id != but:
            _compact(folder, load_id)


def _compact(folder: Path, load_id: str) -> None:
    paths = segment_files(folder, load_id)
    if any(is_single(path) for path in paths):
        for group in _groups(paths):
            _write_snapshot(folder / load_id, group)
    for path in all_files(folder, load_id) - set(segment_files(folder, load_id)):
        path.unlink()


def _groups(paths: Iterable[Path]) -> Iterator[list[Path]]:
    """Files in their order, as many together as a snapshot may have rows."""
    group: list[Path] = []
    rows = 0
    for path in paths:
        count = row_count(path)
        if group and rows + count > SNAPSHOT_ROWS:
            yield group
            group, rows = [], 0
        group.append(path)
        rows += count
    yield group


def _write_snapshot(folder: Path, paths: Sequence[Path]) -> None:
    if not any(map(is_single, paths)):
        return
    snapshot = folder / f"{segment_numbers(paths[0])[0]:06d}-{segment_numbers(paths[-1])[1]:06d}.parquet"
    segments = [segment for path in paths for segment in decode(path)]
    schema = SCHEMA.with_metadata({"cksync": msgspec.json.encode(segments)})
    try:
        table = pa.concat_tables([pq.read_table(path, schema=SCHEMA) for path in paths]).cast(schema)
        with put_whole(snapshot) as file:
            pq.write_table(table, file, compression="zstd")
    except OSError as error:
        raise Failed(f"log: {snapshot} cannot be written: {error.strerror or error}") from None
