"""Drives walks: a few requests under way at once, every page told in order."""

import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from cksync.api import Api, Stopped
from cksync.domain import Miss, Page, Request
from cksync.errors import CksyncError, EndpointFailed
from cksync.extract.scan.full import Scan

# How long nothing may arrive before the caller gets a turn to store what it has.
IDLE_SECONDS = 0.5


def fetch_all(
    scans: Sequence[Scan], api: Api, concurrency: int, stop: threading.Event
) -> Generator[tuple[Scan, Page | Miss] | None, None, None]:
    """Read all walks to their ends, the first ones first, and yield each page, and each request without a usable
    answer, once its walk knows it.

    At most `concurrency` requests are sent but not yet yielded: so much is asked again after a kill.
    Yields None when nothing arrives for a while. An endpoint that fails is its walk's affair. When `stop` is set or
    the whole API fails, what is under way is still taken in; then the failure is raised.
    """
    under_way: dict[int, deque[Future[Page | Miss]]] = {n: deque() for n in range(len(scans))}
    failure: CksyncError | None = None
    with ThreadPoolExecutor(concurrency, thread_name_prefix="api") as pool:
        while True:
            if failure is None and not stop.is_set():
                _fill(scans, under_way, api, pool, concurrency)
            heads = [(n, futures[0]) for n, futures in under_way.items() if futures]
            if not heads:
                break
            if not wait([head for _, head in heads], IDLE_SECONDS, FIRST_COMPLETED).done:
                yield None
            for number, head in heads:
                if not head.done():
                    continue
                under_way[number].popleft()
                try:
                    came = head.result()
                except Stopped:
                    _drop(under_way[number])
                    continue
                except CksyncError as error:
                    failure = failure or error
                    _drop(under_way[number])
                    continue
                if isinstance(came, Miss):
                    scans[number].miss(came)
                else:
                    scans[number].tell(came)
                yield scans[number], came
    if failure is not None:
        raise failure


def _fill(
    scans: Sequence[Scan],
    under_way: dict[int, deque[Future[Page | Miss]]],
    api: Api,
    pool: ThreadPoolExecutor,
    concurrency: int,
) -> None:
    room = concurrency - sum(map(len, under_way.values()))
    for number, scan in enumerate(scans):
        while room > 0 and (request := scan.ask()) is not None:
            under_way[number].append(pool.submit(_fetched, api, request))
            room -= 1


def _fetched(api: Api, request: Request) -> Page | Miss:
    try:
        return api.fetch(request)
    except EndpointFailed as error:
        return Miss(request, error.at, error.reason, error.attempts)


def _drop(futures: deque[Future[Page | Miss]]) -> None:
    """A page is missing: those of the same walk behind it cannot be told, for they would not be in order."""
    for future in futures:
        future.cancel()
        future.exception() if not future.cancelled() else None
    futures.clear()
