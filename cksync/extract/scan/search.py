"""Find which rows of a known list are gone by reading few of its pages. Pure: no I/O."""

from bisect import bisect_left
from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from cksync.api.v3.catalog import PAGE_ROWS
from cksync.domain import Listing


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a page shows: rows `first` to `end` of the API's list are on it, and how many of the expected rows are gone
    before the first of them, and before the one after the last; an added row counts as minus one."""

    first: int
    end: int
    before: int
    after: int


class Search:
    """Binary search over pages: where two pages imply different numbers of missing rows before them, rows in between
    are gone. Takes about log2(pages) requests for each row.

    `suspects` are the rows most likely gone: the search reads their pages first, about one request each. No row is
    reported gone merely because the numbers match: each was missed between two neighbours. With `sees_all`, each
    suspect is checked whether or not a row is missing there, because an added row may hide a deleted one.

    With `may_come`, unexpected rows count where their ids place them; elsewhere, or without it, the search is lost.
    `is_lost`: rows are where they should not be, so only a full read can tell.
    """

    def __init__(
        self,
        expected: Listing,
        total: int,
        suspects: Set[int] = frozenset(),
        *,
        sees_all: bool = False,
        may_come: bool = False,
    ) -> None:
        self.gone: set[int] = set()
        self.is_lost = False
        self._expected, self._total = expected, total
        self._suspects = sorted(expected.places[key] for key in suspects if key in expected)
        self._sees_all, self._may_come = sees_all, may_come
        self._end = -(-total // PAGE_ROWS) + 1
        self._marks = {
            0: _Mark(0, 0, 0, 0),
            self._end: _Mark(total, total, len(expected) - total, len(expected) - total),
        }

    def tell(self, page: int, keys: Sequence[int]) -> None:
        """Receive the rows on a page."""
        if page in self._marks:
            return
        places = [self._expected.places.get(key, -1) for key in keys]
        known = [place for place in places if place >= 0]
        is_strange = len(known) < len(keys) and not (self._may_come and known and self._stand_by_id(keys, places))
        if not known or is_strange or any(later <= place for place, later in pairwise(known)):
            self.is_lost = True
            return
        first = PAGE_ROWS * (page - 1)
        end = first + len(keys)
        self._marks[page] = _Mark(first, end, known[0] - first, known[-1] + 1 - end)
        for place, later in pairwise(known):
            self.gone.update(self._expected.keys[place + 1 : later])

    def _stand_by_id(self, keys: Sequence[int], places: Sequence[int]) -> bool:
        """Return True if the unexpected rows directly follow the row with the next lower id, because the mirror will
        put them there. At the edge of a page, where one neighbour is out of sight, the other must be the next."""
        added = [(number, key) for number, key in enumerate(keys) if places[number] < 0]
        for number, key in added:
            before = next((place for place in reversed(places[:number]) if place >= 0), None)
            after = next((place for place in places[number:] if place >= 0), None)
            lower = max((other for other in self._expected.keys if other < key), default=None)
            anchor = -1 if lower is None else self._expected.places[lower]
            least = before if before is not None else (after or 0) - 1
            most = after - 1 if after is not None else least
            if not least <= anchor <= most:
                return False
        return all(key < later for (_, key), (_, later) in pairwise(added))

    def probes(self) -> list[int]:
        """Return the pages to read next; none if nothing is left to find, or the search is lost."""
        found = list[int]()
        for (page, left), (later, right) in pairwise(sorted(self._marks.items())):
            missing, is_open = right.before - left.after, later > page + 1
            if is_open:
                self.is_lost |= missing < 0 and not self._may_come
                found += self._between(page, later, left, right)
            else:
                self.is_lost |= missing < 0 or left.end != right.first
                self.gone.update(self._expected.keys[left.end + left.after : right.first + right.before])
        return [] if self.is_lost else found

    def _between(self, page: int, later: int, left: _Mark, right: _Mark) -> Sequence[int]:
        """Return the pages to read between two others: those of the suspects if each must be checked, or if as many
        suspects stood there as rows are missing; else the one in the middle."""
        missing = right.before - left.after
        places = (left.end + left.after, right.first + right.before)
        inside = self._suspects[slice(*(bisect_left(self._suspects, place) for place in places))]
        if not inside or (missing < 0 and not self._sees_all):
            return [(page + later) // 2] if missing else []
        if missing == 0 and not self._sees_all:
            return []
        is_each = self._sees_all or missing == len(inside)
        share = min(1.0, max(0, missing) / len(inside))
        positions = (
            inside[n] - left.after - round(n * share) for n in (range(len(inside)) if is_each else [len(inside) // 2])
        )
        return sorted({min(max(place // PAGE_ROWS + 1, page + 1), later - 1) for place in positions})
