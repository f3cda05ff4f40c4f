"""A first pull of a whole account through API v4: beside dlt without a limit; R50 alone under 600 requests a minute.

    python -m bench.v4_account                  100,000 people with all their data
    python -m bench.v4_account --share 0.1      a trial: everything scaled
    python -m bench.v4_account --only limit     under the limit, at a latency of one second

Every tool runs as a process of its own, in turn, several times; requests are counted by the sandbox, seconds, CPU
and memory by the kernel, and the keys are compared with the sandbox's expected content.
"""

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from bench.account import PEOPLE, SIZES
from bench.measure import markdown, run_well
from bench.pull import PACKAGES, SEED, Check, Tool, interleaved, table
from bench.sandbox import Sandbox, sandbox
from bench.tools import PEERS
from bench.v4 import KEYS, difference
from bench.venv import peers_python, versions

R50 = 50_000
LIMIT, PERIOD_SECONDS, LATENCY_SECONDS = 600, 60.0, 1.0
KINDS = {"tag": ("tags",), "form": ("forms", "forms_archived"), "sequence": ("sequences",)}
# What dlt reads, too: everything but engagement and link clicks.
SAME_WORK = "[pull]\nlinks = false\nengagement_days = 0\n[models]\nbuild = false\n"


def cksync_command(extra: str) -> Callable[[Sandbox, Path], Sequence[str]]:
    """Return `cksync pull` with an OAuth login, as a user starts it."""

    def command(server: Sandbox, folder: Path) -> Sequence[str]:
        tokens = folder / "oauth.json"
        tokens.touch(0o600)
        tokens.write_text(json.dumps(server.grant()))
        api = f'[api]\nbase_url = "{server.url_v4}"\noauth = "oauth.json"\n'
        (folder / "config.toml").write_text(f'data_dir = "data"\n{api}{extra}')
        return [sys.executable, "-m", "cksync", "--config", str(folder / "config.toml"), "--quiet", "pull"]

    return command


def tools(server: Sandbox, python: str) -> list[Tool]:
    """Return the two tools."""

    def of_dlt(server: Sandbox, folder: Path) -> Sequence[str]:
        script = PEERS / "dlt_account_v4.py"
        return [python, str(script), server.url_v4, server.grant()["access_token"], str(folder)]

    unlimited = "rate_limit = 1000000\n" + SAME_WORK
    mirror = "data/mirror.duckdb"
    return [
        Tool("cksync", cksync_command(unlimited), mirror, lambda path: difference(server, path) or "all"),
        Tool("dlt", of_dlt, "mirror.duckdb", dlt_check(server)),
    ]


def dlt_check(server: Sandbox) -> Check:
    """Return a check of dlt's tables."""

    def check(database: Path) -> str:
        wrong = []
        with duckdb.connect(str(database), read_only=True) as db:
            for name in KEYS:
                want = wanted(server, name)
                have = set(db.execute(_dlt_keys(db, name)).fetchall())
                if want != have:
                    wrong.append(f"{name}: {len(want - have)} missing, {len(have - want)} too many")
        return "; ".join(wrong) or "all"

    return check


def wanted(server: Sandbox, name: str) -> set[tuple[Any, ...]]:
    """Return the keys of a table of the account."""
    return {tuple(row[key] for key in KEYS[name]) for row in server.truth_v4(name)}


def _dlt_keys(db: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return a query for the keys in dlt's tables."""
    if name != "subscriptions":
        return f"select id from main.{name}"
    parts = []
    for kind, parents in KINDS.items():
        for parent in parents:
            columns = db.execute(f"from (describe main.{parent}_subscribers) select column_name").fetchall()
            if [f"_{parent}_id"] in map(list, columns):  # a table without rows has no columns
                parts.append(f"select '{kind}', _{parent}_id, id from main.{parent}_subscribers")
    return " union all ".join(parts)


def under_limit(people: int) -> str:
    """Pull R50 (or a part of it) under the real limit, and return what share of it was used."""
    with (
        sandbox(
            people,
            seed=SEED,
            rate_limit=LIMIT // 5,
            rate_period=PERIOD_SECONDS,
            latency_ms=LATENCY_SECONDS * 1000,
        ) as server,
        tempfile.TemporaryDirectory(prefix="cksync-bench-") as name,
    ):
        folder = Path(name)
        command = cksync_command("[models]\nbuild = false\n")(server, folder)
        server.clear_journal()
        spent = run_well(command, folder)
        made = server.journal()["total"]
        mirror = folder / "data" / "mirror.duckdb"
        with duckdb.connect(str(mirror), read_only=True) as db:
            query = """
                select sum(rows), count(*) filter (status = 429),
                    epoch(max(requested_at) - min(requested_at)) from _cksync.requests
            """
            rows, refused, seconds = db.execute(query).fetchone() or (0, 0, 0.0)
        windows = (made - 1) // LIMIT * PERIOD_SECONDS
        return markdown(
            (
                "requests",
                "429",
                "seconds of requests",
                "minimum possible",
                "share of the limit",
                "seconds in all",
                "CPU s",
                "CPU s per 1,000 rows",
                "peak MB",
                "equal",
            ),
            [
                (
                    f"{made:,}",
                    refused,
                    f"{seconds:.1f}",
                    f"{windows:.0f}",
                    f"{100 * made / LIMIT * PERIOD_SECONDS / max(seconds, 1):.0f} %",
                    f"{spent.seconds:.1f}",
                    f"{spent.cpu_seconds:.1f}",
                    f"{1000 * spent.cpu_seconds / max(rows, 1):.3f}",
                    f"{spent.peak_mb:.0f}",
                    difference(server, mirror) or "yes",
                )
            ],
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.v4_account", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the account's size")
    parser.add_argument("--runs", type=int, default=3, help="of each tool, in turn")
    parser.add_argument("--only", choices=("dlt", "limit"))
    given = parser.parse_args()
    sizes = {name: max(1, round(number * given.share)) for name, number in SIZES.items()}
    people = round(PEOPLE * given.share)
    if given.only != "limit":
        python = peers_python()
        with sandbox(people, seed=SEED, sizes=sizes, rate_limit=0) as server:
            print(table(interleaved(tools(server, python), server, given.runs)))
        print(f"\nMedians of {given.runs} runs in turn. Python {platform.python_version()}, {platform.system()}.")
        for where, interpreter in (("cksync", sys.executable), ("peers", python)):
            print(f"{where}:", ", ".join(f"{name} {at}" for name, at in versions(interpreter, PACKAGES).items()))
    if given.only != "dlt":
        print(under_limit(round(R50 * given.share)))


if __name__ == "__main__":
    main()
