"""Choose the scans of a pull through API v4 and their order: earlier scans read what later ones need.

First the small lists, which say what exists and count their members; then people, members, mails and purchases
together; at the end whoever turned up meanwhile, and whoever is missing.
"""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil

from cksync.api.v4.catalog import (
    BROADCASTS,
    CANCELLED,
    CHANGED,
    LAG,
    PAGE_ROWS,
    PEOPLE,
    PURCHASES,
    STATS,
    TRASHED,
    counts_of,
    emails_of,
    engagement,
    links_of,
    query_of,
    query_of_cancellations,
)
from cksync.config import PullConfig
from cksync.domain import (
    BROADCASTS_BY_ID_V4,
    BY_ID_V4,
    NOTHING_HELD,
    PARENTS,
    PROBED,
    STATS_BY_ID_V4,
    VANISH_ROWS,
    Checkpoint,
    Head,
    Held,
    Page,
    Request,
    Slice,
    members,
    whole,
)
from cksync.domain import PURCHASES as PURCHASES_V3
from cksync.extract.context import Progress, PullContext
from cksync.extract.due import QUARTER, STATS_MONTHLY, STATS_WEEKLY, WEEK, has_rotation_due
from cksync.extract.first_pages import FirstPages
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.cursor import FORBIDDEN, CountProbe, CursorScan, IdsProbe
from cksync.extract.scan.full import FullScan, Scan
from cksync.extract.scans import BY_ID_BUDGET, full_scan, incremental_scan
from cksync.extract.v4.leavers import LeaversScan, price
from cksync.extract.v4.settling import Pause, Phases, Proved, proved, settle
from cksync.load.known import Known, Members

STREAMS = (
    "account",
    "custom_fields",
    "forms",
    "sequences",
    "tags",
    "subscribers",
    "subscriptions",
    "broadcasts",
    "broadcast_stats",
    "broadcast_links",
    "sequence_emails",
    "subscriber_stats",
    "segments",
    "email_templates",
    "posts",
    "snippets",
    "webhooks",
    "purchases",
)
# Lists of a page or two that are read whole each time.
LISTS = ("custom_fields", "forms", "sequences", "tags", "segments", "email_templates", "posts", "snippets", "webhooks")
# Streams to read along with one that is requested alone.
NEEDS = {
    "subscriptions": {"forms", "sequences", "tags"},
    "broadcast_stats": {"broadcasts"},
    "broadcast_links": {"broadcasts", "broadcast_stats"},
    "sequence_emails": {"sequences"},
}
# The requests for counts of people, in place of everybody.
COUNTS = 3
# A list that fills less than this share of a page is read whole: that costs no more than reading what is new.
ONE_PAGE_SHARE = 0.9
# Links of broadcasts without new clicks that one night checks.
LINKS_IN_ROTATION = 2
Scans = Sequence[Scan]
NO_HEADS: Mapping[int, Head] = {}


def phases(context: PullContext, progress: Progress, lists_of_members: Collection[str] = ()) -> Phases:
    """Yield the scans, phase by phase; each phase must finish before the next is requested.

    If the subscriptions stream is requested, all lists of members are read; else only the named ones.
    """
    yield from _Reading(context, progress, frozenset(lists_of_members)).phases()


@dataclass
class _Reading:
    """One pull. `counts` are the active people in each list of members as of `counted_at`, `states` those of the people
    read tonight, `met` whoever was seen in a list of members, `left` whoever lost a tag, by slice, `page_rows` are the
    most rows of a page, `clicks` the figures that were read one by one."""

    context: PullContext
    progress: Progress
    named: frozenset[str]
    counts: dict[str, int | None] = field(default_factory=dict)
    counted_at: datetime | None = None
    states: dict[int, str | None] = field(default_factory=dict)
    met: set[int] = field(default_factory=set)
    parents: dict[str, list[int]] = field(default_factory=dict)
    left: dict[str, set[int]] = field(default_factory=dict)
    page_rows: int = PAGE_ROWS
    clicks: dict[int, int | None] = field(default_factory=dict)
    searches: list[LeaversScan] = field(default_factory=list)

    # -- what is known

    @cached_property
    def known(self) -> Known:
        return Known(self.context.state, self.context.began_at - LAG)

    @property
    def _settings(self) -> PullConfig:
        return self.context.schedule.settings

    @property
    def _is_full(self) -> bool:
        return self.context.schedule.depth == "full"

    @cached_property
    def known_people(self) -> set[int]:
        return self.known.ids("subscribers")

    def _is_wanted(self, stream: str) -> bool:
        return stream in self.context.streams

    def _is_known(self, slice_: Slice) -> bool:
        """Return True if a list was ever read to its end, so that changes since then suffice."""
        cursor = self.context.state.cursors.get(slice_.name)
        return not self._is_full and cursor is not None and cursor.read_to is not None

    def _since(self, slice_: Slice) -> datetime:
        """Return the time since when changes of a list are requested."""
        read_to = self.context.state.cursors[slice_.name].read_to
        return (read_to or self.context.began_at) - LAG

    def _earlier(self, slice_: Slice) -> Checkpoint | None:
        return self.context.earlier.get(slice_.name)

    def _is_read(self, slice_: Slice) -> bool:
        """Return True if an earlier load of the round has read the list completely."""
        earlier = self._earlier(slice_)
        return earlier is not None and earlier.is_complete

    @property
    def _one_page(self) -> float:
        return ONE_PAGE_SHARE * self.page_rows

    # -- scans

    def _walk(
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
        query = query_of(slice_, since=since, with_content=self._settings.content, now=self.context.began_at)
        is_part = since is not None or until_known
        return CursorScan(
            slice_,
            query,
            None if is_part or unchanged else self._earlier(slice_),
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

    def _list(self, stream: str) -> CursorScan:
        """Return a scan of a list of the account; whether rows of it that other rows depend on are gone, is confirmed
        by id."""
        slice_ = whole(stream, "v4")
        known = self.known.ids(stream)
        is_confirmed = stream in PARENTS.values() or slice_ == BROADCASTS
        held = self.context.state.held_of(slice_, known, may_vanish=self.context.may_vanish, least=VANISH_ROWS)
        young = () if is_confirmed else self.known.young(stream)
        return self._walk(slice_, known=() if is_confirmed else known, young=young, held=held, with_heads=True)

    def _done(self, slice_: Slice) -> Proved:
        earlier = self._earlier(slice_)
        assert earlier is not None
        return Proved(earlier)

    # -- the order

    def phases(self) -> Phases:
        lists = yield from self._small_lists()
        last = yield from self._changed_people()
        people, engaged, others = self._people_scans(), self._engagement(), self._others()
        members_of = self._member_scans() if not self.context.is_planned else None
        if members_of is not None:
            yield from self._measured(lists, [*people, *engaged, *others], members_of)
        if STATS.name in lists and not lists[STATS.name].is_complete and lists[STATS.name].status == FORBIDDEN:
            yield from self._stats_one_by_one(lists)
        if self._by_hints:  # what the changed people explain is not read
            last |= yield from self._run(people)
            yield from self._people_after(last)
        scans = [*self._emails(lists), *engaged, *self._links(lists), *others]
        scans += self._member_scans() if members_of is None else members_of
        last |= yield from self._run(self._longest_first(scans if self._by_hints else [*people, *scans]))
        for scan in last.values():
            self._note_absent(scan)
        if not self._by_hints:
            yield from self._people_after(last)
        yield from self._members_after(last)
        yield from self._purchases()
        yield from self._newcomers(last)
        yield from self._missing(last)
        yield from self._doubtful()

    def _run(self, scans: Sequence[Scan]) -> Generator[Scans | FirstPages | Pause, None, dict[str, CursorScan]]:
        """Run scans together; return the cursor scans, by slice."""
        walks = (scan for scan in scans if isinstance(scan, CursorScan))
        last = yield from settle(walks, self._settings.settle_seconds)
        yield [scan for scan in scans if not isinstance(scan, CursorScan)]
        return last

    def _longest_first(self, scans: Sequence[Scan]) -> list[Scan]:
        """Sort scans by the rows that they probably read: the pages of a list come one after the other, so that the
        longest lists decide when all are read."""

        def rows(scan: Scan) -> int:
            if scan.slice in (PEOPLE, CANCELLED):
                return 2**62
            if scan.slice.stream == "subscriber_stats":
                return 2**61
            if isinstance(scan, CursorScan) and not scan.is_changes_only:
                return self.counts.get(scan.slice.name) or 0
            return 0

        return sorted(scans, key=rows, reverse=True)

    def _small_lists(self) -> Generator[Scans | FirstPages | Pause, None, dict[str, CursorScan]]:
        names = [name for name in LISTS if self._is_wanted(name)]
        scans = [self._list(name) for name in names]
        if self._is_wanted("broadcasts"):
            scans.append(self._list("broadcasts"))
        if self._is_wanted("broadcast_stats"):
            scans.append(CursorScan(STATS, query_of(STATS), with_heads=True, is_optional=True))
        last = yield from settle(scans, self._settings.settle_seconds)
        self.page_rows = min((scan.per_page for scan in last.values()), default=PAGE_ROWS)
        again = [scan.again() for scan in last.values() if scan.absent]  # a row is gone only if two walks lack it
        if again:
            last |= yield from settle(again, self._settings.settle_seconds)
        for scan in last.values():
            self._note_absent(scan)
        yield from self._confirm_parents(last)
        if BROADCASTS.name in last and last[BROADCASTS.name].is_complete:
            gone = self.known.ids("broadcasts") - last[BROADCASTS.name].ids
            yield [ByIdScan(BROADCASTS_BY_ID_V4, map(str, sorted(gone)), budget=BY_ID_BUDGET)] if gone else []
        return last

    def _confirm_parents(self, last: Mapping[str, CursorScan]) -> Phases:
        """Find the forms, sequences and tags there are. One that its list lacks is gone if the list of its members is,
        too, or if it is a form in the trash, whose members the API may go on listing."""
        for kind, stream in PARENTS.items():
            scan = last.get(whole(stream, "v4").name)
            if scan is None:
                self.parents[kind] = []
                continue
            there, held = scan.ids, self.known.parents(kind)
            began_at = scan.checkpoint.began_at
            self.counted_at = min(self.counted_at or began_at, began_at)
            for id_, head in scan.heads.items():
                self.counts[members(kind, str(id_), "v4").name] = head.count
            lost = sorted(held - there)
            if not scan.is_complete:
                self.parents[kind] = sorted(there | held)
                continue
            gone = (yield from self._trashed(lost)) if kind == "form" and lost else {}
            left = [id_ for id_ in lost if id_ not in gone]
            slices = [members(kind, str(id_), "v4") for id_ in left]
            probes = [CursorScan(slice_, query_of(slice_)) for slice_ in slices]
            yield probes
            gone |= {id_: probe.last_at for id_, probe in zip(left, probes, strict=True) if probe.is_missing}
            self.parents[kind] = sorted(there | (held - gone.keys()))
            for id_, at in gone.items():
                at = at or self.context.began_at
                gone_with = Checkpoint(
                    members(kind, str(id_), "v4"), at, at, is_done=True, is_complete=True, is_gone=True, proof="content"
                )
                self._put(gone_with)
                self.progress.writer.mark([gone_with])  # in one segment with the absence: a kill must not part them
                self._observe_absent(whole(stream, "v4"), at, [id_])

    def _trashed(
        self, forms: Collection[int]
    ) -> Generator[Scans | FirstPages | Pause, None, dict[int, datetime | None]]:
        """Return which of some forms are in the trash, and when they were seen there."""
        trash = IdsProbe(TRASHED, query_of(TRASHED), with_heads=True, states_only=True)
        yield [trash]
        return {id_: trash.last_at for id_ in forms if id_ in trash.ids}

    def _observe_absent(self, slice_: Slice, at: datetime, ids: Collection[int]) -> None:
        """Store that a list lacked some rows at a time."""
        self.progress.writer.observe(Page(Request(slice_, ""), at, at, None, ()), ids)

    def _note_absent(self, scan: CursorScan) -> None:
        """Note the known rows that a complete list lacks."""
        if scan.absent:
            self._observe_absent(scan.slice, scan.last_at or self.context.began_at, scan.absent)

    def _measured(self, lists: Mapping[str, CursorScan], scans: Scans, members_of: Scans) -> Phases:
        """Read the first pages of the long lists, which tell how long these are, and note what to expect of the others.
        Forms and tags count their active members; of sequences, the first page of their members is read."""
        progress = self.progress
        broadcasts, stats = lists.get(BROADCASTS.name), lists.get(STATS.name)
        sent = len(stats.ids or broadcasts.ids) if stats is not None and broadcasts is not None else 0
        if stats is not None and stats.status == FORBIDDEN:
            progress.expect(STATS_BY_ID_V4, sent)
        if self._is_wanted("broadcast_links") and self._settings.links and broadcasts is not None:
            for id_ in (stats.ids if stats is not None else ()) or broadcasts.ids:
                progress.expect(links_of(id_), 1)
        for id_ in self._sequences_due(lists):
            progress.expect(emails_of(id_), 1)
        uncounted = [scan for scan in members_of if self.counts.get(scan.slice.name) is None]
        first = [scan for scan in (*scans, *uncounted) if isinstance(scan, CursorScan) and not scan.has_begun]
        yield FirstPages(first)
        totals = {scan.slice.stream: scan.total or 0 for scan in scans if isinstance(scan, CursorScan)}
        everybody = next(
            (scan.total or 0 for scan in scans if isinstance(scan, CursorScan) and scan.slice == PEOPLE), 0
        )
        active = totals.get("subscriber_stats", 0)
        share = everybody / active if active else 1.0
        for scan in members_of:
            if isinstance(scan, CursorScan) and not scan.has_begun and not scan.is_changes_only:
                rows = share * (self.counts.get(scan.slice.name) or 0)
                progress.expect(scan.slice, max(1, ceil(rows / self.page_rows)))
        progress.is_measured = True

    # -- people

    @cached_property
    def _pages(self) -> int:
        return max(1, ceil(len(self.known_people) / self.page_rows))

    @cached_property
    def _must_read_everybody(self) -> bool:
        """Return True if nobody is known yet, the user wants proof, or the last proof is a verify cycle old."""
        if not self._is_known(PEOPLE) or not self._is_nightly:
            return True
        checked_at = self.context.state.cursors[PEOPLE.name].checked_at
        return checked_at is None or self.context.began_at - checked_at >= self.context.schedule.cycle

    @cached_property
    def reads_everybody(self) -> bool:
        """Return True if people are read one and all, with their tags: because it is time, or because it is cheaper
        than reading the new members of every tag, and the tags whom somebody has left. Known from
        `_changed_people` on: who changed explains most counts."""
        if self._must_read_everybody or not self._are_changes_known:
            return True
        if self._by_hints:
            return self._pages <= 1
        tags = self.parents.get("tag", []) if self._is_wanted("subscriptions") else []
        slices = [members("tag", str(id_), "v4") for id_ in tags]
        gaps = {slice_: self._gap(slice_) for slice_ in slices}
        gained = [slice_ for slice_, gap in gaps.items() if gap is None or gap > 0]
        searches = sum(
            price(-gap, len(self._members_of(slice_).all), self.page_rows)
            for slice_, gap in gaps.items()
            if gap is not None and gap < 0
        )
        return self._pages + len(gained) <= COUNTS + len(tags) + searches

    def _changed_people(self) -> Generator[Scans | FirstPages | Pause, None, dict[str, CursorScan]]:
        """Read who changed since the last pull, unless everybody is read in any case."""
        if not self._is_wanted("subscribers") or self._is_read(PEOPLE) or self._must_read_everybody:
            return {}
        last = yield from self._run([self._walk(CHANGED, since=self._since(PEOPLE), with_heads=True)])
        changed = last[CHANGED.name]
        self._are_changes_known = changed.is_complete
        self.states.update(changed.states)
        self._note_tags_lost(changed)
        return last

    _are_changes_known = False

    def _gap(self, slice_: Slice) -> int | None:
        """Return how many more active people a list counts than the mirror has; None if it gives no count."""
        count = self.counts.get(slice_.name)
        return None if count is None else count - len(self._active(slice_))

    def _has_moved(self, slice_: Slice) -> bool:
        return self._gap(slice_) != 0

    def _members_of(self, slice_: Slice) -> Members:
        return self.known.members(slice_)

    def _people_scans(self) -> list[Scan]:
        if not self._is_wanted("subscribers"):
            return []
        if self._is_read(PEOPLE):
            return [self._done(PEOPLE)]
        if self.reads_everybody:
            digests = self.known.digests() if self._is_known(PEOPLE) or self._is_full else {}
            has_tags = any(self._is_known(members("tag", str(id_), "v4")) for id_ in self.parents.get("tag", []))
            scans: list[Scan] = [
                self._walk(PEOPLE, with_heads=True, states_only=not has_tags, unchanged=digests or None)
            ]
            if not self._is_known(CANCELLED) or self.context.schedule.depth != "nightly":
                scans.append(self._walk(CANCELLED, with_heads=True, states_only=True))
            return scans
        return self._count_scans()

    def _count_scans(self) -> list[Scan]:
        """Return requests for the number of people: all, active and cancelled ones."""
        if self._by_hints:
            return []
        slices = [counts_of(status) for status in ("all", "active", "cancelled")]
        return [CountProbe(slice_, query_of(slice_)) for slice_ in slices]

    def _people_after(self, last: Mapping[str, CursorScan]) -> Phases:
        """Judge what was read of people: walk everybody if the counts do not match what is known, and read when people
        cancelled."""
        if not self._is_wanted("subscribers"):
            return
        everybody, changed = last.get(PEOPLE.name), last.get(CHANGED.name)
        if changed is not None and not self.reads_everybody:
            doubt = self._people_doubt(changed, last)
            if doubt is None and changed.is_complete:
                rows = len(self.known_people | changed.ids)
                checkpoint = changed.checkpoint
                at = checkpoint.began_at
                self._put(Checkpoint(PEOPLE, at, at, rows=rows, is_done=True, is_complete=True, proof="counts"))
            else:
                scan = self._walk(PEOPLE, with_heads=True, unchanged=self.known.digests() or None)
                found = yield from settle([scan], self._settings.settle_seconds)
                everybody = found[PEOPLE.name]
                self.everybody = everybody
        elif everybody is not None:
            self.everybody = everybody
        if everybody is not None:
            self.states.update(everybody.states)
        yield from self._cancellations(last)

    everybody: CursorScan | None = None

    def _note_tags_lost(self, changed: CursorScan) -> None:
        """Note which of the changed people have lost a tag."""
        there = self.context.state.rows(
            """
            select subscribable_id, subscriber_id from main.subscriptions
            where subscribable_type = 'tag' and subscriber_id in (select unnest(?::bigint[])) and created_at < ?
            """,
            [list(changed.heads), self.context.began_at - LAG],
        )
        for tag, id_ in there:
            tags = changed.heads[id_].tags
            if tags is not None and tag not in tags:
                self.left.setdefault(members("tag", str(tag), "v4").name, set()).add(id_)
        for slice_ in self._lists_of_members():
            if lost := self.left.get(slice_.name):
                self._observe_absent(slice_, changed.last_at or self.context.began_at, lost)

    def _put(self, checkpoint: Checkpoint) -> None:
        self.progress.scans[checkpoint.slice.name] = Proved(checkpoint)

    def _people_doubt(self, changed: CursorScan, last: Mapping[str, CursorScan]) -> str | None:
        """Return why the changed people do not explain the counts; None if they do."""
        if not changed.is_complete:
            return "the changed people could not be read"
        totals = {name.rpartition("/")[2]: scan.total for name, scan in last.items() if PROBED in name}
        states = self.context.state.states()
        before = self.known_states(changed.ids)
        for id_, state in changed.states.items():
            old = before.get(id_)
            if old is not None:
                states[old] = states.get(old, 0) - 1
            if state is not None:
                states[state] = states.get(state, 0) + 1
        expected = {"all": sum(states.values()), **states}
        wrong = [status for status, total in totals.items() if total not in (None, expected.get(status, 0))]
        return f"counts of {', '.join(wrong)} people do not match" if wrong else None

    def known_states(self, people: Iterable[int]) -> dict[int, str | None]:
        """Return the states of some people in the mirror."""
        rows = self.context.state.rows(
            "select id, state from main.subscribers where id in (select unnest(?::bigint[]))", [list(people)]
        )
        return dict(rows)

    def _cancellations(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read when people cancelled: the latest of them, who may have cancelled again; all of them, if that does not
        show everybody who is cancelled tonight."""
        cancelled = {id_ for id_, state in self.states.items() if state == "cancelled"}
        scan = last.get(CANCELLED.name)
        told = self.known.cancelled_people() if not self._is_full else set()
        if scan is not None:
            told |= scan.ids
        new = cancelled - told
        if not new and (scan is not None or self._is_read(CANCELLED)):
            return
        newest = CursorScan(
            CANCELLED,
            query_of_cancellations(),
            known=self.known.cancelled_people(),
            until_known=True,
            with_heads=True,
        )
        yield [newest]
        if not newest.is_complete or not new <= newest.ids:
            yield from settle([self._walk(CANCELLED, with_heads=True)], self._settings.settle_seconds)

    # -- members

    def _lists_of_members(self) -> list[Slice]:
        every = [members(kind, str(id_), "v4") for kind in PARENTS for id_ in self.parents.get(kind, [])]
        if self._is_wanted("subscriptions"):
            return every
        return [slice_ for slice_ in every if slice_.name in self.named]

    def _whole_list(self, slice_: Slice) -> CursorScan:
        there = self._members_of(slice_)
        is_exempt = self.context.may_vanish or slice_.is_left_by_itself
        held = self.context.state.held_of(slice_, there.all, may_vanish=is_exempt, least=VANISH_ROWS)
        return self._walk(slice_, known=there.all, young=there.young, held=held, is_met=True)

    def _member_scans(self) -> list[Scan]:
        """Return the scans of the lists of members: whole ones of those never read, of one page, or in rotation; else
        of what is new. Tags of people who are read one and all follow later."""
        scans: list[Scan] = []
        rotation = self._in_rotation
        for slice_ in self._lists_of_members():
            if self._is_read(slice_):
                scans.append(self._done(slice_))
            elif not self._is_known(slice_):
                scans.append(self._whole_list(slice_))
            elif slice_.parent and slice_.parent[0] == "tag" and self._tags_follow:
                continue
            elif self._by_hints and not self._has_moved(slice_):
                self._keep(slice_)
            elif self._by_hints and (search := self._search(slice_)):
                self.searches.append(search)  # where somebody joined, too, its counts do not add up
            elif len(self._members_of(slice_).all) <= self._one_page or slice_.name in rotation or not self._is_nightly:
                scans.append(self._whole_list(slice_))
            else:
                scans.append(self._walk(slice_, since=self._since(slice_), with_heads=True, is_met=True))
        return scans

    @property
    def _by_hints(self) -> bool:
        return self._settings.depth == "hints" and self.context.schedule.depth == "nightly"

    @property
    def _is_nightly(self) -> bool:
        return self.context.schedule.depth == "nightly"

    @property
    def _tags_follow(self) -> bool:
        return self._is_wanted("subscribers") and self.reads_everybody and not self._is_read(PEOPLE)

    def _keep(self, slice_: Slice) -> None:
        """Note that the count of a list says that it has not changed."""
        rows, at = len(self._members_of(slice_).all), self.context.began_at
        self._put(Checkpoint(slice_, at, at, rows=rows, is_done=True, is_complete=True, proof="counts"))

    @cached_property
    def _in_rotation(self) -> set[str]:
        """Return the lists of several pages that are read whole tonight although nothing says so, the longest unproved
        first: a share of the verify cycle, within the budget of checks. Tags are proved with everybody."""
        share = self.context.schedule.share
        lists = [
            (cursor.checked_at, slice_.name, ceil(cursor.rows / self.page_rows))
            for slice_ in self._lists_of_members()
            if (cursor := self.context.state.cursors.get(slice_.name)) is not None
            and cursor.read_to is not None
            and cursor.rows > self._one_page
            and not (slice_.parent and slice_.parent[0] == "tag" and self._is_wanted("subscribers"))
        ]
        lists.sort(key=lambda each: (each[0] is not None, each[0], each[1]))
        budget = round(sum(pages for *_, pages in lists) * share)
        budget = min(budget, self.context.schedule.checks)
        chosen: set[str] = set()
        for _, name, pages in lists:
            if budget <= 0:
                break
            chosen.add(name)
            budget -= pages
        return chosen

    def _members_after(self, last: Mapping[str, CursorScan]) -> Phases:
        """Judge the lists of members: what is new and who changed must explain the count; else search for those who
        left, or walk the list."""
        doubtful: list[Slice] = []
        for slice_ in self._lists_of_members():
            scan = last.get(slice_.name)
            if scan is None or not scan.is_changes_only or not scan.is_complete:
                continue
            if len(self._active_in(slice_, scan.heads)) == self.counts.get(slice_.name):
                self._prove_by_count(slice_, scan.checkpoint, scan.ids)
            elif search := self._search(slice_, scan.heads):
                self.searches.append(search)
            else:
                doubtful.append(slice_)
        if self.searches:
            yield self.searches
        for search in self.searches:
            scan = last.get(search.list.name)
            added = scan.ids if scan is not None else set()
            if search.is_lost or search.gone & (self._members_of(search.list).young | added):
                doubtful.append(search.list)
            else:
                self._observe_absent(search.list, search.last_at, search.gone)
                checkpoint = scan.checkpoint if scan is not None else search.checkpoint
                self._prove_by_count(search.list, checkpoint, added, search.gone)
        if doubtful:
            found = yield from settle(map(self._whole_list, doubtful), self._settings.settle_seconds)
            for scan in found.values():
                self._note_absent(scan)
        if self._tags_follow and self._is_wanted("subscriptions"):
            yield from self._tags_of_everybody()

    def _active_in(self, slice_: Slice, added: Mapping[int, Head]) -> set[int]:
        """Return the active members of a list, given who joined it."""
        active = {id_ for id_, head in added.items() if self.states.get(id_, head.state) == "active"}
        return active | self._active(slice_)

    def _prove_by_count(
        self, slice_: Slice, read: Checkpoint, added: Collection[int], gone: Collection[int] = ()
    ) -> None:
        """Note that a list has the known members, those who joined it, and not those who are gone."""
        rows = len({*self._members_of(slice_).all, *added} - set(gone))
        self._put(
            Checkpoint(slice_, read.began_at, read.read_from, rows=rows, is_done=True, is_complete=True, proof="counts")
        )

    def _search(self, slice_: Slice, added: Mapping[int, Head] = NO_HEADS) -> LeaversScan | None:
        """Return a search for those who left a list, if its count is low and to read it whole would cost more."""
        count = self.counts.get(slice_.name)
        expected, began_at = self._active_in(slice_, added), self.context.began_at
        if count is None or self.counted_at is None or count >= len(expected) or not self._is_nightly:
            return None
        joined = {**self.known.joined(slice_)} | {id_: head.at for id_, head in added.items() if head.at}
        times = {id_: joined[id_] for id_ in expected if id_ in joined}
        pages = ceil(len(self._members_of(slice_).all) / self.page_rows)
        is_old = any(at >= self.counted_at for at in times.values())  # the count
        cost = is_old + price(len(expected) - count, len(expected), self.page_rows)
        if len(times) < len(expected) or cost >= pages:
            return None
        return LeaversScan(slice_, times, None if is_old else count, self.page_rows, began_at)

    def _active(self, slice_: Slice) -> frozenset[int]:
        """Return the known members of a list who are active tonight, as far as is known, and have not left it."""
        there = self._members_of(slice_)
        active = there.active
        if self.states:
            moved = [id_ for id_ in there.all if id_ in self.states]
            active = (active - frozenset(moved)) | {id_ for id_ in moved if self.states[id_] == "active"}
        return active - self.left.get(slice_.name, set())

    def _tags_of_everybody(self) -> Phases:
        """Compare the tags of everybody with the mirror: note who lost one, and read when others got theirs."""
        everybody = self.everybody
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
        for id_ in self.parents.get("tag", []):
            slice_ = members("tag", str(id_), "v4")
            if slice_.name in self.progress.scans or not self._is_known(slice_):
                continue
            there, tagged = self._members_of(slice_), now.get(id_, set())
            held = set(there.all)
            lost = [each for each in held - tagged if each not in there.young and each in listed]
            rule = self.context.state.held_of(slice_, there.all, may_vanish=self.context.may_vanish, least=VANISH_ROWS)
            if rule.is_odd(lost, is_empty=not tagged):
                whole_again.append(self._whole_list(slice_))
                continue
            if lost:
                self._observe_absent(slice_, everybody.last_at or began_at, lost)
            self._put(proved(slice_, began_at, len(tagged)).checkpoint)
            added, since = tagged - held, again_since.get(id_)
            if added or since:
                since = min(since or began_at, self._since(slice_))
                news[slice_.name] = self._walk(slice_, since=since, with_heads=True, is_met=True), added
        found = yield from settle([scan for scan, _ in news.values()], self._settings.settle_seconds)
        for name, (scan, added) in news.items():
            if found[name].is_complete and added <= found[name].ids:
                self._put(proved(scan.slice, began_at, len(now.get(int(name.rpartition("/")[2]), ()))).checkpoint)
            else:
                whole_again.append(self._whole_list(scan.slice))
        if whole_again:
            again = yield from settle(whole_again, self._settings.settle_seconds)
            for scan in again.values():
                self._note_absent(scan)

    def _tagged_again(self) -> dict[int, datetime]:
        """Return the tags to check tonight, each with a time since its last check, for people who lost the tag and got
        it again: their tags are the same, and only its list shows the new time. Each has its turn once a cycle."""
        cycle, now = self.context.schedule.cycle, self.context.began_at
        last = self.context.state.cursors[PEOPLE.name].read_to if self._is_known(PEOPLE) else None
        if last is None or not cycle:
            return {}
        tags = self.parents.get("tag", [])
        turns = {id_: cycle * place / len(tags) for place, id_ in enumerate(tags)}
        since = last - cycle - LAG
        return {id_: since for id_, turn in turns.items() if _turns(now, turn, cycle) > _turns(last, turn, cycle)}

    # -- whoever turned up, and whoever is missing

    def _newcomers(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read the people who are members of a list, and whom the list of people did not show yet."""
        if not self._is_wanted("subscribers"):
            return
        seen = self.known_people | self.states.keys() | set(map(int, self.context.keys.get(PEOPLE.name, ())))
        if not self.met - seen:
            return
        scan = self._walk(CHANGED, since=self.context.began_at - LAG, with_heads=True)
        yield [scan]
        self.states.update(scan.states)
        if left := self.met - seen - scan.ids:
            yield [self._by_id(left)]

    def _missing(self, last: Mapping[str, CursorScan]) -> Phases:
        """Request by id the people whom the complete list does not show: only a 404 says that somebody is gone."""
        if self.everybody is None or not self.everybody.is_complete:
            return
        missing = self.known_people - self.everybody.ids
        asked = self.known.asked_since(BY_ID_V4, self.context.began_at - self.context.schedule.cycle)
        if not self._is_full:
            missing -= asked
        if missing:
            yield [self._by_id(missing)]

    def _doubtful(self) -> Phases:
        """Request by id what a list showed otherwise than a push, or a record by id, shortly before."""
        doubtful = self.context.recent.doubtful
        if people := doubtful["subscribers"]:
            scan = self._by_id(people)
            yield [scan]
            self.states.update({id_: head.state for id_, head in scan.heads.items()})
            for id_ in scan.heads:
                self.context.recent.people.pop(id_, None)  # the list is right about them
            if any(head.state == "cancelled" for head in scan.heads.values()):
                yield from self._cancellations({})
        if broadcasts := doubtful["broadcasts"]:
            yield [ByIdScan(BROADCASTS_BY_ID_V4, map(str, sorted(broadcasts)), budget=BY_ID_BUDGET)]

    def _by_id(self, people: Collection[int]) -> ByIdScan:
        scan = self.progress.scans.get(BY_ID_V4.name)
        done = scan.keys if scan is not None else self.context.keys.get(BY_ID_V4.name, set())
        budget = None if self._is_full else BY_ID_BUDGET
        return ByIdScan(BY_ID_V4, map(str, sorted(people)), self._earlier(BY_ID_V4), done, budget)

    # -- mails

    def _stats_one_by_one(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read the figures of each broadcast where the account may not have their list."""
        at = self.context.began_at
        self._put(Checkpoint(STATS, at, at, is_done=True, is_complete=True, proof="changes"))
        broadcasts = last.get(BROADCASTS.name)
        ids = broadcasts.ids if broadcasts is not None else self.known.ids("broadcasts")
        read = self.context.state.read_times(STATS_BY_ID_V4)
        sent = dict(self.context.state.rows("select id, coalesce(send_at, published_at) from main.broadcasts"))
        due = [id_ for id_ in ids if self._is_full or self._is_due(id_, sent.get(id_), read.get(id_))]
        scan = ByIdScan(
            STATS_BY_ID_V4,
            map(str, sorted(due, reverse=True)),
            self._earlier(STATS_BY_ID_V4),
            self.context.keys.get(STATS_BY_ID_V4.name, ()),
            may_be_refused=True,
        )
        yield [scan]
        self.clicks = {id_: head.inside for id_, head in scan.heads.items()}

    def _is_due(self, id_: int, sent_at: datetime | None, read_at: datetime | None) -> bool:
        """Return True if the figures of a broadcast are due: each night for a week, weekly for a quarter, monthly."""
        now = self.context.began_at
        if read_at is None or sent_at is None or now - sent_at <= WEEK:
            return True
        return has_rotation_due(id_, read_at, now, STATS_WEEKLY if now - sent_at <= QUARTER else STATS_MONTHLY)

    def _emails(self, lists: Mapping[str, CursorScan]) -> list[Scan]:
        return [self._children(emails_of(id_)) for id_ in self._sequences_due(lists)]

    def _links(self, lists: Mapping[str, CursorScan]) -> list[Scan]:
        return [self._children(links_of(id_)) for id_ in self._links_due(lists)]

    def _children(self, slice_: Slice) -> Scan:
        if self._is_read(slice_):
            return self._done(slice_)
        is_figures = slice_.stream == "broadcast_links"
        return self._walk(slice_, known=self.known.children(slice_), may_be_frozen=is_figures)

    def _sequences_due(self, lists: Mapping[str, CursorScan]) -> list[int]:
        """Return the sequences whose emails to read: those that changed, and the others in rotation."""
        scan = lists.get(whole("sequences", "v4").name)
        if scan is None or not self._is_wanted("sequence_emails"):
            return []
        known, due = self.known.sequences(), []
        for id_, head in scan.heads.items():
            cursor = self.context.state.cursors.get(emails_of(id_).name)
            at, count = known.get(id_, (None, 0))
            is_same = (
                cursor is not None and cursor.read_to is not None and (head.updated_at, head.inside) == (at, count)
            )
            is_due = cursor is None or has_rotation_due(
                id_, cursor.read_to, self.context.began_at, self.context.schedule.cycle
            )
            if not is_same or is_due or not self._is_nightly:
                due.append(id_)
        return due

    def _links_due(self, lists: Mapping[str, CursorScan]) -> list[int]:
        """Return the broadcasts whose links to read: those with other clicks than when they were read, and a few others
        in rotation."""
        if not self._is_wanted("broadcast_links") or not self._settings.links:
            return []
        stats = lists.get(STATS.name)
        listed = {id_: head.inside for id_, head in stats.heads.items()} if stats is not None else {}
        now = self.clicks | listed
        known = {each.id: each for each in self.known.sent()}
        due, others = [], []
        for id_ in listed or self._maybe_sent(lists, known):  # the list leaves out what is older than five years
            each = known.get(id_)
            if each is None or each.read_at is None:
                due.append(id_)
                continue
            clicks = now.get(id_, each.clicks)
            if clicks != each.clicks_then:
                due.append(id_)
            elif clicks:
                others.append((id_, each.read_at))
        if self._is_full:
            return sorted({*due, *(id_ for id_, _ in others)}, reverse=True)
        overdue = [id_ for id_, at in others if has_rotation_due(id_, at, self.context.began_at, QUARTER)]
        limit = None if self.context.schedule.depth == "verify" else LINKS_IN_ROTATION
        return sorted({*due, *islice(sorted(overdue), limit)}, reverse=True)

    def _maybe_sent(self, lists: Mapping[str, CursorScan], known: Collection[int]) -> set[int]:
        """Return the broadcasts that may have links, where the account may not have the list of figures."""
        broadcasts = lists.get(BROADCASTS.name)
        there = broadcasts.ids if broadcasts is not None else set()
        if self._is_full:
            return there
        return {*known, *(id_ for id_ in there if links_of(id_).name not in self.context.state.cursors)}

    def _engagement(self) -> list[Scan]:
        """Return a scan of everybody's figures, if they are due."""
        days = self._settings.engagement_days
        if not self._is_wanted("subscriber_stats") or not days:
            return []
        slice_ = engagement(self._settings.engagement_window_days)
        if self._is_read(slice_):
            return [self._done(slice_)]
        cursor = self.context.state.cursors.get(slice_.name)
        read_to = cursor.read_to if cursor else None
        if (
            read_to is not None
            and not self._is_full
            and self.context.began_at - read_to < timedelta(days=days) - timedelta(hours=1)
        ):
            return []
        return [self._walk(slice_, known=self.known.engaged())]

    def _others(self) -> list[Scan]:
        """Return a scan of purchases through OAuth: of new ones, or within the verify cycle of all."""
        if not self._is_wanted("purchases") or self.context.purchases_by != "v4":
            return []
        known = self.known.ids("purchases")
        cursor = self.context.state.cursors.get(PURCHASES.name)
        is_due = cursor is None or has_rotation_due(
            0, cursor.checked_at, self.context.began_at, self.context.schedule.cycle
        )
        if self._is_known(PURCHASES) and not is_due and self._is_nightly and len(known) > self._one_page:
            return [self._walk(PURCHASES, known=known, until_known=True)]
        held = self.context.state.held_of(PURCHASES, known, may_vanish=self.context.may_vanish, least=VANISH_ROWS)
        return [self._walk(PURCHASES, known=known, young=self.known.young("purchases"), held=held)]

    def _purchases(self) -> Phases:
        """Read purchases through API v3 where only its secret gives them."""
        if not self._is_wanted("purchases") or self.context.purchases_by != "v3":
            return
        is_known = self.context.schedule.is_known(PURCHASES_V3)
        scan = incremental_scan(self.context, PURCHASES_V3) if is_known else full_scan(self.context, PURCHASES_V3)
        yield [scan]
        if isinstance(scan, FullScan) and scan.is_worth_repeating:
            yield [scan.again()]


def _turns(at: datetime, turn: timedelta, cycle: timedelta) -> int:
    """Return how often a turn has come up by a time, once a cycle."""
    return (at - datetime(2020, 1, 1, tzinfo=UTC) - turn) // cycle
