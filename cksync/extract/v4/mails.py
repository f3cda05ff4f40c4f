"""The emails of sequences, the figures and links of broadcasts, and the engagement of people."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import islice

from cksync.api.v4.catalog import (
    BROADCASTS,
    STATS,
    emails_of,
    engagement,
    links_of,
)
from cksync.domain import (
    STATS_BY_ID_V4,
    Checkpoint,
    Slice,
    whole,
)
from cksync.extract.due import QUARTER, STATS_MONTHLY, STATS_WEEKLY, WEEK, has_rotation_due
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import Scan
from cksync.extract.v4.night import Night
from cksync.extract.v4.settling import Phases

# Links of broadcasts without new clicks that one night checks.
LINKS_IN_ROTATION = 2


class Mails:
    """Reads what belongs to emails, as far as it is due."""

    def __init__(self, night: Night) -> None:
        self.night = night

    def stats_one_by_one(self, last: Mapping[str, CursorScan]) -> Phases:
        """Read the figures of each broadcast where the account may not have their list."""
        at = self.night.context.began_at
        self.night.put(Checkpoint(STATS, at, at, is_done=True, is_complete=True, proof="changes"))
        broadcasts = last.get(BROADCASTS.name)
        ids = broadcasts.ids if broadcasts is not None else self.night.known.ids("broadcasts")
        read = self.night.context.state.read_times(STATS_BY_ID_V4)
        sent = dict(self.night.context.state.rows("select id, coalesce(send_at, published_at) from main.broadcasts"))
        due = [id_ for id_ in ids if self.night.is_full or self._is_due(id_, sent.get(id_), read.get(id_))]
        scan = ByIdScan(
            STATS_BY_ID_V4,
            map(str, sorted(due, reverse=True)),
            self.night.earlier(STATS_BY_ID_V4),
            self.night.context.keys.get(STATS_BY_ID_V4.name, ()),
            may_be_refused=True,
        )
        yield [scan]
        self.night.clicks = {id_: head.inside for id_, head in scan.heads.items()}

    def _is_due(self, id_: int, sent_at: datetime | None, read_at: datetime | None) -> bool:
        """Return True if the figures of a broadcast are due: each night for a week, weekly for a quarter, monthly."""
        now = self.night.context.began_at
        if read_at is None or sent_at is None or now - sent_at <= WEEK:
            return True
        return has_rotation_due(id_, read_at, now, STATS_WEEKLY if now - sent_at <= QUARTER else STATS_MONTHLY)

    def emails(self, lists: Mapping[str, CursorScan]) -> list[Scan]:
        """Return the scans of the emails of sequences, given the small lists."""
        return [self._children(emails_of(id_)) for id_ in self.sequences_due(lists)]

    def links(self, lists: Mapping[str, CursorScan]) -> list[Scan]:
        """Return the scans of the links of broadcasts, given the small lists."""
        return [self._children(links_of(id_)) for id_ in self._links_due(lists)]

    def _children(self, slice_: Slice) -> Scan:
        if self.night.is_read(slice_):
            return self.night.done(slice_)
        is_figures = slice_.stream == "broadcast_links"
        return self.night.scan(slice_, known=self.night.known.children(slice_), may_be_frozen=is_figures)

    def sequences_due(self, lists: Mapping[str, CursorScan]) -> list[int]:
        """Return the sequences whose emails to read: those that changed, and the others in rotation."""
        scan = lists.get(whole("sequences", "v4").name)
        if scan is None or not self.night.is_wanted("sequence_emails"):
            return []
        known, due = self.night.known.sequences(), []
        for id_, head in scan.heads.items():
            cursor = self.night.context.state.cursors.get(emails_of(id_).name)
            at, count = known.get(id_, (None, 0))
            is_same = (
                cursor is not None and cursor.read_to is not None and (head.updated_at, head.inside) == (at, count)
            )
            is_due = cursor is None or has_rotation_due(
                id_, cursor.read_to, self.night.context.began_at, self.night.context.schedule.cycle
            )
            if not is_same or is_due or not self.night.is_nightly:
                due.append(id_)
        return due

    def _links_due(self, lists: Mapping[str, CursorScan]) -> list[int]:
        """Return the broadcasts whose links to read: those with other clicks than when they were read, and a few others
        in rotation."""
        if not self.night.is_wanted("broadcast_links") or not self.night.settings.links:
            return []
        stats = lists.get(STATS.name)
        listed = {id_: head.inside for id_, head in stats.heads.items()} if stats is not None else {}
        now = self.night.clicks | listed
        known = {each.id: each for each in self.night.known.sent()}
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
        if self.night.is_full:
            return sorted({*due, *(id_ for id_, _ in others)}, reverse=True)
        overdue = [id_ for id_, at in others if has_rotation_due(id_, at, self.night.context.began_at, QUARTER)]
        limit = None if self.night.context.schedule.depth == "verify" else LINKS_IN_ROTATION
        return sorted({*due, *islice(sorted(overdue), limit)}, reverse=True)

    def _maybe_sent(self, lists: Mapping[str, CursorScan], known: Collection[int]) -> set[int]:
        """Return the broadcasts that may have links, where the account may not have the list of figures."""
        broadcasts = lists.get(BROADCASTS.name)
        there = broadcasts.ids if broadcasts is not None else set()
        if self.night.is_full:
            return there
        return {*known, *(id_ for id_ in there if links_of(id_).name not in self.night.context.state.cursors)}

    def engagement(self) -> list[Scan]:
        """Return a scan of everybody's figures, if they are due."""
        days = self.night.settings.engagement_days
        if not self.night.is_wanted("subscriber_stats") or not days:
            return []
        slice_ = engagement(self.night.settings.engagement_window_days)
        if self.night.is_read(slice_):
            return [self.night.done(slice_)]
        cursor = self.night.context.state.cursors.get(slice_.name)
        read_to = cursor.read_to if cursor else None
        if (
            read_to is not None
            and not self.night.is_full
            and self.night.context.began_at - read_to < timedelta(days=days) - timedelta(hours=1)
        ):
            return []
        return [self.night.scan(slice_, known=self.night.known.engaged())]
