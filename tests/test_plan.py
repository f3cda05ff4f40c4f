"""The price of the next pull, estimated without a request."""

import json
from pathlib import Path

import pytest

from cksync.config import ApiConfig, Config
from cksync.errors import Rejected
from cksync.pipeline.first_pull import requests_of
from cksync.pipeline.plan import plan
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import verify
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, edits, generate, serve
from tests.conftest import BARE, RATE_LIMIT, Command, some
from tests.support.runs import pulled


def test_price_of_a_first_pull_is_a_range_by_a_stated_rule(config: Config, sandbox: Sandbox) -> None:
    found = plan(config)
    assert found.requests is None
    assert found.seconds is None
    assert {line.group for line in found.lines if line.requests is None} == {
        *("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
    }
    assert found.note is not None
    assert "requests" in found.note
    assert "for 1,000 people; " in found.note
    assert "memberships per person" in found.note
    assert "for 2,500 people (" in (plan(config, people=2_500).note or "")
    assert len(sandbox.journal) == 0


@pytest.mark.parametrize("people", some([300, 1_000, 5_000], [300]))
def test_range_of_a_first_pull_holds_what_it_takes(people: int, tmp_path: Path) -> None:
    """The accounts of the sandbox have 8 memberships per person."""
    with serve(generate(people, 7), rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", tmp_path)
        api = ApiConfig(base_url=sandbox.url, api_secret=secret, rate_limit=RATE_LIMIT, rate_period_seconds=1.0)
        made = sum(pulled(Config(tmp_path / "data", "the test", api, models=BARE)).requests.values())
    low, high = requests_of("v3", people)
    assert low <= made <= high


@pytest.mark.heavy
def test_night_on_which_nothing_happens_costs_what_was_planned(config: Config, sandbox: Sandbox) -> None:
    assert pulled(config).planned is None
    sandbox.journal.clear()
    planned = plan(config).requests
    assert len(sandbox.journal) == 0
    report = pulled(config)
    assert (report.planned, sum(report.requests.values()), len(sandbox.journal)) == (planned, planned, planned)


@pytest.mark.heavy
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
def test_verify_costs_about_what_was_planned(config: Config, sandbox: Sandbox) -> None:
    pulled(config)
    planned = plan(config, depth="verify").requests
    assert planned is not None
    sandbox.journal.clear()
    list(verify(config))
    assert abs(planned - len(sandbox.journal)) <= 0.15 * len(sandbox.journal)


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
    text = cksync("plan").stdout
    assert "unknown" not in text
    assert "a first pull takes" in text
    assert "for 700 people" in json.loads(cksync("plan", "--people", "700", "--format", "json").stdout)["note"]
    cksync("pull")
    found = json.loads(cksync("plan", "--format", "json").stdout)
    assert found["requests"] == sum(line["requests"] for line in found["lines"])
    assert f"total: {found['requests']} requests, under a minute" in cksync("plan").stdout
    pulled = json.loads(cksync("pull", "--format", "json").stdout)
    assert (pulled["planned"], pulled["requests"]) == (found["requests"], found["requests"])
