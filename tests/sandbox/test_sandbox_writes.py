"""Every write endpoint: its status, its body, its effect on the account, and what it refuses."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import requests

from kit_sandbox import Behaviour, Clock, Hook, Mail, World, edits, expected_mirror
from tests.support.asking import Ask, error

SUBSCRIBE = ["forms/1/subscribe", "sequences/1/subscribe", "courses/1/subscribe", "tags/1/subscribe"]
KEY_SUFFICES = [("POST", path) for path in [*SUBSCRIBE, "tags"]]
SECRET_ONLY = [
    ("PUT", "subscribers/1"),
    ("PUT", "unsubscribe"),
    ("DELETE", "subscribers/1/tags/1"),
    ("POST", "tags/1/unsubscribe"),
    ("POST", "custom_fields"),
    ("PUT", "custom_fields/1"),
    ("DELETE", "custom_fields/1"),
    ("POST", "broadcasts"),
    ("PUT", "broadcasts/1"),
    ("DELETE", "broadcasts/1"),
    ("POST", "purchases"),
    ("POST", "automations/hooks"),
    ("DELETE", "automations/hooks/1"),
]
NOT_FOUND = (404, "Not Found", "The entity you were trying to find doesn't exist")
PURCHASE: Mapping[str, Any] = {
    "transaction_id": "123-abcd",
    "email_address": "ana@example.com",
    "first_name": "Ana",
    "currency": "jpy",
    "transaction_time": "2026-03-17 11:28:04",
    "subtotal": 20.5,
    "total": 21.0,
    "products": [{"pid": 9999, "lid": 7777, "name": "Map", "sku": "m-1", "unit_price": 5.0, "quantity": 2}],
}


def done(answer: requests.Response, status: int = 200) -> Any:
    """Return the body of a response with the right status."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def behave(world: World, **changes: Any) -> None:
    world.behaviour = replace(world.behaviour, **changes)


def list_of(world: World, plural: str) -> int:
    make = {"forms": edits.add_form, "tags": edits.add_tag}.get(plural, edits.add_sequence)
    return make(world, "A list")


# -- access


@pytest.mark.parametrize(("method", "path"), SECRET_ONLY + KEY_SUFFICES)
def test_without_credentials_nothing_is_written(ask: Ask, method: str, path: str) -> None:
    answer = ask.write(method, path, api_secret=None)
    assert error(answer) == (401, "Authorization Failed", "API Key not present")


@pytest.mark.parametrize(("method", "path"), SECRET_ONLY)
def test_the_key_does_not_suffice_where_the_secret_is_needed(ask: Ask, method: str, path: str) -> None:
    answer = ask.write(method, path, api_secret=None, api_key=ask.sandbox.api_key)
    message = "You do not have sufficient permissions to access this resource"
    assert error(answer) == (401, "Authorization Failed", message)


@pytest.mark.parametrize(("method", "path"), KEY_SUFFICES)
def test_the_key_suffices_to_subscribe_and_to_make_tags(ask: Ask, method: str, path: str) -> None:
    assert ask.write(method, path, api_secret=None, api_key=ask.sandbox.api_key).status_code in (400, 404)


# -- POST forms, sequences, courses and tags: subscribe


@pytest.mark.parametrize("plural", ["forms", "sequences", "courses", "tags"])
def test_subscribing_makes_the_person_and_the_membership(ask: Ask, world: World, plural: str) -> None:
    parent, _ = list_of(world, plural), edits.add_custom_field(world, "City")
    made = done(ask.write("POST", f"{plural}/{parent}/subscribe", email="ana@example.com", first_name="Ana"))
    row = made["subscription"]
    (person,) = world.subscribers.values()
    assert (person.email_address, person.first_name, person.state) == ("ana@example.com", "Ana", "active")
    assert (row["state"], row["subscribable_id"], row["subscriber"]["id"]) == ("active", parent, person.id)
    assert row["subscribable_type"] == {"forms": "form", "tags": "tag"}.get(plural, "course")
    assert row["subscriber"] == ask.json(f"subscribers/{person.id}")["subscriber"]
    assert ask.ids(f"{plural}/{parent}/subscriptions") == [row["id"]]
    assert row["subscriber"]["fields"] == {"city": None}


def test_with_the_key_alone_a_subscription_shows_nothing_of_the_person_but_the_id(ask: Ask, world: World) -> None:
    form = edits.add_form(world, "A form")
    keys = {"api_secret": None, "api_key": world.api_key}
    row = done(ask.write("POST", f"forms/{form}/subscribe", email="ana@example.com", **keys))["subscription"]
    assert row["subscriber"] == {"id": next(iter(world.subscribers))}


def test_subscribing_again_keeps_the_one_membership_and_person(ask: Ask, world: World) -> None:
    tag = edits.add_tag(world, "a")
    answers = [
        ask.write("POST", f"tags/{tag}/subscribe", email=email) for email in ("ana@example.com", "ANA@example.com")
    ]
    assert len({done(answer)["subscription"]["id"] for answer in answers}) == 1
    assert len(world.subscribers) == 1


def test_subscribing_takes_fields_first_name_and_tags_along(ask: Ask, world: World) -> None:
    form, tag, person = (
        edits.add_form(world, "A form"),
        edits.add_tag(world, "a"),
        edits.add_subscriber(world, "ana@example.com", "A"),
    )
    edits.add_custom_field(world, "City")
    sent = {"fields": {"city": "Rome", "unknown": "x"}, "tags": [tag, 999], "first_name": "Ana"}
    row = done(ask.write("POST", f"forms/{form}/subscribe", email="ana@example.com", **sent))["subscription"]
    assert (row["subscriber"]["fields"], row["subscriber"]["first_name"]) == ({"city": "Rome"}, "Ana")
    assert [each["id"] for each in ask.json(f"subscribers/{person}/tags")["tags"]] == [tag]


def test_a_form_with_double_opt_in_leaves_new_people_inactive(ask: Ask, world: World) -> None:
    form = edits.add_form(world, "A form")
    edits.add_subscriber(world, "old@example.com")
    behave(world, confirm_on=("form",))
    for email, state in (("new@example.com", "inactive"), ("old@example.com", "active")):
        row = done(ask.write("POST", f"forms/{form}/subscribe", email=email))["subscription"]
        assert (row["state"], row["subscriber"]["state"]) == (state, state)


@pytest.mark.parametrize(("revives", "state"), [(False, "cancelled"), (True, "active")])
def test_subscribing_a_cancelled_person_revives_only_if_the_switch_says_so(
    ask: Ask, world: World, revives: bool, state: str
) -> None:
    form, person = edits.add_form(world, "A form"), edits.add_subscriber(world, "ana@example.com", state="cancelled")
    behave(world, resubscribe_revives=revives)
    row = done(ask.write("POST", f"forms/{form}/subscribe", email="ana@example.com"))["subscription"]
    assert row["subscriber"]["state"] == world.subscribers[person].state == state


@pytest.mark.parametrize("plural", ["forms", "sequences", "tags"])
def test_subscribing_refuses_missing_and_invalid_addresses(ask: Ask, world: World, plural: str) -> None:
    path = f"{plural}/{list_of(world, plural)}/subscribe"
    assert error(ask.write("POST", path)) == (400, "Missing parameter", "Subscriber email is required")
    invalid = ask.write("POST", path, email="not-an-address")
    assert error(invalid) == (422, "Error updating subscriber", "Email address is invalid")
    assert not world.subscribers


def test_subscribing_to_what_does_not_exist_is_404(ask: Ask) -> None:
    refused = [error(ask.write("POST", path, email="ana@example.com")) for path in SUBSCRIBE]
    assert refused == [
        NOT_FOUND,
        (404, "Course not found", ""),
        (404, "Course not found", ""),
        (404, "Tag not found", ""),
    ]


# -- PUT subscribers


def test_updating_changes_what_is_sent_and_nothing_else(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com", "Ana")
    for label in ("City", "Job"):
        edits.add_custom_field(world, label)
    edits.set_field(world, person, "job", "Cook")
    sent = {"email_address": "anna@example.com", "fields": {"city": "Rome", "unknown": "x"}}
    shown = done(ask.write("PUT", f"subscribers/{person}", **sent))["subscriber"]
    assert shown == ask.json(f"subscribers/{person}")["subscriber"]
    assert (shown["email_address"], shown["first_name"]) == ("anna@example.com", "Ana")
    assert shown["fields"] == {"city": "Rome", "job": "Cook"}
    assert ask.ids("subscribers", email_address="anna@example.com") == [person]


def test_updating_to_what_is_there_already_is_200_and_no_change(ask: Ask, world: World, clock: Clock) -> None:
    person = edits.add_subscriber(world, "ana@example.com", "Ana")
    before = world.subscribers[person]
    clock.advance(days=1)
    done(ask.write("PUT", f"subscribers/{person}", first_name="Ana", email_address="ana@example.com", fields={}))
    assert world.subscribers[person] is before


def test_values_that_are_no_text_are_stored_as_text(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    for label in ("a", "b", "c"):
        edits.add_custom_field(world, label)
    shown = done(ask.write("PUT", f"subscribers/{person}", fields={"a": 7, "b": True, "c": "é"}))["subscriber"]
    assert shown["fields"] == {"a": "7", "b": "true", "c": "é"}


@pytest.mark.parametrize("sent", ["", None])
@pytest.mark.parametrize(("switch", "read"), [("null", None), ("empty", "")])
def test_a_cleared_value_reads_back_as_the_switch_says(
    ask: Ask, world: World, sent: str | None, switch: str, read: str | None
) -> None:
    person = edits.add_subscriber(world, "ana@example.com", "Ana")
    edits.add_custom_field(world, "City")
    edits.set_field(world, person, "city", "Rome")
    behave(world, cleared_reads_as=switch)
    shown = done(ask.write("PUT", f"subscribers/{person}", fields={"city": sent}, first_name=sent))["subscriber"]
    assert (shown["fields"]["city"], shown["first_name"]) == (read, read)


def with_fields(world: World, count: int) -> tuple[int, dict[str, str]]:
    person = edits.add_subscriber(world, "ana@example.com")
    for number in range(min(count, 140)):
        edits.add_custom_field(world, f"f{number}")
    return person, {f"f{number}": str(number) for number in range(count)}


@pytest.mark.parametrize(("count", "status"), [(10, 200), (11, 202), (140, 202), (141, 400)])
def test_the_number_of_fields_decides_the_status(ask: Ask, world: World, count: int, status: int) -> None:
    person, fields = with_fields(world, count)
    assert ask.write("PUT", f"subscribers/{person}", fields=fields).status_code == status


def test_more_than_ten_fields_take_effect_later(ask: Ask, world: World, clock: Clock) -> None:
    person, fields = with_fields(world, 11)
    shown = done(ask.write("PUT", f"subscribers/{person}", fields=fields, first_name="Ana"), 202)["subscriber"]
    assert (shown["fields"], shown["first_name"]) == (fields, "Ana")
    clock.advance(seconds=2.9)
    read = ask.json(f"subscribers/{person}")["subscriber"]
    assert (set(read["fields"].values()), read["first_name"]) == ({None}, "Ana")
    clock.advance(seconds=0.1)
    assert expected_mirror(world).subscribers[person]["fields"] == fields
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == fields


def test_more_than_ten_fields_can_take_effect_at_once(ask: Ask, world: World) -> None:
    person, fields = with_fields(world, 11)
    behave(world, async_seconds=0)
    done(ask.write("PUT", f"subscribers/{person}", fields=fields), 202)
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == fields


def test_a_late_update_of_what_is_gone_meanwhile_does_nothing(ask: Ask, world: World, clock: Clock) -> None:
    person, fields = with_fields(world, 11)
    done(ask.write("PUT", f"subscribers/{person}", fields=fields), 202)
    edits.delete_custom_field(world, next(iter(world.custom_fields)))
    edits.delete_subscriber(world, person)
    clock.advance(seconds=3)
    assert ask.get(f"subscribers/{person}").status_code == 404


def test_updating_refuses_taken_and_invalid_addresses_and_unknown_people(ask: Ask, world: World) -> None:
    person, _ = edits.add_subscriber(world, "ana@example.com"), edits.add_subscriber(world, "ben@example.com")
    path = f"subscribers/{person}"
    taken = ask.write("PUT", path, email_address="BEN@example.com", first_name="x")
    assert error(taken) == (422, "Error updating subscriber", "Email address has already been taken")
    invalid = ask.write("PUT", path, email_address="ben")
    assert error(invalid) == (422, "Error updating subscriber", "Email address is invalid")
    assert world.subscribers[person].first_name is None
    assert error(ask.write("PUT", "subscribers/1")) == NOT_FOUND


# -- PUT unsubscribe


def test_unsubscribing_cancels_and_may_be_repeated(ask: Ask, world: World, clock: Clock) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    shown = done(ask.write("PUT", "unsubscribe", email="ana@example.com"))["subscriber"]
    assert (shown["id"], shown["state"]) == (person, "cancelled")
    before = world.subscribers[person]
    clock.advance(days=1)
    assert done(ask.write("PUT", "unsubscribe", email="ana@example.com"))["subscriber"] == shown
    assert world.subscribers[person] is before
    assert ask.ids("subscribers", sort_field="cancelled_at") == [person]


def test_unsubscribing_an_unknown_or_invalid_address_is_404(ask: Ask) -> None:
    for email in ("nobody@example.com", "invalid"):
        assert error(ask.write("PUT", "unsubscribe", email=email)) == NOT_FOUND


# -- tags


def test_a_tag_is_made_from_an_object_and_answered_bare(ask: Ask, world: World) -> None:
    made = done(ask.write("POST", "tags", tag={"name": "News"}), 201)
    assert list(made) == ["id", "name", "created_at"]
    assert ask.json("tags") == {"tags": [made]}
    assert world.parents["tag"][made["id"]].name == "News"


def test_a_list_of_tags_is_answered_with_an_array(ask: Ask) -> None:
    made = done(ask.write("POST", "tags", tag=[{"name": "a"}, {"name": "b"}]), 201)
    assert [tag["name"] for tag in made] == ["a", "b"]
    assert isinstance(done(ask.write("POST", "tags", tag=[{"name": "c"}]), 201), list)


@pytest.mark.parametrize(
    ("tag", "status", "message"),
    [
        ({"name": "a"}, 422, "Name has already been taken"),
        ([{"name": "b"}, {"name": "b"}], 422, "Name has already been taken"),
        ({"name": " "}, 422, "Name can't be blank"),
        ([{"name": "b"}, {}], 422, "Name can't be blank"),
        (None, 400, "tag is required"),
    ],
)
def test_existing_and_blank_tags_are_refused_whole(ask: Ask, world: World, tag: Any, status: int, message: str) -> None:
    existing = edits.add_tag(world, "a")
    refused = error(ask.write("POST", "tags", tag=tag))
    assert (refused[0], refused[2]) == (status, message)
    assert list(world.parents["tag"]) == [existing]


def test_a_tag_is_taken_off_and_may_be_taken_off_again(ask: Ask, world: World) -> None:
    tag, person = edits.add_tag(world, "a"), edits.add_subscriber(world, "ana@example.com")
    edits.tag(world, person, tag)
    for _ in range(2):
        shown = done(ask.write("DELETE", f"subscribers/{person}/tags/{tag}"))
        assert shown == ask.json("tags")["tags"][0]
        assert ask.json(f"subscribers/{person}/tags") == {"tags": []}


def test_taking_off_an_unknown_tag_or_from_an_unknown_person_is_404(ask: Ask, world: World) -> None:
    tag, person = edits.add_tag(world, "a"), edits.add_subscriber(world, "ana@example.com")
    assert error(ask.write("DELETE", f"subscribers/1/tags/{tag}")) == NOT_FOUND
    assert error(ask.write("DELETE", f"subscribers/{person}/tags/1")) == (404, "Tag not found", "")


def test_a_tag_is_taken_off_by_address_and_nobody_is_no_error(ask: Ask, world: World) -> None:
    tag, person = edits.add_tag(world, "a"), edits.add_subscriber(world, "ana@example.com")
    edits.tag(world, person, tag)
    for email in ("Ana@example.com", "ana@example.com", "nobody@example.com", "invalid"):
        shown = done(ask.write("POST", f"tags/{tag}/unsubscribe", email=email))
        assert shown == ask.json("tags")["tags"][0]
        assert ask.json(f"tags/{tag}/subscriptions")["total_subscriptions"] == 0
    assert ask.write("POST", f"tags/{tag}/unsubscribe").status_code == 400
    assert error(ask.write("POST", "tags/1/unsubscribe", email="ana@example.com")) == (404, "Tag not found", "")


# -- custom fields


def test_a_field_is_made_from_a_label_and_answered_bare(ask: Ask) -> None:
    answer = ask.write("POST", "custom_fields", label="  Last Name ")
    made = done(answer, 201)
    field = made["id"]
    assert made == {"id": field, "name": f"ck_field_{field}_last_name", "key": "last_name", "label": "Last Name"}
    assert answer.headers["Location"] == f"/v3/custom_fields/{field}"
    assert ask.json("custom_fields") == {"custom_fields": [made]}


def test_a_list_of_labels_is_answered_with_an_array_but_a_list_of_one_may_not_be(ask: Ask, world: World) -> None:
    made = done(ask.write("POST", "custom_fields", label=["Job", "City"]), 201)
    assert [field["key"] for field in made] == ["job", "city"]
    assert done(ask.write("POST", "custom_fields", label=["Age"]), 201)["key"] == "age"
    behave(world, one_label_list="array")
    assert done(ask.write("POST", "custom_fields", label=["Size"]), 201)[0]["key"] == "size"


@pytest.mark.parametrize("label", ["", "  ", None, "City", " city ", ["Job", "City"], ["Job", "job!"], ["Job", ""]])
def test_blank_and_duplicate_labels_are_422(ask: Ask, world: World, label: Any) -> None:
    existing = edits.add_custom_field(world, "City")
    assert error(ask.write("POST", "custom_fields", label=label))[0] == 422
    assert list(world.custom_fields) == [existing]


def test_an_account_has_at_most_140_fields(ask: Ask, world: World) -> None:
    for number in range(139):
        edits.add_custom_field(world, f"f{number}")
    assert error(ask.write("POST", "custom_fields", label=["a", "b"]))[0] == 400
    done(ask.write("POST", "custom_fields", label="a"), 201)
    assert error(ask.write("POST", "custom_fields", label="b"))[0] == 400


def test_a_renamed_field_has_another_key_and_the_same_name(ask: Ask, world: World) -> None:
    field, person = edits.add_custom_field(world, "City"), edits.add_subscriber(world, "ana@example.com")
    edits.set_field(world, person, "city", "Rome")
    answer = ask.write("PUT", f"custom_fields/{field}", label=" Home Town ")
    assert (answer.status_code, answer.content) == (204, b"")
    (shown,) = ask.json("custom_fields")["custom_fields"]
    assert shown == {"id": field, "name": f"ck_field_{field}_city", "key": "home_town", "label": "Home Town"}
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == {"home_town": "Rome"}


def test_a_field_keeps_its_own_label_but_takes_neither_another_one_nor_none(ask: Ask, world: World) -> None:
    field, _ = edits.add_custom_field(world, "City"), edits.add_custom_field(world, "Job")
    refused = {"City": 204, "job": 422, "": 422}
    assert {label: ask.write("PUT", f"custom_fields/{field}", label=label).status_code for label in refused} == refused
    assert error(ask.write("PUT", "custom_fields/1", label="x")) == NOT_FOUND


def test_a_deleted_field_takes_the_values_with_it(ask: Ask, world: World) -> None:
    field, person = edits.add_custom_field(world, "City"), edits.add_subscriber(world, "ana@example.com")
    edits.set_field(world, person, "city", "Rome")
    answer = ask.write("DELETE", f"custom_fields/{field}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == {}
    edits.add_custom_field(world, "City")
    assert ask.json(f"subscribers/{person}")["subscriber"]["fields"] == {"city": None}
    assert error(ask.write("DELETE", f"custom_fields/{field}")) == NOT_FOUND


# -- broadcasts


def test_a_broadcast_without_anything_is_a_draft_and_sends_no_mail(ask: Ask, world: World) -> None:
    made = done(ask.write("POST", "broadcasts"), 201)["broadcast"]
    assert ask.json(f"broadcasts/{made['id']}") == {"broadcast": made}
    assert (made["subject"], made["content"], made["public"], made["send_at"]) == (None, None, False, None)
    assert (made["email_address"], made["email_layout_template"]) == ("owner@example.com", "Text Only")
    assert (world.broadcasts[made["id"]].status, world.mails) == ("draft", [])


def test_the_same_broadcast_twice_is_two_broadcasts(ask: Ask) -> None:
    for _ in range(2):
        done(ask.write("POST", "broadcasts", subject="Hello"), 201)
    assert len(ask.ids("broadcasts")) == 2


def test_a_broadcast_with_a_time_is_mail_and_naive_times_are_utc(ask: Ask, world: World) -> None:
    made = done(ask.write("POST", "broadcasts", subject="Hello", send_at="2026-12-24 18:00:00"), 201)["broadcast"]
    assert made["send_at"] == "2026-12-24T18:00:00.000Z"
    assert world.mails == [Mail(made["id"], "2026-12-24T18:00:00.000Z")]
    assert world.broadcasts[made["id"]].status == "scheduled"


def test_a_broadcast_whose_time_has_come_goes_out_at_once(ask: Ask, world: World, clock: Clock) -> None:
    made = done(ask.write("POST", "broadcasts", subject="Hello", send_at=clock().isoformat()), 201)["broadcast"]
    assert (world.broadcasts[made["id"]].status, len(world.mails)) == ("completed", 1)


def test_an_update_changes_a_broadcast_in_part_and_may_schedule_it(ask: Ask, world: World) -> None:
    row = edits.add_broadcast(world, "Hello", "<p>Hi</p>")
    shown = done(ask.write("PUT", f"broadcasts/{row}", subject="Bye", public=True, unknown="x"))["broadcast"]
    assert (shown["subject"], shown["content"], shown["public"]) == ("Bye", "<p>Hi</p>", True)
    assert (world.mails, ask.json(f"broadcasts/{row}")) == ([], {"broadcast": shown})
    done(ask.write("PUT", f"broadcasts/{row}", send_at="2026-12-24T18:00:00.000Z"))
    assert world.mails == [Mail(row, "2026-12-24T18:00:00.000Z")]
    assert done(ask.write("PUT", f"broadcasts/{row}", send_at=None))["broadcast"]["send_at"] is None
    assert (world.broadcasts[row].status, len(world.mails)) == ("draft", 1)


def test_a_deleted_broadcast_is_gone(ask: Ask, world: World) -> None:
    row = edits.add_broadcast(world, "Hello")
    answer = ask.write("DELETE", f"broadcasts/{row}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert ask.ids("broadcasts") == []
    for method in ("PUT", "DELETE"):
        assert error(ask.write(method, f"broadcasts/{row}")) == NOT_FOUND


@pytest.mark.parametrize("status", ["sending", "completed", "aborted"])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_sent_broadcast_can_neither_be_changed_nor_deleted(ask: Ask, world: World, method: str, status: str) -> None:
    row = edits.add_broadcast(world, "Hello")
    edits.send_broadcast(world, row, status=status)
    refused = error(ask.write(method, f"broadcasts/{row}", subject="x"))
    assert refused == (422, "Error updating broadcast", "Broadcast is already sending.")
    assert world.broadcasts[row].subject == "Hello"


@pytest.mark.parametrize("send_at", ["tomorrow", "0001-01-01T00:00:00+05:00"])
def test_a_time_that_is_none_is_refused(ask: Ask, world: World, send_at: str) -> None:
    assert ask.write("POST", "broadcasts", send_at=send_at).status_code == 422
    assert ask.write("PUT", f"broadcasts/{edits.add_broadcast(world)}", send_at=send_at).status_code == 422
    assert (len(world.broadcasts), world.mails) == (1, [])


# -- purchases


def test_a_purchase_is_answered_bare_and_makes_the_buyer(ask: Ask, world: World) -> None:
    made = done(ask.write("POST", "purchases", purchase=PURCHASE, integration_key="k"), 201)
    assert made == ask.json(f"purchases/{made['id']}")
    assert (made["transaction_id"], made["status"], made["currency"]) == ("123-abcd", "paid", "JPY")
    assert made["transaction_time"] == "2026-03-17T11:28:04.000Z"
    assert (made["subtotal"], made["tax"], made["total"]) == (20.5, 0.0, 21.0)
    line = {"unit_price": 5.0, "quantity": 2, "sku": "m-1", "name": "Map", "pid": "9999", "lid": "7777"}
    assert made["products"] == [line]
    assert [person.first_name for person in world.subscribers.values()] == ["Ana"]


def test_a_purchase_may_leave_the_buyer_unknown(ask: Ask, world: World) -> None:
    behave(world, purchase_creates_person=False)
    done(ask.write("POST", "purchases", purchase=PURCHASE), 201)
    assert not world.subscribers


def test_a_known_transaction_is_another_purchase(ask: Ask, world: World) -> None:
    made = [done(ask.write("POST", "purchases", purchase=PURCHASE), 201)["id"] for _ in range(2)]
    assert ask.ids("purchases") == made
    assert len(world.subscribers) == 1


def test_a_known_transaction_may_add_its_products_to_the_first(ask: Ask, world: World) -> None:
    behave(world, repeated_transaction="appended")
    first, second = (done(ask.write("POST", "purchases", purchase=PURCHASE), 201) for _ in range(2))
    assert (first["id"], len(second["products"])) == (second["id"], 2)
    assert ask.json("purchases")["purchases"] == [second]


def test_what_a_purchase_lacks_is_reported_in_one_message(ask: Ask, world: World) -> None:
    line = {key: value for key, value in PURCHASE["products"][0].items() if key != "pid"}
    sent = {**PURCHASE, "transaction_id": "", "products": [line]}
    message = "transaction_id can't be blank, Pid can't be blank for product: Map"
    refused = error(ask.write("POST", "purchases", purchase=sent))
    assert refused == (400, "Your request is missing parameters", message)
    assert error(ask.write("POST", "purchases", **PURCHASE))[0] == 400
    assert not world.purchases


# -- webhooks


def test_a_webhook_is_made_listed_and_deleted(ask: Ask, world: World) -> None:
    event = {"name": "subscriber.tag_add", "tag_id": 4}
    rule = done(ask.write("POST", "automations/hooks", target_url="https://example.com/in", event=event))["rule"]
    hook = rule["id"]
    assert (rule["event"], rule["target_url"]) == ({"name": "tag_add", "tag_id": 4}, "https://example.com/in")
    assert world.hooks == {hook: Hook(hook, "https://example.com/in", event)}
    (listed,) = ask.get("automations/hooks").json()
    assert listed["rule"]["event"] == {"name": "tag_add", "initiator_value": 4}
    assert (listed["rule"]["id"], listed["rule"]["status"]) == (hook, "enabled")
    assert listed["rule"]["account_id"] == rule["account_id"]
    assert done(ask.write("DELETE", f"automations/hooks/{hook}")) == {"success": True}
    assert ask.get("automations/hooks").json() == []
    assert error(ask.write("DELETE", f"automations/hooks/{hook}")) == NOT_FOUND


def test_the_same_webhook_twice_is_two_rules(ask: Ask, world: World) -> None:
    behave(world, hook_created=201)
    sent = {"target_url": "https://example.com/in", "event": {"name": "purchase.purchase_create"}}
    for _ in range(2):
        done(ask.write("POST", "automations/hooks", **sent), 201)
    assert len(world.hooks) == 2


@pytest.mark.parametrize("parameter", ["sequence_id", "course_id"])
def test_the_events_of_sequences_take_their_id_under_two_names(ask: Ask, parameter: str) -> None:
    event = {"name": "subscriber.course_complete", parameter: 18}
    rule = done(ask.write("POST", "automations/hooks", target_url="https://example.com/in", event=event))["rule"]
    assert rule["event"] == {"name": "course_complete", parameter: 18}


@pytest.mark.parametrize(
    ("target_url", "event"),
    [
        ("", {"name": "subscriber.subscriber_activate"}),
        ("https://example.com/in", {"name": "subscriber.subscriber_delete"}),
        ("https://example.com/in", {"name": ["subscriber.tag_add"]}),
        ("https://example.com/in", {"name": "subscriber.tag_add"}),
        ("https://example.com/in", None),
    ],
)
def test_a_webhook_needs_an_address_an_event_and_its_parameter(
    ask: Ask, world: World, target_url: str, event: Any
) -> None:
    assert error(ask.write("POST", "automations/hooks", target_url=target_url, event=event))[0] == 422
    assert not world.hooks


def test_the_defaults_of_the_switches_are_the_likeliest_reading() -> None:
    usual = Behaviour()
    assert (usual.async_seconds, usual.reads_lag_seconds, usual.repeated_transaction) == (3.0, 0.0, "new")
