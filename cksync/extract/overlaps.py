"""Find pages that were in flight together and may show one person twice: it is unknown which of the two is newer."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from cksync.domain import Page

PERSON_STREAMS = ("subscribers", "subscriptions")


class _Span(NamedTuple):
    sent_at: datetime
    received_at: datetime
    slice: str
    segment: int


@dataclass
class Overlaps:
    """Collects the segments to compare from every page and the segment that holds it.

    Pages of two lists may show the same person. Pages of one list show different rows, unless a row moved from one to
    the other in between. Few pages overlap, because lists are read one after the other.
    """

    _spans: list[_Span] = field(default_factory=list)
    _shared: set[int] = field(default_factory=set)
    _recent: deque[tuple[_Span, frozenset[str | None]]] = field(default_factory=deque)

    def add(self, page: Page, segment: int, under_way: int) -> None:
        """Add a received page; at most `under_way` pages of one list are in flight."""
        if page.request.slice.stream not in PERSON_STREAMS:
            return
        span = _Span(page.sent_at, page.received_at, page.request.slice.name, segment)
        keys = frozenset(record.key for record in page.records)
        for other, shown in self._recent:
            if other.slice == span.slice and _meet(span, other) and not keys.isdisjoint(shown):
                self._shared |= {span.segment, other.segment}
        self._spans.append(span)
        self._recent.append((span, keys))
        if len(self._recent) > under_way:
            self._recent.popleft()

    @property
    def segments(self) -> set[int]:
        """Return the segments with such pages."""
        found = set(self._shared)
        open_: list[_Span] = []
        for span in sorted(self._spans):
            open_ = [other for other in open_ if other.received_at > span.sent_at]
            for other in open_:
                if other.slice != span.slice:
                    found |= {span.segment, other.segment}
            open_.append(span)
        return found


def _meet(one: _Span, other: _Span) -> bool:
    return one.sent_at < other.received_at and other.sent_at < one.received_at
