"""Subscribe, change and unsubscribe people."""

from collections.abc import Mapping
from typing import Any

from .. import edits, serializers
from ..auth import has_secret
from ..messages import NOT_FOUND, Answer, Request, as_json
from ..records import Kind, Subscriber
from ..routes import KIND_OF, UNKNOWN_PARENT, id_of
from ..world import World
from .params import (
    FIELDS_LIMIT,
    INVALID_EMAIL,
    MISSING_EMAIL,
    TAKEN_EMAIL,
    TOO_MANY_FIELDS,
    cleared,
    ids,
    is_email,
    known_fields,
    mapping,
    text,
    with_email,
)

SOURCE = "API::V3::SubscriptionsController (external)"
FIELDS_AT_ONCE = 10


def subscribe(world: World, request: Request, plural: str, parent_id: str) -> Answer:
    """Add an address to a form, a sequence or a tag, and create the person if needed."""
    kind, given = KIND_OF[plural], request.given
    email = text(given.get("email")).strip()
    if id_of(parent_id) not in world.parents[kind]:
        return UNKNOWN_PARENT[kind]
    if not email:
        return MISSING_EMAIL
    if not is_email(email):
        return INVALID_EMAIL
    person_id = _person_for(world, kind, email, given)
    _join(world, kind, person_id, id_of(parent_id))
    _join_others(world, person_id, given)
    return _subscription(world, request, kind, person_id, id_of(parent_id))


def _person_for(world: World, kind: Kind, email: str, given: Mapping[str, Any]) -> int:
    """Find or create the person, with the given first name and fields."""
    name = text(given.get("first_name")) or text(given.get("name")) or None
    person = with_email(world, email)
    if person is None:
        is_confirmed = kind not in world.behaviour.confirm_on
        person_id = edits.add_subscriber(world, email, name, "active" if is_confirmed else "inactive")
    else:
        person_id = person.id
        if name is not None and name != person.first_name:
            edits.set_first_name(world, person_id, name)
        if person.state == "cancelled" and world.behaviour.resubscribe_revives:
            edits.reactivate(world, person_id)
    edits.set_fields(world, person_id, known_fields(world, given.get("fields")))
    return person_id


def _join(world: World, kind: Kind, person_id: int, parent_id: int) -> None:
    """Add a membership, inactive until the person confirms."""
    is_waiting = kind in world.behaviour.confirm_on and world.subscribers[person_id].state == "inactive"
    edits.join(world, kind, person_id, parent_id, "inactive" if is_waiting else "active", SOURCE)


def _join_others(world: World, person_id: int, given: Mapping[str, Any]) -> None:
    """Join the lists named in the body; unknown ones are skipped."""
    for plural in ("tags", "forms", "courses"):
        kind = KIND_OF[plural]
        for parent_id in ids(given.get(plural)):
            if parent_id in world.parents[kind]:
                _join(world, kind, person_id, parent_id)


def _subscription(world: World, request: Request, kind: Kind, person_id: int, parent_id: int) -> Answer:
    """Return the membership; with the key alone, only the id of the person."""
    shown = _shown(world, world.subscribers[person_id]) if has_secret(world, request) else {"id": person_id}
    row = world.rosters[kind, parent_id].members[person_id]
    return as_json({"subscription": serializers.subscription(row, shown)})


def update(world: World, request: Request, subscriber_id: str) -> Answer:
    """Change address, first name and fields; more than ten fields are accepted now and set later."""
    person, given = world.subscribers.get(id_of(subscriber_id)), request.given
    if person is None:
        return NOT_FOUND
    asked = mapping(given.get("fields"))
    if len(asked) > FIELDS_LIMIT:
        return TOO_MANY_FIELDS
    refused = _change_address(world, person, given.get("email_address"))
    if refused is not None:
        return refused
    if "first_name" in given and text(given["first_name"]) != (person.first_name or ""):
        edits.set_first_name(world, person.id, cleared(world, given["first_name"]))
    if len(asked) > FIELDS_AT_ONCE:
        return _accepted(world, person.id, asked)
    edits.set_fields(world, person.id, known_fields(world, asked))
    return as_json({"subscriber": _shown(world, world.subscribers[person.id])})


def _change_address(world: World, person: Subscriber, asked: Any) -> Answer | None:
    """Return the refusal, or None once the address is as requested."""
    if asked is None or asked == person.email_address:
        return None
    email = text(asked).strip()
    if not is_email(email):
        return INVALID_EMAIL
    if world.by_email.get(email.lower(), person.id) != person.id:
        return TAKEN_EMAIL
    edits.set_email(world, person.id, email)
    return None


def _accepted(world: World, person_id: int, asked: Mapping[str, Any]) -> Answer:
    """Return 202 with the intended record, whether or not it is ever applied."""
    record = serializers.subscriber(world.subscribers[person_id], world.custom_fields.values())
    record["fields"] |= known_fields(world, asked)
    world.later(world.behaviour.async_seconds, lambda: set_if_there(world, person_id, asked))
    return as_json({"subscriber": record}, 202)


def set_if_there(world: World, person_id: int, asked: Mapping[str, Any]) -> None:
    """Set the values if the person and the fields still exist."""
    if person_id in world.subscribers:
        edits.set_fields(world, person_id, known_fields(world, asked))


def unsubscribe(world: World, request: Request) -> Answer:
    """Cancel a person; a second time changes nothing."""
    if not text(request.given.get("email")):
        return MISSING_EMAIL
    person = with_email(world, request.given["email"])
    if person is None:
        return NOT_FOUND
    if person.state != "cancelled":
        edits.cancel(world, person.id)
    return as_json({"subscriber": _shown(world, world.subscribers[person.id])})


def _shown(world: World, person: Subscriber) -> dict[str, Any]:
    return serializers.subscriber(person, world.custom_fields.values())
