"""Lists of v4 that lag behind: what they show, what is current, and when they catch up."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kit_sandbox import Behaviour, Clock, World, edits, generate
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4

LAG = Behaviour(v4_lag_seconds=30)


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def total(kit: AskV4, path: str = "subscribers") -> int:
    return int(kit.json(path, include_total_count="true")["pagination"]["total_count"])


def test_lists_filters_and_totals_lag_and_a_person_by_id_does_not(kit: AskV4, world: World, clock: Clock) -> None:
    (old,) = add_people(world, 1)
    world.behaviour = LAG
    new = edits.add_subscriber(world, "new@example.com")
    edits.set_first_name(world, old, "Bo")
    for _ in range(2):
        assert kit.ids("subscribers") == [old]
        assert [row["id"] for row in kit.filter()["subscribers"]] == [old]
        assert total(kit) == 1
        assert kit.rows("subscribers")[0]["first_name"] is None
        assert kit.json(f"subscribers/{old}")["subscriber"]["first_name"] == "Bo"
        assert kit.json(f"subscribers/{new}")["subscriber"]["email_address"] == "new@example.com"
        clock.advance(seconds=29.9)
    clock.advance(seconds=0.1)
    assert (kit.ids("subscribers"), total(kit)) == ([new, old], 2)
    assert kit.rows("subscribers")[1]["first_name"] == "Bo"


def test_lists_catch_up_edit_by_edit(kit: AskV4, world: World, clock: Clock) -> None:
    world.behaviour = LAG
    people = []
    for number in range(3):
        people.append(edits.add_subscriber(world, f"{number}@example.com"))
        clock.advance(seconds=10)
    shown = []
    for _ in range(4):
        shown.append(kit.ids("subscribers"))
        clock.advance(seconds=10)
    assert shown == [people[:1], people[1::-1], people[::-1], people[::-1]]


def test_memberships_counts_and_states_lag(kit: AskV4, world: World, clock: Clock) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "t")
    world.behaviour = LAG
    edits.tag(world, person, tag)
    assert kit.ids(f"tags/{tag}/subscribers") == []
    assert kit.rows(f"subscribers/{person}/tags") == []
    assert kit.rows("tags", include="subscriber_count")[0]["subscriber_count"] == 0
    clock.advance(seconds=30)
    assert kit.ids(f"tags/{tag}/subscribers") == [person]
    edits.cancel(world, person)
    assert kit.rows("tags", include="subscriber_count")[0]["subscriber_count"] == 1
    assert kit.ids("subscribers", status="cancelled") == []
    clock.advance(seconds=30)
    assert kit.rows("tags", include="subscriber_count")[0]["subscriber_count"] == 0
    assert kit.ids("subscribers", status="cancelled") == [person]


def test_the_tags_of_one_person_may_be_current(kit: AskV4, world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "t")
    world.behaviour = replace(LAG, v4_person_tags="current")
    edits.tag(world, person, tag)
    assert [row["id"] for row in kit.rows(f"subscribers/{person}/tags")] == [tag]
    assert kit.ids(f"tags/{tag}/subscribers") == []


def test_the_list_of_a_new_tag_is_there_at_once_and_empty(kit: AskV4, world: World) -> None:
    (person,) = add_people(world, 1)
    world.behaviour = LAG
    tag = edits.add_tag(world, "t")
    edits.tag(world, person, tag)
    assert kit.ids("tags") == []
    assert kit.ids(f"tags/{tag}/subscribers", status="all") == []


def test_a_deleted_person_stays_in_the_lists_for_a_while(kit: AskV4, world: World, clock: Clock) -> None:
    (person,) = add_people(world, 1)
    world.behaviour = LAG
    edits.delete_subscriber(world, person)
    assert kit.ids("subscribers") == [person]
    assert kit.get(f"subscribers/{person}").status_code == 404
    clock.advance(seconds=30)
    assert kit.ids("subscribers") == []


def test_records_of_v4_lag_too(kit: AskV4, world: World, clock: Clock) -> None:
    sequence = edits.add_sequence(world, "s", datetime(2023, 1, 1, tzinfo=UTC))
    world.behaviour = LAG
    mail = edits.add_sequence_email(world, sequence, "one")
    snippet = edits.add_snippet(world, "a")
    assert kit.rows(f"sequences/{sequence}/emails") == kit.rows("snippets") == []
    assert kit.get(f"sequences/{sequence}/emails/{mail}").status_code == 200
    assert kit.get(f"snippets/{snippet}").status_code == 200
    clock.advance(seconds=30)
    assert kit.ids(f"sequences/{sequence}/emails") == [mail]
    assert kit.ids("snippets") == [snippet]


def test_v3_does_not_lag(ask: Ask, world: World) -> None:
    world.behaviour = LAG
    person = edits.add_subscriber(world, "ana@example.com")
    assert ask.ids("subscribers") == [person]


def test_what_v3_writes_lags_in_v4(ask: Ask, kit: AskV4, world: World, clock: Clock) -> None:
    world.behaviour = LAG
    ask.write("POST", "tags", tag={"name": "new"})
    assert kit.ids("tags") == []
    clock.advance(seconds=30)
    assert len(kit.ids("tags")) == 1


def test_a_generated_account_is_there_from_the_beginning(clock: Clock) -> None:
    world = generate(50, seed=1, now=clock, behaviour=LAG)
    assert world.past == []


def test_only_so_many_states_are_kept(world: World, clock: Clock) -> None:
    world.behaviour = LAG
    for number in range(300):
        edits.add_subscriber(world, f"{number}@example.com")
        clock.advance(seconds=0.1)
    assert len(world.past) <= 60
