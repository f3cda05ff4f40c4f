"""Create, change and unsubscribe people, and pin where they live."""

from collections.abc import Mapping
from typing import Any, get_args

from ... import edits
from ...details import people as details
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...records import State, Subscriber
from ...world import World
from ...writes.params import FIELDS_LIMIT, cleared, is_email, known_fields, mapping, text, with_email
from ...writes.people import FIELDS_AT_ONCE, set_if_there
from .. import shapes
from ..people import person_of
from ..refusals import invalid
from ..view import View

INVALID_EMAIL = "Email address is invalid"
_PLACE = {  # the names of a pinned place, and those under which a person's location is read
    "city": "city",
    "state_province": "state",
    "country_code": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "timezone": "timezone",
}


def create(view: View, request: Request) -> Answer:
    """Create a person (201), or overwrite the first name and the given fields of an existing one (200)."""
    fields = _fields(request.given)
    person_id, is_new = upsert(view.current, request.given)
    return _with_fields(view.current, person_id, fields, 201 if is_new else 200)


def upsert(world: World, given: Mapping[str, Any]) -> tuple[int, bool]:
    """Return the id of the person with an address, and whether they are new; an existing one keeps their state."""
    email, state = text(given.get("email_address")).strip(), state_of(given)
    if not is_email(email):
        raise invalid(INVALID_EMAIL)
    person = with_email(world, email)
    if person is None:
        return edits.add_subscriber(world, email, text(given.get("first_name")) or None, state), True
    _set_first_name(world, person, given)
    return person.id, False


def state_of(given: Mapping[str, Any]) -> State:
    """Return the state that a new person shall have; 422 for one that does not exist."""
    for state in get_args(State):
        if state == (given.get("state") or "active"):
            found: State = state
            return found
    raise invalid("State is not included in the list")


def update(view: View, request: Request, subscriber_id: str) -> Answer:
    """Change address, first name and fields; what is not given stays."""
    world, given = view.current, request.given
    person, fields = person_of(world, subscriber_id), _fields(given)
    _set_email(world, person, given.get("email_address"))
    _set_first_name(world, world.subscribers[person.id], given)
    return _with_fields(world, person.id, fields, 200)


def unsubscribe(view: View, request: Request, subscriber_id: str) -> Answer:
    """Cancel a person; a second time changes nothing, and no call reverses it."""
    person = person_of(view.current, subscriber_id)
    if person.state != "cancelled":
        edits.cancel(view.current, person.id)
    return NO_CONTENT


def _fields(given: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = mapping(given.get("fields"))
    if len(fields) > FIELDS_LIMIT:
        raise invalid(f"A maximum of {FIELDS_LIMIT} custom fields are allowed")
    return fields


def _set_email(world: World, person: Subscriber, given: Any) -> None:
    if given is None or given == person.email_address:
        return
    email = text(given).strip()
    if not is_email(email):
        raise invalid(INVALID_EMAIL)
    if world.by_email.get(email.lower(), person.id) != person.id:
        raise invalid("Email address has already been taken")
    edits.set_email(world, person.id, email)


def _set_first_name(world: World, person: Subscriber, given: Mapping[str, Any]) -> None:
    if "first_name" in given and text(given["first_name"]) != (person.first_name or ""):
        edits.set_first_name(world, person.id, cleared(world, given["first_name"]))


def _with_fields(world: World, person_id: int, fields: Mapping[str, Any], status: int) -> Answer:
    """Set values and return the person; more than ten are accepted (202), and set after the answer is made."""
    is_late = len(fields) > FIELDS_AT_ONCE
    if not is_late:
        edits.set_fields(world, person_id, known_fields(world, fields))
    body: dict[str, Any] = {"subscriber": shapes.subscriber(world, world.subscribers[person_id])}
    unknown = sorted(fields.keys() - {each.key for each in world.custom_fields.values()})
    if unknown:
        body["warnings"] = [f"Custom field does not exist: {key}" for key in unknown]
    if is_late:
        world.later(world.behaviour.async_seconds, lambda: set_if_there(world, person_id, fields))
    return as_json(body, 202 if is_late else status)


# -- locations


def pin(view: View, request: Request, subscriber_id: str) -> Answer:
    """Pin where a person lives; what is not given is unknown."""
    return _pinned(view.current, person_of(view.current, subscriber_id), mapping(request.given.get("location")))


def repin(view: View, request: Request, subscriber_id: str) -> Answer:
    """Replace a pinned place, all six parts of it."""
    person, given = person_of(view.current, subscriber_id), mapping(request.given.get("location"))
    missing = [name for name in _PLACE if name not in given]
    if missing:
        raise invalid(*(f"{name} is missing" for name in missing))
    return _pinned(view.current, person, given)


def unpin(view: View, request: Request, subscriber_id: str) -> Answer:
    edits.set_location(view.current, person_of(view.current, subscriber_id).id, None)
    return NO_CONTENT


def _pinned(world: World, person: Subscriber, given: Mapping[str, Any]) -> Answer:
    edits.set_location(world, person.id, {ours: given.get(name) for name, ours in _PLACE.items()})
    known = details.location(world, person.id) or {}
    return as_json({"location": {name: known.get(ours) for name, ours in _PLACE.items()}})
