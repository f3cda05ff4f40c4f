"""The throttle: whatever happens, no rolling window at the server holds more requests than the limit."""

import heapq
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cksync.api import connect
from cksync.api.credential import Credential, Credentials
from cksync.api.throttle import Held, Ledger, Stopped, Throttle, floor_seconds
from cksync.api.v3.catalog import ask_page
from cksync.clock import Time, wall_clock
from cksync.config import ApiConfig, Config
from cksync.domain import whole
from cksync.errors import Failed
from cksync.folder import Folder
from cksync.secrets import Redactor
from kit_sandbox import Sandbox, World, serve
from tests.conftest import examples

PERIOD, LONGEST = 8.0, 4.0
# Times are eighths, which floats add exactly: a window's edge then does not depend on rounding.
EIGHTHS = st.integers(0, 160).map(lambda n: n / 8)

HEADER = struct.Struct("<8sqqddd")


def valid_ledger(*, slots: list[float], first: int = 0, closed: float = 0.0, careful: float = 0.0) -> bytes:
    """Return a ledger as an earlier process of this configuration left it."""
    head = HEADER.pack(b"cksync01", len(slots), first, PERIOD + LONGEST, closed, careful)
    return head + struct.pack(f"<{len(slots)}d", *slots)


any_time = st.one_of(st.floats(width=64), st.floats(0, 1e9))
LEFT_BEHIND = st.one_of(
    st.just(b""),
    st.binary(max_size=200).filter(lambda data: not data.startswith(b"cksync01")),
    st.just(b"\xff" * 120),
    st.builds(
        valid_ledger,
        slots=st.lists(any_time, min_size=1, max_size=12),
        first=st.integers(-(2**63), 2**63 - 1),
        closed=any_time,
        careful=any_time,
    ),
    st.builds(lambda slots, cut: valid_ledger(slots=slots)[:-cut], st.lists(EIGHTHS, min_size=1), st.integers(1, 60)),
)
"""What a ledger file may hold when a run begins: nothing, garbage, another boot's times, half of one."""


@dataclass
class Sent:
    """A request in flight; `arrived_at` is when the server saw it."""

    ledger: Ledger
    held: Held
    sent_at: float
    arrived_at: float | None = None
    responded_at: float | None = None
    is_dead: bool = False

    def may_count_at(self, now: float) -> bool:
        """Return True if the server's window may still hold it, as far as can be known."""
        seen_at = self.sent_at + LONGEST
        if self.responded_at is not None:
            seen_at = min(seen_at, self.responded_at)
        return seen_at + PERIOD > now


class Machine(RuleBasedStateMachine):
    """Processes that open one ledger, send, get responses late, die, and restart, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "requests"
        self.now, self.closed_until = 16.0, 0.0
        self.ledgers: list[Ledger] = []
        self.sent: list[Sent] = []
        self.limits: set[int] = set()

    @initialize(left_behind=LEFT_BEHIND, limit=st.integers(1, 6))
    def begin(self, left_behind: bytes, limit: int) -> None:
        self.path.write_bytes(left_behind)
        self.open(limit)

    @rule(limit=st.integers(1, 6))
    @precondition(lambda self: len(self.ledgers) < 3)
    def open(self, limit: int) -> None:
        self.ledgers.append(Ledger(self.path, limit, PERIOD, LONGEST))
        self.limits.add(limit)

    @rule(which=st.integers(0, 2))
    @precondition(lambda self: len(self.ledgers) > 1)
    def close(self, which: int) -> None:
        """End a process; its requests in flight are never released."""
        ledger = self.ledgers.pop(which % len(self.ledgers))
        for request in self.under_way():
            request.is_dead |= request.ledger is ledger
        ledger.close()

    @rule(which=st.integers(0, 2))
    def send(self, which: int) -> None:
        ledger = self.ledgers[which % len(self.ledgers)]
        counting = sum(request.may_count_at(self.now) for request in self.sent)
        held, wait = ledger.reserve(self.now)
        assert (held is None) == (wait > 0)
        if held is not None:
            assert counting < ledger.limit
            assert self.now >= self.closed_until
            self.sent.append(Sent(ledger, held, self.now))

    @rule(which=st.integers(0, 20))
    def arrive(self, which: int) -> None:
        """Let the server see a request."""
        flying = [request for request in self.sent if request.arrived_at is None]
        if flying:
            flying[which % len(flying)].arrived_at = self.now

    @rule(which=st.integers(0, 20))
    def respond(self, which: int) -> None:
        """Deliver a response, at once or long after the time-out, if the server saw the request."""
        if waiting := self.under_way():
            request = waiting[which % len(waiting)]
            request.arrived_at = self.now if request.arrived_at is None else request.arrived_at
            request.responded_at = self.now
            request.ledger.release(request.held, self.now)

    @rule(which=st.integers(0, 20))
    def die(self, which: int) -> None:
        """Kill the owner of a request, which is then never released."""
        if waiting := self.under_way():
            waiting[which % len(waiting)].is_dead = True

    @rule(which=st.integers(0, 2), seconds=EIGHTHS.filter(lambda s: s <= 1.125 * PERIOD))
    def back_off(self, which: int, seconds: float) -> None:
        self.ledgers[which % len(self.ledgers)].back_off(self.now, seconds)
        self.closed_until = max(self.closed_until, self.now + seconds)

    @rule(seconds=EIGHTHS)
    def advance(self, seconds: float) -> None:
        """Advance the time. What was not seen within the longest time that sending can take is seen at its end."""
        self.now += seconds
        for request in self.sent:
            if request.arrived_at is None and request.sent_at + LONGEST <= self.now:
                request.arrived_at = request.sent_at + LONGEST

    def under_way(self) -> list[Sent]:
        return [request for request in self.sent if request.responded_at is None and not request.is_dead]

    @invariant()
    def no_window_holds_more_than_the_limit(self) -> None:
        arrivals = sorted(request.arrived_at for request in self.sent if request.arrived_at is not None)
        limit = max(self.limits, default=0)
        assert all(later - earlier >= PERIOD for earlier, later in zip(arrivals, arrivals[limit:], strict=False))

    def teardown(self) -> None:
        """Whatever the state, a caller that waits as told gets a slot within four times PERIOD + LONGEST."""
        for ledger in self.ledgers:
            began = self.now
            while (answer := ledger.reserve(self.now))[0] is None:
                self.now += answer[1]
                assert self.now - began <= 4 * (PERIOD + LONGEST)
        for ledger in self.ledgers:
            ledger.close()
        self.folder.cleanup()


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=examples(50, 150), stateful_step_count=40, deadline=None)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """Open ledgers on one file, as several processes would."""
    ledgers: list[Ledger] = []

    def open_one(limit: int, period: float = PERIOD, longest: float = LONGEST) -> Ledger:
        ledgers.append(Ledger(tmp_path / "requests", limit, period, longest))
        return ledgers[-1]

    yield open_one
    for ledger in ledgers:
        ledger.close()


def simulate(ledgers: list[Ledger], requests: int, latency: float, workers: int) -> list[float]:
    """Return when each of so many requests is sent, if workers send continuously on the virtual clock."""
    sent: list[float] = []
    turns: list[tuple[float, int, Held | None]] = [(0.0, worker, None) for worker in range(workers)]
    while len(sent) < requests:
        now, worker, held = heapq.heappop(turns)
        ledger = ledgers[worker % len(ledgers)]
        if held is not None:
            ledger.release(held, now)
        held, wait = ledger.reserve(now)
        if held is None:
            heapq.heappush(turns, (now + min(wait, Throttle.LOOK_AGAIN_SECONDS), worker, None))
        else:
            sent.append(now)
            heapq.heappush(turns, (now + latency, worker, held))
    return sent


@pytest.mark.parametrize(("latency", "workers"), [(0.05, 4), (0.5, 4), (2.0, 8)])
def test_nearly_all_of_the_limit_is_used(opened: Callable[..., Ledger], latency: float, workers: int) -> None:
    """Sustained: at least period / (period + latency) of the limit, less 1 %."""
    sent = simulate([opened(120, 60.0, 60.0)], 2400, latency, workers)
    sustained = (len(sent) - 120) / (sent[-1] - sent[119])
    assert sustained >= 120 / 60 * 60 / (60 + latency) * 0.99


@pytest.mark.parametrize("processes", [1, 2])
def test_300_pages_take_no_longer_than_the_limit_demands(opened: Callable[..., Ledger], processes: int) -> None:
    ledgers = [opened(120, 60.0, 60.0) for _ in range(processes)]
    assert simulate(ledgers, 300, 0.05, 4 * processes)[-1] + 0.05 <= floor_seconds(300, 120, 60.0) + 2


def test_a_burst_as_large_as_the_limit_waits_for_nothing(opened: Callable[..., Ledger]) -> None:
    ledger = opened(120)
    assert all(ledger.reserve(1.0)[0] for _ in range(120))
    assert ledger.reserve(1.0)[0] is None


def test_a_run_goes_on_with_the_budget_the_one_before_has_left(opened: Callable[..., Ledger]) -> None:
    before = opened(2)
    held, _ = before.reserve(10.0)
    assert held is not None
    before.release(held, 10.5)
    before.close()
    after = opened(2)
    assert after.reserve(11.0)[0] is not None
    assert after.reserve(11.0)[0] is None
    assert after.reserve(10.5 + PERIOD)[0] is not None


def test_a_request_that_died_gives_its_slot_back_after_its_longest_time_and_a_period(
    opened: Callable[..., Ledger],
) -> None:
    ledger = opened(1)
    ledger.reserve(10.0)
    assert ledger.reserve(10.0 + LONGEST + PERIOD - 0.125)[0] is None
    assert ledger.reserve(10.0 + LONGEST + PERIOD)[0] is not None


def test_an_answer_later_than_the_longest_does_not_free_the_slot_of_another(opened: Callable[..., Ledger]) -> None:
    ledger = opened(1)
    late, _ = ledger.reserve(0.0)
    other, _ = ledger.reserve(LONGEST + PERIOD)
    assert late is not None
    assert other is not None
    ledger.release(late, LONGEST + PERIOD + 1)
    assert ledger.reserve(LONGEST + PERIOD + 1 + PERIOD)[0] is None


@pytest.mark.parametrize("value", [1e9, float("inf")])
@pytest.mark.parametrize("field", ["slots", "closed", "careful"])
def test_times_of_an_earlier_boot_keep_nobody_out_for_long(
    opened: Callable[..., Ledger], tmp_path: Path, field: str, value: float
) -> None:
    fields: dict[str, object] = {"slots": [0.0], field: [value] if field == "slots" else value}
    (tmp_path / "requests").write_bytes(valid_ledger(**fields))  # type: ignore[arg-type]  # one name of three
    ledger, now = opened(1), 1.0
    while (answer := ledger.reserve(now))[0] is None:
        now += answer[1]
    assert now <= 1.0 + 4 * (PERIOD + LONGEST)


def test_after_a_429_everybody_waits_and_then_takes_less_for_a_while(opened: Callable[..., Ledger]) -> None:
    told, other = opened(10), opened(10)
    told.back_off(0.0, 4.0)
    assert other.reserve(3.875)[0] is None
    assert [other.reserve(4.0)[0] is not None for _ in range(10)] == [True] * 8 + [False] * 2
    long_after = 4.0 + 10 * PERIOD
    assert all(other.reserve(long_after)[0] for _ in range(10))


def test_even_the_lowest_limit_goes_on_after_a_429(opened: Callable[..., Ledger]) -> None:
    ledger = opened(1)
    ledger.back_off(0.0, 1.0)
    assert ledger.reserve(1.0)[0] is not None


def test_a_door_closed_for_long_is_not_opened_by_a_neighbour_with_a_short_period(
    opened: Callable[..., Ledger],
) -> None:
    patient, hasty = opened(5, period=60.0), opened(5, period=1.0)
    patient.back_off(0.0, 60.0)
    hasty.back_off(1.0, 1.0)
    assert hasty.reserve(59.0)[0] is None
    assert patient.reserve(59.0)[0] is None


@given(requests=st.integers(0, 1000), limit=st.integers(1, 200))
def test_the_least_time_counts_whole_windows_only(requests: int, limit: int) -> None:
    assert floor_seconds(requests, limit, 60.0) == 60.0 * max(0, -(-requests // limit) - 1)


def test_a_ledger_that_cannot_be_written_gives_a_message(tmp_path: Path) -> None:
    (tmp_path / "requests").mkdir()
    with pytest.raises(Failed, match=r"^state: .*requests cannot be written: Is a directory$"):
        Ledger(tmp_path / "requests", 5, PERIOD, LONGEST)


def test_a_disk_without_room_for_the_ledger_gives_a_message(tmp_path: Path) -> None:
    """A limit on the size of files simulates a full disk; it applies to a process of its own."""
    program = (
        "import resource, sys; from pathlib import Path; from cksync.api.throttle import Ledger\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)); Ledger(Path(sys.argv[1]), 120, 60.0, 60.0)"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path / "requests")]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("requests cannot be written: File too large")


def test_the_ledger_is_its_owners_alone(opened: Callable[..., Ledger], tmp_path: Path) -> None:
    opened(5)
    assert (tmp_path / "requests").stat().st_mode & 0o777 == 0o600


# -- on the real clock


def test_nobody_waits_for_a_slot_once_the_run_is_ending(opened: Callable[..., Ledger]) -> None:
    stop = threading.Event()
    throttle = Throttle(opened(1, period=3600.0), stop)
    ended: list[bool] = []

    def wait_for_a_slot() -> None:
        with pytest.raises(Stopped), throttle.slot():
            pass
        ended.append(True)

    with throttle.slot():
        waiting = threading.Thread(target=wait_for_a_slot)
        waiting.start()
        stop.set()
        waiting.join(30)
    assert ended == [True]


def test_a_request_that_failed_holds_its_slot_like_any_other(opened: Callable[..., Ledger]) -> None:
    ledger = opened(1, period=3600.0)
    at = iter([100.0, 101.0])
    throttle = Throttle(ledger, threading.Event(), Time(ticks=lambda: next(at)))
    with pytest.raises(ZeroDivisionError), throttle.slot():
        raise ZeroDivisionError
    assert ledger.reserve(101.0 + 3599.0)[0] is None
    assert ledger.reserve(101.0 + 3600.0)[0] is not None


LIMIT, SHORT_PERIOD, EACH = 15, 0.5, 50

FETCH = "import sys; from tests.test_throttle import fetch; fetch(*sys.argv[1:])"


def fetch(data_dir: str, url: str, secret: str) -> None:
    """Fetch the account so many times with four threads, within the server's limit."""
    config = Config(Path(data_dir), "the test", ApiConfig(url, rate_limit=LIMIT, rate_period_seconds=SHORT_PERIOD))
    with (
        connect(
            config, Credentials(Credential("v3", "api_secret", secret)), Redactor(secret), wall_clock, threading.Event()
        ) as api,
        ThreadPoolExecutor(4) as pool,
    ):
        list(pool.map(lambda _: api.fetch(ask_page(whole("account"), 1)), range(EACH)))


@pytest.fixture
def strict() -> Iterator[Sandbox]:
    """A server that answers 429 beyond the limit."""
    with serve(World(), rate_limit=LIMIT, rate_period_seconds=SHORT_PERIOD) as sandbox:
        yield sandbox


def test_threads_never_break_a_strict_limit(strict: Sandbox, tmp_path: Path) -> None:
    Folder(tmp_path).prepare()
    fetch(str(tmp_path), strict.url, strict.api_secret)
    assert strict.journal.by_status() == {200: EACH}


def test_two_processes_share_one_strict_limit(strict: Sandbox, tmp_path: Path) -> None:
    Folder(tmp_path).prepare()
    arguments = [sys.executable, "-c", FETCH, str(tmp_path), strict.url, strict.api_secret]
    processes = [subprocess.Popen(arguments, cwd=Path(__file__).parent.parent) for _ in range(2)]
    assert [process.wait(100) for process in processes] == [0, 0]
    assert strict.journal.by_status() == {200: 2 * EACH}


WILD = {
    "count": HEADER.pack(b"cksync01", 2**60, 0, 12.0, 0.0, 0.0),
    "negative count": HEADER.pack(b"cksync01", -5, 0, 12.0, 0.0, 0.0),
    "longest hold": HEADER.pack(b"cksync01", 1, 0, 1e300, 0.0, 0.0) + struct.pack("<d", 1e200),
    "longest hold that is no number": HEADER.pack(b"cksync01", 1, 0, float("nan"), 0.0, 0.0) + struct.pack("<d", 1e200),
    "closed until": HEADER.pack(b"cksync01", 1, 0, 12.0, 1e300, 0.0) + bytes(8),
    "careful until": HEADER.pack(b"cksync01", 1, 0, 12.0, 0.0, float("inf")) + bytes(8),
}


@pytest.mark.parametrize("name", WILD)
def test_a_ledger_that_cksync_did_not_write_is_replaced(name: str, tmp_path: Path) -> None:
    path = tmp_path / "requests"
    path.write_bytes(WILD[name])
    ledger = Ledger(path, 3, PERIOD, LONGEST)
    assert [ledger.reserve(100.0)[0] is not None for _ in range(4)] == [True, True, True, False]
    assert path.stat().st_size == HEADER.size + 3 * 8
    ledger.close()


def test_a_ledger_of_any_size_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    path.write_bytes(valid_ledger(slots=[0.0]))
    with path.open("r+b") as file:
        file.truncate(1 << 40)
    Ledger(path, 3, PERIOD, LONGEST).close()
    assert path.stat().st_size == HEADER.size + 3 * 8


def test_pace_of_a_limit_that_is_none_is_found_without_a_look_at_each_slot(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", 1_000_000, 60.0, 30.0)
    ledger.reserve(10.0)
    pace = ledger.pace(11.0, 0.1)
    assert (pace.held, pace.seconds_until(1_000)) == ((), 0.0)
