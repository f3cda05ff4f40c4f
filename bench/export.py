"""Exports of a large mirror: the time and memory that each format takes.

    python -m bench.export                      1,000,000 people, 3,000,000 subscriptions
    python -m bench.export --people 100000      a trial
    python -m bench.export --mirror FOLDER      an existing data folder

The log is that of bench.big, rebuilt once. Then the real command, a process of its own for each format: the people
alone, and (Parquet and CSV) every table and model. Postgres is a local server on loopback; its rows per second
are those of the whole command, and of the people alone.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.big import PULLED_PAGES, step
from bench.measure import Spent, markdown, run_well, size_mb
from bench.stages import TAGS_OF_A_PERSON
from tests.support import postgres_server

HEADER = ("export", "rows", "seconds", "of it CPU", "rows a second", "peak MB", "MB")


@dataclass(frozen=True, slots=True)
class Run:
    """One export: its name, its rows, its cost, and the size of its output (None: stored by a server)."""

    name: str
    rows: int
    spent: Spent
    made_mb: float | None


def export(folder: Path, data: Path, name: str, rows: int, target: str, *arguments: str) -> Run:
    """Export with the real command, including the time of starting Python."""
    command = [sys.executable, "-m", "cksync", "export", target, *arguments, "--quiet"]
    config = folder / "config.toml"
    config.write_text(f'data_dir = "{data}"\n')
    spent = run_well([*command, "--config", str(config)], folder)
    place = folder / target
    done = Run(name, rows, spent, size_mb(place) if place.exists() else None)
    print(
        f"{name}: {spent.seconds:.2f} s ({spent.cpu_seconds:.2f} CPU) {spent.peak_mb:.0f} MB",
        file=sys.stderr,
        flush=True,
    )
    return done


def measure(folder: Path, data: Path, people: int) -> list[Run]:
    """Measure every export of one mirror, one after the other."""
    both, every = ("subscribers", "subscriptions"), people * (1 + TAGS_OF_A_PERSON)
    tenth = f"from subscribers limit {people // 10}"
    runs = [
        export(folder, data, "Parquet, people", people, "people/", "subscribers"),
        export(folder, data, "CSV, people", people, "people.csv", "subscribers"),
    ]
    with postgres_server.running() as uri:
        runs.append(export(folder, data, "Postgres, people", people, uri, "subscribers"))
        runs.append(export(folder, data, "Postgres, people once more", people, uri, "subscribers"))
        runs.append(export(folder, data, "Postgres, people and subscriptions", every, uri, *both))
    return [
        *runs,
        export(folder, data, "Parquet, people and subscriptions", every, "two/", *both),
        export(folder, data, "CSV, people and subscriptions", every, "csv/", "--to", "csv", *both),
        export(folder, data, "CSV, people, addresses hashed", people, "hashed.csv", "subscribers", "--hash-emails"),
        export(folder, data, "DuckDB, people", people, "people.duckdb", "subscribers"),
        export(folder, data, "SQLite, people", people, "people.sqlite", "subscribers"),
        export(folder, data, "Excel, a tenth of the people", people // 10, "people.xlsx", "--query", tenth),
    ]


def table(runs: Sequence[Run]) -> str:
    """Return a line per run."""
    return markdown(
        HEADER,
        [
            (
                run.name,
                f"{run.rows:,}",
                f"{run.spent.seconds:.1f}",
                f"{run.spent.cpu_seconds:.1f}",
                f"{run.rows / run.spent.seconds:,.0f}",
                f"{run.spent.peak_mb:.0f}",
                "-" if run.made_mb is None else f"{run.made_mb:.0f}",
            )
            for run in runs
        ],
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=1_000_000, help="with three subscriptions each")
    parser.add_argument("--mirror", type=Path, help="a data folder with a mirror of so many people")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        if given.mirror is None:
            step("write", folder, given.people, PULLED_PAGES)
            step("rebuild", folder, given.people, PULLED_PAGES)
        print(table(measure(folder, given.mirror or folder / "data", given.people)))
    print(f"\n{os.cpu_count()} cores.")


if __name__ == "__main__":
    main()
