"""Create, rename and delete custom fields."""

from typing import Any

from ... import edits
from ...edits.custom_fields import key_of
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...records import CustomField
from ...routes import id_of
from ...world import World
from ...writes.params import FIELDS_LIMIT, text
from .. import shapes
from ..refusals import invalid, not_found
from ..view import View

BLANK, TAKEN = "Label can't be blank", "Label has already been taken"


def create(view: View, request: Request) -> Answer:
    """Create a field (201), or return the one that has this label (200)."""
    field_id, is_new = upsert(view.current, request.given.get("label"))
    return as_json(_shown(view.current, field_id), 201 if is_new else 200)


def upsert(world: World, given: Any) -> tuple[int, bool]:
    """Return the id of the field with a label, and whether it is new; 422 if its key belongs to another label."""
    label = _label(given)
    same = [each for each in world.custom_fields.values() if each.label == label]
    if same:
        return same[0].id, False
    _check_key(world, label, None)
    if len(world.custom_fields) >= FIELDS_LIMIT:
        raise invalid(f"A maximum of {FIELDS_LIMIT} custom fields are allowed")
    return edits.add_custom_field(world, label), True


def rename(view: View, request: Request, field_id: str) -> Answer:
    """Change the label, and with it the key; the name stays."""
    world, row, label = view.current, _found(view.current, field_id), _label(request.given.get("label"))
    if any(each.label == label and each.id != row.id for each in world.custom_fields.values()):
        raise invalid(TAKEN)
    _check_key(world, label, row.id)
    edits.rename_custom_field(world, row.id, label)
    return as_json(_shown(world, row.id))


def delete(view: View, request: Request, field_id: str) -> Answer:
    """Delete a field with all its values."""
    edits.delete_custom_field(view.current, _found(view.current, field_id).id)
    return NO_CONTENT


def _found(world: World, field_id: str) -> CustomField:
    row = world.custom_fields.get(id_of(field_id))
    if row is None:
        raise not_found()
    return row


def _label(given: Any) -> str:
    label = text(given).strip()
    if not key_of(label):
        raise invalid(BLANK)
    return label


def _check_key(world: World, label: str, except_id: int | None) -> None:
    if any(each.key == key_of(label) and each.id != except_id for each in world.custom_fields.values()):
        raise invalid(TAKEN)


def _shown(world: World, field_id: int) -> dict[str, Any]:
    return {"custom_field": shapes.custom_field(world.custom_fields[field_id])}
