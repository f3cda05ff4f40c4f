"""The lists of the API: account, forms, sequences, tags, custom fields, subscribers."""

from datetime import UTC, datetime, timedelta

import pytest

from kit_sandbox import Clock, World, edits
from tests.support.asking import Ask, add_people


def day(text: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=UTC)


# -- account and unpaged lists


def test_account_has_name_plan_and_address_and_no_id(ask: Ask, world: World) -> None:
    edits.change_account_name(world, "")
    edits.change_account_email(world, "new@example.com")
    assert ask.json("account") == {
        "name": "",
        "plan_type": "creator_pro",
        "primary_email_address": "new@example.com",
    }


def test_sequences_come_under_the_key_courses_by_both_paths(ask: Ask, world: World) -> None:
    sequence = edits.add_sequence(world, "Welcome")
    row = {
        "id": sequence,
        "name": "Welcome",
        "hold": False,
        "repeat": False,
        "created_at": "2026-11-01T12:00:00.000Z",
    }
    assert ask.json("sequences") == ask.json("courses") == {"courses": [row]}


def test_unpaged_lists_ignore_the_page(ask: Ask, world: World) -> None:
    tags = [edits.add_tag(world, f"tag {number:03d}") for number in range(60)]
    assert ask.ids("tags") == ask.ids("tags", page=2) == tags


def test_tags_come_by_name(ask: Ask, world: World) -> None:
    late, early = edits.add_tag(world, "b"), edits.add_tag(world, "a")
    assert ask.json("tags")["tags"][0] == {"id": early, "name": "a", "created_at": "2026-11-01T12:00:00.000Z"}
    assert ask.ids("tags") == [early, late]


def test_archived_forms_stay_in_the_list_with_a_flag(ask: Ask, world: World) -> None:
    form = edits.add_form(world, "Footer")
    edits.archive_form(world, form)
    (row,) = ask.json("forms")["forms"]
    assert row["archived"] is True
    assert list(row) == [
        "id",
        "name",
        "created_at",
        "type",
        "format",
        "embed_js",
        "embed_url",
        "archived",
        "uid",
    ]


def test_deleted_lists_are_absent(ask: Ask, world: World) -> None:
    edits.delete_tag(world, edits.add_tag(world, "a"))
    edits.delete_form(world, edits.add_form(world, "a"))
    edits.delete_sequence(world, edits.add_sequence(world, "a"))
    assert ask.ids("tags") == ask.ids("forms") == ask.ids("sequences") == []


def test_a_renamed_field_changes_its_key_and_keeps_its_name(ask: Ask, world: World) -> None:
    field = edits.add_custom_field(world, " Zip Code ")
    edits.rename_custom_field(world, field, "Post Code")
    assert ask.json("custom_fields")["custom_fields"] == [
        {"id": field, "name": f"ck_field_{field}_zip_code", "key": "post_code", "label": "Post Code"}
    ]


def test_the_list_of_hooks_is_empty(ask: Ask) -> None:
    assert ask.json("automations/hooks") == []


# -- one person


def test_a_person_shows_neither_updated_at_nor_cancelled_at(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    edits.cancel(world, person)
    assert ask.json(f"subscribers/{person}") == {
        "subscriber": {
            "id": person,
            "first_name": None,
            "email_address": "ana@example.com",
            "state": "cancelled",
            "created_at": "2026-11-01T12:00:00.000Z",
            "fields": {},
        }
    }


def test_every_custom_field_is_a_key_and_null_where_unset(ask: Ask, world: World) -> None:
    for label in ("Company", "Lead opt-in"):
        edits.add_custom_field(world, label)
    person = edits.add_subscriber(world, "ana@example.com", fields={"company": ""})
    fields = ask.json(f"subscribers/{person}")["subscriber"]["fields"]
    assert fields == {"company": "", "lead_opt_in": None}


def test_renaming_a_field_renames_the_key_in_everybody(ask: Ask, world: World) -> None:
    field = edits.add_custom_field(world, "Company")
    person = edits.add_subscriber(world, "ana@example.com", fields={"company": "Acme"})
    ask.json(f"subscribers/{person}")
    edits.rename_custom_field(world, field, "Firm")
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == {"firm": "Acme"}


def test_deleting_a_field_wipes_its_key(ask: Ask, world: World) -> None:
    field = edits.add_custom_field(world, "Company")
    person = edits.add_subscriber(world, "ana@example.com", fields={"company": "Acme"})
    edits.delete_custom_field(world, field)
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == {}


@pytest.mark.parametrize("state", ["active", "inactive", "cancelled", "bounced", "complained"])
def test_a_person_is_found_by_id_in_every_state(ask: Ask, world: World, state: str) -> None:
    person = edits.add_subscriber(world, "ana@example.com", state=state)  # type: ignore[arg-type]  # a state as text
    assert ask.json(f"subscribers/{person}")["subscriber"]["state"] == state


@pytest.mark.parametrize("text", ["1", "0", "-1", "abc", "9" * 30])
def test_an_unknown_person_is_404(ask: Ask, text: str) -> None:
    answer = ask.get(f"subscribers/{text}")
    body = {"error": "Not Found", "message": "The entity you were trying to find doesn't exist"}
    assert (answer.status_code, answer.json()) == (404, body)


def test_a_deleted_person_vanishes_everywhere(ask: Ask, world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "a")
    edits.tag(world, person, tag)
    edits.delete_subscriber(world, person)
    assert ask.get(f"subscribers/{person}").status_code == 404
    assert ask.ids("subscribers") == ask.ids(f"tags/{tag}/subscriptions") == []


def test_the_tags_of_a_person_say_when_they_were_given(ask: Ask, world: World, clock: Clock) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "VIP")
    clock.advance(days=1)
    edits.tag(world, person, tag)
    row = {"id": tag, "name": "VIP", "created_at": "2026-11-02T12:00:00.000Z"}
    assert ask.json(f"subscribers/{person}/tags") == {"tags": [row]}
    assert ask.get("subscribers/1/tags").status_code == 404


# -- paging


def test_pages_hold_fifty_rows_and_true_totals(ask: Ask, world: World) -> None:
    people = add_people(world, 120)
    pages = [ask.json("subscribers", page=page) for page in (1, 2, 3)]
    assert [len(page["subscribers"]) for page in pages] == [50, 50, 20]
    assert [(page["total_subscribers"], page["page"], page["total_pages"]) for page in pages] == [
        (120, 1, 3),
        (120, 2, 3),
        (120, 3, 3),
    ]
    assert ask.all("subscribers") == people


def test_a_page_past_the_end_is_empty_and_echoes_its_number(ask: Ask, world: World) -> None:
    add_people(world, 3)
    assert ask.json("subscribers", page=7) == {
        "total_subscribers": 3,
        "page": 7,
        "total_pages": 1,
        "subscribers": [],
    }


@pytest.mark.parametrize("page", ["0", "-1", "abc", "", "1.5"])
def test_a_page_that_is_no_positive_number_is_page_one(ask: Ask, world: World, page: str) -> None:
    people = add_people(world, 3)
    assert ask.ids("subscribers", page=page) == people


def test_there_is_no_page_size_to_choose(ask: Ask, world: World) -> None:
    add_people(world, 60)
    assert len(ask.ids("subscribers", per_page=10, limit=10)) == 50


# -- which people, in which order


def test_the_default_list_holds_only_the_active(ask: Ask, world: World) -> None:
    people = add_people(world, 5)
    edits.cancel(world, people[0])
    edits.bounce(world, people[1])
    edits.complain(world, people[2])
    edits.deactivate(world, people[3])
    assert ask.json("subscribers")["total_subscribers"] == 1
    assert ask.ids("subscribers") == [people[4]]


def test_sort_field_cancelled_at_shows_the_cancelled_by_cancellation(ask: Ask, world: World, clock: Clock) -> None:
    first, second, third = add_people(world, 3)
    for person in (third, first):
        clock.advance(hours=1)
        edits.cancel(world, person)
    assert ask.ids("subscribers", sort_field="cancelled_at") == [third, first]
    assert ask.ids("subscribers", sort_field="cancelled_at", sort_order="desc") == [first, third]
    assert ask.ids("subscribers") == [second]


def test_who_comes_back_leaves_the_cancelled_list(ask: Ask, world: World) -> None:
    (person,) = add_people(world, 1)
    edits.cancel(world, person)
    edits.reactivate(world, person)
    assert ask.ids("subscribers", sort_field="cancelled_at") == []
    assert ask.ids("subscribers") == [person]


def test_a_late_confirmation_lands_amid_the_list(ask: Ask, world: World, clock: Clock) -> None:
    old = edits.add_subscriber(world, "old@example.com")
    clock.advance(days=9)
    new = edits.add_subscriber(world, "new@example.com")
    late = edits.add_subscriber(world, "late@example.com", created_at=clock() - timedelta(days=5))
    assert ask.ids("subscribers") == [old, late, new]
    assert ask.ids("subscribers", sort_order="desc") == [new, late, old]


@pytest.mark.parametrize("order", ["cancelled_at", "DESC", "nonsense", ""])
def test_a_wrong_sort_order_of_people_is_ignored_in_silence(ask: Ask, world: World, order: str) -> None:
    people = add_people(world, 3)
    edits.cancel(world, people[0])
    assert ask.ids("subscribers", sort_order=order) == people[1:]


def test_from_and_to_are_inclusive_by_day(ask: Ask, world: World) -> None:
    dates = ("2026-05-01", "2026-05-02", "2026-05-03")
    people = [
        edits.add_subscriber(world, f"{hour}.{date}@example.com", created_at=day(date, hour))
        for date in dates
        for hour in (0, 23)
    ]
    assert ask.ids("subscribers", **{"from": "2026-05-02", "to": "2026-05-02"}) == people[2:4]
    assert ask.ids("subscribers", **{"from": "2026-05-02"}) == people[2:]
    assert ask.ids("subscribers", to="2026-05-02") == people[:4]
    assert ask.ids("subscribers", **{"from": "2026-05-03", "to": "2026-05-01"}) == []


def test_updated_from_finds_who_was_changed_that_day_or_later(ask: Ask, world: World, clock: Clock) -> None:
    people = add_people(world, 3)
    clock.advance(days=1)
    edits.set_first_name(world, people[0], "Ana")
    clock.advance(days=1)
    edits.set_email(world, people[1], "other@example.com")
    assert ask.ids("subscribers", updated_from="2026-11-02") == people[:2]
    assert ask.ids("subscribers", updated_from="2026-11-03") == [people[1]]
    assert ask.ids("subscribers", updated_to="2026-11-02") == [people[0], people[2]]
    assert ask.ids("subscribers", updated_from="2026-11-02", updated_to="2026-11-02") == [people[0]]


def test_updated_from_takes_a_full_time_too(ask: Ask, world: World, clock: Clock) -> None:
    early = edits.add_subscriber(world, "early@example.com")
    clock.advance(hours=2)
    late = edits.add_subscriber(world, "late@example.com")
    assert ask.ids("subscribers", updated_from="2026-11-01T13:00:00Z") == [late]
    assert ask.ids("subscribers", updated_from="2026-11-01T12:00:00Z") == [early, late]


def test_filters_narrow_the_cancelled_list_too(ask: Ask, world: World, clock: Clock) -> None:
    people = add_people(world, 3)
    edits.cancel(world, people[0])
    clock.advance(days=3)
    edits.cancel(world, people[1])
    asked = {"sort_field": "cancelled_at", "updated_from": "2026-11-03"}
    assert ask.ids("subscribers", **asked) == [people[1]]
    assert ask.json("subscribers", **asked)["total_subscribers"] == 1


def test_an_address_is_found_exactly_or_not_at_all(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "Ana+News@Example.com")
    assert ask.ids("subscribers", email_address="Ana+News@Example.com") == [person]
    for other in ("ana+news@example.com", "nobody@example.com", "no address"):
        assert ask.json("subscribers", email_address=other)["total_subscribers"] == 0


def test_an_address_of_somebody_who_left_is_not_found(ask: Ask, world: World) -> None:
    edits.cancel(world, edits.add_subscriber(world, "ana@example.com"))
    assert ask.json("subscribers", email_address="ana@example.com")["subscribers"] == []
