"""Tail: looks at the end of a known list that the API does not count. Pure, as walks are."""

from collections import deque
from collections.abc import Iterable, Set

from cksync.api.v3.catalog import PAGE_ROWS, ask_page
from cksync.domain import NOTHING_HELD, Checkpoint, Held, Listing, Page, Request, Slice
from cksync.extract.scan.full import FullScan, doubt_about
from cksync.extract.scan.spot_check import SpotCheck


class TailScan(SpotCheck):
    """Where no row before the last known page is gone, that page begins with the row it began with.

    So the last page and what follows it prove the whole list, and hold what is new; if they are not as
    expected, all of the list is read. Earlier pages are looked at for what they say of their rows.
    """

    def __init__(
        self,
        slice_: Slice,
        known: Listing,
        start: Checkpoint | None = None,
        keys: Iterable[str] = (),
        *,
        samples: Iterable[int] = (),
        held: Held = NOTHING_HELD,
    ) -> None:
        """`start` and `keys` are what an earlier load of this round has found, if it came to an end; `looks` the
        pages before the last one to look at, `held` the rows that the mirror holds."""
        super().__init__(slice_, start)
        self.keys = set(keys) if self._ended else set()
        self._known, self._held = known, held
        self._first = max(1, -(-len(known) // PAGE_ROWS))
        self._to_ask = deque([*(page for page in samples if page < self._first), self._first])
        self._tail = set(map(int, self.keys))
        self._under_way = 0
        self._has_moved = False

    def _ask(self) -> Request | None:
        """Pages to look at, the last known page, then the next until one is not full."""
        if not self._to_ask:
            return None
        self._under_way += 1
        return ask_page(self.slice, self._to_ask.popleft())

    def _tell(self, page: Page, keys: list[int]) -> None:
        self._under_way -= 1
        if page.request.page < self._first:
            place = PAGE_ROWS * (page.request.page - 1)
            self._has_moved |= keys != self._known.keys[place : place + PAGE_ROWS].tolist()
            self._doubt = self._doubt or doubt_about(page)
        else:
            self._tell_end(page, keys)
        if self._under_way or self._to_ask:
            return
        if self._doubt is not None:
            self._is_done = True
        elif self._has_moved or not self._is_as_expected or self._is_odd:
            self._read_all()
        else:
            self._is_done, self._proof = True, "content" if self._first == 1 else "counts"

    @property
    def _is_odd(self) -> bool:
        """Whether the one page that has the whole list lacks too much to be believed at once."""
        lost = self._held.lost(self.keys)
        return self._first == 1 and self._held.is_odd(lost, is_empty=not self._tail)

    def _read_all(self) -> None:
        self._whole = FullScan(self.slice, held=self._held, was_read_twice=self._first == 1)

    def _missed(self) -> None:
        self._is_done = True

    def _tell_end(self, page: Page, keys: list[int]) -> None:
        is_repeated = bool(keys) and set(keys) <= self._tail
        self._doubt = self._doubt or doubt_about(page) or ("the API repeats its pages" if is_repeated else None)
        self._tail.update(keys)
        if self._doubt is None and len(keys) == PAGE_ROWS:
            self._to_ask.append(page.request.page + 1)

    @property
    def _is_as_expected(self) -> bool:
        """The known rows from the first page asked for on are there, and none of those before it."""
        place = PAGE_ROWS * (self._first - 1)
        before, after = set(self._known.keys[:place]), set(self._known.keys[place:])
        return not place or (after <= self._tail and self._tail.isdisjoint(before))

    @property
    def ids(self) -> Set[int]:
        """All rows of the list, as far as it was proved; where it could not be read, those that were known."""
        if self._whole is not None:
            return self._whole.ids
        return {*self._tail} if self._first == 1 and not self._unread else {*self._known.keys, *self._tail}

    @property
    def _rows(self) -> int:
        return len(self.ids)

    @property
    def absent(self) -> Set[int]:
        """A row that is gone is found by a whole reading only, which says so by itself."""
        return frozenset()

    @property
    def pages_left(self) -> int | None:
        """Requests known to be left."""
        if self._whole is not None:
            return self._whole.pages_left
        return 0 if self._is_done else len(self._to_ask) + self._under_way
