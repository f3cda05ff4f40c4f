"""Writes of sequences and their emails, snippets, colors and webhooks through v4."""

from typing import Any

import pytest

from kit_sandbox import Clock, World, edits
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, done, refused

NOT_FOUND = (404, ["Not Found"])
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


@pytest.fixture
def sequence(world: World) -> int:
    return edits.add_sequence(world, "A sequence")


# -- sequences


def test_a_new_sequence_has_the_settings_that_are_given(kit: AskV4) -> None:
    settings = {
        "email_address": "a@example.com",
        "email_template_id": 2,
        "send_days": ["monday", "friday"],
        "send_hour": 12,
        "time_zone": "America/Los_Angeles",
        "active": False,
        "repeat": True,
        "hold": True,
        "exclude_subscriber_sources": [{"type": "tag", "ids": [1]}],
    }
    made = done(kit.post("sequences", {"name": "Course", **settings}), 201)["sequence"]
    assert {key: made[key] for key in settings} == settings
    assert (made["name"], made["email_count"], made["subscriber_count"]) == ("Course", 0, 0)
    assert kit.json(f"sequences/{made['id']}")["sequence"] == made


def test_a_new_sequence_is_active_on_all_days(kit: AskV4) -> None:
    made = done(kit.post("sequences", {"name": "Course"}), 201)["sequence"]
    assert (made["active"], made["repeat"], made["hold"], made["send_days"]) == (True, False, False, DAYS)


def test_a_sequence_needs_a_name_and_an_existing_template(kit: AskV4, world: World) -> None:
    assert refused(kit.post("sequences", {"name": ""})) == (422, ["Name can't be blank"])
    answer = kit.post("sequences", {"name": "a", "email_template_id": 99})
    assert refused(answer) == (422, ["Email template not found"])
    assert world.parents["sequence"] == {}


def test_an_update_of_a_sequence_moves_its_time(kit: AskV4, clock: Clock, sequence: int) -> None:
    before = kit.json(f"sequences/{sequence}")["sequence"]
    clock.advance(hours=1)
    shown = done(kit.write("PUT", f"sequences/{sequence}", name="New", hold=True))["sequence"]
    changes = {"name": "New", "hold": True, "updated_at": "2026-11-01T13:00:00Z"}
    assert shown == {**before, **changes}


def test_v3_shows_a_flag_that_v4_sets(ask: Ask, kit: AskV4, sequence: int) -> None:
    done(kit.write("PUT", f"sequences/{sequence}", hold=True))
    assert ask.json("sequences")["courses"][0]["hold"] is True


def test_a_deleted_sequence_takes_its_emails(kit: AskV4, world: World, sequence: int) -> None:
    edits.add_sequence_email(world, sequence, "one")
    done(kit.write("DELETE", f"sequences/{sequence}"), 204)
    assert (world.parents["sequence"], world.extras.sequence_emails) == ({}, {})
    for method in ("PUT", "DELETE"):
        assert refused(kit.write(method, f"sequences/{sequence}")) == NOT_FOUND


# -- emails of sequences

EMAIL: dict[str, Any] = {"subject": "One", "delay_value": 1, "delay_unit": "days"}


def test_a_new_email_is_a_draft_at_the_end_whatever_its_position(kit: AskV4, sequence: int) -> None:
    path = f"sequences/{sequence}/emails"
    made = [done(kit.post(path, {**EMAIL, "position": 0}), 201)["email"] for _ in range(2)]
    assert [(each["position"], each["published"], each["send_days"]) for each in made] == [
        (0, False, None),
        (1, False, None),
    ]
    assert kit.json(f"{path}/{made[1]['id']}")["email"] == made[1]


def test_days_that_are_null_are_all_of_them(kit: AskV4, sequence: int) -> None:
    made = done(kit.post(f"sequences/{sequence}/emails", {**EMAIL, "send_days": None}), 201)["email"]
    assert made["send_days"] == DAYS


def test_an_email_that_waits_for_hours_keeps_the_days_that_are_given(kit: AskV4, world: World, sequence: int) -> None:
    email = edits.add_sequence_email(world, sequence, "one")
    changes = {"delay_unit": "hours", "send_days": ["saturday"]}
    shown = done(kit.write("PUT", f"sequences/{sequence}/emails/{email}", **changes))["email"]
    assert {key: shown[key] for key in changes} == changes


def test_a_position_exists_once(kit: AskV4, world: World, sequence: int) -> None:
    email, _ = [edits.add_sequence_email(world, sequence, text) for text in ("one", "two")]
    path = f"sequences/{sequence}/emails/{email}"
    assert refused(kit.write("PUT", path, position=1)) == (422, ["Position has already been taken"])
    assert done(kit.write("PUT", path, position=0))["email"]["position"] == 0
    assert done(kit.write("PUT", path, position=2))["email"]["position"] == 2


def test_an_email_needs_a_subject_and_a_unit(kit: AskV4, sequence: int) -> None:
    path = f"sequences/{sequence}/emails"
    assert kit.post(path, {**EMAIL, "subject": ""}).status_code == 422
    answer = kit.post(path, {**EMAIL, "delay_unit": "weeks"})
    assert refused(answer) == (422, ["delay_unit must be one of: days, hours"])


def test_an_email_is_found_in_its_own_sequence_alone(kit: AskV4, world: World, sequence: int) -> None:
    email, other = edits.add_sequence_email(world, sequence, "one"), edits.add_sequence(world, "other")
    for path in (f"sequences/{other}/emails/{email}", f"sequences/{sequence}/emails/1", "sequences/1/emails/1"):
        assert refused(kit.write("PUT", path)) == refused(kit.write("DELETE", path)) == NOT_FOUND
    done(kit.write("DELETE", f"sequences/{sequence}/emails/{email}"), 204)
    assert kit.rows(f"sequences/{sequence}/emails") == []


# -- snippets and colors


def test_a_snippet_is_created_and_changed_and_keeps_its_type(kit: AskV4) -> None:
    given = {"name": "Bye", "snippet_type": "inline", "content": "<p>Bye</p>"}
    made = done(kit.post("snippets", given), 201)["snippet"]
    assert {key: made[key] for key in given} == given
    path = f"snippets/{made['id']}"
    shown = done(kit.write("PUT", path, content="So long", archived=True))["snippet"]
    assert (shown["content"], shown["archived"], shown["name"]) == ("So long", True, "Bye")
    assert refused(kit.write("PUT", path, snippet_type="block")) == (422, ["Snippet type cannot be changed"])


def test_a_block_has_its_content_in_a_document(kit: AskV4) -> None:
    given = {"name": "Bye", "snippet_type": "block", "document_attributes": {"value_html": "<p>Bye</p>"}}
    assert done(kit.post("snippets", given), 201)["snippet"]["document"]["value_html"] == "<p>Bye</p>"


def test_a_snippet_needs_a_name_and_a_type(kit: AskV4) -> None:
    assert kit.post("snippets", {"name": "", "snippet_type": "inline"}).status_code == 422
    assert kit.post("snippets", {"name": "a", "snippet_type": "page"}).status_code == 422
    assert refused(kit.write("PUT", "snippets/1")) == NOT_FOUND


def test_colors_are_replaced(kit: AskV4) -> None:
    assert done(kit.write("PUT", "account/colors", colors=["#111111", "#abc"])) == {"colors": ["#111111", "#abc"]}
    assert kit.json("account/colors") == {"colors": ["#111111", "#abc"]}


def test_what_is_no_color_is_422(kit: AskV4) -> None:
    answer = kit.write("PUT", "account/colors", colors=["#123_not_a_code"])
    assert refused(answer) == (422, ["Colors #123_not_a_code is not a valid hex color code."])
    assert kit.write("PUT", "account/colors", colors=["#111111"] * 11).status_code == 422


# -- webhooks

URL = "https://hooks.example.com/kit"


@pytest.mark.parametrize(
    "event",
    [
        {"name": "subscriber.subscriber_activate"},
        {"name": "subscriber.tag_add", "tag_id": 7},
        {"name": "custom_field.field_value_updated", "custom_field_id": "72"},
    ],
)
def test_a_new_webhook_has_its_event_without_the_prefix(kit: AskV4, event: dict[str, Any]) -> None:
    made = done(kit.post("webhooks", {"target_url": URL, "event": event}), 201)["webhook"]
    assert made["event"] == {**event, "name": event["name"].partition(".")[2]}
    assert kit.rows("webhooks") == [made]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"event": {"name": "subscriber.subscriber_bounce"}}, "`event` and `target` parameters must be provided"),
        ({"target_url": URL}, "`event` and `target` parameters must be provided"),
        ({"target_url": URL, "event": {"name": "invalid.event"}}, "Event is invalid"),
        ({"target_url": URL, "event": {"name": "subscriber.tag_add"}}, "Event lacks a required parameter"),
    ],
)
def test_an_incomplete_webhook_is_422(kit: AskV4, body: dict[str, Any], text: str) -> None:
    assert refused(kit.post("webhooks", body)) == (422, [text])


def test_a_webhook_is_deleted_once(kit: AskV4, world: World) -> None:
    hook = edits.add_hook(world, URL, {"name": "subscriber.subscriber_bounce"})
    done(kit.write("DELETE", f"webhooks/{hook}"), 204)
    assert refused(kit.write("DELETE", f"webhooks/{hook}")) == NOT_FOUND


def endpoint(kit: AskV4) -> dict[str, Any]:
    body = {"url": URL, "events": ["subscriber.created"], "name": "Shop"}
    made: dict[str, Any] = done(kit.post("webhook_endpoints", body), 201)["webhook_endpoint"]
    return made


def test_an_endpoint_shows_its_secret_once(kit: AskV4) -> None:
    made = endpoint(kit)
    assert made.pop("secret").startswith("whsec_")
    assert kit.rows("webhook_endpoints") == [made]


def test_an_endpoint_needs_a_public_address_and_known_events(kit: AskV4) -> None:
    events = ["subscriber.created"]
    for body in ({"url": "https://localhost/a", "events": events}, {"url": URL, "events": ["a"]}, {"url": URL}):
        assert kit.post("webhook_endpoints", body).status_code == 422


def test_an_endpoint_is_changed_and_deleted(kit: AskV4) -> None:
    path = f"webhook_endpoints/{endpoint(kit)['id']}"
    shown = done(kit.write("PATCH", path, events=["subscriber.bounced"], status="disabled"))["webhook_endpoint"]
    assert (shown["events"], shown["status"], shown["name"]) == (["subscriber.bounced"], "disabled", "Shop")
    done(kit.write("DELETE", path), 204)
    for method in ("PATCH", "DELETE"):
        assert refused(kit.write(method, path)) == NOT_FOUND


def test_a_secret_is_rotated_once_until_the_one_before_has_expired(kit: AskV4, clock: Clock) -> None:
    made = endpoint(kit)
    path = f"webhook_endpoints/{made['id']}"
    rotated = done(kit.post(f"{path}/rotate_secret", {}))["webhook_endpoint"]
    assert (rotated["secret"] != made["secret"], rotated["previous_secret_expires_at"]) == (
        True,
        "2026-11-02T12:00:00Z",
    )
    assert kit.post(f"{path}/rotate_secret", {}).status_code == 409
    done(kit.post(f"{path}/rotate_secret", {"force": True}))
    shown = done(kit.post(f"{path}/revoke_previous_secret", {}))["webhook_endpoint"]
    assert shown["previous_secret_expires_at"] is None
    done(kit.post(f"{path}/rotate_secret", {}))
