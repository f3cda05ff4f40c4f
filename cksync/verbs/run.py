"""What one pull holds open, what is known already, and what it has read so far."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import starmap
from pathlib import Path

from cksync.api import Api
from cksync.api.v3 import ACTIVE, BROADCASTS, BY_ID, CANCELLED, CHANGED, DETAILS, PURCHASES, STATS
from cksync.clock import Clock
from cksync.config import Config
from cksync.domain import NOTHING_HELD, VANISH_ROWS, Checkpoint, Held, Slice
from cksync.extract.by_key import KeyWalk
from cksync.extract.level import LevelWalk
from cksync.extract.suspects import Shown, leaving
from cksync.extract.tail import TailWalk
from cksync.extract.together import Together
from cksync.extract.walk import ListWalk, Walk
from cksync.folder import Folder
from cksync.load.heard import said_of_broadcasts, seen_at_once, seen_otherwise
from cksync.load.known import Known
from cksync.load.log import Load, Writer, segment_files
from cksync.load.publish import Published
from cksync.verbs.agenda import Agenda

# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200


@dataclass
class Run:
    """One pull, or the part of it that brings up to date what was read before a stop.

    `loads`, `earlier`, `keys` and `absent` are what loads of the same round have read, `since` is when the first of
    those began; `carried` are slices that this pull has read already, so that they are as they are now.
    `failing` are streams of which something had no usable answer; `left` the pages left of each walk.
    `is_first`: the account was never read to its end before; `is_stale`: the round was left for longer than
    pages are apart; `analyze` whether models are made at a publish; `publishing` is how long the last publish took.
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
    agenda: Agenda
    may_vanish: bool
    planned: int | None
    analyze: bool = True
    earlier: Mapping[str, Checkpoint] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)
    absent: Mapping[str, set[int]] = field(default_factory=dict)
    walks: dict[str, Walk] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    left: dict[str, int] = field(default_factory=dict)
    together: Together = field(default_factory=Together)
    failing: set[str] = field(default_factory=set)
    published_at: datetime | None = None
    publishing: timedelta = timedelta(0)
    has_waited: bool = False
    published: list[Published] = field(default_factory=list)
    since: datetime | None = None
    carried: Set[str] = frozenset()
    is_finished: bool = False

    # -- lists

    def whole(self, slice_: Slice, *, is_orphan: bool = False) -> ListWalk:
        """A reading of all of a list, going on where an earlier load of this round was stopped.

        What an earlier load only looked at is no part of it. `is_orphan` as `held` has it.
        """
        held = self.held(slice_, is_orphan=is_orphan)
        earlier = self.earlier.get(slice_.name)
        if earlier is None or earlier.next_page == 1 or earlier.proof not in (None, "content"):
            return ListWalk(slice_, held=held)
        return ListWalk(slice_, earlier, self.keys.get(slice_.name, ()), is_stale=self.is_stale, held=held)

    def held(self, slice_: Slice, *, is_orphan: bool = False) -> Held:
        """The rows of a list that the mirror holds, as the rule `vanish` weighs them. Those of people are weighed
        together (`doubt_about`). `is_orphan`: of the members of a form, sequence or tag that its own list does not
        show, though nobody believes that it is gone, however few are not believed to be gone."""
        if slice_ in CHANGED or slice_.stream == "account":
            return NOTHING_HELD
        is_exempt = slice_.name.startswith("subscriptions/sequence/") and not is_orphan
        least = 1 if is_orphan else VANISH_ROWS
        return self.known.held(slice_, may_vanish=self.may_vanish or is_exempt, least=least)

    def is_known(self, slice_: Slice) -> bool:
        """Whether the list was ever read completely, so that what changed since is enough."""
        return self.agenda.is_known(slice_)

    def changed(self, slice_: Slice) -> ListWalk:
        """A reading of the people of a list who changed since its last complete reading."""
        changed, since = CHANGED[slice_], self.agenda.since(slice_)
        earlier, keys = self.earlier.get(changed.name), self.keys.get(changed.name, ())
        return ListWalk(changed, earlier, keys, is_stale=self.is_stale, since=since)

    def level(
        self,
        slice_: Slice,
        *,
        added: Sequence[int] = (),
        left: Collection[int] = (),
        suspects: Collection[int] = (),
        doubt: str | None = None,
        is_orphan: bool = False,
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
            suspects=frozenset(suspects),
            leave=bool(suspects) and slice_.name in self.leaving,
            absent=absent,
            ends="none" if is_of_people else "both" if slice_ == PURCHASES else "newest",
            is_by_id=slice_ != CANCELLED,
            looks=self.agenda.looks(slice_),
            seed=self.writer.load_id,
            held=self._held_people(slice_) if is_of_people else self.held(slice_, is_orphan=is_orphan),
            doubt=doubt,
            whole=self.whole(slice_, is_orphan=is_orphan) if has_begun else None,
        )

    def _held_people(self, slice_: Slice) -> Held:
        return self.known.held(slice_, may_vanish=self.may_vanish)

    def lost(self, walk: ListWalk, other: ListWalk) -> tuple[bool, str | None]:
        """Of the people of a list that was read whole, whether it lost so many to neither list (or shows nobody
        where people were) that it is to be asked for once more, and why it is then not believed."""
        held = self._held_people(walk.slice)
        lost = [key for key in held.lost(walk.keys) if str(key) not in other.keys]
        return held.is_odd(lost, is_empty=not walk.keys), held.doubt(lost)

    def known_parents(self, kind: str) -> set[str]:
        """The ids of forms, sequences or tags whose members the mirror knows."""
        slices = (name.split("/") for name in self.known.membership_slices())
        return {key for _, word, key in slices if word == kind}

    @property
    def known_broadcasts(self) -> set[int]:
        """The ids of the broadcasts that the mirror knows."""
        return set(self.known.listing(BROADCASTS).keys)

    def tail(self) -> TailWalk | ListWalk:
        """The walk of the list of broadcasts."""
        earlier = self.earlier.get(BROADCASTS.name)
        if not self.is_known(BROADCASTS) or self.agenda.looks(BROADCASTS) or (earlier and earlier.next_page > 1):
            return self.whole(BROADCASTS)
        known, keys = self.known.listing(BROADCASTS), self.keys.get(BROADCASTS.name, ())
        looks = self.agenda.pages_with_drafts
        return TailWalk(BROADCASTS, known, earlier, keys, looks=looks, held=self.held(BROADCASTS))

    # -- single records

    def by_id(self, people: Collection[int], then: Collection[int] = ()) -> KeyWalk:
        """A walk of people by their ids, without those that were asked for in this round."""
        walk = self.walks.get(BY_ID.name)
        done = walk.keys if walk is not None else self.keys.get(BY_ID.name, set())
        budget = None if self.agenda.depth == "full" else BY_ID_BUDGET
        wanted = [*map(str, [*sorted(people), *sorted(set(then) - set(people))])]
        if wanted and isinstance(walk, KeyWalk):
            wanted += walk.unread  # the later walk speaks for both
        return KeyWalk(BY_ID, wanted, self.earlier.get(BY_ID.name), done, budget)

    def details(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose detail is due, of those that are listed now: by age and turn, because the
        list or the figures of this round say something else than before, and drafts without such figures."""
        due = self.agenda.due(ids)[0]
        if self.agenda.depth != "full":
            due |= self._said_otherwise() & set(ids)
        if STATS.stream not in self.streams:
            due |= {mail.id for mail in self.agenda.mails if mail.is_draft and mail.id in ids}
        return self._one_by_one(DETAILS, due)

    def _said_otherwise(self) -> set[int]:
        """Broadcasts whose status is another one than before by the figures of this round, or that are not sent and
        have another subject by the list."""
        mails = self.known.broadcasts()
        if not mails:
            return set()
        subjects, statuses = said_of_broadcasts(self.folder, self.segments)
        drafts = {mail.id for mail in self.agenda.mails if not mail.is_final}
        return {
            known.id
            for known in mails
            if statuses.get(known.id, known.status) != known.status
            or (known.id in drafts and (subjects.get(known.id, known.subject) or "") != (known.subject or ""))
        }

    def stats(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose figures are due, of those that are listed now."""
        return self._one_by_one(STATS, self.agenda.due(ids)[1])

    def _one_by_one(self, slice_: Slice, wanted: Collection[int]) -> KeyWalk:
        newest_first = map(str, sorted(wanted, reverse=True))
        return KeyWalk(slice_, newest_first, self.earlier.get(slice_.name), self.keys.get(slice_.name, ()))

    # -- people whom no list shows

    def left_behind(self, found: Collection[int], listed: Collection[str]) -> set[int]:
        """People to ask for by id: `found` in no list any more, or waiting since an earlier night."""
        waiting = self.known.left_behind(self.began_at - self.agenda.cycle)
        return (set(found) | waiting) - set(map(int, listed))

    def memberships_of(self, people: Collection[int]) -> dict[str, set[int]]:
        """The subscriptions of some people, by slice."""
        return self.known.memberships_of(people)

    def suspects(self, cancelled: Collection[int], found: Collection[int]) -> dict[str, set[int]]:
        """The subscriptions, by slice, that may have ended with the state of their people: those of `cancelled`
        people whom the mirror has in another state, of people `found` in no list, and of people who were seen in
        another state since the slice was last read."""
        tonight = {*cancelled, *found} - {*self.known.listing(CANCELLED).keys}
        suspects = self.known.turned()
        for name, ids in self.known.memberships_of(tonight).items():
            suspects.setdefault(name, set()).update(ids)
        return suspects

    @cached_property
    def leaving(self) -> set[str]:
        """The lists that people leave when they cancel, as far as this account tells."""
        states = self.known.states()
        return leaving(starmap(Shown, self.known.shown()), states.get("active", 0), states.get("cancelled", 0))

    def unresolved(self, lists: Sequence[Walk]) -> set[int]:
        """After a reading of all rows: people whom the mirror has and no list shows now; only when both
        lists are whole, and without those whom a subscription of this round shows in another state."""
        if not lists or not all(walk.checkpoint.is_complete for walk in lists):
            return set()
        missing = self.known.left_behind(self.began_at)
        missing.update(*(self.known.listing(walk.slice).keys for walk in lists))
        if self.agenda.depth == "full":
            missing |= {key for key, _ in self.known.unlisted()}
        missing -= {int(key) for walk in lists for key in walk.keys}
        return missing - seen_otherwise(self.folder, self.segments, missing)

    def unsettled(self) -> set[int]:
        """People of whom two answers that were under way together say different things."""
        earlier = [path for load in self.loads for path in segment_files(self.folder.log, load.load_id)]
        numbers = self.together.segments
        mine = [path for path in self.segments if path.parent.name == self.writer.load_id and int(path.stem) in numbers]
        return seen_at_once(self.folder, [*earlier, *mine])

    @property
    def read_before(self) -> Mapping[str, Checkpoint]:
        """The slices that this pull took from loads before it, wholly or in part, and that are complete.

        People are brought up to date as a night does once both of their lists are.
        """
        found = {name: self.walks[name].checkpoint for name in self.walks.keys() & self.earlier.keys()}
        found = {name: checkpoint for name, checkpoint in found.items() if checkpoint.is_complete}
        lists = [walk.checkpoint for name, walk in self.walks.items() if name in (ACTIVE.name, CANCELLED.name)]
        if not all(checkpoint.is_complete for checkpoint in lists):
            found = {name: checkpoint for name, checkpoint in found.items() if not name.startswith("subscribers/")}
        return found

    def forget(self) -> None:
        """Make room for the publish: what was read is in the log."""
        self.walks.clear()
        self.keys, self.absent, self.together = {}, {}, Together()

    @property
    def in_turn(self) -> Collection[int]:
        """People whom no list shows and who have their turn to be asked for by id."""
        return self.agenda.people_in_turn

    @property
    def segments(self) -> list[Path]:
        """Everything that was stored in this round."""
        self.writer.flush()
        ids = [load.load_id for load in self.loads]
        ids += [self.writer.load_id] if self.writer.segments else []
        return [path for load_id in ids for path in segment_files(self.folder.log, load_id)]
