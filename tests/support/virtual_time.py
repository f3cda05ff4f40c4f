"""A virtual clock for a whole pull: it stands still while anything works, and jumps when everything waits.

    clock = VirtualTime()
    with serve(world, ticks=clock.ticks, pause=clock.pause) as sandbox:
        list(pull(config, time=clock.time))

Everything else is real: requests, threads and files. Those who wait for the clock are the threads that send requests
(`Time.wait`) and the responses that the server delays (`pause`). While the fetching thread waits for a response, and
each request under way waits for the clock, the clock goes on to the first moment at which one of them may continue.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from cksync.clock import Time

# How the threads of requests are named.
WORKERS = "api"
# How long to wait, in real seconds, before looking again if everything waits.
LOOK_AGAIN = 0.0005
# How often a waiting thread looks if it should end, and how long the clock may stand still, in real seconds.
POLL, PATIENCE = 0.05, 60.0


class VirtualTime:
    """The clock; `time` is what a pull takes."""

    def __init__(self, start: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)) -> None:
        self._start = start
        self._moved = threading.Condition()
        self._at = 0.0
        # Who waits, until when, and how to wake them.
        self._sleepers: dict[object, tuple[float, Callable[[], None]]] = {}
        self._is_driven = False
        self._ticking: list[list[Any]] = []
        self.time = Time(self.wall, self.ticks, self.wait, self.first_done, self.ticking)

    def ticks(self) -> float:
        """Return the seconds since the start."""
        return self._at

    def wall(self) -> datetime:
        """Return the time of day."""
        return self._start + timedelta(seconds=self._at)

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """See Time.wait."""
        if event.is_set() or not threading.current_thread().name.startswith(WORKERS):
            self._move(self._at + (0.0 if event.is_set() else seconds))
            return event.is_set()
        awake = threading.Event()
        with self._moved:
            self._sleepers[awake] = (self._at + seconds, awake.set)
            self._moved.notify_all()
        looked_at, looks = self._at, 0
        while not awake.wait(POLL) and not event.is_set():
            looked_at, looks = self._at, looks + 1 if looked_at == self._at else 0
            if looks * POLL > PATIENCE:
                raise RuntimeError("the virtual clock stands still: a test has failed while requests were under way")
        with self._moved:
            self._sleepers.pop(awake, None)
        return event.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait, as the server does before it responds."""
        if seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        woken = loop.create_future()
        with self._moved:
            is_driven = self._is_driven
            if is_driven:

                def wake() -> None:
                    loop.call_soon_threadsafe(woken.set_result, None)

                self._sleepers[woken] = (self._at + seconds, wake)
                self._moved.notify_all()
        if is_driven:
            await woken
        else:
            self._move(self._at + seconds)

    def first_done(self, heads: Sequence[Future[Any]], under_way: Sequence[Future[Any]], seconds: float) -> bool:
        """See Time.first_done."""
        self._is_driven = True
        deadline = self._at + seconds
        while True:
            if any(head.done() for head in heads):
                # With nothing under way, requests may follow that no one waits for here.
                self._is_driven = not all(future.done() for future in under_way)
                return True
            with self._moved:
                working = sum(not future.done() for future in under_way) - len(self._sleepers)
                if working > 0:
                    self._moved.wait(LOOK_AGAIN)
                    continue
                if not self._sleepers:  # the last one is done
                    continue
                until = min(at for at, _ in self._sleepers.values())
            self._move(min(until, deadline))
            if until > deadline:
                return False

    @contextlib.contextmanager
    def ticking(self, seconds: float, call: Callable[[], None]) -> Iterator[None]:
        """See Time.ticking."""
        entry = [self._at + seconds, seconds, call]
        self._ticking.append(entry)
        try:
            yield
        finally:
            self._ticking.remove(entry)

    def _move(self, to: float) -> None:
        """Go on to a moment, calling what ticks on the way, and wake those who waited for it."""
        while ticking := [entry for entry in self._ticking if entry[0] <= to]:
            entry = min(ticking, key=lambda each: float(each[0]))
            self._at = max(self._at, entry[0])
            entry[0] += entry[1]
            entry[2]()
        with self._moved:
            self._at = max(self._at, to)
            for sleeper in [each for each, (at, _) in self._sleepers.items() if at <= self._at]:
                _, wake = self._sleepers.pop(sleeper)
                wake()
