"""The context and progress of a pull: what is fixed once it begins, and what it has read so far."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cksync.domain import V4, Checkpoint, Slice
from cksync.extract.overlaps import Overlaps
from cksync.extract.scan.full import Scan
from cksync.extract.schedule import Schedule
from cksync.extract.v4.recent import Recent
from cksync.folder import Folder
from cksync.load.log import Load, Writer, segment_files
from cksync.load.state import MirrorState
from cksync.versions import Version


@dataclass(frozen=True)
class PullContext:
    """What stays fixed while a pull reads.

    `earlier`, `keys` and `absent` come from earlier loads of the same round: checkpoints, keys, and keys found deleted,
    by slice. `is_stale` is True if the round paused for longer than the gap between two pages. `seed` makes the samples
    repeatable. `purchases_by` is the version that gives purchases, None if the credentials open none; `recent` is what
    lists of API v4 must not overrule yet. `is_planned`: it is known beforehand how much there is to read.
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
    version: Version = "v3"
    purchases_by: Version | None = "v3"
    recent: Recent = field(default_factory=Recent)
    is_planned: bool = True


@dataclass
class Progress:
    """What a pull has read so far, and what is left.

    `loads` are the earlier loads of the same round, `failing` the streams with a request that had no usable answer.
    `left` are the requests left of each slice, `unmeasured` the lists that have not told their length yet, `sizes` the
    pages of those that have; `is_measured`: all have that a forecast needs. `rows` counts the records read.
    """

    folder: Folder
    writer: Writer
    loads: Sequence[Load] = ()
    scans: dict[str, Scan] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    left: dict[str, int] = field(default_factory=dict)
    unmeasured: set[str] = field(default_factory=set)
    sizes: list[int] = field(default_factory=list)
    is_measured: bool = False
    rows: int = 0
    failing: set[str] = field(default_factory=set)
    together: Overlaps = field(default_factory=Overlaps)

    def expect(self, slice_: Slice, requests: int) -> None:
        """Note how many requests a slice will take whose scan has not begun."""
        if slice_.name not in self.scans:
            self.left[slice_.name] = requests

    def measure(self, scans: Iterable[Scan]) -> None:
        """Note that the first pages of some scans will tell how long their lists are."""
        self.unmeasured |= {scan.slice.name for scan in scans if scan.pages_left is None}

    def note_left(self, scan: Scan) -> None:
        """Note how many requests a scan has left."""
        left = scan.pages_left
        if left is None:
            return
        if scan.slice.name in self.unmeasured:
            self.unmeasured.remove(scan.slice.name)
            self.sizes.append(left)
        self.left[scan.slice.name] = left

    def remaining(self) -> Counter[Version]:
        """Return the requests left, by version of the API. A list of unknown length counts as the others measured."""
        found: Counter[Version] = Counter()
        for name, requests in self.left.items():
            found["v4" if name.startswith(V4) else "v3"] += requests
        each = 1 + (sum(self.sizes) / len(self.sizes) if self.sizes else 0.0)
        for name in self.unmeasured:
            found["v4" if name.startswith(V4) else "v3"] += round(each)
        return found

    def flushed_segments(self) -> list[Path]:
        """Store pending pages, and return every segment of this round."""
        self.writer.flush()
        ids = [load.load_id for load in self.loads]
        ids += [self.writer.load_id] if self.writer.segments else []
        return [path for load_id in ids for path in segment_files(self.folder.log, load_id)]

    def segments_to_compare(self) -> list[Path]:
        """Return the segments that may show one person twice, in answers that were in flight together."""
        earlier = [path for load in self.loads for path in segment_files(self.folder.log, load.load_id)]
        numbers = self.together.segments
        mine = [
            path
            for path in self.flushed_segments()
            if path.parent.name == self.writer.load_id and int(path.stem) in numbers
        ]
        return [*earlier, *mine]

    def forget(self) -> None:
        """Free memory for the publish: everything read is in the log."""
        self.scans.clear()
        self.together = Overlaps()
