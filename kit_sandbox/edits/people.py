"""Edits of people: their states, their names and the values of their custom fields."""

from collections.abc import Mapping
from datetime import datetime

from ..records import Json, State, Subscriber
from ..world import World
from .registry import edit


@edit
def add_subscriber(
    world: World,
    /,
    email_address: str,
    first_name: str | None = None,
    state: State = "active",
    fields: Mapping[str, Json] | None = None,
    created_at: datetime | None = None,
) -> int:
    """Add a person; `created_at` in the past simulates a late confirmation, which appears in the middle of the list."""
    if email_address.lower() in world.by_email:
        raise ValueError(f"Email address has already been taken: {email_address}")
    values = {world.field_named(key).id: value for key, value in (fields or {}).items()}
    subscriber_id, created_ms = world.next_id("subscriber", 7), world.ms(created_at)
    cancelled_ms = world.ms() if state == "cancelled" else None
    made = Subscriber(subscriber_id, email_address, first_name, state, created_ms, created_ms, cancelled_ms, values)
    world.by_email[email_address.lower()] = subscriber_id
    world.put_subscriber(made)
    world.versions["states"] += 1
    return subscriber_id


@edit
def set_state(world: World, /, subscriber_id: int, state: State) -> None:
    """Move a person to another state; the hidden cancelled_at exists only while cancelled."""
    cancelled_ms = world.ms() if state == "cancelled" else None
    person = world.subscribers[subscriber_id]
    if person.state == "cancelled" and state != "cancelled" and not world.behaviour.cancelled_return:
        _end_hidden(world, subscriber_id)
    world.put_subscriber(person._replace(state=state, cancelled_ms=cancelled_ms))
    world.versions["states"] += 1


def _end_hidden(world: World, subscriber_id: int) -> None:
    """End for good the memberships that lists hid while the person was cancelled."""
    for (kind, parent_id), roster in world.rosters.items():
        if subscriber_id in roster.members and world.behaviour.hides(kind, parent_id, subscriber_id):
            roster.former[subscriber_id] = roster.members.pop(subscriber_id)
            roster.version += 1


@edit
def cancel(world: World, /, subscriber_id: int) -> None:
    set_state(world, subscriber_id, "cancelled")


@edit
def reactivate(world: World, /, subscriber_id: int) -> None:
    set_state(world, subscriber_id, "active")


@edit
def deactivate(world: World, /, subscriber_id: int) -> None:
    set_state(world, subscriber_id, "inactive")


@edit
def bounce(world: World, /, subscriber_id: int) -> None:
    set_state(world, subscriber_id, "bounced")


@edit
def complain(world: World, /, subscriber_id: int) -> None:
    set_state(world, subscriber_id, "complained")


@edit
def delete_subscriber(world: World, /, subscriber_id: int) -> None:
    """Delete a person with all memberships; purchases stay. Only the web app can do this."""
    person = world.subscribers.pop(subscriber_id)
    del world.by_email[person.email_address.lower()]
    for roster in world.rosters.values():
        roster.former.pop(subscriber_id, None)
        if roster.members.pop(subscriber_id, None):
            roster.version += 1
    world.versions.update(("people", "states"))


@edit
def set_email(world: World, /, subscriber_id: int, email_address: str) -> None:
    """Change the address; the id stays."""
    person = world.subscribers[subscriber_id]
    if world.by_email.get(email_address.lower(), subscriber_id) != subscriber_id:
        raise ValueError(f"Email address has already been taken: {email_address}")
    del world.by_email[person.email_address.lower()]
    world.by_email[email_address.lower()] = subscriber_id
    world.put_subscriber(person._replace(email_address=email_address))


@edit
def set_first_name(world: World, /, subscriber_id: int, first_name: str | None) -> None:
    world.put_subscriber(world.subscribers[subscriber_id]._replace(first_name=first_name))


@edit
def set_field(world: World, /, subscriber_id: int, key: str, value: Json) -> None:
    """Set the value of the custom field with this key; None unsets it."""
    person = world.subscribers[subscriber_id]
    values = {**person.values, world.field_named(key).id: value}
    world.put_subscriber(person._replace(values=values))


@edit
def set_fields(world: World, /, subscriber_id: int, fields: Mapping[str, Json]) -> None:
    """Set several values by key at once; the others stay, and equal values are no change."""
    person = world.subscribers[subscriber_id]
    values = {**person.values, **{world.field_named(key).id: value for key, value in fields.items()}}
    if values != person.values:
        world.put_subscriber(person._replace(values=values))
