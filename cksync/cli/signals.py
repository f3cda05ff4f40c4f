"""Ctrl-C and SIGTERM: a command stops cleanly if it can. If it cannot (during a long statement or a DNS lookup), it is
ended anyway, within the grace period of service managers."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

from cksync.errors import Interrupted

ENDS_WITHIN_SECONDS = 4.0
_ENDS = frozenset({signal.SIGINT, signal.SIGTERM})
# Set while a prompt is open and nothing else is running.
_is_asking = threading.Event()


def stop_on_signals() -> threading.Event:
    """An event set by the first signal. A second signal, or the timeout, ends the process immediately.

    A thread waits for signals, because Python runs no handler during a database statement.
    """
    stop = threading.Event()
    _listen(lambda: _stop(stop))
    return stop


def end_on_signals(last_words: Callable[[], None]) -> None:
    """From now on, a signal prints a message and ends the process: for commands that leave nothing incomplete."""
    _listen(lambda: _end(last_words))


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """While a prompt is open, a signal ends the process immediately."""
    _is_asking.set()
    try:
        yield
    finally:
        _is_asking.clear()


def _listen(react: Callable[[], None]) -> None:
    """Start a thread that waits for the first signal and reacts to it."""

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
        os.write(2, b"\ncksync: stopped; nothing is lost, run the same command again to continue\n")


def _end(last_words: Callable[[], None]) -> None:
    """End the process immediately, which loses nothing, with a message and the exit status of an interruption."""
    last_words()
    os._exit(Interrupted.exit_status)


def discard_typed() -> None:
    """Discard what was typed before a question appeared: it was meant for something else."""
    import termios

    with contextlib.suppress(termios.error, OSError, ValueError):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
