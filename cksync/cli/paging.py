"""Long output on a terminal goes through a pager, as that of git does."""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

from cksync.cli.streams import STDOUT, Output

# Quit if all fits on one screen, keep colours, and leave the text on the screen.
LESS = "FRX"


class _Paged(Output):
    """stdout into a pager: still a terminal, to whoever measures or escapes what is written."""

    def __init__(self, descriptor: int, encoding: str) -> None:
        super().__init__(descriptor, encoding)
        self.is_terminal = True

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def paged() -> Iterator[None]:
    """Send stdout through $PAGER, or less, if a person sits at both ends of it; else leave it alone."""
    out, command = sys.stdout, _pager()
    if command is None or not isinstance(out, Output):
        yield
        return
    out.flush()
    environ = {**os.environ, "LESS": os.environ.get("LESS", LESS)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=STDOUT, env=environ) as pager:
        assert pager.stdin is not None
        stream = _Paged(pager.stdin.fileno(), out.encoding)
        sys.stdout = stream
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to the pager
        try:
            yield
        finally:
            sys.stdout = out
            stream.flush()
            pager.stdin.close()
            pager.wait()
            signal.signal(signal.SIGINT, before)


def _pager() -> list[str] | None:
    """The command of the pager; None if there is none, or nobody could use it."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get("TERM") in (None, "dumb"):
        return None
    words = shlex.split(os.environ.get("PAGER", "less"))
    if not words or words[0] == "cat" or shutil.which(words[0]) is None:
        return None
    return words
