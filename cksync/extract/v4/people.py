"""People: who changed, everybody if that is cheaper or due, and whoever turned up or is missing."""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from math import ceil

from cksync.api.v4.catalog import (
    CANCELLED,
    CHANGED,
    LAG,
    PEOPLE,
    counts_of,
    query_of,
    query_of_cancellations,
)
from cksync.domain import (
    BROADCASTS_BY_ID_V4,
    BY_ID_V4,
    PROBED,
    Checkpoint,
    members,
)
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.cursor import CountProbe, CursorScan
from cksync.extract.scan.full import Scan
from cksync.extract.scans import BY_ID_BUDGET
from cksync.extract.v4.leavers import price
from cksync.extract.v4.members import MembersOfLists
from cksync.extract.v4.night import Night
from cksync.extract.v4.settling import Phases, Reading, settle

# The requests for counts of people, in place of everybody.
COUNTS = 3


class People:
    """Reads people on the cheaper of two roads: everybody with their tags, or who changed, with counts."""

    def __init__(self, night: Night, members: MembersOfLists) -> None:
        self.night, self.members = night, members

    _are_changes_known = False

    @cached_property
    def _pages(self) -> int:
        return max(1, ceil(len(self.night.known_people) / self.night.page_rows))

    @cached_property
    def _must_read_everybody(self) -> bool:
        """Return True if nobody is known yet, the user wants proof, or the last proof is a verify cycle old."""
        if not self.night.is_known(PEOPLE) or not self.night.is_nightly:
            return True
        checked_at = self.night.context.state.cursors[PEOPLE.name].checked_at
        return checked_at is None or self.night.context.began_at - checked_at >= self.night.context.schedule.cycle

    def _reads_everybody(self) -> bool:
        """Return True if people are read one and all, with their tags: because it is time, or because it is cheaper
        than reading the new members of every tag, and the tags whom somebody has left. Known from
        `_changed_people` on: who changed explains most counts."""
        if self._must_read_everybody or not self._are_changes_known:
            return True
        if self.night.by_hints:
            return self._pages <= 1
        tags = self.night.parents.get("tag", []) if self.night.is_wanted("subscriptions") else []
        slices = [members("tag", str(id_), "v4") for id_ in tags]
        gaps = {slice_: self.members.gap(slice_) for slice_ in slices}
        gained = [slice_ for slice_, gap in gaps.items() if gap is None or gap > 0]
        searches = sum(
            price(-gap, len(self.members.of(slice_).all), self.night.page_rows)
            for slice_, gap in gaps.items()
            if gap is not None and gap < 0
        )
        return self._pages + len(gained) <= COUNTS + len(tags) + searches

    def changed(self) -> Reading:
        """Read who changed since the last pull, unless everybody is read in any case."""
        if not self.night.is_wanted("subscribers") or self.night.is_read(PEOPLE) or self._must_read_everybody:
            return {}
        last = yield from self.night.run([self.night.scan(CHANGED, since=self.night.since(PEOPLE), with_heads=True)])
        changed = last[CHANGED.name]
        self._are_changes_known = changed.is_complete
        self.night.states.update(changed.states)
        self._note_tags_lost(changed)
        return last

    def scans(self) -> list[Scan]:
        """Return the scans of people, and note which road they take."""
        if not self.night.is_wanted("subscribers"):
            return []
        if self.night.is_read(PEOPLE):
            return [self.night.done(PEOPLE)]
        self.night.reads_everybody = self._reads_everybody()
        if self.night.reads_everybody:
            digests = self.night.known.digests() if self.night.is_known(PEOPLE) or self.night.is_full else {}
            has_tags = any(
                self.night.is_known(members("tag", str(id_), "v4")) for id_ in self.night.parents.get("tag", [])
            )
            scans: list[Scan] = [
                self.night.scan(PEOPLE, with_heads=True, states_only=not has_tags, unchanged=digests or None)
            ]
            if not self.night.is_known(CANCELLED) or self.night.context.schedule.depth != "nightly":
                scans.append(self.night.scan(CANCELLED, with_heads=True, states_only=True))
            return scans
        return self._count_scans()

    def _count_scans(self) -> list[Scan]:
        """Return requests for the number of people: all, active and cancelled ones."""
        if self.night.by_hints:
            return []
        slices = [counts_of(status) for status in ("all", "active", "cancelled")]
        return [CountProbe(slice_, query_of(slice_)) for slice_ in slices]

    def after(self, last: Mapping[str, CursorScan]) -> Phases:
        """Judge what was read of people: walk everybody if the counts do not match what is known, and read when people
        cancelled."""
        if not self.night.is_wanted("subscribers"):
            return
        everybody, changed = last.get(PEOPLE.name), last.get(CHANGED.name)
        if changed is not None and not self.night.reads_everybody:
            doubt = self._people_doubt(changed, last)
            if doubt is None and changed.is_complete:
                rows = len(self.night.known_people | changed.ids)
                checkpoint = changed.checkpoint
                at = checkpoint.began_at
                self.night.put(Checkpoint(PEOPLE, at, at, rows=rows, is_done=True, is_complete=True, proof="counts"))
            else:
                scan = self.night.scan(PEOPLE, with_heads=True, unchanged=self.night.known.digests() or None)
                found = yield from settle([scan], self.night.settings.settle_seconds)
                everybody = found[PEOPLE.name]
                self.night.everybody = everybody
        elif everybody is not None:
            self.night.everybody = everybody
        if everybody is not None:
            self.night.states.update(everybody.states)
        yield from self._cancellations(last)

    def _note_tags_lost(self, changed: CursorScan) -> None:
        """Note which of the changed people have lost a tag."""
        there = self.night.context.state.rows(
            """
            select subscribable_id, subscriber_id from main.subscriptions
            where subscribable_type = 'tag' and subscriber_id in (select unnest(?::bigint[])) and created_at < ?
            """,
            [list(changed.heads), self.night.context.began_at - LAG],
        )
        for tag, id_ in there:
            tags = changed.heads[id_].tags
            if tags is not None and tag not in tags:
                self.night.left.setdefault(members("tag", str(tag), "v4").name, set()).add(id_)
        for slice_ in self.members.lists():
            if lost := self.night.left.get(slice_.name):
                self.night.observe_absent(slice_, changed.last_at or self.night.context.began_at, lost)

    def _people_doubt(self, changed: CursorScan, last: Mapping[str, CursorScan]) -> str | None:
        """Return why the changed people do not explain the counts; None if they do."""
        if not changed.is_complete:
            return "the changed people could not be read"
        totals = {name.rpartition("/")[2]: scan.total for name, scan in last.items() if PROBED in name}
        states = self.night.context.state.states()
        before = self._known_states(changed.ids)
        for id_, state in changed.states.items():
            old = before.get(id_)
            if old is not None:
                states[old] = states.get(old, 0) - 1
            if state is not None:
                states[state] = states.get(state, 0) + 1
        expected = {"all": sum(states.values()), **states}
        wrong = [status for status, total in totals.items() if total not in (None, expected.get(status, 0))]
        return f"counts of {', '.join(wrong)} people do not match" if wrong else None

    def _known_states(self, people: Iterable[int]) -> dict[int, str | None]:
        """Return the states of some people in the mirror."""
        rows = self.night.context.state.rows(
            "select id, state from main.subscribers where id in (select unnest(?::bigint[]))", [list(people)]
        )
        return dict(rows)

    def _cancellations(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read when people cancelled: the latest of them, who may have cancelled again; all of them, if that does not
        show everybody who is cancelled tonight."""
        cancelled = {id_ for id_, state in self.night.states.items() if state == "cancelled"}
        scan = last.get(CANCELLED.name)
        told = self.night.known.cancelled_people() if not self.night.is_full else set()
        if scan is not None:
            told |= scan.ids
        new = cancelled - told
        if not new and (scan is not None or self.night.is_read(CANCELLED)):
            return
        newest = CursorScan(
            CANCELLED,
            query_of_cancellations(),
            known=self.night.known.cancelled_people(),
            until_known=True,
            with_heads=True,
        )
        yield [newest]
        if not newest.is_complete or not new <= newest.ids:
            yield from settle([self.night.scan(CANCELLED, with_heads=True)], self.night.settings.settle_seconds)

    def newcomers(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read the people who are members of a list, and whom the list of people did not show yet."""
        if not self.night.is_wanted("subscribers"):
            return
        seen = (
            self.night.known_people
            | self.night.states.keys()
            | set(map(int, self.night.context.keys.get(PEOPLE.name, ())))
        )
        if not self.night.met - seen:
            return
        scan = self.night.scan(CHANGED, since=self.night.context.began_at - LAG, with_heads=True)
        yield [scan]
        self.night.states.update(scan.states)
        if left := self.night.met - seen - scan.ids:
            yield [self._by_id(left)]

    def missing(self, last: Mapping[str, CursorScan]) -> Phases:
        """Request by id the people whom the complete list does not show: only a 404 says that somebody is gone."""
        if self.night.everybody is None or not self.night.everybody.is_complete:
            return
        missing = self.night.known_people - self.night.everybody.ids
        asked = self.night.known.asked_since(BY_ID_V4, self.night.context.began_at - self.night.context.schedule.cycle)
        if not self.night.is_full:
            missing -= asked
        if missing:
            yield [self._by_id(missing)]

    def doubtful(self) -> Phases:
        """Request by id what a list showed otherwise than a push, or a record by id, shortly before."""
        doubtful = self.night.context.recent.doubtful
        if people := doubtful["subscribers"]:
            scan = self._by_id(people)
            yield [scan]
            self.night.states.update({id_: head.state for id_, head in scan.heads.items()})
            for id_ in scan.heads:
                self.night.context.recent.people.pop(id_, None)  # the list is right about them
            if any(head.state == "cancelled" for head in scan.heads.values()):
                yield from self._cancellations({})
        if broadcasts := doubtful["broadcasts"]:
            yield [ByIdScan(BROADCASTS_BY_ID_V4, map(str, sorted(broadcasts)), budget=BY_ID_BUDGET)]

    def _by_id(self, people: Collection[int]) -> ByIdScan:
        scan = self.night.progress.scans.get(BY_ID_V4.name)
        done = scan.keys if scan is not None else self.night.context.keys.get(BY_ID_V4.name, set())
        budget = None if self.night.is_full else BY_ID_BUDGET
        return ByIdScan(BY_ID_V4, map(str, sorted(people)), self.night.earlier(BY_ID_V4), done, budget)
