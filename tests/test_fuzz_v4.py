"""Random accounts read through API v4, or through both versions in turn, among kills and churn.

A pull that exits with 0 while the account is idle makes the mirror equal the account, but for what docs/completeness.md
leaves to the verify cycle.
"""

import contextlib
import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cksync.config import ApiConfig, Config, PullConfig
from cksync.errors import CksyncError
from cksync.folder import Folder
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, edits, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison import differences
from tests.support.comparison_v4 import LEFT_TO_THE_CYCLE, differences_v4
from tests.support.connecting import with_oauth
from tests.support.published import rows_of
from tests.support.runs import found, pulled
from tests.test_fuzz import LEFT_TO_THE_CYCLE as LEFT_BY_V3
from tests.test_machine import EDITS, edit, one_of, someone

QUICK, HEAVY = range(1), range(1, 40)
PAGE = 20
MORE: Mapping[str, Callable[[World, int], object]] = {
    "locate": lambda world, n: edits.set_location(world, someone(world, n), {"city": f"City {n}", "country": "CO"}),
    "attribute": lambda world, n: edits.set_attribution(world, someone(world, n), {"referrer": f"https://r/{n}"}),
    "join form": lambda world, n: edits.join_form(world, someone(world, n), one_of(dict(world.parents["form"]), n)),
    "leave form": lambda world, n: edits.leave_form(world, someone(world, n), one_of(dict(world.parents["form"]), n)),
    "enrol": lambda world, n: edits.join_sequence(world, someone(world, n), one_of(dict(world.parents["sequence"]), n)),
    "drop form": lambda world, n: edits.delete_form(world, one_of(dict(world.parents["form"]), n)),
    "new form": lambda world, n: edits.add_form(world, f"form {n}"),
    "segment": lambda world, n: edits.add_segment(world, f"segment {n}"),
    "snippet": lambda world, n: edits.add_snippet(world, f"snippet {n}", f"content {n}"),
}
NAMES = sorted({*EDITS, *MORE} - {"drop tag"})  # a third of all tags at once is a matter of the rule `vanish`


def change(world: World, name: str, number: int) -> None:
    """Make an edit, if the current account allows it."""
    if name in EDITS:
        edit(world, name, number)
        return
    with contextlib.suppress(KeyError, ValueError, ZeroDivisionError):
        MORE[name](world, number)


class Life:
    """One account, the folder of its mirror, and the version that reads it now."""

    def __init__(self, world: World, sandbox: Sandbox, folder: Path, chance: random.Random) -> None:
        self.world, self.sandbox, self.chance = world, sandbox, chance
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        api = ApiConfig(sandbox.url, secret, rate_limit=100_000, rate_period_seconds=0.2, timeout_seconds=5.0)
        pulls = PullConfig(settle_seconds=0.01)
        self.v3 = Config(folder / "data", "the test", api, pull=pulls, models=BARE)
        self.v4 = with_oauth(self.v3, sandbox)
        self.config = self.v4

    def churn(self, most: int) -> None:
        for _ in range(self.chance.randrange(most)):
            self._edit()

    def _edit(self) -> None:
        change(self.world, self.chance.choice(NAMES), self.chance.randrange(10_000))

    def a_bad_day(self) -> None:
        """Run a pull among edits and faults, and perhaps abandon it."""
        for _ in range(self.chance.randrange(4)):
            self.sandbox.faults.add(effects.edit_before(self._edit), nth=self.chance.randint(2, 40))
        if self.chance.random() < 0.3:
            self.sandbox.faults.add(effects.status(500), nth=self.chance.randint(2, 30), count=3)
        events = pull(self.config, depth=self.chance.choice(["nightly", "full"]), environ={})
        with contextlib.suppress(CksyncError):
            list(itertools.islice(events, self.chance.randrange(1, 70)))
        events.close()  # type: ignore[attr-defined]  # it is a generator
        self.sandbox.faults.clear()

    def at_rest(self) -> None:
        """Pull while nothing happens; an exit status of 0 must be true."""
        for _ in range(2):
            report = pulled(self.config, environ={})
            assert report.exit_status in (0, 3)
            if report.exit_status == 0:
                assert self.differences() == []
                return

    def differences(self) -> list[str]:
        mirror = self.config.data_dir / "mirror.duckdb"
        if self.config is self.v3:
            return [text for text in differences(mirror, self.world) if not LEFT_BY_V3.match(text)]
        passive = {id_ for id_, person in self.world.subscribers.items() if person.state != "active"}
        return [
            text
            for text in differences_v4(mirror, self.world, LEFT_TO_THE_CYCLE)
            if not _is_left(text, passive) and not text.startswith("broadcast_stats: ")
        ]

    def in_the_end(self) -> None:
        """Verify leaves nothing to the cycle, and the log alone gives the same mirror."""
        assert found(self.v4, repair=True, full=True).exit_status == 0
        mirror = self.v4.data_dir / "mirror.duckdb"
        assert differences_v4(mirror, self.world, ["broadcast_stats", "broadcast_links"]) == []
        before = everything(mirror)
        rebuild(self.v4, Folder(self.v4.data_dir))
        assert everything(mirror) == before


def _is_left(text: str, passive: set[int]) -> bool:
    """Return True for a membership of somebody who is not active, which no count shows."""
    return text.startswith("subscriptions: (") and any(f", {id_}) is not" in text for id_ in passive)


def everything(mirror: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows and versions of all tables."""
    query = "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'history') order by all"
    tables = [f'{schema}."{name}"' for schema, name in rows_of(mirror, query)]
    return {table: rows_of(mirror, f"select * from {table} order by all") for table in tables}


def live(seed: int, folder: Path, *, switches: bool) -> None:
    """Let an account live for a few nights."""
    chance = random.Random(seed)
    tags = chance.choice([2, 6])
    world = generate(
        chance.choice([60, 150]),
        seed,
        with_edge_cases=False,
        tags=tags,
        tag_memberships=40 * tags,
        forms=3,
        form_memberships=90,
        sequences=2,
        sequence_memberships=60,
        broadcasts=6,
        drafts=2,
        purchases=10,
    )
    with serve(world, rate_limit=None) as sandbox:
        world.behaviour = replace(
            world.behaviour, v4_page_limit=PAGE, v4_stats_years=0.0, join_bumps_updated=chance.random() < 0.5
        )
        life = Life(world, sandbox, folder, chance)
        for _ in range(chance.randint(3, 5)):
            if switches and chance.random() < 0.5:
                life.config = life.v3 if life.config is life.v4 else life.v4
            if chance.random() < 0.6:
                life.a_bad_day()
            life.churn(10)
            life.at_rest()
        life.in_the_end()


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [*QUICK, *HEAVY])
def test_exit_0_at_rest_is_true(seed: int, tmp_path: Path) -> None:
    live(seed, tmp_path, switches=False)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.heavy) for seed in HEAVY)])
def test_exit_0_at_rest_is_true_of_a_folder_that_changes_its_version(seed: int, tmp_path: Path) -> None:
    live(seed, tmp_path, switches=True)
