"""A sandbox that moves in time: its clock is told to go on, and the account lives the days."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from kit_sandbox import Clock, ShiftedClock, World, creator, edits, expected_mirror, generate, seeded
from tests.support.asking import Ask, Serving
from tests.support.asking_v4 import AskV4

START = datetime(2026, 9, 1, 12, tzinfo=UTC)


def clock_of(ask: Ask, days: float | None = None) -> Any:
    method, body = ("GET", None) if days is None else ("POST", {"days": days})
    url, headers = f"{ask.sandbox.control_url}/clock", ask.sandbox.control_headers
    return ask.session.request(method, url, json=body, headers=headers, timeout=30)


def test_the_clock_can_be_read_and_moved(serving: Serving) -> None:
    ask = serving(World(now=Clock(START)))
    assert clock_of(ask).json() == {"now": START.isoformat()}
    assert clock_of(ask, 7.5).json() == {"now": (START + timedelta(days=7.5)).isoformat()}
    served_at = parsedate_to_datetime(ask.get("tags").headers["Date"])
    assert served_at == START + timedelta(days=7.5)


def test_days_that_pass_are_lived(serving: Serving) -> None:
    world = creator(300, now=Clock(START))
    ask = serving(world)
    before = expected_mirror(world)
    assert clock_of(ask, 90).status_code == 200
    after = expected_mirror(world)
    joined, bought = after.subscribers.keys() - before.subscribers.keys(), after.purchases.keys() - before.purchases
    assert joined
    assert bought
    assert len(after.broadcasts) > len(before.broadcasts) + 10
    known = before.subscribers.keys() & after.subscribers.keys()
    assert any(
        (before.subscribers[key]["state"], after.subscribers[key]["state"]) == ("active", "cancelled") for key in known
    )
    tagged = {key for key in after.memberships.keys() - before.memberships.keys() if key[0] == "tag"}
    assert tagged
    newest = after.broadcast_stats[max(key for key, row in after.broadcast_stats.items() if row["stats"]["recipients"])]
    assert newest["stats"]["open_rate"] > 0
    assert {row["id"] for row in AskV4(ask).walk("subscribers", status="all")} == after.subscribers.keys()


def test_lists_do_not_lag_behind_days_that_passed(serving: Serving) -> None:
    world = creator(60, now=Clock(START))
    ask = serving(world)
    world.behaviour = seeded("creator", 20).behaviour
    clock_of(ask, 30)
    assert {row["id"] for row in AskV4(ask).walk("subscribers", status="all")} == set(world.subscribers)


@pytest.mark.parametrize("days", [-1, "many", None])
def test_time_that_cannot_pass_is_400_with_a_reason(days: Any, serving: Serving) -> None:
    ask = serving(World(now=Clock(START)))
    url, headers = f"{ask.sandbox.control_url}/clock", ask.sandbox.control_headers
    answer = ask.session.post(url, json={"days": days}, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert clock_of(ask).json() == {"now": START.isoformat()}


def test_an_account_on_the_machines_own_clock_does_not_move(serving: Serving) -> None:
    answer = clock_of(serving(World()), 1)
    assert (answer.status_code, answer.json()["message"]) == (400, "the clock of this account does not move")


def test_a_shifted_clock_follows_the_machines() -> None:
    clock = ShiftedClock(90)
    before = clock()
    assert clock() >= before
    assert timedelta(days=6.9) < clock.advance(days=7) - before < timedelta(days=7.1)


def test_the_account_of_the_tests_lives_too() -> None:
    world = generate(200, 7, now=Clock(START))
    before = expected_mirror(world)
    world.advance(60)
    after = expected_mirror(world)
    assert len(after.subscribers) > len(before.subscribers)
    assert len(after.purchases) > len(before.purchases)
    assert len(after.broadcasts) == len(before.broadcasts) + 9
    assert after.memberships.keys() - before.memberships.keys()
    again = generate(200, 7, now=Clock(START))
    for _ in range(6):
        again.advance(10)
    assert expected_mirror(again) == after


def test_what_was_edited_lives_on() -> None:
    world = creator(100, now=Clock(START))
    for person_id in list(world.subscribers)[::2]:
        edits.delete_subscriber(world, person_id)
    for tag_id in list(world.parents["tag"]):
        edits.delete_tag(world, tag_id)
    for form_id in list(world.parents["form"]):
        edits.delete_form(world, form_id)
    for broadcast_id in list(world.broadcasts):
        edits.delete_broadcast(world, broadcast_id)
    edits.add_subscriber(world, "pushed@example.com")
    world.advance(120)
    assert [row for row in world.broadcasts.values() if row.status == "completed"]
    assert world.ms() == int((START + timedelta(days=120)).timestamp() * 1000)


@pytest.mark.parametrize("name", ["creator", "creator:3", "oddities", "oddities:3", "3"])
def test_seeds_have_names_and_numbers(name: str) -> None:
    world = seeded(name, 60)
    assert (world.account.name == "The Slow Loaf") == name.startswith("creator")
    assert 20 < len(world.subscribers) < 110


@pytest.mark.parametrize("name", ["nobody", "creator:x", ""])
def test_an_unknown_seed_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no seed is named"):
        seeded(name, 60)


def test_sizes_belong_to_the_oddities_alone() -> None:
    assert len(seeded("oddities", 60, sizes={"broadcasts": 20}).broadcasts) == 20
    with pytest.raises(ValueError, match="the seed creator has its own proportions"):
        seeded("creator", 60, sizes={"broadcasts": 20})


@pytest.mark.parametrize("name", ["creator", "oddities"])
def test_days_are_lived_until_now(name: str) -> None:
    fresh, lived = seeded(name, 100), seeded(name, 100, days=90)
    assert abs((lived.now() - fresh.now()).total_seconds()) < 3_600
    recent = [row for row in lived.subscribers.values() if row.created_ms > lived.ms() - 90 * 86_400_000]
    assert recent
    assert expected_mirror(fresh) != expected_mirror(lived)
