"""Only the API's own response to a write of API v4 counts: by its type, its shape and its id."""

import json
from typing import Any

import pytest

from cksync.api.responses import strangeness
from cksync.api.v4.writes import CALLS

JSON = "application/json; charset=utf-8"
HTML = b"<!DOCTYPE html><html>Log in to the network</html>"

CALLED = {
    "create_subscriber": CALLS.create_subscriber("A@example.com"),
    "update_subscriber": CALLS.update_subscriber(5, first_name="A"),
    "unsubscribe": CALLS.unsubscribe(5),
    "set_location": CALLS.set_location(5, {"city": "Ulm"}),
    "replace_location": CALLS.replace_location(5, {"city": "Ulm"}),
    "delete_location": CALLS.delete_location(5),
    "create_tag": CALLS.create_tag("A"),
    "rename_tag": CALLS.rename_tag(7, "A"),
    "add": CALLS.add("sequence", 7, 5),
    "add_address": CALLS.add_address("tag", 7, "a@example.com"),
    "untag": CALLS.untag(5, 7),
    "untag_address": CALLS.untag_address(7, "a@example.com"),
    "create_custom_field": CALLS.create_custom_field("A"),
    "rename_custom_field": CALLS.rename_custom_field(7, "A"),
    "delete_custom_field": CALLS.delete_custom_field(7),
    "create_broadcast": CALLS.create_broadcast(subject="A"),
    "update_broadcast": CALLS.update_broadcast(7, subject="A"),
    "delete_broadcast": CALLS.delete_broadcast(7),
    "create_purchase": CALLS.create_purchase({"transaction_id": "T"}),
    "create_sequence": CALLS.create_sequence("A"),
    "update_sequence": CALLS.update_sequence(7, name="A"),
    "delete_sequence": CALLS.delete_sequence(7),
    "create_sequence_email": CALLS.create_sequence_email(7, subject="A"),
    "update_sequence_email": CALLS.update_sequence_email(7, 8, subject="A"),
    "delete_sequence_email": CALLS.delete_sequence_email(7, 8),
    "create_snippet": CALLS.create_snippet("A", "inline", content="x"),
    "update_snippet": CALLS.update_snippet(7, name="A"),
    "set_colors": CALLS.set_colors(["#fff"]),
    "create_webhook": CALLS.create_webhook("https://example.com", {"name": "x"}),
    "delete_webhook": CALLS.delete_webhook(7),
    "create_webhook_endpoint": CALLS.create_webhook_endpoint("A", "https://example.com", ["x"]),
    "update_webhook_endpoint": CALLS.update_webhook_endpoint(7, name="A"),
    "delete_webhook_endpoint": CALLS.delete_webhook_endpoint(7),
    "rotate_webhook_secret": CALLS.rotate_webhook_secret(7),
    "revoke_previous_webhook_secret": CALLS.revoke_previous_webhook_secret(7),
}
PERSON = {"subscriber": {"id": 5, "email_address": "a@example.com", "state": "active"}}
PLACE = {"location": {"city": "Ulm", "country_code": None}}
FIELD = {"custom_field": {"id": 7, "name": "ck", "key": "a", "label": "A"}}
BROADCAST = {"broadcast": {"id": 7, "subject": "A", "content": None}}
ENDPOINT = {"webhook_endpoint": {"id": 7, "url": "https://example.com", "events": [], "secret": "s"}}
GIVEN: dict[str, Any] = {
    "create_subscriber": PERSON,
    "update_subscriber": PERSON,
    "set_location": PLACE,
    "replace_location": PLACE,
    "create_tag": {"tag": {"id": 7, "name": "A"}},
    "rename_tag": {"tag": {"id": 7, "name": "A"}},
    "add": PERSON,
    "add_address": PERSON,
    "create_custom_field": FIELD,
    "rename_custom_field": FIELD,
    "create_broadcast": BROADCAST,
    "update_broadcast": BROADCAST,
    "create_purchase": {"purchase": {"id": 1, "transaction_id": "T"}},
    "create_sequence": {"sequence": {"id": 7, "name": "A"}},
    "update_sequence": {"sequence": {"id": 7, "name": "A"}},
    "create_sequence_email": {"email": {"id": 8, "sequence_id": 7, "subject": "A"}},
    "update_sequence_email": {"email": {"id": 8, "sequence_id": 7, "subject": "A"}},
    "create_snippet": {"snippet": {"id": 7, "name": "A", "snippet_type": "inline"}},
    "update_snippet": {"snippet": {"id": 7, "name": "A", "snippet_type": "inline"}},
    "set_colors": {"colors": ["#fff"]},
    "create_webhook": {"webhook": {"id": 7, "event": {"name": "x"}, "target_url": "https://example.com"}},
    "create_webhook_endpoint": ENDPOINT,
    "update_webhook_endpoint": ENDPOINT,
    "rotate_webhook_secret": ENDPOINT,
    "revoke_previous_webhook_secret": ENDPOINT,
}
# Each makes something, or shows something once: never sent again when its outcome is unknown.
ONCE = {
    *("create_broadcast", "create_purchase", "create_sequence", "create_sequence_email", "create_snippet"),
    *("create_webhook", "create_webhook_endpoint", "rotate_webhook_secret"),
}


def test_every_write_says_what_answers_it() -> None:
    assert {name for name in vars(type(CALLS)) if not name.startswith("_")} == set(CALLED)
    assert {name for name in CALLED if CALLED[name].expected.is_empty} == set(CALLED) - set(GIVEN)
    assert {name for name in CALLED if not CALLED[name].is_repeatable} == ONCE
    assert {call.version for call in CALLED.values()} == {"v4"}


@pytest.mark.parametrize("name", CALLED)
def test_answer_to_a_write_counts_by_its_type_its_shape_and_its_id(name: str) -> None:
    wanted = CALLED[name].expected
    assert strangeness(200, HTML, "text/html", wanted)
    assert strangeness(200, b"", "", wanted)
    assert strangeness(404, HTML, "text/html", wanted)
    assert strangeness(404, b'{"errors": ["Not Found"]}', JSON, wanted) == ""
    assert strangeness(200, b'{"ok": true}', JSON, wanted)
    assert bool(strangeness(204, b"", "", wanted)) == (name in GIVEN)
    if name in GIVEN:
        body = json.dumps(GIVEN[name]).encode()
        assert strangeness(200, body, JSON, wanted) == ""
        assert strangeness(202, body, JSON, wanted) == ""
        assert strangeness(202, b"{}", JSON, wanted)
        assert strangeness(200, body, "text/html", wanted)
        if wanted.wrapper:
            assert strangeness(200, json.dumps(GIVEN[name][wanted.wrapper]).encode(), JSON, wanted)
        for key in wanted.same:
            other = json.dumps(GIVEN[name]).replace(f'"{key}": ', f'"{key}": 99, "was": ').encode()
            assert strangeness(200, other, JSON, wanted)


@pytest.mark.parametrize("id_", ["7", True, None, 7.5])
def test_id_is_a_number(id_: Any) -> None:
    body = json.dumps({"tag": {"id": id_, "name": "A"}}).encode()
    assert strangeness(200, body, JSON, CALLED["create_tag"].expected)
