"""Ask lists for their lengths: a first page comes with the number of rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cksync.api.v3.catalog import PAGE_ROWS, ask_page
from cksync.domain import Checkpoint, Miss, Page, Request, Slice
from cksync.extract.scan.full import Scan


@dataclass(frozen=True, slots=True)
class FirstPages:
    """A phase that requests the first page of each scan. A later phase continues the same scans, so that the pages are
    no extra requests."""

    scans: Sequence[Scan]


class LengthProbe:
    """Requests the first page of a list for its total alone; its rows are not stored. `pages` is the result."""

    absent: Collection[int] = ()

    def __init__(self, slice_: Slice) -> None:
        self.slice = slice_
        self.keys: set[str] = set()
        self.pages = 1
        self._is_asked = self._is_done = False

    def ask(self) -> Request | None:
        """Return the only request."""
        if self._is_asked:
            return None
        self._is_asked = True
        return ask_page(self.slice, 1)

    def tell(self, page: Page) -> None:
        """Receive its response."""
        self._is_done = True
        self.pages = max(1, -(-(page.total or 0) // PAGE_ROWS))

    def miss(self, missed: Miss) -> None:
        """Receive its failure; the length stays unknown."""
        self._is_done = True

    @property
    def checkpoint(self) -> Checkpoint:
        """Raises LookupError: a probe proves nothing."""
        raise LookupError(f"{self.slice.name} has not been read yet")

    @property
    def pages_left(self) -> int | None:
        """Return 0 once it has its answer."""
        return 0 if self._is_done else None
