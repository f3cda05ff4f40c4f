"""New rows with only what the API requires: each is created once, whatever interrupts the push, and is no edit any
more."""

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cksync.folder import Folder
from cksync.write.plan import Plan
from cksync.write.refresh import refresh
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror
from tests.conftest import Command, some
from tests.support.workspace import Work, actives, assert_synced, first, killed_push, work, world

__all__ = ["first", "work", "world"]  # fixtures

MINIMAL = (
    "insert into custom_fields (label) values ('Shoe size')",
    "insert into custom_fields (label) values ('First name')",
    "insert into custom_fields (label, key) values ('Size of the hat', 'hat')",
    "alter table subscribers add column shoe_size varchar",
    "alter table subscribers add column field_first_name varchar",
    "alter table subscribers add column Hat varchar",
    "update subscribers set shoe_size = '44', field_first_name = 'Zed', hat = '58' where id = {a}",
    "insert into tags (name) values ('new')",
    "insert into subscribers (email_address, shoe_size) values ('neo@example.com', '41')",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', (select id from tags where id < 0), id from subscribers where id < 0",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', (select id from tags where id < 0), {a}",
    "insert into broadcasts default values",
    "insert into broadcasts default values",
    "insert into broadcasts (subject) values ('subject alone')",
    "insert into broadcasts (content) values ('content alone')",
    "insert into purchases (transaction_id, email_address, currency) values ('T-1', 'neo@example.com', 'USD')",
    "insert into purchase_products (purchase_id, position, name, pid, lid, unit_price, quantity)"
    " select id, 1, 'Book', 'p1', 'l1', 19.99, 1 from purchases where id < 0",
)
REQUESTS = 12  # writes that it takes


def edited(work: Work) -> list[int]:
    """Edit the workspace; return how many of each kind the account must gain."""
    (person,) = actives(work, 1)
    work.edit(*(statement.replace("{a}", str(person)) for statement in MINIMAL))
    return [3, 1, 1, 4, 1]


def counts(world: World) -> list[int]:
    kinds = (world.custom_fields, world.parents["tag"], world.subscribers, world.broadcasts, world.purchases)
    return [len(each) for each in kinds]


def made(work: Work, world: World, before: list[int], wanted: list[int]) -> None:
    """Assert that everything exists once, with its values, and is no edit any more."""
    assert [now - then for now, then in zip(counts(world), before, strict=True)] == wanted
    assert work.plan() == Plan()
    (person,) = actives(work, 1)
    values = expected_mirror(world).subscribers[person]["fields"]
    assert (values["shoe_size"], values["first_name"], values["size_of_the_hat"]) == ("44", "Zed", "58")
    (neo,) = (each for each in world.subscribers.values() if each.email_address == "neo@example.com")
    assert expected_mirror(world).subscribers[neo.id]["fields"]["shoe_size"] == "41"
    assert work.rows("select count(*) from custom_fields where key is null or id < 0") == [(0,)]


@pytest.mark.heavy
def test_rows_with_nothing_but_what_the_api_needs_are_made_once(work: Work, sandbox: Sandbox, world: World) -> None:
    before, wanted = counts(world), edited(work)
    report = work.push()
    assert (report.exit_status, len(report.results)) == (0, REQUESTS)
    made(work, world, before, wanted)
    assert_synced(work, world)
    sandbox.journal.clear()
    assert (work.push().plan, sandbox.journal.writes()) == (Plan(), [])
    refresh(Folder(work.config.data_dir), work.path)
    assert work.plan() == Plan()


@pytest.mark.heavy
@pytest.mark.parametrize("nth", some(range(1, REQUESTS + 1), (9,)))
def test_answer_that_is_lost_makes_no_row_twice(nth: int, work: Work, sandbox: Sandbox, world: World) -> None:
    """Two empty drafts differ only in their ids."""
    before, wanted = counts(world), edited(work)
    sandbox.faults.add(effects.lost_response(), where=lambda asked: asked.method != "GET", nth=nth)
    assert work.push().exit_status == 0
    made(work, world, before, wanted)


@pytest.mark.heavy
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("request_", range(1, REQUESTS + 1))
def test_push_of_them_killed_at_any_write_is_completed_by_the_same_command(
    request_: int,
    after: bool,
    work: Work,
    cksync: Command,
    environ: dict[str, str],
    sandbox: Sandbox,
    world: World,
) -> None:
    before, wanted = counts(world), edited(work)
    assert killed_push(environ, work.path.parent, sandbox, request_, after=after) == -signal.SIGKILL
    plan = work.plan()  # what was created and not published yet is neither an error nor gone
    assert plan.conflicts == ()
    assert [problem for problem in plan.problems if "already" not in problem.reason] == []
    assert cksync("push", "work.duckdb", "--yes").returncode == 0
    made(work, world, before, wanted)


@pytest.mark.heavy
@pytest.mark.parametrize("request_", range(1, 30))
def test_push_of_them_killed_at_any_request_is_completed_by_the_same_command(
    request_: int, work: Work, cksync: Command, environ: dict[str, str], sandbox: Sandbox, world: World
) -> None:
    before, wanted = counts(world), edited(work)
    died = killed_push(environ, work.path.parent, sandbox, request_, after=True, reads=True)
    assert died in (0, -signal.SIGKILL)
    assert cksync("push", "work.duckdb", "--yes").returncode == 0
    made(work, world, before, wanted)
    assert_synced(work, world)


@pytest.mark.heavy
def test_row_that_the_api_does_not_create_again_is_rejected(work: Work, sandbox: Sandbox, world: World) -> None:
    """It is undocumented whether the API creates a second purchase of a transaction, or adds to the first."""
    world.behaviour = replace(world.behaviour, repeated_transaction="appended")
    sold = min(world.purchases)
    work.edit(
        "insert into purchases (transaction_id, email_address, currency)"
        f" select transaction_id, 'neo@example.com', 'USD' from purchases where id = {sold}",
        "insert into purchase_products (purchase_id, position, name, pid, lid, unit_price, quantity)"
        " select id, 1, 'Book', 'p1', 'l1', 19.99, 1 from purchases where id < 0",
    )
    (result,) = (result for _, result in work.push().results)
    assert (result.outcome, result.message) == (
        "rejected",
        f"the API returned purchase {sold}, which already existed",
    )
    assert work.plan().problems == ()
    work.edit("delete from purchase_products where purchase_id < 0", "delete from purchases where id < 0")
    assert work.push().exit_status == 0


# -- leftovers of 0.1.0


@pytest.mark.heavy
def test_workspace_in_which_a_field_has_no_column_name_goes_on(work: Work, world: World) -> None:
    """0.1.0 noted none for a field that was given by its label alone, and could not read that again."""
    (person,) = actives(work, 1)
    work.edit("insert into custom_fields (label) values ('Shoe size')")
    work.push()
    work.edit("update _cksync.columns set name = null where key = 'shoe_size'")
    assert work.plan() == Plan()
    work.edit(
        "alter table subscribers add column shoe_size varchar",
        f"update subscribers set shoe_size = '44' where id = {person}",
    )
    assert work.push().exit_status == 0
    assert expected_mirror(world).subscribers[person]["fields"]["shoe_size"] == "44"
    refresh(Folder(work.config.data_dir), work.path)
    assert work.plan() == Plan()


@pytest.mark.heavy
def test_purchase_that_was_sent_with_a_product_without_position_is_found(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    """0.1.0 sent it, and could not read its own journal after that."""
    purchase = {"transaction_id": "T-1", "email_address": "neo@example.com", "currency": "USD", "products": []}
    rows = [[["purchases", "-50"], ["purchase_products", "-50, None"]], []]
    body = json.dumps({"purchase": purchase}).replace("'", "''")
    work.edit(
        "insert into purchases (id, transaction_id, email_address, currency)"
        " values (-50, 'T-1', 'neo@example.com', 'USD')",
        "insert into purchase_products (purchase_id, name) values (-50, 'Book')",
        "insert into _cksync.actions (id, kind, target, body, rows, state, sent_at)"
        f" values ('x', 'create purchase', '-50', '{body}', '{json.dumps(rows)}', 'sent', now() - interval 1 minute)",
    )
    edits.add_purchase(world, "neo@example.com", transaction_id="T-1")
    purchases = len(world.purchases)
    assert work.push().exit_status == 0
    assert (len(world.purchases), work.plan(), sandbox.journal.writes()) == (purchases, Plan(), [])


# -- required and forbidden values

PROBLEMS = {
    "a field by its key alone": ("insert into custom_fields (key) values ('shoe_size')", "needs a label"),
    "a field by its name alone": ("insert into custom_fields (name) values ('Shoe size')", "needs a label"),
    "a field with another one's key": (
        "insert into custom_fields (label, key) values ('Employer', 'Company')",
        "the key Company belongs to another field; leave it out, the API derives it from the label",
    ),
    "two fields with one key": (
        "insert into custom_fields (label, key) values ('A size', 'size'), ('B size', 'size')",
        "several new fields have the key size",
    ),
    "a product without position": (
        "insert into purchase_products (purchase_id, name) values (-1, 'Book')",
        "a product needs its position in the purchase: 1, 2, 3 ...",
    ),
    "a new person who has cancelled": (
        "insert into subscribers (email_address, state) values ('neo@example.com', 'cancelled')",
        "state cannot be set: the API sets the state of a new person",
    ),
    "a new subscription that is inactive": (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id, state)"
        " select 'form', min(id), {a}, 'inactive' from forms where id not in (select subscribable_id from subscriptions"
        " where subscribable_type = 'form' and subscriber_id = {a})",
        "state cannot be set: the API sets the state of a subscription",
    ),
}


@pytest.mark.parametrize("edit", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_what_cannot_be_left_out_or_given_is_reported(edit: tuple[str, str], work: Work) -> None:
    statement, reason = edit
    work.edit(statement.replace("{a}", str(actives(work, 1)[0])))
    assert any(reason in problem.reason for problem in work.plan().problems), work.plan().problems


@pytest.mark.heavy
def test_value_of_a_column_of_a_person_is_not_taken_for_a_new_field(work: Work, world: World) -> None:
    (person,) = actives(work, 1)
    work.edit(
        "insert into custom_fields (label, key) values ('First name', 'first_name')",
        f"update subscribers set first_name = 'Zed' where id = {person}",
    )
    assert work.push().exit_status == 0
    assert world.subscribers[person].first_name == "Zed"
    assert expected_mirror(world).subscribers[person]["fields"]["first_name"] is None


@pytest.mark.heavy
def test_person_who_could_not_be_made_is_not_made_by_another_subscription(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    """The address alone would create a person without a name, unknown to the workspace."""
    work.edit(
        "insert into subscribers (email_address, first_name) values ('neo@example.com', 'Neo')",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'sequence', (select min(id) from sequences), id from subscribers where id < 0",
    )
    people = len(world.subscribers)
    refused: Callable[..., Any] = effects.status(422, '{"error": "x", "message": "no"}', "application/json")
    sandbox.faults.add(refused, path="/forms/[0-9]+/subscribe", method="POST", count=1)
    report = work.push()
    assert [(a.what, r.outcome) for a, r in report.results] == [
        ("create person", "rejected"),
        ("subscribe", "rejected"),
    ]
    assert (report.exit_status, len(world.subscribers)) == (3, people)
