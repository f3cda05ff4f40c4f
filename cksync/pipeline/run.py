"""The state of a running pull: its resources, context and progress."""

import threading
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cksync.api import LimitedApi
from cksync.api.connections import Latency
from cksync.api.v4 import catalog as v4
from cksync.api.v4.catalog import PEOPLE
from cksync.clock import REAL_TIME, Clock, Time
from cksync.config import Config
from cksync.domain import ACTIVE, CANCELLED, Checkpoint
from cksync.extract.context import Progress, PullContext
from cksync.folder import Folder
from cksync.load.publish import Published


@dataclass
class Run:
    """A pull, or the part of it that catches up on what was read before an interruption.

    `is_first`: the account was never read completely; `since` is the start of the first load of the round; `analyze`:
    whether a publish builds the models; `carried` lists slices that this pull has already read, which are up to date;
    `publishing` is the duration of the last publish, after which `rows_published` records were in the mirror.
    """

    config: Config
    folder: Folder
    api: LimitedApi
    now: Clock
    stop: threading.Event
    account: str
    context: PullContext
    progress: Progress
    is_first: bool
    planned: int | None
    analyze: bool = True
    since: datetime | None = None
    carried: Set[str] = frozenset()
    published_at: datetime | None = None
    publishing: timedelta = timedelta(0)
    rows_published: int = 0
    time: Time = REAL_TIME
    latency: Latency = field(default_factory=Latency)
    has_waited: bool = False
    is_announced: bool = False
    published: list[Published] = field(default_factory=list)
    is_finished: bool = False

    def read_before(self) -> Mapping[str, Checkpoint]:
        """The complete slices that this pull took, fully or in part, from earlier loads.

        People are included once both of their lists are complete.
        """
        scans = self.progress.scans
        found = {name: scans[name].checkpoint for name in scans.keys() & self.context.earlier.keys()}
        found = {name: checkpoint for name, checkpoint in found.items() if checkpoint.is_complete}
        people = {slice_.name for slice_ in (ACTIVE, CANCELLED, PEOPLE, v4.CANCELLED)}
        lists = [scan.checkpoint for name, scan in scans.items() if name in people]
        if not all(checkpoint.is_complete for checkpoint in lists):
            found = {name: each for name, each in found.items() if each.slice.stream != ACTIVE.stream}
        return found

    def forget(self) -> None:
        """Free memory for the publish: what was read is in the log."""
        self.progress.forget()
        self.context = replace(self.context, keys={}, absent={})
