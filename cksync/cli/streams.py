"""Standard streams that never fail: closed, full, no longer read, or unable to encode a character.

All output goes through them. On a terminal, control characters and text direction marks are shown as escapes
(`visible`); files and pipes receive every byte.

A command completes even if its output is lost, with the same exit status. A write error is reported at the end
(`Output.problem`); a reader that stops early, or a stream that was closed from the start, is not an error.
"""

import contextlib
import io
import os
import re
import secrets
import select
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar, cast

import click

from cksync.secrets import without_addresses

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

T = TypeVar("T")
STDIN, STDOUT, STDERR = 0, 1, 2
# Control characters except tab and line ends (a lone carriage return is not a line end), text direction marks, and
# Unicode line separators.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]|\r(?!\n)"
)


# What stands for a color in a text that is printed, until it is known if that goes to a terminal. Nothing from outside
# can contain it, because no one knows the number.
_COLOR = re.compile(f"\x1b{secrets.token_hex(8)}:([a-z]*);")
_COLORS = {"red": "31", "green": "32", "yellow": "33", "": "0"}

# Whether to mask email addresses in all output (`--redact`).
_hides_addresses = False

# No query has more.
MOST_BYTES = 10_000_000


def hide_addresses(is_wanted: bool) -> None:
    """Mask email addresses in all output from now on."""
    global _hides_addresses
    _hides_addresses = is_wanted


def _cleaned(text: str, *, is_terminal: bool) -> str:
    if _hides_addresses:
        text = without_addresses(text)
    if not is_terminal:
        return _COLOR.sub("", text)
    parts = _COLOR.split(text)  # text, color, text, color, text
    return "".join(f"\x1b[{_COLORS[part]}m" if n % 2 else visible(part) for n, part in enumerate(parts))


def colored(text: str, color: str) -> str:
    """A text in a color, on a terminal."""
    if not isinstance(sys.stdout, Output):  # the commands were called by another program
        return text
    mark = _COLOR.pattern.partition("(")[0]
    return f"{mark}{color};{text}{mark};"


def visible(text: str) -> str:
    """A text that is safe for a terminal: `\\u001b` for an escape character."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def columns_of(descriptor: int) -> int:
    """The width of the terminal of a descriptor; $COLUMNS takes precedence."""
    given = os.environ.get("COLUMNS", "")
    with contextlib.suppress(OSError):
        found = int(given) if given.isdecimal() else os.get_terminal_size(descriptor).columns
        return found or 80
    return 80


def folded(text: str, width: int) -> str:
    """A text whose lines break at words; a word longer than a line, such as a path, stays whole. Continued lines are
    indented as the line they belong to."""
    return "\n".join(_folded_line(line, width) for line in text.split("\n"))


def _folded_line(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    indent = line[: len(line) - len(line.lstrip())]
    wrapper = textwrap.TextWrapper(
        max(width, 2 * len(indent) + 10), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.wrap(line))


class _Sink(io.RawIOBase):
    """A raw stream that discards everything after its first write error."""

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
    """Text for people, in the encoding of the terminal; unsupported characters become `?`."""

    # Not the real encoding: click would bypass an ASCII stream and write UTF-8.
    encoding = "utf-8"

    def __init__(self, descriptor: int, encoding: str) -> None:
        self._sink = _Sink(descriptor)
        self.is_terminal = is_terminal = self._sink.isatty()
        self._descriptor = descriptor
        super().__init__(
            io.BufferedWriter(self._sink),
            encoding=encoding,
            errors="replace",
            newline="",
            line_buffering=is_terminal or descriptor == STDERR,
        )

    def write(self, text: str, /) -> int:
        text = _cleaned(text, is_terminal=self.is_terminal)
        if self.is_terminal and self._descriptor == STDERR:  # messages; tables are on stdout
            text = folded(text, columns_of(STDERR))
        return super().write(text)

    def steer(self, text: str) -> None:
        """Write terminal control sequences, for a progress bar or the cursor. Never pass external text."""
        super().write(text)
        self.flush()

    @property
    def is_open(self) -> bool:
        """Whether output is still written."""
        return self._sink.is_open

    @property
    def problem(self) -> OSError | None:
        """The write error that lost output; None if there was none, or the reader stopped early."""
        return self._sink.problem


def open_streams() -> Output:
    """Install standard streams that never fail, and return stdout."""
    encodings = [getattr(stream, "encoding", None) or "utf-8" for stream in (sys.stdout, sys.stderr)]
    for descriptor in (STDIN, STDOUT, STDERR):
        _fill(descriptor)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(STDIN, closefd=False), encoding="utf-8")
    out, err = Output(STDOUT, encodings[0]), Output(STDERR, encodings[1])
    sys.stdout, sys.stderr = out, err
    return out


def _fill(descriptor: int) -> None:
    """Redirect a closed descriptor to /dev/null, so that no file gets its number."""
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        os.set_inheritable(descriptor, True)


class _Data(io.TextIOWrapper):
    """CSV or JSON for a file, pipe or terminal."""

    def write(self, text: str, /) -> int:
        return super().write(_cleaned(text, is_terminal=sys.stdout.isatty()))


class _Steering(io.TextIOBase):
    """stderr for a progress bar, which moves the cursor. External text must be made `visible` first."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._stream: TextIO = sys.stderr  # later replaced by `Above`

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if isinstance(self._stream, Output):
            self._stream.steer(text)
        else:  # the commands were called by another program
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()


def steering() -> TextIO:
    """stderr for a progress bar, with control sequences."""
    return cast(TextIO, _Steering())  # a TextIOBase has all of TextIO that is used


class Above(io.TextIOBase):
    """A stream during a progress bar: prints complete lines above it, with `show`."""

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
    """stdout for CSV and JSON: always UTF-8, with line ends unchanged."""
    sys.stdout.flush()
    stream = _Data(sys.stdout.buffer, encoding="utf-8", errors="replace", newline="")
    try:
        yield stream
    finally:
        stream.flush()
        stream.detach()


def while_read(rows: Iterable[T]) -> Iterator[T]:
    """The rows, until output is no longer written."""
    for row in rows:
        if not getattr(sys.stdout, "is_open", True):
            return
        yield row


def from_stdin(what: str) -> str:
    """Read stdin as UTF-8. Raises UsageError if it is not, or if it does not end within MOST_BYTES."""
    data = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise click.UsageError(f"{what} on stdin has more than {MOST_BYTES // 1_000_000} MB; check where it comes from")
    return _text(data, what)


def as_typed(argument: str, what: str) -> str:
    """An argument as text, decoded as UTF-8 if the locale could not. Raises UsageError if it is not UTF-8.

    Not for paths, which are bytes of the file system.
    """
    could_read = not any("\ud800" <= letter <= "\udfff" for letter in argument)
    return argument if could_read else _text(os.fsencode(argument), what)


def _text(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError(f"{what} is not valid UTF-8; save it as UTF-8, or set LC_ALL=C.UTF-8") from None
