"""The rule `vanish`: one empty response deletes nothing, nor do two if too much would be deleted."""

from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest

from cksync.config import Config
from cksync.extract.schedule import Depth
from cksync.folder import Folder
from cksync.pipeline.publishing import rebuild
from cksync.pipeline.pull import pull
from cksync.pipeline.push import PushReport, push
from cksync.pipeline.verify import VerifyReport, verify
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, edits, effects, generate
from tests.conftest import some
from tests.support.comparison import differences
from tests.support.runs import doubts, pulled

# Of each list, and its dependents: fewer than 100 rows, but more with the dependents.
PATHS = {
    "tags": "/tags",
    "custom_fields": "/custom_fields",
    "forms": "/forms",
    "sequences": "/sequences",
    "broadcasts": "/broadcasts",
    "purchases": "/purchases",
}
PAGED = ("broadcasts", "purchases")
SIZES: dict[str, Any] = {"tags": 4, "tag_memberships": 130, "forms": 3, "form_memberships": 110, "sequences": 2}
SIZES |= {"sequence_memberships": 110, "broadcasts": 60, "purchases": 60, "custom_fields": 6}


@pytest.fixture
def world() -> World:
    """An account with short lists, whose lists of members all have fewer than 100."""
    return generate(90, 3, with_edge_cases=False, **SIZES)


@pytest.fixture
def account(config: Config, sandbox: Sandbox) -> Config:
    """The configuration of an account that was pulled."""
    pulled(config)
    sandbox.journal.clear()
    return config


def rows(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of main and history."""
    with duckdb.connect(str(config.data_dir / "mirror.duckdb"), read_only=True) as db:
        found = "select schema_name, table_name from duckdb_tables() where schema_name in ('main', 'history')"
        names = db.execute(found).fetchall()
        return {f"{s}.{t}": db.execute(f'select * from {s}."{t}" order by all').fetchall() for s, t in names}


def wrong(config: Config, world: World) -> list[str]:
    return differences(config.data_dir / "mirror.duckdb", world)


def is_rebuilt_alike(config: Config) -> bool:
    """Return True if the log alone gives the same rows and history."""
    before = rows(config)
    rebuild(config, Folder(config.data_dir))
    return rows(config) == before


@pytest.mark.heavy
@pytest.mark.parametrize("depth", some(get_args(Depth), ["nightly"]))
@pytest.mark.parametrize("name", some([*PATHS], ["tags"]))
def test_single_wrong_response_costs_a_request(
    name: str, depth: Depth, account: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(account, depth=depth)
    usual = len(sandbox.journal)
    sandbox.journal.clear()
    sandbox.faults.add(effects.rows_left(), path=PATHS[name])
    report = pulled(account, depth=depth)
    assert (report.exit_status, doubts(report), wrong(account, world)) == (0, {}, [])
    assert len(sandbox.journal) <= usual + (1 if name not in PAGED else 3)


@pytest.mark.heavy
@pytest.mark.parametrize("depth", some(get_args(Depth), ["nightly"]))
@pytest.mark.parametrize("left", [0])
@pytest.mark.parametrize("name", some([*PATHS], ["tags"]))
def test_list_that_lost_too_much_keeps_its_rows_and_what_hangs_on_them(
    name: str, left: int, depth: Depth, account: Config, sandbox: Sandbox, world: World
) -> None:
    """Everything else is published, a rebuild makes the same mirror, and the next night is complete."""
    sandbox.faults.add(effects.rows_left(left), path=PATHS[name], count=None)
    edits.tag(world, edits.add_subscriber(world, "new@example.com"), min(world.parents["tag"]))
    report = pulled(account, depth=depth)
    assert (report.exit_status, list(doubts(report))) == (3, [name])
    assert "at once" in str(doubts(report)[name])
    assert wrong(account, world) == []
    assert is_rebuilt_alike(account)
    sandbox.faults.clear()
    assert pulled(account).exit_status == 0
    assert wrong(account, world) == []


@pytest.mark.heavy
def test_members_are_not_lost_with_a_tag_that_nobody_believes_to_be_gone(
    account: Config, sandbox: Sandbox, world: World
) -> None:
    """Each of their lists is shorter than what the rule would notice."""
    before = rows(account)
    sandbox.faults.add(effects.rows_left(), path="/(tags|sequences)(/[0-9]+/subscriptions)?", count=None)
    report = pulled(account)
    assert report.exit_status == 3
    assert {"tags", "sequences"} <= doubts(report).keys()
    assert rows(account) == before
    assert is_rebuilt_alike(account)


def test_empty_list_of_few_rows_is_trusted_the_second_time(account: Config, sandbox: Sandbox, world: World) -> None:
    form = max(world.parents["form"])
    people = [row.subscriber_id for row in world.rosters["form", form].members.values()]
    assert 1 < len(people) < 100
    for person in people:
        edits.leave_form(world, person, form)
    assert pulled(account).exit_status == 0
    assert wrong(account, world) == []
    assert sandbox.journal.count(path=f"/forms/{form}/subscriptions") == 2


@pytest.mark.heavy
def test_tags_that_are_gone_go_with_their_members_once_the_user_allows_it(
    account: Config, sandbox: Sandbox, world: World
) -> None:
    before = rows(account)
    for tag in list(world.parents["tag"]):
        edits.delete_tag(world, tag)
    for _ in range(2):
        report = pulled(account)
        assert (report.exit_status, "which" in str(doubts(report)["tags"])) == (3, True)
        assert rows(account) == before
    assert pulled(account, allow=["vanish"]).exit_status == 0
    assert wrong(account, world) == []
    assert is_rebuilt_alike(account)


@pytest.mark.heavy
def test_repair_believes_no_list_that_lost_too_much(account: Config, sandbox: Sandbox) -> None:
    before = rows(account)
    sandbox.faults.add(effects.rows_left(), path="/tags", count=None)
    *_, findings = verify(account, repair=True)
    assert isinstance(findings, VerifyReport)
    assert findings.exit_status == 3
    assert rows(account) == before


@pytest.mark.heavy
@pytest.mark.parametrize("pages", some(range(1, 10), [5]))
def test_wrong_response_before_a_stop_is_not_trusted_by_the_next_publish(
    pages: int, account: Config, sandbox: Sandbox, world: World
) -> None:
    """A pull stopped between the two responses or later, and one of another stream, which publishes."""
    before = rows(account)
    sandbox.faults.add(effects.rows_left(), path="/tags", count=None)
    with closing(pull(account)) as events:  # type: ignore[type-var] # a generator
        for _ in range(pages):
            next(events)
    pulled(account, streams=["purchases"])
    assert rows(account) == before
    assert is_rebuilt_alike(account)
    sandbox.faults.clear()
    assert pulled(account).exit_status == 0
    assert wrong(account, world) == []


@pytest.mark.heavy
@pytest.mark.parametrize("depth", some(get_args(Depth), ["full"]))
@pytest.mark.parametrize("state", some(["active", "cancelled", "both"], ["both"]))
def test_people_are_not_lost_with_an_empty_list(
    state: str, depth: Depth, account: Config, sandbox: Sandbox, world: World
) -> None:
    before = rows(account)
    wanted = {"active": (False,), "cancelled": (True,), "both": (False, True)}[state]
    for count in (1, None):
        sandbox.faults.add(
            effects.rows_left(), path="/subscribers", where=lambda r: ("sort_field" in r.params) in wanted, count=count
        )
        pulled(account, depth=depth)
        assert rows(account) == before
        sandbox.faults.clear()
    assert pulled(account).exit_status == 0
    assert wrong(account, world) == []


@pytest.mark.heavy
@pytest.mark.parametrize("is_lie", some([False, True], [True]))
def test_push_that_edits_fields_loses_no_other_field_to_a_wrong_response(
    is_lie: bool, account: Config, sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    """It reads the list of fields afterwards; a field that it deleted itself is no loss."""
    work = tmp_path / "work.duckdb"
    checkout(Folder(account.data_dir), work)
    with duckdb.connect(str(work)) as db:
        db.execute("delete from custom_fields where id = (select min(id) from custom_fields)")
    if is_lie:
        asked = sandbox.journal.writes
        sandbox.faults.add(effects.rows_left(), path="/custom_fields", where=lambda _: bool(asked()), count=None)
    *_, report = push(account, work, allow=["delete-field"], environ={})
    assert isinstance(report, PushReport)
    assert report.exit_status == (3 if is_lie else 0)
    assert len(world.custom_fields) == SIZES["custom_fields"] - 1
    assert [text for text in wrong(account, world) if "missing" in text] == []
    sandbox.faults.clear()
    pulled(account)
    assert wrong(account, world) == []
    assert is_rebuilt_alike(account)
