"""The search for people who left a long list of API v4, as a value: whom it finds, and in how many requests."""

from collections.abc import Callable, Mapping, Set
from datetime import UTC, datetime, timedelta
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.domain import Head, Miss, Page, Record, Request, members
from cksync.extract.v4.leavers import LeaversScan, price

LIST = members("tag", "7", "v4")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
PAGE_ROWS = 10
# How an API may compare a time of joining with a border.
Compare = Callable[[datetime, datetime], bool]
Joined = Mapping[int, datetime]


def exactly(at: datetime, border: datetime) -> bool:
    return at >= border


def strictly(at: datetime, border: datetime) -> bool:
    return at > border


def by_day(at: datetime, border: datetime) -> bool:
    return at.date() >= border.date()


def answered(request: Request, rows: Joined, is_after: Compare = exactly, passive: Set[int] = frozenset()) -> Page:
    """Answer a request as the API does: newest first, with a cursor that says how many rows went before. Of `passive`
    people there is no count."""
    params = request.params

    def border(name: str) -> datetime | None:
        text = params.get(f"tagged_{name}")
        return datetime.fromisoformat(text) if text else None

    after, before = border("after"), border("before")
    there = [
        id_
        for id_, at in sorted(rows.items(), key=lambda row: row[::-1], reverse=True)
        if (after is None or is_after(at, after))
        and (before is None or not is_after(at, before))
        and (params["status"] == "all" or id_ not in passive)
    ]
    start, size = int(params.get("after", 0)), int(params["per_page"])
    shown = there[start : start + size]
    return Page(
        request,
        BEGIN,
        BEGIN,
        None,
        (),
        tuple(Record(str(id_), b"{}") for id_ in shown),
        heads=tuple(Head("cancelled" if id_ in passive else "active", at=rows[id_]) for id_ in shown),
        total=len(there) if "include_total_count" in params else None,
        cursor=str(start + size),
        has_next=start + size < len(there),
    )


def searched(
    expected: Joined,
    rows: Joined,
    *,
    is_counted: bool = True,
    is_after: Compare = exactly,
    passive: Set[int] = frozenset(),
) -> tuple[LeaversScan, int]:
    """Run a search to its end; return it with the number of requests."""
    count = len(rows.keys() - passive)
    search = LeaversScan(LIST, expected, count if is_counted else None, PAGE_ROWS, BEGIN)
    made = 0
    while (request := search.ask()) is not None:
        assert request.path == "tags/7/subscribers"
        assert request.params["status"] in ("active", "all")
        made += 1
        search.tell(answered(request, rows, is_after, passive))
    return search, made


def a_list(rows: int, apart: timedelta = timedelta(seconds=2)) -> dict[int, datetime]:
    return {id_: BEGIN + id_ * apart for id_ in range(1, rows + 1)}


@pytest.mark.parametrize("left", [1, 2, 10, 11, 255, 256, 257, 499, 500])
def test_one_person_is_found_wherever_they_stood(left: int) -> None:
    expected = a_list(500)
    search, made = searched(expected, {id_: at for id_, at in expected.items() if id_ != left})
    assert (search.gone, search.is_lost) == ({left}, False)
    assert made <= price(1, 500, PAGE_ROWS) == 7


@pytest.mark.parametrize("is_counted", [True, False])
def test_whoever_only_cancelled_is_still_a_member(is_counted: bool) -> None:
    """A count shows active people only: the list of all states tells who left from who cancelled meanwhile."""
    expected = a_list(500)
    there = {id_: at for id_, at in expected.items() if id_ != 77}
    search, _ = searched(expected, there, is_counted=is_counted, passive={78, 300})
    assert (search.gone, search.is_lost) == ({77}, False)


def test_an_untouched_list_takes_one_request_where_the_count_may_be_old() -> None:
    search, made = searched(a_list(500), a_list(500), is_counted=False)
    assert (search.gone, search.is_lost, made) == (set(), False, 1)


def test_nothing_is_asked_where_the_count_matches() -> None:
    assert searched(a_list(500), a_list(500))[1] == 0


def test_people_who_joined_in_one_second_cannot_be_parted() -> None:
    expected = dict.fromkeys(range(500), BEGIN)
    search, made = searched(expected, {id_: at for id_, at in expected.items() if id_})
    assert (search.gone, search.is_lost, made) == (set(), True, 0)


def test_unknown_person_beside_a_leaver_needs_the_whole_list() -> None:
    expected = a_list(500)
    there = {id_: at for id_, at in expected.items() if id_ not in (100, 103)} | {999: expected[101]}
    search, _ = searched(expected, there)
    assert search.is_lost


def test_a_failure_needs_the_whole_list() -> None:
    search = LeaversScan(LIST, a_list(500), 499, PAGE_ROWS, BEGIN)
    request = search.ask()
    assert request is not None
    search.miss(Miss(request, BEGIN, "status 500"))
    assert search.is_lost
    assert search.ask() is None
    assert search.pages_left == 0


def test_count_that_no_response_gives_needs_the_whole_list() -> None:
    search = LeaversScan(LIST, a_list(500), None, PAGE_ROWS, BEGIN)
    request = search.ask()
    assert request is not None
    search.tell(Page(request, BEGIN, BEGIN, None, ()))
    assert search.is_lost


@st.composite
def lists(draw: st.DrawFn) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """Draw what is expected, with people who joined in the same second, and what is there: some left, others joined."""
    steps = draw(st.lists(st.sampled_from((0, 0, 1, 2, 60, 90_000)), max_size=200))
    at, expected = BEGIN, dict[int, datetime]()
    for id_, step in enumerate(steps):
        at += timedelta(seconds=step)
        expected[id_] = at
    left = draw(st.sets(st.sampled_from(sorted(expected)), max_size=6)) if expected else set()
    came = draw(st.lists(st.integers(0, 100_000), max_size=2))
    there = {id_: at for id_, at in expected.items() if id_ not in left}
    return expected, there | {1000 + n: BEGIN + timedelta(seconds=seconds) for n, seconds in enumerate(came)}


@given(lists(), st.sampled_from([exactly, strictly, by_day]), st.booleans(), st.sets(st.integers(0, 199), max_size=4))
def test_whoever_is_found_has_left(
    given_: tuple[dict[int, datetime], dict[int, datetime]], is_after: Compare, is_counted: bool, passive: set[int]
) -> None:
    """Whatever the API makes of a border; and without newcomers everybody who left is found, or the search is lost."""
    expected, there = given_
    search, _ = searched(expected, there, is_counted=is_counted, is_after=is_after, passive=passive)
    left = expected.keys() - there.keys()
    if not search.is_lost:
        assert search.gone <= left
        assert search.gone == left or not there.keys() <= expected.keys()


@given(st.integers(100, 3000), st.sets(st.integers(1, 100), min_size=1, max_size=4))
def test_search_costs_no_more_than_its_price(rows: int, left: set[int]) -> None:
    expected = a_list(rows)
    search, made = searched(expected, {id_: at for id_, at in expected.items() if id_ not in left})
    assert search.gone == left
    pages = ceil(rows / PAGE_ROWS)
    assert made <= len(left) * (ceil(log2(max(1.0, pages / 2))) + 2)
