"""Create, rename and delete custom fields."""

from typing import Any

from .. import edits, serializers
from ..edits.custom_fields import key_of
from ..messages import NO_CONTENT, NOT_FOUND, Answer, Request, created, error
from ..routes import id_of
from ..world import World
from .params import FIELDS_LIMIT, TOO_MANY_FIELDS, rows, text

_BLANK = error(422, "Error saving custom field", "Label can't be blank")
_TAKEN = error(422, "Error saving custom field", "Label has already been taken")


def create(world: World, request: Request) -> Answer:
    """Create one field for a text, an array for a list; all of them or none."""
    asked = request.given.get("label")
    labels = [text(each).strip() for each in rows(asked)]
    if len(world.custom_fields) + len(labels) > FIELDS_LIMIT:
        return TOO_MANY_FIELDS
    refused = _refusal(world, labels)
    if refused is not None:
        return refused
    made = [_shown(world, edits.add_custom_field(world, label)) for label in labels]
    is_array = isinstance(asked, list) and (len(made) > 1 or world.behaviour.one_label_list == "array")
    return created(made if is_array else made[0], Location=f"/v3/custom_fields/{made[0]['id']}")


def rename(world: World, request: Request, field_id: str) -> Answer:
    """Change the label and key; the name stays."""
    if id_of(field_id) not in world.custom_fields:
        return NOT_FOUND
    label = text(request.given.get("label")).strip()
    refused = _refusal(world, [label], except_id=id_of(field_id))
    if refused is not None:
        return refused
    edits.rename_custom_field(world, id_of(field_id), label)
    return NO_CONTENT


def delete(world: World, request: Request, field_id: str) -> Answer:
    """Delete a field with all its values."""
    if id_of(field_id) not in world.custom_fields:
        return NOT_FOUND
    edits.delete_custom_field(world, id_of(field_id))
    return NO_CONTENT


def _refusal(world: World, labels: list[str], except_id: int | None = None) -> Answer | None:
    """Refuse labels, and keys made from them, that are missing or taken."""
    keys = [key_of(label) for label in labels]
    if not labels or not all(keys):
        return _BLANK
    others = [each for each in world.custom_fields.values() if each.id != except_id]
    is_taken = bool({each.key for each in others} & set(keys) or {each.label for each in others} & set(labels))
    return _TAKEN if is_taken or len(set(keys)) < len(keys) else None


def _shown(world: World, field_id: int) -> dict[str, Any]:
    return serializers.custom_field(world.custom_fields[field_id])
