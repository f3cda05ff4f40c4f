"""Create tags, and remove them from people."""

from typing import Any

from .. import edits, serializers
from ..messages import NOT_FOUND, Answer, Request, as_json, created, error
from ..routes import UNKNOWN_PARENT, id_of
from ..world import World
from .params import MISSING_EMAIL, mapping, rows, text, with_email

_MISSING = error(400, "Missing parameter", "tag is required")
_BLANK = error(422, "Error creating tag", "Name can't be blank")
_TAKEN = error(422, "Error creating tag", "Name has already been taken")


def create(world: World, request: Request) -> Answer:
    """Create one tag for an object, an array for a list; all of them or none."""
    asked = request.given.get("tag")
    names = [text(mapping(each).get("name")) for each in rows(asked)]
    refused = _refusal(world, names)
    if refused is not None:
        return refused
    made = [_shown(world, edits.add_tag(world, name)) for name in names]
    return created(made if isinstance(asked, list) else made[0])


def _refusal(world: World, names: list[str]) -> Answer | None:
    if not names:
        return _MISSING
    if not all(name.strip() for name in names):
        return _BLANK
    existing = [tag.name for tag in world.parents["tag"].values()]
    return _TAKEN if len({*existing, *names}) < len(set(existing)) + len(names) else None


def remove(world: World, request: Request, subscriber_id: str, tag_id: str) -> Answer:
    """Remove a tag from a person, who need not have it."""
    if id_of(subscriber_id) not in world.subscribers:
        return NOT_FOUND
    return _removed(world, id_of(subscriber_id), id_of(tag_id))


def remove_by_email(world: World, request: Request, tag_id: str) -> Answer:
    """Remove a tag by address; an unknown or invalid address is no error."""
    if not text(request.given.get("email")):
        return MISSING_EMAIL
    person = with_email(world, request.given["email"])
    return _removed(world, -1 if person is None else person.id, id_of(tag_id))


def _removed(world: World, subscriber_id: int, tag_id: int) -> Answer:
    if tag_id not in world.parents["tag"]:
        return UNKNOWN_PARENT["tag"]
    if subscriber_id in world.rosters["tag", tag_id].members:
        edits.untag(world, subscriber_id, tag_id)
    return as_json(_shown(world, tag_id))


def _shown(world: World, tag_id: int) -> dict[str, Any]:
    return serializers.parent(world.parents["tag"][tag_id])
