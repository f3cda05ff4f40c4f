"""Safety rules: mail to many, and bulk changes, are blocked however they are made, over a workspace's life."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cksync.addresses import folded
from cksync.errors import Refused
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.write.action import Action
from cksync.write.diff import diff
from cksync.write.edits import Account, Cell, Edit, Person
from cksync.write.kinds import KINDS
from cksync.write.refresh import refresh
from cksync.write.rules import BULK_ROWS, held_back
from kit_sandbox import Sandbox, World, edits
from tests.conftest import some
from tests.support.workspace import Work, assert_synced, first, work, world
from tests.test_diff import account

__all__ = ["first", "work", "world"]  # fixtures

NAMES = ("subscribable_type", "subscribable_id", "subscriber_id", "id")
INTO = f"insert into subscriptions ({', '.join(NAMES[:3])})"
LEAVE = "update subscribers set state = 'cancelled' where id in (select id from subscribers where state = 'active'"
MAILED = ("sequence", "form")


def joining(kind: str, people: int) -> str:
    """Return SQL that adds active people who are not members to the first list of a kind."""
    return (
        f"{INTO} select '{kind}', (select min(id) from {kind}s), id from subscribers where state = 'active' and id > 0"
        f" and id not in (select subscriber_id from subscriptions where subscribable_type = '{kind}'"
        f" and subscribable_id = (select min(id) from {kind}s)) order by id limit {people}"
    )


def newcomers(people: int) -> tuple[str, ...]:
    return (
        "insert into subscribers (email_address) select 'new' || n || '@example.com' from range("
        f"{people}) as numbers(n)",
        f"{INTO} select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )


def rules(work: Work) -> list[str]:
    return [held.rule for held in work.plan().blocked]


@pytest.mark.parametrize("kind", some([*MAILED, "tag"], ["sequence"]))
def test_more_than_ten_people_who_join_what_sends_mail_are_held_back(kind: str, work: Work, sandbox: Sandbox) -> None:
    work.edit(joining(kind, 11))
    if kind == "tag":
        assert rules(work) == []
        return
    assert rules(work) == ["send"]
    with pytest.raises(Refused, match="11 people would be added to forms or sequences, which may send them email"):
        work.push()
    assert sandbox.journal.writes() == []
    work.edit("delete from subscriptions where id = (select min(id) from subscriptions)")
    assert rules(work) == []


def test_new_people_who_join_a_form_are_counted(work: Work) -> None:
    work.edit(joining("form", 5), *newcomers(6))
    assert rules(work) == ["send"]


@pytest.mark.heavy
def test_refresh_forgets_nobody_who_was_counted(work: Work) -> None:
    work.edit(f"{LEAVE} order by id limit 10)")
    assert work.push().exit_status == 0
    refresh(Folder(work.config.data_dir), work.path)
    work.edit(f"{LEAVE} order by id limit 1)")
    assert rules(work) == ["unsubscribe"]


@pytest.mark.heavy
def test_rules_count_over_the_life_of_a_workspace(work: Work, sandbox: Sandbox, world: World) -> None:
    """Except what was pushed with the rule lifted; and a refresh forgets nothing."""
    work.edit(f"{LEAVE} order by id limit 10)")
    assert work.push().exit_status == 0
    refresh(Folder(work.config.data_dir), work.path)
    work.edit(f"{LEAVE} order by id limit 10)")
    sandbox.journal.clear()
    with pytest.raises(Refused, match=r"10 people would be unsubscribed \(10 pushed before\)"):
        work.push()
    assert sandbox.journal.writes() == []
    assert work.push(allow=["unsubscribe"]).exit_status == 0
    work.edit(f"{LEAVE} order by id limit 1)")
    assert rules(work) == ["unsubscribe"]  # the first ten still count
    assert_synced(work, world)


@pytest.mark.heavy
def test_what_was_pushed_with_its_rule_lifted_counts_no_more(work: Work) -> None:
    work.edit(joining("sequence", 30))
    assert work.push(allow=["send"]).exit_status == 0
    work.edit(joining("sequence", 10))
    assert work.push().exit_status == 0
    work.edit(joining("form", 1))
    held = work.plan().blocked
    assert held == () or [each.rule for each in held] == ["send"]  # nobody new, or an eleventh
    work.edit(joining("form", 20))
    assert rules(work) == ["send"]


@pytest.mark.heavy
def test_rules_count_new_people_by_the_id_that_they_got(work: Work) -> None:
    work.edit(*newcomers(8))
    assert work.push().exit_status == 0
    new = "select id from subscribers where email_address like 'new%@example.com'"
    work.edit(f"{INTO} select 'sequence', (select min(id) from sequences), id from subscribers where id in ({new})")
    assert work.push().exit_status == 0  # the same eight
    work.edit(joining("sequence", 3))
    assert rules(work) == ["send"]


# -- without a database: the plan for 120 people in an account of 300

MANY = range(10, 130)


def joins(kind: str) -> list[Edit]:
    rows = [dict(zip(NAMES, (kind, 1, who, -who), strict=True)) for who in MANY]
    return [Edit("subscriptions", "insert", (kind, 1, row["subscriber_id"]), row) for row in rows]


def new_people(kind: str) -> list[Edit]:
    rows: list[dict[str, Any]] = [
        {"id": -who, "email_address": f"new{who}@example.com", "first_name": None, "state": None} for who in MANY
    ]
    joins = [dict(zip(NAMES, (kind, 1, row["id"], row["id"] - 1000), strict=True)) for row in rows]
    return [
        *(Edit("subscribers", "insert", (row["id"],), row) for row in rows),
        *(Edit("subscriptions", "insert", (kind, 1, row["subscriber_id"]), row) for row in joins),
    ]


def updates(column: str, value: str) -> list[Edit]:
    cell = Cell(column, "active" if column == "state" else None, value, "active" if column == "state" else None)
    return [Edit("subscribers", "update", (who,), {"id": who}, (cell,), is_there=True) for who in MANY]


def untags() -> list[Edit]:
    rows = [dict(zip(NAMES, ("tag", 1, who, who), strict=True)) for who in MANY]
    return [Edit("subscriptions", "delete", ("tag", 1, row["subscriber_id"]), row, is_there=True) for row in rows]


def purchases() -> list[Edit]:
    rows = [
        {"id": -who, "transaction_id": f"T{who}", "email_address": f"{who}@example.com", "currency": "USD"}
        for who in MANY
    ]
    return [
        *(Edit("purchases", "insert", (row["id"],), row) for row in rows),
        *(
            Edit("purchase_products", "insert", (row["id"], 1), {"purchase_id": row["id"], "position": 1})
            for row in rows
        ),
    ]


EVERYWAY = {
    "a tag": (joins("tag"), ["bulk"]),
    "a sequence": (joins("sequence"), ["send", "bulk"]),
    "a form": (joins("form"), ["send", "bulk"]),
    "an end of a tag": (untags(), ["bulk"]),
    "a value": (updates("first_name", "x"), ["bulk"]),
    "an unsubscription": (updates("state", "cancelled"), ["unsubscribe", "bulk"]),
    "a new person": (new_people("tag"), ["bulk"]),
    "a new person in a form": (new_people("form"), ["send", "bulk"]),
    "a purchase": (purchases(), ["bulk"]),
}


def small(edits: Sequence[Edit], subscribers: int = 300) -> Account:
    people = {who: Person(who, f"{who}@example.com", "active") for who in MANY}
    tagged = frozenset(("tag", 1, who) for who in MANY) if edits == untags() else frozenset()
    return replace(
        account(),
        people=people,
        addresses={person.email_address: person.id for person in people.values()},
        subscribers=subscribers,
        forms=frozenset({1}),
        sequences=frozenset({1}),
        memberships=tagged,
    )


@pytest.mark.parametrize("name", EVERYWAY)
def test_everybody_whom_a_plan_touches_counts(name: str) -> None:
    edits, wanted = EVERYWAY[name]
    plan = diff(edits, [], small(edits))
    assert (plan.problems, [held.rule for held in plan.blocked]) == ((), wanted)
    of_many = diff(edits, [], small(edits, subscribers=400))
    assert [held.rule for held in of_many.blocked] == [rule for rule in wanted if rule != "bulk"]  # 30 % of them


def test_somebody_who_is_touched_in_several_ways_counts_once() -> None:
    edits = [edit for some_of in (joins("tag"), updates("first_name", "x"), purchases()) for edit in some_of]
    few = [edit for edit in edits if abs(edit.row.get("subscriber_id") or edit.key[0]) < 100]
    assert diff(few, [], small(few, subscribers=100)).blocked == ()  # 90 people


def test_people_of_earlier_pushes_count_again_only_with_others() -> None:
    edits = updates("first_name", "x")[:20]
    before = frozenset(str(who) for who in range(10, 95))
    rules = [
        [held.rule for held in diff(some_of, [], replace(small(some_of), counted={"bulk": before})).blocked]
        for some_of in (edits, edits + updates("first_name", "x")[80:110])
    ]
    assert rules == [[], ["bulk"]]  # 85, and 115


LATER = "2031-02-03 04:05:06+00"
# A value, the status of its broadcast, and True if that sends mail.
BROADCASTS = [
    ("content", "x", "scheduled", True),
    ("subject", "x", "scheduled", True),
    ("description", "x", "scheduled", True),
    ("send_at", LATER, "scheduled", True),
    ("send_at", None, "scheduled", True),
    ("send_at", LATER, "draft", True),
    ("published_at", LATER, "draft", True),
    ("public", "true", "draft", True),
    ("content", "x", "draft", False),
    ("send_at", None, "draft", False),
]


@pytest.mark.parametrize(("column", "value", "status", "is_mail"), BROADCASTS)
def test_change_of_what_is_going_to_be_sent_is_mail(column: str, value: str | None, status: str, is_mail: bool) -> None:
    cell = Cell(column, "2031-01-01 00:00:00+00" if value is None else None, value, None)
    cell = replace(cell, theirs=cell.base)
    edit = Edit("broadcasts", "update", (7,), {"id": 7}, (cell,), is_there=True)
    plan = diff([edit], [], replace(account(), statuses={7: status}))
    assert ([held.rule for held in plan.blocked], len(plan.actions)) == (["send"] * is_mail, 1)


@pytest.mark.parametrize("column", ["published_at", "send_at", "public"])
def test_new_broadcast_with_a_time_is_mail(column: str) -> None:
    value = True if column == "public" else datetime(2031, 1, 1, tzinfo=UTC)
    edit = Edit("broadcasts", "insert", (-1,), {"id": -1, "subject": "x", column: value})
    assert [held.rule for held in diff([edit], [], account()).blocked] == ["send"]


@pytest.mark.heavy
def test_scheduled_broadcast_is_changed_only_with_leave(work: Work, sandbox: Sandbox, world: World) -> None:
    soon = edits.add_broadcast(world, "Soon", "x", send_at=datetime(2031, 1, 1, tzinfo=UTC))
    list(pull(work.config, environ={}))
    refresh(Folder(work.config.data_dir), work.path)
    work.edit(f"update broadcasts set content = 'y' where id = {soon}")
    with pytest.raises(Refused, match="--allow send"):
        work.push()
    assert sandbox.journal.writes() == []
    assert work.push(allow=["send"]).exit_status == 0
    assert world.broadcasts[soon].details["content"] == "y"


@pytest.mark.parametrize("spelling", ["JOSÉ@example.com", "jose\u0301@example.com"])
def test_buyer_is_one_person_whatever_the_spelling(spelling: str) -> None:
    address = "jos\u00e9@example.com"
    whole = replace(account(), addresses={folded(address): 7})
    actions = [
        Action(KINDS["create purchase"], "-1", {"purchase": {"email_address": spelling}}, ()),
        Action(KINDS["update person"], "7", {"first_name": "Zed"}, ()),
    ]
    others = [
        Action(KINDS["update person"], str(100 + number), {"first_name": "Zed"}, ()) for number in range(BULK_ROWS - 1)
    ]
    assert [held.count for held in held_back([*actions, *others], replace(whole, subscribers=0))] == [BULK_ROWS]
