"""Never twice, and not never: creations with an unknown outcome, and rejected ones."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cksync.pipeline.pull import pull
from cksync.write.plan import Plan
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror
from tests.conftest import Command, some
from tests.support.workspace import Work, actives, assert_synced, first, killed_push, work, world

__all__ = ["first", "work", "world"]  # fixtures

TURNED_DOWN = effects.status(
    422, json.dumps({"error": "Error updating subscriber", "message": "not today"}), "application/json"
)
OTHER = "update subscribers set last_name = 'pushed' where id = {}"


def tidied(asked: Any, handle: Callable[[Any], Any]) -> Any:
    """Simulate an API that tidies its input."""
    given = dict(asked.given)
    for name in ("subject", "content"):
        if given.get(name):
            given[name] = " ".join(str(given[name]).replace("<br>", " ").replace("&amp;", "&").split())
    return handle(replace(asked, given=given))


def went_on(world: World, who: int) -> bool:
    return bool(expected_mirror(world).subscribers[who]["fields"]["last_name"] == "pushed")


def rewritten(asked: Any, handle: Callable[[Any], Any]) -> Any:
    """Simulate an API that rewrites its input beyond recognition."""
    return handle(replace(asked, given={**asked.given, "subject": "Newsletter"}))


# -- broadcasts


@pytest.mark.heavy
@pytest.mark.parametrize(
    "subject",
    some(["Hello  you ", "Hello<br>you", "Salt &amp; pepper", "Hello <you>"], ["Hello<br>you"]),
)
def test_draft_that_the_api_tidies_is_found(subject: str, work: Work, sandbox: Sandbox, world: World) -> None:
    drafts = len(world.broadcasts)
    work.edit(f"insert into broadcasts (subject, content) values ('{subject}', '<p>a  b<br>c</p>')")
    sandbox.faults.add(tidied, path="/broadcasts", method="POST", count=None)
    sandbox.faults.add(effects.lost_response(), path="/broadcasts", method="POST", count=None)
    assert work.push().exit_status == 0
    assert (len(world.broadcasts), work.plan()) == (drafts + 1, Plan())
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("loss", some(["lost_response", "error_after", "error_before"], ["lost_response"]))
def test_draft_of_which_nobody_knows_is_never_made_again_unasked(
    loss: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """Each push looks it up again, and it delays no other edit; and another text does not make it another one."""
    drafts = len(world.broadcasts)
    work.edit("insert into broadcasts (subject, content) values ('Hello', 'x')")
    sandbox.faults.add(rewritten, path="/broadcasts", method="POST", count=None)
    sandbox.faults.add(getattr(effects, loss)(), path="/broadcasts", method="POST", count=None)
    for number, who in enumerate(actives(work, 3)):
        work.edit(OTHER.format(who))
        report = work.push()
        assert (report.exit_status, went_on(world, who)) == (3, True)
        assert "--allow repeat-unknown" in report.message
        work.edit(f"update broadcasts set subject = 'Hello {number}' where id < 0")
    assert sandbox.journal.count(path="/broadcasts", method="POST") == 1
    assert len(world.broadcasts) == drafts + (loss != "error_before")
    (skipped,) = work.plan().skipped
    assert skipped.outcome == "unknown"
    sandbox.faults.clear()
    assert [action.what for action in work.plan(["repeat-unknown"]).actions] == ["create broadcast"]
    assert work.push(allow=["repeat-unknown"]).exit_status == 0
    assert work.plan() == Plan()
    assert sandbox.journal.count(path="/broadcasts", method="POST") == 2
    list(pull(work.config, environ={}))
    assert_synced(work, world)


@pytest.mark.heavy
def test_two_drafts_that_are_alike_and_both_lost_are_found_both(work: Work, sandbox: Sandbox, world: World) -> None:
    """As many are new as were requested: which is which makes no difference."""
    drafts = len(world.broadcasts)
    work.edit("insert into broadcasts (subject) select 'Hello' from range(2)")
    sandbox.faults.add(effects.lost_response(), path="/broadcasts", method="POST", count=None)
    sandbox.faults.add(effects.status(503), path="/broadcasts", method="GET", count=None, nth=3)
    work.push()
    sandbox.faults.clear()
    work.push()
    assert work.push().exit_status == 0
    assert (len(world.broadcasts), work.plan()) == (drafts + 2, Plan())


# -- people

NEO = (
    "insert into subscribers (email_address, first_name) values ('neo@example.com', 'Neo')",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select '{kind}', {parent}, id from subscribers where id < 0",
)


def crowd(world: World, kind: Any, parent: int, number: int) -> Callable[[], None]:
    """Add many more people to the same list right after."""

    def join() -> None:
        for count in range(number):
            edits.join(world, kind, edits.add_subscriber(world, f"crowd{count}@example.com"), parent, "active", None)

    return join


@pytest.mark.parametrize("is_shown", some([True, False], [False]), ids=["active", "inactive"])
@pytest.mark.parametrize("kind", some(["form", "sequence", "tag"], ["form"]))
def test_person_whose_answer_is_lost_is_found_behind_those_who_joined_since(
    kind: str, is_shown: bool, work: Work, sandbox: Sandbox, world: World
) -> None:
    """By address; if the API does not show them by address, as with others who wait to confirm, in the list that
    created them. Not among the newest fifty members."""
    if not is_shown:
        world.behaviour = replace(world.behaviour, confirm_on=("form", "sequence", "tag"))
    parent = min(world.parents[kind])  # type: ignore[index]
    work.edit(*(statement.format(kind=kind, parent=parent) for statement in NEO), OTHER.format(actives(work, 1)[0]))
    people = len(world.subscribers)

    def lost(asked: Any, handle: Callable[[Any], Any]) -> Any:
        handle(asked)
        crowd(world, kind, parent, 120)()
        return effects.reset()(asked, handle)

    sandbox.faults.add(lost, path=f"/{kind}s/{parent}/subscribe", method="POST", count=1)
    report = work.push()
    assert (report.exit_status, {result.outcome for _, result in report.results}) == (0, {"done"})
    assert (len(world.subscribers), work.plan()) == (people + 121, Plan())


@pytest.mark.heavy
def test_person_who_was_made_unseen_is_no_obstacle_to_the_next_push(work: Work, sandbox: Sandbox, world: World) -> None:
    """It cannot be read in the first push; the pull of the second one shows the person."""
    (who,) = actives(work, 1)
    form = min(world.parents["form"])
    work.edit(*(statement.format(kind="form", parent=form) for statement in NEO))
    people = len(world.subscribers)
    sandbox.faults.add(effects.lost_response(), path="/forms/[0-9]+/subscribe", method="POST", count=1)
    sandbox.faults.add(effects.status(503), path=f"/forms/{form}/subscriptions", count=None)
    assert [r.outcome for _, r in work.push().results] == ["unknown"]
    work.edit(OTHER.format(who))
    report = work.push()  # the list still does not show it
    assert (report.exit_status, went_on(world, who), len(report.plan.skipped)) == (3, True, 1)
    sandbox.faults.clear()
    assert work.push().exit_status == 0
    assert (len(world.subscribers), work.plan()) == (people + 1, Plan())
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("after", some([False, True], [False]), ids=["before", "after"])
def test_creation_that_a_kill_left_open_is_sent_again_if_nothing_is_new(
    after: bool, work: Work, cksync: Command, environ: dict[str, str], sandbox: Sandbox, world: World
) -> None:
    drafts = len(world.broadcasts)
    work.edit("insert into broadcasts (subject, content) values ('Hello', 'x')")
    assert killed_push(environ, work.path.parent, sandbox, 1, after=after) == -signal.SIGKILL
    assert cksync("push", "work.duckdb", "--yes").returncode == 0
    assert (len(world.broadcasts), work.plan()) == (drafts + 1, Plan())


@pytest.mark.heavy
def test_creation_that_was_never_sent_is_not_unknown(work: Work, sandbox: Sandbox, world: World) -> None:
    """A rejected credential executes nothing."""
    work.edit("insert into broadcasts (subject) values ('Hello')")
    sandbox.faults.add(
        effects.status(401, '{"error": "Authorization Failed", "message": "API Key not valid"}', "application/json"),
        path="/broadcasts",
        method="POST",
    )
    with pytest.raises(Exception, match="API Key not valid"):
        work.push()
    assert work.push().exit_status == 0
    assert sandbox.journal.count(path="/broadcasts", method="POST") == 2


@pytest.mark.heavy
def test_purchase_is_found_wherever_it_stands(work: Work, sandbox: Sandbox, world: World) -> None:
    """The order of the API's list is undocumented: an old purchase of today may be in the middle."""
    world.behaviour = replace(world.behaviour, purchases_by="transaction_time")
    purchases = len(world.purchases)
    work.edit(
        "insert into purchases (transaction_id, email_address, currency, transaction_time)"
        " select 'T-1', 'neo@example.com', 'USD', median(transaction_time) from purchases",
        "insert into purchase_products (purchase_id, position, name, pid, lid, unit_price, quantity)"
        " select id, 1, 'Book', 'p', 'l', 5, 1 from purchases where id < 0",
    )
    for number in range(200):
        edits.add_purchase(world, f"buyer{number}@example.com")
    sandbox.faults.add(effects.lost_response(), path="/purchases", method="POST", count=None)
    assert work.push().exit_status == 0
    assert (len(world.purchases), work.plan()) == (purchases + 201, Plan())


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["tag", "field"])
def test_name_that_the_api_has_once_is_sent_again_and_made_once(
    name: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """The API refuses the second one."""
    table, column, path = {
        "tag": ("tags", "name", "/tags"),
        "field": ("custom_fields", "label", "/custom_fields"),
    }[name]
    made = len(world.parents["tag"]), len(world.custom_fields)
    work.edit(f"insert into {table} ({column}) values ('new  one')")
    sandbox.faults.add(effects.error_before(), path=path, method="POST", count=1)
    assert work.push().exit_status == 0
    now = len(world.parents["tag"]), len(world.custom_fields)
    assert (now, work.plan()) == ((made[0] + (name == "tag"), made[1] + (name == "field")), Plan())


# -- rejections


def turned_down(work: Work, sandbox: Sandbox) -> int:
    (who,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'A' where id = {who}")
    sandbox.faults.add(TURNED_DOWN, path=f"/subscribers/{who}", method="PUT", count=1)
    assert [result.outcome for _, result in work.push().results] == ["rejected"]
    assert [len(work.push().plan.skipped), len(work.plan().actions)] == [1, 0]
    return who


@pytest.mark.heavy
def test_change_that_was_rejected_can_be_requested_again_after_another(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    who = turned_down(work, sandbox)
    for wish in ("B", "A"):
        work.edit(f"update subscribers set first_name = '{wish}' where id = {who}")
        assert (work.push().exit_status, world.subscribers[who].first_name) == (0, wish)
    assert_synced(work, world)


@pytest.mark.heavy
def test_change_that_was_rejected_is_sent_again_if_asked_to(
    work: Work, sandbox: Sandbox, world: World, cksync: Command
) -> None:
    who = turned_down(work, sandbox)
    seen = json.loads(cksync("diff", "work.duckdb", "--retry-rejected", "--format", "json").stdout)
    assert [action["target"] for action in seen["actions"]] == [str(who)]
    cksync("push", "work.duckdb", "--yes", "--retry-rejected", "--checksum", seen["checksum"])
    assert (world.subscribers[who].first_name, work.plan()) == ("A", Plan())
    assert_synced(work, world)
