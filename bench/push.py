"""A push at the rate limit, and a diff of many edits.

    python -m bench.push                       both, about five minutes
    python -m bench.push --only limit --period 6

`limit`: 300 people updated under 120 requests a minute, the real command; requests are counted by the sandbox.
`many`: a tenth of 1,000,000 people edited, compared with the mirror that they came from (`--people`: fewer).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from bench.big import PULLED_PAGES, step
from bench.measure import Spent, markdown, run_well
from bench.sandbox import sandbox
from bench.tools import NO_LIMIT, write_config
from cksync.api.throttle import floor_seconds

LIMIT, LATENCY_MS = 120, 50.0
PEOPLE, SEED, UPDATES = 1_000, 7, 300
EDITED = """
    update subscribers set {} where id in (select id from base.subscribers where state = 'active' order by id limit {})
"""


def limit(period: float) -> str:
    """Measure a push of 300 updates, and the same push again."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        with sandbox(PEOPLE, seed=SEED, rate_limit=0) as server:
            write_config(server, folder, rate_limit=NO_LIMIT, rate_period_seconds=1.0)
            _cksync(folder, "pull")
        _cksync(folder, "checkout", "work.duckdb")
        _edit(folder / "work.duckdb", "company = 'Edited'", UPDATES)
        with sandbox(PEOPLE, seed=SEED, rate_limit=LIMIT, rate_period=period, latency_ms=LATENCY_MS) as server:
            write_config(server, folder, rate_limit=LIMIT, rate_period_seconds=period)
            rows = []
            for title in ("push", "the same push again"):
                server.clear_journal()
                spent = _cksync(folder, "push", "work.duckdb", "--yes", "--allow", "bulk")
                journal = server.journal()
                asked = journal["requests"]
                writes = sum(each["method"] != "GET" for each in asked)
                arrivals = [each["arrived_at"] for each in asked]
                row = (len(asked), writes, journal["by_status"].get("429", 0), f"{spent.seconds:.1f}")
                least = floor_seconds(len(asked), LIMIT, period)
                rows.append((title, *row, f"{max(arrivals) - min(arrivals):.1f}" if asked else "-", f"{least:.0f}"))
                time.sleep(period)  # the window is the server's: the next push finds it empty
    header = ("what", "requests", "writes", "429", "seconds, whole process", "first to last request", "least possible")
    return markdown(header, rows)


def many(people: int) -> str:
    """Measure checkout and diff of a large mirror."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        for each in ("write", "rebuild"):
            step(each, folder, people, PULLED_PAGES)
        (folder / "config.toml").write_text('data_dir = "data"\n')
        rows = [("checkout", f"{people:,}", *_took(_cksync(folder, "checkout", "work.duckdb")))]
        _edit(folder / "work.duckdb", "first_name = 'Edited'", people // 10)
        rows.append(("diff", f"{people // 10:,}", *_took(_cksync(folder, "diff", "work.duckdb", "--limit", "2"))))
    return markdown(("what", "people", "seconds", "peak MB"), rows)


def _cksync(folder: Path, *arguments: str) -> Spent:
    return run_well([sys.executable, "-m", "cksync", "--quiet", *arguments], folder)


def _took(spent: Spent) -> tuple[str, str]:
    return f"{spent.seconds:.1f}", f"{spent.peak_mb:.0f}"


def _edit(work: Path, edit: str, people: int) -> None:
    with duckdb.connect(str(work)) as db:
        db.execute(EDITED.format(edit, people))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.push", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=("limit", "many"), help="one part instead of both")
    parser.add_argument("--period", type=float, default=60.0, help="of the limit, in seconds")
    parser.add_argument("--people", type=int, default=1_000_000, help="in the large mirror")
    given = parser.parse_args()
    if given.only != "many":
        print(f"{UPDATES} updates under {LIMIT} requests per {given.period:g} s\n\n{limit(given.period)}\n", flush=True)
    if given.only != "limit":
        print(f"edits of a large mirror\n\n{many(given.people)}\n", flush=True)


if __name__ == "__main__":
    main()
