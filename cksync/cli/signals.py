"""Ctrl-C and SIGTERM: a run ends cleanly, and if it cannot (a long statement, a name that is being resolved) it ends
all the same, within the seconds that a service manager leaves it."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

from cksync.errors import Interrupted

ENDS_WITHIN_SECONDS = 4.0
_ENDS = frozenset({signal.SIGINT, signal.SIGTERM})
# While a question is open nothing is under way.
_is_asking = threading.Event()


def stop_on_signals() -> threading.Event:
    """An event that the first signal sets. A second one ends the process at once, and so does the time.

    A thread waits for them, because no handler runs before a statement of the database is through.
    """
    stop = threading.Event()
    _listen(lambda: _stop(stop))
    return stop


def end_on_signals(last_words: Callable[[], None]) -> None:
    """From here on a signal ends the process at once, after some last words: for what leaves nothing half done."""
    _listen(lambda: _end(last_words))


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """A question is open: a signal ends the process at once."""
    _is_asking.set()
    try:
        yield
    finally:
        _is_asking.clear()


def _listen(react: Callable[[], None]) -> None:
    """Have a thread wait for the first signal, and react to it."""

    def wait() -> None:
        signal.sigwait(_ENDS)
        react()

    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    threading.Thread(target=wait, name="signals", daemon=True).start()


def _stop(stop: threading.Event) -> None:
    stop.set()
    if not _is_asking.is_set():
        last = threading.Timer(ENDS_WITHIN_SECONDS, _end, (_say_stopped,))
        last.daemon = True
        last.start()
        signal.sigwait(_ENDS)
    _end(_say_stopped)


def _say_stopped() -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"\ncksync: stopped at once; nothing is lost, and the same command goes on from there\n")


def _end(last_words: Callable[[], None]) -> None:
    """End as a kill would, which loses nothing, but with a word and the status of an interruption."""
    last_words()
    os._exit(Interrupted.exit_status)
