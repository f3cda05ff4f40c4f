"""A reader of the mirror never waits for a pull, and no pull waits for a reader."""

import subprocess
import sys
from pathlib import Path

import pytest

from cksync.config import Config
from cksync.pipeline.pull import pull
from kit_sandbox import World, edits
from tests.conftest import Command

# Opens, queries and closes until its input ends; prints how often it succeeded, and every failure.
READER = """
import sys, threading, duckdb
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set())).start()
done = 0
print("ready", flush=True)
while not ended.is_set():
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as db:
            assert db.execute("select count(*) from subscribers").fetchone()[0] >= 300
        done += 1
    except Exception as error:
        print(error, flush=True)
print(done, flush=True)
"""

# Holds the mirror open and answers each line of its input with the number of people it sees.
HOLDER = """
import sys, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
for line in sys.stdin:
    print(db.execute("select count(*) from subscribers").fetchone()[0], flush=True)
"""


def reading(script: str, mirror: Path) -> "subprocess.Popen[str]":
    """Start a reader in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", script, str(mirror)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(process: "subprocess.Popen[str]") -> int:
    """Return the holder's answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return int(process.stdout.readline())


def test_every_attempt_to_open_the_mirror_succeeds_while_a_pull_runs(config: Config, world: World) -> None:
    list(pull(config))
    with reading(READER, config.data_dir / "mirror.duckdb") as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        edits.add_subscriber(world, "new@example.com")
        list(pull(config))
        output, _ = reader.communicate(timeout=100)
    lines = output.splitlines()
    assert len(lines) == 1, f"refused: {lines[0]}"
    assert int(lines[0]) > 0


@pytest.mark.heavy
def test_reader_that_holds_the_mirror_open_keeps_its_version_and_stops_nobody(
    config: Config, world: World, cksync: Command
) -> None:
    list(pull(config))
    mirror = config.data_dir / "mirror.duckdb"
    with reading(HOLDER, mirror) as holder:
        assert ask(holder) == 300
        edits.add_subscriber(world, "new@example.com")
        cksync("pull")
        assert ask(holder) == 300
        with reading(HOLDER, mirror) as later:
            assert ask(later) == 301
            later.communicate(timeout=100)
        holder.communicate(timeout=100)
