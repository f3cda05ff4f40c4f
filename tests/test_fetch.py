"""Running scans: several requests in flight, pages delivered in order, nothing lost at a stop or an error."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest

from cksync.api import Stopped
from cksync.domain import BY_ID, STATS, Page, Record, Request, members
from cksync.errors import ApiUnavailable, EndpointFailed
from cksync.extract.fetch import fetch_all
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.full import FullScan, Scan

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
PATIENCE = 100.0  # seconds until a gate that never opens fails the test
Fetched = tuple[str, str | int]


class Fake:
    """An Api whose responses wait for the test; it counts requests and responses."""

    def __init__(self, before: Callable[[Request], None] = lambda request: None) -> None:
        self._before = before
        self._lock = threading.Lock()
        self.sent: list[Request] = []
        self.yielded = 0
        self.most_ahead = 0

    def fetch(self, request: Request) -> Page:
        with self._lock:
            self.sent.append(request)
            self.most_ahead = max(self.most_ahead, len(self.sent) - self.yielded)
        self._before(request)
        keys = [request.key] if request.key else [str(50 * request.page + n) for n in range(50)]
        total = None if request.key else 500
        return Page(request, NINE, NINE, None, (), tuple(Record(key, b"{}") for key in keys), total)


def fetched(
    scans: Sequence[Scan], api: Fake, concurrency: int = 4, stop: threading.Event | None = None
) -> Iterator[Fetched]:
    """Fetch, and name each page by its scan and its key or number as it is yielded."""
    with closing(fetch_all(scans, api, concurrency, stop or threading.Event())) as pages:
        for item in pages:
            if item is not None:
                api.yielded += 1
                scan, came = item
                yield scan.slice.name, came.request.key or came.request.page


def keys(*names: str) -> ByIdScan:
    return ByIdScan(BY_ID, names)


def opened(gate: threading.Event) -> None:
    assert gate.wait(PATIENCE), "the gate stayed shut"


def test_pages_are_received_in_order_although_the_first_comes_last() -> None:
    others = threading.Semaphore(0)

    def before(request: Request) -> None:
        if request.key == "1":
            assert all(others.acquire(timeout=PATIENCE) for _ in range(3))
        else:
            others.release()

    scan = keys("1", "2", "3", "4")
    assert [key for _, key in fetched([scan], Fake(before))] == ["1", "2", "3", "4"]
    assert scan.checkpoint.is_complete


@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_so_many_requests_are_under_way_at_once(concurrency: int) -> None:
    together = threading.Barrier(concurrency)

    def before(request: Request) -> None:
        if request.page <= concurrency:
            together.wait(PATIENCE)

    api = Fake(before)
    assert len(list(fetched([keys(*map(str, range(9)))], api, concurrency))) == 9


@pytest.mark.parametrize("concurrency", [1, 2, 4])
def test_never_more_requests_are_sent_than_yielded_and_concurrency_together(concurrency: int) -> None:
    """This bounds the requests repeated after a kill."""
    api = Fake()
    scans: list[Scan] = [
        keys(*map(str, range(20))),
        ByIdScan(STATS, map(str, range(20))),
        FullScan(members("tag", "1")),
    ]
    assert len(list(fetched(scans, api, concurrency))) == 50
    assert api.most_ahead <= concurrency


def test_full_scan_receives_all_its_pages_in_order() -> None:
    scan = FullScan(members("tag", "1"))
    assert [page for _, page in fetched([scan], Fake())] == list(range(1, 11))
    assert scan.checkpoint.is_complete


def test_scan_goes_on_while_the_one_before_it_waits() -> None:
    gate = threading.Event()

    def before(request: Request) -> None:
        if request.slice == BY_ID:
            opened(gate)

    seen: list[Fetched] = []
    for item in fetched([keys("1"), ByIdScan(STATS, ["7", "8", "9"])], Fake(before), 2):
        seen.append(item)
        if item == (STATS.name, "9"):
            gate.set()
    assert seen == [*((STATS.name, key) for key in "789"), (BY_ID.name, "1")]


def test_first_scans_are_asked_first() -> None:
    api = Fake()
    list(fetched([keys("1", "2"), ByIdScan(STATS, ["7", "8"])], api, 1))
    assert [request.key for request in api.sent] == ["1", "2", "7", "8"]


def test_caller_gets_a_turn_while_nothing_arrives() -> None:
    gate = threading.Event()
    rotation = []
    for item in fetch_all([keys("1")], Fake(lambda request: opened(gate)), 1, threading.Event()):
        rotation.append(item is None)
        gate.set()
    assert rotation == [True, False]


def test_stop_asks_for_nothing_more_and_takes_in_what_is_under_way() -> None:
    stop = threading.Event()
    api, scan = Fake(), keys(*map(str, range(20)))
    seen = []
    for item in fetched([scan], api, 4, stop):
        seen.append(item)
        stop.set()
    assert len(seen) == len(api.sent) == 4
    assert scan.keys == {"0", "1", "2", "3"}


def test_stop_that_was_set_before_asks_for_nothing() -> None:
    stop = threading.Event()
    stop.set()
    api = Fake()
    assert list(fetched([keys("1")], api, 4, stop)) == []
    assert api.sent == []


def test_requests_that_a_stop_kept_back_are_not_delivered_nor_any_behind_them() -> None:
    """The throttle stops those that still wait for a slot: 2 was never sent, so 3 would be out of order."""
    stop = threading.Event()
    is_third_done = threading.Event()

    def before(request: Request) -> None:
        if request.key == "2":
            opened(stop)
            opened(is_third_done)
            raise Stopped
        if request.key == "3":
            is_third_done.set()

    scan = keys("1", "2", "3", "4")
    seen = []
    for item in fetched([scan, ByIdScan(STATS, ["7"])], Fake(before), 5, stop):
        seen.append(item)
        stop.set()
    assert sorted(seen, key=str) == [(STATS.name, "7"), (BY_ID.name, "1")]
    assert scan.keys == {"1"}


def test_failure_is_raised_after_what_is_under_way_elsewhere_was_received() -> None:
    gate = threading.Event()

    def before(request: Request) -> None:
        if request.slice == BY_ID:
            raise ApiUnavailable("no answer")
        opened(gate)

    api, other = Fake(before), ByIdScan(STATS, ["7", "8", "9", "10", "11"])
    seen: list[str | None] = []

    def watch() -> None:
        for item in fetch_all([keys("1"), other], api, 3, threading.Event()):
            seen.append(item[1].request.key if item else None)
            gate.set()  # nothing else arrives: the failure is known

    with pytest.raises(ApiUnavailable, match="no answer"):
        watch()
    assert seen == [None, "7", "8"]
    assert other.keys == {"7", "8"}
    assert len(api.sent) == 3


def test_pages_behind_one_that_failed_are_not_delivered() -> None:
    """Reading them again after the failed one costs a request; receiving them without it would cost rows."""
    is_third_done = threading.Event()

    def before(request: Request) -> None:
        if request.page == 2:
            opened(is_third_done)
            raise ApiUnavailable("no answer")
        if request.page == 3:
            is_third_done.set()

    scan = FullScan(members("tag", "1"))
    with pytest.raises(ApiUnavailable):
        list(fetched([scan], Fake(before)))
    assert scan.checkpoint.next_page == 2


def test_scan_receives_the_failure_of_an_endpoint_and_everything_else_is_read() -> None:
    def before(request: Request) -> None:
        if request.key == "2":
            raise EndpointFailed("GET subscribers/2: 500", "500", NINE)

    scan, other = keys("1", "2", "3"), ByIdScan(STATS, ["7"])
    assert [key for _, key in fetched([scan, other], Fake(before))].count("2") == 2  # and once more at the end
    assert (scan.keys, other.keys) == ({"1", "3"}, {"7"})
    assert scan.checkpoint.unread == ("2",)


def test_exception_that_nobody_planned_is_not_swallowed() -> None:
    def before(request: Request) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(fetched([keys("1", "2")], Fake(before)))


def test_nothing_to_read_ends_at_once() -> None:
    api = Fake()
    assert list(fetched([], api)) == []
    assert list(fetched([keys()], api)) == []
    assert api.sent == []


@contextmanager
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_caller_that_leaves_early_leaves_no_thread_behind() -> None:
    with no_thread_left():
        pages = fetch_all([keys(*map(str, range(20)))], Fake(), 4, threading.Event())
        next(pages)
        pages.close()
