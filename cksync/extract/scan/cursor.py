"""Cursor scans: walk a list of API v4 from its newest id to the oldest. Pure, as all scans.

Pages of a keyset do not drift: whoever joins during the walk stands before its first page. So the walk itself proves
little; its rows must equal the count that the first page gives. Lists and counts are fed asynchronously, so rows
younger than ten minutes explain a difference; any other is a reason to walk again.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from cksync.api.v4.catalog import LAG, PAGE_ROWS, Query, ask_list
from cksync.domain import NOTHING_HELD, Checkpoint, Head, Held, Miss, Page, Proof, Record, Request, Slice
from cksync.plural import plural

# After a failure of the same page, give up: the client has retried it already.
MISSES = 2
# The status of a response that refuses a cursor or its parameters.
REFUSED = range(400, 500)
# The status of a response for figures that the API no longer gives.
FROZEN = 400
# That for a list which the plan of the account does not include.
FORBIDDEN = 403


class CursorScan:
    """Walks a list to its end, leg after leg, and proves it complete or says why not.

    `known` are the rows that the mirror has, `young` those among them that a lagging list may not show yet. `heads` has
    what was read of each row, `status` that of a refusal, `last_at` is when the last page was requested, `per_page` the
    most rows of a page. Of `changes_only` (what changed since a time) no row is absent. Pages that are too large
    are requested again with half as many rows; a single record too large is skipped and named.
    """

    def __init__(
        self,
        slice_: Slice,
        query: Query,
        start: Checkpoint | None = None,
        keys: Iterable[str] = (),
        *,
        known: Collection[int] = (),
        young: Collection[int] = (),
        held: Held = NOTHING_HELD,
        changes_only: bool = False,
        until_known: bool = False,
        with_heads: bool = False,
        states_only: bool = False,
        unchanged: Mapping[int, int] | None = None,
        met: set[int] | None = None,
        is_optional: bool = False,
        may_be_frozen: bool = False,
    ) -> None:
        """Start at the front, or resume at the cursor of `start`, if all its `keys` are there.

        `until_known` ends the walk at the first page with a row that the mirror has. `with_heads` keeps what was read
        of each row, with `states_only` only the state. `unchanged` are digests of records that need not be stored
        again, `met` collects the ids of rows.
        `is_optional`: the account may not have this list. `may_be_frozen`: the API may no longer give it (figures older
        than five years), and its rows stay as they are.
        """
        self.slice, self._query = slice_, query
        self._known, self._young, self._held = known, young, held
        self.is_changes_only, self._until_known, self.is_optional = changes_only, until_known, is_optional
        self._with_heads, self._unchanged, self._met = with_heads, unchanged, met
        self._of_state: dict[str | None, Head] | None = {} if states_only else None
        self._may_be_frozen, self._is_frozen = may_be_frozen, False
        keys = set(keys)
        if start is not None and not _is_resumable(start, keys):
            start = None
        self._begin(start, keys if start is not None else set())
        self._is_resumed = start is not None and not start.is_done
        self._was_repeated = False

    def _begin(self, start: Checkpoint | None, keys: set[str]) -> None:
        self.keys = keys
        self.heads: dict[int, Head] = {}
        self._began_at = start.began_at if start else None
        self._read_from = start.read_from if start else None
        self._number = start.next_page - 1 if start else 0
        self._leg, self._cursor = _place(start.cursor if start else None)
        self._earlier = set(keys) if self._leg else set()  # rows of earlier legs, which a later one may show again
        self._per_page = PAGE_ROWS
        self._total = start.total if start else None
        self._has_total = start is not None and start.total is not None
        self._recent = 0  # rows too young to be counted by a lagging list
        self._is_asked = self._is_ended = self._is_restarted = False
        self._is_done = start.is_done if start else False
        self._doubt = start.doubt if start else None
        self._misses = 0
        self._absent: Collection[int] | None = None
        self._rows: int | None = None
        self._skipped: list[str] = []
        self.is_missing = False
        self.status: int | None = None
        self.last_at: datetime | None = None
        self.per_page = PAGE_ROWS

    def ask(self) -> Request | None:
        """Return the request for the next page."""
        if self._is_asked or self._is_done:
            return None
        self._is_asked = True
        if self._per_page == 0:  # one record too large: learn its id, and what comes behind it
            slim = Query(self._query.path, [{**leg, "slim": "true"} for leg in self._query.legs], self._query.body)
            return ask_list(self.slice, slim, self._leg, self._number + 1, self._cursor, 1, with_total=False)
        with_total = not self.is_changes_only and not self._until_known
        return ask_list(
            self.slice, self._query, self._leg, self._number + 1, self._cursor, self._per_page, with_total=with_total
        )

    def tell(self, page: Page) -> None:
        """Receive a page."""
        self._is_asked = False
        self._number += 1
        self._misses = 0
        self.last_at = page.sent_at
        self.per_page = page.per_page or self.per_page
        if self._began_at is None or self._is_restarted:
            self._is_restarted = False
            self._began_at = min(page.sent_at, page.server_at or page.sent_at)
            self._read_from = page.sent_at
        if page.is_missing and self._may_be_frozen:
            self._is_frozen = self._is_done = True
            return
        if page.is_missing:
            self.is_missing = self._is_done = True
            self._doubt = "the API responds that the list does not exist (404)"
            return
        if self._per_page == 0:
            self._skipped += [record.key or "without an id" for record in page.records]
            self._per_page = PAGE_ROWS
        self._receive(page)
        if page.has_next and page.cursor is not None and not self._is_at_known(page):
            self._is_resumed = False
            if page.cursor == self._cursor:
                self._doubt, self._is_done = "the API repeats its pages", True
            self._cursor = page.cursor
        elif self._leg + 1 < len(self._query.legs):
            self._leg, self._cursor = self._leg + 1, None
            self._earlier = set(self.keys)
        else:
            self._end()

    def _receive(self, page: Page) -> None:
        if page.total is not None and self._cursor is None:
            self._total = (self._total or 0) + page.total
            self._has_total = True
        began_at = self._began_at or page.sent_at
        for record, head in zip(page.records, page.heads or [Head()] * len(page.records), strict=True):
            if record.key is None:
                self._doubt = self._doubt or "a record without a readable key"
                continue
            self.keys.add(record.key)
            if record.key in self._earlier and self._total is not None:
                self._earlier.remove(record.key)
                self._total -= 1  # each leg counts it
            if self._with_heads:
                self.heads[int(record.key)] = self._kept(head)
            if self._met is not None:
                self._met.add(int(record.key))
            self._recent += head.at is not None and head.at > began_at - LAG

    def _kept(self, head: Head) -> Head:
        """Return what to keep of a row: of a hundred thousand people, one value for each state."""
        return head if self._of_state is None else self._of_state.setdefault(head.state, Head(head.state))

    def _is_at_known(self, page: Page) -> bool:
        if not self._until_known:
            return False
        return any(record.key is not None and int(record.key) in self._known for record in page.records)

    def news(self, page: Page) -> Page:
        """Return a page without the records that are stored already."""
        if self._unchanged is None:
            return page
        kept = [(record, head) for record, head in zip(page.records, page.heads, strict=True) if self._is_new(record)]
        return replace(page, records=tuple(r for r, _ in kept), heads=tuple(h for _, h in kept))

    def _is_new(self, record: Record) -> bool:
        known = self._unchanged.get(int(record.key)) if self._unchanged is not None and record.key else None
        return known is None or record.text is None or known != digest(record.text)

    def miss(self, missed: Miss) -> None:
        """Receive the failure of a request: of a stored cursor begin anew, of a page too large ask for fewer rows."""
        self._is_asked = False
        self._misses += 1
        self._began_at = self._began_at or missed.at
        self._read_from = self._read_from or missed.at
        if missed.is_too_large and self._per_page > 0:
            self._per_page //= 2
            self._misses = 0
            return
        if self._is_resumed and missed.status in REFUSED:
            self._begin(None, set())
            self._began_at = self._read_from = missed.at
            self._is_resumed, self._is_restarted = False, True
            return
        if self._may_be_frozen and missed.status == FROZEN:
            self._is_frozen = self._is_done = True
            return
        if self._misses >= MISSES or missed.status in REFUSED:
            page = f"page {self._number + 1} " if self.keys else ""
            self._doubt, self._is_done = f"{page}could not be read: {missed.reason}", True
            self.status = missed.status

    def expects(self, missed: Miss) -> bool:
        """Return True if a failure is one that the account's plan or the age of figures explains."""
        is_refused = self.is_optional and missed.status == FORBIDDEN
        return is_refused or (self._may_be_frozen and missed.status == FROZEN)

    def _end(self) -> None:
        """Decide at the end of the walk."""
        self._is_done = self._is_ended = True
        if self._skipped:
            named = ", ".join(self._skipped[:5])
            self._doubt = self._doubt or f"set aside: record {named} is larger than api.max_answer_mb"
        if self._doubt is None and self.is_miscounted:
            self._doubt = f"{plural(len(self.keys), 'row')} could be read, but the API counts {self._total}"
        if self._doubt is None and not self.is_changes_only and not self._until_known:
            lost = [key for key in self._held.lost(self.keys) if key not in self._young]
            if self._held.is_odd(lost, is_empty=not self.keys):
                self._decide_about_loss(self._held.doubt(lost))
        if self.is_complete and not self._with_heads:
            self._absent, self._rows = self.absent, len(self.keys)
            self.keys = set()  # hundreds of lists are scanned together

    def _decide_about_loss(self, doubt: str | None) -> None:
        """Walk once more before rows that are lost in great number are believed to be gone."""
        if self._was_repeated:
            self._doubt = doubt
            return
        began_at, read_from = self._began_at, self._read_from
        self._begin(None, set())
        self._began_at, self._read_from, self._was_repeated = began_at, read_from, True

    @property
    def is_miscounted(self) -> bool:
        """Return True if the number of rows differs from the API's, and young rows do not explain it."""
        if not self._has_total or self._total is None or self.is_changes_only or self._until_known:
            return False
        return abs(self._count - self._total) > self._recent

    @property
    def _count(self) -> int:
        """Return the number of rows read."""
        return len(self.keys) if self._rows is None else self._rows

    @property
    def is_worth_repeating(self) -> bool:
        """Return True if another walk may clear the doubt."""
        return self._is_ended and self.is_miscounted

    def again(self) -> "CursorScan":
        """Return the same scan from the front."""
        return CursorScan(
            self.slice,
            self._query,
            known=self._known,
            young=self._young,
            held=self._held,
            changes_only=self.is_changes_only,
            until_known=self._until_known,
            with_heads=self._with_heads,
            states_only=self._of_state is not None,
            unchanged=self._unchanged,
            met=self._met,
            is_optional=self.is_optional,
        )

    def refuse(self, doubt: str) -> None:
        """Set the reason why the walk is not trusted."""
        self._doubt = self._doubt or doubt

    @property
    def has_begun(self) -> bool:
        """Return True if any page has arrived."""
        return self._began_at is not None

    @property
    def is_complete(self) -> bool:
        """Return True if the list was walked to its end, and nothing is in doubt."""
        return self._is_done and self._doubt is None

    @property
    def total(self) -> int | None:
        """Return the number of rows that the API counts."""
        return self._total

    @property
    def ids(self) -> set[int]:
        """Return the keys read so far, as numbers."""
        return set(map(int, self.keys))

    @property
    def absent(self) -> Collection[int]:
        """Return the known rows that the complete list does not show, but for those that it may not show yet."""
        if self._absent is not None:
            return self._absent
        if not self.is_complete or self._is_part:
            return ()
        return [key for key in self._known if str(key) not in self.keys and key not in self._young]

    @property
    def _is_part(self) -> bool:
        """Return True if the walk shows a part of the list only, so that no row is absent."""
        return self.is_changes_only or self._until_known or self._is_frozen

    @property
    def states(self) -> Mapping[int, str | None]:
        """Return the state of each person read."""
        return {key: head.state for key, head in self.heads.items()}

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what has been proved so far. Raises LookupError before the first page."""
        if self._began_at is None or self._read_from is None:
            raise LookupError(f"{self.slice.name} has not been read yet")
        proof: Proof = "changes" if self._is_part else "content"
        return Checkpoint(
            slice=self.slice,
            began_at=self._began_at,
            read_from=self._read_from,
            next_page=self._number + 1,
            rows=self._count,
            total=self._total,
            is_done=self._is_done,
            is_complete=self.is_complete,
            doubt=self._doubt,
            proof=proof if self.is_complete else None,
            unread=() if self._doubt is None or not self._misses else (str(self._number + 1),),
            cursor=None if self._cursor is None and not self._leg else f"{self._leg} {self._cursor or ''}",
        )

    @property
    def pages_left(self) -> int | None:
        """Return the pages still to request; None before the first answer."""
        if self._is_done:
            return 0
        if self._total is None:
            return None if not self._number else 1
        return max(1, -(-(self._total - self._count) // max(1, self.per_page)))


class CountProbe(CursorScan):
    """Requests a single row of a list for its count."""

    def __init__(self, slice_: Slice, query: Query) -> None:
        super().__init__(slice_, query)

    def ask(self) -> Request | None:
        """Return the only request."""
        if self._is_asked or self._is_done:
            return None
        self._is_asked = True
        return ask_list(self.slice, self._query, 0, 1, None, 1, with_total=True)

    def tell(self, page: Page) -> None:
        """Receive its response."""
        super().tell(replace(page, has_next=False))

    @property
    def is_miscounted(self) -> bool:
        """Return False: a single row is expected."""
        return False


class IdsProbe(CursorScan):
    """Walks a list for the ids of its rows; none of them is stored."""

    def news(self, page: Page) -> Page:
        """Return the page without its records."""
        return replace(page, records=(), heads=())


def digest(text: bytes) -> int:
    """Return the digest of a record as the mirror stores it: the lower half of its MD5."""
    return int.from_bytes(hashlib.md5(text, usedforsecurity=False).digest()[8:], "little")


def _is_resumable(start: Checkpoint, keys: set[str]) -> bool:
    """Return True if a walk can go on: it stored all its rows, and was neither refused nor left without a cursor."""
    return len(keys) == start.rows and (start.is_complete or (not start.is_done and start.cursor is not None))


def _place(cursor: str | None) -> tuple[int, str | None]:
    """Return the leg and the cursor that a checkpoint stores in one text."""
    leg, _, text = (cursor or "0").partition(" ")
    return int(leg), text or None
