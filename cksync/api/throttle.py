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

from cksync.errors import Failed

# magic, number of slots, slot to try first, longest hold, closed until, careful until
_HEADER = struct.Struct("<8sqqddd")
_MAGIC = b"cksync01"
# A higher limit needs no more slots than this: nobody sends so many requests in a period.
MOST_SLOTS = 1_000_000
# No clock of a machine and no wait reaches so many seconds: a thousand years.
_NEVER, _DAY = 3e10, 86_400.0
# After a 429 somebody else uses the key: leave them this share of the limit, for this many periods.
_CAREFUL_SHARE = 0.2
_CAREFUL_PERIODS = 10

# A slot, and what was noted in it: held until then if nothing is heard of it again.
Held = tuple[int, float]


class Ledger:
    """The slots in `path`, shared by every thread and process that opens it.

    The file only grows: a process with a lower limit than its neighbour sees the neighbour's slots too
    and keeps the sum below its own limit.
    """

    def __init__(self, path: Path, limit: int, period: float, longest: float) -> None:
        """Raises Failed when the file cannot be written."""
        self.limit, self.period, self.longest = limit, period, longest
        self._mutex = threading.Lock()
        self._map: mmap.mmap | None = None
        try:
            self._file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b", buffering=0)  # noqa: SIM115
            with self._locked():
                self._grow()
        except OSError as error:
            raise Failed(f"state: {path} cannot be written: {error.strerror}") from None

    def _grow(self) -> None:
        """Make room for our slots beside those that are there, and note how long ours are held."""
        head = self._file.read(_HEADER.size)
        count, first, span, closed, careful = 0, 0, 0.0, 0.0, 0.0
        if len(head) == _HEADER.size and head.startswith(_MAGIC):
            _, count, first, span, closed, careful = _HEADER.unpack(head)
        most_span = max(_DAY, 10 * (self.longest + self.period))
        is_ours = 0 <= count <= MOST_SLOTS and 0 <= span <= most_span and 0 <= closed < _NEVER and 0 <= careful < _NEVER
        if not is_ours or self._file.seek(0, os.SEEK_END) > _HEADER.size + 8 * MOST_SLOTS:
            self._file.truncate(0)  # nothing that cksync wrote: it is made anew
            count, first, span, closed, careful = 0, 0, 0.0, 0.0, 0.0
        span = max(span, self.longest + self.period)
        size = _HEADER.size + 8 * max(count, self.limit)
        while (there := self._file.seek(0, os.SEEK_END)) < size:
            self._file.write(bytes(size - there))  # on a full disk a mapped hole would kill the process
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

    def _header(self, slots: mmap.mmap, now: float) -> tuple[int, float, float, float]:
        """The slot to try first, the longest hold, closed until, careful until.

        Times further ahead than any can be were written before a reboot: they are cut, which is written
        down so that they end.
        """
        _, _, first, span, closed, careful = _HEADER.unpack_from(slots)
        latest = now + 2 * span
        if closed > latest or careful > latest + _CAREFUL_PERIODS * span:
            closed, careful = min(closed, latest), min(careful, latest)
            struct.pack_into("<dd", slots, 32, closed, careful)
        return first, span, closed, careful

    def reserve(self, now: float) -> tuple[Held | None, float]:
        """Take a slot at `now`: (slot, 0), or (None, seconds until one may be free)."""
        with self._locked():
            slots, count = self._slots()
            first, span, closed, careful = self._header(slots, now)
            if now < closed:
                return None, closed - now
            allowed = max(1, int(self.limit * (1 - _CAREFUL_SHARE))) if now < careful else self.limit
            first %= count
            if allowed < count or _free_at(slots, first) > now:
                held = _held(slots, count, now, span)
                if len(held) >= allowed:
                    return None, max(held[len(held) - allowed] - now, 0.001)
                first = next(s for s in _from(first, count) if not _free_at(slots, s) > now)  # NaN is free
            until = now + self.longest + self.period
            _hold(slots, first, until)
            struct.pack_into("<q", slots, 16, first + 1)
            return (first, until), 0.0

    def release(self, held: Held, now: float) -> None:
        """The response (or the failure) came at `now`: the slot is free one period later.

        One that came later than `longest` may find its slot taken by another request, and leaves it.
        """
        slot, until = held
        with self._locked():
            slots, _ = self._slots()
            if _free_at(slots, slot) == until:
                _hold(slots, slot, now + self.period)

    def back_off(self, now: float, seconds: float) -> None:
        """A 429 that is not our doing: close the door for everybody, then be careful for a while."""
        with self._locked():
            slots, _ = self._slots()
            _, _, closed, _ = self._header(slots, now)
            closed = max(closed, now + seconds)
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


def _held(slots: mmap.mmap, count: int, now: float, span: float) -> list[float]:
    """When the held slots become free, soonest first.

    One that claims to be held for far longer than `span`, the longest hold, was written before a reboot:
    it is held for a full turn from now, which is written down so that it ends. (Not for a little longer:
    another thread may have read the clock later and come here earlier.)
    """
    times = array("d", slots[_HEADER.size : _HEADER.size + 8 * count])
    for slot in (s for s, at in enumerate(times) if at > now + 2 * span):
        times[slot] = now + span
        _hold(slots, slot, times[slot])
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
        held = self._wait()
        try:
            yield
        finally:
            self._ledger.release(held, self._clock())

    def _wait(self) -> Held:
        while not self._stop.is_set():
            held, seconds = self._ledger.reserve(self._clock())
            if held is not None:
                return held
            self._stop.wait(min(seconds, self.LOOK_AGAIN_SECONDS))
        raise Stopped

    def back_off(self, seconds: float) -> None:
        """Nobody sends for so many seconds, and everybody less for a while after."""
        self._ledger.back_off(self._clock(), seconds)


def floor_seconds(requests: int, limit: int, period: float) -> float:
    """The least time that so many requests take under the limit: the last window need not be waited out."""
    return period * ((max(requests, 1) - 1) // limit)
