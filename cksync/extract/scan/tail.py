"""Tail scans: check the last page of a known list that the API does not count. Pure, as all scans."""

from collections import deque
from collections.abc import Iterable, Set

from cksync.api.v3.catalog import PAGE_ROWS, ask_page
from cksync.domain import NOTHING_HELD, Checkpoint, Held, Listing, Page, Request, Slice
from cksync.extract.scan.full import FullScan, problem_of
from cksync.extract.scan.spot_check import SpotCheck


class TailScan(SpotCheck):
    """If no row before the last known page is gone, that page begins with the same row as before.

    So the last page and those after it prove the whole list, and hold what is new; if they differ from what is
    expected, the full list is read. Earlier pages are sampled for the content of their rows.
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
        """`start` and `keys` come from an earlier load of this round, if it finished; `samples` are the pages before
        the last one to check, `held` the mirror's rows."""
        super().__init__(slice_, start)
        self.keys = set(keys) if self._ended else set()
        self._known, self._held = known, held
        self._first = max(1, -(-len(known) // PAGE_ROWS))
        self._to_ask = deque([*(page for page in samples if page < self._first), self._first])
        self._tail = set(map(int, self.keys))
        self._under_way = 0
        self._has_moved = False

    def _ask(self) -> Request | None:
        """Return sampled pages, the last known page, then further ones until one is not full."""
        if not self._to_ask:
            return None
        self._under_way += 1
        return ask_page(self.slice, self._to_ask.popleft())

    def _tell(self, page: Page, keys: list[int]) -> None:
        self._under_way -= 1
        if page.request.page < self._first:
            place = PAGE_ROWS * (page.request.page - 1)
            self._has_moved |= keys != self._known.keys[place : place + PAGE_ROWS].tolist()
            self._doubt = self._doubt or problem_of(page)
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
        """Return True if the only page of the list lacks too much to be trusted at once."""
        lost = self._held.lost(self.keys)
        return self._first == 1 and self._held.is_odd(lost, is_empty=not self._tail)

    def _read_all(self) -> None:
        self._whole = FullScan(self.slice, held=self._held, was_read_twice=self._first == 1)

    def _missed(self) -> None:
        self._is_done = True

    def _tell_end(self, page: Page, keys: list[int]) -> None:
        is_repeated = bool(keys) and set(keys) <= self._tail
        self._doubt = self._doubt or problem_of(page) or ("the API repeats its pages" if is_repeated else None)
        self._tail.update(keys)
        if self._doubt is None and len(keys) == PAGE_ROWS:
            self._to_ask.append(page.request.page + 1)

    @property
    def _is_as_expected(self) -> bool:
        """Return True if the known rows from the first requested page on are present, and none of those before it."""
        place = PAGE_ROWS * (self._first - 1)
        before, after = set(self._known.keys[:place]), set(self._known.keys[place:])
        return not place or (after <= self._tail and self._tail.isdisjoint(before))

    @property
    def ids(self) -> Set[int]:
        """Return all proved rows of the list; if it could not be read, the known ones."""
        if self._whole is not None:
            return self._whole.ids
        return {*self._tail} if self._first == 1 and not self._unread else {*self._known.keys, *self._tail}

    @property
    def _rows(self) -> int:
        return len(self.ids)

    @property
    def absent(self) -> Set[int]:
        """Return nothing: only a full read finds missing rows, and records them itself."""
        return frozenset()

    @property
    def pages_left(self) -> int | None:
        """Return the number of requests known to be left."""
        if self._whole is not None:
            return self._whole.pages_left
        return 0 if self._is_done else len(self._to_ask) + self._under_way
