"""Scans as values when some requests have no usable answer: what they then request, name, and prove."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cksync.domain import BROADCASTS, BY_ID, STATS, Checkpoint, Listing, Miss, Page, Record, Request, members, whole
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.full import FullScan, Scan
from cksync.extract.scan.incremental import IncrementalScan
from cksync.extract.scan.tail import TailScan

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
TAG = members("tag", "7")
EVER = 10**9


class Remote:
    """A list of so many rows, or single records, whose requests fail as often as `failing` says, by page or key."""

    def __init__(self, rows: int, failing: Mapping[str, int], has_total: bool = True) -> None:
        self.rows, self.failing, self.has_total = [str(n + 1) for n in range(rows)], Counter(failing), has_total
        self.asked: list[str] = []

    def answer(self, request: Request) -> Page | Miss:
        name = request.key or str(request.page)
        self.asked.append(name)
        assert len(self.asked) < 500, f"a walk without end: {self.asked[-20:]}"
        at = NINE + timedelta(seconds=len(self.asked))
        if self.failing[name] > 0:
            self.failing[name] -= 1
            return Miss(request, at, "500 from kit")
        if request.key:
            return Page(request, at, at, None, (), (Record(request.key, b"{}"),))
        number = abs(request.page)
        rows = self.rows if request.page > 0 else self.rows[::-1]
        records = tuple(Record(key, b"{}") for key in rows[50 * (number - 1) : 50 * number])
        page = Page(request, at, at, None, (), records)
        return replace(page, total=len(rows), page_echo=number) if self.has_total else page


def read(scan: Scan, api: Remote, at_once: int = 1) -> Checkpoint:
    """Return what a scan proves at its end."""
    under_way = deque[Page | Miss]()
    while True:
        while len(under_way) < at_once and (request := scan.ask()) is not None:
            under_way.append(api.answer(request))
        if not under_way:
            return scan.checkpoint
        came = under_way.popleft()
        if isinstance(came, Miss):
            scan.miss(came)
        else:
            scan.tell(came)


def pages(*numbers: int, times: int = EVER) -> dict[str, int]:
    return {str(number): times for number in numbers}


def without(rows: int, *numbers: int) -> set[str]:
    """Return the keys of a list without those on some pages."""
    return {str(n + 1) for n in range(rows) if n // 50 + 1 not in numbers}


# -- a list


@pytest.mark.parametrize("page", [1, 2, 4, 5])
def test_page_that_cannot_be_had_is_named_and_all_others_are_read(page: int) -> None:
    scan = FullScan(TAG)
    checkpoint = read(scan, Remote(240, pages(page)))
    assert scan.keys == without(240, page)
    assert (checkpoint.is_done, checkpoint.is_complete, checkpoint.unread) == (True, False, (str(page),))
    assert checkpoint.doubt == f"page {page} could not be read: 500 from kit"


def test_page_that_is_back_at_the_end_of_the_list_leaves_no_doubt() -> None:
    scan = FullScan(TAG)
    checkpoint = read(scan, Remote(240, pages(3, times=1)))
    assert (checkpoint.is_complete, checkpoint.proof, checkpoint.unread) == (True, "content", ())
    assert scan.keys == without(240)


def test_list_that_cannot_be_had_at_all_costs_two_requests() -> None:
    api = Remote(240, pages(*range(1, 6)))
    checkpoint = read(FullScan(TAG), api)
    assert (api.asked, checkpoint.doubt) == (["1", "2"], "could not be read: 500 from kit")


def test_unpaged_list_that_cannot_be_had_costs_one_request() -> None:
    api = Remote(10, pages(1))
    checkpoint = read(FullScan(whole("tags")), api)
    assert (api.asked, checkpoint.is_done, checkpoint.is_complete) == (["1"], True, False)


def test_list_that_breaks_down_in_the_middle_is_left_after_three_pages() -> None:
    api = Remote(1000, pages(*range(5, 21)))
    scan = FullScan(TAG)
    checkpoint = read(scan, api)
    assert api.asked == ["1", "2", "3", "4", "5", "6", "7"]
    assert scan.keys == without(1000, *range(5, 21))
    assert checkpoint.doubt == ("pages 5, 6, 7 could not be read: 500 from kit; later pages were not requested")


def test_list_without_totals_is_read_behind_a_page_that_cannot_be_had() -> None:
    scan = FullScan(BROADCASTS)
    checkpoint = read(scan, Remote(120, pages(2), has_total=False))
    assert (scan.keys, checkpoint.unread) == (without(120, 2), ("2",))


def test_row_that_could_not_be_read_is_never_taken_for_one_that_is_gone() -> None:
    """Duplicate rows may make up for a missing page in the count."""
    scan = FullScan(TAG)
    api = Remote(100, pages(2))
    scan.keys |= {str(1000 + n) for n in range(50)}
    assert not read(scan, api).is_complete


def test_pull_that_goes_on_asks_for_what_could_not_be_read_and_no_more() -> None:
    scan = FullScan(TAG)
    checkpoint = read(scan, Remote(240, pages(3)))
    again, api = FullScan(TAG, checkpoint, scan.keys), Remote(240, {})
    assert read(again, api).is_complete
    assert api.asked[0] == "3"
    assert set(api.asked) <= {"2", "3", "4", "6"}  # the borders of its neighbours, and the tail
    assert again.keys == without(240)


@given(
    rows=st.integers(0, 900),
    failing=st.dictionaries(st.integers(1, 20).map(str), st.sampled_from([1, 2, EVER])),
    at_once=st.integers(1, 4),
    has_total=st.booleans(),
)
@example(rows=100, failing={"1": 1, "2": EVER}, at_once=4, has_total=True)
@example(rows=50, failing={"1": EVER}, at_once=1, has_total=False)
def test_any_pages_may_fail_and_what_is_proved_is_there(
    rows: int, failing: dict[str, int], at_once: int, has_total: bool
) -> None:
    scan = FullScan(TAG if has_total else BROADCASTS)
    api = Remote(rows, failing, has_total)
    checkpoint = read(scan, api, at_once)
    assert checkpoint.is_done
    assert checkpoint.is_complete == (not checkpoint.unread)
    if checkpoint.is_complete:
        assert scan.keys == set(api.rows)
    assert "could not be read" in (checkpoint.doubt or "") or checkpoint.is_complete


# -- single records


def test_record_that_cannot_be_had_is_named_and_all_others_are_read() -> None:
    api = Remote(0, {"5": EVER})
    scan = ByIdScan(STATS, ["4", "5", "6"])
    checkpoint = read(scan, api)
    assert (scan.keys, checkpoint.unread, checkpoint.is_complete) == ({"4", "6"}, ("5",), False)
    assert checkpoint.doubt == "record 5 could not be read: 500 from kit"
    assert api.asked == ["4", "5", "6", "5"]


def test_record_that_is_back_at_the_end_leaves_no_doubt() -> None:
    checkpoint = read(ByIdScan(STATS, ["4", "5", "6"]), Remote(0, {"5": 1}))
    assert (checkpoint.is_complete, checkpoint.doubt) == (True, None)


def test_records_of_an_endpoint_that_is_down_are_not_asked_for_again() -> None:
    keys = [str(n) for n in range(8)]
    api = Remote(0, dict.fromkeys(keys, EVER))
    checkpoint = read(ByIdScan(STATS, keys), api, 4)
    assert api.asked == keys
    assert checkpoint.doubt == "records 0, 1, 2, 3, 4 and 3 more could not be read: 500 from kit"


def test_unread_records_and_waiting_ones_are_both_named() -> None:
    checkpoint = read(ByIdScan(BY_ID, ["1", "2", "3"], budget=2), Remote(0, {"1": EVER}))
    assert checkpoint.doubt == "record 1 could not be read: 500 from kit; 1 still to be requested by id"


# -- known lists


def ids(count: int) -> Iterable[int]:
    return range(1, count + 1)


@pytest.mark.parametrize("samples", [0, 2, 99])
@pytest.mark.parametrize("rows", [1, 50, 240])
def test_look_that_fails_proves_nothing_and_deletes_nothing(rows: int, samples: int) -> None:
    scan = IncrementalScan(TAG, Listing(ids(rows)), samples=samples)
    failing = dict.fromkeys(["-1", *map(str, range(1, 9))], EVER)
    checkpoint = read(scan, Remote(rows, failing), 4)
    assert (checkpoint.is_done, checkpoint.is_complete, checkpoint.proof) == (True, False, None)
    assert set(scan.absent) == set()
    assert checkpoint.unread
    assert checkpoint.doubt == "could not be read: 500 from kit"


def test_search_that_fails_on_its_way_deletes_nothing() -> None:
    api = Remote(500, {"5": EVER})
    scan = IncrementalScan(TAG, Listing(n for n in range(1, 510) if n != 300), samples=2)
    checkpoint = read(scan, api)
    assert (checkpoint.is_complete, set(scan.absent)) == (False, set())


@pytest.mark.parametrize("rows", [10, 120])
def test_tail_that_fails_keeps_what_was_known(rows: int) -> None:
    scan = TailScan(BROADCASTS, Listing(ids(rows)))
    checkpoint = read(scan, Remote(rows, pages(1, 2, 3), has_total=False))
    assert (checkpoint.is_done, checkpoint.is_complete, scan.ids) == (True, False, set(ids(rows)))
