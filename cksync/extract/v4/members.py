"""The members of forms, sequences and tags: what is new, who left, and what proves that nothing else changed."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import ceil

from cksync.api.v4.catalog import (
    LAG,
    PEOPLE,
)
from cksync.domain import (
    PARENTS,
    VANISH_ROWS,
    Checkpoint,
    Head,
    Slice,
    members,
)
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import Scan
from cksync.extract.v4.leavers import LeaversScan, price
from cksync.extract.v4.night import NO_HEADS, Night
from cksync.extract.v4.settling import Phases, proved, settle
from cksync.load.known import Members


class MembersOfLists:
    """Reads the lists of members: all of them if the subscriptions are requested, else those in `named`."""

    def __init__(self, night: Night, named: Collection[str]) -> None:
        self.night, self._named = night, named
        self._searches: list[LeaversScan] = []

    def lists(self) -> list[Slice]:
        """Return the lists of members to read."""
        every = [members(kind, str(id_), "v4") for kind in PARENTS for id_ in self.night.parents.get(kind, [])]
        if self.night.is_wanted("subscriptions"):
            return every
        return [slice_ for slice_ in every if slice_.name in self._named]

    def gap(self, slice_: Slice) -> int | None:
        """Return how many more active people a list counts than the mirror has; None if it gives no count."""
        count = self.night.counts.get(slice_.name)
        return None if count is None else count - len(self._active(slice_))

    def _has_moved(self, slice_: Slice) -> bool:
        return self.gap(slice_) != 0

    def of(self, slice_: Slice) -> Members:
        """Return the people in a list as the mirror has them."""
        return self.night.known.members(slice_)

    def _whole_list(self, slice_: Slice) -> CursorScan:
        there = self.of(slice_)
        is_exempt = self.night.context.may_vanish or slice_.is_left_by_itself
        held = self.night.context.state.held_of(slice_, there.all, may_vanish=is_exempt, least=VANISH_ROWS)
        return self.night.scan(slice_, known=there.all, young=there.young, held=held, is_met=True)

    def scans(self) -> list[Scan]:
        """Return the scans of the lists of members: whole ones of those never read, of one page, or in rotation; else
        of what is new. Tags of people who are read one and all follow later."""
        scans: list[Scan] = []
        rotation = self._in_rotation
        for slice_ in self.lists():
            if self.night.is_read(slice_):
                scans.append(self.night.done(slice_))
            elif not self.night.is_known(slice_):
                scans.append(self._whole_list(slice_))
            elif slice_.parent and slice_.parent[0] == "tag" and self._tags_follow:
                continue
            elif self.night.by_hints and not self._has_moved(slice_):
                self._keep(slice_)
            elif self.night.by_hints and (search := self._search(slice_)):
                self._searches.append(search)  # where somebody joined, too, its counts do not add up
            elif (
                len(self.of(slice_).all) <= self.night.one_page or slice_.name in rotation or not self.night.is_nightly
            ):
                scans.append(self._whole_list(slice_))
            else:
                scans.append(self.night.scan(slice_, since=self.night.since(slice_), with_heads=True, is_met=True))
        return scans

    @property
    def _tags_follow(self) -> bool:
        return self.night.is_wanted("subscribers") and self.night.reads_everybody and not self.night.is_read(PEOPLE)

    def _keep(self, slice_: Slice) -> None:
        """Note that the count of a list says that it has not changed."""
        rows, at = len(self.of(slice_).all), self.night.context.began_at
        self.night.put(Checkpoint(slice_, at, at, rows=rows, is_done=True, is_complete=True, proof="counts"))

    @cached_property
    def _in_rotation(self) -> set[str]:
        """Return the lists of several pages that are read whole tonight although nothing says so, the longest unproved
        first: a share of the verify cycle, within the budget of checks. Tags are proved with everybody."""
        share = self.night.context.schedule.share
        lists = [
            (cursor.checked_at, slice_.name, ceil(cursor.rows / self.night.page_rows))
            for slice_ in self.lists()
            if (cursor := self.night.context.state.cursors.get(slice_.name)) is not None
            and cursor.read_to is not None
            and cursor.rows > self.night.one_page
            and not (slice_.parent and slice_.parent[0] == "tag" and self.night.is_wanted("subscribers"))
        ]
        lists.sort(key=lambda each: (each[0] is not None, each[0], each[1]))
        budget = round(sum(pages for *_, pages in lists) * share)
        budget = min(budget, self.night.context.schedule.checks)
        chosen: set[str] = set()
        for _, name, pages in lists:
            if budget <= 0:
                break
            chosen.add(name)
            budget -= pages
        return chosen

    def after(self, last: Mapping[str, CursorScan]) -> Phases:
        """Judge the lists of members: what is new and who changed must explain the count; else search for those who
        left, or walk the list."""
        doubtful: list[Slice] = []
        for slice_ in self.lists():
            scan = last.get(slice_.name)
            if scan is None or not scan.is_changes_only or not scan.is_complete:
                continue
            if len(self._active_in(slice_, scan.heads)) == self.night.counts.get(slice_.name):
                self._prove_by_count(slice_, scan.checkpoint, scan.ids)
            elif search := self._search(slice_, scan.heads):
                self._searches.append(search)
            else:
                doubtful.append(slice_)
        if self._searches:
            yield self._searches
        for search in self._searches:
            scan = last.get(search.list.name)
            added = scan.ids if scan is not None else set()
            if search.is_lost or search.gone & (self.of(search.list).young | added):
                doubtful.append(search.list)
            else:
                self.night.observe_absent(search.list, search.last_at, search.gone)
                checkpoint = scan.checkpoint if scan is not None else search.checkpoint
                self._prove_by_count(search.list, checkpoint, added, search.gone)
        if doubtful:
            found = yield from settle(map(self._whole_list, doubtful), self.night.settings.settle_seconds)
            for scan in found.values():
                self.night.note_absent(scan)
        if self._tags_follow and self.night.is_wanted("subscriptions"):
            yield from self._tags_of_everybody()

    def _active_in(self, slice_: Slice, added: Mapping[int, Head]) -> set[int]:
        """Return the active members of a list, given who joined it."""
        active = {id_ for id_, head in added.items() if self.night.states.get(id_, head.state) == "active"}
        return active | self._active(slice_)

    def _prove_by_count(
        self, slice_: Slice, read: Checkpoint, added: Collection[int], gone: Collection[int] = ()
    ) -> None:
        """Note that a list has the known members, those who joined it, and not those who are gone."""
        rows = len({*self.of(slice_).all, *added} - set(gone))
        self.night.put(
            Checkpoint(slice_, read.began_at, read.read_from, rows=rows, is_done=True, is_complete=True, proof="counts")
        )

    def _search(self, slice_: Slice, added: Mapping[int, Head] = NO_HEADS) -> LeaversScan | None:
        """Return a search for those who left a list, if its count is low and to read it whole would cost more."""
        count = self.night.counts.get(slice_.name)
        expected, began_at = self._active_in(slice_, added), self.night.context.began_at
        if count is None or self.night.counted_at is None or count >= len(expected) or not self.night.is_nightly:
            return None
        joined = {**self.night.known.joined(slice_)} | {id_: head.at for id_, head in added.items() if head.at}
        times = {id_: joined[id_] for id_ in expected if id_ in joined}
        pages = ceil(len(self.of(slice_).all) / self.night.page_rows)
        is_old = any(at >= self.night.counted_at for at in times.values())  # the count
        cost = is_old + price(len(expected) - count, len(expected), self.night.page_rows)
        if len(times) < len(expected) or cost >= pages:
            return None
        return LeaversScan(slice_, times, None if is_old else count, self.night.page_rows, began_at)

    def _active(self, slice_: Slice) -> frozenset[int]:
        """Return the known members of a list who are active tonight, as far as is known, and have not left it."""
        there = self.of(slice_)
        active = there.active
        if self.night.states:
            moved = [id_ for id_ in there.all if id_ in self.night.states]
            active = (active - frozenset(moved)) | {id_ for id_ in moved if self.night.states[id_] == "active"}
        return active - self.night.left.get(slice_.name, set())

    def _tags_of_everybody(self) -> Phases:
        """Compare the tags of everybody with the mirror: note who lost one, and read when others got theirs."""
        everybody = self.night.everybody
        if everybody is None or not everybody.is_complete:
            return
        now: dict[int, set[int]] = {}
        for id_, head in everybody.heads.items():
            for tag in head.tags or ():
                now.setdefault(tag, set()).add(id_)
        began_at, listed = everybody.checkpoint.began_at, everybody.ids
        news: dict[str, tuple[CursorScan, set[int]]] = {}
        again_since = self._tagged_again()
        whole_again: list[CursorScan] = []
        for id_ in self.night.parents.get("tag", []):
            slice_ = members("tag", str(id_), "v4")
            if slice_.name in self.night.progress.scans or not self.night.is_known(slice_):
                continue
            there, tagged = self.of(slice_), now.get(id_, set())
            held = set(there.all)
            lost = [each for each in held - tagged if each not in there.young and each in listed]
            rule = self.night.context.state.held_of(
                slice_, there.all, may_vanish=self.night.context.may_vanish, least=VANISH_ROWS
            )
            if rule.is_odd(lost, is_empty=not tagged):
                whole_again.append(self._whole_list(slice_))
                continue
            if lost:
                self.night.observe_absent(slice_, everybody.last_at or began_at, lost)
            self.night.put(proved(slice_, began_at, len(tagged)).checkpoint)
            added, since = tagged - held, again_since.get(id_)
            if added or since:
                since = min(since or began_at, self.night.since(slice_))
                news[slice_.name] = self.night.scan(slice_, since=since, with_heads=True, is_met=True), added
        found = yield from settle([scan for scan, _ in news.values()], self.night.settings.settle_seconds)
        for name, (scan, added) in news.items():
            if found[name].is_complete and added <= found[name].ids:
                self.night.put(proved(scan.slice, began_at, len(now.get(int(name.rpartition("/")[2]), ()))).checkpoint)
            else:
                whole_again.append(self._whole_list(scan.slice))
        if whole_again:
            again = yield from settle(whole_again, self.night.settings.settle_seconds)
            for scan in again.values():
                self.night.note_absent(scan)

    def _tagged_again(self) -> dict[int, datetime]:
        """Return the tags to check tonight, each with a time since its last check, for people who lost the tag and got
        it again: their tags are the same, and only its list shows the new time. Each has its turn once a cycle."""
        cycle, now = self.night.context.schedule.cycle, self.night.context.began_at
        last = self.night.context.state.cursors[PEOPLE.name].read_to if self.night.is_known(PEOPLE) else None
        if last is None or not cycle:
            return {}
        tags = self.night.parents.get("tag", [])
        turns = {id_: cycle * place / len(tags) for place, id_ in enumerate(tags)}
        since = last - cycle - LAG
        return {id_: since for id_, turn in turns.items() if _turns(now, turn, cycle) > _turns(last, turn, cycle)}


def _turns(at: datetime, turn: timedelta, cycle: timedelta) -> int:
    """Return how often a turn has come up by a time, once a cycle."""
    return (at - datetime(2020, 1, 1, tzinfo=UTC) - turn) // cycle
