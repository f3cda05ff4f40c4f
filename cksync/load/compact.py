"""Compact the log: combine the segments of finished loads into few files, losing nothing."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cksync.errors import Failed
from cksync.load.log import all_files, decode, is_single, load_ids, segment_files
from cksync.load.log_files import PORTION_BYTES, SCHEMA, portions, put_whole, size, write_rows


def compact(folder: Path, but: str) -> None:
    """Combine the segments of every load except `but` into few files, with every row and every checkpoint.

    Killed at any time it leaves the segments, the snapshot, or both: then the snapshot counts. Raises Failed on a disk
    error; the segments stay.
    """
    for load_id in load_ids(folder):
        if load_id != but:
            _compact(folder, load_id)


def _compact(folder: Path, load_id: str) -> None:
    paths = segment_files(folder, load_id)
    if any(is_single(path) for path in paths):
        for group in portions(((path, size(path)) for path in paths), PORTION_BYTES):
            _write_snapshot(folder / load_id, group)
    for path in all_files(folder, load_id).difference(segment_files(folder, load_id)):
        path.unlink()


def _write_snapshot(folder: Path, paths: Sequence[Path]) -> None:
    if not any(map(is_single, paths)):
        return
    segments = [segment for path in paths for segment in decode(path)]
    snapshot = folder / f"{segments[0].number:06d}-{segments[-1].number:06d}.parquet"
    schema = SCHEMA.with_metadata({"cksync": msgspec.json.encode(segments)})
    try:
        table = pa.concat_tables([pq.read_table(path, schema=SCHEMA, use_threads=False) for path in paths]).cast(schema)
        with put_whole(snapshot) as file:
            write_rows(table, file)
    except OSError as error:
        raise Failed(f"log: {snapshot} cannot be written: {error.strerror or error}") from None
