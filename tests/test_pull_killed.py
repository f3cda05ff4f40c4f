"""A pull that dies at any time repeats at most ten pages, and ends with the same mirror."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from cksync.config import ApiConfig, Config
from cksync.load.log import open_round
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror, generate, serve
from tests.conftest import some
from tests.support.comparison import differences

# What every start requests again: the account, fields, forms, sequences and tags.
START_REQUESTS = 5
REPEATED_PAGES = 10
Cksync = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The requests of an undisturbed pull of the account that every test here reads."""
    folder = tmp_path_factory.mktemp("clean")
    with serve(generate(300, 7, broadcasts=20), rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        list(pull(Config(folder, "the test", ApiConfig(sandbox.url, secret, rate_limit=100_000))))
        return len(sandbox.journal)


def of_the_night(mirror: Path) -> int:
    """Return the requests that updated what was read before a stop: a third load, if there was any."""
    with duckdb.connect(str(mirror), read_only=True) as db:
        loads = db.execute(
            "select count(requests.load_id) from _cksync.loads left join _cksync.requests using (load_id)"
            " group by load_id order by load_id"
        ).fetchall()
    return int(loads[2][0]) if len(loads) == 3 else 0


def end_at(sandbox: Sandbox, request: int, environ: dict[str, str], number: int) -> tuple[int, str]:
    """Run a pull that gets a signal while its nth request is being answered; return its exit status and stderr."""
    victim: list[subprocess.Popen[str]] = []
    sandbox.faults.add(effects.edit_before(lambda: os.kill(victim[0].pid, number)), nth=request)
    command = [sys.executable, "-m", "cksync", "pull"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        victim.append(process)
        _, stderr = process.communicate(timeout=100)
        return process.returncode, stderr


SEEDS = some(range(12), [0])


@pytest.mark.heavy
@pytest.mark.parametrize("seed", SEEDS)
def test_killed_pull_repeats_at_most_ten_pages(
    seed: int, clean: int, cksync: Cksync, environ: dict[str, str], sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    status, _ = end_at(sandbox, random.Random(seed).randint(2, clean), environ, signal.SIGKILL)
    assert status == -signal.SIGKILL
    cksync("pull")
    mirror = tmp_path / "data" / "mirror.duckdb"
    night = of_the_night(mirror)
    assert len(sandbox.journal) - clean - night <= START_REQUESTS + REPEATED_PAGES
    assert differences(mirror, world) == []
    sandbox.journal.clear()
    cksync("pull")
    assert night <= len(sandbox.journal)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", some(range(3), [0]))
def test_pull_killed_again_and_again_still_ends_level(
    seed: int, cksync: Cksync, environ: dict[str, str], sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    for _ in range(4):
        sandbox.faults.clear()
        end_at(sandbox, chance.randint(2, 40), environ, signal.SIGKILL)
    cksync("pull")
    assert differences(tmp_path / "data" / "mirror.duckdb", world) == []


@pytest.mark.parametrize("number", some([signal.SIGINT, signal.SIGTERM], [signal.SIGTERM]))
def test_signal_loses_no_request(
    number: int, clean: int, cksync: Cksync, environ: dict[str, str], sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    status, stderr = end_at(sandbox, 60, environ, number)
    assert (status, "to continue" in stderr) == (130, True)
    assert not (tmp_path / "data" / "mirror.duckdb").exists()
    cksync("pull")
    # the start, and the page before the one where a list was left: rows may have moved meanwhile
    mirror = tmp_path / "data" / "mirror.duckdb"
    assert len(sandbox.journal) - clean - of_the_night(mirror) <= START_REQUESTS + 4
    assert differences(mirror, world) == []


def is_partly_stored(config: Config, slice_: str) -> bool:
    """Return True if the log has the beginning of a slice, and not its end."""
    loads = open_round(config.data_dir / "log")
    checkpoint = loads[-1].checkpoints.get(slice_) if loads else None
    return checkpoint is not None and not checkpoint.is_done


@pytest.mark.heavy
def test_row_that_slips_past_the_border_unnoticed_is_found(config: Config, sandbox: Sandbox, world: World) -> None:
    tag = max(expected_mirror(world).tags, key=lambda key: sum(k[1] == key for k in expected_mirror(world).memberships))
    members = [row["subscriber_id"] for key, row in expected_mirror(world).memberships.items() if key[1] == tag]
    events = pull(config)
    while not is_partly_stored(config, f"subscriptions/tag/{tag}"):
        next(events)
    events.close()  # type: ignore[attr-defined] # it is a generator
    for person in members[:8]:
        edits.untag(world, person, tag)
    for number in range(8):  # as many additions as removals: the total shows nothing
        edits.tag(world, edits.add_subscriber(world, f"new{number}@example.com"), tag)
    list(pull(config, wall=lambda: datetime.now(UTC) + timedelta(hours=2)))
    wrong = [text for text in differences(config.data_dir / "mirror.duckdb", world) if "missing" in text]
    assert wrong == []


@pytest.mark.heavy
def test_killed_second_pull_leaves_the_mirror_whole(
    cksync: Cksync, environ: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    cksync("pull")
    mirror = tmp_path / "data" / "mirror.duckdb"
    before = mirror.read_bytes()
    end_at(sandbox, 20, environ, signal.SIGKILL)
    assert mirror.read_bytes() == before
    with duckdb.connect(str(mirror), read_only=True) as db:
        assert db.execute("select count(*) from subscribers").fetchall() == [(300,)]


@pytest.mark.heavy
def test_pull_killed_while_it_publishes_is_a_night_the_next_time(
    config: Config, sandbox: Sandbox, world: World
) -> None:
    list(pull(config))
    before = (config.data_dir / "mirror.duckdb").read_bytes()
    edits.add_subscriber(world, "new@example.com")
    list(pull(config))
    (config.data_dir / "mirror.duckdb").write_bytes(before)  # as if it had died just before the rename
    sandbox.journal.clear()
    list(pull(config))
    usual = len(sandbox.journal)
    (config.data_dir / "mirror.duckdb").write_bytes(before)
    sandbox.journal.clear()
    list(pull(config))
    assert len(sandbox.journal) <= usual
    assert differences(config.data_dir / "mirror.duckdb", world) == []
