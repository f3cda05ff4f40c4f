"""The request budget: never a 429 of our own making, and nearly all of the limit used.

A request holds a slot from the moment it is sent until `period` seconds after its response arrived.
The server saw it somewhere in between, so no rolling window at the server can hold more requests than
there are slots, whatever the latencies and however many threads and processes send. A request that
never ends (its process died) holds its slot for `longest + period` seconds: the time it could at most
have needed to arrive, and then its window.

The slots live in a file: a header and one float64 a slot, the moment it is free again on the machine's
monotonic clock. That clock never jumps, is shared by all processes, and starts at zero with the
machine, so a slot written before a reboot is at worst kept too long, never let go too early.
"""

import fcntl
import mmap
import os
import struct
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# magic, number of slots, slot to try first, longest hold, closed until, careful until
_HEADER = struct.Struct("<8sqqddd")
_MAGIC = b"cksync01"
# After a 429 somebody else uses the key: leave them this share of the limit, for this many periods.
_CAREFUL_SHARE = 0.2
_CAREFUL_PERIODS = 10


class Ledger:
    """The slots in `path`, shared by every thread and process that opens it.

    The file only grows: a process with a lower limit than its neighbour sees the neighbour's slots too
    and keeps the sum below its own limit.
    """

    def __init__(self, path: Path, limit: int, period: float, longest: float) -> None:
        self.limit, self.period, self.longest = limit, period, longest
        self._mutex = threading.Lock()
        self._file = open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)  # noqa: SIM115
        self._map: mmap.mmap | None = None
        with self._locked():
            self._grow()

    def _grow(self) -> None:
        """Make room for our slots beside those that are there, and note how long ours are held."""
        head = self._file.read(_HEADER.size)
        fields = (_MAGIC, 0, 0, 0.0, 0.0, 0.0)
        if len(head) == _HEADER.size and head.startswith(_MAGIC):
            fields = _HEADER.unpack(head)
        _, count, first, span, closed, careful = fields
        span = max(span, self.longest + self.period)
        size = _HEADER.size + 8 * max(count, self.limit)
        if os.fstat(self._file.fileno()).st_size < size:
            self._file.truncate(size)
        self._file.seek(0)
        self._file.write(_HEADER.pack(_MAGIC, max(count, self.limit), first, span, closed, careful))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _slots(self) -> tuple[mmap.mmap, int]:
        """The mapped file and its number of slots, mapped again when a neighbour has made it grow."""
        size = os.fstat(self._file.fileno()).st_size
        if self._map is None or len(self._map) != size:
            self._map = mmap.mmap(self._file.fileno(), size)
        return self._map, (size - _HEADER.size) // 8

    def reserve(self, now: float) -> tuple[int | None, float]:
        """Take a slot at `now`: (slot, 0), or (None, seconds until one may be free)."""
        with self._locked():
            slots, count = self._slots()
            _, _, first, span, closed, careful = _HEADER.unpack_from(slots)
            closed = min(closed, now + 2 * self.period)  # a clock that began anew cannot keep us out
            if now < closed:
                return None, closed - now
            is_careful = now < min(careful, now + _CAREFUL_PERIODS * self.period)
            allowed = max(1, int(self.limit * (1 - _CAREFUL_SHARE))) if is_careful else self.limit
            first %= count
            if allowed < count or _free_at(slots, first) > now:
                held = _held(slots, count, now, now + span)
                if len(held) >= allowed:
                    return None, max(held[len(held) - allowed] - now, 0.001)
                first = next(s for s in _from(first, count) if _free_at(slots, s) <= now)
            _hold(slots, first, now + self.longest + self.period)
            struct.pack_into("<q", slots, 16, first + 1)
            return first, 0.0

    def release(self, slot: int, now: float) -> None:
        """The response (or the failure) came at `now`: the slot is free one period later."""
        with self._locked():
            _hold(self._slots()[0], slot, now + self.period)

    def back_off(self, now: float, seconds: float) -> None:
        """A 429 that is not our doing: close the door for everybody, then be careful for a while."""
        with self._locked():
            slots, _ = self._slots()
            closed = _HEADER.unpack_from(slots)[4]
            closed = max(min(closed, now + 2 * self.period), now + seconds)
            struct.pack_into("<dd", slots, 32, closed, closed + _CAREFUL_PERIODS * self.period)

    def close(self) -> None:
        """Let go of the file."""
        if self._map is not None:
            self._map.close()
        self._file.close()


def _free_at(slots: mmap.mmap, slot: int) -> float:
    at: float = struct.unpack_from("<d", slots, _HEADER.size + 8 * slot)[0]
    return at


def _hold(slots: mmap.mmap, slot: int, until: float) -> None:
    struct.pack_into("<d", slots, _HEADER.size + 8 * slot, until)


def _from(first: int, count: int) -> Iterator[int]:
    return (slot % count for slot in range(first, first + count))


def _held(slots: mmap.mmap, count: int, now: float, latest: float) -> list[float]:
    """When the held slots become free, soonest first.

    One that claims to be held for longer than any can be was written before a reboot: it is held for a
    full turn from now, which is written down so that it ends.
    """
    times = array("d", slots[_HEADER.size : _HEADER.size + 8 * count])
    for slot in (s for s, at in enumerate(times) if at > latest):
        times[slot] = latest
        _hold(slots, slot, latest)
    return sorted(at for at in times if at > now)


class Stopped(Exception):
    """The run is ending: the request was not sent."""


class Throttle:
    """Waits for a slot of the ledger on the real clock, until told to stop."""

    # Another process may free a slot sooner than its pessimistic note says: look again this often.
    LOOK_AGAIN_SECONDS = 0.5

    def __init__(self, ledger: Ledger, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger, self._stop, self._clock = ledger, stop, clock

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for one request. Raises Stopped instead of waiting on once the run is ending."""
        number = self._wait()
        try:
            yield
        finally:
            self._ledger.release(number, self._clock())

    def _wait(self) -> int:
        while not self._stop.is_set():
            number, seconds = self._ledger.reserve(self._clock())
            if number is not None:
                return number
            self._stop.wait(min(seconds, self.LOOK_AGAIN_SECONDS))
        raise Stopped

    def back_off(self, seconds: float) -> None:
        """Nobody sends for so many seconds, and everybody less for a while after."""
        self._ledger.back_off(self._clock(), seconds)


def floor_seconds(requests: int, limit: int, period: float) -> float:
    """The least time that so many requests take under the limit: the last window need not be waited out."""
    return period * ((max(requests, 1) - 1) // limit)
