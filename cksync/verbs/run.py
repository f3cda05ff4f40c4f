"""What one pull holds open, what is known already, and what it has read so far."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Literal

from cksync.api import Api
from cksync.api.v3 import BROADCASTS, BY_ID, CANCELLED, CHANGED, DETAILS, PAGE_ROWS, PURCHASES, STATS
from cksync.clock import Clock
from cksync.config import Config
from cksync.domain import Checkpoint, Slice
from cksync.extract.due import Mail, details_due, in_turn, stats_due
from cksync.extract.level import LevelWalk
from cksync.extract.tail import TailWalk
from cksync.extract.walk import KeyWalk, ListWalk, Walk
from cksync.folder import Folder
from cksync.load.known import Known, seen_at_once, seen_otherwise
from cksync.load.log import Load, Writer, segment_files
from cksync.load.publish import Published

# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200
# Pages of a list that are compared when it has its turn, and when the user asks for proof.
TURN_LOOKS, VERIFY_LOOKS = 2, 4
# Statuses after which a broadcast cannot be edited any more.
FINAL = ("completed", "aborted")

Depth = Literal["nightly", "verify", "full"]


@dataclass
class Run:
    """One pull. `loads`, `earlier`, `keys` and `absent` are what loads of the same round have read.

    `is_first`: the account was never read to its end before; `is_stale`: the round was left for longer than
    pages are apart; `publishing` is how long the last publish took. `depth`: what changed and a share of
    everything else, every list's total and samples of it, or every row.
    """

    config: Config
    folder: Folder
    api: Api
    known: Known
    now: Clock
    stop: threading.Event
    writer: Writer
    account: str
    began_at: datetime
    streams: frozenset[str]
    loads: Sequence[Load]
    is_first: bool
    is_stale: bool
    depth: Depth
    may_vanish: bool
    earlier: Mapping[str, Checkpoint] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)
    absent: Mapping[str, set[int]] = field(default_factory=dict)
    walks: dict[str, Walk] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    published_at: datetime | None = None
    publishing: timedelta = timedelta(0)
    published: list[Published] = field(default_factory=list)

    # -- lists

    def whole(self, slice_: Slice) -> ListWalk:
        """A reading of all of a list, going on where an earlier load of this round was stopped.

        What an earlier load only looked at is no part of it.
        """
        earlier = self.earlier.get(slice_.name)
        if earlier is None or earlier.next_page == 1 or earlier.proof not in (None, "content"):
            return ListWalk(slice_)
        return ListWalk(slice_, earlier, self.keys.get(slice_.name, ()), is_stale=self.is_stale)

    def is_known(self, slice_: Slice) -> bool:
        """Whether the list was ever read completely, so that what changed since is enough."""
        cursor = self.known.cursors.get(slice_.name)
        return self.depth != "full" and cursor is not None and cursor.read_to is not None

    def changed(self, slice_: Slice) -> ListWalk:
        """A reading of the people of a list who changed since its last complete reading."""
        changed, read_to = CHANGED[slice_], self.known.cursors[slice_.name].read_to
        assert read_to is not None
        since: date = (read_to - timedelta(days=self.config.pull.overlap_days)).date()
        earlier, keys = self.earlier.get(changed.name), self.keys.get(changed.name, ())
        return ListWalk(changed, earlier, keys, is_stale=self.is_stale, since=since)

    def level(
        self,
        slice_: Slice,
        *,
        added: Sequence[int] = (),
        left: Collection[int] = (),
        doubt: str | None = None,
    ) -> LevelWalk:
        """A walk that brings a known list up to date, or goes on with the reading of all of it."""
        earlier = self.earlier.get(slice_.name)
        has_begun = earlier is not None and not earlier.is_done and earlier.next_page > 1
        is_of_people = slice_ in CHANGED
        listing = self.known.listing(slice_)
        absent = self.absent.get(slice_.name, set())
        if earlier is not None and earlier.proof == "content":  # the log does not say who was not there
            absent = {*listing.keys} - set(map(int, self.keys.get(slice_.name, ())))
        return LevelWalk(
            slice_,
            listing,
            earlier,
            added=added,
            left=frozenset(left),
            absent=absent,
            ends="none" if is_of_people else "both" if slice_ == PURCHASES else "newest",
            is_by_id=slice_ != CANCELLED,
            looks=self._looks(slice_),
            seed=self.writer.load_id,
            may_vanish=self.may_vanish or slice_.name.startswith("subscriptions/sequence/"),
            doubt=doubt,
            whole=self.whole(slice_) if has_begun else None,
        )

    def tail(self) -> TailWalk | ListWalk:
        """The walk of the list of broadcasts."""
        earlier = self.earlier.get(BROADCASTS.name)
        if not self.is_known(BROADCASTS) or self._looks(BROADCASTS) or (earlier and earlier.next_page > 1):
            return self.whole(BROADCASTS)
        return TailWalk(BROADCASTS, self.known.listing(BROADCASTS), earlier, self.keys.get(BROADCASTS.name, ()))

    def _looks(self, slice_: Slice) -> int:
        """How many pages of a list are compared with what the mirror has."""
        if self.depth == "verify":
            return VERIFY_LOOKS
        return TURN_LOOKS if slice_.name in self.turns else int(slice_ in CHANGED)

    # -- turns: a share of everything each night

    @property
    def _share(self) -> float:
        """The share of the cycle that has gone by since the last pull."""
        last = self.known.last_load_at
        return min(1.0, (self.began_at - last) / self._cycle) if last else 0.0

    @property
    def _cycle(self) -> timedelta:
        return timedelta(days=self.config.pull.verify_cycle_days)

    @property
    def _checks(self) -> int:
        """How many requests may be spent on what nothing says has changed."""
        if self.depth != "nightly":
            return 10**9
        return round(self.config.pull.checks_per_day * self.config.pull.verify_cycle_days * self._share)

    @cached_property
    def turns(self) -> Mapping[str, int]:
        """The lists that have their turn, the longest unchecked first, and what proving each may cost."""
        lists = [
            (cursor.checked_at, name, min(ceil(cursor.rows / PAGE_ROWS), TURN_LOOKS))
            for name, cursor in self.known.cursors.items()
            if cursor.read_to is not None
            and cursor.rows > PAGE_ROWS
            and name.startswith(("subscriptions/", "subscribers/", PURCHASES.name))
        ]
        lists.sort(key=lambda each: (each[0] is not None, each[0], each[1]))
        chosen: dict[str, int] = {}
        for _, name, cost in lists[: ceil(len(lists) * self._share - 0.01)]:
            if sum(chosen.values()) + cost <= self._checks:
                chosen[name] = cost
        if BROADCASTS.name in self.known.cursors and self._share:
            cursor = self.known.cursors[BROADCASTS.name]
            cost = ceil(cursor.rows / PAGE_ROWS)
            is_due = next(in_turn([(0, cursor.checked_at)], self.began_at, self._cycle), None) is not None
            if is_due and sum(chosen.values()) + cost <= self._checks:
                chosen[BROADCASTS.name] = cost
        return chosen

    # -- single records

    def by_id(self, people: Collection[int]) -> KeyWalk:
        """A walk of people by their ids, without those that were asked for in this round."""
        walk = self.walks.get(BY_ID.name)
        done = walk.keys if walk is not None else self.keys.get(BY_ID.name, set())
        budget = None if self.depth == "full" else BY_ID_BUDGET
        return KeyWalk(BY_ID, map(str, sorted(people)), self.earlier.get(BY_ID.name), done, budget)

    def details(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose detail is due, of those that are listed now."""
        return self._one_by_one(DETAILS, self._due(ids)[0])

    def stats(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose figures are due, of those that are listed now."""
        return self._one_by_one(STATS, self._due(ids)[1])

    def _one_by_one(self, slice_: Slice, wanted: Collection[int]) -> KeyWalk:
        newest_first = map(str, sorted(wanted, reverse=True))
        return KeyWalk(slice_, newest_first, self.earlier.get(slice_.name), self.keys.get(slice_.name, ()))

    def _due(self, ids: Collection[int]) -> tuple[set[int], set[int]]:
        """Broadcasts to read the detail and the figures of: new ones, what is due by age, and in turn."""
        if self.depth == "full":
            return set(ids), set(ids)
        mails = [mail for mail in self.mails if mail.id in ids]
        new = set(ids) - {mail.id for mail in mails}
        stats, details, _ = self._extra
        return (
            new | set(details_due(mails)) | (details & set(ids)),
            new | set(stats_due(mails, self.began_at)) | (stats & set(ids)),
        )

    @cached_property
    def _extra(self) -> tuple[set[int], set[int], set[int]]:
        """What has its turn for the checks that the lists leave: figures and details of broadcasts, and
        people whom no list shows."""
        if self.depth != "nightly" or not self._share:
            return set(), set(), set()
        by_age = set(stats_due(self.mails, self.began_at))
        spare = max(0, self._checks - sum(self.turns.values()))
        found: list[set[int]] = []
        for reads in (
            [(mail.id, mail.stats_read_at) for mail in self.mails if mail.id not in by_age],
            [(mail.id, mail.detail_read_at) for mail in self.mails if mail.is_final],
            self.known.unlisted() if spare else [],
        ):
            found.append(set(islice(in_turn(reads, self.began_at, self._cycle), spare)))
            spare -= len(found[-1])
        return found[0], found[1], found[2]

    @cached_property
    def mails(self) -> list[Mail]:
        """The broadcasts that the mirror knows."""
        details, stats = self.known.read_times(DETAILS), self.known.read_times(STATS)
        return [
            Mail(key, sent_at, status in FINAL, details.get(key), stats.get(key))
            for key, sent_at, status in self.known.broadcasts()
        ]

    # -- people whom no list shows

    def left_behind(self, found: Collection[int], listed: Collection[str]) -> set[int]:
        """People to ask for by id: `found` in no list any more, or waiting since an earlier night."""
        waiting = self.known.left_behind(self.began_at - self._cycle)
        return (set(found) | waiting) - set(map(int, listed))

    def memberships_of(self, people: Collection[int]) -> dict[str, set[int]]:
        """The subscriptions of some people, by slice."""
        return self.known.memberships_of(people)

    def unresolved(self, lists: Sequence[Walk]) -> set[int]:
        """After a reading of all rows: people whom the mirror has and no list shows now; only when both
        lists are whole, and without those whom a subscription of this round shows in another state."""
        if not lists or not all(walk.checkpoint.is_complete for walk in lists):
            return set()
        missing = self.known.left_behind(self.began_at)
        missing.update(*(self.known.listing(walk.slice).keys for walk in lists))
        if self.depth == "full":
            missing |= {key for key, _ in self.known.unlisted()}
        missing -= {int(key) for walk in lists for key in walk.keys}
        return missing - seen_otherwise(self.segments, missing)

    def unsettled(self) -> set[int]:
        """People of whom two answers that were under way together say different things."""
        return seen_at_once(self.segments)

    @property
    def in_turn(self) -> set[int]:
        """People whom no list shows and who have their turn to be asked for by id."""
        return self._extra[2]

    @property
    def segments(self) -> list[Path]:
        """Everything that was stored in this round."""
        self.writer.flush()
        ids = [*(load.load_id for load in self.loads), self.writer.load_id]
        return [path for load_id in ids for path in segment_files(self.folder.log, load_id)]
