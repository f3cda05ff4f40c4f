"""A thousand nights: does a night get slower, and does the mirror fill up with dead space?

    python -m bench.thousand --nights 1000        50,000 people, 300 of them changed each night
    python -m bench.thousand --nights 20 --people 2000 --every 5

On a virtual clock, without a rate limit, the sandbox in a thread of the same process (its time is in the
seconds). A night's time is the median of the ten nights up to it. Versions are the rows of all tables of
`history`; the bytes of a version are what the used part of the mirror grew by since the first pull, by
version written since. After a tenth, a half and all of the nights a process of its own rebuilds the mirror
from the log beside it, and the rows are compared.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

import duckdb

from bench.accounts import REFERENCE_PEOPLE, SEED, reference
from bench.clock import RunningClock
from bench.life import STEADY, live, scaled
from bench.measure import markdown, run_well, size_mb
from bench.night import Place, served, spend_night, verdict

MEDIAN_OF = 10
HEADER = (
    *("night", "people", "seconds", "x night 10", "requests", "mirror MB", "dead space", "versions"),
    *("bytes a version", "log MB", "log files", "mirror = account", "rebuild s", "peak MB", "same rows"),
)

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """The content of the mirror, and how much of its file is in use."""

    versions: int
    used_bytes: int
    free_share: float


def size_of(place: Place) -> Size:
    """Read the size from DuckDB."""
    with duckdb.connect(str(place.folder.mirror), read_only=True) as db:
        ((block, total, used, free),) = db.execute(
            "select block_size, total_blocks, used_blocks, free_blocks from pragma_database_size()"
        ).fetchall()
        names = db.execute("select table_name from duckdb_tables() where schema_name = 'history'").fetchall()
        counts = [db.execute(f'select count(*) from history."{name}"').fetchall()[0][0] for (name,) in names]
    return Size(sum(counts), used * block, free / total if total else 0.0)


def nights(place: Place, count: int, every: int, share: float) -> Iterator[Row]:
    """Run all nights; yield a line of the table at the first pull, at night 10 and whenever `every` nights have
    passed."""
    random, mix = Random(SEED), scaled(STEADY, share)
    times, requests, tenth = [spend_night(place).seconds], 0, 0.0
    first = size_of(place)
    yield (*_row(place, 0, times[0], 0.0, len(place.sandbox.journal), first, first), "", "", "")
    for day in range(1, count + 1):
        live(place.world, place.clock, random, mix, day)
        night = spend_night(place)
        times.append(night.seconds)
        requests = night.total
        tenth = median(times[1:]) if day <= MEDIAN_OF else tenth
        if day in (MEDIAN_OF, count) or day % every == 0:
            seconds = median(times[max(1, day + 1 - MEDIAN_OF) :])
            rebuild_figures = rebuilt(place) if day in (count // 10, count // 2, count) else ("", "", "")
            yield (*_row(place, day, seconds, seconds / tenth, requests, size_of(place), first), *rebuild_figures)


def rebuilt(place: Place) -> Row:
    """Rebuild from the log: seconds without those of starting Python, peak memory, and whether main and history have
    the same rows as the mirror that grew night by night."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        data = folder / "data"
        shutil.copytree(place.folder.root, data, ignore=shutil.ignore_patterns("mirror.duckdb", "parquet", "state"))
        (data / "state").mkdir()
        spent = run_well([sys.executable, "-m", "bench.stages", "rebuild", str(data), "0", "0"], folder)
        seconds = float((folder / "output.txt").read_text())
        return f"{seconds:.0f}", f"{spent.peak_mb:.0f}", same_rows(place.folder.mirror, data / "mirror.duckdb")


def same_rows(one: Path, other: Path) -> str:
    """Compare all tables of main and history in both mirrors."""
    with duckdb.connect() as db:
        db.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        names = db.execute(
            "select schema_name, table_name from duckdb_tables()"
            " where database_name = 'one' and schema_name in ('main', 'history')"
        ).fetchall()
        for schema, table in names:
            a, b = f'one.{schema}."{table}"', f'other.{schema}."{table}"'
            query = f"select count(*) from ((from {a} except all from {b}) union all (from {b} except all from {a}))"
            if db.execute(query).fetchall() != [(0,)]:
                return f"no: {schema}.{table}"
    return "yes"


def _row(place: Place, day: int, seconds: float, ratio: float, requests: int, size: Size, first: Size) -> Row:
    written = size.versions - first.versions
    each = f"{(size.used_bytes - first.used_bytes) / written:,.0f}" if written else "-"
    return (
        day or "first pull",
        f"{len(place.world.subscribers):,}",
        f"{seconds:.2f}",
        f"{ratio:.2f}" if ratio else "-",
        f"{requests:,}",
        f"{size_mb(place.folder.mirror):.1f}",
        f"{size.free_share:.0%}",
        f"{size.versions:,}",
        each,
        f"{size_mb(place.folder.log):.1f}",
        f"{sum(1 for _ in place.folder.log.rglob('*.parquet')):,}",
        verdict(place),
    )


def main() -> None:
    """Measure; the table so far goes to stderr line by line, the complete one to stdout at the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.thousand", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nights", type=int, default=1_000)
    parser.add_argument("--people", type=int, default=REFERENCE_PEOPLE, help="everything else is scaled with them")
    parser.add_argument("--every", type=int, default=100, help="nights between two lines of the table")
    given = parser.parse_args()
    clock = RunningClock()
    table: list[Row] = []
    with served(reference(given.people, clock), clock) as place:
        for line in nights(place, given.nights, given.every, given.people / REFERENCE_PEOPLE):
            table.append(line)
            print(*line, sep="  ", file=sys.stderr, flush=True)
    print(markdown(HEADER, table))


if __name__ == "__main__":
    main()
