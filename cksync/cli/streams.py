"""The three streams of the process: closed, full, no longer read, or without the characters that are shown.

The work goes on whatever becomes of its output, and its exit status stays what it is. What a device did not take is
known at the end (`Output.problem`); a reader that has seen enough, or a stream that was closed from the beginning, is
no problem.
"""

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")
STDIN, STDOUT, STDERR = 0, 1, 2


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
        is_terminal = self._sink.isatty()
        super().__init__(
            io.BufferedWriter(self._sink),
            encoding=encoding,
            errors="replace",
            newline="",
            line_buffering=is_terminal or descriptor == STDERR,
        )

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


@contextlib.contextmanager
def utf8() -> Iterator[TextIO]:
    """stdout for CSV and JSON, which are UTF-8 wherever they go; lines end as they are written."""
    sys.stdout.flush()
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="")
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
