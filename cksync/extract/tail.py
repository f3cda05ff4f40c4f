"""Tail: looks at the end of a known list that the API does not count. Pure, as walks are."""

from collections.abc import Iterable, Set

from cksync.api.v3 import PAGE_ROWS, ask_page
from cksync.domain import Checkpoint, Listing, Page, Request, Slice
from cksync.extract.look import Look
from cksync.extract.walk import doubt_about


class TailWalk(Look):
    """Where no row before the last known page is gone, that page begins with the row it began with.

    So the last page and what follows it prove the whole list, and hold what is new; if they are not as
    expected, all of the list is read.
    """

    def __init__(
        self, slice_: Slice, known: Listing, start: Checkpoint | None = None, keys: Iterable[str] = ()
    ) -> None:
        """`start` and `keys` are what an earlier load of this round has found, if it came to an end."""
        super().__init__(slice_, start)
        self.keys = set(keys) if self._ended else set()
        self._known = known
        self._page = self._first = max(1, -(-len(known) // PAGE_ROWS))
        self._tail = set(map(int, self.keys))
        self._is_asked = False

    def _ask(self) -> Request | None:
        """The last known page, then the next until one is not full."""
        if self._is_asked:
            return None
        self._is_asked = True
        return ask_page(self.slice, self._page)

    def _tell(self, page: Page, keys: list[int]) -> None:
        self._is_asked = False
        is_repeated = bool(keys) and set(keys) <= self._tail
        self._doubt = doubt_about(page) or ("the API repeats its pages" if is_repeated else None)
        self._tail.update(keys)
        if self._doubt is not None:
            self._is_done = True
        elif len(keys) == PAGE_ROWS:
            self._page += 1
        elif not self._is_as_expected:
            self._read_all()
        else:
            self._is_done, self._proof = True, "content" if self._first == 1 else "counts"

    def _missed(self) -> None:
        self._is_done = True

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
        return self._whole.pages_left if self._whole is not None else int(not self._is_done)
