"""What a pull reads by: what is fixed once it has begun, and how far it has got."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cksync.domain import Checkpoint
from cksync.extract.overlaps import Overlaps
from cksync.extract.scan.full import Scan
from cksync.extract.schedule import Schedule
from cksync.folder import Folder
from cksync.load.log import Load, Writer, segment_files
from cksync.load.state import MirrorState


@dataclass(frozen=True)
class PullContext:
    """What is fixed while a pull reads.

    `earlier`, `keys` and `absent` are what loads of the same round have read: checkpoints, keys, and those found gone,
    by slice. `is_stale`: the round was left for longer than pages are apart. `seed` makes the choice of samples
    repeatable.
    """

    state: MirrorState
    schedule: Schedule
    streams: frozenset[str]
    began_at: datetime
    seed: str
    may_vanish: bool = False
    is_stale: bool = False
    earlier: Mapping[str, Checkpoint] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)
    absent: Mapping[str, set[int]] = field(default_factory=dict)


@dataclass
class Progress:
    """What a pull has read so far. `loads` are those of the same round before it, `left` the pages left of each walk,
    `failing` streams of which something had no usable answer."""

    folder: Folder
    writer: Writer
    loads: Sequence[Load] = ()
    scans: dict[str, Scan] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    left: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    together: Overlaps = field(default_factory=Overlaps)

    def flushed_segments(self) -> list[Path]:
        """Store what has come, and give every segment of this round."""
        self.writer.flush()
        ids = [load.load_id for load in self.loads]
        ids += [self.writer.load_id] if self.writer.segments else []
        return [path for load_id in ids for path in segment_files(self.folder.log, load_id)]

    def segments_to_compare(self) -> list[Path]:
        """The segments that may show one person twice, in answers that were under way together."""
        earlier = [path for load in self.loads for path in segment_files(self.folder.log, load.load_id)]
        numbers = self.together.segments
        mine = [
            path
            for path in self.flushed_segments()
            if path.parent.name == self.writer.load_id and int(path.stem) in numbers
        ]
        return [*earlier, *mine]

    def forget(self) -> None:
        """Make room for the publish: what was read is in the log."""
        self.scans.clear()
        self.together = Overlaps()
