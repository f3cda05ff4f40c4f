"""Choose the scans of a pull through API v4 and their order: earlier scans read what later ones need.

First the small lists, which say what exists and count their members; then people, members, mails and purchases
together; at the end whoever turned up meanwhile, and whoever is missing.
"""

from collections.abc import Collection, Mapping, Sequence
from math import ceil

from cksync.api.v4.catalog import (
    BROADCASTS,
    CANCELLED,
    PEOPLE,
    STATS,
    emails_of,
    links_of,
)
from cksync.domain import (
    STATS_BY_ID_V4,
)
from cksync.extract.context import Progress, PullContext
from cksync.extract.first_pages import FirstPages
from cksync.extract.scan.cursor import FORBIDDEN, CursorScan
from cksync.extract.scan.full import Scan
from cksync.extract.v4.lists import SmallLists
from cksync.extract.v4.mails import Mails
from cksync.extract.v4.members import MembersOfLists
from cksync.extract.v4.night import Night, Scans
from cksync.extract.v4.people import People
from cksync.extract.v4.purchases import Purchases
from cksync.extract.v4.settling import Phases

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
# Streams to read along with one that is requested alone.
NEEDS = {
    "subscriptions": {"forms", "sequences", "tags"},
    "broadcast_stats": {"broadcasts"},
    "broadcast_links": {"broadcasts", "broadcast_stats"},
    "sequence_emails": {"sequences"},
}


def phases(context: PullContext, progress: Progress, lists_of_members: Collection[str] = ()) -> Phases:
    """Yield the scans, phase by phase; each phase must finish before the next is requested.

    If the subscriptions stream is requested, all lists of members are read; else only the named ones.
    """
    yield from _Order(Night(context, progress), frozenset(lists_of_members)).phases()


class _Order:
    """The order of one pull."""

    def __init__(self, night: Night, named: Collection[str]) -> None:
        self.night = night
        self.lists = SmallLists(night)
        self.members = MembersOfLists(night, named)
        self.people = People(night, self.members)
        self.mails = Mails(night)
        self.purchases = Purchases(night)

    def phases(self) -> Phases:
        lists = yield from self.lists.read()
        last = yield from self.people.changed()
        people, engaged, others = self.people.scans(), self.mails.engagement(), self.purchases.scans()
        members_of = self.members.scans() if not self.night.context.is_planned else None
        if members_of is not None:
            yield from self._measured(lists, [*people, *engaged, *others], members_of)
        if STATS.name in lists and not lists[STATS.name].is_complete and lists[STATS.name].status == FORBIDDEN:
            yield from self.mails.stats_one_by_one(lists)
        if self.night.by_hints:  # what the changed people explain is not read
            last |= yield from self.night.run(people)
            yield from self.people.after(last)
        scans = [*self.mails.emails(lists), *engaged, *self.mails.links(lists), *others]
        scans += self.members.scans() if members_of is None else members_of
        last |= yield from self.night.run(self._longest_first(scans if self.night.by_hints else [*people, *scans]))
        for scan in last.values():
            self.night.note_absent(scan)
        if not self.night.by_hints:
            yield from self.people.after(last)
        yield from self.members.after(last)
        yield from self.purchases.through_v3()
        yield from self.people.newcomers(last)
        yield from self.people.missing(last)
        yield from self.people.doubtful()

    def _longest_first(self, scans: Sequence[Scan]) -> list[Scan]:
        """Sort scans by the rows that they probably read: the pages of a list come one after the other, so that the
        longest lists decide when all are read."""

        def rows(scan: Scan) -> int:
            if scan.slice in (PEOPLE, CANCELLED):
                return 2**62
            if scan.slice.stream == "subscriber_stats":
                return 2**61
            if isinstance(scan, CursorScan) and not scan.is_changes_only:
                return self.night.counts.get(scan.slice.name) or 0
            return 0

        return sorted(scans, key=rows, reverse=True)

    def _measured(self, lists: Mapping[str, CursorScan], scans: Scans, members_of: Scans) -> Phases:
        """Read the first pages of the long lists, which tell how long these are, and note what to expect of the others.
        Forms and tags count their active members; of sequences, the first page of their members is read."""
        progress = self.night.progress
        broadcasts, stats = lists.get(BROADCASTS.name), lists.get(STATS.name)
        sent = len(stats.ids or broadcasts.ids) if stats is not None and broadcasts is not None else 0
        if stats is not None and stats.status == FORBIDDEN:
            progress.expect(STATS_BY_ID_V4, sent)
        if self.night.is_wanted("broadcast_links") and self.night.settings.links and broadcasts is not None:
            for id_ in (stats.ids if stats is not None else ()) or broadcasts.ids:
                progress.expect(links_of(id_), 1)
        for id_ in self.mails.sequences_due(lists):
            progress.expect(emails_of(id_), 1)
        uncounted = [scan for scan in members_of if self.night.counts.get(scan.slice.name) is None]
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
                rows = share * (self.night.counts.get(scan.slice.name) or 0)
                progress.expect(scan.slice, max(1, ceil(rows / self.night.page_rows)))
        progress.is_measured = True
