"""A few lines at the bottom of a terminal that are redrawn in place, while others are printed above them."""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

from cksync.cli.streams import STDERR, Above, columns_of, steering
from cksync.clock import REAL_TIME, Time

# How often the lines are redrawn, in seconds.
REDRAW_SECONDS = 0.5
_HIDE, _SHOW, _CLEAR, _UP = "\x1b[?25l", "\x1b[?25h", "\r\x1b[J", "\x1b[{}A"


class Bar:
    """`lines` gives what to show now, given the width of the terminal; none of it may come from outside unescaped."""

    def __init__(self, lines: Callable[[int], Sequence[str]]) -> None:
        self._lines, self._stream = lines, steering()
        self._lock, self._height = threading.Lock(), 0

    def draw(self) -> None:
        """Show the lines as they are now."""
        with self._lock:
            self._stream.write(self._cleared() + self._drawn())

    def above(self, line: str) -> None:
        """Print a line that stays, above the others."""
        with self._lock:
            self._stream.write(f"{self._cleared()}{line}\n{self._drawn()}")

    def clear(self) -> None:
        """Remove the lines."""
        with self._lock:
            self._stream.write(self._cleared())
            self._height = 0

    def _cleared(self) -> str:
        return (_UP.format(self._height - 1) if self._height > 1 else "") + _CLEAR

    def _drawn(self) -> str:
        width = columns_of(STDERR) - 1  # the last column would begin a new line
        lines = [line[:width] for line in self._lines(width)]
        self._height = len(lines)
        return "\n".join(lines)


@contextmanager
def bar(lines: Callable[[int], Sequence[str]], time: Time = REAL_TIME) -> Iterator[Bar]:
    """Show lines until the block ends; meanwhile, what is printed to the terminal appears above them."""
    shown = Bar(lines)
    steering().write(_HIDE)
    try:
        with _aside(shown.above), time.ticking(REDRAW_SECONDS, shown.draw):
            shown.draw()
            yield shown
    finally:
        shown.clear()
        steering().write(_SHOW)


@contextmanager
def _aside(above: Callable[[str], None]) -> Iterator[None]:
    """Print terminal output above the lines; files and pipes are unaffected."""
    with ExitStack() as stack:
        if sys.stdout.isatty():
            stack.enter_context(redirect_stdout(Above(above)))
        stack.enter_context(redirect_stderr(Above(above)))
        yield
