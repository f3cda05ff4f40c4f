"""Incremental scans: bring a known list up to date in few requests, and prove it. Pure, as all scans."""

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Set
from dataclasses import replace
from random import Random
from typing import Literal

from cksync.api.v3.catalog import PAGE_ROWS, ask_page
from cksync.domain import Checkpoint, Held, Listing, Page, Proof, Request, Slice, vanish_doubt
from cksync.extract.scan.full import FullScan, problem_of
from cksync.extract.scan.search import Search
from cksync.extract.scan.spot_check import SpotCheck

# How often a list may change during the checks before the scan gives up for tonight.
MOVES = 3


class IncrementalScan(SpotCheck):
    """Known rows + new ones - those that left must equal the API's count.

    `added` and `left` are known changes. `suspects` are rows that may be gone because something happened to their
    people: a search begins with them, and where such rows usually `leave` the list, each is checked even if the total
    matches. `ends` says where new rows appear: on the newest page, at both ends, or nowhere (all are in `added`).
    `samples` pages are compared with the rows expected on them. A mismatch is first explained, then searched
    (`Search`), and finally resolved by a full read. An answer that deletes too much (`Held.is_odd`) is requested once
    more.
    """

    def __init__(
        self,
        slice_: Slice,
        known: Listing,
        start: Checkpoint | None = None,
        *,
        added: Iterable[int] = (),
        left: Set[int] = frozenset(),
        suspects: Set[int] = frozenset(),
        leave: bool = False,
        absent: Iterable[int] = (),
        ends: Literal["newest", "both", "none"] = "newest",
        is_by_id: bool = True,
        samples: int = 0,
        seed: str = "",
        held: Held | None = None,
        doubt: str | None = None,
        whole: FullScan | None = None,
    ) -> None:
        """`start` and `absent` come from an earlier load of this round, `whole` is the full read that it began.
        `is_by_id`: new rows are ordered by id, not at the end. `held` weighs deletions (None: the known rows). `doubt`
        keeps the list from being complete."""
        super().__init__(slice_, start, whole)
        self._known = known
        self._left = left
        self._suspects = {key for key in suspects - left if key in known}
        self._sees_all = leave and bool(self._suspects)
        self._there = set(added)  # a search must not report them gone
        self._new = dict.fromkeys(key for key in added if key not in known)
        self._ends, self._is_by_id, self._sample_count = ends, is_by_id, samples
        held = held or Held(known.keys)
        self._held = replace(held, keys=[key for key in held.keys if key not in left]) if left else held
        self._doubt = doubt
        self._random = Random(f"{seed} {slice_.name}")
        self._absent = set(absent) if self._ended else set()
        self._was_rechecked = False
        self._moves = 0
        self._under_way = 0
        self._begin()
        if not self._is_done and whole is None and 1 < self._pages <= samples:
            self._read_all()

    def _begin(self) -> None:
        """Start over."""
        self._read: dict[int, list[int]] = {}
        self._search: Search | None = None
        self._has_moved = self._was_sampled = False
        newest = 1 if self._is_newest_first else self._pages
        # Not page 1, which would hide that page numbers are ignored.
        later = self._random.randint(min(2, self._pages), self._pages)
        first = {"newest": -1, "both": newest, "none": later}
        self._to_ask = deque([first[self._ends]])

    @property
    def _is_newest_first(self) -> bool:
        """Return True if page 1 shows the newest rows, as far as the known ones tell."""
        keys = self._known.keys
        return self._ends == "both" and len(keys) > 0 and keys[0] > keys[-1]

    @property
    def _count(self) -> int:
        """Return the expected number of rows."""
        return len(self._known) - sum(key in self._known for key in self._left) + len(self._new)

    @property
    def _pages(self) -> int:
        """Return the expected number of pages."""
        return max(1, -(-(self._count if self._total is None else self._total) // PAGE_ROWS))

    def _ask(self) -> Request | None:
        if not self._to_ask:
            return None
        self._under_way += 1
        return ask_page(self.slice, self._to_ask.popleft())

    def _tell(self, page: Page, keys: list[int]) -> None:
        self._under_way -= 1
        self._read_from = self._read_from if self._read else page.sent_at
        self._doubt = self._doubt or problem_of(page) or ("the API gives no total" if page.total is None else None)
        self._has_moved |= self._total is not None and page.total != self._total
        self._total = page.total
        self._read[page.request.page] = keys
        if self._ends != "none":
            self._new.update(dict.fromkeys(key for key in keys if key not in self._known))
        if not self._under_way and not self._to_ask:
            self._decide()

    def _missed(self) -> None:
        self._under_way -= 1
        self._to_ask.clear()
        if not self._under_way:
            self._decide()

    def _decide(self) -> None:
        """Decide once all requested pages have arrived: finish, or what to request next."""
        total = self._total
        if self._doubt or total is None:
            self._is_done = True
        elif self._has_moved:
            self._moves += 1
            self._doubt = "the list changes faster than it can be checked" if self._moves > MOVES else None
            self._is_done = self._doubt is not None
            self._begin()
        elif total <= PAGE_ROWS and self._read.keys() & {1, -1}:
            self._accept_as_whole(set(self._read.get(1, ())) | set(self._read.get(-1, ())), total)
        elif further := self._further(total):
            self._to_ask.extend(further)
        elif doubt := self._doubt_of(self._count - total):
            self._recheck(doubt)
        elif self._count == total and not self._was_sampled and self._sample_count:
            self._was_sampled = True
            self._to_ask.extend(self._samples())
            if not self._to_ask:
                self._decide()
        else:
            self._compare(total)

    def _doubt_of(self, lost: int) -> str | None:
        """Return why a list that lost this many rows is not trusted."""
        rows = len(self._held.keys)
        return None if self._held.may_vanish else vanish_doubt(lost, rows, least=self._held.least)

    def _recheck(self, doubt: str | None) -> None:
        """Check once more before accepting too great a loss."""
        if self._was_rechecked:
            self._doubt, self._is_done = doubt, True
            return
        self._was_rechecked, self._total = True, None
        self._begin()

    def _read_all(self) -> None:
        self._whole = FullScan(self.slice, held=self._held)

    def _accept_as_whole(self, there: Set[int], total: int) -> None:
        """Treat one page as the whole list if it has as many rows as the API counts."""
        if len(there) == total:
            self._end({*self._known.keys, *self._new} - there, "content")
        else:
            self._read_all()

    def _further(self, total: int) -> list[int]:
        """Return more pages that may hold new rows."""
        if self._ends == "newest":  # a matching total proves nothing before a known row is reached
            last = min(self._read)
            is_all_new = not any(key in self._known for key in self._read[last])
            return [last - 1] if is_all_new and self._read[last] else []
        if self._ends == "both" and self._count < total:
            front = range(1, -(-(total - len(self._known)) // PAGE_ROWS) + 2)
            back = range(-(-len(self._known) // PAGE_ROWS), self._pages + 1)
            return [
                page for page in dict.fromkeys((*front, *back)) if 1 <= page <= self._pages and page not in self._read
            ]
        return []

    def _samples(self) -> list[int]:
        pages = [page for page in range(1, self._pages + 1) if page not in self._read]
        return self._random.sample(pages, min(self._sample_count - (self._ends == "none"), len(pages)))

    def _compare(self, total: int) -> None:
        """Compare the pages with what they should hold. On a mismatch, search, and read the full list if needed."""
        pages = {page: keys for page, keys in self._read.items() if 0 < page <= self._pages}
        is_fitting = self._count == total and not self._sees_all
        if is_fitting and (not pages or (self._ends == "both" and not self._sample_count)):
            self._end((), "counts")
            return
        if self._search is None:
            if not is_fitting and self._price(self._count - total) >= self._pages:
                self._read_all()
                return
            may_come = self._ends == "newest" and not is_fitting
            self._search = Search(self._expected(), total, self._suspects, sees_all=self._sees_all, may_come=may_come)
        for page, keys in pages.items():
            self._search.tell(page, keys)
        probes = self._search.probes()
        is_wrong = not self._search.gone.isdisjoint(self._there | self._new.keys())  # they were seen tonight
        if self._search.is_lost or is_wrong or (not probes and self._count - len(self._search.gone) != total):
            self._read_all()
        elif probes:
            self._to_ask.extend(probes)
        else:
            self._end(self._search.gone, "borders")

    def _price(self, missing: int) -> float:
        """Estimate the pages of a search: one for each page with suspects, and for every other missing or unexpected
        row as many as bisecting takes."""
        pages = len({self._known.places[key] // PAGE_ROWS for key in self._suspects})
        others = max(-missing, missing - len(self._suspects), 0)
        halving = others * (math.log2(self._pages) + 2) + 4 if others else 0
        if self._sees_all:
            return pages + halving
        return (min(pages, missing * (math.log2(self._pages) + 2) + 4) if missing > 0 else 0) + halving

    def _expected(self) -> Listing:
        """Return the rows that should exist, in the API's order: new ones by id or at the end; at the front of a list
        that begins with the newest."""
        expected = Listing(key for key in self._known.keys if key not in self._left)
        if self._is_newest_first:
            return Listing([*sorted(self._new, reverse=True), *expected.keys])
        for key in sorted(self._new) if self._is_by_id else self._new:
            insort(expected.keys, key) if self._is_by_id else expected.keys.append(key)
        return expected

    def _end(self, absent: Iterable[int], proof: Proof) -> None:
        absent = set(absent)
        lost = [key for key in self._held.keys if key in absent]
        doubt = self._held.doubt(lost)
        if doubt or (not self._was_rechecked and self._held.is_odd(lost, is_empty=not self._total)):
            self._recheck(doubt)
        else:
            self._absent, self._proof, self._is_done = absent, proof, True

    def explain(self, left: Set[str]) -> None:
        """Pass on to a full read which keys have left the list by now."""
        if self._whole is not None:
            self._whole.explain(left)

    @property
    def absent(self) -> Set[int]:
        """Return known rows that are no longer in the list."""
        if self._whole is None:
            return self._absent
        return {*self._known.keys} - set(map(int, self._whole.keys)) if self._whole.checkpoint.is_complete else set()

    @property
    def is_worth_repeating(self) -> bool:
        """Return the same as `FullScan.is_worth_repeating`."""
        return self._whole is not None and self._whole.is_worth_repeating

    def again(self) -> FullScan:
        """Return a full scan of the list from the front."""
        return FullScan(self.slice, held=self._held)

    @property
    def pages(self) -> int:
        """Return the number of pages of the list, as far as known."""
        return self._pages

    @property
    def _rows(self) -> int:
        is_proved = self._is_done and self._doubt is None and self._total is not None
        return (self._total or 0) if is_proved else self._count - len(self._absent)

    @property
    def pages_left(self) -> int | None:
        """Return the number of requests known to be left."""
        if self._whole is not None:
            return self._whole.pages_left if self._whole.has_begun else self._pages
        return 0 if self._is_done else len(self._to_ask) + self._under_way
