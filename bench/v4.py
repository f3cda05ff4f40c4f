"""Requests, CPU and memory of API v4 on the reference account, and whether the mirror equals the account after each.

    python -m bench.v4                 R50: 50,000 people, 410,000 memberships
    python -m bench.v4 --people 5000   a trial, in the same proportions

cksync runs as a process of its own, without a limit; requests are counted by the sandbox.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from bench.measure import markdown, run_well
from bench.pull import SEED
from bench.sandbox import Sandbox, sandbox

# A day of changes to 300 people.
DAY = {"sign_up": 60, "edit": 120, "tag": 80, "join": 20, "cancel": 10, "untag": 5, "buy": 5}
KEYS = {
    "subscribers": ("id",),
    "subscriptions": ("subscribable_type", "subscribable_id", "subscriber_id"),
    "tags": ("id",),
    "forms": ("id",),
    "sequences": ("id",),
    "broadcasts": ("id",),
    "purchases": ("id",),
    "custom_fields": ("id",),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.v4", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=50_000)
    given = parser.parse_args()
    with sandbox(given.people, seed=SEED, rate_limit=0) as server:
        rows = [row for links in (False, True) for row in nights(server, links=links)]
    print(markdown(("", "requests", "seconds", "CPU s", "peak MB", "rows read", "CPU s per 1,000 rows", "equal"), rows))


def nights(server: Sandbox, *, links: bool) -> list[tuple[object, ...]]:
    """Measure a first pull, an idle night, a night after 300 changes, the same two by hints, and a full refresh."""
    name = "with links" if links else "without links"
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as top:
        folder = Path(top)
        found = [measured(server, folder, f"first pull, {name}", links=links)]
        if not links:
            return found
        random = Random(SEED)
        steps: list[tuple[str, dict[str, Any], bool]] = [
            ("night, nothing happened", {}, False),
            ("night, 300 people changed", {}, True),
            ("night by hints, nothing happened", {"depth": "hints"}, False),
            ("night by hints, 300 people changed", {"depth": "hints"}, True),
            ("full refresh", {"full": True}, False),
        ]
        for step, settings, is_day in steps:
            if is_day:
                live(server, random)
            found.append(measured(server, folder, step, links=links, **settings))
        return found


def measured(
    server: Sandbox, folder: Path, name: str, *, links: bool, depth: str = "exact", full: bool = False
) -> tuple[object, ...]:
    """Run one pull, and compare."""
    tokens = folder / "oauth.json"
    if not tokens.exists():
        tokens.touch(0o600)
        tokens.write_text(json.dumps(server.grant()))
    (folder / "config.toml").write_text(
        f'data_dir = "data"\n[api]\nbase_url = "{server.url_v4}"\noauth = "oauth.json"\nrate_limit = 1000000\n'
        f'[pull]\nlinks = {str(links).lower()}\ndepth = "{depth}"\n[models]\nbuild = false\n'
    )
    server.clear_journal()
    command = [sys.executable, "-m", "cksync", "--config", str(folder / "config.toml"), "--quiet", "pull"]
    command += ["--full"] if full else []
    spent = run_well(command, folder)
    made = server.journal()["total"]
    mirror = folder / "data" / "mirror.duckdb"
    with duckdb.connect(str(mirror), read_only=True) as db:
        (read,) = db.execute(
            "select sum(rows) from _cksync.requests where load_id = (select max(load_id) from _cksync.loads)"
        ).fetchone() or (0,)
    seconds, cpu = f"{spent.seconds:.1f}", f"{spent.cpu_seconds:.1f}"
    return (
        name,
        f"{made:,}",
        seconds,
        cpu,
        f"{spent.peak_mb:.0f}",
        f"{int(read or 0):,}",
        f"{1000 * spent.cpu_seconds / max(1, int(read or 0)):.3f}",
        difference(server, mirror) or "yes",
    )


def difference(server: Sandbox, mirror: Path) -> str:
    """Return which tables have other keys than the account, and '' if none."""
    wrong = []
    with duckdb.connect(str(mirror), read_only=True) as db:
        for table, key in KEYS.items():
            want = {tuple(row[name] for name in key) for row in server.truth_v4(table)}
            have = set(db.execute(f'select {", ".join(key)} from "{table}"').fetchall())
            if want != have:
                wrong.append(f"{table}: {len(want - have)} missing, {len(have - want)} too many")
    return "; ".join(wrong)


def live(server: Sandbox, random: Random) -> None:
    """Simulate a day in the account."""
    people = [person["id"] for person in server.truth_v4("subscribers") if person["state"] == "active"]
    tags = [tag["id"] for tag in server.truth_v4("tags")]
    forms = [form["id"] for form in server.truth_v4("forms")]
    tagged = [row for row in server.truth_v4("subscriptions") if row["subscribable_type"] == "tag"]
    drawn, members = iter(random.sample(people, 300)), iter(random.sample(tagged, 10))
    stamp = random.randrange(10**9)

    def untag(row: Mapping[str, int]) -> object:
        return server.edit("untag", subscriber_id=row["subscriber_id"], tag_id=row["subscribable_id"])

    events: dict[str, Callable[[int], object]] = {
        "sign_up": lambda n: server.edit("add_subscriber", email_address=f"new{stamp}-{n}@example.com"),
        "edit": lambda n: server.edit("set_first_name", subscriber_id=next(drawn), first_name=f"Name {stamp} {n}"),
        "tag": lambda n: server.edit("tag", subscriber_id=next(drawn), tag_id=random.choice(tags)),
        "join": lambda n: server.edit("join_form", subscriber_id=next(drawn), form_id=random.choice(forms)),
        "cancel": lambda n: server.edit("cancel", subscriber_id=next(drawn)),
        "untag": lambda n: untag(next(members)),
        "buy": lambda n: server.edit("add_purchase", transaction_id=f"{stamp}-{n}", email_address=f"b{n}@example.com"),
    }
    for what, count in DAY.items():
        for number in range(count):
            events[what](number)


if __name__ == "__main__":
    main()
