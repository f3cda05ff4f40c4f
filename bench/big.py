"""A night in a large mirror: the cost of merging 1,000 changed rows, and of a rebuild.

    python -m bench.big                        1,000,000 people, 3,000,000 subscriptions, and a tenth of both
    python -m bench.big --people 100000        a trial

The log of a first pull is written without HTTP, `segment-pages` pages per file (5 is what a pull without a
limit stores). Then, each in a process of its own: a rebuild of that log, a publish of 1,000 changed rows
(600 people, 400 new memberships; the median of three such nights), and a copy of the mirror to compare with.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.measure import markdown, run_well, size_mb
from bench.stages import TAGS_OF_A_PERSON

PULLED_PAGES = 5
RUNS = 3
HEADER = (
    *("people", "subscriptions", "log files", "log MB", "mirror MB"),
    *("rebuild s", "peak MB", "publish 1,000 s", "peak MB", "copy s", "publish / copy"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """The cost of one step: seconds without those of starting Python, peak memory of the whole process."""

    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Result:
    """All steps at one size."""

    people: int
    log_files: int
    log_mb: float
    mirror_mb: float
    rebuild: Step
    publish: Step
    copy: Step


def step(name: str, folder: Path, people: int, segment_pages: int) -> Step:
    """Run one step as a process."""
    command = [sys.executable, "-m", "bench.stages", name, str(folder / "data"), str(people), str(segment_pages)]
    spent = run_well(command, folder)
    done = Step(float((folder / "output.txt").read_text()), spent.peak_mb)
    print(f"{people:,}: {name} {done.seconds:.2f} s {done.peak_mb:.0f} MB", file=sys.stderr, flush=True)
    return done


def measure(people: int, segment_pages: int) -> Result:
    """Measure all steps in an empty folder; publish and copy are medians of a few."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        step("write", folder, people, segment_pages)
        log = folder / "data" / "log"
        files, log_mb = sum(1 for _ in log.rglob("*.parquet")), size_mb(log)
        rebuild_figures = step("rebuild", folder, people, segment_pages)
        published = []
        for _ in range(RUNS):
            step("change", folder, people, PULLED_PAGES)
            published.append(step("publish", folder, people, segment_pages))
        copies = [step("copy", folder, people, segment_pages) for _ in range(RUNS)]
        mirror_mb = size_mb(folder / "data" / "mirror.duckdb")
        return Result(people, files, log_mb, mirror_mb, rebuild_figures, middle(published), middle(copies))


def middle(steps: Sequence[Step]) -> Step:
    """Return the median of some runs."""
    return Step(median(each.seconds for each in steps), median(each.peak_mb for each in steps))


def table(results: Sequence[Result]) -> str:
    """Return a line per size."""
    rows = [
        (
            f"{each.people:,}",
            f"{TAGS_OF_A_PERSON * each.people:,}",
            f"{each.log_files:,}",
            f"{each.log_mb:.0f}",
            f"{each.mirror_mb:.0f}",
            f"{each.rebuild.seconds:.1f}",
            f"{each.rebuild.peak_mb:.0f}",
            f"{each.publish.seconds:.2f}",
            f"{each.publish.peak_mb:.0f}",
            f"{each.copy.seconds:.2f}",
            f"{each.publish.seconds / each.copy.seconds:.1f}",
        )
        for each in results
    ]
    return markdown(HEADER, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.big", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000, help="with three subscriptions each")
    parser.add_argument("--segment-pages", type=int, default=PULLED_PAGES, help="pages in a file of the log")
    given = parser.parse_args()
    results = [measure(people, given.segment_pages) for people in (given.people // 10, given.people)]
    print(table(results))
    small, large = results
    print(
        f"\nFrom {small.people:,} to {large.people:,} people a publish takes"
        f" {large.publish.seconds / small.publish.seconds:.1f} times as long,"
        f" a copy of the file {large.copy.seconds / small.copy.seconds:.1f} times. {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
