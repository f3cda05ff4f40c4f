"""The expected content of a correct mirror of a world, as plain values to compare with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import serializers
from .lists import has_stats, is_listed, is_shown, shown_states
from .records import Kind, Subscription
from .world import World

Payload = Mapping[str, Any]
MembershipKey = tuple[str, int, int]


@dataclass(frozen=True)
class Expected:
    """Every record of the account in the API's shape, by key.

    `subscribers` holds all people in any state; `listed` the ids of those that some list of v3 shows: active or
    cancelled, or a member of something (the others are found only by id). `memberships` are all that exist, keyed
    (kind, parent id, subscription id) with kind one of form, sequence and tag; `subscriptions` are those that a list
    without subscriber_state shows under the world's behaviour. Both have `subscriber_id` instead of the nested
    subscriber.
    """

    account: Payload
    custom_fields: Mapping[int, Payload]
    forms: Mapping[int, Payload]
    sequences: Mapping[int, Payload]
    tags: Mapping[int, Payload]
    subscribers: Mapping[int, Payload]
    listed: frozenset[int]
    memberships: Mapping[MembershipKey, Payload]
    subscriptions: Mapping[MembershipKey, Payload]
    broadcasts: Mapping[int, Payload]
    broadcast_stats: Mapping[int, Payload]
    purchases: Mapping[int, Payload]


def expected_mirror(world: World) -> Expected:
    """Return the correct content at this moment, after the changes that are due."""
    with world.lock:
        world.settle()
        return _expected(world)


def _expected(world: World) -> Expected:
    fields = list(world.custom_fields.values())
    memberships = {_key(row): row for roster in world.rosters.values() for row in roster.members.values()}
    shown = {key: row for key, row in memberships.items() if _is_shown(world, row)}
    return Expected(
        account=serializers.account(world.account),
        custom_fields={row.id: serializers.custom_field(row) for row in fields},
        forms=_parents(world, "form"),
        sequences=_parents(world, "sequence"),
        tags=_parents(world, "tag"),
        subscribers={row.id: serializers.subscriber(row, fields) for row in world.subscribers.values()},
        listed=_listed(world, shown.values()),
        memberships={key: _membership(row) for key, row in memberships.items()},
        subscriptions={key: _membership(row) for key, row in shown.items()},
        broadcasts={row.id: serializers.broadcast(row) for row in world.broadcasts.values()},
        broadcast_stats={row.id: serializers.stats(row) for row in world.broadcasts.values() if has_stats(world, row)},
        purchases={row.id: serializers.purchase(row) for row in world.purchases.values()},
    )


def _parents(world: World, kind: Kind) -> dict[int, Payload]:
    return {row.id: serializers.parent(row) for row in world.parents[kind].values() if is_listed(world.behaviour, row)}


def _key(row: Subscription) -> MembershipKey:
    return (row.kind, row.parent_id, row.id)


def _is_shown(world: World, row: Subscription) -> bool:
    state, behaviour = world.subscribers[row.subscriber_id].state, world.behaviour
    parent = world.parents[row.kind][row.parent_id]
    return is_listed(behaviour, parent) and is_shown(behaviour, row, state, shown_states(behaviour, None))


def _listed(world: World, shown: Any) -> frozenset[int]:
    in_lists = {row.id for row in world.subscribers.values() if row.state in ("active", "cancelled")}
    return frozenset(in_lists | {row.subscriber_id for row in shown})


def _membership(row: Subscription) -> Payload:
    payload = serializers.subscription(row, {})
    del payload["subscriber"]
    return {**payload, "subscriber_id": row.subscriber_id}
