"""The rate limit: how close cksync gets to it without ever crossing it.

    python -m bench.throttle            all three, about five minutes
    python -m bench.throttle --only virtual

`real`: a pull of about 300 pages under 120 requests a minute, on the real clock, beside dlt's.
`virtual`: the budget's share of the limit that is used in an hour of continuous requests, on a virtual clock.
`shared`: two processes with one data folder at once under a strict limit.
"""

import argparse
import heapq
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from bench.measure import ToolFailed, markdown, run
from bench.rows import people_in
from bench.sandbox import Sandbox, sandbox
from bench.tools import Command, cksync_pull, peer, write_config
from bench.venv import peers_python
from cksync.api.throttle import Ledger, Throttle, floor_seconds
from kit_sandbox.limit import RollingLimit

LIMIT, PERIOD_SECONDS = 120, 60.0
SEED = 7
# 15,000 of these are active or cancelled: 301 pages.
PEOPLE = 16_216
LATENCY_SECONDS = 0.05

LATENCIES_SECONDS = (0.05, 0.5, 2.0)
CONCURRENCIES = (4, 16, LIMIT)
HOUR_SECONDS = 3600.0
WARM_UP_SECONDS = 5 * PERIOD_SECONDS
# The longest time that a request may be in flight without a response, as in the product.
LONGEST_SECONDS = 60.0

STRICT_LIMIT, STRICT_PERIOD_SECONDS = 60, 4.0
REQUESTS_EACH = 300


def real() -> str:
    """Pull under the real limit: seconds against the least possible, and the 429s."""
    python = peers_python()
    latency_ms = LATENCY_SECONDS * 1000
    with sandbox(PEOPLE, seed=SEED, rate_limit=LIMIT, rate_period=PERIOD_SECONDS, latency_ms=latency_ms) as server:
        pull = cksync_pull(("subscribers",), rate_limit=LIMIT)
        rows = [_under_limit(server, "cksync", pull, "data/mirror.duckdb")]
        time.sleep(PERIOD_SECONDS)  # the window is the server's: the next tool finds it empty
        rows.append(_under_limit(server, "dlt", peer("dlt_subscribers.py", python), "mirror.duckdb"))
    return markdown(("tool", "exit status", "people stored", "requests", "429", "seconds", "least possible"), rows)


def _under_limit(server: Sandbox, name: str, command: Command, database: str) -> Sequence[object]:
    server.clear_journal()
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as text:
        folder = Path(text)
        spent = run(command(server, folder), folder)
        people = _people_in(folder / database)
    journal = server.journal()
    requests = journal["total"]
    least = f"{floor_seconds(requests, LIMIT, PERIOD_SECONDS):.0f}" if spent.status == 0 else "-"
    return (name, spent.status, f"{people:,}", requests, _rejected(journal), f"{spent.seconds:.1f}", least)


def _people_in(database: Path) -> int:
    """Return how many people a tool has stored, if it got as far as creating their table."""
    try:
        return len(people_in(database))
    except duckdb.Error:
        return 0


def _rejected(journal: Any) -> int:
    return int(journal["by_status"].get("429", 0))


def virtual() -> str:
    """Simulate an hour of continuous requests, for several latencies and numbers of requests in flight."""
    header = ("latency", "under way", "limit used", "at least wanted", "429")
    return markdown(header, [_hour(latency, most) for latency in LATENCIES_SECONDS for most in CONCURRENCIES])


def _hour(latency: float, concurrency: int) -> Sequence[object]:
    sent = _sends(latency, concurrency)
    used = _share_used(sent)
    floor = PERIOD_SECONDS / (PERIOD_SECONDS + latency) - 0.01
    mark = "" if used >= floor else " MISSED"
    return (
        f"{latency * 1000:.0f} ms",
        concurrency,
        f"{used:.2%}{mark}",
        f"{floor:.2%}",
        _crossings(sent, latency),
    )


def _share_used(sent: Sequence[float]) -> float:
    """Return the share of the limit that was used, after the first windows.

    Measured over whole rounds of `LIMIT` requests: they come in bursts, and an hour cut anywhere would hold one burst
    more or less.
    """
    first = next(place for place, at in enumerate(sent) if at >= WARM_UP_SECONDS)
    rounds = (len(sent) - 1 - first) // LIMIT
    return rounds * PERIOD_SECONDS / (sent[first + rounds * LIMIT] - sent[first])


def _sends(latency: float, concurrency: int) -> list[float]:
    """Return when requests are sent: workers use the ledger as Throttle does, and time only passes between events.

    An event is (time, number for the order, what the worker holds).
    """
    sent: list[float] = []
    order = count()
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as folder:
        ledger = Ledger(Path(folder) / "requests", LIMIT, PERIOD_SECONDS, LONGEST_SECONDS)
        events: list[tuple[float, int, Any]] = [(0.0, next(order), None) for _ in range(concurrency)]
        while events[0][0] < WARM_UP_SECONDS + HOUR_SECONDS:
            now, _, held = heapq.heappop(events)
            if held is not None:
                ledger.release(held, now)
            taken, seconds = ledger.reserve(now)
            if taken is not None:
                sent.append(now)
            wait = latency if taken is not None else min(seconds, Throttle.LOOK_AGAIN_SECONDS)
            heapq.heappush(events, (now + wait, next(order), taken))
        ledger.close()
    return sent


def _crossings(sent: Sequence[float], latency: float) -> int:
    """Return how many requests a server would reject that sees each at a random moment before its response."""
    random, limit = Random(SEED), RollingLimit(LIMIT, PERIOD_SECONDS)
    for arrived_at in sorted(at + latency * random.random() for at in sent):
        limit.admits(arrived_at)
    return limit.rejected


def shared() -> str:
    """Run two processes with one data folder, at once and as fast as possible."""
    with (
        sandbox(100, seed=SEED, rate_limit=STRICT_LIMIT, rate_period=STRICT_PERIOD_SECONDS, latency_ms=20) as server,
        tempfile.TemporaryDirectory(prefix="cksync-bench-") as name,
    ):
        limit = {"rate_limit": STRICT_LIMIT, "rate_period_seconds": STRICT_PERIOD_SECONDS}
        config = write_config(server, Path(name), **limit)
        command = [sys.executable, "-m", "bench.asker", str(config), str(REQUESTS_EACH)]
        began = time.perf_counter()
        processes = [subprocess.Popen(command, cwd=Path(__file__).parent.parent) for _ in range(2)]
        if any(process.wait() for process in processes):
            raise ToolFailed("an asker ended with an error")
        seconds = time.perf_counter() - began
        journal = server.journal()
    least = floor_seconds(journal["total"], STRICT_LIMIT, STRICT_PERIOD_SECONDS)
    peak = _peak([each["arrived_at"] for each in journal["requests"]], STRICT_PERIOD_SECONDS)
    row = (2, journal["total"], _rejected(journal), f"{peak} of {STRICT_LIMIT}", f"{seconds:.1f}", f"{least:.0f}")
    return markdown(("processes", "requests", "429", "fullest window", "seconds", "least possible"), [row])


def _peak(arrivals: Sequence[float], period: float) -> int:
    """Return the most arrivals in any rolling window."""
    first = most = 0
    for number, at in enumerate(arrivals, 1):
        while arrivals[first] <= at - period:
            first += 1
        most = max(most, number - first)
    return most


PARTS = {
    "virtual": (f"{LIMIT} requests a minute, an hour on a virtual clock", virtual),
    "shared": (f"{STRICT_LIMIT} requests in {STRICT_PERIOD_SECONDS:g} s, two processes, one data folder", shared),
    "real": (f"{LIMIT} requests a minute, {LATENCY_SECONDS * 1000:.0f} ms latency, the real clock", real),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.throttle", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one part instead of all")
    given = parser.parse_args()
    for name, (title, part) in PARTS.items():
        if given.only in (None, name):
            print(f"{title}\n\n{part()}\n", flush=True)


if __name__ == "__main__":
    main()
