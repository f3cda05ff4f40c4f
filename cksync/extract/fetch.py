"""Run scans concurrently: a few requests in flight, every page delivered in order."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cksync.api import Api, Stopped
from cksync.api.connections import MOST_CONNECTIONS, Latency, connections_needed
from cksync.clock import REAL_TIME, Time
from cksync.domain import Miss, Page, Request
from cksync.errors import CksyncError, EndpointFailed
from cksync.extract.scan.full import Scan

# How long nothing may arrive before the caller gets control to store pending pages.
IDLE_SECONDS = 0.5


def fetch_all(
    scans: Sequence[Scan],
    api: Api,
    concurrency: int,
    stop: threading.Event,
    rate: float = 0.0,
    *,
    latency: Latency | None = None,
    time: Time = REAL_TIME,
    first_pages_only: bool = False,
) -> Generator[tuple[Scan, Page | Miss] | None, None, None]:
    """Run all scans to their ends, the first ones first, and yield each page, and each request without a usable answer,
    once its scan has received it.

    At most `concurrency` requests are sent but not yet yielded, which bounds the requests repeated after a kill; more
    only if the API is so slow that a limit of `rate` requests per second could not be used. `latency` learns how long
    requests take. With `first_pages_only`, every scan is asked once. Yields None when nothing arrives for a while. A
    failing endpoint is left to its scan. When `stop` is set or the whole API fails, requests in flight are still
    received; then the failure is raised.
    """
    under_way: dict[int, deque[Future[Page | Miss]]] = {n: deque() for n in range(len(scans))}
    failure: CksyncError | None = None
    latency = latency or Latency()
    most_asked = 1 if first_pages_only else None
    asked = [0] * len(scans)
    with ThreadPoolExecutor(max(concurrency, MOST_CONNECTIONS), thread_name_prefix="api") as pool:
        while True:
            if failure is None and not stop.is_set():
                connections = connections_needed(rate, latency.seconds or 0.0, concurrency)
                _fill(scans, under_way, api, pool, connections, asked, most_asked)
            heads = [(n, futures[0]) for n, futures in under_way.items() if futures]
            if not heads:
                break
            every = [future for futures in under_way.values() for future in futures]
            if not time.first_done([head for _, head in heads], every, IDLE_SECONDS):
                yield None
            for number, head in heads:
                if not head.done():
                    continue
                under_way[number].popleft()
                try:
                    received = head.result()
                except Stopped:
                    _drop(under_way[number])
                    continue
                except CksyncError as error:
                    failure = failure or error
                    _drop(under_way[number])
                    continue
                if isinstance(received, Miss):
                    scans[number].miss(received)
                else:
                    scans[number].tell(received)
                    for attempt in received.attempts[-1:]:
                        latency.note(attempt.milliseconds / 1000)
                yield scans[number], received
    if failure is not None:
        raise failure


def _fill(
    scans: Sequence[Scan],
    under_way: dict[int, deque[Future[Page | Miss]]],
    api: Api,
    pool: ThreadPoolExecutor,
    connections: int,
    asked: list[int],
    most_asked: int | None,
) -> None:
    free_slots = connections - sum(map(len, under_way.values()))
    for number, scan in enumerate(scans):
        while free_slots > 0 and asked[number] != most_asked and (request := scan.ask()) is not None:
            asked[number] += 1
            under_way[number].append(pool.submit(_fetched, api, request))
            free_slots -= 1


def _fetched(api: Api, request: Request) -> Page | Miss:
    try:
        return api.fetch(request)
    except EndpointFailed as error:
        return Miss(request, error.at, error.reason, error.attempts, error.status, error.is_too_large)


def _drop(futures: deque[Future[Page | Miss]]) -> None:
    """Drop the pages of the same scan behind a missing one: they can no longer be delivered in order."""
    for future in futures:
        future.cancel()
        future.exception() if not future.cancelled() else None
    futures.clear()
