"""What one pull holds open, what earlier loads of its round left, and what it has read so far."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cksync.api import Api
from cksync.api.v3 import BY_ID
from cksync.clock import Clock
from cksync.config import Config
from cksync.domain import Checkpoint, Slice
from cksync.extract.walk import KeyWalk, ListWalk, Walk
from cksync.folder import Folder
from cksync.load.log import Load, Writer, segment_files
from cksync.load.people import unresolved
from cksync.load.publish import Published

# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200


@dataclass
class Run:
    """One pull. `earlier` and `keys` are what loads of the same round have read; `is_first`: the account
    was never read to its end before; `is_stale`: the round was left for longer than pages are apart;
    `publishing` is how long the last publish took."""

    config: Config
    folder: Folder
    api: Api
    now: Clock
    stop: threading.Event
    writer: Writer
    account: str
    began_at: datetime
    streams: frozenset[str]
    loads: Sequence[Load]
    is_first: bool
    is_stale: bool
    earlier: Mapping[str, Checkpoint] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)
    walks: dict[str, Walk] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    published_at: datetime | None = None
    publishing: timedelta = timedelta(0)
    published: list[Published] = field(default_factory=list)

    def begin(self, slice_: Slice) -> ListWalk:
        """A walk of a list, going on where an earlier load of this round was stopped."""
        earlier, keys = self.earlier.get(slice_.name), self.keys.get(slice_.name, ())
        return ListWalk(slice_, earlier, keys, is_stale=self.is_stale)

    def begin_keys(self, slice_: Slice, wanted: Sequence[str]) -> KeyWalk:
        """A walk of single records, without those that an earlier load of this round has read."""
        budget = BY_ID_BUDGET if slice_ == BY_ID else None
        return KeyWalk(slice_, wanted, self.earlier.get(slice_.name), self.keys.get(slice_.name, ()), budget)

    def unresolved(self, listed: Sequence[ListWalk]) -> list[str]:
        """People who were in a list and are in none now; only when both lists are whole."""
        if not all(walk.checkpoint.is_complete for walk in listed):
            return []
        self.writer.flush()
        ids = [*(load.load_id for load in self.loads), self.writer.load_id]
        segments = [path for load_id in ids for path in segment_files(self.folder.log, load_id)]
        return unresolved(self.folder, set().union(*(walk.keys for walk in listed)), segments)
