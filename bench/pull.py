"""A first pull, side by side: cksync, dlt and a bare loop against one sandbox, without a rate limit.

    python -m bench.pull                    100,000 people, nothing else: 2,001 pages (bench.account has the rest)

Every tool runs as a process of its own, in turn, several times; requests are counted by the sandbox,
seconds and memory by the kernel, and the rows are compared with the sandbox's expected content.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure import Spent, markdown, run_well, size_mb
from bench.rows import compare, listed_people, people_in
from bench.sandbox import Sandbox, sandbox
from bench.tools import Command, cksync_pull, peer
from bench.venv import peers_python, versions

# Of the sandbox's people, 7.5 % are in states that no list shows: this many give 100,000 in the two lists.
PEOPLE = 108_108
SEED = 7
PACKAGES = ("cksync", "dlt", "duckdb", "pyarrow", "requests")

Check = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to do the job."""

    name: str
    command: Command
    database: str
    check: Check


@dataclass(frozen=True, slots=True)
class Result:
    """One run of one tool, as measured by the kernel, the sandbox and the database."""

    tool: str
    spent: Spent
    requests: int
    database_mb: float
    folder_mb: float
    rows: str


def people_tools(server: Sandbox, python: str) -> list[Tool]:
    """Return the three ways to read the people."""
    expected = listed_people(server)

    def check(database: Path) -> str:
        return str(compare(people_in(database), expected))

    return [
        Tool("cksync", cksync_pull(("subscribers",)), "data/mirror.duckdb", check),
        Tool("dlt", peer("dlt_subscribers.py", python), "mirror.duckdb", check),
        Tool("bare loop", peer("bare_loop.py", python), "mirror.duckdb", check),
    ]


def measure(tool: Tool, server: Sandbox) -> Result:
    """Run one tool in an empty folder."""
    server.clear_journal()
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        spent = run_well(tool.command(server, folder), folder)
        requests = server.journal()["total"]
        database = folder / tool.database
        return Result(tool.name, spent, requests, size_mb(database), size_mb(folder), tool.check(database))


def interleaved(tools: Sequence[Tool], server: Sandbox, runs: int) -> list[list[Result]]:
    """Run all tools in turn for several rounds, so that a slow minute of the machine affects all of them."""
    rounds: list[list[Result]] = []
    for number in range(1, runs + 1):
        rounds.append([])
        for tool in tools:
            result = measure(tool, server)
            rounds[-1].append(result)
            spent = result.spent
            print(f"run {number}: {tool.name:10} {spent.seconds:6.2f} s {spent.peak_mb:5.0f} MB", file=sys.stderr)
    return rounds


def table(rounds: Sequence[Sequence[Result]]) -> str:
    """Return medians by tool, and the medians of the ratios to cksync within each round."""
    header = ("tool", "seconds", "x cksync", "CPU s", "x cksync", "peak MB", "requests", "database MB", "folder MB")
    rows = []
    for place, first in enumerate(rounds[0]):
        mine = [results[place] for results in rounds]
        rows.append(
            (
                first.tool,
                f"{median(each.spent.seconds for each in mine):.1f}",
                f"{_ratio(rounds, place, lambda each: each.seconds):.2f}",
                f"{median(each.spent.cpu_seconds for each in mine):.1f}",
                f"{_ratio(rounds, place, lambda each: each.cpu_seconds):.2f}",
                f"{median(each.spent.peak_mb for each in mine):.0f}",
                _all_same(each.requests for each in mine),
                f"{median(each.database_mb for each in mine):.1f}",
                f"{median(each.folder_mb for each in mine):.1f}",
                _all_same(each.rows for each in mine),
            )
        )
    return markdown((*header, "rows right"), rows)


def _ratio(rounds: Sequence[Sequence[Result]], place: int, figure: Callable[[Spent], float]) -> float:
    return median(figure(results[place].spent) / figure(results[0].spent) for results in rounds)


def _all_same(values: Iterable[object]) -> str:
    """Return the one value all runs agree on, or all different ones."""
    return " / ".join(dict.fromkeys(f"{value:,}" if isinstance(value, int) else str(value) for value in values))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.pull", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--subscribers", type=int, default=PEOPLE)
    parser.add_argument("--runs", type=int, default=3, help="of each tool, in turn")
    given = parser.parse_args()
    python = peers_python()
    with sandbox(given.subscribers, seed=SEED, rate_limit=0) as server:
        server.warm(with_members=False)
        rounds = interleaved(people_tools(server, python), server, given.runs)
    print(table(rounds))
    print(f"\nMedians of {given.runs} runs in turn. Python {platform.python_version()}, {platform.system()}.")
    for where, interpreter in (("cksync", sys.executable), ("peers", python)):
        print(f"{where}:", ", ".join(f"{name} {at}" for name, at in versions(interpreter, PACKAGES).items()))


if __name__ == "__main__":
    main()
