"""The account without a mirror: every write of the API by name, over real HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import cksync
from cksync import Config, Kit
from cksync.errors import OutcomeUnknown, TurnedDown
from kit_sandbox import Sandbox, World, effects


@pytest.fixture
def kit(config: Config) -> Iterator[Kit]:
    with cksync.connect(config, environ={}) as made:
        yield made


def somebody(world: World) -> Any:
    return next(person for person in world.subscribers.values() if person.state == "active")


def first(world: World, kind: Any) -> int:
    return min(world.parents[kind])


WRITES: dict[str, tuple[Callable[[Kit, World], Any], str, str]] = {
    "subscribe to a form": (
        lambda kit, world: kit.subscribe("form", first(world, "form"), "new@example.com", first_name="Neo"),
        "POST",
        "/forms/[0-9]+/subscribe",
    ),
    "subscribe to a sequence": (
        lambda kit, world: kit.subscribe("sequence", first(world, "sequence"), "new@example.com"),
        "POST",
        "/sequences/[0-9]+/subscribe",
    ),
    "subscribe to a tag": (
        lambda kit, world: kit.subscribe("tag", first(world, "tag"), "new@example.com", fields={"company": "Acme"}),
        "POST",
        "/tags/[0-9]+/subscribe",
    ),
    "untag": (
        lambda kit, world: kit.untag(somebody(world).id, first(world, "tag")),
        "DELETE",
        "/subscribers/[0-9]+/tags/[0-9]+",
    ),
    "untag an address": (
        lambda kit, world: kit.untag_address(first(world, "tag"), somebody(world).email_address),
        "POST",
        "/tags/[0-9]+/unsubscribe",
    ),
    "update a person": (
        lambda kit, world: kit.update_subscriber(somebody(world).id, first_name="Zed", fields={"company": "Acme"}),
        "PUT",
        "/subscribers/[0-9]+",
    ),
    "unsubscribe": (lambda kit, world: kit.unsubscribe(somebody(world).email_address), "PUT", "/unsubscribe"),
    "create a tag": (lambda kit, world: kit.create_tag("new tag"), "POST", "/tags"),
    "create a field": (lambda kit, world: kit.create_custom_field("New field"), "POST", "/custom_fields"),
    "rename a field": (
        lambda kit, world: kit.rename_custom_field(min(world.custom_fields), "Renamed"),
        "PUT",
        "/custom_fields/[0-9]+",
    ),
    "delete a field": (
        lambda kit, world: kit.delete_custom_field(min(world.custom_fields)),
        "DELETE",
        "/custom_fields/[0-9]+",
    ),
    "create a broadcast": (
        lambda kit, world: kit.create_broadcast(subject="Hi", content="<p>hi</p>"),
        "POST",
        "/broadcasts",
    ),
    "update a broadcast": (
        lambda kit, world: kit.update_broadcast(draft(world), subject="Hello"),
        "PUT",
        "/broadcasts/[0-9]+",
    ),
    "delete a broadcast": (lambda kit, world: kit.delete_broadcast(draft(world)), "DELETE", "/broadcasts/[0-9]+"),
    "create a purchase": (
        lambda kit, world: kit.create_purchase(
            {
                "transaction_id": "T-1",
                "email_address": "new@example.com",
                "currency": "USD",
                "products": [{"name": "Book", "pid": "1", "lid": "1", "unit_price": 5, "quantity": 1, "sku": "s"}],
            },
            integration_key="key-of-an-integration",
        ),
        "POST",
        "/purchases",
    ),
    "create a hook": (
        lambda kit, world: kit.create_hook("https://example.com/", {"name": "subscriber.subscriber_activate"}),
        "POST",
        "/automations/hooks",
    ),
}


def draft(world: World) -> int:
    return next(broadcast.id for broadcast in world.broadcasts.values() if broadcast.status == "draft")


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_write_is_made_once(write: tuple[Any, str, str], kit: Kit, sandbox: Sandbox, world: World) -> None:
    make, method, path = write
    make(kit, world)
    assert [entry.made for entry in sandbox.journal.writes()] == [entry.made for entry in sandbox.journal.writes(path)]
    assert sandbox.journal.count(path=path, method=method) == 1


def test_hook_can_be_listed_and_deleted(kit: Kit, world: World) -> None:
    kit.create_hook("https://example.com/", {"name": "subscriber.subscriber_activate"})
    (listed,) = kit.hooks()
    assert listed["rule"]["target_url"] == "https://example.com/"
    assert kit.delete_hook(listed["rule"]["id"]) == {"success": True}
    assert world.hooks == {}


def test_account_and_figures_can_be_read(kit: Kit, world: World) -> None:
    assert kit.account()["primary_email_address"] == "owner@example.com"
    assert kit.broadcast_stats(min(world.broadcasts))["broadcast"]["id"] == min(world.broadcasts)
    assert kit.broadcast_stats(1) is None


def test_refusal_has_the_words_of_the_api(kit: Kit) -> None:
    with pytest.raises(TurnedDown, match=r"Email address is invalid \(422\)"):
        kit.subscribe("tag", 4100001, "nobody")


def test_write_that_makes_something_is_not_repeated_when_nobody_knows(kit: Kit, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.lost_response(), method="POST")
    with pytest.raises(OutcomeUnknown, match="outcome unknown"):
        kit.create_broadcast(subject="Hi")
    assert len(sandbox.journal.writes()) == 1


def test_write_that_is_as_good_twice_is_repeated(kit: Kit, sandbox: Sandbox, world: World) -> None:
    sandbox.faults.add(effects.lost_response(), method="PUT")
    kit.update_subscriber(somebody(world).id, first_name="Zed")
    assert len(sandbox.journal.writes()) == 2


@pytest.mark.parametrize("repeatable", [True, False])
def test_write_that_was_not_executed_for_certain_is_repeated(
    repeatable: bool, kit: Kit, sandbox: Sandbox, world: World
) -> None:
    sandbox.faults.add(effects.retry_later(), where=lambda request: request.method != "GET")
    made = kit.untag_address(first(world, "tag"), "x@example.com") if repeatable else kit.create_tag("once")
    assert made is not None
    assert len(sandbox.journal.writes()) == 1
