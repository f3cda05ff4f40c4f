"""The items of each bulk call: how one is carried out, and how a failure shows it."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ... import edits
from ...records import Parent, Subscriber
from ...routes import id_of
from ...world import World
from ...writes.params import cleared, is_email, text
from .. import shapes
from ..refusals import Refusal, invalid
from . import custom_fields, members, people, tags
from .bulk import Bulk, Done, Item

_NAMES = {"form": "Form", "tag": "Tag"}


def _id(given: Any) -> int:
    """Return an id, also one sent as text; -1 is the id of no record."""
    return id_of(text(given))


def _shown_id(world: World, known: Container[int], given: Any) -> Any:
    """Return an id as a failure shows it."""
    is_hidden = world.behaviour.v4_failed_ids == "null" and _id(given) not in known
    return None if is_hidden else given


def _pair(world: World, kind: str, item: Item) -> tuple[Parent, Subscriber]:
    """Return the tag or form and the person of an item, or raise what does not exist."""
    parents: Mapping[int, Parent] = world.parents["tag" if kind == "tag" else "form"]
    parent, person = parents.get(_id(item.get(f"{kind}_id"))), world.subscribers.get(_id(item.get("subscriber_id")))
    if parent is None or person is None:
        lacks = [_NAMES[kind]] if parent is None else []
        lacks += ["Subscriber"] if person is None else []
        raise Refusal(422, *(f"{each} does not exist" for each in lacks))
    return parent, person


def _without_fields(world: World, parent: Parent, person: Subscriber) -> dict[str, Any]:
    """Return a member as bulk calls show it: neither state nor fields, nor the list that it is a member of."""
    row = shapes.member(world, person, world.rosters[parent.kind, parent.id].members[person.id], slim=True)
    return {key: value for key, value in row.items() if key != "state"}


# -- tags of people


def _tag(world: World, item: Item) -> Done:
    tag, person = _pair(world, "tag", item)
    is_new = members.join(world, tag, person)
    return Done(_without_fields(world, tag, person), is_new)


def _untag(world: World, item: Item) -> Done:
    if not members.leave(world, *_pair(world, "tag", item)) and world.behaviour.v4_untag_absent == 404:
        raise invalid("Tagging does not exist")
    return Done(None)


def _failed_tagging(world: World, item: Item) -> dict[str, Any]:
    tag_id = _shown_id(world, world.parents["tag"], item.get("tag_id"))
    return {"tag_id": tag_id, "subscriber_id": _shown_id(world, world.subscribers, item.get("subscriber_id"))}


# -- forms


def _add_to_form(world: World, item: Item) -> Done:
    form, person = _pair(world, "form", item)
    is_new = members.join(world, form, person, item.get("referrer"))
    return Done(_without_fields(world, form, person), is_new)


def _failed_addition(world: World, item: Item) -> dict[str, Any]:
    form_id = _shown_id(world, world.parents["form"], item.get("form_id"))
    person_id = _shown_id(world, world.subscribers, item.get("subscriber_id"))
    return {"form_id": form_id, "subscriber_id": person_id, "referrer": item.get("referrer")}


# -- people


def _create_person(world: World, item: Item) -> Done:
    """Create a person or overwrite the first name; fields are ignored here."""
    person_id, is_new = people.upsert(world, item)
    return Done(shapes.subscriber(world, world.subscribers[person_id], slim=True), is_new)


def _failed_person(world: World, item: Item) -> dict[str, Any]:
    known = {"first_name": item.get("first_name"), "email_address": item.get("email_address")}
    return {**known, "state": item.get("state") or "active", "created_at": None}


def _check_plan(world: World, items: Sequence[Item]) -> None:
    """Refuse a call whose new people the plan does not allow."""
    addresses = {text(each.get("email_address")).strip().lower() for each in items}
    new = sum(each not in world.by_email and is_email(each) for each in addresses)
    limit = world.behaviour.v4_subscriber_limit
    if len(world.subscribers) + new <= limit:
        return
    if new and new + sum(each.state == "active" for each in world.subscribers.values()) > limit:
        raise Refusal(403, "This request would exceed your subscriber limit")


def _new_first(done: Sequence[Done]) -> list[Done]:
    return sorted(done, key=lambda each: not each.is_new)


# -- custom fields


def _create_field(world: World, item: Item) -> Done:
    """Create a field, or return the existing one; when it was made is not kept, and shown as now."""
    field_id, is_new = custom_fields.upsert(world, item.get("label"))
    shown = shapes.custom_field(world.custom_fields[field_id])
    return Done({**shown, "created_at": shapes.whole(world.ms())}, is_new)


def _latest_last(done: Sequence[Done]) -> list[Done]:
    """Return existing ones, then new ones, each with the highest id first."""
    return sorted(done, key=lambda each: (each.is_new, -int(each.row["id"])))


def _set_value(world: World, item: Item) -> Done:
    """Set the value of one field of one person."""
    person = world.subscribers.get(_id(item.get("subscriber_id")))
    field = world.custom_fields.get(_id(item.get("subscriber_custom_field_id")))
    if person is None or field is None:
        lacks = (["Subscriber"] if person is None else []) + (["Custom field"] if field is None else [])
        raise Refusal(422, *(f"{each} does not exist" for each in lacks))
    value = cleared(world, item.get("value"))
    edits.set_fields(world, person.id, {field.key: value})
    return Done({"subscriber_id": person.id, "subscriber_custom_field_id": field.id, "value": value})


def _failed_value(world: World, item: Item) -> dict[str, Any]:
    person_id = _shown_id(world, world.subscribers, item.get("subscriber_id"))
    field_id = item.get("subscriber_custom_field_id")
    return {"subscriber_id": person_id, "subscriber_custom_field_id": field_id, "value": item.get("value")}


# -- tags


def _create_tag(world: World, item: Item) -> Done:
    tag_id, is_new = tags.upsert(world, item.get("name"))
    return Done(shapes.named(world.parents["tag"][tag_id]), is_new)


def _existing_first(done: Sequence[Done]) -> list[Done]:
    """Return existing ones with the highest id first, then new ones as sent."""
    return sorted(done, key=lambda each: (each.is_new, 0 if each.is_new else -int(each.row["id"])))


def _delete_tag(world: World, item: Item) -> Done:
    if _id(item.get("id")) not in world.parents["tag"]:
        raise invalid("Tag does not exist")
    edits.delete_tag(world, _id(item["id"]))
    return Done(None)


CREATE_TAGS = Bulk(
    "tags", "tag", _create_tag, lambda world, item: {"name": item.get("name")}, rows="tags", mixed=_existing_first
)
DELETE_TAGS = Bulk("tags", "tag", _delete_tag, lambda world, item: {"id": item.get("id")})
TAG = Bulk("taggings", "tagging", _tag, _failed_tagging, rows="subscribers")
UNTAG = Bulk("taggings", "tagging", _untag, _failed_tagging)
ADD_TO_FORMS = Bulk("additions", "subscription", _add_to_form, _failed_addition, rows="subscribers")
CREATE_PEOPLE = Bulk(
    "subscribers",
    "subscriber",
    _create_person,
    _failed_person,
    rows="subscribers",
    mixed=_new_first,
    guard=_check_plan,
)
CREATE_FIELDS = Bulk(
    "custom_fields",
    "custom_field",
    _create_field,
    lambda world, item: {"label": item.get("label")},
    rows="custom_fields",
    mixed=_latest_last,
)
SET_VALUES = Bulk("custom_field_values", "custom_field_value", _set_value, _failed_value, rows="custom_field_values")
