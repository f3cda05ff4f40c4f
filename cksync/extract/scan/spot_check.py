"""The base of scans of a known list: sample a few pages, and read the full list if that is not enough."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from cksync.domain import Checkpoint, Miss, Page, Proof, Request, Slice
from cksync.extract.scan.full import FullScan
from cksync.extract.scan.unread import Unread


class SpotCheck(ABC):
    """A scan that samples pages and decides; `_read_all` hands the rest over to a FullScan."""

    def __init__(self, slice_: Slice, start: Checkpoint | None = None, whole: FullScan | None = None) -> None:
        """`start` is what an earlier load of this round proved, `whole` the full read that it began."""
        self.slice = slice_
        self.keys: set[str] = set()
        self._ended = start if start and start.is_complete else None
        self._is_done = self._ended is not None
        self._doubt: str | None = None
        self._began_at: datetime | None = None
        self._read_from: datetime | None = None
        self._total: int | None = None
        self._proof: Proof | None = None
        self._whole = whole
        self._unread = Unread()

    def ask(self) -> Request | None:
        """Return the request for the next page."""
        if self._whole is not None:
            return self._whole.ask()
        return None if self._is_done else self._ask()

    def tell(self, page: Page) -> None:
        """Receive a page; when nothing is in flight, decide."""
        self.keys.update(record.key for record in page.records if record.key is not None)
        if self._whole is not None:
            self._whole.tell(page)
            return
        self._began_at = self._began_at or min(page.sent_at, page.server_at or page.sent_at)
        self._read_from = self._read_from or page.sent_at
        self._tell(page, [int(record.key) for record in page.records if record.key is not None])

    def miss(self, missed: Miss) -> None:
        """Receive a failure: the sample proves nothing, and the known list stays."""
        if self._whole is not None:
            self._whole.miss(missed)
            return
        self._began_at = self._began_at or missed.at
        self._read_from = self._read_from or missed.at
        self._unread.miss(missed)
        self._doubt = self._doubt or self._unread.doubt()
        self._missed()

    @abstractmethod
    def _missed(self) -> None:
        """Request no more after a page in flight failed."""

    @abstractmethod
    def _ask(self) -> Request | None:
        """Return the next page to sample."""

    @abstractmethod
    def _tell(self, page: Page, keys: list[int]) -> None:
        """Receive a sampled page with the keys of its rows."""

    @property
    @abstractmethod
    def _rows(self) -> int:
        """Return the number of rows in the list, as far as the sample shows."""

    @property
    @abstractmethod
    def absent(self) -> Collection[int]:
        """Return known rows that are no longer in the list."""

    @abstractmethod
    def _read_all(self) -> None:
        """Begin a full read."""

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been proved so far. Raises LookupError before the first page."""
        if self._ended is not None:
            return self._ended
        if self._whole is not None and (self._began_at is None or self._whole.has_begun):
            whole = self._whole.checkpoint
            return whole if self._doubt is None else replace(whole, is_complete=False, proof=None, doubt=self._doubt)
        if self._began_at is None or self._read_from is None:
            raise LookupError(f"{self.slice.name} has not been read yet")
        is_complete = self._is_done and self._doubt is None
        return Checkpoint(
            slice=self.slice,
            began_at=self._began_at,
            read_from=self._read_from,
            rows=self._rows,
            total=self._total,
            is_done=self._is_done,
            is_complete=is_complete,
            doubt=self._doubt,
            proof=self._proof if is_complete else None,
            unread=self._unread.names,
        )
