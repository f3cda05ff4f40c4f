"""Measure a program as the operating system sees it, and print the figures as a table."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).parent / "launch.py"


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of one process, from start to exit."""

    status: int
    seconds: float
    cpu_seconds: float
    peak_mb: float


class ToolFailed(Exception):
    """A tool failed; the text is the end of its output."""


def run(command: Sequence[str], folder: Path) -> Spent:
    """Run a program in a folder to its end, whatever its status; its output goes to `output.txt` there."""
    launch = [sys.executable, "-I", "-S", str(LAUNCH), str(folder / "output.txt"), *command]
    done = subprocess.run(launch, cwd=folder, env=_environment(), check=True, capture_output=True, text=True)
    status, seconds, cpu_seconds, peak_kib = done.stdout.split()
    return Spent(int(status), float(seconds), float(cpu_seconds), int(peak_kib) / 1024)


def run_well(command: Sequence[str], folder: Path) -> Spent:
    """Like `run`. Raises ToolFailed for any exit status but 0."""
    spent = run(command, folder)
    if spent.status:
        end = (folder / "output.txt").read_text(errors="replace")[-2000:]
        raise ToolFailed(f"{' '.join(command[:3])} ... ended with {spent.status}:\n{end}")
    return spent


def _environment() -> dict[str, str]:
    """Return the environment without variables that would lead a tool to a real account or folder."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CKSYNC_")}


def size_mb(path: Path) -> float:
    """Return the size of a file, or of all files in a folder, in millions of bytes."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table: the first column is text, the others numbers."""
    rules = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (header, rules, *rows))
