"""Full scans as values: what they request, and what they prove, while a list changes meanwhile."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cksync.domain import ACTIVE, BROADCASTS, BY_ID, PURCHASES, STATS, Checkpoint, Page, Record, Request, members, whole
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.full import FullScan, Scan

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
TAG = members("tag", "7")

Edit = tuple[Literal["remove", "append", "insert"], int, int]
Lie = Callable[[Page], Page]


@dataclass
class Remote:
    """A list behind an API that cuts it into pages of 50; `always` are the rows that never left.

    Edits: remove or insert so many rows at a position (in thousandths of the list), or append them.
    """

    rows: list[str]
    has_total: bool = True
    lie: Lie = lambda page: page
    made: int = 0
    removed: int = 0
    seconds: int = 0
    always: set[str] = field(default_factory=set)

    def edit(self, edit: Edit) -> None:
        kind, place, count = edit
        at = len(self.rows) if kind == "append" else place * len(self.rows) // 1000
        if kind == "remove":
            left = self.rows[at : at + count]
            del self.rows[at : at + count]
            self.always.difference_update(left)
            self.removed += len(left)
        else:
            self.rows[at:at] = [str(self.made + n) for n in range(1, count + 1)]
            self.made += count

    def now(self) -> datetime:
        """Return a clock that advances by a second at each call."""
        self.seconds += 1
        return NINE + timedelta(seconds=self.seconds)

    def answer(self, request: Request, sent_at: datetime) -> Page:
        number, total = request.page, len(self.rows) if self.has_total else None
        records = tuple(Record(key, b"{}") for key in self.rows[50 * (number - 1) : 50 * number])
        pages = -(-len(self.rows) // 50) if self.has_total else None
        echo = number if self.has_total else None
        return self.lie(Page(request, sent_at, self.now(), None, (), records, total, pages, echo))


def remote(rows: int, *, has_total: bool = True, lie: Lie = lambda page: page) -> Remote:
    """Return a list of the rows "1", "2" and so on."""
    keys = [str(n) for n in range(1, rows + 1)]
    return Remote(keys, has_total, lie, made=rows, always=set(keys))


def read(scan: Scan, api: Remote, most: int = 1_000, edits: Sequence[Edit | None] = ()) -> list[int]:
    """Run a scan to its end, one request at a time, each of `edits` after a response; return the requested pages."""
    asked: list[int] = []
    left = deque(edits)
    while (request := scan.ask()) is not None:
        asked.append(request.page)
        assert len(asked) <= most, f"a walk without end: {asked[-20:]}"
        scan.tell(api.answer(request, api.now()))
        if left and (edit := left.popleft()):
            api.edit(edit)
    return asked


def record_of(key: str | None) -> Callable[[Request, datetime], Page]:
    """Return the response to a request for one record; a 404 for None."""

    def answer(request: Request, at: datetime) -> Page:
        assert request.key is not None
        text = b"{}" if key else None
        return Page(request, at, at, None, (), (Record(request.key, text),), is_missing=key is None)

    return answer


# -- a list at rest


@pytest.mark.parametrize("rows", [0, 1, 49, 50, 51, 100, 101, 250])
@pytest.mark.parametrize("slice_", [TAG, ACTIVE, PURCHASES])
def test_list_at_rest_is_read_whole_with_one_request_a_page(slice_: object, rows: int) -> None:
    api, scan = remote(rows), FullScan(slice_)  # type: ignore[arg-type] # parametrize knows no types
    assert read(scan, api) == list(range(1, max(-(-rows // 50), 1) + 1))
    assert (scan.checkpoint.is_complete, scan.keys) == (True, set(api.rows))


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (49, 1), (50, 2), (51, 2), (100, 3), (101, 3)])
def test_list_without_totals_ends_at_the_first_page_that_is_not_full(rows: int, pages: int) -> None:
    api, scan = remote(rows, has_total=False), FullScan(BROADCASTS)
    assert read(scan, api) == list(range(1, pages + 1))
    assert (scan.checkpoint.is_complete, scan.checkpoint.total, scan.keys) == (True, None, set(api.rows))


def test_unpaged_list_is_read_with_one_request_however_long_it_is() -> None:
    api, scan = remote(51, has_total=False), FullScan(whole("tags"))
    api.rows = api.rows[:50]
    assert read(scan, api) == [1]
    assert scan.checkpoint.is_complete


def test_list_on_several_pages_of_which_one_has_the_same_row_twice_is_complete() -> None:
    """Duplicate ids across pages are not missing rows."""
    api, scan = remote(60), FullScan(TAG)
    api.lie = lambda page: replace(page, records=page.records + page.records[-1:])
    read(scan, api)
    assert scan.checkpoint.is_complete


def test_cursor_is_the_earlier_of_the_local_clock_and_the_servers_date() -> None:
    for server_at in (NINE - timedelta(hours=1), NINE + timedelta(hours=1), None):
        scan = FullScan(TAG)
        request = scan.ask()
        assert request is not None
        scan.tell(replace(remote(3).answer(request, NINE), server_at=server_at))
        assert scan.checkpoint.began_at == min(NINE, server_at or NINE)
        assert scan.checkpoint.read_from == NINE


def test_checkpoint_of_a_scan_that_read_nothing_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="subscriptions/tag/7"):
        _ = FullScan(TAG).checkpoint
    with pytest.raises(LookupError, match="by_id"):
        _ = ByIdScan(BY_ID, ["1"]).checkpoint


def test_pages_left_counts_down_to_zero() -> None:
    api, scan = remote(120), FullScan(TAG)
    left = [scan.pages_left]
    while (request := scan.ask()) is not None:
        scan.tell(api.answer(request, api.now()))
        left.append(scan.pages_left)
    assert left == [None, 2, 1, 0]


# -- a list that changes while it is read


def test_row_that_slipped_past_a_page_border_is_found_by_reading_the_page_again() -> None:
    api, scan = remote(120), FullScan(TAG)
    assert read(scan, api, edits=[("remove", 0, 1)]) == [1, 2, 1, 2, 3]
    assert "51" in scan.keys


def test_list_that_lost_a_row_already_read_is_incomplete() -> None:
    scan = FullScan(TAG)
    read(scan, remote(120), edits=[("remove", 0, 1)])
    assert (scan.checkpoint.is_complete, scan.checkpoint.is_done, scan.is_worth_repeating) == (False, True, True)
    assert scan.checkpoint.doubt == "120 rows could be read, but the API counts 119"


def test_list_whose_lost_row_is_explained_is_complete() -> None:
    scan = FullScan(TAG)
    read(scan, remote(120), edits=[("remove", 0, 1)])
    scan.explain({"1"})
    assert scan.checkpoint.is_complete


def test_list_whose_lost_row_is_explained_after_a_kill_is_complete() -> None:
    """A mismatch is no lasting problem: it must not survive a kill between the two reads."""
    scan = FullScan(TAG)
    read(scan, remote(120), edits=[("remove", 0, 1)])
    again = FullScan(TAG, scan.checkpoint, scan.keys)
    again.explain({"1"})
    assert again.checkpoint.is_complete


def test_rows_appended_while_the_list_is_read_are_read_too() -> None:
    api, scan = remote(120), FullScan(TAG)
    assert read(scan, api, edits=[("append", 0, 40), None, ("append", 0, 1)]) == [1, 2, 3, 4]
    assert (scan.checkpoint.is_complete, scan.keys) == (True, set(api.rows))


def test_row_inserted_at_the_front_is_found_by_rechecking() -> None:
    api, scan = remote(120), FullScan(TAG)
    read(scan, api, edits=[("insert", 0, 1)])
    assert (scan.checkpoint.is_complete, scan.keys) == (True, set(api.rows))


def test_rows_added_behind_a_tail_that_was_answered_early_are_found() -> None:
    """Page 4 was answered with one row, then 50 were added; page 5 alone lacks the other 49."""
    api, scan = remote(151), FullScan(TAG)
    _tell(scan, api, 1)
    ahead = [request for _ in range(3) if (request := scan.ask()) is not None]
    early = api.answer(ahead[2], api.now())
    api.edit(("append", 0, 50))
    pages = [api.answer(request, api.now()) for request in ahead[:2]]
    for page in (*pages, early):
        scan.tell(page)
    read(scan, api)
    assert (scan.checkpoint.is_complete, scan.keys) == (True, set(api.rows))


def test_drop_of_the_total_that_only_a_page_read_again_shows_is_noticed() -> None:
    """154 rows, then 153 seen by page 1 read again, then 154: the border between pages 2 and 3 was open."""
    api, scan = remote(155), FullScan(TAG)
    read(scan, api, edits=[("remove", 900, 1), ("remove", 0, 1), ("append", 0, 1)])
    assert "101" in scan.keys


def test_removal_hidden_by_an_addition_between_the_same_two_pages_is_beyond_a_scan() -> None:
    """A known limit: both counts match, and row 51 was never seen. The verify cycle finds it."""
    api, scan = remote(120), FullScan(TAG)
    request = scan.ask()
    assert request is not None
    scan.tell(api.answer(request, api.now()))
    api.edit(("remove", 0, 1))
    api.edit(("append", 0, 1))
    read(scan, api)
    assert (scan.checkpoint.is_complete, api.always - scan.keys) == (True, {"51"})


# -- a killed scan


def test_page_that_was_to_be_read_again_when_the_scan_was_killed_is_read_again() -> None:
    """Requested again, but not received: the checkpoint must still name it."""
    api, scan = remote(200), FullScan(TAG)
    _tell(scan, api, 1)
    api.edit(("remove", 0, 1))
    ahead = [scan.ask() for _ in range(2)]
    _tell(scan, api, ahead[0])  # the total dropped: page 1 is requested again ...
    assert (again := scan.ask()) is not None
    assert again.page == 1
    _tell(scan, api, ahead[1])  # ... and this is the last page in the log
    assert scan.checkpoint.mend == (1,)
    resumed = FullScan(TAG, scan.checkpoint, scan.keys)
    read(resumed, api)
    assert api.always <= resumed.keys


def test_border_that_a_page_read_again_left_open_is_read_again_after_a_kill() -> None:
    """The newest total is lower than at the last page in sequence: resuming would show no drop."""
    api, scan = remote(200), FullScan(TAG)
    _tell(scan, api, 1)
    api.edit(("remove", 900, 1))
    _tell(scan, api, 2)
    api.edit(("remove", 0, 1))
    _tell(scan, api, 1)
    resumed = FullScan(TAG, scan.checkpoint, scan.keys)
    read(resumed, api)
    assert "101" in resumed.keys


def test_stale_scan_reads_its_last_page_again() -> None:
    """During the pause, a removal and an addition may have balanced."""
    api, scan = remote(200), FullScan(TAG)
    _tell(scan, api, 1)
    api.edit(("remove", 0, 1))
    api.edit(("append", 0, 1))
    resumed = FullScan(TAG, scan.checkpoint, scan.keys, is_stale=True)
    assert read(resumed, api)[:2] == [1, 2]
    assert api.always <= resumed.keys


def test_total_of_the_page_read_again_is_what_the_next_page_is_compared_with() -> None:
    """During the pause, rows were added; then one leaves: the total is still higher than before, and yet dropped."""
    api, scan = remote(200), FullScan(TAG)
    _tell(scan, api, 1)
    api.edit(("append", 0, 30))
    resumed = FullScan(TAG, scan.checkpoint, scan.keys, is_stale=True)
    read(resumed, api, edits=[("remove", 0, 1)])
    assert api.always <= resumed.keys


def test_scan_that_was_done_asks_for_nothing_more() -> None:
    api, scan = remote(120), FullScan(TAG)
    read(scan, api)
    again = FullScan(TAG, scan.checkpoint, scan.keys, is_stale=True)
    assert (again.ask(), again.checkpoint) == (None, scan.checkpoint)


def _tell(scan: FullScan, api: Remote, request: Request | int | None) -> None:
    """Answer a request, or the next one, which must be for that page."""
    if isinstance(request, int):
        number, request = request, scan.ask()
        assert request is not None
        assert request.page == number
    assert request is not None
    scan.tell(api.answer(request, api.now()))


# -- any list, with any changes

Step = tuple[list[Edit], int, bool, Literal["", "killed", "killed long ago"]]


@dataclass
class Flight:
    """A request in flight: unanswered, answered (`removed`: rows that had left until then), or received."""

    request: Request
    sent_at: datetime
    page: Page | None = None
    removed: int = 0
    arrived_at: datetime | None = None


def steps_of(kinds: Sequence[str]) -> st.SearchStrategy[list[Step]]:
    edit = st.tuples(st.sampled_from(kinds), st.integers(0, 1000), st.sampled_from([1, 1, 1, 2, 50, 51]))
    dies = st.sampled_from([""] * 6 + ["killed", "killed long ago"])
    step = st.tuples(st.lists(edit, max_size=1), st.integers(0, 3), st.sampled_from([True, True, True, False]), dies)
    return st.lists(step, max_size=16)  # type: ignore[arg-type] # sampled_from widens literals to str


class Reading:
    """A scan with several requests in flight, answered in any order, edits between any two responses, and kills.

    Each step: edits; then one request in flight is answered, or stays until another step delivers its response.
    `has_hidden`: a row left between two consecutive responses, or between two pages in sequence, and the total does not
    show it.
    """

    def __init__(self, api: Remote, scan: FullScan, ahead: int) -> None:
        self.api, self.scan, self.ahead = api, scan, ahead
        self.under_way: deque[Flight] = deque()
        self.requests = 0
        self.has_hidden = False
        self._seen: dict[str, tuple[int, int]] = {}

    def run(self, steps: Iterable[Step]) -> None:
        for edits, pick, arrives, dies in [*steps]:
            if not self._fill():
                return
            for edit in edits:
                self.api.edit(edit)
            if dies and self.scan.keys:
                self._die(is_long_ago=dies == "killed long ago")
            else:
                self._answer(pick, arrives)
        while self._fill():
            self._answer(0, True)

    def _fill(self) -> bool:
        while len(self.under_way) < self.ahead and (request := self.scan.ask()) is not None:
            self.requests += 1
            self.under_way.append(Flight(request, self.api.now()))
        return bool(self.under_way)

    def _die(self, *, is_long_ago: bool) -> None:
        self.under_way.clear()
        self.scan = FullScan(self.scan.slice, self.scan.checkpoint, self.scan.keys, is_stale=is_long_ago)

    def _answer(self, pick: int, arrives: bool) -> None:
        waiting = [flight for flight in self.under_way if flight.arrived_at is None]
        flight = waiting[pick % len(waiting)]
        if flight.page is None:
            flight.page, flight.removed = self.api.answer(flight.request, flight.sent_at), self.api.removed
            self._compare("any", "any", flight)
        if arrives:
            flight.arrived_at = self.api.now()
        while self.under_way and (at := self.under_way[0].arrived_at) is not None:
            self._tell(self.under_way.popleft(), at)

    def _compare(self, before: str, now: str, flight: Flight) -> None:
        """Note a removal since the response `before` that the total of this one, `now`, does not show."""
        total = flight.page.total if flight.page and flight.page.total else 0
        last = self._seen.get(before)
        self.has_hidden |= last is not None and flight.removed > last[0] and total >= last[1]
        self._seen[now] = (flight.removed, total)

    def _tell(self, flight: Flight, arrived_at: datetime) -> None:
        assert flight.page is not None
        number, front = flight.request.page, self.scan.checkpoint.next_page - 1 if self.scan.keys else 0
        if number > front:
            self._compare(f"page {number - 1}", f"page {number}", flight)
        elif number == front:
            self._compare("", f"page {number}", flight)
        self.scan.tell(replace(flight.page, received_at=arrived_at))


def reading(rows: int, ahead: int) -> Reading:
    return Reading(remote(rows), FullScan(TAG), ahead)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 260), steps_of(["append"]), st.integers(1, 4))
def test_list_that_rests_from_some_kill_on_is_read_whole(rows: int, steps: list[Step], ahead: int) -> None:
    """keys == the list if nothing changes during the scan, whatever is killed and in whatever order responses
    arrive."""
    run = reading(rows, ahead)
    run.run([([], pick, arrives, dies) for _, pick, arrives, dies in steps])
    assert run.scan.checkpoint.is_complete
    assert run.scan.keys == set(run.api.rows)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 260), steps_of(["remove"]), st.integers(1, 4))
@example(60, [([], 0, True, ""), ([("remove", 0, 1)], 0, True, ""), ([], 0, True, "killed")], 1)
def test_list_that_only_loses_rows_is_never_called_complete_without_a_row_it_still_has(
    rows: int, steps: list[Step], ahead: int
) -> None:
    run = reading(rows, ahead)
    run.run(steps)
    assert run.scan.checkpoint.is_done
    assert not run.scan.checkpoint.is_complete or set(run.api.rows) <= run.scan.keys


@settings(max_examples=400, deadline=None)
@given(st.integers(60, 260), steps_of(["remove", "append"]), st.integers(1, 4))
@example(
    155, [([("remove", 0, 1)], 0, True, ""), ([("remove", 319, 1)], 0, True, ""), ([("append", 0, 1)], 0, True, "")], 1
)
def test_row_that_never_left_is_read_unless_an_addition_hides_a_removal(
    rows: int, steps: list[Step], ahead: int
) -> None:
    run = reading(rows, ahead)
    run.run(steps)
    assume(not run.has_hidden)
    assert not run.scan.checkpoint.is_complete or run.api.always <= run.scan.keys


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 260), steps_of(["remove", "append", "insert"]), st.integers(1, 4))
def test_scan_ends_whatever_happens_to_the_list(rows: int, steps: list[Step], ahead: int) -> None:
    run = reading(rows, ahead)
    run.run(steps)
    checkpoint = run.scan.checkpoint
    assert run.requests <= 120
    assert checkpoint.is_done
    assert checkpoint.is_complete == (checkpoint.doubt is None)
    assert checkpoint.rows == len(run.scan.keys)


# -- a faulty API


def first_page_always(page: Page) -> Page:
    """Return page 1 whatever is requested; its number says so, or (see below) does not."""
    return replace(page, records=tuple(Record(str(n), b"{}") for n in range(1, 51)), page_echo=1)


def without_echo(page: Page) -> Page:
    return replace(first_page_always(page), page_echo=None)


def without_total(page: Page) -> Page:
    return replace(page, total=None, total_pages=None)


def without_any_count(page: Page) -> Page:
    return replace(first_page_always(page), total=None, total_pages=None, page_echo=None)


def moving_total(page: Page) -> Page:
    return replace(page, total=(page.total or 0) + 1 + page.received_at.second, total_pages=None)


def growing_total(page: Page) -> Page:
    return replace(page, total=50 * page.request.page + 1_000, total_pages=None)


def too_many(page: Page) -> Page:
    return replace(page, total=(page.total or 0) + 1)


def too_few(page: Page) -> Page:
    return replace(page, total=(page.total or 0) - 1)


def empty(page: Page) -> Page:
    return replace(page, records=())


def missing(page: Page) -> Page:
    return Page(page.request, page.sent_at, page.received_at, None, (), is_missing=True)


def gone_after_the_first(page: Page) -> Page:
    return page if page.request.page == 1 else missing(page)


def second_twice(page: Page) -> Page:
    """Page 3 repeats page 2, as from a cache."""
    return (
        replace(page, records=tuple(Record(str(n), b"{}") for n in range(51, 101))) if page.request.page == 3 else page
    )


def without_key(page: Page) -> Page:
    return replace(page, records=(*page.records[:-1], Record(None, b"{}")))


def strangers(page: Page) -> Page:
    return replace(page, strangers=1)


def other_echo(page: Page) -> Page:
    return replace(page, page_echo=page.request.page + 1)


LIES = [
    first_page_always,
    without_echo,
    without_total,
    without_any_count,
    moving_total,
    growing_total,
    too_many,
    too_few,
    empty,
    missing,
    gone_after_the_first,
    second_twice,
    without_key,
    strangers,
    other_echo,
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_faulty_api_neither_loops_nor_passes(lie: Lie) -> None:
    scan = FullScan(TAG)
    read(scan, remote(230, lie=lie), most=150)
    assert scan.checkpoint.is_done
    assert (scan.checkpoint.is_complete, bool(scan.checkpoint.doubt)) == (False, True)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_faulty_api_is_not_trusted_after_a_kill_either(lie: Lie) -> None:
    api, scan = remote(230, lie=lie), FullScan(TAG)
    _tell(scan, api, 1)
    resumed = FullScan(TAG, scan.checkpoint, scan.keys, is_stale=True)
    read(resumed, api, most=150)
    assert (resumed.checkpoint.is_complete, bool(resumed.checkpoint.doubt)) == (False, True)


def test_api_that_gives_other_rows_at_every_request_comes_to_an_end() -> None:
    """49 rows a page where 50 are counted: every recheck finds new rows, forever."""
    made = iter(range(1, 1_000_000))

    def other(page: Page) -> Page:
        return replace(page, records=tuple(Record(str(next(made)), b"{}") for _ in range(10)), total=10_000)

    scan = FullScan(TAG)
    read(scan, remote(10_000, lie=other), most=2_000)
    assert (scan.checkpoint.is_done, scan.checkpoint.is_complete) == (True, False)


@pytest.mark.parametrize("lie", [without_any_count, second_twice, without_key], ids=lambda lie: lie.__name__)
def test_list_without_totals_whose_pages_repeat_or_cannot_be_read_is_not_trusted(lie: Lie) -> None:
    scan = FullScan(BROADCASTS)
    read(scan, remote(230, has_total=False, lie=lie), most=10)
    assert (scan.checkpoint.is_done, scan.checkpoint.is_complete) == (True, False)


def test_page_that_cannot_be_trusted_stops_the_scan_at_once() -> None:
    scan = FullScan(ACTIVE)
    assert read(scan, remote(230, lie=strangers)) == [1]
    assert scan.checkpoint.doubt == "1 person in an unexpected state; the API ignores a parameter"
    assert not scan.is_worth_repeating


def test_doubt_outlives_a_kill() -> None:
    scan = FullScan(ACTIVE)
    read(scan, remote(230, lie=strangers))
    assert FullScan(ACTIVE, scan.checkpoint, scan.keys).checkpoint == scan.checkpoint


# -- single records by their ids


def keys_asked(scan: ByIdScan, answer: Callable[[Request, datetime], Page], most: int = 100) -> list[str | None]:
    asked: list[str | None] = []
    while len(asked) < most and (request := scan.ask()) is not None:
        asked.append(request.key)
        scan.tell(answer(request, NINE))
    return asked


def test_keys_are_asked_for_once_each_in_the_order_given() -> None:
    scan = ByIdScan(BY_ID, ["3", "1", "2"])
    assert keys_asked(scan, record_of("any")) == ["3", "1", "2"]
    assert (scan.checkpoint.is_complete, scan.checkpoint.rows, scan.pages_left) == (True, 3, 0)


def test_tombstone_counts_as_an_answer() -> None:
    scan = ByIdScan(BY_ID, ["1", "2"])
    keys_asked(scan, record_of(None))
    assert (scan.checkpoint.is_complete, scan.keys) == (True, {"1", "2"})


def test_keys_beyond_the_budget_wait_and_are_reported() -> None:
    scan = ByIdScan(BY_ID, map(str, range(10)), budget=4)
    assert len(keys_asked(scan, record_of("any"))) == 4
    checkpoint = scan.checkpoint
    assert (checkpoint.is_done, checkpoint.is_complete, checkpoint.rows, checkpoint.total) == (True, False, 4, 10)
    assert checkpoint.doubt == "6 still to be requested by id"


def test_killed_by_id_scan_asks_only_for_what_is_left() -> None:
    scan = ByIdScan(STATS, map(str, range(10)))
    keys_asked(scan, record_of("any"), most=4)
    assert (scan.checkpoint.is_done, scan.checkpoint.is_complete, scan.checkpoint.doubt) == (False, False, None)
    resumed = ByIdScan(STATS, map(str, range(10)), scan.checkpoint, scan.keys)
    assert keys_asked(resumed, record_of("any")) == ["4", "5", "6", "7", "8", "9"]
    assert resumed.checkpoint.is_complete
    assert resumed.checkpoint.began_at == scan.checkpoint.began_at


def test_positions_of_a_resumed_by_id_scan_follow_those_it_has() -> None:
    """A position is a page number in the log: two records of a slice must not share one."""
    start = Checkpoint(STATS, NINE, NINE, next_page=3)
    resumed = ByIdScan(STATS, ["1", "2", "3"], start, ["1", "2"])
    request = resumed.ask()
    assert request is not None
    assert (request.key, request.page) == ("3", 3)


def test_path_of_a_key_names_the_record() -> None:
    assert [scan.ask() for scan in (ByIdScan(BY_ID, ["12"]), ByIdScan(STATS, ["12"]))] == [
        Request(BY_ID, "subscribers/12", {}, 1, "12"),
        Request(STATS, "broadcasts/12/stats", {}, 1, "12"),
    ]


@pytest.mark.parametrize("rows", [0, 120])
def test_pages_that_are_counted_and_empty_are_not_asked_for_without_end(rows: int) -> None:
    def lie(page: Page) -> Page:
        return replace(page, total=1_000_000_000, total_pages=20_000_000)

    remote = Remote([str(number) for number in range(rows)], lie=lie)
    scan = FullScan(ACTIVE)
    asked = 0
    while (request := scan.ask()) is not None:
        asked += 1
        scan.tell(remote.answer(request, remote.now()))
    assert asked <= -(-rows // 50) + 3
    assert "20000000 pages" in (scan.checkpoint.doubt or "")
    assert not scan.checkpoint.is_complete
