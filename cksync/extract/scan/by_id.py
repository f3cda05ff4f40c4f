"""Read single records one by one. Pure, as all scans."""

from collections import deque
from collections.abc import Collection, Iterable
from datetime import datetime

from cksync.api.v3 import catalog as v3
from cksync.api.v4 import catalog as v4
from cksync.domain import Checkpoint, Head, Miss, Page, Request, Slice
from cksync.extract.scan.cursor import FROZEN
from cksync.extract.scan.unread import Unread


class ByIdScan:
    """Reads single records by id; a 404 is an answer, too, and becomes a tombstone.

    At most `budget` of the `wanted` records are requested; the others wait for the next pull. `missing` are those for
    which the API returned 404, `heads` has what was read of the others. Those without a usable answer are requested
    once more at the end, if others were answered. `may_be_refused`: the API no longer gives some of them (figures older
    than five years), which stay as they are.
    """

    absent: Collection[int] = ()

    def __init__(
        self,
        slice_: Slice,
        wanted: Iterable[str],
        start: Checkpoint | None = None,
        keys: Iterable[str] = (),
        budget: int | None = None,
        *,
        may_be_refused: bool = False,
    ) -> None:
        self.slice, self._may_be_refused = slice_, may_be_refused
        self.keys = set(keys)
        left = [key for key in wanted if key not in self.keys]
        self._wanted = deque(left[:budget])
        self._left = len(self._wanted)
        self._waiting = len(left) - self._left
        self.missing: set[int] = set()
        self.heads: dict[int, Head] = {}
        self._unanswered = 0
        self._unread = Unread()
        self._place = len(self.keys)
        self._began_at: datetime | None = start.began_at if start else None

    def ask(self) -> Request | None:
        """Return the request for the next record."""
        if not self._wanted and not self._left:
            self._wanted.extend(self._unread.once_more())
            self._left = len(self._wanted)
        if not self._wanted:
            return None
        self._place += 1
        ask_one = v4.ask_one if self.slice.version == "v4" else v3.ask_one
        return ask_one(self.slice, self._wanted.popleft(), self._place)

    def tell(self, page: Page) -> None:
        """Receive a record, or its absence."""
        self._left -= 1
        self._unread.answered(page.request.key or "")
        self._unanswered += not page.records
        self._began_at = self._began_at or min(page.sent_at, page.server_at or page.sent_at)
        self.keys |= {record.key for record in page.records if record.key is not None}
        self.heads |= {
            int(record.key): head for record, head in zip(page.records, page.heads, strict=False) if record.key
        }
        self.missing |= {int(record.key) for record in page.records if record.key and record.text is None}

    def miss(self, missed: Miss) -> None:
        """Receive the failure of a request."""
        self._left -= 1
        if self._may_be_refused and missed.status == FROZEN and missed.request.key:
            self.keys.add(missed.request.key)
        else:
            self._unread.miss(missed)
        self._began_at = self._began_at or missed.at

    def expects(self, missed: Miss) -> bool:
        """Return True if a failure is one that the age of figures explains."""
        return self._may_be_refused and missed.status == FROZEN

    @property
    def unread(self) -> tuple[str, ...]:
        """Return the keys of records without a usable answer."""
        return self._unread.names

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been read so far. Raises LookupError before the first page."""
        if self._began_at is None:
            raise LookupError(f"{self.slice.name} has not been read yet")
        missing = self._left + self._waiting + self._unanswered + len(self._unread.names)
        return Checkpoint(
            slice=self.slice,
            began_at=self._began_at,
            read_from=self._began_at,
            next_page=len(self.keys) + 1,
            rows=len(self.keys),
            total=len(self.keys) + missing,
            is_done=not self._left,
            is_complete=not missing,
            doubt=self._doubt,
            proof=None if missing else "content",
            unread=self._unread.names,
        )

    @property
    def _doubt(self) -> str | None:
        proxied = f"got {self._unanswered} 404 responses that are not the API's own; nothing is treated as deleted"
        waiting = f"{self._waiting} still to be requested by id"
        doubts = (self._unread.doubt("record"), proxied * bool(self._unanswered), waiting * bool(self._waiting))
        return "; ".join(filter(None, doubts)) or None

    @property
    def pages_left(self) -> int:
        """Return the number of records still to request."""
        return self._left
