"""Tail: looks at the end of a known list that the API does not count. Pure, as walks are."""

from collections.abc import Iterable, Set
from datetime import datetime

from cksync.api.v3 import PAGE_ROWS, ask_page
from cksync.domain import Checkpoint, Listing, Page, Request, Slice
from cksync.extract.walk import ListWalk, doubt_about


class TailWalk:
    """Where no row before the last known page is gone, that page begins with the row it began with.

    So the last page and what follows it prove the whole list, and hold what is new; if they are not as
    expected, all of the list is read.
    """

    def __init__(
        self, slice_: Slice, known: Listing, start: Checkpoint | None = None, keys: Iterable[str] = ()
    ) -> None:
        """`start` and `keys` are what an earlier load of this round has found, if it came to an end."""
        self.slice = slice_
        self._ended = start if start and start.is_complete else None
        self.keys = set(keys) if self._ended else set()
        self._known = known
        self._page = self._first = max(1, -(-len(known) // PAGE_ROWS))
        self._tail = set(map(int, self.keys))
        self._began_at: datetime | None = None
        self._read_from: datetime | None = None
        self._is_asked, self._is_done = False, self._ended is not None
        self._doubt: str | None = None
        self._whole: ListWalk | None = None

    def ask(self) -> Request | None:
        """The last known page, then the next until one is not full."""
        if self._whole is not None:
            return self._whole.ask()
        if self._is_asked or self._is_done:
            return None
        self._is_asked = True
        return ask_page(self.slice, self._page)

    def tell(self, page: Page) -> None:
        """Take a page in, and judge at the end."""
        if self._whole is not None:
            self._whole.tell(page)
            return
        self._is_asked = False
        self._began_at = self._began_at or min(page.sent_at, page.server_at or page.sent_at)
        self._read_from = self._read_from or page.sent_at
        keys = [record.key for record in page.records if record.key is not None]
        is_repeated = bool(keys) and set(map(int, keys)) <= self._tail
        self._doubt = doubt_about(page) or ("the API repeats its pages" if is_repeated else None)
        self.keys.update(keys)
        self._tail.update(map(int, keys))
        if self._doubt is not None:
            self._is_done = True
        elif len(keys) == PAGE_ROWS:
            self._page += 1
        elif not self._is_as_expected:
            self._whole = ListWalk(self.slice)
        else:
            self._is_done = True

    @property
    def _is_as_expected(self) -> bool:
        """The known rows from the first page asked for on are there, and none of those before it."""
        place = PAGE_ROWS * (self._first - 1)
        before, after = set(self._known.keys[:place]), set(self._known.keys[place:])
        return not place or (after <= self._tail and self._tail.isdisjoint(before))

    @property
    def ids(self) -> Set[int]:
        """All rows of the list, as far as it was proved."""
        if self._whole is not None:
            return self._whole.ids
        return {*self._tail} if self._first == 1 else {*self._known.keys, *self._tail}

    @property
    def absent(self) -> Set[int]:
        """A row that is gone is found by a whole reading only, which says so by itself."""
        return frozenset()

    @property
    def checkpoint(self) -> Checkpoint:
        """What has been proved so far. Raises LookupError before the first page."""
        if self._ended is not None:
            return self._ended
        if self._whole is not None and self._whole.has_begun:
            return self._whole.checkpoint
        if self._began_at is None or self._read_from is None:
            raise LookupError(f"{self.slice.name} has not been read yet")
        is_complete = self._is_done and self._doubt is None
        return Checkpoint(
            slice=self.slice,
            began_at=self._began_at,
            read_from=self._read_from,
            rows=len(self.ids),
            is_done=self._is_done,
            is_complete=is_complete,
            doubt=self._doubt,
            proof=("content" if self._first == 1 else "counts") if is_complete else None,
        )

    @property
    def pages_left(self) -> int | None:
        """Requests known to be left."""
        return self._whole.pages_left if self._whole is not None else int(not self._is_done)
