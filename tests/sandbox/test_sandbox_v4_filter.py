"""POST /subscribers/filter: conditions and figures, the cursor in the body."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kit_sandbox import Behaviour, Clock, World, edits
from tests.support.asking import Ask, add_people
from tests.support.asking_v4 import AskV4, refused, send

NONSENSE = {"type": "opens", "any": [{"type": "broadcasts", "ids": ["x"]}]}
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def found(kit: AskV4, *conditions: Any, **body: Any) -> set[int]:
    return {row["id"] for row in kit.filter(all=list(conditions), **body)["subscribers"]}


def early(world: World, count: int) -> list[int]:
    """People who were there before any mail."""
    return [edits.add_subscriber(world, f"p{number}@example.com", created_at=LONG_AGO) for number in range(count)]


def test_without_conditions_everybody_is_found(kit: AskV4, world: World) -> None:
    people = add_people(world, 3)
    edits.cancel(world, people[0])
    assert {row["id"] for row in kit.filter()["subscribers"]} == set(people)
    world.behaviour = Behaviour(v4_filter_states=("active",))
    assert found(kit) == set(people[1:])


def test_a_person_has_no_state_here_and_the_tags_twice(kit: AskV4, world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com", "Ana"), edits.add_tag(world, "a")
    edits.tag(world, person, tag)
    (row,) = kit.filter()["subscribers"]
    assert row == {
        "id": person,
        "first_name": "Ana",
        "email_address": "ana@example.com",
        "created_at": "2026-11-01T12:00:00Z",
        "tag_names": ["a"],
        "tag_ids": [str(tag)],
    }
    world.behaviour = Behaviour(v4_filter_ids="string")
    assert kit.filter()["subscribers"][0]["id"] == str(person)


def test_states_are_honoured(kit: AskV4, world: World) -> None:
    people = add_people(world, 3)
    edits.bounce(world, people[0])
    edits.cancel(world, people[1])
    assert found(kit, {"type": "subscriber_state", "states": ["cancelled", "bounced"]}) == set(people[:2])
    assert refused(kit.post("subscribers/filter", {"all": [{"type": "subscriber_state", "states": ["x"]}]}))[0] == 422


def test_the_cursor_travels_in_the_body(kit: AskV4, world: World) -> None:
    people = add_people(world, 5)[::-1]
    body: dict[str, Any] = {"sort_field": "id", "per_page": 2, "include_total_count": True}
    first = kit.filter(**body)
    assert [row["id"] for row in first["subscribers"]] == people[:2]
    assert first["pagination"]["total_count"] == 5
    second = kit.filter(**body, after=first["pagination"]["end_cursor"])
    assert [row["id"] for row in second["subscribers"]] == people[2:4]
    assert (second["pagination"]["has_previous_page"], second["pagination"]["has_next_page"]) == (True, True)
    last = kit.filter(**body, after=second["pagination"]["end_cursor"])
    assert (last["pagination"]["has_previous_page"], last["pagination"]["has_next_page"]) == (True, False)
    assert kit.post("subscribers/filter", {"after": "nonsense!"}).status_code == 422


def test_backwards_the_two_flags_have_changed_places(kit: AskV4, world: World) -> None:
    add_people(world, 3)
    last = kit.filter(
        sort_field="id", per_page=2, after=kit.filter(sort_field="id", per_page=2)["pagination"]["end_cursor"]
    )
    back = kit.filter(sort_field="id", per_page=2, before=last["pagination"]["start_cursor"])["pagination"]
    assert (back["has_previous_page"], back["has_next_page"]) == (True, False)


def test_the_usual_sort_is_by_time_and_loses_rows_of_one_second(kit: AskV4, world: World) -> None:
    add_people(world, 3)
    place = kit.filter(per_page=2)["pagination"]
    assert kit.filter(per_page=2, after=place["end_cursor"])["subscribers"] == []


def test_who_opened_or_clicked_a_mail_can_be_asked(kit: AskV4, world: World) -> None:
    people, mails = early(world, 3), [send(world), send(world)]
    edits.open_broadcast(world, people[0], mails[0])
    edits.click_broadcast(world, people[1], mails[1])
    opened: dict[str, Any] = {"type": "opens", "count_greater_than": 0}
    assert found(kit, {**opened, "any": [{"type": "broadcasts", "ids": [mails[0]]}]}) == {people[0]}
    assert found(kit, opened) == set(people[:2])
    assert found(kit, {"type": "clicks", "any": [{"type": "broadcasts", "ids": [mails[1]]}]}) == {people[1]}
    assert found(kit, {"type": "opens", "count_less_than": 1}) == {people[2]}
    assert found(kit, {"type": "sent", "count_greater_than_or_equal": 2}) == set(people)
    assert found(kit, {"type": "sent", "before": "2026-11-01"}) == set()


def test_clicks_can_be_asked_for_by_link(kit: AskV4, world: World) -> None:
    (person,) = early(world, 1)
    mails = [send(world, total_clicks=90) for _ in range(6)]
    for mail in mails:
        edits.click_broadcast(world, person, mail)
    links = [link for mail in mails for link in kit.json(f"broadcasts/{mail}/clicks")["broadcast"]["clicks"]]
    by_url = {"type": "urls", "urls": ["https://www.example.com/"], "matching": "starts_with"}
    assert found(kit, {"type": "clicks", "any": [by_url]}) == {person}
    clicked = [each for each in links if found(kit, {"type": "clicks", "any": [{"type": "urls", "ids": [each["id"]]}]})]
    assert len(clicked) == len({each["url"].split("/")[4] for each in links})


def test_tags_fields_forms_and_times_are_conditions(kit: AskV4, world: World, clock: Clock) -> None:
    people, tag, form = early(world, 2), edits.add_tag(world, "t"), edits.add_form(world, "f")
    field = edits.add_custom_field(world, "City")
    edits.tag(world, people[0], tag)
    edits.join_form(world, people[1], form)
    edits.set_field(world, people[0], "city", "Umeå")
    late = edits.add_subscriber(world, "late@example.com")
    assert found(kit, {"type": "tags", "any": [{"type": "ids", "matching": [tag]}]}) == {people[0]}
    assert found(kit, {"type": "attribution", "any": [{"type": "forms", "ids": [form]}]}) == {people[1]}
    city = {"type": "custom_field", "subscriber_custom_field_id": field}
    assert found(kit, {**city, "comparison": "is", "value": "Umeå"}) == {people[0]}
    assert found(kit, {**city, "comparison": "contains", "value": "me"}) == {people[0]}
    assert found(kit, {**city, "comparison": "has_value"}) == {people[0]}
    assert found(kit, {"type": "subscribed", "after": "2026-01-01"}) == {late}
    both = [{"type": "subscribed", "before": "2026-01-01"}, {**city, "comparison": "has_value"}]
    assert found(kit, *both) == {people[0]}


def test_the_source_and_the_place_are_conditions(kit: AskV4, world: World) -> None:
    people = early(world, 3)
    for person in people:
        edits.set_attribution(world, person, None)
        edits.set_location(world, person, None)
    edits.set_attribution(
        world, people[0], {"source_type": "manual", "source_name": None, "source_mechanism": "import"}
    )
    edits.set_location(world, people[1], {"latitude": 59.33, "longitude": 18.07})
    source = {"type": "kit_source", "source_type": "manual", "mechanism": "import"}
    assert found(kit, {"type": "attribution", "any": [source]}) == {people[0]}
    near: dict[str, Any] = {"type": "location", "latitude": 59.86, "longitude": 17.64}
    assert found(kit, {**near, "radius": 50}) == {people[1]}
    assert found(kit, {**near, "radius": 30}) == set()


def test_everything_can_be_included(kit: AskV4, world: World) -> None:
    (person,) = early(world, 1)
    edits.add_custom_field(world, "City")
    send(world)
    kinds = ("tags", "attribution", "location", "canceled_at", "custom_fields", "stats")
    (row,) = kit.filter(include=[{"type": kind} for kind in kinds])["subscribers"]
    assert (row["id"], row["fields"], row["tags"], row["canceled_at"]) == (person, {"city": None}, [], None)
    assert row["stats"]["sent"] == 1
    assert {"attribution", "location"} <= set(row)
    assert kit.post("subscribers/filter", {"include": [{"type": "shoes"}]}).status_code == 422


def test_canceled_at_can_be_everybodys_latest_change(kit: AskV4, world: World) -> None:
    people = add_people(world, 3)
    edits.cancel(world, people[0])
    edits.bounce(world, people[1])

    def told() -> dict[int, Any]:
        return {row["id"]: row["canceled_at"] for row in kit.filter(include=[{"type": "canceled_at"}])["subscribers"]}

    assert told() == {people[0]: "2026-11-01T12:00:00Z", people[1]: None, people[2]: None}
    world.behaviour = Behaviour(v4_filter_canceled_at="latest")
    assert told() == {people[0]: "2026-11-01T12:00:00Z", people[1]: "2026-11-01T12:00:00Z", people[2]: None}


def test_figures_are_of_the_last_90_days_or_of_a_range(kit: AskV4, world: World, clock: Clock) -> None:
    early(world, 1)
    send(world)
    clock.advance(days=100)
    send(world)

    def sent(**given: Any) -> int:
        (row,) = kit.filter(include=[{"type": "stats", **given}])["subscribers"]
        return int(row["stats"]["sent"])

    assert (sent(), sent(range={"start": "2026-10-01"})) == (1, 2)
    old = {"include": [{"type": "stats", "range": {"start": "2019-01-01", "end": "2019-02-01"}}]}
    assert refused(kit.post("subscribers/filter", old))[0] == 400


@pytest.mark.parametrize(
    "condition", [{"type": "shoes"}, {}, {"type": "custom_field", "comparison": "rhymes"}, 7, NONSENSE]
)
def test_a_condition_that_does_not_exist_breaks_the_server(kit: AskV4, condition: Any) -> None:
    assert kit.post("subscribers/filter", {"all": [condition]}).status_code == 500
