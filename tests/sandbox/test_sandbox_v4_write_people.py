"""Writes of people through v4: create or overwrite, update, unsubscribe, and where they live."""

from dataclasses import replace
from typing import Any

import pytest

from kit_sandbox import Clock, World, edits
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, done, refused

INVALID = (422, ["Email address is invalid"])


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def many(world: World, count: int = 11) -> dict[str, str]:
    """Values for this many new fields, by key."""
    for number in range(count):
        edits.add_custom_field(world, f"f{number}")
    return {f"f{number}": str(number) for number in range(count)}


def create(kit: AskV4, status: int = 201, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = done(kit.post("subscribers", {"email_address": "ana@example.com", **body}), status)
    return answer


# -- POST /subscribers


def test_a_new_person_is_201_and_active(kit: AskV4, world: World) -> None:
    made = create(kit, first_name="Ana")["subscriber"]
    assert (made["email_address"], made["first_name"], made["state"]) == ("ana@example.com", "Ana", "active")
    assert list(world.subscribers) == [made["id"]]


def test_the_answer_is_the_person_as_read_by_id_without_a_location(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    made = create(kit, fields={"city": "Rome"})["subscriber"]
    read = kit.json(f"subscribers/{made['id']}")["subscriber"]
    del read["location"]
    assert (made, made["fields"]) == (read, {"city": "Rome"})


def test_an_existing_person_is_200_and_gets_the_first_name(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "Ana@example.com", "A")
    assert create(kit, 200, first_name="B")["subscriber"]["id"] == person
    assert (world.subscribers[person].first_name, len(world.subscribers)) == ("B", 1)


def test_an_existing_person_keeps_the_first_name_that_is_not_given(kit: AskV4, world: World) -> None:
    edits.add_subscriber(world, "ana@example.com", "A")
    assert create(kit, 200)["subscriber"]["first_name"] == "A"


@pytest.mark.parametrize("state", ["inactive", "cancelled", "bounced", "complained"])
def test_a_new_person_may_be_in_any_state(kit: AskV4, world: World, state: str) -> None:
    assert create(kit, state=state)["subscriber"]["state"] == state


def test_the_state_of_an_existing_person_stays(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com", state="cancelled")
    assert create(kit, 200, state="active")["subscriber"]["state"] == "cancelled"
    assert world.subscribers[person].cancelled_ms is not None


def test_an_unknown_state_is_422_and_creates_no_one(kit: AskV4, world: World) -> None:
    answer = kit.post("subscribers", {"email_address": "ana@example.com", "state": "gone"})
    assert refused(answer) == (422, ["State is not included in the list"])
    assert world.subscribers == {}


@pytest.mark.parametrize("address", ["", None, "nothing", "a b@example.com"])
def test_what_is_no_address_is_422(kit: AskV4, address: str | None) -> None:
    assert refused(kit.post("subscribers", {"email_address": address})) == INVALID


def test_an_unknown_field_is_a_warning_and_the_others_are_set(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    made = create(kit, fields={"city": "Rome", "town": "Rome"})
    assert (made["subscriber"]["fields"], made["warnings"]) == (
        {"city": "Rome"},
        ["Custom field does not exist: town"],
    )


def test_without_an_unknown_field_there_are_no_warnings(kit: AskV4) -> None:
    assert set(create(kit)) == {"subscriber"}


def test_ten_fields_are_set_at_once(kit: AskV4, world: World) -> None:
    values = many(world, 10)
    assert create(kit, fields=values)["subscriber"]["fields"] == values


def test_more_than_ten_fields_are_202_with_nulls_and_set_later(kit: AskV4, world: World, clock: Clock) -> None:
    values = many(world)
    made = create(kit, 202, fields=values)["subscriber"]
    path = f"subscribers/{made['id']}"
    assert set(made["fields"].values()) == {None}
    clock.advance(seconds=2.9)
    assert set(kit.json(path)["subscriber"]["fields"].values()) == {None}
    clock.advance(seconds=0.1)
    assert kit.json(path)["subscriber"]["fields"] == values


def test_more_than_140_fields_are_422(kit: AskV4) -> None:
    body = {"email_address": "ana@example.com", "fields": {f"f{number}": "x" for number in range(141)}}
    assert refused(kit.post("subscribers", body)) == (422, ["A maximum of 140 custom fields are allowed"])


# -- PUT /subscribers/{id}


def test_an_update_changes_address_name_and_fields_by_id(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    person = edits.add_subscriber(world, "ana@example.com", "A", fields={"city": "Rome"})
    body = {"email_address": "ben@example.com", "first_name": "B", "fields": {"city": "Oslo"}}
    shown = done(kit.write("PUT", f"subscribers/{person}", **body))["subscriber"]
    assert {key: shown[key] for key in body} == body
    assert world.by_email == {"ben@example.com": person}


def test_an_update_without_anything_changes_nothing(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com", "A")
    before = world.subscribers[person]
    done(kit.write("PUT", f"subscribers/{person}"))
    assert world.subscribers[person] == before


def test_a_taken_address_is_422(kit: AskV4, world: World) -> None:
    person, _ = edits.add_subscriber(world, "a@example.com"), edits.add_subscriber(world, "b@example.com")
    answer = kit.write("PUT", f"subscribers/{person}", email_address="B@example.com")
    assert refused(answer) == (422, ["Email address has already been taken"])
    assert refused(kit.write("PUT", f"subscribers/{person}", email_address="b")) == INVALID


def test_an_update_of_more_than_ten_fields_is_202(kit: AskV4, world: World, clock: Clock) -> None:
    person, values = edits.add_subscriber(world, "ana@example.com"), many(world)
    shown = done(kit.write("PUT", f"subscribers/{person}", fields=values), 202)["subscriber"]
    assert set(shown["fields"].values()) == {None}
    clock.advance(seconds=3)
    assert kit.json(f"subscribers/{person}")["subscriber"]["fields"] == values


def test_null_clears_a_name_and_a_field(kit: AskV4, world: World) -> None:
    edits.add_custom_field(world, "City")
    person = edits.add_subscriber(world, "ana@example.com", "A", fields={"city": "Rome"})
    shown = done(kit.write("PUT", f"subscribers/{person}", first_name=None, fields={"city": None}))["subscriber"]
    assert (shown["first_name"], shown["fields"]) == (None, {"city": None})


# -- POST /subscribers/{id}/unsubscribe


def test_unsubscribing_is_204_and_cancels(kit: AskV4, world: World, clock: Clock) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    answer = kit.post(f"subscribers/{person}/unsubscribe")
    assert (answer.status_code, answer.content) == (204, b"")
    assert world.subscribers[person].state == "cancelled"


def test_unsubscribing_again_keeps_the_time_of_the_first(kit: AskV4, world: World, clock: Clock) -> None:
    person = edits.add_subscriber(world, "ana@example.com", state="cancelled")
    before = world.subscribers[person]
    clock.advance(hours=1)
    done(kit.post(f"subscribers/{person}/unsubscribe"), 204)
    assert world.subscribers[person] == before


def test_no_write_makes_a_cancelled_person_active_again(kit: AskV4, world: World) -> None:
    world.behaviour = replace(world.behaviour, resubscribe_revives=True)
    person, tag = edits.add_subscriber(world, "ana@example.com", state="cancelled"), edits.add_tag(world, "a")
    form, sequence = edits.add_form(world, "f"), edits.add_sequence(world, "s")
    create(kit, 200, state="active", first_name="B")
    for path in (f"tags/{tag}", f"forms/{form}", f"sequences/{sequence}"):
        done(kit.post(f"{path}/subscribers/{person}", {}), 201)
    assert world.subscribers[person].state == "cancelled"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "subscribers/1"),
        ("POST", "subscribers/1/unsubscribe"),
        ("POST", "subscribers/ana@example.com/unsubscribe"),
        ("POST", "subscribers/1/location"),
        ("PATCH", "subscribers/1/location"),
        ("DELETE", "subscribers/1/location"),
    ],
)
def test_an_unknown_id_is_404(kit: AskV4, method: str, path: str) -> None:
    assert refused(kit.write(method, path)) == (404, ["Not Found"])


# -- locations

PLACE = {
    "city": "Oslo",
    "state_province": None,
    "country_code": "NO",
    "latitude": 59.9,
    "longitude": 10.7,
    "timezone": "Europe/Oslo",
}


def test_a_pinned_place_is_read_under_other_names(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    assert done(kit.write("POST", f"subscribers/{person}/location", location=PLACE)) == {"location": PLACE}
    read = kit.json(f"subscribers/{person}")["subscriber"]["location"]
    assert (read["city"], read["country"], read["state"]) == ("Oslo", "NO", None)


def test_replacing_a_place_needs_all_six_parts(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    answer = kit.write("PATCH", f"subscribers/{person}/location", location={**PLACE, "city": "Bergen"})
    assert done(answer)["location"]["city"] == "Bergen"
    assert kit.write("PATCH", f"subscribers/{person}/location", location={"city": "Oslo"}).status_code == 422


def test_a_place_can_be_removed(kit: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    edits.set_location(world, person, {"city": "Oslo"})
    done(kit.write("DELETE", f"subscribers/{person}/location"), 204)
    assert kit.json(f"subscribers/{person}")["subscriber"]["location"] is None
