"""What the scans of one pull through API v4 share: what the mirror knows, and what was learned tonight."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cksync.api.v4.catalog import (
    LAG,
    PAGE_ROWS,
    query_of,
)
from cksync.config import PullConfig
from cksync.domain import (
    NOTHING_HELD,
    Checkpoint,
    Head,
    Held,
    Page,
    Request,
    Slice,
)
from cksync.extract.context import Progress, PullContext
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import Scan
from cksync.extract.v4.settling import Proved, Reading, settle
from cksync.load.known import Known

# A list that fills less than this share of a page is read whole: that costs no more than reading what is new.
ONE_PAGE_SHARE = 0.9
Scans = Sequence[Scan]
NO_HEADS: Mapping[int, Head] = {}


@dataclass
class Night:
    """One pull, and what it has learned so far.

    `counts` are the active people in each list of members as of `counted_at`, `states` those of the people read
    tonight, `parents` the ids of the forms, sequences and tags there are, `met` whoever was seen in a list of members,
    `left` whoever lost a tag, by slice, `page_rows` are the most rows of a page, `clicks` the figures that were read
    one by one, `everybody` is the scan of all people. `reads_everybody`: people are read one and all, with their tags.
    """

    context: PullContext
    progress: Progress
    counts: dict[str, int | None] = field(default_factory=dict)
    counted_at: datetime | None = None
    states: dict[int, str | None] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    parents: dict[str, list[int]] = field(default_factory=dict)
    left: dict[str, set[int]] = field(default_factory=dict)
    page_rows: int = PAGE_ROWS
    clicks: dict[int, int | None] = field(default_factory=dict)
    reads_everybody: bool = False
    everybody: CursorScan | None = None

    @cached_property
    def known(self) -> Known:
        """Return what the mirror knows; whoever joined within the lag may be missing from lists."""
        return Known(self.context.state, self.context.began_at - LAG)

    @property
    def settings(self) -> PullConfig:
        """Return the settings of `[pull]`."""
        return self.context.schedule.settings

    @property
    def is_full(self) -> bool:
        """Return True if every row is read."""
        return self.context.schedule.depth == "full"

    @property
    def by_hints(self) -> bool:
        """Return True if only lists whose count has moved are read."""
        return self.settings.depth == "hints" and self.context.schedule.depth == "nightly"

    @property
    def is_nightly(self) -> bool:
        """Return True for a usual pull: not of every row, nor of a verification."""
        return self.context.schedule.depth == "nightly"

    @cached_property
    def known_people(self) -> set[int]:
        """Return the people whom the mirror has."""
        return self.known.ids("subscribers")

    def is_wanted(self, stream: str) -> bool:
        """Return True if a stream is read."""
        return stream in self.context.streams

    def is_known(self, slice_: Slice) -> bool:
        """Return True if a list was ever read to its end, so that changes since then suffice. After a pull through API
        v3, which may list active members only, lists of members are read whole again."""
        cursor = self.context.state.cursors.get(slice_.name)
        if self.is_full or cursor is None or cursor.read_to is None:
            return False
        through_v3 = self.context.state.last_load_through_v3_at
        return slice_.parent is None or through_v3 is None or through_v3 < cursor.read_to

    def since(self, slice_: Slice) -> datetime:
        """Return the time since when changes of a list are requested."""
        read_to = self.context.state.cursors[slice_.name].read_to
        return (read_to or self.context.began_at) - LAG

    def earlier(self, slice_: Slice) -> Checkpoint | None:
        """Return how far an earlier load of the round has read a list."""
        return self.context.earlier.get(slice_.name)

    def is_read(self, slice_: Slice) -> bool:
        """Return True if an earlier load of the round has read the list completely."""
        earlier = self.earlier(slice_)
        return earlier is not None and earlier.is_complete

    @property
    def one_page(self) -> float:
        """Return the rows up to which a list is read whole."""
        return ONE_PAGE_SHARE * self.page_rows

    def scan(
        self,
        slice_: Slice,
        *,
        known: Collection[int] = (),
        young: Collection[int] = (),
        held: Held = NOTHING_HELD,
        since: datetime | None = None,
        until_known: bool = False,
        with_heads: bool = False,
        states_only: bool = False,
        unchanged: Mapping[int, int] | None = None,
        is_met: bool = False,
        may_be_frozen: bool = False,
    ) -> CursorScan:
        """Return a scan of a list, of what changed `since` a time, or (`until_known`) of its newest rows; it resumes
        where an earlier load of the round stopped. See CursorScan for the rest."""
        query = query_of(slice_, since=since, with_content=self.settings.content, now=self.context.began_at)
        is_part = since is not None or until_known
        return CursorScan(
            slice_,
            query,
            None if is_part or unchanged else self.earlier(slice_),
            () if is_part else self.context.keys.get(slice_.name, ()),
            known=known,
            young=young,
            held=held,
            changes_only=since is not None,
            until_known=until_known,
            with_heads=with_heads,
            states_only=states_only,
            unchanged=unchanged,
            met=self.met if is_met else None,
            may_be_frozen=may_be_frozen,
        )

    def done(self, slice_: Slice) -> Proved:
        """Return a list that an earlier load of the round has read."""
        earlier = self.earlier(slice_)
        assert earlier is not None
        return Proved(earlier)

    def run(self, scans: Sequence[Scan]) -> Reading:
        """Run scans together; return the cursor scans, by slice."""
        walks = (scan for scan in scans if isinstance(scan, CursorScan))
        last = yield from settle(walks, self.settings.settle_seconds)
        yield [scan for scan in scans if not isinstance(scan, CursorScan)]
        return last

    def put(self, checkpoint: Checkpoint) -> None:
        """Note a list that other requests have proved."""
        self.progress.scans[checkpoint.slice.name] = Proved(checkpoint)

    def observe_absent(self, slice_: Slice, at: datetime, ids: Collection[int]) -> None:
        """Store that a list lacked some rows at a time."""
        self.progress.writer.observe(Page(Request(slice_, ""), at, at, None, ()), ids)

    def note_absent(self, scan: CursorScan) -> None:
        """Note the known rows that a complete list lacks."""
        if scan.absent:
            self.observe_absent(scan.slice, scan.last_at or self.context.began_at, scan.absent)
