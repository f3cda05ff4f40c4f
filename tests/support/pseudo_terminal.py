"""The other end of a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path


def all_shown(outer: int) -> bytes:
    """Return everything sent to a terminal until its inner end is closed; closes the outer one."""
    shown = b""
    while part := _part(outer):
        shown += part
    os.close(outer)
    return shown


def in_terminal(
    *arguments: str,
    cwd: Path,
    environ: Mapping[str, str],
    width: int = 80,
    height: int = 24,
    answers: Sequence[tuple[str, str]] = (),
    module: Sequence[str] = ("cksync",),
) -> tuple[int, str]:
    """Run cksync (or another `module`, with arguments before those) with a terminal of that size for everything, and
    return its exit status and what a person saw.

    `answers` are texts with what to type, and Enter, once each is shown.
    """
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", *module, *arguments],
        cwd=cwd,
        env={"TERM": "xterm", **environ},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    os.close(inner)
    shown, seen = b"", 0
    for question, answer in answers:
        while (place := shown.find(question.encode(), seen)) < 0:
            part = _part(outer)
            assert part, f"{question!r} was not shown: {shown.decode()}"
            shown += part
        seen = place + len(question.encode())
        os.write(outer, f"{answer}\n".encode())
    shown += all_shown(outer)
    return process.wait(100), shown.decode().replace("\r\n", "\n")


def _part(outer: int) -> bytes:
    try:
        return os.read(outer, 65536)
    except OSError:  # Linux raises this when the other end is closed
        return b""
