"""Full scans: what to request next for one slice, and what the answers prove. Pure: no I/O, no clock.

A scan offers requests (`ask`) and receives pages (`tell`) in the order of its requests. It can be rebuilt from its
checkpoint and the keys it has read.
"""

from collections import deque
from collections.abc import Collection, Iterable, Set
from dataclasses import replace
from datetime import date, timedelta
from typing import Protocol

from cksync.api.v3.catalog import PAGE_ROWS, STREAMS, ask_page
from cksync.domain import NOTHING_HELD, Checkpoint, Held, Miss, Page, Request, Slice
from cksync.extract.scan.unread import Unread
from cksync.plural import plural

# A page that follows later than this (pages of one pull may be as far apart) does not show what slipped past a border.
STALE = timedelta(minutes=1)
# How often to check the tail for rows added meanwhile; a busy list never rests.
TAIL_RECHECKS = 3
# After this many consecutive pages without a usable answer, give up for tonight; sooner if none ever arrived.
MISSES, FIRST_MISSES = 3, 2
# After this many consecutive empty pages, skip the pages that the API still counts.
EMPTY_PAGES = 3


class Scan(Protocol):
    """The scan of one slice; `keys` are the distinct keys read so far."""

    slice: Slice
    keys: set[str]

    def ask(self) -> Request | None:
        """Return the next request; None if there is none, or none until another page is received."""

    def tell(self, page: Page) -> None:
        """Receive a page."""

    def miss(self, missed: Miss) -> None:
        """Receive the failure of a request, and continue without it if that makes sense."""

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been proved so far. Raises LookupError before the first page."""

    @property
    def absent(self) -> Collection[int]:
        """Return the keys that left the list, as far as that is known without a full read."""

    @property
    def pages_left(self) -> int | None:
        """Return how many more requests the scan needs; None if unknown."""


class FullScan:
    """Reads a list page by page, oldest first, and proves it complete or says why not.

    Page numbers drift while an account is in use. A person who leaves an earlier page moves all later rows up, so that
    one row slips past the border between two pages: the total drops there, and the page before is read again. At the
    tail, the distinct keys must equal the last total. A page that cannot be read is skipped, and requested once more at
    the tail. A list that is empty where the mirror holds rows, or that lost too many of them (`Held.is_odd`), is read
    once more before it is trusted.
    """

    absent: Collection[int] = ()  # a full scan records its absences itself

    def __init__(
        self,
        slice_: Slice,
        start: Checkpoint | None = None,
        keys: Iterable[str] = (),
        *,
        is_stale: bool = False,
        since: date | None = None,
        held: Held = NOTHING_HELD,
        was_read_twice: bool = False,
    ) -> None:
        """Start at the front, or resume from `start`. `is_stale`: the pause was longer than the gap between two pages,
        so rows may have slipped past the border unnoticed. `since` limits the scan to people who changed on that day or
        later. `held` are the mirror's rows; `was_read_twice`: the list has already been repeated as odd."""
        self.slice = slice_
        self._since = since
        self._held = held
        self._was_read_twice = was_read_twice
        keys = set(keys)
        if start is not None and start.unread and not keys:
            start = None  # nothing of it could be read, so there is nothing to resume
        self._begin(start, keys)
        if is_stale and self._front and not self._is_done:
            self._repairs.append(self._front)

    def _begin(self, start: Checkpoint | None, keys: set[str]) -> None:
        """Go to the front, or to the end of `start`."""
        self.keys = keys
        # Of changes: in order of arrival, except those of an earlier load.
        self.order = list(self.keys) if self._since else []
        self._stream = STREAMS[self.slice.stream]
        self._began_at = start.began_at if start else None
        self._read_from = start.read_from if start else None
        self._front = start.next_page - 1 if start else 0  # the last page received in sequence
        self._next = self._front + 1
        self._last: int | None = self._next if self._front else None
        self._repairs = deque(start.mend if start else ())
        self._repairing: list[int] = []  # requested again and not received yet: a kill must not forget them
        self._under_way = 0
        self._total = self._line_total = start.total if start else None
        self._total_at = self._read_from
        self._left = self._stale_pages = self._read_again = 0
        self._empty = 0  # consecutive pages without a row
        self._short: set[int] = set()  # pages that were not full when read
        self._longest: int | None = None
        self._rechecks_left = TAIL_RECHECKS
        self._rechecked_at: tuple[int, int] | None = None
        self._unread = Unread()
        is_settled = start is not None and not start.unread  # else request again what could not be read
        self._doubt = (
            start.doubt if start and is_settled and start.doubt != _miscount(start.rows, start.total) else None
        )
        self._is_done = start.is_done and is_settled if start else False
        self._is_restarted = False

    def ask(self) -> Request | None:
        """Return a page to read again, else the next one up to the tail."""
        if self._is_done or self._is_down or (self._doubt and self._front):
            return None
        if self._repairs:
            page = self._repairs.popleft()
            self._repairing.append(page)
        elif self._next <= (self._last if self._last is not None else 1):
            page = self._next
            self._next += 1
        else:
            return None
        self._under_way += 1
        return ask_page(self.slice, page, self._since)

    def tell(self, page: Page) -> None:
        """Receive a page; when no request is left, decide."""
        self._under_way -= 1
        self._unread.answered(str(page.request.page))
        if self._began_at is None or self._is_restarted:
            self._began_at = min(page.sent_at, page.server_at or page.sent_at)
            self._read_from, self._is_restarted = page.sent_at, False
        new = {record.key for record in page.records if record.key is not None} - self.keys
        if self._since is not None:
            self.order += [record.key for record in page.records if record.key in new]
        self.keys |= new
        self._doubt = self._doubt or problem_of(page)
        if page.total is not None and (self._total_at is None or page.received_at >= self._total_at):
            self._total, self._total_at = page.total, page.received_at
        if page.request.page <= self._front:
            self._receive_again(page, bool(new))
        else:
            self._receive_next(page, bool(new))
        self._find_tail(page)
        self._decide_at_tail()

    def miss(self, missed: Miss) -> None:
        """Skip a page that cannot be read; the next one may show how long the list is."""
        self._under_way -= 1
        self._unread.miss(missed)
        self._began_at = self._began_at or missed.at
        self._read_from = self._read_from or missed.at
        number = missed.request.page
        if number in self._repairing:
            self._repairing.remove(number)
        else:
            self._front = number
            if self._stream.is_paged and (self._last is None or not self._stream.total):
                self._last = max(self._last or 1, number + 1)
        self._decide_at_tail()

    @property
    def _is_down(self) -> bool:
        """Return True after too many consecutive pages without an answer."""
        most = MISSES if self.keys else FIRST_MISSES if self._stream.is_paged else 1
        return self._unread.in_row >= most

    def _decide_at_tail(self) -> None:
        while not self._under_way and not self._is_done and self._is_at_tail:
            self._decide()

    def _receive_again(self, page: Page, has_new: bool) -> None:
        """Receive a page read again: if rows had slipped past it, others may have slipped past its neighbours."""
        number = page.request.page
        self._repairing.remove(number)
        if number != self._front and self._has_dropped(page):
            self._repairs.append(self._front)
        self._line_total = page.total  # a row added meanwhile must not hide one removed before the next page
        self._read_again += 1
        if self._longest is not None and self._read_again > self._longest:
            self._doubt = self._doubt or "the list changes faster than it can be read"
        if has_new:
            self._repairs.extend(
                n for n in (number - 1, number + 1) if 1 <= n <= self._front and n not in self._repairs
            )

    def _receive_next(self, page: Page, has_new: bool) -> None:
        """Receive a page in sequence: detect a drop of the total, and pages that repeat."""
        number = page.request.page
        if number > 1 and self._has_dropped(page):
            self._repairs.append(number - 1)
        if number == 2 and self._read_from is not None and page.sent_at - self._read_from > STALE:
            self._repairs.append(1)  # it was read early, for the total alone: rows may have slipped past its border
        self._front, self._line_total = number, page.total
        if len(page.records) < PAGE_ROWS:
            self._short.add(number)
        self._empty = 0 if page.records else self._empty + 1
        if self._empty >= EMPTY_PAGES:
            self._doubt = self._doubt or f"the API counts {page.total_pages} pages, but page {number} is empty"
        is_stale = number > 1 and bool(page.records) and not has_new
        self._stale_pages = self._stale_pages + 1 if is_stale else 0
        # With totals, one stale page may be drift; without totals, nothing else ends the list.
        if self._stale_pages > (1 if self._stream.total else 0):
            self._doubt = self._doubt or "the API repeats its pages"
        if self._longest is not None and number > self._longest:
            self._doubt = self._doubt or "the list grows faster than it can be read"

    def _has_dropped(self, page: Page) -> bool:
        """Return True if there are fewer rows than at the last page in sequence: one left since."""
        return page.total is not None and self._line_total is not None and page.total < self._line_total

    def _find_tail(self, page: Page) -> None:
        """Find the last page: from the total, or without totals a page that is not full."""
        if not self._stream.is_paged or page.is_missing:
            self._last = 1
        elif page.total is not None:
            self._last = max(page.total_pages or 0, -(-page.total // PAGE_ROWS), 1)
            self._longest = self._longest or 2 * self._last + 20
        elif page.request.page == self._front:
            is_tail = len(page.records) < (1 if self._stream.total else PAGE_ROWS)
            self._last = self._front if is_tail else self._front + 1

    @property
    def _is_at_tail(self) -> bool:
        has_read_on = not self._repairs and self._last is not None and self._next > self._last
        return bool(self._doubt) or self._is_down or has_read_on

    def _decide(self) -> None:
        """Decide at the tail with nothing in flight: finish, or read missing pages and both ends again."""
        if self._doubt is None and (pages := self._unread.once_more()):
            self._repairs.extend(map(int, pages))
            return
        if self._doubt is None and not self._unread and self._stream.total:
            if self._total is None:
                self._doubt = "the API gives no total"
            elif (
                len(self.keys) < self._total
                and self._rechecks_left
                and self._rechecked_at != (len(self.keys), self._total)
            ):
                # Rows may have been added at either end since it was read, or behind a page that was not full.
                self._rechecks_left, self._rechecked_at = self._rechecks_left - 1, (len(self.keys), self._total)
                self._repairs.extend({1, self._last or 1, self._front, *self._short})
                return
        self._is_done = True
        if self._doubt is None and not self._unread:
            self._check_plausible()

    def _check_plausible(self) -> None:
        """Decide if a finished read is plausible. A single answer that shows nothing may be wrong."""
        lost = self._held.lost(self.keys)
        if not self._held.is_odd(lost, is_empty=not self.keys):
            return
        if self._was_read_twice:
            self._doubt = self._held.doubt(lost)
            return
        self._was_read_twice, began_at, read_from = True, self._began_at, self._read_from
        self._begin(None, set())
        self._began_at, self._read_from = began_at, read_from
        self._is_restarted = True  # until the first page arrives again

    @property
    def has_begun(self) -> bool:
        """Return True if any page has arrived."""
        return self._began_at is not None

    def refuse(self, doubt: str) -> None:
        """Set the reason why the read is not trusted although its count matches."""
        self._doubt = self._doubt or doubt

    def explain(self, left: Set[str]) -> None:
        """Receive the keys that have left the slice by now, before or after its tail was read."""
        self._left = len(self.keys & left)

    @property
    def _too_many(self) -> int:
        """Return how many more keys were read than the API counts."""
        return len(self.keys) - self._total if self._stream.total and self._total is not None else 0

    @property
    def _is_complete(self) -> bool:
        is_read = self._is_done and self._doubt is None and not self._unread
        return is_read and 0 <= self._too_many <= self._left

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been proved so far. Raises LookupError before the first page."""
        if self._began_at is None or self._read_from is None:
            raise LookupError(f"{self.slice.name} has not been read yet")
        doubt = self._doubt or self._what_is_unread
        if self._is_done and doubt is None and not self._is_complete:
            doubt = _miscount(len(self.keys), self._total)
        return Checkpoint(
            slice=self.slice,
            began_at=self._began_at,
            read_from=self._read_from,
            next_page=self._front + 1,
            mend=self._to_repair,
            rows=len(self.keys),
            total=self._total,
            is_done=self._is_done,
            is_complete=self._is_complete,
            doubt=doubt,
            proof=("changes" if self._since else "content") if self._is_complete else None,
            unread=self._unread.names,
        )

    @property
    def _what_is_unread(self) -> str | None:
        doubt = self._unread.doubt("page" if self.keys else "")
        is_cut = self._is_down and bool(self.keys) and self._front < (self._last or 0)
        return f"{doubt}; later pages were not requested" if is_cut else doubt

    @property
    def _to_repair(self) -> tuple[int, ...]:
        """Return the pages to read again on resuming. The open border is judged by the checkpoint's total; if that is
        newer than the last page in sequence, that page is included."""
        border = (self._front,) if self._total != self._line_total and not self._is_done else ()
        return tuple(dict.fromkeys((*self._repairing, *self._repairs, *border, *map(int, self._unread.names))))

    @property
    def pages_left(self) -> int | None:
        """Return the pages still to request; None before the first answer."""
        if self._is_done:
            return 0
        if self._last is None:
            return None
        last = max(self._last, -(-(self._total or 0) // PAGE_ROWS))  # a resumed scan knows the total first
        return max(last - self._front, 0) + len(self._repairs)

    @property
    def is_worth_repeating(self) -> bool:
        """Return True if the count does not match for no known reason; or if it matches by chance, because a departure
        may have hidden a row that slipped past a border."""
        return self._is_done and self._doubt is None and not self._unread and self._too_many != self._left

    def again(self) -> "FullScan":
        """Return the same scan from the front."""
        return FullScan(self.slice, since=self._since, held=self._held)

    @property
    def ids(self) -> Set[int]:
        """Return the keys read so far, as numbers."""
        return set(map(int, self.keys))

    @property
    def pages(self) -> int:
        """Return the number of pages of the list, as far as known."""
        return max(self._last or 0, self._front)


class OptionalScan(FullScan):
    """Reads a list of one page that the API may lack; then its rows stay as they are."""

    _is_lacking = False

    def tell(self, page: Page) -> None:
        """Receive the page."""
        self._is_lacking = page.is_missing
        super().tell(replace(page, is_missing=False))

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been proved."""
        found = super().checkpoint
        return replace(found, proof="changes") if self._is_lacking and found.is_complete else found


def _miscount(rows: int, total: int | None) -> str:
    """Return the only problem that later reads may still clear: see `FullScan.explain`."""
    return f"{plural(rows, 'row')} could be read, but the API counts {total}"


def problem_of(page: Page) -> str | None:
    """Return why a page is unusable on its own; None if it is fine."""
    number = abs(page.request.page)
    if page.is_missing:
        return "the API responds that the list does not exist (404)"
    if page.page_echo not in (None, number):
        return f"the API returned page {page.page_echo} instead of page {number}"
    if page.strangers:
        return f"{plural(page.strangers, 'person', 'people')} in an unexpected state; the API ignores a parameter"
    unread = sum(record.key is None for record in page.records)
    return f"{plural(unread, 'record')} without a readable key" if unread else None
