"""The members of forms, sequences and tags."""

from datetime import timedelta

import pytest
import requests

from kit_sandbox import Clock, World, edits
from tests.support.asking import Ask, add_people, members


def test_a_subscription_holds_the_whole_person(ask: Ask, world: World) -> None:
    edits.add_custom_field(world, "Company")
    person, form = edits.add_subscriber(world, "ana@example.com", "Ana"), edits.add_form(world, "Footer")
    subscription = edits.join_form(world, person, form, referrer='https://example.com/?q="a"', state="inactive")
    assert ask.json(f"forms/{form}/subscriptions") == {
        "total_subscriptions": 1,
        "page": 1,
        "total_pages": 1,
        "subscriptions": [
            {
                "id": subscription,
                "state": "inactive",
                "created_at": "2026-11-01T12:00:00.000Z",
                "source": None,
                "referrer": 'https://example.com/?q="a"',
                "subscribable_id": form,
                "subscribable_type": "form",
                "subscriber": ask.json(f"subscribers/{person}")["subscriber"],
            }
        ],
    }


def test_a_sequence_calls_itself_course_by_both_paths(ask: Ask, world: World) -> None:
    (person,), sequence = add_people(world, 1), edits.add_sequence(world, "Welcome")
    edits.join_sequence(world, person, sequence)
    rows = ask.json(f"sequences/{sequence}/subscriptions")
    assert rows["subscriptions"][0]["subscribable_type"] == "course"
    assert ask.json(f"courses/{sequence}/subscriptions") == rows


def test_members_come_by_the_time_of_joining(ask: Ask, world: World, clock: Clock) -> None:
    first, second, third = add_people(world, 3)
    tag = edits.add_tag(world, "a")
    for person in (third, first):
        clock.advance(hours=1)
        edits.tag(world, person, tag)
    edits.tag(world, second, tag, created_at=clock() - timedelta(days=1))
    path = f"tags/{tag}/subscriptions"
    assert members(ask, path) == members(ask, path, sort_order="asc") == [second, third, first]
    assert members(ask, path, sort_order="desc") == [first, third, second]


def test_pages_of_members_hold_fifty_and_end_empty(ask: Ask, world: World) -> None:
    tag = edits.add_tag(world, "a")
    made = [edits.tag(world, person, tag) for person in add_people(world, 100)]
    path = f"tags/{tag}/subscriptions"
    assert ask.all(path) == made
    assert ask.json(path, page=3) == {
        "total_subscriptions": 100,
        "page": 3,
        "total_pages": 2,
        "subscriptions": [],
    }


@pytest.mark.parametrize("kind", ["forms", "sequences", "tags"])
def test_a_wrong_sort_order_of_members_is_an_error(ask: Ask, world: World, kind: str) -> None:
    lists = {
        "forms": edits.add_form(world, "a"),
        "sequences": edits.add_sequence(world, "a"),
        "tags": edits.add_tag(world, "a"),
    }
    answer = ask.get(f"{kind}/{lists[kind]}/subscriptions", sort_order="up")
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize(
    ("kind", "title", "message"),
    [
        ("forms", "Not Found", "The entity you were trying to find doesn't exist"),
        ("sequences", "Course not found", ""),
        ("courses", "Course not found", ""),
        ("tags", "Tag not found", ""),
    ],
)
def test_members_of_something_unknown_are_404_in_its_own_words(ask: Ask, kind: str, title: str, message: str) -> None:
    answer: requests.Response = ask.get(f"{kind}/77/subscriptions")
    assert (answer.status_code, answer.json()) == (404, {"error": title, "message": message})


def test_without_subscriber_state_people_of_all_states_are_listed(ask: Ask, world: World) -> None:
    people, tag = add_people(world, 5), edits.add_tag(world, "a")
    for person in people:
        edits.tag(world, person, tag)
    changes = (edits.cancel, edits.bounce, edits.complain, edits.deactivate)
    for change, person in zip(changes, people, strict=False):
        change(world, person)
    path = f"tags/{tag}/subscriptions"
    assert members(ask, path) == people
    assert members(ask, path, subscriber_state="active") == [people[4]]
    assert members(ask, path, subscriber_state="cancelled") == [people[0]]
    assert ask.json(path, subscriber_state="cancelled")["total_subscriptions"] == 1


def test_a_filtered_list_follows_the_states(ask: Ask, world: World) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    edits.tag(world, person, tag)
    path = f"tags/{tag}/subscriptions"
    assert members(ask, path, subscriber_state="active") == [person]
    edits.cancel(world, person)
    assert members(ask, path, subscriber_state="active") == []


def test_a_removed_tag_takes_its_subscription_along(ask: Ask, world: World) -> None:
    people, tag = add_people(world, 2), edits.add_tag(world, "a")
    for person in people:
        edits.tag(world, person, tag)
    edits.untag(world, people[0], tag)
    assert members(ask, f"tags/{tag}/subscriptions") == [people[1]]
    assert ask.json(f"tags/{tag}/subscriptions")["total_subscriptions"] == 1


def test_tagging_twice_changes_nothing(ask: Ask, world: World) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    assert edits.tag(world, person, tag) == edits.tag(world, person, tag)
    assert members(ask, f"tags/{tag}/subscriptions") == [person]


def test_a_tag_added_again_is_a_new_subscription(world: World) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    before = edits.tag(world, person, tag)
    edits.untag(world, person, tag)
    assert edits.tag(world, person, tag) > before


def test_who_finishes_a_sequence_leaves_its_list(ask: Ask, world: World) -> None:
    (person,), sequence = add_people(world, 1), edits.add_sequence(world, "Welcome")
    edits.join_sequence(world, person, sequence)
    edits.finish_sequence(world, person, sequence)
    assert members(ask, f"sequences/{sequence}/subscriptions") == []


def test_the_state_of_a_membership_is_not_that_of_the_person(ask: Ask, world: World) -> None:
    (person,), form = add_people(world, 1), edits.add_form(world, "Footer")
    edits.join_form(world, person, form, state="inactive")
    edits.set_subscription_state(world, "form", person, form, "active")
    edits.cancel(world, person)
    (row,) = ask.json(f"forms/{form}/subscriptions")["subscriptions"]
    assert (row["state"], row["subscriber"]["state"]) == ("active", "cancelled")


def test_ids_of_people_and_subscriptions_have_outgrown_32_bits(world: World) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    assert person > 2**31
    assert edits.tag(world, person, tag) > 2**32
