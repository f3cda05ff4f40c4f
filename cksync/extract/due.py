"""Decide what is due for another read although nothing says that it changed: by age, and by rotation. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)
WEEK, QUARTER = 7 * DAY, 91 * DAY
# The figures of a broadcast grow for weeks after it was sent, ever more slowly.
STATS_WEEKLY, STATS_MONTHLY = 7 * DAY, 30 * DAY
# How many earlier pages of the broadcast list are checked each night if drafts are on them.
DRAFT_PAGES = 2


@dataclass(frozen=True, slots=True)
class Mail:
    """A broadcast as the mirror knows it. `sent_at` is the best estimate of when it was sent. `is_final`: it was sent,
    so only its figures still change. `is_draft`: it is not scheduled, and its figures show if that changes.
    `touched_at` is when it was written or last seen edited."""

    id: int
    sent_at: datetime | None
    is_final: bool
    detail_read_at: datetime | None
    stats_read_at: datetime | None
    is_draft: bool = False
    touched_at: datetime | None = None

    def is_touched(self, now: datetime, within: timedelta) -> bool:
        """Return True if a draft is being edited, as far as is known."""
        return self.touched_at is None or now - self.touched_at <= within


def has_rotation_due(key: int, read_at: datetime | None, now: datetime, period: timedelta) -> bool:
    """Return True if a record that is read once per period is due. Each has its own time within the period, so that
    records first read in one night are not all due in one night."""
    if read_at is None:
        return True
    digest = hashlib.blake2b(str(key).encode(), digest_size=8).digest()
    phase = int.from_bytes(digest) / 2**64
    return int(now.timestamp() / period.total_seconds() + phase) > int(
        read_at.timestamp() / period.total_seconds() + phase
    )


def details_due(mails: Iterable[Mail], now: datetime, cycle: timedelta) -> list[int]:
    """Return the broadcasts that were never read or can still be edited: all of them each time, except drafts untouched
    for a week, which rotate."""
    return [mail.id for mail in mails if mail.detail_read_at is None or _may_be_edited(mail, now, cycle)]


def _may_be_edited(mail: Mail, now: datetime, cycle: timedelta) -> bool:
    if mail.is_draft and not mail.is_touched(now, WEEK):
        return has_rotation_due(mail.id, mail.detail_read_at, now, cycle)
    return not mail.is_final


def pages_due(
    drafts: Iterable[tuple[int, Mail]], read_at: Mapping[int, datetime], now: datetime, cycle: timedelta
) -> list[int]:
    """Return the pages of the broadcast list to check for the subjects of drafts, given each draft's page and the
    pages' last reads: all if they are few; else those with drafts of this quarter, and the rest in rotation."""
    drafts = list(drafts)
    pages = {page for page, _ in drafts}
    if len(pages) <= DRAFT_PAGES:
        return sorted(pages)
    young = {page for page, mail in drafts if mail.is_touched(now, QUARTER)}
    return sorted(page for page in pages if page in young or has_rotation_due(page, read_at.get(page), now, cycle))


def stats_due(mails: Iterable[Mail], now: datetime) -> list[int]:
    """Return the broadcasts whose figures are due: every time until they are sent and for a week after, weekly for a
    quarter, then monthly."""
    return [mail.id for mail in mails if not mail.is_final or _figures_move(mail, now)]


def _figures_move(mail: Mail, now: datetime) -> bool:
    age = now - mail.sent_at if mail.sent_at else None
    if age is None or age <= WEEK:
        return True
    return has_rotation_due(mail.id, mail.stats_read_at, now, STATS_WEEKLY if age <= QUARTER else STATS_MONTHLY)


def in_rotation(reads: Iterable[tuple[int, datetime | None]], now: datetime, cycle: timedelta) -> Iterator[int]:
    """Yield the records that are due in the cycle, given their last reads, the longest unread first."""
    due = [(at, key) for key, at in reads if has_rotation_due(key, at, now, cycle)]
    yield from (key for _, key in sorted(due, key=lambda each: (each[0] is not None, each[0], each[1])))
