"""Writes of broadcasts and purchases through v4."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kit_sandbox import Clock, Mail, World, edits
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, done, refused

EVERYBODY = [{"all": [{"type": "all_subscribers"}]}]


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


@pytest.fixture
def oauth(ask: Ask) -> AskV4:
    return AskV4(ask, ask.sandbox.oauth.grant()["access_token"])


def create(kit: AskV4, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = done(kit.post("broadcasts", {"subject": "Hello", **body}), 201)["broadcast"]
    return made


# -- broadcasts


def test_without_a_time_it_is_a_draft_to_everybody_in_the_default_template(kit: AskV4, world: World) -> None:
    made = create(kit, content="<p>Hi</p>")
    assert (made["status"], made["send_at"], made["subscriber_filter"]) == ("draft", None, EVERYBODY)
    assert made["email_template"] == {"id": 6, "name": "Text Only"}
    assert made["email_address"] == world.account.primary_email_address
    assert world.mails == []


def test_the_answer_is_the_broadcast_as_read_by_id(kit: AskV4) -> None:
    made = create(kit, preview_text="Soon", description="d", thumbnail_alt="a", thumbnail_url="https://example.com/a")
    assert kit.json(f"broadcasts/{made['id']}")["broadcast"] == made
    assert (made["preview_text"], made["description"]) == ("Soon", "d")


def test_a_preview_text_that_is_not_given_is_null(kit: AskV4) -> None:
    assert {create(kit)["preview_text"] for _ in range(20)} == {None}


def test_with_a_time_it_is_scheduled_and_counted_as_an_email(kit: AskV4, world: World) -> None:
    made = create(kit, send_at="2026-12-24 18:00:00", public=True, published_at="2026-12-25T00:00:00+01:00")
    assert (made["status"], made["send_at"]) == ("scheduled", "2026-12-24T18:00:00Z")
    assert (made["public"], made["published_at"]) == (True, "2026-12-24T23:00:00Z")
    assert world.mails == [Mail(made["id"], "2026-12-24T18:00:00.000Z")]


def test_a_time_in_the_past_sends_at_once(kit: AskV4) -> None:
    assert create(kit, send_at="2020-01-01T00:00:00Z")["status"] == "completed"


def test_an_invalid_time_is_422_and_creates_nothing(kit: AskV4, world: World) -> None:
    answer = kit.post("broadcasts", {"subject": "Hello", "send_at": "soon", "email_template_id": 99})
    assert refused(answer) == (422, ["Email template not found", "Send at is invalid"])
    assert world.broadcasts == {}


@pytest.mark.parametrize("group", ["all", "any", "none"])
def test_an_audience_is_one_group_of_segments_and_tags(kit: AskV4, group: str) -> None:
    conditions = [{"type": "segment", "ids": [16]}, {"type": "tag", "ids": [1, 2]}]
    given = [{"all": None, "any": None, "none": None, group: conditions}]
    assert create(kit, subscriber_filter=given)["subscriber_filter"] == [{group: conditions}]


@pytest.mark.parametrize("given", [None, [], [{}], [{"all": [], "any": [], "none": None}], EVERYBODY])
def test_no_group_is_everybody(kit: AskV4, given: Any) -> None:
    assert create(kit, subscriber_filter=given)["subscriber_filter"] == EVERYBODY


def test_two_groups_are_422(kit: AskV4) -> None:
    given = [{"all": [{"type": "tag", "ids": [1]}], "none": [{"type": "tag", "ids": [2]}]}]
    text = "Only a single filter group is supported. Use one of `all`, `any`, or `none`."
    assert refused(kit.post("broadcasts", {"subscriber_filter": given})) == (422, [text])


def test_a_group_of_another_type_is_422(kit: AskV4) -> None:
    assert kit.post("broadcasts", {"subscriber_filter": [{"all": [{"type": "form", "ids": [1]}]}]}).status_code == 422


def test_a_template_is_chosen_by_id(kit: AskV4) -> None:
    assert create(kit, email_template_id=2)["email_template"] == {"id": 2, "name": "Classic"}
    assert create(kit, email_template_id="2")["email_template"]["id"] == 2


def test_a_starting_point_needs_to_be_allowed(kit: AskV4) -> None:
    answer = kit.post("broadcasts", {"email_template_id": 8})
    assert refused(answer) == (422, ["Starting point email template is not supported"])
    assert create(kit, email_template_id=8, allow_starting_point=True)["email_template"]["id"] == 8


def test_an_update_changes_what_is_given_alone(kit: AskV4) -> None:
    made = create(kit, content="<p>Hi</p>", preview_text="Soon", email_template_id=2)
    shown = done(kit.write("PUT", f"broadcasts/{made['id']}", subject="New"))["broadcast"]
    assert shown == {**made, "subject": "New"}


def test_an_update_changes_audience_template_and_preview(kit: AskV4) -> None:
    made, given = create(kit), [{"any": [{"type": "tag", "ids": [1]}]}]
    body = {"subscriber_filter": given, "preview_text": "Soon"}
    shown = done(kit.write("PUT", f"broadcasts/{made['id']}", email_template_id=4, **body))["broadcast"]
    assert ({key: shown[key] for key in body}, shown["email_template"]["id"]) == (body, 4)


def test_a_time_schedules_a_draft_and_null_makes_it_one_again(kit: AskV4) -> None:
    path = f"broadcasts/{create(kit)['id']}"
    assert done(kit.write("PUT", path, send_at="2026-12-24T18:00:00Z"))["broadcast"]["status"] == "scheduled"
    shown = done(kit.write("PUT", path, send_at=None))["broadcast"]
    assert (shown["status"], shown["send_at"]) == ("draft", None)


@pytest.mark.parametrize(
    ("status", "text"),
    [("sending", "Broadcast is already sending."), ("completed", "Broadcast has already been sent.")],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_is_sent_stays(kit: AskV4, world: World, method: str, status: str, text: str) -> None:
    broadcast = edits.add_broadcast(world, "Hello")
    edits.send_broadcast(world, broadcast, status=status)
    assert refused(kit.write(method, f"broadcasts/{broadcast}", subject="New")) == (422, [text])
    assert world.broadcasts[broadcast].subject == "Hello"


def test_a_draft_is_deleted(kit: AskV4, world: World) -> None:
    done(kit.write("DELETE", f"broadcasts/{create(kit)['id']}"), 204)
    assert world.broadcasts == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_unknown_broadcast_is_404(kit: AskV4, method: str) -> None:
    assert refused(kit.write(method, "broadcasts/1")) == (404, ["Not Found"])


def test_repeating_a_new_broadcast_makes_another(kit: AskV4) -> None:
    assert create(kit)["id"] != create(kit)["id"]


# -- purchases

LINE = {"name": "Map", "pid": 1, "lid": 7, "quantity": 2, "unit_price": 5.5, "sku": "m"}
SALE: dict[str, Any] = {
    "transaction_id": "t-1",
    "email_address": "ana@example.com",
    "currency": "eur",
    "status": "paid",
    "transaction_time": "2026-03-17T11:28:04Z",
    "subtotal": 11.0,
    "tax": 1.0,
    "shipping": 2.0,
    "discount": 0,
    "total": 14.0,
    "products": [LINE],
}


def test_a_purchase_is_201_without_shipping(oauth: AskV4, world: World) -> None:
    made = done(oauth.post("purchases", {"purchase": SALE}), 201)["purchase"]
    assert oauth.rows("purchases") == [made]
    assert (made["currency"], made["total"], "shipping" in made) == ("EUR", 14.0, False)
    assert made["products"] == [{**LINE, "pid": "1", "lid": "7"}]
    assert world.purchases[made["id"]].amounts["shipping"] == 2.0


def test_a_purchase_may_be_bare_and_in_the_default_currency(oauth: AskV4) -> None:
    bare = {key: value for key, value in SALE.items() if key != "currency"}
    assert done(oauth.post("purchases", bare), 201)["purchase"]["currency"] == "USD"


def test_a_purchase_creates_the_buyer_as_active(oauth: AskV4, world: World) -> None:
    made = done(oauth.post("purchases", {**SALE, "first_name": "Ana"}), 201)["purchase"]
    (person,) = world.subscribers.values()
    assert (person.id, person.state, person.first_name) == (made["subscriber_id"], "active", "Ana")


def test_a_purchase_of_an_existing_person_changes_nothing_of_them(oauth: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com", "A", "cancelled")
    before = world.subscribers[person]
    done(oauth.post("purchases", {**SALE, "first_name": "B"}), 201)
    assert world.subscribers == {person: before}


def test_a_repeated_transaction_is_updated_and_adds_its_lines(oauth: AskV4) -> None:
    first = done(oauth.post("purchases", SALE), 201)["purchase"]
    second = done(oauth.post("purchases", {**SALE, "status": "refunded", "total": 0}), 201)["purchase"]
    assert (second["id"], second["status"], second["total"]) == (first["id"], "refunded", 0)
    assert second["products"] == first["products"] * 2
    assert oauth.rows("purchases") == [second]


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({"transaction_id": ""}, ["Transaction cannot be blank"]),
        ({"email_address": "ana"}, ["Email address is invalid"]),
        ({"products": []}, ["Products cannot be blank"]),
        ({"transaction_time": "soon"}, ["Transaction time is invalid"]),
        ({"products": [{**LINE, "lid": None}]}, ["Lid can't be blank for product: Map"]),
    ],
)
def test_an_incomplete_purchase_is_422(oauth: AskV4, world: World, changes: Any, texts: list[str]) -> None:
    assert refused(oauth.post("purchases", {"purchase": {**SALE, **changes}})) == (422, texts)
    assert (world.purchases, world.subscribers) == ({}, {})


def test_a_purchase_without_a_time_is_of_now(oauth: AskV4, clock: Clock) -> None:
    clock.at = datetime(2026, 11, 2, 8, tzinfo=UTC)
    made = done(oauth.post("purchases", {**SALE, "transaction_time": None}), 201)["purchase"]
    assert made["transaction_time"] == "2026-11-02T08:00:00Z"
