"""The request budget: never causes a 429, and uses nearly all of the limit.

A request holds a slot from the moment it is sent until `period` seconds after its response arrived. The server saw it
somewhere in between, so no rolling window at the server can hold more requests than there are slots, whatever the
latencies and however many threads and processes send. A request that never ends (its process died) holds its slot for
`longest + period` seconds: the most it could have needed to arrive, and then its window.

The slots are stored in a file: a header and one float64 per slot, the moment it is free again on the machine's
monotonic clock. That clock never jumps, is shared by all processes, and starts at zero with the machine, so a slot
written before a reboot is at worst kept too long, never released too early.
"""

import fcntl
import os
import struct
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cksync.clock import REAL_TIME, Time
from cksync.errors import Failed

# magic, number of slots, slot to try first, longest hold, closed until, careful until; then the mutable part
_HEADER = struct.Struct("<8sqqddd")
_FIRST, _FIRST_AT = struct.Struct("<q"), 16
_DOOR, _DOOR_AT = struct.Struct("<dd"), 32
_SLOT = struct.Struct("<d")
_MAGIC = b"cksync01"
# A higher limit needs no more slots: so many requests are never sent in one period.
MOST_SLOTS = 1_000_000
# Longer than any uptime or wait, in seconds: a thousand years.
_NEVER, _DAY = 3e10, 86_400.0
# After a 429, another program uses the key: leave it this share of the limit, for this many periods.
_CAREFUL_SHARE = 0.2
# With more slots than this, no request waits for one, and it would take long to look at each.
_MOST_FORESEEN = 5_000
_CAREFUL_PERIODS = 10

# A slot and the time noted in it, until which it is held if never released.
Held = tuple[int, float]


class Ledger:
    """The slots in `path`, shared by every thread and process that opens it.

    The file only grows: a process with a lower limit than another one sees the other's slots too, and keeps the sum
    below its own limit.
    """

    def __init__(self, path: Path, limit: int, period: float, longest: float) -> None:
        """Raises Failed if the file cannot be written."""
        self.limit, self.period, self.longest = limit, period, longest
        self._mutex = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with self._locked():
                self._grow()
        except OSError as error:
            raise Failed(f"state: {path} cannot be written: {error.strerror}") from None

    def _grow(self) -> None:
        """Add space for this process's slots to the existing ones, and note their longest hold."""
        head = os.pread(self._file, _HEADER.size, 0)
        count, first, span, closed, careful = 0, 0, 0.0, 0.0, 0.0
        if len(head) == _HEADER.size and head.startswith(_MAGIC):
            _, count, first, span, closed, careful = _HEADER.unpack(head)
        most_span = max(_DAY, 10 * (self.longest + self.period))
        is_valid = (
            0 <= count <= MOST_SLOTS and 0 <= span <= most_span and 0 <= closed < _NEVER and 0 <= careful < _NEVER
        )
        if not is_valid or os.fstat(self._file).st_size > _HEADER.size + 8 * MOST_SLOTS:
            os.ftruncate(self._file, 0)  # not written by cksync: start from scratch
            count, first, span, closed, careful = 0, 0, 0.0, 0.0, 0.0
        span, count = max(span, self.longest + self.period), max(count, self.limit)
        size = _HEADER.size + 8 * count
        while (there := os.fstat(self._file).st_size) < size:  # a full disk accepts a part, then reports the error
            os.pwrite(self._file, bytes(size - there), there)
        os.pwrite(self._file, _HEADER.pack(_MAGIC, count, first, span, closed, careful), 0)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _header(self, now: float) -> tuple[int, int, float, float, float]:
        """Return the number of slots, the one to try first, the longest hold, closed until, careful until.

        Times further ahead than possible were written before a reboot: they are reduced, and stored so that they
        expire.
        """
        _, count, first, span, closed, careful = _HEADER.unpack(os.pread(self._file, _HEADER.size, 0))
        latest = now + 2 * span
        if closed > latest or careful > latest + _CAREFUL_PERIODS * span:
            closed, careful = min(closed, latest), min(careful, latest)
            os.pwrite(self._file, _DOOR.pack(closed, careful), _DOOR_AT)
        return count, first % count, span, closed, careful

    def reserve(self, now: float) -> tuple[Held | None, float]:
        """Take a slot at `now`: (slot, 0), or (None, seconds until one may be free)."""
        with self._locked():
            count, first, span, closed, careful = self._header(now)
            if now < closed:
                return None, closed - now
            allowed = max(1, int(self.limit * (1 - _CAREFUL_SHARE))) if now < careful else self.limit
            if allowed < count or self._free_at(first) > now:
                times = self._times(count, now, span)
                held = sorted(at for at in times if at > now)
                if len(held) >= allowed:
                    return None, max(held[len(held) - allowed] - now, 0.001)
                first = next(slot for slot in _from(first, count) if not times[slot] > now)  # NaN is free
            until = now + self.longest + self.period
            self._hold(first, until)
            os.pwrite(self._file, _FIRST.pack(first + 1), _FIRST_AT)
            return (first, until), 0.0

    def release(self, held: Held, now: float) -> None:
        """Release a slot whose response (or failure) arrived at `now`; it is free one period later.

        After more than `longest`, another request may have taken the slot, which is then left alone.
        """
        slot, until = held
        with self._locked():
            if self._free_at(slot) == until:
                self._hold(slot, now + self.period)

    def back_off(self, now: float, seconds: float) -> None:
        """Handle a 429 that another program caused: stop all requests for a while, then send fewer."""
        with self._locked():
            _, _, _, closed, _ = self._header(now)
            closed = max(closed, now + seconds)
            os.pwrite(self._file, _DOOR.pack(closed, closed + _CAREFUL_PERIODS * self.period), _DOOR_AT)

    def pace(self, now: float, latency_seconds: float) -> "Pace":
        """Return when the next requests may be sent, as far as is known `now`."""
        with self._locked():
            count, _, span, closed, careful = self._header(now)
            allowed = max(1, int(self.limit * (1 - _CAREFUL_SHARE))) if now < careful else self.limit
            # A request in flight holds its slot for as long as it may take, but will be answered soon.
            most = now + latency_seconds + self.period
            times = self._times(count, now, span) if count <= _MOST_FORESEEN else ()
            held = sorted(min(at, most) - now for at in times if at > now)
        return Pace(tuple(held), allowed, self.period + latency_seconds, max(closed - now, 0.0))

    def _free_at(self, slot: int) -> float:
        at: float = _SLOT.unpack(os.pread(self._file, _SLOT.size, _HEADER.size + 8 * slot))[0]
        return at

    def _hold(self, slot: int, until: float) -> None:
        os.pwrite(self._file, _SLOT.pack(until), _HEADER.size + 8 * slot)

    def _times(self, count: int, now: float, span: float) -> "array[float]":
        """Return when each slot is free.

        A slot held for far longer than `span`, the longest hold, was noted before a reboot: it is held for `span` from
        now, and stored so that it expires. (Not for a little longer: another thread may have read the clock later and
        come here earlier.)
        """
        times = array("d", os.pread(self._file, 8 * count, _HEADER.size))
        for slot in (slot for slot, at in enumerate(times) if at > now + 2 * span):
            times[slot] = now + span
            self._hold(slot, times[slot])
        return times

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _from(first: int, count: int) -> Iterator[int]:
    return (slot % count for slot in range(first, first + count))


class Stopped(Exception):
    """The run is ending: the request was not sent."""


class Throttle:
    """Waits for a slot of the ledger on the real clock, until stopped."""

    # How often to check again: another process may free a slot sooner than its pessimistic note says.
    LOOK_AGAIN_SECONDS = 0.5

    def __init__(self, ledger: Ledger, stop: threading.Event, time: Time = REAL_TIME) -> None:
        self._ledger, self._stop, self._time = ledger, stop, time
        self._waiting: dict[int, float] = {}  # the threads that wait, each with the time until when
        self._closed_until = 0.0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold a slot for one request. Raises Stopped instead of waiting once the run is ending."""
        held = self._wait()
        try:
            yield
        finally:
            self._ledger.release(held, self._time.ticks())

    def _wait(self) -> Held:
        thread = threading.get_ident()
        try:
            while not self._stop.is_set():
                now = self._time.ticks()
                held, seconds = self._ledger.reserve(now)
                if held is not None:
                    return held
                self._waiting[thread] = now + seconds
                self._time.wait(self._stop, min(seconds, self.LOOK_AGAIN_SECONDS))
            raise Stopped
        finally:
            self._waiting.pop(thread, None)

    @property
    def wait(self) -> "Wait | None":
        """Return the wait of the requests that have no slot; None if none waits."""
        until, now = list(self._waiting.values()), self._time.ticks()
        if not until:
            return None
        return Wait(max(min(until) - now, 0.0), is_refused=self._closed_until > now)

    def pace(self, latency_seconds: float) -> "Pace":
        """Return when the next requests may be sent, as far as is known now."""
        return self._ledger.pace(self._time.ticks(), latency_seconds)

    def back_off(self, seconds: float) -> None:
        """Stop all requests for so many seconds, and send fewer for a while after."""
        now = self._time.ticks()
        self._closed_until = max(self._closed_until, now + seconds)
        self._ledger.back_off(now, seconds)


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for the rate limit, of so many seconds from now. `is_refused`: the API has answered with 429."""

    seconds: float
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Pace:
    """When the next requests may be sent: `held` has the seconds until each used slot is free, in order; `allowed` is
    the number of slots, `cycle` how long each is used for, `closed` the seconds until any request may be sent."""

    held: Sequence[float]
    allowed: int
    cycle: float
    closed: float = 0.0

    def seconds_until(self, requests: int, gap: float = 0.0) -> float:
        """Return the seconds until so many more requests are sent, at intervals of at least `gap` seconds."""
        if requests <= 0:
            return 0.0
        used = self.held[max(0, len(self.held) - self.allowed) :]
        free = self.allowed - len(used)
        by_gap = self.closed + requests * gap
        if requests <= free:
            return by_gap
        turns, place = divmod(requests - free - 1, self.allowed)
        first = used[place] if place < len(used) else self.cycle + (place - len(used)) * gap
        return max(first + turns * self.cycle, by_gap)


def floor_seconds(requests: int, limit: int, period: float) -> float:
    """Return the least time that so many requests take under the limit: the last window need not elapse."""
    return period * ((max(requests, 1) - 1) // limit)
