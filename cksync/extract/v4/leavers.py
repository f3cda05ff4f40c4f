"""Find who left a long list of members, by its counts. Pure, as all scans."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, log2

from cksync.api.v4.catalog import ask_count, ask_joined
from cksync.domain import Checkpoint, Miss, Page, Request, Slice, counted

# Whoever joined in the same second as others cannot be told from them by a time; the API gives whole seconds.
_SECOND = timedelta(seconds=1)
# A part of the list of so many pages is read: to halve it once more costs as much.
FEW_PAGES = 2


def price(missing: int, rows: int, page_rows: int) -> int:
    """Return about how many requests it takes to find people missing from a list of so many rows."""
    pages = ceil(rows / page_rows)
    halvings = ceil(log2(max(1.0, pages / FEW_PAGES)))
    return min(pages, missing * (halvings + FEW_PAGES))


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the expected rows, from `start` to before `end`: how many of them are missing, and how many behind them.
    With a `cursor`, the rest of its rows; `found` are those read already, with their states."""

    start: int
    end: int
    missing: int
    behind: int
    cursor: str | None = None
    found: Mapping[int, str | None] = field(default_factory=dict)


class LeaversScan:
    """Halves a list by the time of joining, and counts who joined in the later half, until the people missing in a part
    can be read in a page or two: in all states, because counts show active people only, and some may have cancelled.

    `expected` are the active people whom the list should show, with the time of joining; it counts only `count` of
    them (None: to be requested). `gone` are those who left. `is_lost`: the counts do not add up, because others joined
    or left meanwhile, or the times are not those of the API; then only the whole list can tell.
    """

    absent: Collection[int] = ()

    def __init__(
        self, list_: Slice, expected: Mapping[int, datetime], count: int | None, page_rows: int, at: datetime
    ) -> None:
        self.list, self.slice = list_, counted(list_)
        self.keys: set[str] = set()
        self.gone: set[int] = set()
        self.is_lost = False
        self.last_at = at
        self._page_rows, self._began_at = page_rows, at
        self._ids = sorted(expected, key=lambda id_: (expected[id_], id_))
        self._times = [expected[id_] for id_ in self._ids]
        self._number = 0
        self._to_ask = deque[tuple[_Part, int | None]]()
        self._asked: dict[int, tuple[_Part, int | None]] = {}
        everyone = _Part(0, len(self._ids), 0, 0)
        if count is None:
            self._to_ask.append((everyone, 0))
        else:
            self._search(everyone, len(self._ids) - count)

    def _search(self, part: _Part, missing: int, behind: int = 0) -> None:
        """Go on where people are missing."""
        if missing < 0 or missing > part.end - part.start:
            self.is_lost = True
        elif missing:
            part = _Part(part.start, part.end, missing, behind)
            is_short = part.end - part.start <= FEW_PAGES * self._page_rows
            middle = None if is_short else self._middle(part)
            self.is_lost |= middle is None and not is_short
            self._to_ask.append((part, middle))

    def _middle(self, part: _Part) -> int | None:
        """Return the place nearest to the middle where a time parts the rows; None if there is none."""
        pages = round((part.end - part.start) / 2 / self._page_rows)  # whole ones, for the last part to fill its pages
        middle = part.start + pages * self._page_rows
        for distance in range(part.end - part.start):
            for place in (middle - distance, middle + distance):
                if part.start < place < part.end and self._time(place) + _SECOND <= self._times[place]:
                    return place
        return None

    def _time(self, place: int) -> datetime:
        """Return a time between a row and the one before it."""
        return self._times[place - 1].replace(microsecond=0) + _SECOND

    def ask(self) -> Request | None:
        """Return the next request: for the count of the later half of a part, or for the rows of a short one."""
        if self.is_lost or not self._to_ask:
            return None
        part, middle = self._to_ask.popleft()
        self._number += 1
        self._asked[self._number] = part, middle
        if middle is not None:
            after = self._time(middle) if middle else None
            return ask_count(self.list, self._number, after)
        after, before = self._borders(part)
        return ask_joined(self.list, self._number, self._page_rows, after=after, before=before, cursor=part.cursor)

    def _borders(self, part: _Part) -> tuple[datetime | None, datetime | None]:
        after = self._time(part.start) if part.start else None
        return after, self._time(part.end) if part.end < len(self._ids) else None

    def tell(self, page: Page) -> None:
        """Receive a count, or rows."""
        part, middle = self._asked.pop(page.request.page)
        self.last_at = max(self.last_at, page.sent_at)
        if page.is_missing or (middle is not None and page.total is None):
            self.is_lost = True
        elif middle is None:
            self._compare(part, page)
        elif middle == 0:
            self._search(part, len(self._ids) - (page.total or 0))
        else:
            later = len(self._ids) - middle - (page.total or 0) - part.behind
            self._search(_Part(middle, part.end, 0, 0), later, part.behind)
            self._search(_Part(part.start, middle, 0, 0), part.missing - later, part.behind + later)

    def _compare(self, part: _Part, page: Page) -> None:
        """Find the missing people of a part among its rows."""
        after, before = self._borders(part)
        times = [head.at for head in page.heads]
        if any(at is None or (after and at < after) or (before and at >= before) for at in times):
            self.is_lost = True  # the API understands the times otherwise
            return
        found = {**part.found}
        found |= {
            int(record.key): head.state for record, head in zip(page.records, page.heads, strict=True) if record.key
        }
        if page.has_next and page.cursor is not None:
            self._to_ask.append((_Part(part.start, part.end, part.missing, part.behind, page.cursor, found), None))
            return
        expected = set(self._ids[part.start : part.end])
        gone = expected - found.keys()
        passive = {id_ for id_ in expected & found.keys() if found[id_] != "active"}
        is_strange = any(state == "active" and id_ not in expected for id_, state in found.items())
        self.is_lost |= is_strange or len(gone) + len(passive) != part.missing
        self.gone |= gone

    def miss(self, missed: Miss) -> None:
        """Receive the failure of a request."""
        self.is_lost = True

    def news(self, page: Page) -> Page:
        """Return a page without its records: they are known."""
        return replace(page, records=(), heads=())

    @property
    def checkpoint(self) -> Checkpoint:
        """Return that counts were read: whether they prove the list, its own checkpoint says."""
        at = self._began_at
        return Checkpoint(self.slice, at, at, is_done=not self.pages_left, is_complete=True, proof="counts")

    @property
    def pages_left(self) -> int:
        """Return the number of requests still to make, as far as is known."""
        return 0 if self.is_lost else len(self._to_ask) + len(self._asked)
