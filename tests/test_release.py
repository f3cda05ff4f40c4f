"""A folder and a half-pushed workspace of release 0.1.0 are upgraded with everything in them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cksync.config import Config
from cksync.load.tables import tables
from kit_sandbox import Sandbox, World, serve
from tests.conftest import Command
from tests.support import release_0_1_0
from tests.support.comparison import differences
from tests.support.published import rows_of


@pytest.fixture
def world() -> World:
    """The account of the fixture instead of a generated one."""
    return release_0_1_0.account()


@pytest.fixture
def sandbox(world: World) -> Iterator[Sandbox]:
    """Uses the secret that the log was written with."""
    with serve(world, rate_limit=None) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """tmp_path with `data/` and `work.duckdb` of release 0.1.0."""
    release_0_1_0.unpack(tmp_path)
    return tmp_path


# Tables with columns for keys that were in `_extra` before.
MOVED = ("sequences", "broadcasts", "broadcast_stats", "purchases")
History = dict[str, tuple[list[str], list[tuple[Any, ...]]]]


def history(mirror: Path, before: str, like: History | None = None) -> History:
    """Return every version of every table that began before a moment, without its end: columns and rows, those of
    `like` if it is given."""
    names = set(like or {table.name for table in tables()})
    there = rows_of(mirror, "select table_name from duckdb_tables() where schema_name = 'history'")
    found: History = {}
    for name in sorted(names & {table for (table,) in there}):
        every = [row[0] for row in rows_of(mirror, f"describe history.{name}")]
        columns = like[name][0] if like else [each for each in every if each not in ("valid_to", "_extra")]
        extra = "null" if name in MOVED else "_extra::varchar"
        query = f"select {', '.join(columns)}, {extra} from history.{name} where valid_from < '{before}'"
        found[name] = columns, rows_of(mirror, f"{query} order by all")
    return found


def assert_moments(mirror: Path) -> None:
    """Assert that `as_of` shows the account of every night."""
    for moment in release_0_1_0.moments():
        at = moment.at.isoformat()
        states = dict(rows_of(mirror, f"select id, state from as_of.subscribers('{at}')"))
        assert states == moment.states, at
        assert sorted(name for (name,) in rows_of(mirror, f"select name from as_of.tags('{at}')")) == moment.tags
        assert rows_of(mirror, f"select count(*) from as_of.subscriptions('{at}')") == [(moment.memberships,)]


def test_folder_of_0_1_0_is_brought_up_to_date_with_its_history(folder: Path, world: World, cksync: Command) -> None:
    mirror = folder / "data" / "mirror.duckdb"
    last = release_0_1_0.moments()[-1].at.isoformat()
    before = history(mirror, last)
    cksync("pull")
    assert differences(mirror, world) == []
    assert history(mirror, last, before) == before
    assert_moments(mirror)


@pytest.mark.heavy
def test_folder_of_0_1_0_is_rebuilt_with_its_history(folder: Path, cksync: Command) -> None:
    mirror = folder / "data" / "mirror.duckdb"
    last = release_0_1_0.moments()[-1].at.isoformat()
    before = history(mirror, last)
    cksync("rebuild")
    assert history(mirror, last, before) == before
    assert_moments(mirror)


@pytest.mark.heavy
def test_push_that_0_1_0_began_is_completed_each_change_once(
    folder: Path, world: World, config: Config, cksync: Command
) -> None:
    cksync("push", "work.duckdb", "--yes", "--allow", "bulk")
    assert sorted(tag.name for tag in world.parents["tag"].values()).count("From 0.1.0") == 1
    assert [field.key for field in world.custom_fields.values()].count("shoe_size") == 1
    assert [mail.subject for mail in world.broadcasts.values()].count("Draft of 0.1.0") == 1
    assert [purchase.transaction_id for purchase in world.purchases.values()].count("T010") == 1
    assert sum((person.first_name or "").startswith("Pushed ") for person in world.subscribers.values()) == 6
    tag = next(tag.id for tag in world.parents["tag"].values() if tag.name == "From 0.1.0")
    assert len(world.rosters["tag", tag].members) == 6
    assert '"actions": []' in cksync("diff", "work.duckdb", "--format", "json").stdout
    assert differences(config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_verify_compares_with_the_mirror_of_0_1_0_as_it_is(folder: Path, cksync: Command) -> None:
    """A verify keeps nothing: it must not take the columns that this release added for a mirror without rows."""
    mirror = folder / "data" / "mirror.duckdb"
    before = mirror.read_bytes()
    found = {
        each["stream"]: each for each in json.loads(cksync("verify", "--format", "json", ok=False).stdout)["findings"]
    }
    assert found["forms"]["verdict"] == "content proved"
    assert "missing here" not in found["forms"]["reason"]
    assert mirror.read_bytes() == before
