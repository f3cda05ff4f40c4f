"""Edits of custom fields."""

from ..records import CustomField
from ..world import World
from .registry import edit


@edit
def add_custom_field(world: World, /, label: str, key: str | None = None) -> int:
    """Add a field; the key is made from the label unless given (old accounts have odd ones)."""
    key = _free_key(world, key or key_of(label))
    field_id = world.next_id("custom_field")
    world.custom_fields[field_id] = CustomField(field_id, f"ck_field_{field_id}_{key}", key, label.strip())
    world.versions["fields"] += 1
    return field_id


@edit
def rename_custom_field(world: World, /, field_id: int, label: str, key: str | None = None) -> None:
    """Change the label, and with it the key in all `fields` at once; the name stays."""
    old = world.custom_fields[field_id]
    key = _free_key(world, key or key_of(label), field_id)
    world.custom_fields[field_id] = old._replace(label=label.strip(), key=key)
    world.versions["fields"] += 1


@edit
def delete_custom_field(world: World, /, field_id: int) -> None:
    """Delete a field with all its values."""
    del world.custom_fields[field_id]
    world.versions["fields"] += 1


def _free_key(world: World, key: str, field_id: int | None = None) -> str:
    if any(key == other.key for other in world.custom_fields.values() if other.id != field_id):
        raise ValueError(f"Key has already been taken: {key}")
    return key


def key_of(label: str) -> str:
    """Return the key that the API makes of a label: ASCII, lower case, underscores."""
    ascii_only = label.strip().lower().encode("ascii", "ignore").decode()
    return "_".join("".join(c if c.isalnum() else " " for c in ascii_only).split())
