"""What is due to be read again although nothing says that it changed: by its age, and by its turn. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)
WEEK, QUARTER = 7 * DAY, 91 * DAY
# Figures of a broadcast grow for weeks after it was sent, ever more slowly.
STATS_WEEKLY, STATS_MONTHLY = 7 * DAY, 30 * DAY
# So many earlier pages of the list of broadcasts are looked at each night if drafts stand on them.
DRAFT_PAGES = 2


@dataclass(frozen=True, slots=True)
class Mail:
    """A broadcast as the mirror knows it. `sent_at` is the best that is known of when it was sent;
    `is_final`: it was sent, so that only its figures still move. `is_draft`: nobody has scheduled it, so that its
    figures show whether that is still so; `touched_at` is when it was written or seen to be edited."""

    id: int
    sent_at: datetime | None
    is_final: bool
    detail_read_at: datetime | None
    stats_read_at: datetime | None
    is_draft: bool = False
    touched_at: datetime | None = None

    def is_touched(self, now: datetime, within: timedelta) -> bool:
        """Whether a draft is being worked on, as far as anybody knows."""
        return self.touched_at is None or now - self.touched_at <= within


def has_rotation_due(key: int, read_at: datetime | None, now: datetime, period: timedelta) -> bool:
    """Whether a thing is due that gets its turn once in a period, each at its own time of it: so that
    what was first read in one night is not due again in one night."""
    if read_at is None:
        return True
    digest = hashlib.blake2b(str(key).encode(), digest_size=8).digest()
    phase = int.from_bytes(digest) / 2**64
    return int(now.timestamp() / period.total_seconds() + phase) > int(
        read_at.timestamp() / period.total_seconds() + phase
    )


def details_due(mails: Iterable[Mail], now: datetime, cycle: timedelta) -> list[int]:
    """Broadcasts that were never read, or can still be edited: each time, but drafts that were left alone for a
    week in turn."""
    return [mail.id for mail in mails if mail.detail_read_at is None or _may_be_edited(mail, now, cycle)]


def _may_be_edited(mail: Mail, now: datetime, cycle: timedelta) -> bool:
    if mail.is_draft and not mail.is_touched(now, WEEK):
        return has_rotation_due(mail.id, mail.detail_read_at, now, cycle)
    return not mail.is_final


def pages_due(
    drafts: Iterable[tuple[int, Mail]], read_at: Mapping[int, datetime], now: datetime, cycle: timedelta
) -> list[int]:
    """Pages of the list of broadcasts to look at for the subjects of drafts, given on which page each stands and
    when pages were last read: all if they are few, else those with drafts of this quarter, and in turn."""
    drafts = list(drafts)
    pages = {page for page, _ in drafts}
    if len(pages) <= DRAFT_PAGES:
        return sorted(pages)
    young = {page for page, mail in drafts if mail.is_touched(now, QUARTER)}
    return sorted(page for page in pages if page in young or has_rotation_due(page, read_at.get(page), now, cycle))


def stats_due(mails: Iterable[Mail], now: datetime) -> list[int]:
    """Each time for a week, weekly for a quarter, monthly after; always while it is not sent."""
    return [mail.id for mail in mails if not mail.is_final or _figures_move(mail, now)]


def _figures_move(mail: Mail, now: datetime) -> bool:
    age = now - mail.sent_at if mail.sent_at else None
    if age is None or age <= WEEK:
        return True
    return has_rotation_due(mail.id, mail.stats_read_at, now, STATS_WEEKLY if age <= QUARTER else STATS_MONTHLY)


def in_rotation(reads: Iterable[tuple[int, datetime | None]], now: datetime, cycle: timedelta) -> Iterator[int]:
    """Of things that were read then, those that have their turn in the cycle, the longest unread first."""
    due = [(at, key) for key, at in reads if has_rotation_due(key, at, now, cycle)]
    yield from (key for _, key in sorted(due, key=lambda each: (each[0] is not None, each[0], each[1])))
