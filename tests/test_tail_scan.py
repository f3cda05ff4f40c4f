"""Tail scans as values: the end of a list without totals, and what it proves about the rest."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cksync.domain import BROADCASTS, Listing, Page, Record, Request
from cksync.extract.scan.tail import TailScan

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)

Lie = Callable[[Request], Request]


@dataclass
class Remote:
    """A list behind an API that cuts it into pages of 50 and never gives its length."""

    rows: list[int]
    lie: Lie = lambda request: request
    seconds: int = 0

    def answer(self, request: Request) -> Page:
        number, self.seconds = self.lie(request).page, self.seconds + 1
        at = NINE + timedelta(seconds=self.seconds)
        records = tuple(Record(str(key), b"{}") for key in self.rows[50 * (number - 1) : 50 * number])
        return Page(request, at, at, None, (), records)


def tail(known: Iterable[int], samples: Iterable[int] = ()) -> TailScan:
    """Return the scan of the broadcasts with these known rows."""
    return TailScan(BROADCASTS, Listing(known), samples=samples)


def read(scan: TailScan, api: Remote) -> list[int]:
    """Run a scan to its end; return the requested pages."""
    asked = list[int]()
    while (request := scan.ask()) is not None:
        asked.append(request.page)
        assert len(asked) < 100, f"a walk without end: {asked[-20:]}"
        scan.tell(api.answer(request))
    return asked


@pytest.mark.parametrize(
    ("rows", "asked", "proof"),
    [
        (0, [1], "content"),
        (49, [1], "content"),
        (50, [1, 2], "content"),
        (51, [2], "counts"),
        (99, [2], "counts"),
        (100, [2, 3], "counts"),
        (420, [9], "counts"),
    ],
)
def test_nothing_changed_is_the_last_page_and_proves_that_it_is_the_last(
    rows: int, asked: list[int], proof: str
) -> None:
    scan = tail(range(rows))
    assert read(scan, Remote(list(range(rows)))) == asked
    assert (scan.checkpoint.is_complete, scan.checkpoint.proof) == (True, proof)
    assert (scan.checkpoint.rows, scan.ids, scan.pages_left) == (rows, set(range(rows)), 0)


@pytest.mark.parametrize(("new", "asked"), [(1, [9]), (29, [9]), (30, [9, 10]), (31, [9, 10]), (130, [9, 10, 11, 12])])
def test_new_rows_are_read(new: int, asked: list[int]) -> None:
    scan = tail(range(420))
    assert read(scan, Remote(list(range(420 + new)))) == asked
    assert (scan.checkpoint.is_complete, scan.ids) == (True, set(range(420 + new)))
    assert scan.keys >= {str(key) for key in range(420, 420 + new)}


@pytest.mark.parametrize("gone", [0, 49, 50, 399, 400, 410, 419])
@pytest.mark.parametrize("new", [0, 1, 60])
def test_row_that_is_gone_makes_the_whole_list_be_read(gone: int, new: int) -> None:
    rows = [row for row in range(420 + new) if row != gone]
    scan = tail(range(420))
    assert 1 in read(scan, Remote(rows))
    assert (scan.checkpoint.is_complete, scan.checkpoint.proof, scan.ids) == (True, "content", set(rows))


def test_list_that_shrank_to_fewer_pages_is_read_whole() -> None:
    scan = tail(range(420))
    assert read(scan, Remote(list(range(70)))) == [9, 1, 2]
    assert (scan.checkpoint.is_complete, scan.ids) == (True, set(range(70)))


def test_list_that_is_empty_now_is_proved_empty() -> None:
    for known in (30, 420):
        scan = tail(range(known))
        read(scan, Remote([]))
        assert (scan.checkpoint.is_complete, scan.checkpoint.proof, scan.ids) == (True, "content", set())


@pytest.mark.parametrize("known", [50, 60, 420])
def test_api_that_ignores_the_page_leaves_the_list_incomplete(known: int) -> None:
    scan = tail(range(known))
    read(scan, Remote(list(range(known + 1)), lambda request: replace(request, page=1)))
    assert (scan.checkpoint.is_complete, scan.checkpoint.doubt) == (False, "the API repeats its pages")


def test_list_that_is_not_there_or_has_rows_without_key_is_incomplete() -> None:
    for change in ({"is_missing": True, "records": ()}, {"records": (Record(None, b"{}"),)}):
        scan = tail(range(60))
        request = scan.ask()
        assert request is not None
        scan.tell(replace(Remote([]).answer(request), **change))
        assert (scan.ask(), scan.checkpoint.is_done, scan.checkpoint.is_complete) == (None, True, False)
        assert scan.checkpoint.doubt


@pytest.mark.parametrize("known", [10, 60])
def test_cursor_is_the_servers_date_where_that_is_earlier_but_only_what_was_seen_counts(known: int) -> None:
    """Observations of an hour ago are no part of this read, whatever the server's clock says."""
    scan, api = tail(range(known)), Remote(list(range(known)))
    request = scan.ask()
    assert request is not None
    page = api.answer(request)
    scan.tell(replace(page, server_at=page.sent_at - timedelta(hours=1)))
    assert scan.checkpoint.began_at == page.sent_at - timedelta(hours=1)
    assert scan.checkpoint.read_from == page.sent_at


def test_scan_that_was_done_asks_for_nothing_more_and_knows_what_it_saw() -> None:
    scan = tail(range(420))
    read(scan, Remote(list(range(425))))
    again = TailScan(BROADCASTS, Listing(range(420)), scan.checkpoint, scan.keys)
    assert (again.ask(), again.checkpoint, again.ids) == (None, scan.checkpoint, set(range(425)))


def test_scan_that_was_not_done_samples_again() -> None:
    scan, api = tail(range(420)), Remote(list(range(430)))
    request = scan.ask()
    assert request is not None
    scan.tell(api.answer(replace(request, page=1)))
    again = TailScan(BROADCASTS, Listing(range(420)), scan.checkpoint, scan.keys)
    assert read(again, api) == [9]
    assert again.ids == set(range(430))


def test_list_that_an_earlier_load_doubted_is_read_again() -> None:
    before = tail(range(60))
    read(before, Remote(list(range(61)), lambda request: replace(request, page=1)))
    assert before.checkpoint.is_done
    again = TailScan(BROADCASTS, Listing(range(60)), before.checkpoint, before.keys)
    assert read(again, Remote(list(range(61)))) == [2]
    assert (again.checkpoint.is_complete, again.ids) == (True, set(range(61)))


def test_checkpoint_of_a_scan_that_read_nothing_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="broadcasts"):
        _ = tail([1]).checkpoint


@given(
    known=st.integers(0, 330),
    new=st.integers(0, 120),
    gone=st.sets(st.integers(0, 330), max_size=60),
    samples=st.sets(st.integers(1, 7), max_size=3),
)
@example(known=150, new=0, gone=set(range(50)), samples=set())
@example(known=150, new=50, gone=set(range(50)), samples={2})
@example(known=100, new=0, gone=set(range(50, 100)), samples={1})
def test_whatever_came_and_left_the_ids_are_the_list(known: int, new: int, gone: set[int], samples: set[int]) -> None:
    rows = [row for row in range(known) if row not in gone] + list(range(1_000, 1_000 + new))
    scan = tail(range(known), samples)
    asked = read(scan, Remote(rows))
    assert (scan.checkpoint.is_complete, scan.ids, scan.checkpoint.rows) == (True, set(rows), len(rows))
    assert len(asked) <= 2 * (len(rows) // 50 + 1) + 1 + len(samples)


# -- sampled earlier pages


def test_earlier_pages_are_read_before_the_end() -> None:
    scan = tail(range(420), [2, 5, 9, 12])
    assert read(scan, Remote(list(range(423)))) == [2, 5, 9]
    assert (scan.checkpoint.is_complete, scan.checkpoint.proof, scan.ids) == (True, "counts", set(range(423)))
    assert scan.keys == {str(key) for key in (*range(50, 100), *range(200, 250), *range(400, 423))}


@pytest.mark.parametrize("gone", [0, 60, 99])
def test_earlier_page_that_is_not_as_it_was_has_the_list_read_whole(gone: int) -> None:
    """A row before it is gone, or one of its own, and an unseen one was added behind: the end is as expected."""
    rows = [row for row in range(420) if row != gone]
    rows.insert(350, 9_999)
    scan = tail(range(420), [2])
    assert read(scan, Remote(rows)) == [2, 9, *range(1, 10)]
    assert (scan.checkpoint.is_complete, scan.checkpoint.proof, scan.ids) == (True, "content", set(rows))


def test_api_that_repeats_its_first_page_is_noticed_on_an_earlier_page() -> None:
    scan = tail(range(420), [2, 3])
    read(scan, Remote(list(range(420)), lambda request: replace(request, page=1)))
    assert not scan.checkpoint.is_complete
