"""The three streams of the process: closed, full, no longer read, or without the characters that are shown.

All that is printed goes through them. What goes to a terminal moves no cursor and turns no text around: control
characters and the marks for the direction of writing are shown as escapes (`visible`). Anything else gets every byte.

The work goes on whatever becomes of its output, and its exit status stays what it is. What a device did not take is
known at the end (`Output.problem`); a reader that has seen enough, or a stream that was closed from the beginning, is
no problem.
"""

import contextlib
import io
import os
import re
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

import click

from cksync.secrets import without_addresses

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")
STDIN, STDOUT, STDERR = 0, 1, 2
# Controls but for tab and the ends of lines, of which a carriage return alone is none; directions of writing, and the
# separators that some terminals break lines at.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)


# Whether whoever runs the command wants no address shown (`--redact`), in whatever is said.
_hides_addresses = False


def hide_addresses(is_wanted: bool) -> None:
    """Mask mail addresses in all that is printed from now on, by whomever it was worded."""
    global _hides_addresses
    _hides_addresses = is_wanted


def _cleaned(text: str, *, is_terminal: bool) -> str:
    if _hides_addresses:
        text = without_addresses(text)
    return visible(text) if is_terminal else text


def visible(text: str) -> str:
    """A text as a terminal may have it: `\\u001b` for an escape character."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Sink(io.RawIOBase):
    """A descriptor to write to. Once it takes nothing more, all that follows goes nowhere."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.is_open = True
        self.problem: OSError | None = None

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        size = memoryview(data).nbytes
        while self.is_open:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # another process has made the pipe or the terminal non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.is_open = False
                self.problem = None if isinstance(error, BrokenPipeError) else error
        return size


class Output(io.TextIOWrapper):
    """Text for people, in the terminal's own encoding; what that cannot spell is a `?`."""

    # Not the real one: click takes ASCII for a mistake, and would write UTF-8 past this stream.
    encoding = "utf-8"

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._sink = _Sink(descriptor)
        self.is_terminal = is_terminal = self._sink.isatty()
        super().__init__(
            io.BufferedWriter(self._sink),
            encoding=encoding,
            errors="replace",
            newline="",
            line_buffering=is_terminal or descriptor == STDERR,
        )

    def write(self, text: str, /) -> int:
        return super().write(_cleaned(text, is_terminal=self.is_terminal))

    def steer(self, text: str) -> None:
        """Send what steers the terminal: a bar, a cursor. Nothing that somebody else has worded."""
        super().write(text)
        self.flush()

    @property
    def is_open(self) -> bool:
        """Whether what is written still goes anywhere."""
        return self._sink.is_open

    @property
    def problem(self) -> OSError | None:
        """Why output was lost; None where none was, or only the reader had seen enough."""
        return self._sink.problem


def open_streams() -> Output:
    """Give the process three streams that never fail; the one for results is returned."""
    encodings = [getattr(stream, "encoding", None) or "utf-8" for stream in (sys.stdout, sys.stderr)]
    for descriptor in (STDIN, STDOUT, STDERR):
        _fill(descriptor)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(STDIN, closefd=False), encoding="utf-8")
    out, err = Output(STDOUT, encodings[0]), Output(STDERR, encodings[1])
    sys.stdout, sys.stderr = out, err
    return out


def _fill(descriptor: int) -> None:
    """Let a closed descriptor lead nowhere, before a file that is opened later gets its number."""
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        os.set_inheritable(descriptor, True)


class _Data(io.TextIOWrapper):
    """CSV or JSON on its way to a file, a pipe or a terminal."""

    def write(self, text: str, /) -> int:
        return super().write(_cleaned(text, is_terminal=sys.stdout.isatty()))


class _Steering(io.TextIOBase):
    """stderr for a bar, which moves the cursor. What others have worded must be `visible` before it gets here."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._stream: TextIO = sys.stderr  # what stands there later is `Above`

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if isinstance(self._stream, Output):
            self._stream.steer(text)
        else:  # a program that calls the commands itself
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def steering() -> TextIO:
    """stderr for a bar, which steers the terminal."""
    return cast(TextIO, _Steering())  # a TextIOBase has all of TextIO that is used


class Above(io.TextIOBase):
    """A stream while a bar is shown: whole lines go above it, by way of `show`."""

    encoding = "utf-8"

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._begun = show, ""

    def isatty(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._show(_cleaned(line, is_terminal=True))
        return len(text)

    def flush(self) -> None:
        if self._begun:
            self.write("\n")


@contextlib.contextmanager
def utf8() -> Iterator[TextIO]:
    """stdout for CSV and JSON, which are UTF-8 wherever they go; lines end as they are written."""
    sys.stdout.flush()
    stream = _Data(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="")
    try:
        yield stream
    finally:
        stream.flush()
        stream.detach()


def while_read(rows: Iterable[T]) -> Iterator[T]:
    """The rows, as long as what is printed of them goes anywhere."""
    for row in rows:
        if not getattr(sys.stdout, "is_open", True):
            return
        yield row


def from_stdin(what: str) -> str:
    """All of stdin, which is UTF-8 as every file of SQL is. Raises UsageError where it is not."""
    return _text(sys.stdin.buffer.read(), what)


def as_typed(argument: str, what: str) -> str:
    """An argument as text: what the locale could not read is UTF-8. Raises UsageError where it is not.

    Not for a path, whose bytes are the system's.
    """
    could_read = not any("\ud800" <= letter <= "\udfff" for letter in argument)
    return argument if could_read else _text(os.fsencode(argument), what)


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{what} is no text in UTF-8; save it as UTF-8, or set LC_ALL=C.UTF-8") from None
