"""Bulk calls of v4: each item's outcome, more than 100 items, and what refuses a whole call."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from kit_sandbox import Clock, World, edits, effects
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, done, refused

CALLS = [
    ("POST", "bulk/subscribers", "subscribers"),
    ("POST", "bulk/tags", "tags"),
    ("DELETE", "bulk/tags", "tags"),
    ("POST", "bulk/tags/subscribers", "taggings"),
    ("DELETE", "bulk/tags/subscribers", "taggings"),
    ("POST", "bulk/forms/subscribers", "additions"),
    ("POST", "bulk/custom_fields", "custom_fields"),
    ("POST", "bulk/custom_fields/subscribers", "custom_field_values"),
]
NO_ONE = {"errors": ["Subscriber does not exist"]}


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    """A client with a token."""
    return AskV4(ask, ask.sandbox.oauth.grant()["access_token"])


def behave(world: World, **changes: Any) -> None:
    world.behaviour = replace(world.behaviour, **changes)


def taggings(tag: int, people: Iterable[int]) -> list[dict[str, int]]:
    return [{"tag_id": tag, "subscriber_id": person} for person in people]


def addresses(count: int) -> list[dict[str, Any]]:
    return [{"email_address": f"new{number}@example.com"} for number in range(count)]


# -- every call


@pytest.mark.parametrize(("method", "path", "name"), CALLS)
def test_bulk_calls_are_for_oauth_alone(ask: Ask, world: World, method: str, path: str, name: str) -> None:
    answer = AskV4(ask).write(method, path, **{name: [{"name": "a"}]})
    assert refused(answer) == (401, ["The access token is invalid"])
    behave(world, v4_key_on_oauth=403)
    assert AskV4(ask).write(method, path).status_code == 403


@pytest.mark.parametrize(("method", "path", "name"), CALLS)
@pytest.mark.parametrize("items", [None, [], {}, "a"])
def test_a_call_without_items_is_422(kit: AskV4, method: str, path: str, name: str, items: Any) -> None:
    text = f"No {name.replace('_', ' ')} included for processing"
    assert refused(kit.write(method, path, **{name: items})) == (422, [text])


@pytest.mark.parametrize(("method", "path", "name"), CALLS)
@pytest.mark.parametrize("item", [{}, [], None])
def test_an_empty_item_refuses_the_whole_call(kit: AskV4, method: str, path: str, name: str, item: Any) -> None:
    assert kit.write(method, path, **{name: [{"name": "a", "label": "a"}, item]}).status_code == 400


# -- people


def test_new_people_come_before_existing_ones_whose_name_is_overwritten(kit: AskV4, world: World) -> None:
    old = edits.add_subscriber(world, "old@example.com", "A", "cancelled")
    items = [{"email_address": "old@example.com", "first_name": "B", "state": "active"}, *addresses(2)]
    body = done(kit.post("bulk/subscribers", {"subscribers": items}))
    shown = [(row["email_address"], row["first_name"], row["state"]) for row in body["subscribers"]]
    assert shown == [
        ("new0@example.com", None, "active"),
        ("new1@example.com", None, "active"),
        ("old@example.com", "B", "cancelled"),
    ]
    assert body["subscribers"][2]["id"] == old
    assert set(body["subscribers"][0]) == {"id", "first_name", "email_address", "state", "created_at"}


@pytest.mark.parametrize("order", ["sent", "reversed"])
def test_the_order_of_rows_is_a_switch(kit: AskV4, world: World, order: str) -> None:
    behave(world, v4_bulk_order=order)
    edits.add_subscriber(world, "new0@example.com")
    rows = done(kit.post("bulk/subscribers", {"subscribers": addresses(3)}))["subscribers"]
    numbers = [int(row["email_address"][3]) for row in rows]
    assert numbers == ([0, 1, 2] if order == "sent" else [2, 1, 0])


def test_people_take_no_fields_in_bulk(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    items = [{"email_address": "ana@example.com", "fields": {"city": "Rome"}}]
    (row,) = done(kit.post("bulk/subscribers", {"subscribers": items}))["subscribers"]
    assert kit.json(f"subscribers/{row['id']}")["subscriber"]["fields"] == {"city": None}


def test_a_person_who_cannot_be_is_a_failure_inside_200(kit: AskV4, world: World) -> None:
    items = [{"email_address": None, "first_name": "B"}, {"email_address": "a@example.com", "state": "gone"}]
    body = done(kit.post("bulk/subscribers", {"subscribers": [*items, *addresses(1)]}))
    first, second = body["failures"]
    shown = {"first_name": "B", "email_address": None, "state": "active", "created_at": None}
    assert first == {"errors": ["Email address is invalid"], "subscriber": shown}
    assert second["errors"] == ["State is not included in the list"]
    assert (len(body["subscribers"]), len(world.subscribers)) == (1, 1)


def test_a_call_beyond_the_plan_is_403_and_does_nothing(kit: AskV4, world: World) -> None:
    behave(world, v4_subscriber_limit=3)
    edits.add_subscriber(world, "old@example.com")
    edits.add_subscriber(world, "gone@example.com", state="cancelled")
    answer = kit.post("bulk/subscribers", {"subscribers": addresses(3)})
    assert refused(answer) == (403, ["This request would exceed your subscriber limit"])
    assert len(world.subscribers) == 2
    done(kit.post("bulk/subscribers", {"subscribers": [*addresses(2), {"email_address": "old@example.com"}]}))


def test_the_account_tells_the_limit_of_its_plan(kit: AskV4, world: World) -> None:
    behave(world, v4_subscriber_limit=3)
    assert kit.json("account")["account"]["plan"]["subscriber_limit"] == 3


# -- tags


def test_existing_tags_come_first_and_the_latest_of_them(kit: AskV4, world: World) -> None:
    old = [edits.add_tag(world, name) for name in ("a", "b")]
    items = [{"name": name} for name in ("new", "A", "b", "other")]
    body = done(kit.post("bulk/tags", {"tags": items}))
    assert [row["name"] for row in body["tags"]] == ["b", "a", "new", "other"]
    assert ([row["id"] for row in body["tags"][:2]], body["failures"]) == (old[::-1], [])
    assert len(world.parents["tag"]) == 4


def test_a_tag_without_a_name_fails_alone(kit: AskV4) -> None:
    body = done(kit.post("bulk/tags", {"tags": [{"name": ""}, {"name": "a"}]}))
    assert body["failures"] == [{"errors": ["Name can't be blank"], "tag": {"name": ""}}]
    assert [row["name"] for row in body["tags"]] == ["a"]


def test_tags_are_deleted_with_their_memberships(kit: AskV4, world: World) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    edits.tag(world, person, tag)
    body = done(kit.write("DELETE", "bulk/tags", tags=[{"id": tag}, {"id": 92}]))
    assert body == {"failures": [{"errors": ["Tag does not exist"], "tag": {"id": 92}}]}
    assert kit.rows("tags") == kit.rows(f"subscribers/{person}/tags") == []


# -- tags of people, forms


def test_a_tagging_answers_with_the_person_without_saying_which_tag(kit: AskV4, world: World) -> None:
    people, tag = add_people(world, 2), edits.add_tag(world, "a")
    rows = done(kit.post("bulk/tags/subscribers", {"taggings": taggings(tag, people)}))["subscribers"]
    assert [row["id"] for row in rows] == people
    assert set(rows[0]) == {"id", "first_name", "email_address", "created_at", "tagged_at"}
    assert set(world.rosters["tag", tag].members) == set(people)


def test_a_tagging_that_exists_keeps_its_time(kit: AskV4, world: World, clock: Clock) -> None:
    people, tag = add_people(world, 1), edits.add_tag(world, "a")
    first = done(kit.post("bulk/tags/subscribers", {"taggings": taggings(tag, people)}))
    clock.advance(hours=1)
    assert done(kit.post("bulk/tags/subscribers", {"taggings": taggings(tag, people)})) == first


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_tagging_of_what_is_not_there_fails_alone(kit: AskV4, world: World, method: str) -> None:
    (person,), tag = add_people(world, 1), edits.add_tag(world, "a")
    edits.tag(world, person, tag)
    items = [*taggings(tag, [person, 7]), *taggings(8, [person, 7]), {"tag_id": None, "subscriber_id": person}]
    failures = done(kit.write(method, "bulk/tags/subscribers", taggings=items))["failures"]
    assert failures == [
        {**NO_ONE, "tagging": {"tag_id": tag, "subscriber_id": 7}},
        {"errors": ["Tag does not exist"], "tagging": {"tag_id": 8, "subscriber_id": person}},
        {"errors": ["Tag does not exist", *NO_ONE["errors"]], "tagging": {"tag_id": 8, "subscriber_id": 7}},
        {"errors": ["Tag does not exist"], "tagging": {"tag_id": None, "subscriber_id": person}},
    ]


def test_a_failure_may_hide_the_id_that_no_record_has(kit: AskV4, world: World) -> None:
    behave(world, v4_failed_ids="null")
    tag = edits.add_tag(world, "a")
    (failure,) = done(kit.post("bulk/tags/subscribers", {"taggings": taggings(tag, [7])}))["failures"]
    assert failure == {**NO_ONE, "tagging": {"tag_id": tag, "subscriber_id": None}}


def test_tags_are_removed_in_bulk(kit: AskV4, world: World) -> None:
    people, tag = add_people(world, 2), edits.add_tag(world, "a")
    for person in people:
        edits.tag(world, person, tag)
    assert done(kit.write("DELETE", "bulk/tags/subscribers", taggings=taggings(tag, people))) == {"failures": []}
    assert world.rosters["tag", tag].members == {}


@pytest.mark.parametrize("status", [404, 204])
def test_removing_a_tag_that_a_person_does_not_have_in_bulk(kit: AskV4, world: World, status: int) -> None:
    behave(world, v4_untag_absent=status)
    people, tag = add_people(world, 1), edits.add_tag(world, "a")
    failures = done(kit.write("DELETE", "bulk/tags/subscribers", taggings=taggings(tag, people)))["failures"]
    expected = {"errors": ["Tagging does not exist"], "tagging": {"tag_id": tag, "subscriber_id": people[0]}}
    assert failures == ([expected] if status == 404 else [])


def test_people_are_added_to_forms_with_a_referrer(kit: AskV4, world: World) -> None:
    (person,), form = add_people(world, 1), edits.add_form(world, "f")
    referrer = "https://example.com/?utm_source=shop"
    items = [{"form_id": form, "subscriber_id": person, "referrer": referrer}, {"form_id": 9, "subscriber_id": person}]
    body = done(kit.post("bulk/forms/subscribers", {"additions": items}))
    (row,) = body["subscribers"]
    assert (row["id"], row["referrer"], row["referrer_utm_parameters"]["source"]) == (person, referrer, "shop")
    shown = {"form_id": 9, "subscriber_id": person, "referrer": None}
    assert body["failures"] == [{"errors": ["Form does not exist"], "subscription": shown}]


# -- custom fields


def test_existing_fields_come_first_then_new_ones_from_the_last(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    items = [{"label": label} for label in ("Name", "City", "", "Town", "city")]
    body = done(kit.post("bulk/custom_fields", {"custom_fields": items}))
    assert [row["label"] for row in body["custom_fields"]] == ["City", "Town", "Name"]
    assert set(body["custom_fields"][0]) == {"id", "name", "key", "label", "created_at"}
    assert body["failures"] == [
        {"errors": ["Label can't be blank"], "custom_field": {"label": ""}},
        {"errors": ["Label has already been taken"], "custom_field": {"label": "city"}},
    ]


def test_values_are_set_field_by_field(kit: AskV4, world: World) -> None:
    fields = [edits.add_custom_field(world, label) for label in ("City", "Town")]
    person = edits.add_subscriber(world, "ana@example.com", fields={"city": "Rome", "town": "x"})
    items = [
        {"subscriber_id": person, "subscriber_custom_field_id": field, "value": value}
        for field, value in zip(fields, (100, None), strict=True)
    ]
    body = done(kit.post("bulk/custom_fields/subscribers", {"custom_field_values": items}))
    assert body == {"custom_field_values": [{**items[0], "value": "100"}, items[1]], "failures": []}
    assert kit.json(f"subscribers/{person}")["subscriber"]["fields"] == {"city": "100", "town": None}


def test_a_value_of_what_is_not_there_fails_alone(kit: AskV4, world: World) -> None:
    field, (person,) = edits.add_custom_field(world, "City"), add_people(world, 1)
    pairs = [(7, field), (person, 8), (person, field)]
    items = [{"subscriber_id": one, "subscriber_custom_field_id": two, "value": "x"} for one, two in pairs]
    body = done(kit.post("bulk/custom_fields/subscribers", {"custom_field_values": items}))
    assert body["failures"] == [
        {**NO_ONE, "custom_field_value": items[0]},
        {"errors": ["Custom field does not exist"], "custom_field_value": items[1]},
    ]
    assert body["custom_field_values"] == [items[2]]


# -- more than 100 items


def test_a_hundred_items_are_done_at_once(kit: AskV4, world: World) -> None:
    assert len(done(kit.post("bulk/subscribers", {"subscribers": addresses(100)}))["subscribers"]) == 100
    assert len(world.subscribers) == 100


def test_more_are_accepted_and_done_later(kit: AskV4, world: World, clock: Clock) -> None:
    body = {"subscribers": addresses(101), "callback_url": "https://example.com/done"}
    assert done(kit.post("bulk/subscribers", body), 202) == {}
    clock.advance(seconds=29.9)
    assert kit.ids("subscribers") == []
    clock.advance(seconds=0.1)
    assert len(kit.ids("subscribers")) == 101


@pytest.mark.parametrize(("method", "path", "name"), CALLS)
def test_no_one_hears_of_an_item_that_fails_later(
    kit: AskV4, world: World, clock: Clock, method: str, path: str, name: str
) -> None:
    item = {"name": "", "label": "", "tag_id": 1}
    assert done(kit.write(method, path, **{name: [item] * 101}), 202) == {}
    clock.advance(seconds=30)
    kit.json("account")
    assert (world.pending, world.subscribers, world.parents["tag"], world.custom_fields) == ([], {}, {}, {})


def test_a_full_queue_is_413_until_it_is_done(kit: AskV4, world: World, clock: Clock) -> None:
    behave(world, v4_bulk_queue_bytes=6_000)
    done(kit.post("bulk/subscribers", {"subscribers": addresses(101)}), 202)
    status, texts = refused(kit.post("bulk/subscribers", {"subscribers": addresses(101)}))
    assert (status, texts[0][:56]) == (413, "This request exceeds your queued bulk requests limit. Pl")
    done(kit.post("bulk/subscribers", {"subscribers": addresses(100)}))
    clock.advance(seconds=30)
    done(kit.post("bulk/subscribers", {"subscribers": addresses(101)}), 202)


# -- a fault of single items


def test_single_items_can_be_made_to_fail(ask: Ask, kit: AskV4, world: World) -> None:
    people, tag = add_people(world, 3), edits.add_tag(world, "a")
    ask.sandbox.faults.add(effects.failed_items((0, 2), "Try again"), path="/v4/bulk/tags/subscribers")
    body = done(kit.post("bulk/tags/subscribers", {"taggings": taggings(tag, people)}))
    assert [row["id"] for row in body["subscribers"]] == [people[1]]
    assert [failure["errors"] for failure in body["failures"]] == [["Try again"], ["Try again"]]
    assert list(world.rosters["tag", tag].members) == [people[1]]


def test_items_fail_once_and_then_no_more(ask: Ask, kit: AskV4, world: World) -> None:
    ask.sandbox.faults.add(effects.failed_items(), path="/v4/bulk/tags")
    assert len(done(kit.post("bulk/tags", {"tags": [{"name": "a"}]}))["failures"]) == 1
    assert done(kit.post("bulk/tags", {"tags": [{"name": "a"}]}))["failures"] == []


def test_items_can_be_made_to_fail_from_another_process(ask: Ask, kit: AskV4) -> None:
    rule = {"effect": "failed_items", "args": {"rows": [1]}, "path": "/v4/bulk/tags"}
    url, headers = f"{ask.sandbox.control_url}/faults", ask.sandbox.control_headers
    assert ask.session.post(url, json=rule, headers=headers, timeout=5).status_code == 200
    body = done(kit.post("bulk/tags", {"tags": [{"name": "a"}, {"name": "b"}]}))
    assert [failure["tag"] for failure in body["failures"]] == [{"name": "b"}]
