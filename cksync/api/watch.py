"""Cut off requests that take too long: a thread that waits for bytes cannot watch a clock, so another one does."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

# How often the clock is checked, and how long requests in flight may still take once the run is ending.
LOOK_SECONDS, GRACE_SECONDS = 0.2, 2.0


class UnderWay:
    """One request: its deadline on the monotonic clock, and its connection. `was_cut` is set if it was cut off as
    `late`, or because the run is `ending`."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.was_cut: Literal["", "late", "ending"] = ""
        self._connection: Any = None
        self._socket: socket.socket | None = None

    def uses(self, connection: Any) -> None:
        """Note the connection, and its socket if it has one: a connection drops that before the response is read if the
        server is going to close it."""
        self._connection = connection
        self._socket = connection.sock or self._socket

    def cut(self, why: Literal["late", "ending"]) -> None:
        """End every wait for bytes of this request."""
        self.was_cut = why
        held = self._socket or getattr(self._connection, "sock", None)
        if held is not None:
            with contextlib.suppress(OSError):  # it may be closed by now
                socket.socket.shutdown(held, socket.SHUT_RDWR)  # also of a TLS socket, without its shutdown message


class Watch:
    """The requests in flight of all threads. Each has `seconds` from its start to its last byte."""

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._seconds, self._stop = seconds, stop
        self._lock, self._closed = threading.Lock(), threading.Event()
        self._here = threading.local()
        self._under_way: set[UnderWay] = set()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def over(self) -> Iterator[UnderWay]:
        """Watch what this thread sends and receives inside the block."""
        one = self._here.one = UnderWay(time.monotonic() + self._seconds)
        with self._lock:
            self._under_way.add(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._check_deadlines, name="watch", daemon=True)
                self._thread.start()
        try:
            yield one
        finally:
            with self._lock:
                self._under_way.discard(one)

    def notice(self, connection: Any) -> None:
        """Note the connection that this thread's request uses."""
        self._here.one.uses(connection)

    def _check_deadlines(self) -> None:
        ending_at = float("inf")
        while not self._closed.wait(LOOK_SECONDS):
            now = time.monotonic()
            if self._stop.is_set():
                ending_at = min(ending_at, now + GRACE_SECONDS)
            with self._lock:
                for one in self._under_way:
                    if now >= one.until:
                        one.cut("late")
                    elif now >= ending_at:
                        one.cut("ending")

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()


def watched(kind: type[Any], watch: Watch) -> type[Any]:
    """Return a class of connections that report to the watch before they wait for anything."""

    class Watched(kind):  # type: ignore[misc]  # a class of urllib3, for http or https
        def connect(self) -> None:
            watch.notice(self)
            super().connect()

        def request(self, *args: Any, **given: Any) -> None:
            watch.notice(self)
            super().request(*args, **given)

        def getresponse(self) -> Any:
            watch.notice(self)
            return super().getresponse()

    return Watched
