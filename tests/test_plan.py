"""The price of the next pull, estimated without a request."""

import json

import pytest

from cksync.config import Config
from cksync.errors import Rejected
from cksync.pipeline.plan import plan
from cksync.pipeline.pull import pull
from kit_sandbox import Sandbox, World, edits
from tests.conftest import Command
from tests.support.runs import pulled


def test_price_of_a_first_pull_is_unknown_and_says_so(config: Config, sandbox: Sandbox) -> None:
    found = plan(config)
    assert found.requests is None
    assert found.seconds is None
    assert {line.group for line in found.lines if line.requests is None} == {
        *("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
    }
    assert found.note is not None
    assert len(sandbox.journal) == 0


def test_night_on_which_nothing_happens_costs_what_was_planned(config: Config, sandbox: Sandbox) -> None:
    assert pulled(config).planned is None
    sandbox.journal.clear()
    planned = plan(config).requests
    assert len(sandbox.journal) == 0
    report = pulled(config)
    assert (report.planned, sum(report.requests.values()), len(sandbox.journal)) == (planned, planned, planned)


def test_list_of_broadcasts_that_ends_with_a_full_page_is_planned_with_the_empty_one_behind(
    config: Config, sandbox: Sandbox, world: World
) -> None:
    while len(world.broadcasts) < 50:
        edits.send_broadcast(world, edits.add_broadcast(world, "A mail"))
    pulled(config)
    report = pulled(config)
    assert report.planned == sum(report.requests.values())


@pytest.mark.heavy
def test_reading_every_row_again_costs_what_was_planned(config: Config, sandbox: Sandbox) -> None:
    pulled(config)
    planned = plan(config, depth="full").requests
    sandbox.journal.clear()
    list(pull(config, depth="full"))
    assert len(sandbox.journal) == planned


@pytest.mark.heavy
def test_what_nights_use_to_spend_beyond_what_is_certain_is_planned_too(
    config: Config, sandbox: Sandbox, world: World
) -> None:
    pulled(config)
    people = sorted(key for key, person in world.subscribers.items() if person.state == "active")
    for night in range(4):
        edits.delete_subscriber(world, people[10 * night])
        last = pulled(config)
    edits.delete_subscriber(world, people[100])
    planned = plan(config).requests
    assert planned is not None
    sandbox.journal.clear()
    pulled(config)
    assert last.planned is not None
    assert abs(planned - len(sandbox.journal)) <= 0.15 * len(sandbox.journal)


def test_plan_of_some_streams_has_those_and_what_they_need(config: Config) -> None:
    assert {line.group for line in plan(config, ("subscriptions",)).lines} == {
        *("account", "forms", "sequences", "tags", "subscriptions")
    }
    with pytest.raises(Rejected, match="unknown stream nonsense"):
        plan(config, ("nonsense",))


def test_plan_says_that_a_stopped_pull_goes_on(config: Config) -> None:
    list(pull(config, max_minutes=0))
    note = plan(config).note
    assert note is not None
    assert note.startswith("continues the pull of ")


def test_command_shows_the_plan_and_gives_it_as_json(cksync: Command) -> None:
    assert "total: unknown" in cksync("plan").stdout
    cksync("pull")
    found = json.loads(cksync("plan", "--format", "json").stdout)
    assert found["requests"] == sum(line["requests"] for line in found["lines"])
    assert f"total: {found['requests']} requests, under a minute" in cksync("plan").stdout
    pulled = json.loads(cksync("pull", "--format", "json").stdout)
    assert (pulled["planned"], pulled["requests"]) == (found["requests"], found["requests"])
