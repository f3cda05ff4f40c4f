"""The client under API v4: every endpoint by name, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

import cksync
from cksync import Client, Config
from cksync.api.http import Reply
from cksync.api.v4.bulk import BULK_CALLS, bulk_call, outcomes
from cksync.api.v4.bulk_kinds import TAG
from cksync.api.v4.client import V4Client
from cksync.api.v4.reads import Reads
from cksync.api.v4.writes import CALLS
from cksync.errors import EndpointFailed, OutcomeUnknown, Rejected, TurnedDown, Unauthorized
from kit_sandbox import Answer, Sandbox, World, effects, serve
from kit_sandbox.messages import Handler, Request
from tests.support.connecting import connected, having, with_key, with_oauth


@pytest.fixture
def client(config: Config, sandbox: Sandbox) -> Iterator[Client]:
    """A client with OAuth."""
    with cksync.connect(with_oauth(config, sandbox), environ={}) as made:
        yield made


@pytest.fixture
def v4(client: Client) -> V4Client:
    return client.v4


def active(world: World, count: int = 1) -> list[int]:
    return [person.id for person in world.subscribers.values() if person.state == "active"][:count]


def first(world: World, kind: Any) -> int:
    return min(world.parents[kind])


def draft(world: World) -> int:
    return next(broadcast.id for broadcast in world.broadcasts.values() if broadcast.status == "draft")


PLACE: Any = {
    "city": "Ulm",
    "state_province": "BW",
    "country_code": "DE",
    "latitude": 48.4,
    "longitude": 10.0,
    "timezone": "Europe/Berlin",
}
PURCHASE: Any = {
    "transaction_id": "T-1",
    "email_address": "new@example.com",
    "currency": "USD",
    "products": [{"name": "Book", "pid": "1", "lid": "1", "unit_price": 5, "quantity": 1, "sku": "s"}],
}
# What is sent, and the method and path that the journal has once.
Sending = Callable[[V4Client, World], Any]
WRITES: dict[str, tuple[Sending, str, str]] = {
    "create_subscriber": (
        lambda v4, world: v4.create_subscriber("new@example.com", first_name="Neo", fields={"company": "Acme"}),
        "POST",
        "/subscribers",
    ),
    "update_subscriber": (
        lambda v4, world: v4.update_subscriber(active(world)[0], first_name="Zed"),
        "PUT",
        "/subscribers/[0-9]+",
    ),
    "unsubscribe": (lambda v4, world: v4.unsubscribe(active(world)[0]), "POST", "/subscribers/[0-9]+/unsubscribe"),
    "set_location": (
        lambda v4, world: v4.set_location(active(world)[0], {"city": "Ulm", "country_code": "DE"}),
        "POST",
        "/subscribers/[0-9]+/location",
    ),
    "replace_location": (
        lambda v4, world: v4.replace_location(active(world)[0], PLACE),
        "PATCH",
        "/subscribers/[0-9]+/location",
    ),
    "delete_location": (
        lambda v4, world: v4.delete_location(active(world)[0]),
        "DELETE",
        "/subscribers/[0-9]+/location",
    ),
    "create_tag": (lambda v4, world: v4.create_tag("new tag"), "POST", "/tags"),
    "rename_tag": (lambda v4, world: v4.rename_tag(first(world, "tag"), "renamed"), "PUT", "/tags/[0-9]+"),
    "add": (
        lambda v4, world: v4.add("form", first(world, "form"), active(world)[0], referrer="https://example.com/"),
        "POST",
        "/forms/[0-9]+/subscribers/[0-9]+",
    ),
    "add_address": (
        lambda v4, world: v4.add_address(
            "tag", first(world, "tag"), world.subscribers[active(world)[0]].email_address.upper()
        ),
        "POST",
        "/tags/[0-9]+/subscribers",
    ),
    "untag": (
        lambda v4, world: v4.untag(min(world.rosters["tag", first(world, "tag")].members), first(world, "tag")),
        "DELETE",
        "/tags/[0-9]+/subscribers/[0-9]+",
    ),
    "untag_address": (
        lambda v4, world: v4.untag_address(
            first(world, "tag"), world.subscribers[min(world.rosters["tag", first(world, "tag")].members)].email_address
        ),
        "DELETE",
        "/tags/[0-9]+/subscribers",
    ),
    "create_custom_field": (lambda v4, world: v4.create_custom_field("New field"), "POST", "/custom_fields"),
    "rename_custom_field": (
        lambda v4, world: v4.rename_custom_field(min(world.custom_fields), "Renamed"),
        "PUT",
        "/custom_fields/[0-9]+",
    ),
    "delete_custom_field": (
        lambda v4, world: v4.delete_custom_field(min(world.custom_fields)),
        "DELETE",
        "/custom_fields/[0-9]+",
    ),
    "create_broadcast": (
        lambda v4, world: v4.create_broadcast(
            subject="Hi",
            content="<p>hi</p>",
            preview_text="soon",
            subscriber_filter=[{"all": [{"type": "tag", "ids": [first(world, "tag")]}]}],
        ),
        "POST",
        "/broadcasts",
    ),
    "update_broadcast": (
        lambda v4, world: v4.update_broadcast(draft(world), subject="Hello"),
        "PUT",
        "/broadcasts/[0-9]+",
    ),
    "delete_broadcast": (lambda v4, world: v4.delete_broadcast(draft(world)), "DELETE", "/broadcasts/[0-9]+"),
    "create_purchase": (lambda v4, world: v4.create_purchase(PURCHASE), "POST", "/purchases"),
    "create_sequence": (lambda v4, world: v4.create_sequence("new", active=False), "POST", "/sequences"),
    "update_sequence": (
        lambda v4, world: v4.update_sequence(first(world, "sequence"), name="renamed", send_hour=9),
        "PUT",
        "/sequences/[0-9]+",
    ),
    "delete_sequence": (
        lambda v4, world: v4.delete_sequence(first(world, "sequence")),
        "DELETE",
        "/sequences/[0-9]+",
    ),
    "create_sequence_email": (
        lambda v4, world: v4.create_sequence_email(first(world, "sequence"), subject="One", delay_value=1),
        "POST",
        "/sequences/[0-9]+/emails",
    ),
    "update_sequence_email": (
        lambda v4, world: v4.update_sequence_email(*email_of(v4, world), subject="Two"),
        "PUT",
        "/sequences/[0-9]+/emails/[0-9]+",
    ),
    "delete_sequence_email": (
        lambda v4, world: v4.delete_sequence_email(*email_of(v4, world)),
        "DELETE",
        "/sequences/[0-9]+/emails/[0-9]+",
    ),
    "create_snippet": (lambda v4, world: v4.create_snippet("greeting", "block", html="<b>x</b>"), "POST", "/snippets"),
    "update_snippet": (
        lambda v4, world: v4.update_snippet(next(v4.snippets())["id"], name="other"),
        "PUT",
        "/snippets/[0-9]+",
    ),
    "set_colors": (lambda v4, world: v4.set_colors(["#ff0000"]), "PUT", "/account/colors"),
    "create_webhook": (
        lambda v4, world: v4.create_webhook("https://example.com/", {"name": "subscriber.subscriber_activate"}),
        "POST",
        "/webhooks",
    ),
}


def sent(v4: V4Client) -> list[int]:
    """Return the broadcasts whose figures the API has."""
    return [each["id"] for each in v4.all_broadcast_stats(status="completed")][:5]


def email_of(v4: V4Client, world: World) -> tuple[int, int]:
    """Return the ids of a sequence and of an email in it."""
    return next((each.sequence_id, each.id) for each in world.extras.sequence_emails.values())


@pytest.mark.parametrize("name", WRITES)
def test_write_is_made_once_and_answered(name: str, v4: V4Client, sandbox: Sandbox, world: World) -> None:
    make, method, path = WRITES[name]
    answer = make(v4, world)
    assert [(entry.method, str(entry.status)[0]) for entry in sandbox.journal.writes()] == [(method, "2")]
    assert sandbox.journal.count(path=f"/v4{path}", method=method) == 1
    assert (answer is None) == (name in SILENT)


SILENT = ("unsubscribe", *(name for name in WRITES if name.startswith(("delete_", "untag"))))


def test_webhooks_are_deleted_and_their_secrets_replaced(v4: V4Client, world: World) -> None:
    hook = v4.create_webhook("https://example.com/", {"name": "subscriber.subscriber_activate"})["webhook"]
    assert [each["id"] for each in v4.webhooks()] == [hook["id"]]
    assert v4.delete_webhook(hook["id"]) is None
    made = v4.create_webhook_endpoint("ours", "https://example.com/", ["subscriber.created"])["webhook_endpoint"]
    assert made["secret"].startswith("whsec_")
    assert v4.update_webhook_endpoint(made["id"], name="other")["webhook_endpoint"]["name"] == "other"
    assert v4.rotate_webhook_secret(made["id"])["webhook_endpoint"]["secret"] != made["secret"]
    with pytest.raises(TurnedDown, match=r"\(409\)"):
        v4.rotate_webhook_secret(made["id"])
    v4.revoke_previous_webhook_secret(made["id"])
    assert v4.webhook_endpoint(made["id"])
    assert v4.delete_webhook_endpoint(made["id"]) is None
    assert made["id"] not in {each["id"] for each in v4.webhook_endpoints()}


READS: dict[str, Callable[[V4Client, World], Any]] = {
    "account": lambda v4, world: v4.account()["account"]["primary_email_address"] == "owner@example.com",
    "colors": lambda v4, world: isinstance(v4.colors(), list),
    "creator_profile": lambda v4, world: v4.creator_profile() == world.extras.profile,
    "email_stats": lambda v4, world: v4.email_stats()["email_stats_mode"] == "last_90",
    "growth_stats": lambda v4, world: "net_new_subscribers" in v4.growth_stats(),
    "subscribers": lambda v4, world: len(list(v4.subscribers(status="all"))) == len(world.subscribers),
    "subscriber": lambda v4, world: (v4.subscriber(active(world)[0]) or {})["state"] == "active",
    "subscriber_tags": lambda v4, world: (
        {each["id"] for each in v4.subscriber_tags(active(world)[0])} <= set(world.parents["tag"])
    ),
    "subscriber_stats": lambda v4, world: "opened" in (v4.subscriber_stats(active(world)[0]) or {})["stats"],
    "filter_subscribers": lambda v4, world: (
        {each["id"] for each in v4.filter_subscribers([{"type": "subscriber_state", "states": ["active"]}])}
        == set(active(world, 1000))
    ),
    "tags": lambda v4, world: {each["id"] for each in v4.tags()} == set(world.parents["tag"]),
    "forms": lambda v4, world: {each["id"] for each in v4.forms(status="all")} >= set(world.parents["form"]),
    "sequences": lambda v4, world: {each["id"] for each in v4.sequences()} == set(world.parents["sequence"]),
    "sequence": lambda v4, world: (v4.sequence(first(world, "sequence"), include="stats") or {})["stats"],
    "members": lambda v4, world: (
        {each["id"] for each in v4.members("tag", first(world, "tag"), status="all")}
        <= set(world.rosters["tag", first(world, "tag")].members)
    ),
    "sequence_emails": lambda v4, world: list(v4.sequence_emails(email_of(v4, world)[0], include_content=True)),
    "sequence_email": lambda v4, world: "content" in (v4.sequence_email(*email_of(v4, world)) or {}),
    "broadcasts": lambda v4, world: {each["id"] for each in v4.broadcasts()} == set(world.broadcasts),
    "broadcast": lambda v4, world: (v4.broadcast(draft(world)) or {})["status"] == "draft",
    "all_broadcast_stats": lambda v4, world: list(v4.all_broadcast_stats(status="completed")),
    "broadcast_stats": lambda v4, world: v4.broadcast_stats(max(sent(v4))),
    "broadcast_clicks": lambda v4, world: [list(v4.broadcast_clicks(each)) for each in sent(v4)],
    "posts": lambda v4, world: isinstance(list(v4.posts(include_content=True)), list),
    "post": lambda v4, world: v4.post(1) is None,
    "snippets": lambda v4, world: list(v4.snippets()),
    "snippet": lambda v4, world: "content" in (v4.snippet(next(v4.snippets())["id"]) or {}),
    "custom_fields": lambda v4, world: {each["id"] for each in v4.custom_fields()} == set(world.custom_fields),
    "segments": lambda v4, world: len(list(v4.segments())) == len(world.extras.segments),
    "email_templates": lambda v4, world: list(v4.email_templates()),
    "purchases": lambda v4, world: {each["id"] for each in v4.purchases()} == set(world.purchases),
    "purchase": lambda v4, world: v4.purchase(min(world.purchases)),
    "webhooks": lambda v4, world: list(v4.webhooks()) == [],
    "webhook_endpoints": lambda v4, world: list(v4.webhook_endpoints(status="active")),
    "webhook_endpoint": lambda v4, world: v4.webhook_endpoint(1) is None,
}


def test_every_endpoint_is_read_by_a_test() -> None:
    assert set(READS) == {name for name in vars(Reads) if not name.startswith("_")}


@pytest.mark.parametrize("name", READS)
def test_endpoint_is_read_and_changes_nothing(name: str, v4: V4Client, sandbox: Sandbox, world: World) -> None:
    assert READS[name](v4, world)
    assert sandbox.journal.writes() == []


def test_long_list_is_read_page_by_page(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_page_limit=40)
    people = [each["id"] for each in v4.subscribers(status="all")]
    assert sorted(people) == sorted(world.subscribers)
    assert sandbox.journal.count(path="/v4/subscribers") == -(-len(people) // 40)
    found = {each["id"] for each in v4.filter_subscribers([{"type": "subscriber_state", "states": ["cancelled"]}])}
    assert found == {person.id for person in world.subscribers.values() if person.state == "cancelled"}


def test_list_of_what_does_not_exist_is_empty(v4: V4Client) -> None:
    assert list(v4.members("tag", 1)) == []


def test_read_that_the_api_refuses_says_why(v4: V4Client) -> None:
    with pytest.raises(EndpointFailed, match="canceled_at"):
        list(v4.subscribers(include=["canceled_at"]))


# -- both versions


def test_same_methods_write_through_either_version(client: Client, sandbox: Sandbox, world: World) -> None:
    assert client.version == "v4"
    assert client.account()["primary_email_address"] == "owner@example.com"
    tag = client.create_tag("from a script")
    assert client.create_tag("From a Script") == tag
    who = client.subscribe("tag", tag["id"], "ada@example.com", first_name="Ada", tags=[first(world, "tag")])
    person = world.subscribers[who["subscriber"]["id"]]
    assert (person.email_address, person.first_name, person.state) == ("ada@example.com", "Ada", "active")
    assert person.id in world.rosters["tag", first(world, "tag")].members
    client.update_subscriber(person.id, fields={"company": "Acme"})
    client.untag(person.id, tag["id"])
    client.untag_address(first(world, "tag"), "ada@example.com")
    client.unsubscribe("ada@example.com")
    assert world.subscribers[person.id].state == "cancelled"
    field = client.create_custom_field("Shoe size")
    client.rename_custom_field(field["id"], "Shoes")
    client.delete_custom_field(field["id"])
    made = client.create_broadcast(subject="Hi")["broadcast"]
    client.update_broadcast(made["id"], subject="Hello")
    client.delete_broadcast(made["id"])
    client.create_purchase(PURCHASE)
    hook = client.create_hook("https://example.com/", {"name": "subscriber.subscriber_activate"})["webhook"]
    assert [each["id"] for each in client.hooks()] == [hook["id"]]
    client.delete_hook(hook["id"])
    assert client.broadcast_stats(1) is None
    assert {entry.path.split("/")[1] for entry in sandbox.journal.writes()} == {"v4"}


def test_what_one_version_alone_has_is_refused_before_it_is_sent(
    client: Client, config: Config, sandbox: Sandbox
) -> None:
    with pytest.raises(Rejected, match="email_layout_template"):
        client.create_broadcast(subject="Hi", email_layout_template="Text Only")
    with pytest.raises(Rejected, match="integration_key"):
        client.create_purchase(PURCHASE, "key")
    with cksync.connect(config, environ={}) as old, pytest.raises(Rejected, match=r"client\.v4 needs API v4"):
        old.v4.tags()
    assert len(sandbox.journal) == 0


def test_unknown_address_cannot_be_unsubscribed(client: Client, sandbox: Sandbox) -> None:
    with pytest.raises(TurnedDown, match=r"no one@example\.com"):
        client.unsubscribe("one@example.com")
    assert sandbox.journal.writes() == []


def test_purchase_beside_a_key_is_created_through_v3(config: Config, sandbox: Sandbox) -> None:
    both = having(with_key(config, sandbox), api_secret=config.api.api_secret)
    with cksync.connect(both, environ={}) as client:
        client.create_purchase(PURCHASE)
    assert sandbox.journal.count(path="/purchases", method="POST") == 1


def test_key_cannot_do_what_needs_oauth(config: Config, sandbox: Sandbox, world: World) -> None:
    with cksync.connect(with_key(config, sandbox), environ={}) as client:
        with pytest.raises(Unauthorized, match="API v4 gives bulk to OAuth only"):
            client.v4.bulk_create_tags(["a"])
        with pytest.raises(Unauthorized, match="API v4 gives purchases to OAuth only"):
            client.v4.create_purchase(PURCHASE)
        client.v4.create_tag("a")
    assert "T-1" not in {each.transaction_id for each in world.purchases.values()}


# -- what may be repeated


def test_write_that_makes_something_is_not_repeated_when_no_one_knows(
    v4: V4Client, sandbox: Sandbox, world: World
) -> None:
    for name in ("create_broadcast", "create_purchase", "create_sequence", "create_webhook", "create_snippet"):
        sandbox.journal.clear()
        sandbox.faults.clear()
        sandbox.faults.add(effects.lost_response(), method="POST")
        with pytest.raises(OutcomeUnknown, match="outcome unknown"):
            WRITES[name][0](v4, world)
        assert len(sandbox.journal.writes()) == 1


def test_write_that_is_as_good_twice_is_repeated(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(effects.lost_response(), method="POST")
    tag = v4.create_tag("once")["tag"]
    assert len(sandbox.journal.writes()) == 2
    assert [each.id for each in world.parents["tag"].values() if each.name == "once"] == [tag["id"]]


def test_token_that_expires_on_the_way_costs_one_refresh_and_no_write(
    v4: V4Client, sandbox: Sandbox, world: World
) -> None:
    v4.create_broadcast(subject="one")
    sandbox.oauth.expire()
    v4.create_broadcast(subject="two")
    assert sandbox.oauth.refreshed == 1
    assert [each.subject for each in world.broadcasts.values()].count("two") == 1


def test_refusal_has_the_words_of_the_api(v4: V4Client) -> None:
    with pytest.raises(TurnedDown, match=r"Email address is invalid \(422\)"):
        v4.create_subscriber("nobody")


def test_plan_that_allows_no_more_people_refuses_a_call_only(v4: V4Client, world: World) -> None:
    world.behaviour = replace(world.behaviour, v4_subscriber_limit=1)
    (one,) = v4.bulk_create_subscribers([{"email_address": "new@example.com"}])
    assert (one.outcome, one.message) == ("refused", "This request would exceed your subscriber limit (403)")
    assert v4.account()


def test_update_of_many_fields_is_accepted_for_later(v4: V4Client, world: World) -> None:
    person = active(world)[0]
    for number in range(11):
        v4.create_custom_field(f"f{number}")
    found = v4.update_subscriber(person, fields={f"f{number}": "x" for number in range(11)})
    assert found["subscriber"]["id"] == person


# -- bulk calls


def pairs(world: World, count: int) -> list[Any]:
    tag = first(world, "tag")
    return [{"tag_id": tag, "subscriber_id": who} for who in active(world, count)]


def test_bulk_calls_change_each_item_once(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    people = active(world, 3)
    tags = v4.bulk_create_tags(["red", "green"])
    assert [(each.outcome, each.row and each.row["name"]) for each in tags] == [("done", "red"), ("done", "green")]
    red = int((tags[0].row or {})["id"])
    assert {each.outcome for each in v4.bulk_tag([{"tag_id": red, "subscriber_id": who} for who in people])} == {"done"}
    assert set(world.rosters["tag", red].members) == set(people)
    v4.bulk_untag([{"tag_id": red, "subscriber_id": people[0]}])
    assert set(world.rosters["tag", red].members) == set(people[1:])
    v4.bulk_delete_tags([red])
    assert red not in world.parents["tag"]
    form = first(world, "form")
    v4.bulk_add_to_forms([{"form_id": form, "subscriber_id": who, "referrer": None} for who in people])
    assert set(people) <= set(world.rosters["form", form].members)
    (field,) = v4.bulk_create_custom_fields(["Shoe size"])
    assert field.row is not None
    v4.bulk_set_field_values(
        [{"subscriber_id": people[0], "subscriber_custom_field_id": field.row["id"], "value": "42"}]
    )
    assert world.subscribers[people[0]].values[field.row["id"]] == "42"
    made = v4.bulk_create_subscribers([{"email_address": f"{n}@example.com", "first_name": "N"} for n in range(3)])
    assert [world.subscribers[(each.row or {})["id"]].email_address for each in made] == [
        f"{n}@example.com" for n in range(3)
    ]
    assert len(sandbox.journal.writes()) == 8


def test_more_than_100_items_are_sent_in_parts(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    items = pairs(world, 230)
    found = v4.bulk_tag(items)
    assert [each.item for each in found] == items
    assert {each.outcome for each in found} == {"done"}
    assert [entry.status for entry in sandbox.journal.writes()] == [200] * -(-len(items) // 100)


def test_lost_answers_and_an_expired_token_change_each_item_once(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    items = pairs(world, 230)
    before = set(world.rosters["tag", items[0]["tag_id"]].members)
    sandbox.faults.add(effects.lost_response(), path="/v4/bulk/tags/subscribers", nth=1)
    sandbox.faults.add(effects.edit_before(sandbox.oauth.expire), path="/v4/bulk/tags/subscribers", nth=3)
    assert {each.outcome for each in v4.bulk_tag(items)} == {"done"}
    assert set(world.rosters["tag", items[0]["tag_id"]].members) == before | {each["subscriber_id"] for each in items}
    assert sandbox.oauth.refreshed == 1
    done = [entry.status for entry in sandbox.journal.writes() if entry.status != 401]
    assert done == [None] + [200] * -(-len(items) // 100)


@pytest.mark.parametrize("order", ["mixed", "sent", "reversed"])
@pytest.mark.parametrize("ids", ["sent", "null"])
def test_failure_is_that_of_its_item_alone(order: Any, ids: Any, v4: V4Client, world: World) -> None:
    """Whatever order the rows have, and whether ids that do not exist are shown."""
    world.behaviour = replace(world.behaviour, v4_bulk_order=order, v4_failed_ids=ids)
    *good, last = pairs(world, 6)
    bad: list[Any] = [{**good[0], "subscriber_id": 1}, {**last, "tag_id": 2}]
    found = v4.bulk_tag([good[0], bad[0], *good[1:], bad[1]])
    assert [each.outcome for each in found] == ["done", "failed", "done", "done", "done", "done", "failed"]
    assert (found[1].message, found[-1].message) == ("Subscriber does not exist", "Tag does not exist")


def test_items_that_fail_by_themselves_are_named(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(effects.failed_items([1], "Broken"), path="/v4/bulk/tags/subscribers")
    found = v4.bulk_tag(pairs(world, 3))
    assert [(each.outcome, each.message) for each in found] == [("done", ""), ("failed", "Broken"), ("done", "")]


def test_failures_that_could_be_of_several_items_leave_these_unknown() -> None:
    """Two people of one tag, of whom one does not exist, and removals show no rows."""
    items: list[Any] = [{"tag_id": 7, "subscriber_id": who} for who in (1, 2)] + [{"tag_id": 8, "subscriber_id": 3}]
    call = BULK_CALLS.bulk_untag(items)
    failure = {"errors": ["Subscriber does not exist"], "tagging": {"tag_id": 7, "subscriber_id": None}}
    assert [each.outcome for each in outcomes(call, reply({"failures": [failure]}))] == ["unknown", "unknown", "done"]
    both = outcomes(call, reply({"failures": [failure, failure]}))
    assert [each.outcome for each in both] == ["failed", "failed", "done"]


def test_rows_that_are_missing_leave_items_unknown() -> None:
    call = BULK_CALLS.bulk_create_tags(["a", "b"])
    found = outcomes(call, reply({"tags": [{"id": 1, "name": "A"}], "failures": []}))
    assert [(each.outcome, each.row and each.row["id"]) for each in found] == [("done", 1), ("unknown", None)]


def test_call_that_is_accepted_for_later_has_no_outcome() -> None:
    call = BULK_CALLS.bulk_create_tags(["a"])
    (one,) = outcomes(call, replace(reply({}), status=202))
    assert one.outcome == "unknown"


def test_removal_that_an_earlier_try_may_have_done_is_no_failure(v4: V4Client, sandbox: Sandbox, world: World) -> None:
    tag = first(world, "tag")
    sandbox.faults.add(effects.lost_response(), method="DELETE")
    (one,) = v4.bulk_delete_tags([tag])
    assert one.outcome == "unknown"
    assert "an earlier try" in one.message
    assert tag not in world.parents["tag"]


def test_empty_item_refuses_the_whole_call(v4: V4Client, world: World) -> None:
    found = v4.bulk_create_subscribers([{"email_address": "a@example.com"}, {}])  # type: ignore[typeddict-item]
    assert [each.outcome for each in found] == ["refused", "refused"]
    assert "a@example.com" not in world.by_email


@pytest.mark.parametrize("count", [0, 101])
def test_bulk_call_takes_1_to_100_items(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 100 items, not {count}"):
        bulk_call(TAG, [{"tag_id": 1, "subscriber_id": who} for who in range(count)])


def test_bulk_call_takes_no_item_twice(v4: V4Client, sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="tags contain an item twice: red"):
        v4.bulk_create_tags(["red", "RED "])
    assert len(sandbox.journal) == 0


def test_no_items_are_no_call(v4: V4Client, sandbox: Sandbox) -> None:
    assert v4.bulk_tag([]) == []
    assert len(sandbox.journal) == 0


def reply(body: Any) -> Reply:
    at = datetime.now(UTC)
    return Reply(200, json.dumps(body).encode(), at, at, ())


# -- answers from elsewhere


def answering(body: object, status: int = 200) -> effects.Effect:
    def effect(request: Request, handle: Handler) -> Answer:
        handle(request)
        return Answer(status, json.dumps(body).encode())

    return effect


STRANGE_ROWS: dict[str, Any] = {
    "no failures": {"subscribers": []},
    "no rows": {"failures": []},
    "text for failures": {"subscribers": [], "failures": "none"},
    "another person": {"subscribers": [{"id": 1}], "failures": []},
    "more than was sent": {"subscribers": [{"id": -1}] * 5, "failures": []},
    "failure of another": {
        "subscribers": [],
        "failures": [{"errors": [], "tagging": {"tag_id": 1, "subscriber_id": 1}}],
    },
    "failure without its item": {"subscribers": [], "failures": [{"errors": ["x"]}]},
}


@pytest.mark.parametrize("name", STRANGE_ROWS)
def test_bulk_answer_of_another_shape_counts_for_nothing(
    name: str, v4: V4Client, sandbox: Sandbox, world: World
) -> None:
    sandbox.faults.add(answering(STRANGE_ROWS[name]), path="/v4/bulk/tags/subscribers")
    found = v4.bulk_tag(pairs(world, 2))
    assert [each.outcome for each in found] == ["done", "done"]
    assert len(sandbox.journal.writes()) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"broadcast": {"id": 1}},
        {"broadcast": {"id": "1", "subject": "x", "content": ""}},
        {"id": 1, "subject": "x", "content": ""},
    ],
)
def test_answer_of_another_shape_leaves_a_creation_unknown(body: Any, v4: V4Client, sandbox: Sandbox) -> None:
    sandbox.faults.add(answering(body, 201), path="/v4/broadcasts", method="POST")
    with pytest.raises(OutcomeUnknown, match="not a response of the API"):
        v4.create_broadcast(subject="x")


# -- the throttle, and the record of requests


def test_writes_of_all_threads_stay_below_the_limit(config: Config, world: World) -> None:
    """The server allows a token five times as many requests as a key."""
    with serve(world, rate_limit=4, rate_period_seconds=0.5) as limited:
        made = having(with_oauth(config, limited), rate_limit=20, rate_period_seconds=0.5)
        with cksync.connect(made, environ={}) as client, ThreadPoolExecutor(8) as pool:
            tags = list(pool.map(lambda number: client.v4.create_tag(f"tag {number}"), range(50)))
        assert len({each["tag"]["id"] for each in tags}) == 50
        assert {entry.status for entry in limited.journal.writes()} == {201}
        assert limited.violations() == 0


def test_writes_are_noted_with_their_stream(config: Config, sandbox: Sandbox) -> None:
    with connected(with_oauth(config, sandbox)) as api:
        found = api.write(CALLS.create_tag("noted"))
    (attempt,) = found.attempts
    assert (attempt.endpoint, attempt.status, attempt.stream) == ("POST tags", 201, "tags")
