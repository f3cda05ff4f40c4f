"""Which pages may show one person twice because they were in flight at the same time."""

from datetime import UTC, datetime, timedelta

from cksync.api.v3.catalog import ask_page
from cksync.domain import ACTIVE, PURCHASES, Page, Record, Slice, members
from cksync.extract.overlaps import Overlaps

START = datetime(2026, 3, 1, tzinfo=UTC)
TAG, OTHER = members("tag", "1"), members("tag", "2")


def page(slice_: Slice, sent: float, received: float, *keys: int) -> Page:
    at = [START + timedelta(seconds=seconds) for seconds in (sent, received)]
    return Page(ask_page(slice_, 1), at[0], at[1], None, (), tuple(Record(str(key), b"{}") for key in keys))


def segments(*pages: Page, under_way: int = 8) -> set[int]:
    """Put each page in a segment of its own, from 1."""
    together = Overlaps()
    for number, each in enumerate(pages, 1):
        together.add(each, number, under_way)
    return together.segments


def test_pages_of_two_lists_that_were_under_way_together_are_compared() -> None:
    assert segments(page(TAG, 0, 2, 1), page(ACTIVE, 1, 3, 1), page(OTHER, 4, 5, 1)) == {1, 2}


def test_page_that_took_long_is_compared_with_all_that_came_meanwhile() -> None:
    others = [page(ACTIVE, n, n + 0.5, n) for n in range(1, 40)]
    assert segments(*others, page(TAG, 0, 30.2, 999), under_way=2) == {*range(1, 31), 40}


def test_pages_of_one_list_are_compared_where_they_share_a_row() -> None:
    assert segments(page(TAG, 0, 2, 1, 2), page(TAG, 1, 3, 2, 3), page(TAG, 1, 3, 4)) == {1, 2}


def test_pages_that_came_one_after_the_other_are_not_compared() -> None:
    assert segments(page(TAG, 0, 1, 1), page(OTHER, 1, 2, 1), page(TAG, 2, 3, 1)) == set()


def test_lists_without_people_are_not_compared() -> None:
    assert segments(page(TAG, 0, 2, 1), page(PURCHASES, 0, 2, 1)) == set()
