"""How many requests are in flight: enough for the limit, and no more than a kill may lose."""

import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from cksync.api.connections import MOST_CONNECTIONS, connections_needed, smoothed, usable_rate
from cksync.config import Config
from cksync.domain import BY_ID, Attempt, Page, Record, Request
from cksync.extract.fetch import fetch_all
from cksync.extract.scan.by_id import ByIdScan
from kit_sandbox import Sandbox, effects
from tests.support.connecting import connected

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("per_minute", "latency", "least", "needed"),
    [
        (120, 0.0, 4, 4),
        (120, 0.5, 4, 4),
        (120, 1.5, 4, 4),  # v3: a kill loses no more pages than before
        (120, 2.0, 4, 7),
        (600, 0.1, 4, 4),
        (600, 0.3, 4, 4),
        (600, 0.5, 4, 9),
        (600, 1.0, 4, 16),  # four would use a quarter of the limit
        (600, 1.0, 20, 20),
        (600, 10.0, 4, MOST_CONNECTIONS),
        (600, 10.0, 64, 64),
        (600, 0.2, 1, 4),
        (0, 5.0, 1, 1),
    ],
)
def test_connections_follow_the_rate_and_the_latency(per_minute: int, latency: float, least: int, needed: int) -> None:
    assert connections_needed(per_minute / 60, latency, least) == needed


@pytest.mark.parametrize("latency", [0.05, 0.1, 0.35, 0.5, 0.9, 1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("per_minute", [120, 600])
def test_they_can_use_95_percent_of_the_limit(per_minute: int, latency: float) -> None:
    rate = per_minute / 60
    assert connections_needed(rate, latency, 4) / latency >= 0.95 * rate


@pytest.mark.parametrize(
    ("version", "limit", "period", "rate"),
    [
        ("v3", 120, 60, 2.0),
        ("v4", 600, 60, 10.0),
        ("v4", 120, 60, 2.0),
        ("v3", 100_000, 1, 2.0),
        ("v4", 100_000, 1, 10),
    ],
)
def test_a_limit_that_only_a_sandbox_has_needs_no_more_connections(
    version: str, limit: int, period: float, rate: float
) -> None:
    assert usable_rate(version, limit, period) == rate


def test_one_slow_answer_among_fast_ones_counts_little() -> None:
    latency = smoothed(None, 0.2)
    assert latency == 0.2
    assert smoothed(latency, 1.2) == pytest.approx(0.4)
    for _ in range(20):
        latency = smoothed(latency, 1.0)
    assert latency == pytest.approx(1.0, abs=0.02)


class Slow:
    """An Api whose answers take a second by their own account, and after the first four wait for one another."""

    def __init__(self, together: int) -> None:
        self._lock, self._barrier = threading.Lock(), threading.Barrier(together)
        self.sent, self.yielded, self.most_ahead = 0, 0, 0

    def fetch(self, request: Request) -> Page:
        with self._lock:
            self.sent += 1
            self.most_ahead = max(self.most_ahead, self.sent - self.yielded)
        if request.page > 4:
            self._barrier.wait(100)
        attempt = Attempt(NINE, request.path, "", 200, 1000, 1, None)
        return Page(request, NINE, NINE, None, (attempt,), (Record(request.key, b"{}"),))


@pytest.mark.parametrize(("per_minute", "together"), [(120, 4), (600, 16)])
def test_slow_answers_are_fetched_by_as_many_connections_as_the_limit_takes(per_minute: int, together: int) -> None:
    api = Slow(together)
    scan = ByIdScan(BY_ID, [str(number) for number in range(4 + 2 * together)])
    with closing(fetch_all([scan], api, 4, threading.Event(), per_minute / 60)) as pages:
        for item in pages:
            api.yielded += item is not None
    assert scan.checkpoint.is_complete
    assert api.most_ahead == together


def test_a_slow_server_gets_more_requests_at_once(config: Config, sandbox: Sandbox) -> None:
    there = sorted(sandbox.world.subscribers)[:40]
    sandbox.faults.add(effects.latency(0.6), path="/subscribers/.*", count=None)
    received = most_ahead = 0
    scan = ByIdScan(BY_ID, [str(id_) for id_ in there])
    with connected(config) as api, closing(fetch_all([scan], api, 4, threading.Event(), 10.0)) as pages:
        for item in pages:
            if item is not None:
                most_ahead = max(most_ahead, len(sandbox.journal) - received)
                received += 1
    assert received == 40
    assert most_ahead > 4
