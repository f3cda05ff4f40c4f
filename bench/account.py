"""A first pull of a whole account, side by side: cksync with and without models, and dlt; then a night of 500 changes.

    python -m bench.account                  100,000 people with all their data, no limit
    python -m bench.account --share 0.1      a trial: everything scaled

Every tool runs as a process of its own, in turn, several times; requests are counted by the sandbox, seconds, CPU
and memory by the kernel, and the rows are compared with the sandbox's expected content.
"""

import argparse
import platform
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from bench.measure import markdown, run_well
from bench.pull import PACKAGES, SEED, Check, Tool, interleaved, table
from bench.rows import account_keys, compare, keys_in
from bench.sandbox import Sandbox, sandbox
from bench.tools import Command, cksync_pull, peer
from bench.venv import peers_python, versions

PEOPLE = 100_000
SIZES = {
    "tags": 60,
    "tag_memberships": 180_000,
    "forms": 30,
    "form_memberships": 60_000,
    "sequences": 15,
    "sequence_memberships": 37_000,
    "broadcasts": 383,
    "purchases": 5_000,
}
# A day of changes to 500 people.
DAY = {"sign_up": 100, "edit": 250, "tag": 120, "cancel": 20, "untag": 5, "buy": 5}

CKSYNC_TABLES = {
    **dict.fromkeys(("custom_fields", "forms", "sequences", "tags", "broadcasts", "purchases"), "id"),
    **dict.fromkeys(("subscribers", "subscriptions"), "id"),
    "broadcast_stats": "broadcast_id",
}
DLT_TABLES = {**CKSYNC_TABLES, "broadcast_stats": "id"}
NO_MODELS = "[models]\nbuild = false\n"


def tools(server: Sandbox, python: str) -> list[Tool]:
    """Return the tools to read everything."""
    expected = account_keys(server)

    def check(tables: Mapping[str, str]) -> Check:
        def compared(database: Path) -> str:
            each = {name: compare(found, expected[name]) for name, found in keys_in(database, tables).items()}
            wrong = [f"{name} {result}" for name, result in each.items() if result.right != result.expected]
            return "; ".join(wrong) or f"all {sum(map(len, expected.values())):,}"

        return compared

    mirror = "data/mirror.duckdb"
    return [
        Tool("dlt", peer("dlt_account.py", python), "mirror.duckdb", check(DLT_TABLES)),
        Tool("cksync, no models", without_models(cksync_pull(())), mirror, check(CKSYNC_TABLES)),
        Tool("cksync, all models", cksync_pull(()), mirror, check(CKSYNC_TABLES)),
    ]


def without_models(command: Command) -> Command:
    """Return the same command with `[models] build = false`."""

    def changed(server: Sandbox, folder: Path) -> Sequence[str]:
        given = command(server, folder)
        with open(folder / "config.toml", "a") as file:
            file.write(NO_MODELS)
        return given

    return changed


def night(server: Sandbox, command: Command) -> list[tuple[object, ...]]:
    """Measure a first pull, a day of 500 changes, and the night after it."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name:
        folder = Path(name)
        pull = command(server, folder)
        run_well(pull, folder)
        live(server)
        server.clear_journal()
        spent = run_well(pull, folder)
        seconds, cpu = f"{spent.seconds:.1f}", f"{spent.cpu_seconds:.1f}"
        return [(sum(DAY.values()), seconds, cpu, f"{spent.peak_mb:.0f}", f"{server.journal()['total']:,}")]


def live(server: Sandbox) -> None:
    """Simulate a day in the account."""
    random = Random(SEED)
    active = [person["id"] for person in server.truth("subscribers") if person["state"] == "active"]
    tags = [tag["id"] for tag in server.truth("tags")]
    tagged = [row for row in server.truth("subscriptions") if row["subscribable_type"] == "tag"]
    drawn, members = iter(random.sample(active, 1_000)), iter(random.sample(tagged, 100))
    events: dict[str, Callable[[int], object]] = {
        "sign_up": lambda n: server.edit("add_subscriber", email_address=f"new{n}@example.com", first_name="New"),
        "edit": lambda n: server.edit("set_first_name", subscriber_id=next(drawn), first_name=f"Name {n}"),
        "tag": lambda n: server.edit("tag", subscriber_id=next(drawn), tag_id=random.choice(tags)),
        "cancel": lambda n: server.edit("cancel", subscriber_id=next(drawn)),
        "untag": lambda n: untag(server, next(members)),
        "buy": lambda n: server.edit("add_purchase", transaction_id=f"night-{n}", email_address=f"new{n}@example.com"),
    }
    for what, count in DAY.items():
        for number in range(count):
            events[what](number)


def untag(server: Sandbox, row: Mapping[str, int]) -> object:
    """Remove one membership of a tag."""
    return server.edit("untag", subscriber_id=row["subscriber_id"], tag_id=row["subscribable_id"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.account", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the account's size")
    parser.add_argument("--runs", type=int, default=3, help="of each tool, in turn")
    given = parser.parse_args()
    python = peers_python()
    sizes = {name: max(1, round(number * given.share)) for name, number in SIZES.items()}
    with sandbox(round(PEOPLE * given.share), seed=SEED, sizes=sizes, rate_limit=0) as server:
        server.warm(with_members=True)
        rounds = interleaved(tools(server, python), server, given.runs)
        print(table(rounds))
        header = ("night of changes", "seconds", "CPU s", "peak MB", "requests")
        print("\n" + markdown(header, night(server, cksync_pull(()))))
    print(f"\nMedians of {given.runs} runs in turn. Python {platform.python_version()}, {platform.system()}.")
    for where, interpreter in (("cksync", sys.executable), ("peers", python)):
        print(f"{where}:", ", ".join(f"{name} {at}" for name, at in versions(interpreter, PACKAGES).items()))


if __name__ == "__main__":
    main()
