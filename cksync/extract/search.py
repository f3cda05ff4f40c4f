"""Finds which rows of a known list are gone by looking at few of its pages. Pure: no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cksync.api.v3 import PAGE_ROWS
from cksync.domain import Listing


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a page says: rows `first` to `end` of the API's list stand there, and so many of the expected
    rows are gone before the first of them, and before the one after the last."""

    first: int
    end: int
    before: int
    after: int


class Search:
    """Binary search over pages: where two of them say that different numbers of rows are gone before
    them, rows are gone in between. About log2(pages) requests for each row, however long the list.

    `is_lost`: rows stand where they should not, so only reading all of the list can tell.
    """

    def __init__(self, expected: Listing, total: int) -> None:
        self.gone: set[int] = set()
        self.is_lost = False
        self._expected, self._total = expected, total
        self._end = -(-total // PAGE_ROWS) + 1
        self._marks = {
            0: _Mark(0, 0, 0, 0),
            self._end: _Mark(total, total, len(expected) - total, len(expected) - total),
        }

    def tell(self, page: int, keys: Sequence[int]) -> None:
        """Take in which rows stand on a page."""
        if page in self._marks:
            return
        places = [self._expected.places.get(key, -1) for key in keys]
        if not places or -1 in places or any(later <= place for place, later in pairwise(places)):
            self.is_lost = True
            return
        first = PAGE_ROWS * (page - 1)
        end = first + len(keys)
        self._marks[page] = _Mark(first, end, places[0] - first, places[-1] + 1 - end)
        for place, later in pairwise(places):
            self.gone.update(self._expected.keys[place + 1 : later])

    def probes(self) -> list[int]:
        """The pages to look at next; none when nothing is left to find, or when it is lost."""
        found = []
        for (page, left), (later, right) in pairwise(sorted(self._marks.items())):
            if left.after > right.before or (later == page + 1 and left.end != right.first):
                self.is_lost = True
                return []
            if left.after == right.before:
                continue
            if later > page + 1:
                found.append((page + later) // 2)
            else:
                self.gone.update(self._expected.keys[left.end + left.after : right.first + right.before])
        return found
