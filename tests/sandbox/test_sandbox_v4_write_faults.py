"""All writes of v4: who may, what a fault leaves done, what lags, and what the journal records."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit_sandbox import Clock, World, edits, effects, expected_v4
from kit_sandbox.v4.writes import WRITES
from tests.conftest import examples
from tests.support.asking import Ask, Serving
from tests.support.asking_v4 import AskV4, done, refused

LAG = 30
INVALID = (401, ["The access token is invalid"])
LINE = {"name": "Map", "pid": "1", "lid": "1", "quantity": 1, "unit_price": 5}
SALE = {"transaction_id": "t", "email_address": "ana@example.com", "currency": "USD", "products": [LINE]}
EVENT = {"name": "subscriber.subscriber_bounce"}
PLACE = dict.fromkeys(("city", "state_province", "country_code", "latitude", "longitude", "timezone"), "x")


@dataclass(frozen=True)
class Write:
    """A write that succeeds in `filled`; each `{name}` of its path and its body is an id there."""

    method: str
    path: str
    body: dict[str, Any] = field(default_factory=dict)


CALLS = [
    Write("POST", "subscribers", {"email_address": "new@example.com"}),
    Write("PUT", "subscribers/{person}", {"first_name": "New"}),
    Write("POST", "subscribers/{person}/unsubscribe"),
    Write("POST", "subscribers/{person}/location", {"location": PLACE}),
    Write("PATCH", "subscribers/{person}/location", {"location": PLACE}),
    Write("DELETE", "subscribers/{person}/location"),
    Write("POST", "tags", {"name": "New"}),
    Write("PUT", "tags/{tag}", {"name": "New"}),
    Write("POST", "tags/{other_tag}/subscribers", {"email_address": "ana@example.com"}),
    Write("POST", "forms/{form}/subscribers/{person}"),
    Write("POST", "sequences/{sequence}/subscribers/{person}"),
    Write("DELETE", "tags/{tag}/subscribers", {"email_address": "ana@example.com"}),
    Write("DELETE", "tags/{tag}/subscribers/{person}"),
    Write("POST", "custom_fields", {"label": "New"}),
    Write("PUT", "custom_fields/{field}", {"label": "New"}),
    Write("DELETE", "custom_fields/{field}"),
    Write("POST", "broadcasts", {"subject": "New"}),
    Write("PUT", "broadcasts/{broadcast}", {"subject": "New"}),
    Write("DELETE", "broadcasts/{broadcast}"),
    Write("POST", "purchases", SALE),
    Write("POST", "sequences", {"name": "New"}),
    Write("PUT", "sequences/{sequence}", {"name": "New"}),
    Write("DELETE", "sequences/{sequence}"),
    Write("POST", "sequences/{sequence}/emails", {"subject": "New"}),
    Write("PUT", "sequences/{sequence}/emails/{email}", {"subject": "New"}),
    Write("DELETE", "sequences/{sequence}/emails/{email}"),
    Write("POST", "snippets", {"name": "New", "snippet_type": "inline"}),
    Write("PUT", "snippets/{snippet}", {"content": "New"}),
    Write("PUT", "account/colors", {"colors": ["#123456"]}),
    Write("POST", "webhooks", {"target_url": "https://example.com/", "event": EVENT}),
    Write("DELETE", "webhooks/{hook}"),
    Write("POST", "webhook_endpoints", {"url": "https://example.com/", "events": ["subscriber.created"]}),
    Write("PATCH", "webhook_endpoints/{endpoint}", {"name": "New"}),
    Write("DELETE", "webhook_endpoints/{endpoint}"),
    Write("POST", "webhook_endpoints/{endpoint}/rotate_secret"),
    Write("POST", "webhook_endpoints/{endpoint}/revoke_previous_secret"),
    Write("POST", "bulk/subscribers", {"subscribers": [{"email_address": "new@example.com"}]}),
    Write("POST", "bulk/tags", {"tags": [{"name": "New"}]}),
    Write("DELETE", "bulk/tags", {"tags": [{"id": "{tag}"}]}),
    Write("POST", "bulk/tags/subscribers", {"taggings": [{"tag_id": "{other_tag}", "subscriber_id": "{person}"}]}),
    Write("DELETE", "bulk/tags/subscribers", {"taggings": [{"tag_id": "{tag}", "subscriber_id": "{person}"}]}),
    Write("POST", "bulk/forms/subscribers", {"additions": [{"form_id": "{form}", "subscriber_id": "{person}"}]}),
    Write("POST", "bulk/custom_fields", {"custom_fields": [{"label": "New"}]}),
    Write(
        "POST",
        "bulk/custom_fields/subscribers",
        {
            "custom_field_values": [
                {"subscriber_id": "{person}", "subscriber_custom_field_id": "{field}", "value": "New"}
            ]
        },
    ),
]
NAMES = (
    *(
        "email_address",
        "first_name",
        "state",
        "fields",
        "referrer",
        "email_template_id",
        "send_at",
        "subscriber_filter",
    ),
    *("products", "transaction_time", "total", "send_days", "position", "delay_unit", "snippet_type", "archived"),
    *("document_attributes", "url", "events", "status", "force", "location", "purchase", "name"),
)
OAUTH_ONLY = [each for each in CALLS if each.path.startswith(("bulk/", "purchases"))]
every_write = pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")


@pytest.fixture
def filled(world: World) -> dict[str, int]:
    """Ids of an account in which every one of the writes succeeds."""
    person, sequence = edits.add_subscriber(world, "ana@example.com", "Ana"), edits.add_sequence(world, "s")
    ids = {
        "person": person,
        "sequence": sequence,
        "tag": edits.add_tag(world, "a"),
        "other_tag": edits.add_tag(world, "b"),
        "form": edits.add_form(world, "f"),
        "field": edits.add_custom_field(world, "City"),
        "broadcast": edits.add_broadcast(world, "Hello"),
        "email": edits.add_sequence_email(world, sequence, "one"),
        "snippet": edits.add_snippet(world, "Bye"),
        "hook": edits.add_hook(world, "https://example.com/", EVENT),
        "endpoint": edits.add_webhook_endpoint(world, "Shop", "https://example.com/", ["subscriber.created"]),
    }
    edits.tag(world, person, ids["tag"])
    return ids


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    """A client with a token."""
    return AskV4(ask, ask.sandbox.oauth.grant()["access_token"])


def with_ids(value: Any, ids: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {key: with_ids(inner, ids) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_ids(inner, ids) for inner in value]
    is_id = isinstance(value, str) and value.startswith("{")
    return ids[value[1:-1]] if is_id else value


def send(kit: AskV4, call: Write, ids: dict[str, int]) -> requests.Response:
    return kit.write(call.method, call.path.format(**ids), **with_ids(call.body, ids))


@pytest.fixture
def state(world: World) -> Callable[[], str]:
    """All that the API shows of the account, for comparison."""
    return lambda: repr((expected_v4(world), world.extras, world.hooks))


# -- who may


def test_every_route_is_tried_here() -> None:
    tried = {
        route
        for route in WRITES
        for call in CALLS
        if call.method == route.method and route.pattern.fullmatch("/" + call.path)
    }
    # One pattern serves all three kinds of list, by address and by id.
    assert [route.pattern.pattern for route in WRITES if route not in tried] == []


@every_write
def test_every_write_succeeds(kit: AskV4, filled: dict[str, int], call: Write) -> None:
    answer = send(kit, call, filled)
    assert answer.status_code in (200, 201, 204), answer.text
    assert not answer.content or answer.json().get("failures", []) == []


@every_write
def test_without_credentials_nothing_is_written(
    kit: AskV4, filled: dict[str, int], state: Callable[[], str], call: Write
) -> None:
    before, kit.headers = state(), {}
    assert refused(send(kit, call, filled)) == INVALID
    assert state() == before


@every_write
def test_an_expired_token_writes_nothing(
    ask: Ask, kit: AskV4, filled: dict[str, int], state: Callable[[], str], call: Write
) -> None:
    ask.sandbox.oauth.expire()
    before = state()
    assert refused(send(kit, call, filled)) == (401, ["The access token expired"])
    assert state() == before


@pytest.mark.parametrize("call", OAUTH_ONLY, ids=lambda call: f"{call.method} {call.path}")
def test_a_key_is_refused_where_oauth_is_needed(ask: Ask, filled: dict[str, int], call: Write) -> None:
    assert refused(send(AskV4(ask), call, filled)) == INVALID


@pytest.mark.parametrize("call", [each for each in CALLS if each not in OAUTH_ONLY], ids=lambda call: call.path)
def test_a_key_suffices_for_the_others(ask: Ask, filled: dict[str, int], call: Write) -> None:
    assert send(AskV4(ask), call, filled).status_code in (200, 201, 204)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just("9" * 5_000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@every_write
@settings(max_examples=examples(8, 20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_body_is_answered(kit: AskV4, filled: dict[str, int], call: Write, data: st.DataObject) -> None:
    names = st.sampled_from([*call.body, *NAMES])
    body = {**with_ids(call.body, filled), **data.draw(st.dictionaries(names, JSON, max_size=4))}
    answer = kit.write(call.method, call.path.format(**filled), **body)
    assert answer.status_code in (200, 201, 202, 204, 400, 404, 409, 422)


def test_a_malformed_body_is_400(ask: Ask, world: World) -> None:
    headers = {"Content-Type": "application/json", "X-Kit-Api-Key": world.v4_key}
    answer = ask.session.post(f"{ask.sandbox.url_v4}/tags", data=b'{"name": ', headers=headers, timeout=5)
    assert refused(answer)[0] == 400


# -- faults


@every_write
def test_a_lost_response_leaves_every_write_done(
    ask: Ask, kit: AskV4, filled: dict[str, int], state: Callable[[], str], call: Write
) -> None:
    before = state()
    ask.sandbox.faults.add(effects.lost_response(), method=call.method)
    with pytest.raises(requests.ConnectionError):
        send(kit, call, filled)
    (entry,) = ask.sandbox.journal.writes()
    assert (entry.status, entry.made in (200, 201, 204)) == (None, True)
    changes_nothing = call.path.endswith("revoke_previous_secret")
    assert (state() == before) is changes_nothing


@every_write
def test_an_error_after_leaves_every_write_done(ask: Ask, kit: AskV4, filled: dict[str, int], call: Write) -> None:
    ask.sandbox.faults.add(effects.error_after(), method=call.method)
    assert send(kit, call, filled).status_code == 500
    assert len(ask.sandbox.journal.writes()) == 1


@every_write
def test_an_error_before_leaves_every_write_undone(
    ask: Ask, kit: AskV4, filled: dict[str, int], state: Callable[[], str], call: Write
) -> None:
    before = state()
    ask.sandbox.faults.add(effects.error_before(502), method=call.method)
    assert send(kit, call, filled).status_code == 502
    assert (state(), ask.sandbox.journal.writes()) == (before, [])


@every_write
def test_half_an_answer_or_a_late_one_leaves_every_write_done(
    ask: Ask, kit: AskV4, filled: dict[str, int], call: Write
) -> None:
    ask.sandbox.faults.add(effects.garbage(), method=call.method)
    ask.sandbox.faults.add(effects.latency(0.02), method=call.method)
    answer = send(kit, call, filled)
    assert answer.elapsed.total_seconds() >= 0.02
    assert len(ask.sandbox.journal.writes()) == 1
    if answer.content:
        with pytest.raises(requests.JSONDecodeError):
            answer.json()


def test_the_limit_rejects_writes_before_they_are_executed(serving: Serving, world: World) -> None:
    kit = AskV4(serving(world, rate_limit=1))
    assert [kit.post("tags", {"name": name}).status_code for name in ("a", "b")] == [201, 429]
    assert len(world.parents["tag"]) == 1


# -- lag


def test_what_v4_writes_lags_in_lists_and_not_by_id(kit: AskV4, world: World, clock: Clock) -> None:
    world.behaviour = replace(world.behaviour, v4_lag_seconds=LAG)
    made = done(kit.post("subscribers", {"email_address": "ana@example.com"}), 201)["subscriber"]
    assert kit.ids("subscribers", email_address="ana@example.com") == []
    assert kit.json(f"subscribers/{made['id']}")["subscriber"]["state"] == "active"
    clock.advance(seconds=LAG)
    assert kit.ids("subscribers") == [made["id"]]


def test_writes_see_the_account_as_it_is(kit: AskV4, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_lag_seconds=LAG)
    first = done(kit.post("tags", {"name": "a"}), 201)
    assert kit.rows("tags") == []
    assert done(kit.post("tags", {"name": "a"})) == first


def test_a_bulk_call_lags_as_a_whole(kit: AskV4, world: World, clock: Clock) -> None:
    tag = edits.add_tag(world, "a")
    people = [edits.add_subscriber(world, f"{number}@example.com") for number in range(3)]
    world.behaviour = replace(world.behaviour, v4_lag_seconds=LAG)
    items = [{"tag_id": tag, "subscriber_id": person} for person in people]
    assert len(done(kit.post("bulk/tags/subscribers", {"taggings": items}))["subscribers"]) == 3
    assert kit.ids(f"tags/{tag}/subscribers") == []
    clock.advance(seconds=LAG)
    assert set(kit.ids(f"tags/{tag}/subscribers")) == set(people)


def test_what_v4_writes_shows_in_v3_after_the_lag_of_v3(ask: Ask, kit: AskV4, world: World, clock: Clock) -> None:
    world.behaviour = replace(world.behaviour, reads_lag_seconds=5)
    made = done(kit.post("tags", {"name": "a"}), 201)["tag"]
    assert ask.ids("tags") == []
    clock.advance(seconds=5)
    assert ask.ids("tags") == [made["id"]]


# -- the journal


def test_the_journal_keeps_each_item_of_a_bulk_call_and_no_token(ask: Ask, kit: AskV4) -> None:
    done(kit.post("bulk/tags", {"tags": [{"name": "a"}, {"name": "b"}]}))
    (entry,) = ask.sandbox.journal.writes()
    assert (entry.method, entry.path, entry.params) == (
        "POST",
        "/v4/bulk/tags",
        {"tags": [{"name": "a"}, {"name": "b"}]},
    )
