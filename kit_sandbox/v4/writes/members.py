"""Add people to tags, forms and sequences, by id or by address, and remove tags from them."""

from typing import Any

from ... import edits
from ...details.sequences import settings
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...records import Kind, Parent, Subscriber
from ...routes import KIND_OF
from ...world import World
from ...writes.params import text, with_email
from .. import shapes
from ..members import parent_of
from ..people import person_of
from ..refusals import Refusal, invalid, not_found
from ..view import View

SOURCE = "API::V4::SubscribersController (external)"
_PURPOSES: dict[Kind, str] = {
    "tag": "tag subscriber",
    "form": "add subscriber to form",
    "sequence": "add subscriber to sequence",
}


def add(view: View, request: Request, plural: str, parent_id: str, subscriber_id: str | None = None) -> Answer:
    """Add an existing person to a list: 201, or 200 if they are in it. No one becomes active again by it."""
    world, kind = view.current, KIND_OF[plural]
    parent = parent_of(world, kind, parent_id)
    person = _person(world, request, _PURPOSES[kind], subscriber_id)
    if kind == "sequence" and not settings(world, parent)["active"]:
        raise invalid("Sequence is inactive")
    is_new = join(world, parent, person, request.given.get("referrer"))
    row = world.rosters[kind, parent.id].members[person.id]
    return as_json({"subscriber": shapes.member(world, person, row)}, 201 if is_new else 200)


def join(world: World, parent: Parent, person: Subscriber, referrer: Any = None) -> bool:
    """Return True if the person was not in the list; a form waits for the confirmation of inactive people."""
    if person.id in world.rosters[parent.kind, parent.id].members:
        return False
    is_waiting = parent.kind in world.behaviour.confirm_on and person.state == "inactive"
    state = "inactive" if is_waiting else "active"
    if parent.kind == "form":
        edits.join_form(world, person.id, parent.id, None, state, SOURCE, text(referrer) or None)
    else:
        edits.join(world, parent.kind, person.id, parent.id, state, SOURCE)
    return True


def remove(view: View, request: Request, tag_id: str, subscriber_id: str | None = None) -> Answer:
    """Remove a tag from a person."""
    world, tag = view.current, parent_of(view.current, "tag", tag_id)
    person = _person(world, request, "remove tag from subscriber", subscriber_id)
    if not leave(world, tag, person) and world.behaviour.v4_untag_absent == 404:
        raise not_found()
    return NO_CONTENT


def leave(world: World, tag: Parent, person: Subscriber) -> bool:
    """Return False if the person does not have the tag."""
    if person.id not in world.rosters["tag", tag.id].members:
        return False
    edits.untag(world, person.id, tag.id)
    return True


def _person(world: World, request: Request, purpose: str, subscriber_id: str | None) -> Subscriber:
    """Return the person with an id, or else with the address in the body or the query; 404 for no one."""
    if subscriber_id is not None:
        return person_of(world, subscriber_id)
    address = text(request.given.get("email_address")).strip()
    if not address:
        raise Refusal(422, f"Either subscriber id or email address is required to {purpose}")
    person = with_email(world, address)
    if person is None:
        raise not_found()
    return person
