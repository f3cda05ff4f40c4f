"""Search as a value: which rows it finds deleted, in how many requests, and when it reports itself lost."""

from collections.abc import Iterable, Sequence
from itertools import chain
from math import ceil, log2
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cksync.api.v3.catalog import PAGE_ROWS
from cksync.domain import Listing
from cksync.extract.scan.search import Search


def page_of(rows: Sequence[int], page: int) -> Sequence[int]:
    """Return a page as the API cuts it."""
    return rows[PAGE_ROWS * (page - 1) : PAGE_ROWS * page]


def searched(
    expected: Sequence[int], rows: Sequence[int], before: Iterable[int] = (), **given: Any
) -> tuple[Search, list[int]]:
    """Run a search to its end, after it received the pages `before`; return it with the requested pages."""
    search, asked = Search(Listing(expected), len(rows), **given), list[int]()
    for page in before:
        search.tell(page, page_of(rows, page))
    while not search.is_lost and (probes := search.probes()):
        assert not set(probes) & set(asked), f"asks twice for {probes}"
        assert all(1 <= page <= ceil(len(rows) / PAGE_ROWS) for page in probes), f"no such page: {probes}"
        asked += probes
        for page in probes:
            search.tell(page, page_of(rows, page))
    return search, asked


def bound(gone: int, pages: int) -> float:
    """Return the most requests that finding so many rows may take."""
    return gone * (log2(pages) + 2) + 4


# -- only deletions


@pytest.mark.parametrize("rows", [0, 1, 49, 50, 51, 100, 5_000])
def test_nothing_is_asked_where_nothing_is_gone(rows: int) -> None:
    search, asked = searched(range(rows), range(rows))
    assert (search.gone, search.is_lost, asked) == (set(), False, [])


@pytest.mark.parametrize("rows", [1, 49, 50, 51, 100, 5_000])
def test_list_that_is_empty_now_lost_everything_without_a_request(rows: int) -> None:
    search, asked = searched(range(rows), [])
    assert (search.gone, search.is_lost, asked) == (set(range(rows)), False, [])


@pytest.mark.parametrize("gone", [0, 1, 49, 50, 51, 99, 100, 4_949, 4_950, 4_998, 4_999])
def test_row_is_found_wherever_it_stood(gone: int) -> None:
    """First, last, and at the borders of pages, which it moved."""
    rows = [row for row in range(5_000) if row != gone]
    search, asked = searched(range(5_000), rows)
    assert (search.gone, search.is_lost) == ({gone}, False)
    assert len(asked) <= bound(1, 100)


@pytest.mark.parametrize("place", [0, 25, 50, 4_950])
@pytest.mark.parametrize("count", [50, 100, 150])
def test_whole_pages_that_are_gone_at_once_are_found(place: int, count: int) -> None:
    """Every later page holds exactly what another page held."""
    gone = set(range(place, min(5_000, place + count)))
    search, asked = searched(range(5_000), [row for row in range(5_000) if row not in gone])
    assert (search.gone, search.is_lost) == (gone, False)
    assert len(asked) <= bound(len(gone), 100)


@given(
    rows=st.integers(0, 3_000),
    places=st.sets(st.integers(0, 999), max_size=40),
    run=st.sampled_from([1, 1, 2, 50, 51]),
    before=st.sets(st.integers(1, 60), max_size=4),
)
@example(rows=2_000, places=set(range(0, 1_000, 50)), run=1, before=set())
@example(rows=3_000, places=set(range(0, 1_000, 17)), run=1, before=set())
def test_exactly_the_rows_that_are_gone_are_found_within_the_bound(
    rows: int, places: set[int], run: int, before: set[int]
) -> None:
    """Whichever pages were read before."""
    gone = {place * rows // 1_000 + n for place in places for n in range(run)} & set(range(rows))
    left = [row for row in range(rows) if row not in gone]
    told = {page for page in before if page <= ceil(len(left) / PAGE_ROWS)}
    search, asked = searched(range(rows), left, told)
    assert (search.gone, search.is_lost) == (gone, False)
    assert len(asked) <= bound(len(gone), max(1, ceil(rows / PAGE_ROWS)))


@pytest.mark.parametrize(("gone", "most"), [(1, 11), (5, 50), (50, 320)])
def test_list_of_2000_pages_costs_what_the_design_says(gone: int, most: int) -> None:
    lost = {997 + 1_999 * n for n in range(gone)}
    search, asked = searched(range(100_000), [row for row in range(100_000) if row not in lost])
    assert (search.gone, len(asked) <= most) == (lost, True)


# -- unexpected rows, or another order

Rows = list[int]
rows_and_gone = st.integers(1, 600).flatmap(
    lambda rows: st.tuples(st.just(rows), st.sets(st.integers(0, rows - 1), max_size=12))
)


@given(
    rows_and_gone,
    st.lists(st.integers(0, 600), max_size=12),
    st.sets(st.integers(1, 13), max_size=4),
)
@example((600, {10}), [590], set())
@example((600, {10, 20}), [15], set())
@example((100, {49}), [50], {1, 2})
@example((50, {0}), [0], {1})
def test_row_that_is_there_is_never_called_gone_whatever_was_added(
    known: tuple[int, set[int]], added: list[int], before: set[int]
) -> None:
    rows, gone = known
    now: Rows = [row for row in range(rows) if row not in gone]
    for n, place in enumerate(added):
        now.insert(place % (len(now) + 1), 10_000 + n)
    if len(now) > rows:
        return  # more rows than expected are no case for a search
    search, _ = searched(range(rows), now, {page for page in before if page <= ceil(len(now) / PAGE_ROWS)})
    assert search.is_lost or search.gone <= gone


@given(rows_and_gone, st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600)), max_size=4), st.integers(0, 3))
@example((100, set()), [(49, 50)], 0)
@example((100, {0}), [(48, 49)], 0)
@example((150, {1}), [(149, 0)], 0)
@example((600, {1}), [(599, 49)], 0)
def test_search_that_saw_every_page_is_exact_or_lost(
    known: tuple[int, set[int]], moves: list[tuple[int, int]], added: int
) -> None:
    """Rows that moved, swapped over a border, or were added in between."""
    rows, gone = known
    now: Rows = [row for row in range(rows) if row not in gone]
    for source, target in moves:
        if now:
            now.insert(target % len(now), now.pop(source % len(now)))
    now[len(now) // 2 : len(now) // 2] = range(10_000, 10_000 + added)
    if len(now) > rows:
        return
    search, asked = searched(range(rows), now, range(1, ceil(len(now) / PAGE_ROWS) + 1))
    assert asked == []
    assert search.is_lost or (search.gone == gone and now == sorted(now) and not added)


@given(rows_and_gone, st.integers(0, 599), st.integers(0, 599))
def test_rows_that_swapped_on_a_page_that_was_seen_make_it_lost(
    known: tuple[int, set[int]], first: int, second: int
) -> None:
    """As ties do, whose order is unknown."""
    rows, gone = known
    now: Rows = [row for row in range(rows) if row not in gone]
    if not now or first % len(now) == second % len(now):
        return
    first, second = first % len(now), second % len(now)
    now[first], now[second] = now[second], now[first]
    seen = {first // PAGE_ROWS + 1, second // PAGE_ROWS + 1}
    assert searched(range(rows), now, seen)[0].is_lost


def test_row_that_nobody_expected_makes_it_lost() -> None:
    now = [*range(1, 30), 10_000, *range(30, 200)]
    search, _ = searched(range(201), now, [1])
    assert search.is_lost


def test_page_that_is_not_full_or_empty_makes_it_lost() -> None:
    for short in ([], list(range(49)), list(range(51))):
        search = Search(Listing(range(200)), 199)
        search.tell(1, short)
        search.tell(2, list(range(50, 100)))
        search.probes()
        assert search.is_lost


def test_more_rows_gone_before_a_page_than_before_a_later_one_make_it_lost() -> None:
    """One left in front, one was added between two pages that were read: as many as before."""
    now = [*range(1, 120), 10_000, *range(120, 400)]
    search, _ = searched(range(400), now, [1, 5])
    assert search.is_lost


def test_equal_numbers_gone_and_added_between_two_pages_are_beyond_a_search() -> None:
    """A known limit: no page that was read shows it. A full read finds it."""
    now = [row for row in range(400) if row != 120]
    now.insert(130, 10_000)
    search, asked = searched(range(400), now, [1, 5])
    assert (search.gone, search.is_lost, asked) == (set(), False, [])


def test_row_that_moved_to_a_page_that_was_not_read_is_beyond_a_search() -> None:
    """A known limit: the caller must know the order in which to expect rows."""
    now = [row for row in range(1_000) if row not in (3, 970)]
    now.insert(750, 3)
    search, _ = searched(range(1_000), now, [10])
    assert (search.gone, search.is_lost) == ({3}, False)


def test_telling_a_page_twice_changes_nothing() -> None:
    rows = [row for row in range(200) if row != 3]
    search, _ = searched(range(200), rows)
    search.tell(1, [*chain(range(100, 150))])
    assert (search.gone, search.is_lost) == ({3}, False)


# -- suspects: the rows most likely deleted


def pages_of(rows: Iterable[int]) -> int:
    """Return on how many pages these rows stood."""
    return len({row // PAGE_ROWS for row in rows})


@pytest.mark.parametrize("suspects", [{30}, {30, 2_600}, {0, 30, 31, 49, 2_600, 4_999}, set(range(25, 5_000, 250))])
@pytest.mark.parametrize("sees_all", [False, True])
def test_suspects_that_are_gone_cost_a_page_each(suspects: set[int], sees_all: bool) -> None:
    rows = [row for row in range(5_000) if row not in suspects]
    search, asked = searched(range(5_000), rows, suspects=suspects, sees_all=sees_all)
    assert (search.gone, search.is_lost) == (suspects, False)
    assert len(asked) <= pages_of(suspects)


@pytest.mark.parametrize("edge", [0, 49, 50, 99, 100, 4_949, 4_950, 4_999])
def test_suspect_at_the_edge_of_a_page_is_seen_to_be_gone_from_both_sides(edge: int) -> None:
    search, asked = searched(range(5_000), [row for row in range(5_000) if row != edge], suspects={edge})
    assert (search.gone, search.is_lost) == ({edge}, False)
    assert len(asked) <= 2


@pytest.mark.parametrize("stays", [30, 2_600, 4_999])
@pytest.mark.parametrize("gone", [10, 2_599, 2_601, 3_333])
def test_suspect_is_not_called_gone_because_the_number_fits(stays: int, gone: int) -> None:
    """Another row was deleted in the same night: a tag removed from a person."""
    search, asked = searched(range(5_000), [row for row in range(5_000) if row != gone], suspects={stays})
    assert (search.gone, search.is_lost) == ({gone}, False)
    assert len(asked) <= bound(1, 100) + 1


def test_one_of_many_suspects_that_is_gone_is_found_by_bisection() -> None:
    """As in a list that people do not leave when they cancel."""
    suspects = set(range(7, 100_000, 1_000))
    search, asked = searched(range(100_000), [row for row in range(100_000) if row != 55_007], suspects=suspects)
    assert (search.gone, search.is_lost) == ({55_007}, False)
    assert len(asked) <= log2(2_000) + 2


@given(
    rows=st.integers(1, 3_000),
    suspected=st.sets(st.integers(0, 999), max_size=20),
    guilty=st.integers(0, 20),
    others=st.sets(st.integers(0, 999), max_size=6),
    before=st.sets(st.integers(1, 60), max_size=3),
    sees_all=st.booleans(),
)
@example(rows=600, suspected={10, 500}, guilty=1, others={700}, before=set(), sees_all=False)
@example(rows=600, suspected={10, 20, 500}, guilty=2, others={15}, before={1}, sees_all=True)
def test_whichever_of_the_suspects_are_gone_exactly_those_are_found(
    rows: int, suspected: set[int], guilty: int, others: set[int], before: set[int], sees_all: bool
) -> None:
    """And all others, even if as many of them are gone as suspects stayed."""
    suspects = {place * rows // 1_000 for place in suspected}
    gone = set(sorted(suspects)[::-1][:guilty]) | {place * rows // 1_000 for place in others}
    left = [row for row in range(rows) if row not in gone]
    told = {page for page in before if page <= ceil(len(left) / PAGE_ROWS)}
    search, asked = searched(range(rows), left, told, suspects=suspects, sees_all=sees_all)
    assert (search.gone, search.is_lost) == (gone, False)
    unknown = len(gone - suspects)
    assert len(asked) <= 2 * pages_of(suspects) + bound(unknown, max(1, ceil(rows / PAGE_ROWS)))


# -- rows added where their ids belong: returning people


def with_rows(rows: Iterable[int], came: Iterable[int]) -> list[int]:
    """Return a list in the order of its ids, as most are."""
    return sorted({*rows, *came})


KNOWN = range(0, 10_000, 2)  # leaves gaps for additions


@pytest.mark.parametrize("came", [{1}, {4_001}, {9_997}, {777, 7_771}, set(range(3_001, 3_041, 2))])
def test_rows_added_in_the_middle_of_the_list_are_found_by_bisection(came: set[int]) -> None:
    """Each with a page that has it."""
    rows = with_rows(KNOWN, came)
    search, asked = searched(KNOWN, rows, may_come=True)
    assert (search.gone, search.is_lost) == (set(), False)
    assert came <= {row for page in asked for row in page_of(rows, page)}
    assert len(asked) <= bound(len(came), 100)


@given(
    suspected=st.sets(st.integers(0, 4_999), max_size=12),
    guilty=st.integers(0, 12),
    came=st.sets(st.integers(0, 4_999), max_size=6),
)
@example(suspected={100}, guilty=1, came={4_000})
@example(suspected={100, 4_000}, guilty=1, came={2_000})
@example(suspected={49}, guilty=1, came={49})
def test_row_that_came_hides_no_suspect_that_is_gone_where_each_is_searched_for(
    suspected: set[int], guilty: int, came: set[int]
) -> None:
    suspects, new = {2 * place for place in suspected}, {2 * place + 1 for place in came}
    gone = set(sorted(suspects)[:guilty])
    rows = with_rows(set(KNOWN) - gone, new)
    search, asked = searched(KNOWN, rows, suspects=suspects, sees_all=True, may_come=True)
    if not search.is_lost:
        assert search.gone == gone
        assert new <= {row for page in asked for row in page_of(rows, page)}


def test_row_that_came_where_its_id_does_not_say_makes_it_lost() -> None:
    """The mirror would put it elsewhere, and the next search would look for it there."""
    rows = [*range(0, 4_000, 2), 20_001, *range(4_000, 10_000, 2)]
    assert searched(KNOWN, rows, may_come=True)[0].is_lost
