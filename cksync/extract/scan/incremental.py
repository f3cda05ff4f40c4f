"""Level: brings a list that is known already up to date in few requests, and proves it. Pure, as walks are."""

import math
from bisect import insort
from collections import deque
from collections.abc import Iterable, Set
from dataclasses import replace
from random import Random
from typing import Literal

from cksync.api.v3.catalog import PAGE_ROWS, ask_page
from cksync.domain import Checkpoint, Held, Listing, Page, Proof, Request, Slice, vanish_doubt
from cksync.extract.scan.full import FullScan, doubt_about
from cksync.extract.scan.search import Search
from cksync.extract.scan.spot_check import SpotCheck

# How often a list may move while it is looked at before we give up for tonight.
MOVES = 3


class IncrementalScan(SpotCheck):
    """Rows known before + new ones - those that left must be as many as the API counts.

    `added` and `left` are what is known to have come and gone since. `suspects` are rows that may have gone, for
    something happened to their people: a search begins with them, and where such rows `leave` this list as a rule
    each is looked for, even if the total fits without. Where new rows stand depends on the
    list: `ends` says whether to look for them on its newest page, at both ends, or nowhere (they are all in
    `added`). `looks` pages are compared with the rows that should stand on them. What does not fit is
    explained before it is searched, searched (`Search`) before all of the list is read, and read if need be. What
    says that too much is gone (`Held.is_odd`) is asked once more.
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
        """`start` and `absent` are what an earlier load of this round has found, `whole` the reading of all
        of it that it began; `is_by_id`: new rows stand where their ids say, not at the end; `held` weighs
        what is gone (None: as the rows that are known); `doubt` keeps the list from being complete."""
        super().__init__(slice_, start, whole)
        self._known = known
        self._left = left
        self._suspects = {key for key in suspects - left if key in known}
        self._sees_all = leave and bool(self._suspects)
        self._there = set(added)  # a search must not find them gone
        self._new = dict.fromkeys(key for key in added if key not in known)
        self._ends, self._is_by_id, self._lookups = ends, is_by_id, samples
        held = held or Held(known.keys)
        self._held = replace(held, keys=[key for key in held.keys if key not in left]) if left else held
        self._doubt = doubt
        self._random = Random(f"{seed} {slice_.name}")
        self._absent = set(absent) if self._ended else set()
        self._has_looked_twice = False
        self._moves = 0
        self._under_way = 0
        self._begin()
        if not self._is_done and whole is None and 1 < self._pages <= samples:
            self._read_all()

    def _begin(self) -> None:
        """Look at the list afresh."""
        self._read: dict[int, list[int]] = {}
        self._search: Search | None = None
        self._has_moved = self._has_looked = False
        newest = 1 if self._is_newest_first else self._pages
        later = self._random.randint(min(2, self._pages), self._pages)  # page 1 hides that pages are ignored
        first = {"newest": -1, "both": newest, "none": later}
        self._to_ask = deque([first[self._ends]])

    @property
    def _is_newest_first(self) -> bool:
        """Whether page 1 shows the newest rows, as far as the known ones tell."""
        keys = self._known.keys
        return self._ends == "both" and len(keys) > 0 and keys[0] > keys[-1]

    @property
    def _count(self) -> int:
        """How many rows there should be."""
        return len(self._known) - sum(key in self._known for key in self._left) + len(self._new)

    @property
    def _pages(self) -> int:
        """How many pages there should be."""
        return max(1, -(-(self._count if self._total is None else self._total) // PAGE_ROWS))

    def _ask(self) -> Request | None:
        if not self._to_ask:
            return None
        self._under_way += 1
        return ask_page(self.slice, self._to_ask.popleft())

    def _tell(self, page: Page, keys: list[int]) -> None:
        self._under_way -= 1
        self._read_from = self._read_from if self._read else page.sent_at
        self._doubt = self._doubt or doubt_about(page) or ("the API gives no total" if page.total is None else None)
        self._has_moved |= self._total is not None and page.total != self._total
        self._total = page.total
        self._read[page.request.page] = keys
        if self._ends != "none":
            self._new.update(dict.fromkeys(key for key in keys if key not in self._known))
        if not self._under_way and not self._to_ask:
            self._judge()

    def _missed(self) -> None:
        self._under_way -= 1
        self._to_ask.clear()
        if not self._under_way:
            self._judge()

    def _judge(self) -> None:
        """What was asked for has come: done, or what to look at next."""
        total = self._total
        if self._doubt or total is None:
            self._is_done = True
        elif self._has_moved:
            self._moves += 1
            self._doubt = "the list changes faster than it can be checked" if self._moves > MOVES else None
            self._is_done = self._doubt is not None
            self._begin()
        elif total <= PAGE_ROWS and self._read.keys() & {1, -1}:
            self._take_for_whole(set(self._read.get(1, ())) | set(self._read.get(-1, ())), total)
        elif further := self._further(total):
            self._to_ask.extend(further)
        elif doubt := self._doubt_of(self._count - total):
            self._look_twice(doubt)
        elif self._count == total and not self._has_looked and self._lookups:
            self._has_looked = True
            self._to_ask.extend(self._samples())
            if not self._to_ask:
                self._judge()
        else:
            self._compare(total)

    def _doubt_of(self, lost: int) -> str | None:
        """Why a list that lost so many rows, whichever they are, is not believed."""
        rows = len(self._held.keys)
        return None if self._held.may_vanish else vanish_doubt(lost, rows, least=self._held.least)

    def _look_twice(self, doubt: str | None) -> None:
        """Before anything is made of too great a loss, look once more."""
        if self._has_looked_twice:
            self._doubt, self._is_done = doubt, True
            return
        self._has_looked_twice, self._total = True, None
        self._begin()

    def _read_all(self) -> None:
        self._whole = FullScan(self.slice, held=self._held)

    def _take_for_whole(self, there: Set[int], total: int) -> None:
        """One page has the whole list, if it has as many rows as the API counts."""
        if len(there) == total:
            self._end({*self._known.keys, *self._new} - there, "content")
        else:
            self._read_all()

    def _further(self, total: int) -> list[int]:
        """More pages on which new rows may stand."""
        if self._ends == "newest":  # that the total fits proves nothing before a known row is reached
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
        return self._random.sample(pages, min(self._lookups - (self._ends == "none"), len(pages)))

    def _compare(self, total: int) -> None:
        """Do the pages that were read hold what they should? If not, search, and if need be read it all."""
        pages = {page: keys for page, keys in self._read.items() if 0 < page <= self._pages}
        is_fitting = self._count == total and not self._sees_all
        if is_fitting and (not pages or (self._ends == "both" and not self._lookups)):
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
        """About how many pages a search would look at: one for each page on which suspects stood, and for each
        other row that is missing, or came where nobody expected it, as many as halving takes."""
        pages = len({self._known.places[key] // PAGE_ROWS for key in self._suspects})
        others = max(-missing, missing - len(self._suspects), 0)
        halving = others * (math.log2(self._pages) + 2) + 4 if others else 0
        if self._sees_all:
            return pages + halving
        return (min(pages, missing * (math.log2(self._pages) + 2) + 4) if missing > 0 else 0) + halving

    def _expected(self) -> Listing:
        """The rows that should be there, in the order in which the API should list them: new ones where
        their ids say, or at the end; at the front of a list that begins with the newest."""
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
        if doubt or (not self._has_looked_twice and self._held.is_odd(lost, is_empty=not self._total)):
            self._look_twice(doubt)
        else:
            self._absent, self._proof, self._is_done = absent, proof, True

    def explain(self, left: Set[str]) -> None:
        """Tell a whole reading which keys have left the list by now."""
        if self._whole is not None:
            self._whole.explain(left)

    @property
    def absent(self) -> Set[int]:
        """Rows that were known and are in the list no more."""
        if self._whole is None:
            return self._absent
        return {*self._known.keys} - set(map(int, self._whole.keys)) if self._whole.checkpoint.is_complete else set()

    @property
    def is_worth_repeating(self) -> bool:
        """See `FullScan.is_worth_repeating`."""
        return self._whole is not None and self._whole.is_worth_repeating

    def again(self) -> FullScan:
        """A reading of all of the list from its front."""
        return FullScan(self.slice, held=self._held)

    @property
    def pages(self) -> int:
        """Pages of the list, as far as they are known."""
        return self._pages

    @property
    def _rows(self) -> int:
        is_proved = self._is_done and self._doubt is None and self._total is not None
        return (self._total or 0) if is_proved else self._count - len(self._absent)

    @property
    def pages_left(self) -> int | None:
        """Requests known to be left."""
        if self._whole is not None:
            return self._whole.pages_left if self._whole.has_begun else self._pages
        return 0 if self._is_done else len(self._to_ask) + self._under_way
