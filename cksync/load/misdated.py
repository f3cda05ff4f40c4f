"""Loads that a wrong clock dated into the future, and their correct time.

Observations never run backwards, so after one load from the future every later one was stamped after it. The log holds
the true time: the checkpoint of the account, which every pull requests first, has the earlier of the local clock and
the server's `Date` beside the local time of the request.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cksync.domain import Checkpoint, LoadEnd
from cksync.errors import Failed
from cksync.load.log import Load, Segment, decode, load_id_at, load_ids, read_load
from cksync.load.log_files import SCHEMA, put_whole, write_rows

# The largest difference from the API's clock that is not an error.
CLOCK_LIMIT = timedelta(days=1)
_MOMENT = timedelta(microseconds=1)
_TIMES = ("observed_at", "received_at")


@dataclass(frozen=True, slots=True)
class Misdated:
    """A load from the future: its beginning and end by its own stamps, and how far they are ahead."""

    load_id: str
    began_at: datetime
    ended_at: datetime
    ahead: timedelta


def misdated(log: Path, now: datetime) -> Sequence[Misdated]:
    """Return the loads of the log that began after `now`, oldest first; none if the log does not show their true
    time."""
    loads = [read_load(log, load_id) for load_id in load_ids(log)]
    late = [load for load in loads if load.start.started_at > now + CLOCK_LIMIT]
    known = next((ahead for load in late if (ahead := _ahead(load)) and ahead > CLOCK_LIMIT), None)
    if known is None:
        return ()
    before = [load for load in loads if load not in late]
    ended_at = _ended_at(log, before[-1]) if before else None
    found = list[Misdated]()
    for load in late:  # a load without the account request was ahead as much as the one before
        known = _ahead(load) or known
        began_at, last = load.start.started_at, _ended_at(log, load)
        ahead = known if ended_at is None else min(known, began_at - ended_at - _MOMENT)
        found.append(Misdated(load.load_id, began_at, last, ahead))
        ended_at = last - ahead
    return tuple(found)


def restamp(log: Path, aside: Path, now: datetime) -> Sequence[Misdated]:
    """Restamp the loads from the future with their true time; return them as they were before.

    They are rewritten `aside`, and then replace the old ones. Killed at any time, it leaves each load at its old or its
    correct time, and finishes on the next run (a load at both changes nothing). Raises Failed on a disk error; the log
    stays as it was.
    """
    found = misdated(log, now)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        for each in found:
            _write(log / each.load_id, aside / load_id_at(each.began_at - each.ahead), found)
    except OSError as error:
        raise Failed(f"log: {aside} cannot be written: {error.strerror or error}") from None
    for each in found:
        place = log / load_id_at(each.began_at - each.ahead)
        if not place.exists():
            (aside / place.name).rename(place)
        shutil.rmtree(log / each.load_id)
    shutil.rmtree(aside, ignore_errors=True)
    return found


def _ahead(load: Load) -> timedelta | None:
    """Return how far a load's clock was ahead of the server's; None if unknown."""
    account = load.checkpoints.get("account")
    return account.read_from - account.began_at if account else None


def _ended_at(log: Path, load: Load) -> datetime:
    """Return the newest time in a load."""
    times = [load.start.started_at, *([load.end.ended_at] if load.end else [])]
    for path in load.files_of(load.segments):
        times += pq.read_table(path, columns=["received_at"], use_threads=False)["received_at"].to_pylist()
    return max(times)


def _write(old: Path, new: Path, moves: Sequence[Misdated]) -> None:
    """Write a load with other times."""
    new.mkdir(mode=0o700, parents=True)
    for path in sorted(old.glob("[0-9]*.parquet")):
        table = pq.read_table(path, schema=SCHEMA, use_threads=False)
        for name in _TIMES:
            times = pa.array((_true(at, moves) for at in table[name].to_pylist()), type=SCHEMA.field(name).type)
            table = table.set_column(table.schema.get_field_index(name), SCHEMA.field(name), times)
        segments = [_restamped(segment, new.name, moves) for segment in decode(path)]
        stored: object = segments if "-" in path.name else segments[0]
        with put_whole(new / path.name) as file:
            write_rows(table.cast(SCHEMA.with_metadata({"cksync": msgspec.json.encode(stored)})), file)


def _true(at: datetime, moves: Sequence[Misdated]) -> datetime:
    """Return the true time for the logged time `at`: shifted by the lead of the load that began last before it."""
    of = next((each for each in reversed(moves) if each.began_at <= at), None)
    return at - of.ahead if of else at


def _restamped(segment: Segment, load_id: str, moves: Sequence[Misdated]) -> Segment:
    return replace(
        segment,
        load_id=load_id,
        start=replace(segment.start, started_at=_true(segment.start.started_at, moves)),
        checkpoints=tuple(_checkpoint(each, moves) for each in segment.checkpoints),
        end=_end(segment.end, moves),
    )


def _checkpoint(checkpoint: Checkpoint, moves: Sequence[Misdated]) -> Checkpoint:
    began_at, read_from = _true(checkpoint.began_at, moves), _true(checkpoint.read_from, moves)
    return replace(checkpoint, began_at=began_at, read_from=read_from)


def _end(end: LoadEnd | None, moves: Sequence[Misdated]) -> LoadEnd | None:
    return replace(end, ended_at=_true(end.ended_at, moves)) if end else None
