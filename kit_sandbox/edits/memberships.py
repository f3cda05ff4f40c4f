"""Edits of the members of a form, a sequence or a tag."""

from datetime import datetime

from ..records import Kind, Subscription
from ..world import World
from .registry import edit


def _join(
    world: World,
    kind: Kind,
    subscriber_id: int,
    parent_id: int,
    created_at: datetime | None,
    state: str = "active",
    source: str | None = None,
    referrer: str | None = None,
) -> int:
    """Create a membership and return its id; a second time is harmless."""
    roster = world.rosters[kind, parent_id]
    if subscriber_id in roster.members:
        return roster.members[subscriber_id].id
    person = world.subscribers[subscriber_id]
    made = roster.former.pop(subscriber_id, None) if world.behaviour.retag_keeps_id else None
    if made is None:
        subscription_id, created_ms = world.next_id("subscription", 3), world.ms(created_at)
        made = Subscription(subscription_id, kind, parent_id, person.id, state, created_ms, source, referrer)
    roster.members[subscriber_id] = made
    _touch(world, kind, parent_id, subscriber_id)
    return made.id


def _leave(world: World, kind: Kind, subscriber_id: int, parent_id: int) -> None:
    roster = world.rosters[kind, parent_id]
    roster.former[subscriber_id] = roster.members.pop(subscriber_id)
    _touch(world, kind, parent_id, subscriber_id)


def _touch(world: World, kind: Kind, parent_id: int, subscriber_id: int) -> None:
    """Mark the list as changed; the person only if the behaviour says so."""
    world.rosters[kind, parent_id].version += 1
    behaviour = world.behaviour
    if behaviour.tag_bumps_updated if kind == "tag" else behaviour.join_bumps_updated:
        world.put_subscriber(world.subscribers[subscriber_id])


@edit
def join(
    world: World,
    /,
    kind: Kind,
    subscriber_id: int,
    parent_id: int,
    state: str = "active",
    source: str | None = None,
) -> int:
    """Add a person to any kind of list now, as the API does."""
    return _join(world, kind, subscriber_id, parent_id, None, state, source)


@edit
def tag(world: World, /, subscriber_id: int, tag_id: int, created_at: datetime | None = None) -> int:
    return _join(world, "tag", subscriber_id, tag_id, created_at)


@edit
def untag(world: World, /, subscriber_id: int, tag_id: int) -> None:
    _leave(world, "tag", subscriber_id, tag_id)


@edit
def join_form(
    world: World,
    /,
    subscriber_id: int,
    form_id: int,
    created_at: datetime | None = None,
    state: str = "active",
    source: str | None = None,
    referrer: str | None = None,
) -> int:
    return _join(world, "form", subscriber_id, form_id, created_at, state, source, referrer)


@edit
def leave_form(world: World, /, subscriber_id: int, form_id: int) -> None:
    _leave(world, "form", subscriber_id, form_id)


@edit
def join_sequence(
    world: World,
    /,
    subscriber_id: int,
    sequence_id: int,
    created_at: datetime | None = None,
    state: str = "active",
) -> int:
    return _join(world, "sequence", subscriber_id, sequence_id, created_at, state)


@edit
def finish_sequence(world: World, /, subscriber_id: int, sequence_id: int) -> None:
    """End a sequence for a person, who leaves the list (or stays as inactive, see Behaviour)."""
    if world.behaviour.finished_leave_sequence:
        _leave(world, "sequence", subscriber_id, sequence_id)
    else:
        set_subscription_state(world, "sequence", subscriber_id, sequence_id, "inactive")


@edit
def set_subscription_state(world: World, /, kind: Kind, subscriber_id: int, parent_id: int, state: str) -> None:
    """Change the membership's own state, as a confirmation of that form does."""
    roster = world.rosters[kind, parent_id]
    roster.members[subscriber_id] = roster.members[subscriber_id]._replace(state=state)
    roster.version += 1
