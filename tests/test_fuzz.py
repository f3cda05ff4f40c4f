"""Random accounts with faults, kills and churn: whatever happened before, a pull that exits with 0 while the account is
idle makes the mirror equal the account, except for what docs/completeness.md leaves to the verify cycle."""

import contextlib
import itertools
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cksync.config import ApiConfig, Config
from cksync.errors import CksyncError
from cksync.folder import Folder
from cksync.pipeline.events import PullReport
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import VerifyReport, verify
from cksync.secrets import SecretRef
from kit_sandbox import Effect, Sandbox, World, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison import differences
from tests.test_machine import BEHAVIOURS, EDITS, edit

ACCOUNTS = 50
# A removal hidden by an insertion in the same list is found within the cycle: here, only one of the two happens.
CHURN = sorted(EDITS.keys() - {"swap"})
FAULTS: Mapping[str, Callable[[random.Random], Effect]] = {
    "500": lambda chance: effects.status(500),
    "429": lambda chance: effects.retry_later(),
    "reset": lambda chance: effects.reset(),
    "truncated": lambda chance: effects.truncated(),
    "web page": lambda chance: effects.html(),
    "garbage": lambda chance: effects.garbage(),
    "no list": lambda chance: effects.empty_list(),
    "same page": lambda chance: effects.repeat_page(),
    "wrong total": lambda chance: effects.wrong_total(chance.choice([-3, -1, 1, 40])),
    "twice the row": lambda chance: effects.duplicate_row(),
    "no id": lambda chance: effects.without_key(),
    "NaN": lambda chance: effects.stray("NaN"),
}
COMMANDS = [("pull",), ("pull",), ("pull", "--full"), ("verify", "--repair"), ("pull", "tags", "subscribers")]
# The only other exit statuses: -9 is the test's own kill.
STATUSES = {0, 1, 3, 130, -signal.SIGKILL}
# Columns whose changes no cheap signal shows (docs/completeness.md); stats of broadcasts older than a week as well.
LEFT_TO_THE_CYCLE = re.compile(r"subscriptions: .*: state is|broadcasts: \d+: |broadcast_stats: \d+: ")


@dataclass
class Life:
    """One account and the folder of its mirror."""

    world: World
    sandbox: Sandbox
    folder: Path
    chance: random.Random

    @property
    def config(self) -> Config:
        secret = SecretRef(self.sandbox.api_secret, "api.api_secret", Path())
        api = ApiConfig(self.sandbox.url, secret, rate_limit=100_000, rate_period_seconds=0.2, timeout_seconds=5.0)
        return Config(self.folder / "data", "the test", api, models=BARE)

    def churn(self, most: int) -> None:
        """Make a few edits."""
        for _ in range(self.chance.randrange(most)):
            self._edit()

    def _edit(self) -> None:
        edit(self.world, self.chance.choice(CHURN), self.chance.randrange(10_000))

    def a_bad_day(self) -> None:
        """Run a command among faults and edits, which may be killed anywhere."""
        chance, faults = self.chance, self.sandbox.faults
        for _ in range(chance.randrange(4)):
            effect = FAULTS[chance.choice([*FAULTS])](chance)
            faults.add(
                effect, nth=chance.randint(2, 40), count=chance.choice([1, 1, 3, None]), every=chance.randint(1, 9)
            )
        for _ in range(chance.randrange(4)):
            faults.add(effects.edit_before(self._edit), nth=chance.randint(2, 60))
        if chance.random() < 0.5:
            self._killed(chance.choice(COMMANDS))
        else:
            self._undone()
        faults.clear()

    def _killed(self, command: tuple[str, ...]) -> None:
        settings = self.folder / "settings.toml"
        settings.write_text(
            f'data_dir = "data"\n[api]\nbase_url = "{self.sandbox.url}"\napi_secret = "{self.sandbox.api_secret}"\n'
            "rate_limit = 100000\nrate_period_seconds = 0.2\ntimeout_seconds = 5\n[models]\nbuild = false\n"
        )
        line = [sys.executable, "-m", "cksync", "--config", str(settings), *command]
        with subprocess.Popen(
            line, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            end = self.chance.choice([process.kill, process.terminate])
            self.sandbox.faults.add(effects.edit_before(end), nth=self.chance.randint(2, 60))
            said, _ = process.communicate(timeout=120)
        assert process.returncode in STATUSES, said
        assert "a bug in cksync" not in said
        assert "Traceback" not in said

    def _undone(self) -> None:
        """Run a pull that is abandoned in the middle, or ends in any way."""
        events = pull(self.config, depth=self.chance.choice(["nightly", "full"]), environ={})
        with contextlib.suppress(CksyncError):
            list(itertools.islice(events, self.chance.randrange(1, 90)))
        events.close()  # type: ignore[attr-defined]  # it is a generator

    def at_rest(self) -> None:
        """Pull while nothing happens; an exit status of 0 must be true."""
        for _ in range(2):
            *_, report = pull(self.config, environ={})
            assert isinstance(report, PullReport)
            assert report.exit_status in (0, 3)
            if report.exit_status == 0:
                assert [text for text in self.differences() if not LEFT_TO_THE_CYCLE.match(text)] == []
                return

    def differences(self) -> list[str]:
        return differences(self.config.data_dir / "mirror.duckdb", self.world)

    def in_the_end(self) -> None:
        """Verify leaves nothing to the cycle, and the log alone gives the same mirror."""
        *_, findings = verify(self.config, repair=True, full=True, environ={})
        assert isinstance(findings, VerifyReport)
        assert (findings.exit_status, self.differences()) == (0, [])
        rebuild(self.config, Folder(self.config.data_dir))
        assert self.differences() == []


def account(seed: int) -> World:
    """An account of any size and shape, fully synced."""
    chance = random.Random(seed)
    people = chance.choice([4, 49, 50, 51, 130, 260])
    sizes: dict[str, Any] = {
        "tags": chance.randint(0, 6),
        "forms": chance.randint(1, 4),
        "sequences": chance.randint(1, 3),
        "broadcasts": chance.randint(0, 12),
        "purchases": chance.choice([0, 7, 60]),
        "custom_fields": chance.randint(0, 4),
    }
    for kind, most in (("tag", 200), ("form", 130), ("sequence", 60)):
        sizes[f"{kind}_memberships"] = min(chance.randint(0, most), sizes[f"{kind}s"] * people // 2)
    world = generate(people, seed, with_edge_cases=chance.random() < 0.5, **sizes)
    world.behaviour = chance.choice(BEHAVIOURS)
    return world


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(ACCOUNTS))
def test_exit_0_at_rest_is_true(seed: int, tmp_path: Path) -> None:
    world = account(seed)
    with serve(world, rate_limit=None) as sandbox:
        life = Life(world, sandbox, tmp_path, random.Random(seed))
        for _ in range(life.chance.randint(2, 4)):
            life.a_bad_day()
            life.churn(8)
            life.at_rest()
        life.in_the_end()
