"""API v3 subscribes and unsubscribes by address: the person is looked up first, and nobody else is affected."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from cksync.pipeline.pull import pull
from kit_sandbox import Sandbox, World, edits, effects
from tests.conftest import some
from tests.support.workspace import Work, actives, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

ALLOW = ("bulk", "unsubscribe", "resubscribe")


def inactive(world: World) -> int:
    """Return a person whom no list shows, so that no pull sees a new address of theirs."""
    return min(person.id for person in world.subscribers.values() if person.state == "inactive")


def edit(kind: str, who: int, world: World) -> str:
    """Return an edit of a person that is sent by address."""
    if kind == "unsubscribe":
        return f"update subscribers set state = 'cancelled' where id = {who}"
    free = next(each for each in sorted(world.parents[kind]) if who not in world.rosters[kind, each].members)  # type: ignore[index]
    return (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        f" values ('{kind}', {free}, {who})"
    )


KINDS = some(["unsubscribe", "form", "sequence", "tag"], ["unsubscribe"])


def joined(world: World, who: int) -> int:
    return sum(who in roster.members for roster in world.rosters.values())


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_address_that_somebody_else_has_meanwhile_takes_nobody_else(
    kind: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """The mirror still has the old one; the next push looks it up, and affects the right person."""
    who = inactive(world)
    work.edit(edit(kind, who, world))
    address = world.subscribers[who].email_address
    edits.set_email(world, who, "moved@example.com")
    other = edits.add_subscriber(world, address)
    lists = joined(world, who), joined(world, other)
    report = work.push(allow=ALLOW)
    (result,) = (result for _, result in report.results)
    assert (report.exit_status, result.outcome) == (3, "conflict")
    assert f"person {who} has another address now; push again" in result.message
    assert sandbox.journal.writes() == []
    assert work.push(allow=ALLOW).exit_status == 0
    assert (world.subscribers[other].state, joined(world, other)) == ("active", lists[1])
    if kind == "unsubscribe":
        assert world.subscribers[who].state == "cancelled"
    else:
        assert joined(world, who) == lists[0] + 1


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_address_that_changes_hands_right_before_the_write_is_reported(
    kind: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """The remaining race: another person is affected; it is neither called done nor repeated."""
    (who,) = actives(work, 1)
    work.edit(edit(kind, who, world))
    address = world.subscribers[who].email_address
    others: list[int] = []

    def move() -> None:
        edits.set_email(world, who, "moved@example.com")
        others.append(edits.add_subscriber(world, address))

    sandbox.faults.add(effects.edit_before(move), where=lambda asked: asked.method != "GET")
    report = work.push(allow=ALLOW)
    (result,) = (result for _, result in report.results)
    assert (report.exit_status, result.outcome) == (3, "rejected")
    assert f"person {others[0]}, who now has that address, not {who}" in result.message
    writes = len(sandbox.journal.writes())
    edits.set_email(world, who, "moved-again@example.com")
    work.push(allow=ALLOW)
    assert len(sandbox.journal.writes()) == writes + 1  # by the current address
    (last,) = sandbox.journal.writes()[-1:]
    assert last.params["email"] == "moved-again@example.com"
    assert_synced(work, world)


@pytest.mark.parametrize("kind", KINDS)
def test_person_deleted_between_plan_and_write_is_not_made_again(
    kind: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    (who,) = actives(work, 1)
    work.edit(edit(kind, who, world))
    people = len(world.subscribers)
    sandbox.faults.add(
        effects.edit_before(lambda: edits.delete_subscriber(world, who)), path=f"/subscribers/{who}", method="GET"
    )
    report = work.push(allow=ALLOW)
    assert [(r.outcome, r.message) for _, r in report.results] == [
        ("conflict", f"person {who} is no longer in the account")
    ]
    assert (len(world.subscribers), sandbox.journal.writes()) == (people - 1, [])
    assert_synced(work, world)


@pytest.mark.parametrize("kind", KINDS)
def test_address_that_two_people_have_is_refused(kind: str, work: Work, sandbox: Sandbox, world: World) -> None:
    one, other, third = actives(work, 3)
    same = world.subscribers[one].email_address.upper()
    world.put_subscriber(world.subscribers[other]._replace(email_address=same))
    list(pull(work.config, environ={}))
    work.edit(edit(kind, one, world), f"update subscribers set first_name = 'Zed' where id = {third}")
    report = work.push(allow=ALLOW)
    results = {action.what: result for action, result in report.results}
    assert results.pop("update person").outcome == "done"
    ((_, result),) = results.items()
    assert (report.exit_status, result.outcome) == (3, "conflict")
    assert result.message == f"not sent: person {other} has the same address"
    assert [entry.method for entry in sandbox.journal.writes()] == ["PUT"]


@pytest.mark.heavy
def test_person_who_cannot_be_read_is_left_alone(work: Work, sandbox: Sandbox, world: World) -> None:
    """A record that is not JSON shows neither who has the address nor that a person is gone."""
    (who,) = actives(work, 1)
    work.edit(edit("unsubscribe", who, world))
    sandbox.faults.add(effects.stray("NaN"), path=f"/subscribers/{who}", method="GET", count=None)
    report = work.push(allow=ALLOW)
    ((_, result),) = report.results
    assert (report.exit_status, result.outcome, sandbox.journal.writes()) == (3, "conflict", [])
    assert "could not be read" in result.message


@pytest.mark.heavy
def test_person_who_has_cancelled_since_the_plan_is_not_subscribed(work: Work, sandbox: Sandbox, world: World) -> None:
    (who,) = actives(work, 1)
    work.edit(edit("form", who, world))
    sandbox.faults.add(effects.edit_before(lambda: edits.cancel(world, who)), path=f"/subscribers/{who}", method="GET")
    report = work.push()
    assert [(r.outcome, r.message) for _, r in report.results] == [
        ("conflict", f"not sent: person {who} is cancelled now; push again")
    ]
    assert sandbox.journal.writes() == []
    assert [held.rule for held in work.plan().blocked] == ["resubscribe"]


def test_new_person_who_signed_up_meanwhile_is_not_written_over(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(
        "insert into subscribers (email_address, first_name) values ('neo@example.com', 'Neo')",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )

    def sign_up() -> None:
        edits.add_subscriber(world, "neo@example.com", "Thomas")

    sandbox.faults.add(
        effects.edit_before(sign_up), path="/subscribers", where=lambda asked: "email_address" in asked.params
    )
    report = work.push()
    ((_, result),) = report.results
    assert (report.exit_status, result.outcome) == (3, "conflict")
    assert "has that address now" in result.message
    assert sandbox.journal.writes() == []


@pytest.mark.heavy
def test_plan_counts_the_requests_that_ask_who_has_an_address(work: Work, sandbox: Sandbox, world: World) -> None:
    one, other = actives(work, 2)
    work.edit(edit("form", one, world), edit("unsubscribe", other, world))
    plan = work.plan()
    assert (len(plan.actions), plan.requests) == (2, 4)
    sandbox.journal.clear()
    work.push()
    asked = [
        entry for entry in sandbox.journal.entries if entry.path in (f"/subscribers/{one}", f"/subscribers/{other}")
    ]
    assert (len(asked), len(sandbox.journal.writes())) == (2, 2)


# -- one folding of addresses

SPELLINGS = [
    ("\u0130pek@example.com", "i\u0307pek@example.com"),
    ("\u039f\u0394\u039f\u03a3@example.com", "\u03bf\u03b4\u03bf\u03c2@example.com"),
    ("caf\u00e9@example.com", "cafe\u0301@example.com"),
]


@pytest.mark.parametrize("pair", some(SPELLINGS, [SPELLINGS[1]]))
def test_address_in_another_spelling_is_taken(pair: tuple[str, str], work: Work, world: World) -> None:
    there, given = pair
    one, other = actives(work, 2)
    edits.set_email(world, one, there)
    list(pull(work.config, environ={}))
    work.edit(f"update subscribers set email_address = '{given}' where id = {other}")
    assert [problem.reason for problem in work.plan().problems] == [f"{given} already belongs to person {one}"]


@pytest.mark.heavy
@pytest.mark.parametrize("pair", some(SPELLINGS, [SPELLINGS[2]]))
def test_person_whose_address_the_api_spells_another_way_is_that_person(
    pair: tuple[str, str], work: Work, sandbox: Sandbox, world: World
) -> None:
    here, there = pair
    (who,) = actives(work, 1)
    edits.set_email(world, who, here)
    list(pull(work.config, environ={}))
    work.edit(edit("form", who, world))

    def respelled(asked: Any, handle: Callable[[Any], Any]) -> Any:
        return effects._edited(handle(asked), lambda body: body["subscriber"].update(email_address=there))

    sandbox.faults.add(respelled, path=f"/subscribers/{who}", method="GET", count=None)
    assert work.push().exit_status == 0


@pytest.mark.heavy
def test_buyer_is_found_whatever_the_spelling(work: Work, world: World) -> None:
    (who,) = actives(work, 1)
    edits.set_email(world, who, SPELLINGS[2][0])
    bought = edits.add_purchase(world, SPELLINGS[2][1])
    list(pull(work.config, environ={}))
    with duckdb.connect(str(work.config.data_dir / "mirror.duckdb"), read_only=True) as db:
        assert db.execute("select subscriber_id from purchases where id = ?", [bought]).fetchone() == (who,)
