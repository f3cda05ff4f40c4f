"""Incremental scans as values: what they request of a known list, and what they then prove."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cksync.domain import ACTIVE, CANCELLED, PURCHASES, Held, Listing, Page, Record, Request, members
from cksync.extract.scan.full import FullScan
from cksync.extract.scan.incremental import MOVES, IncrementalScan

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
TAG = members("tag", "7")

Lie = Callable[[Page], Page]
Edit = Callable[[list[int]], object]


@dataclass
class Remote:
    """A list behind an API that cuts it into pages of 50, from the front or (page -1, -2 ...) from the end."""

    rows: list[int]
    lie: Lie = lambda page: page
    seconds: int = 0

    def answer(self, request: Request) -> Page:
        number, self.seconds = abs(request.page), self.seconds + 1
        rows = self.rows if request.page > 0 else self.rows[::-1]
        records = tuple(Record(str(key), b"{}") for key in rows[50 * (number - 1) : 50 * number])
        at, total = NINE + timedelta(seconds=self.seconds), len(rows)
        return self.lie(Page(request, at, at, None, (), records, total, -(-total // 50), number))


def read(
    scan: IncrementalScan | FullScan, api: Remote, edits: Sequence[Edit | None] = (), at_once: int = 1
) -> list[int]:
    """Run a scan to its end, some requests at once, each of `edits` after a response; return the requested pages."""
    asked, left, under_way = list[int](), deque(edits), deque[Page]()
    while True:
        while len(under_way) < at_once and (request := scan.ask()) is not None:
            asked.append(request.page)
            assert len(asked) < 1_000, f"a walk without end: {asked[-20:]}"
            under_way.append(api.answer(request))
            if left and (edit := left.popleft()):
                edit(api.rows)
        if not under_way:
            return asked
        scan.tell(under_way.popleft())


def scan_of(known: Iterable[int], **given: Any) -> IncrementalScan:
    """Return the scan of a tag with these known rows."""
    return IncrementalScan(TAG, Listing(known), **given)


def result(scan: IncrementalScan) -> tuple[bool, set[int], str | None]:
    """Return if the list is complete, the deleted keys, and the proof."""
    return scan.checkpoint.is_complete, set(scan.absent), scan.checkpoint.proof


# -- newest first: memberships


@pytest.mark.parametrize("rows", [0, 1, 50, 51, 120, 5_000])
def test_nothing_changed_is_one_request(rows: int) -> None:
    scan = scan_of(range(rows))
    assert read(scan, Remote(list(range(rows)))) == [-1]
    assert result(scan) == (True, set(), "content" if rows <= 50 else "counts")
    assert (scan.checkpoint.rows, scan.checkpoint.total, scan.pages_left) == (rows, rows, 0)


@pytest.mark.parametrize(("new", "asked"), [(1, [-1]), (49, [-1]), (50, [-1, -2]), (51, [-1, -2]), (120, [-1, -2, -3])])
def test_new_rows_are_read_until_a_known_one_comes(new: int, asked: list[int]) -> None:
    scan, rows = scan_of(range(500)), list(range(500 + new))
    assert read(scan, Remote(rows)) == asked
    assert result(scan) == (True, set(), "counts")
    assert scan.keys >= {str(key) for key in rows[500:]}


def test_list_of_which_every_row_is_new_is_read() -> None:
    """The old ones are gone: the newest page alone would match the total."""
    scan, rows = scan_of(range(200), held=Held(range(200), may_vanish=True)), list(range(200, 400))
    read(scan, Remote(rows))
    assert scan.checkpoint.is_complete
    assert set(scan.absent) == set(range(200))
    assert scan.keys == {str(key) for key in rows}


def test_total_that_fits_by_chance_proves_nothing_before_a_known_row_is_reached() -> None:
    """The one known row is gone, 51 are new, of which the newest page has 50."""
    scan, rows = scan_of(range(1)), list(range(100, 151))
    read(scan, Remote(rows))
    assert result(scan)[:2] == (True, {0})
    assert scan.keys == {str(key) for key in rows}


def test_list_that_was_empty_is_read() -> None:
    scan = scan_of([])
    read(scan, Remote(list(range(120))))
    assert (result(scan)[:2], len(scan.keys)) == ((True, set()), 120)


def test_removed_row_behind_a_new_one_is_found_though_the_total_did_not_grow() -> None:
    scan, rows = scan_of(range(2_000)), [row for row in range(2_001) if row != 777]
    asked = read(scan, Remote(rows))
    assert result(scan) == (True, {777}, "borders")
    assert len(asked) <= 12


@pytest.mark.parametrize("gone", [{0}, {49}, {50}, {1_999}, {3, 1_500}, set(range(100, 150))])
def test_removed_rows_are_found(gone: set[int]) -> None:
    scan = scan_of(range(2_000))
    read(scan, Remote([row for row in range(2_000) if row not in gone]))
    assert result(scan)[:2] == (True, gone)


@pytest.mark.parametrize("rows", [[5], list(range(50)), [*range(20), *range(300, 320)]])
def test_list_of_at_most_50_rows_is_complete_with_one_request(rows: list[int]) -> None:
    """It is read in full, whatever was known."""
    scan = scan_of(range(60))
    assert read(scan, Remote(rows)) == [-1]
    assert result(scan) == (True, set(range(60)) - set(rows), "content")
    assert (scan.checkpoint.rows, scan.checkpoint.total) == (len(rows), len(rows))


def test_rows_known_to_have_left_are_not_searched() -> None:
    """The memberships of a deleted person go with the 404."""
    scan = scan_of(range(500), left=frozenset({3, 77, 9_999}))
    assert read(scan, Remote([row for row in range(500) if row not in (3, 77)])) == [-1]
    assert result(scan) == (True, set(), "counts")
    assert (scan.checkpoint.rows, scan.checkpoint.total) == (498, 498)


def test_row_count_of_a_short_list_does_not_take_those_who_left_twice() -> None:
    scan = scan_of(range(10), left=frozenset({3}))
    read(scan, Remote([row for row in range(10) if row != 3]))
    assert (scan.checkpoint.rows, scan.checkpoint.total, scan.checkpoint.is_complete) == (9, 9, True)


def test_row_that_was_said_to_have_left_and_is_there_is_no_miscount() -> None:
    scan = scan_of(range(500), left=frozenset({3}))
    read(scan, Remote(list(range(500))))
    assert result(scan)[:2] == (True, set())


def test_list_that_moves_while_it_is_sampled_is_read_again() -> None:
    scan, api = scan_of(range(2_000)), Remote([row for row in range(2_000) if row != 3])
    read(scan, api, [None, lambda rows: rows.append(2_000), None, lambda rows: rows.remove(1_500)])
    assert result(scan) == (True, {3, 1_500}, "borders")
    assert "2000" in scan.keys


def test_list_that_never_rests_is_given_up_for_tonight() -> None:
    scan, api = scan_of(range(2_000)), Remote([row for row in range(2_000) if row != 3])
    asked = read(scan, api, [lambda rows: rows.append(rows[-1] + 1)] * 1_000)
    assert result(scan) == (False, set(), None)
    assert scan.checkpoint.doubt == "the list changes faster than it can be checked"
    assert len(asked) <= 12 * (MOVES + 2)


# -- suspects: members whose people cancelled, or left every list


@pytest.mark.parametrize("suspects", [{710}, {3, 710, 1_510}, {0, 49, 1_999}])
@pytest.mark.parametrize("leave", [False, True])
def test_loss_that_suspects_explain_is_confirmed_by_reading_their_pages(suspects: set[int], leave: bool) -> None:
    scan = scan_of(range(2_000), suspects=suspects, leave=leave)
    asked = read(scan, Remote([row for row in range(2_000) if row not in suspects]), at_once=4)
    assert result(scan) == (True, suspects, "borders")
    assert len(asked) <= 1 + len({row // 50 for row in suspects})


def test_list_without_a_loss_costs_nothing_more_where_people_stay_when_they_cancel() -> None:
    scan = scan_of(range(2_000), suspects={3, 710, 1_500})
    assert read(scan, Remote(list(range(2_000)))) == [-1]
    assert result(scan) == (True, set(), "counts")


@pytest.mark.parametrize("leave", [False, True])
def test_suspect_who_stayed_is_kept_though_somebody_else_left_in_the_same_night(leave: bool) -> None:
    """One person was untagged, another one cancelled and kept the tag: the count matches by accident."""
    for gone in (0, 699, 701, 1_234, 1_999):
        scan = scan_of(range(2_000), suspects={710}, leave=leave)
        asked = read(scan, Remote([row for row in range(2_000) if row != gone]))
        assert result(scan) == (True, {gone}, "borders")
        assert len(asked) <= 12


@pytest.mark.parametrize("leave", [False, True])
def test_one_of_two_suspects_stayed_and_somebody_else_left(leave: bool) -> None:
    for gone in ({300, 900}, {300, 10}, {1_500, 900}, {1_500, 1_501}):
        scan = scan_of(range(2_000), suspects={300, 1_500}, leave=leave)
        read(scan, Remote([row for row in range(2_000) if row not in gone]))
        assert result(scan) == (True, gone, "borders")


def test_person_who_was_deleted_and_one_who_cancelled_are_both_explained() -> None:
    scan = scan_of(range(2_000), left=frozenset({40}), suspects={40, 900})
    asked = read(scan, Remote([row for row in range(2_000) if row not in (40, 900)]))
    assert (len(asked), result(scan)) == (2, (True, {900}, "borders"))


def test_suspect_who_left_and_joined_again_is_two_memberships() -> None:
    """The old row is gone, the new one is at the end: the total is unchanged."""
    scan = scan_of(range(2_000), suspects={710})
    asked = read(scan, Remote([row for row in range(2_001) if row != 710]))
    assert (len(asked), result(scan)) == (2, (True, {710}, "borders"))
    assert "2000" in scan.keys


def test_somebody_who_is_back_amid_the_list_hides_no_loss_where_people_leave_when_they_cancel() -> None:
    """The total is unchanged, and nothing at the newest end is new."""
    known = [row for row in range(4_000) if row != 1_111]
    scan = scan_of(known, suspects={710, 3_000}, leave=True)
    asked = read(scan, Remote([row for row in range(4_000) if row not in (710, 3_000)]))
    assert result(scan) == (True, {710, 3_000}, "borders")
    assert "1111" in scan.keys
    assert len(asked) <= 12


def test_somebody_who_is_back_amid_a_long_list_is_found_without_reading_it_whole() -> None:
    scan = scan_of([row for row in range(20_000) if row != 11_111])
    asked = read(scan, Remote(list(range(20_000))))
    assert result(scan) == (True, set(), "borders")
    assert "11111" in scan.keys
    assert len(asked) <= 12


def test_short_list_is_read_whole_where_suspects_stood_on_every_page() -> None:
    scan = scan_of(range(120), suspects={3, 60, 110})
    assert read(scan, Remote([row for row in range(120) if row not in (3, 60)]), at_once=4) == [-1, 1, 2, 3]
    assert result(scan) == (True, {3, 60}, "content")


def test_suspects_that_the_list_does_not_have_change_nothing() -> None:
    scan = scan_of(range(500), suspects={9_999}, leave=True)
    assert read(scan, Remote(list(range(500)))) == [-1]
    assert result(scan) == (True, set(), "counts")


@given(
    known=st.integers(51, 900),
    suspected=st.sets(st.integers(0, 999), max_size=6),
    guilty=st.integers(0, 6),
    others=st.sets(st.integers(0, 999), max_size=3),
    back=st.sets(st.integers(0, 999), max_size=2),
    new=st.sampled_from([0, 0, 1, 51]),
    leave=st.booleans(),
    samples=st.integers(0, 3),
)
@example(known=400, suspected={100}, guilty=1, others=set(), back={500}, new=0, leave=True, samples=0)
@example(known=400, suspected={100, 200}, guilty=1, others={900}, back=set(), new=1, leave=False, samples=2)
def test_whatever_became_of_suspects_nobody_who_stayed_is_deleted(
    known: int,
    suspected: set[int],
    guilty: int,
    others: set[int],
    back: set[int],
    new: int,
    leave: bool,
    samples: int,
) -> None:
    """And all deletions are found, unless a returning person in the middle of the list hides one that was not
    suspected."""
    suspects = {2 * (place * known // 1_000) for place in suspected}
    gone = set(sorted(suspects)[::-1][:guilty]) | {2 * (place * known // 1_000) for place in others}
    returned = {2 * (place * known // 1_000) + 1 for place in back}
    before = range(0, 2 * known, 2)
    rows = sorted(set(before) - gone | returned) + list(range(5_000, 5_000 + new))
    scan = scan_of(before, suspects=suspects, leave=leave, samples=samples)
    read(scan, Remote(rows), at_once=4)
    assert scan.checkpoint.is_complete
    assert set(scan.absent) <= gone
    if not returned or (leave and gone <= suspects and suspects):
        assert is_level(scan, before, (), set(), rows)


# -- a faulty API


LIES: dict[str, tuple[Lie, str]] = {
    "no total": (lambda page: replace(page, total=None), "the API gives no total"),
    "ignores page": (lambda page: replace(page, page_echo=3), "the API returned page 3 instead of page 1"),
    "404": (lambda page: replace(page, records=(), total=None, is_missing=True), "does not exist"),
    "stranger": (lambda page: replace(page, strangers=2), "2 people in an unexpected state"),
    "no key": (lambda page: replace(page, records=(Record(None, b"{}"),)), "1 record without a readable key"),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("ends", ["newest", "both", "none"])
def test_answer_that_cannot_be_trusted_leaves_the_list_incomplete_and_deletes_nothing(name: str, ends: str) -> None:
    lie, doubt = LIES[name]
    scan = scan_of(range(30), ends=ends)
    assert len(read(scan, Remote(list(range(20)), lie))) == 1
    assert result(scan) == (False, set(), None)
    assert doubt in (scan.checkpoint.doubt or "")


def test_api_that_ignores_the_order_makes_nobody_gone() -> None:
    """sort_order is ignored: the newest page is the oldest."""
    api = Remote(list(range(501)))
    scan, answer = scan_of(range(500)), api.answer
    api.lie = lambda page: page if page.request.page > 0 else answer(replace(page.request, page=abs(page.request.page)))
    read(scan, api)
    assert result(scan)[:2] == (True, set())
    assert "500" in scan.keys


def test_doubt_about_what_was_added_keeps_the_list_from_being_complete() -> None:
    scan = scan_of(range(500), doubt="not read to the end")
    read(scan, Remote(list(range(500))))
    assert (result(scan), scan.checkpoint.doubt) == ((False, set(), None), "not read to the end")


# -- the rule vanish


@pytest.mark.parametrize("left", [650, 30, 0])
@pytest.mark.parametrize("samples", [0, 2])
def test_list_that_lost_a_third_at_once_is_read_twice_and_not_trusted(samples: int, left: int) -> None:
    scan = scan_of(range(1_000), samples=samples)
    assert read(scan, Remote(list(range(left)))) == [-1, -1]
    assert result(scan) == (False, set(), None)
    assert f"lost {1_000 - left} of 1,000 rows at once" in (scan.checkpoint.doubt or "").replace("1,000 of", "1000 of")


@pytest.mark.parametrize("known", [30, 60, 1_000])
def test_list_that_is_empty_once_is_asked_for_once_more(known: int) -> None:
    """A single wrong response costs one request."""
    answers = iter([[], *(100 * [list(range(known))])])
    scan, api = scan_of(range(known)), Remote([])
    while request := scan.ask():
        api.rows = next(answers)
        scan.tell(api.answer(request))
    assert result(scan)[:2] == (True, set())
    assert api.seconds == 2


def test_list_that_is_empty_twice_is_trusted_if_few_are_gone() -> None:
    scan = scan_of(range(60))
    assert read(scan, Remote([])) == [-1, -1]
    assert result(scan) == (True, set(range(60)), "content")


def test_few_rows_are_not_believed_to_be_gone_if_many_others_would_go_with_them() -> None:
    """People, with their memberships; the deleted ones are known once the list was compared."""
    held = Held(range(200), along=lambda keys: 2 * len(keys))
    scan = scan_of(range(200), held=held)
    read(scan, Remote(list(range(120))))
    assert "lost 80 of 200 rows at once, which 160 other rows depend on" in (scan.checkpoint.doubt or "")
    assert result(scan) == (False, set(), None)


def test_list_that_may_vanish_is_trusted() -> None:
    scan = scan_of(range(1_000), held=Held(range(1_000), may_vanish=True))
    read(scan, Remote(list(range(650))))
    assert result(scan)[:2] == (True, set(range(650, 1_000)))


@pytest.mark.parametrize(("known", "left"), [(1_000, 700), (199, 100), (1_000, 901)])
def test_lesser_losses_are_trusted(known: int, left: int) -> None:
    """At most 30 %, or fewer than 100."""
    scan = scan_of(range(known))
    read(scan, Remote(list(range(left))))
    assert result(scan)[:2] == (True, set(range(left, known)))


# -- people: additions are known, their position does not matter


def test_people_who_came_and_left_explain_the_total_with_one_request() -> None:
    known, rows = range(500), [row for row in range(505) if row not in (7, 8)]
    scan = IncrementalScan(
        ACTIVE, Listing(known), added=range(490, 505), left=frozenset({7, 8}), ends="none", samples=1
    )
    (page,) = read(scan, Remote(rows))
    assert 1 <= page <= 11
    assert result(scan) == (True, set(), "borders")


def test_person_who_was_added_in_the_middle_of_the_list_is_expected_where_the_id_says() -> None:
    rows = [*range(0, 500, 2), 501]
    for seed in map(str, range(20)):
        scan = IncrementalScan(
            ACTIVE, Listing(r for r in rows if r != 100), added=[100], ends="none", samples=4, seed=seed
        )
        assert len(read(scan, Remote(rows), at_once=4)) == 4
        assert result(scan) == (True, set(), "borders")


def test_cancelled_person_is_expected_at_the_end_whatever_the_id() -> None:
    rows = [*range(300, 500), 5]
    for seed in map(str, range(20)):
        scan = IncrementalScan(
            CANCELLED, Listing(rows[:-1]), added=[5], ends="none", samples=4, seed=seed, is_by_id=False
        )
        assert len(read(scan, Remote(rows))) == 4
        assert result(scan) == (True, set(), "borders")


def test_person_who_came_back_and_left_again_stands_at_the_end_of_the_cancelled() -> None:
    """Known at another position: every other deletion must still be found."""
    for seed in map(str, range(20)):
        rows = [row for row in range(2_000) if row not in (3, 1_970)] + [3]
        scan = IncrementalScan(
            CANCELLED, Listing(range(2_000)), added=[3], ends="none", samples=1, seed=seed, is_by_id=False
        )
        read(scan, Remote(rows))
        assert result(scan)[:2] == (True, {1_970})


@pytest.mark.parametrize("ends", ["none", "newest"])
def test_rows_in_another_order_are_read_whole(ends: str) -> None:
    """The order of ties is unknown; a search would find the wrong rows."""
    rows = [row ^ 1 for row in range(400) if row != 200]
    scan = scan_of(range(400), ends=ends, samples=2)
    read(scan, Remote(rows))
    assert result(scan) == (True, {201}, "content")


def test_short_list_that_is_read_is_read_whole_at_once() -> None:
    scan = scan_of(range(120), samples=4)
    assert read(scan, Remote(list(range(120)))) == [1, 2, 3]
    assert result(scan) == (True, set(), "content")


@pytest.mark.parametrize("samples", [1, 2, 4])
@pytest.mark.parametrize("ends", ["newest", "none", "both"])
def test_list_is_compared_on_as_many_pages_as_are_to_be_sampled(samples: int, ends: str) -> None:
    scan = scan_of(range(2_000), samples=samples, ends=ends)
    asked = read(scan, Remote(list(range(2_000))), at_once=4)
    assert len(set(asked)) == len(asked) == samples + (ends != "none")
    assert result(scan) == (True, set(), "borders")


def test_swap_of_one_for_another_amid_the_list_is_seen_by_a_page_between() -> None:
    """The total matches: only comparing pages shows it."""
    rows = [row for row in range(400) if row != 20]
    rows.insert(390, 9_999)
    scan = scan_of(range(400), samples=7)
    read(scan, Remote(rows))
    assert result(scan) == (True, {20}, "content")
    assert "9999" in scan.keys


# -- purchases: new rows may be at either end


@pytest.mark.parametrize("new", [0, 1, 49, 50, 51, 120])
@pytest.mark.parametrize("is_newest_first", [False, True])
def test_purchases_are_in_sync_whichever_end_is_new(new: int, is_newest_first: bool) -> None:
    rows = sorted(range(520 + new), reverse=is_newest_first)
    scan = IncrementalScan(PURCHASES, Listing(row for row in rows if row < 520), ends="both")
    asked = read(scan, Remote(rows), at_once=4)
    assert result(scan)[:2] == (True, set())
    assert scan.keys >= {str(key) for key in range(520, 520 + new)}
    assert len(asked) <= 1 + (2 * (new // 50) + 4 if new else 0)


def test_late_purchase_amid_the_list_is_found() -> None:
    rows = [*range(300), 9_999, *range(300, 520)]
    scan = IncrementalScan(PURCHASES, Listing(range(520)), ends="both")
    read(scan, Remote(rows))
    assert result(scan)[:2] == (True, set())
    assert "9999" in scan.keys


@pytest.mark.parametrize("is_newest_first", [False, True])
def test_deleted_purchase_behind_a_new_one_is_found(is_newest_first: bool) -> None:
    """The total did not grow, and yet there is a new one at the newest end."""
    rows = sorted((row for row in range(521) if row != 300), reverse=is_newest_first)
    scan = IncrementalScan(PURCHASES, Listing(sorted(range(520), reverse=is_newest_first)), ends="both")
    read(scan, Remote(rows))
    assert result(scan)[:2] == (True, {300})
    assert "520" in scan.keys


def test_purchase_deleted_and_one_imported_late_show_when_pages_are_compared() -> None:
    rows = [row for row in range(300) if row != 30]
    rows.insert(200, 9_999)
    scan = IncrementalScan(PURCHASES, Listing(range(300)), ends="both", samples=5)
    read(scan, Remote(rows))
    assert result(scan)[:2] == (True, {30})
    assert "9999" in scan.keys


@pytest.mark.parametrize("is_newest_first", [False, True])
def test_new_purchases_stand_where_they_should_when_pages_are_compared(is_newest_first: bool) -> None:
    rows = sorted(range(2_003), reverse=is_newest_first)
    scan = IncrementalScan(PURCHASES, Listing(row for row in rows if row < 2_000), ends="both", samples=2)
    assert len(read(scan, Remote(rows))) <= 6
    assert result(scan) == (True, set(), "borders")


# -- resuming after a kill


def test_scan_that_was_done_asks_for_nothing_more() -> None:
    scan = scan_of(range(500))
    read(scan, Remote([row for row in range(500) if row != 3]))
    again = scan_of(range(500), start=scan.checkpoint, absent=scan.absent)
    assert (again.ask(), again.checkpoint, set(again.absent)) == (None, scan.checkpoint, {3})


def test_scan_that_was_not_done_samples_again() -> None:
    scan, api = scan_of(range(2_000)), Remote([row for row in range(2_000) if row != 3])
    request = scan.ask()
    assert request is not None
    scan.tell(api.answer(request))
    assert not scan.checkpoint.is_done
    again = scan_of(range(2_000), start=scan.checkpoint, absent={77})
    read(again, api)
    assert result(again) == (True, {3}, "borders")


def test_list_that_an_earlier_load_doubted_is_read_again() -> None:
    before = scan_of(range(500))
    read(before, Remote(list(range(500)), LIES["404"][0]))
    assert before.checkpoint.is_done
    scan = scan_of(range(500), start=before.checkpoint)
    assert read(scan, Remote(list(range(500)))) == [-1]
    assert result(scan) == (True, set(), "counts")


def test_full_read_that_a_scan_began_is_resumed() -> None:
    api, before = Remote([row ^ 1 for row in range(400) if row != 200]), FullScan(TAG)
    for _ in range(3):
        request = before.ask()
        assert request is not None
        before.tell(api.answer(request))
    whole = FullScan(TAG, before.checkpoint, before.keys)
    scan = scan_of(range(400), start=before.checkpoint, whole=whole)
    assert read(scan, api) == [4, 5, 6, 7, 8]
    assert result(scan) == (True, {201}, "content")


def test_checkpoint_says_full_read_only_while_all_of_it_is_read() -> None:
    """A scan resumed from `next_page` must be a full read of the list, never a sample."""
    scan, api = scan_of(range(400)), Remote([row ^ 1 for row in range(400) if row != 200])
    samples = 0
    while (request := scan.ask()) is not None:
        scan.tell(api.answer(request))
        samples += scan.checkpoint.next_page == 1
        assert scan.checkpoint.next_page in (1, request.page + 1)
    assert (samples, scan.checkpoint.next_page) == (1, 9)


def test_checkpoint_of_a_scan_that_read_nothing_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="subscriptions/tag/7"):
        _ = scan_of(range(3)).checkpoint


# -- any list, with any changes


def is_level(
    scan: IncrementalScan, known: Iterable[int], added: Iterable[int], left: set[int], rows: list[int]
) -> bool:
    """Return True if known rows, minus deleted ones, plus added ones equal the list."""
    came = {int(key) for key in scan.keys} | set(added)
    return (set(known) - set(scan.absent) - left) | (came & set(rows)) == set(rows)


@given(
    known=st.integers(0, 700),
    new=st.sampled_from([0, 0, 1, 2, 49, 50, 51, 120]),
    gone=st.sets(st.integers(0, 999), max_size=8),
    run=st.sampled_from([1, 1, 1, 2, 50, 51]),
    explained=st.integers(0, 3),
    samples=st.integers(0, 4),
    at_once=st.integers(1, 4),
    seed=st.integers(0, 9),
)
@example(known=100, new=50, gone=set(), run=1, explained=0, samples=0, at_once=1, seed=0)
@example(known=101, new=51, gone={0}, run=51, explained=0, samples=0, at_once=4, seed=0)
def test_after_any_additions_and_deletions_the_list_is_in_sync_or_not_complete(
    known: int, new: int, gone: set[int], run: int, explained: int, samples: int, at_once: int, seed: int
) -> None:
    lost = {place * known // 1_000 + n for place in gone for n in range(run)} & set(range(known))
    left = set(sorted(lost)[:explained])
    rows = [row for row in range(known) if row not in lost] + list(range(1_000, 1_000 + new))
    scan = scan_of(range(known), left=frozenset(left), samples=samples, seed=str(seed))
    asked = read(scan, Remote(rows), at_once=at_once)
    assert not scan.checkpoint.is_complete or is_level(scan, range(known), (), left, rows)
    assert scan.checkpoint.is_complete or "at once" in (scan.checkpoint.doubt or "")
    assert not scan.checkpoint.is_complete or scan.checkpoint.rows == len(rows)
    assert len(asked) <= 30 + 3 * new // 50


@given(
    known=st.integers(0, 400),
    came=st.lists(st.integers(0, 400), max_size=6),
    gone=st.sets(st.integers(0, 399), max_size=6),
    edits=st.lists(st.tuples(st.sampled_from(["", "", "add", "take"]), st.integers(0, 399)), max_size=6),
    ends=st.sampled_from(["newest", "both"]),
    samples=st.integers(0, 12),
    suspects=st.sets(st.integers(0, 400), max_size=5),
    leave=st.booleans(),
)
@example(
    known=120,
    came=[],
    gone=set(),
    edits=[("add", 0), ("take", 60)],
    ends="newest",
    samples=0,
    suspects=set(),
    leave=True,
)
@example(
    known=102,
    came=[],
    gone=set(),
    edits=[("take", 50), ("add", 0), ("take", 0)],
    ends="newest",
    samples=3,
    suspects={60},
    leave=False,
)
@example(
    known=345,
    came=[380],
    gone=set(),
    edits=[("", 0), ("take", 155), ("add", 0), ("", 0), ("add", 0)],
    ends="both",
    samples=5,
    suspects={112, 100},
    leave=False,
)
def test_list_that_changes_anywhere_at_any_time_loses_no_row_that_is_there(
    known: int,
    came: list[int],
    gone: set[int],
    edits: list[tuple[str, int]],
    ends: str,
    samples: int,
    suspects: set[int],
    leave: bool,
) -> None:
    """Not everything can be found, but no row that never left is deleted."""
    rows = [row for row in range(known) if row not in gone]
    for n, place in enumerate(came):
        rows.insert(place % (len(rows) + 1), 1_000 + n)
    always = set(rows)

    def edit(kind: str, place: int) -> Edit | None:
        def run(rows: list[int]) -> None:
            if kind == "add":
                rows.append(max(rows, default=0) + 1_001)
            elif rows:
                always.discard(rows.pop(place % len(rows)))

        return run if kind else None

    scan = scan_of(range(known), ends=ends, samples=samples, suspects=suspects, leave=leave)
    read(scan, Remote(rows), [edit(*each) for each in edits])
    assert not scan.checkpoint.is_complete or not always & set(scan.absent)
