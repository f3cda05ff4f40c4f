"""Create and delete webhooks."""

from collections.abc import Mapping
from typing import Any

from .. import edits, serializers
from ..messages import NOT_FOUND, Answer, Request, as_json, error
from ..routes import id_of
from ..world import World
from .params import mapping, text

_COURSE = ("sequence_id", "course_id")
EVENTS: Mapping[str, tuple[str, ...]] = {
    "subscriber.subscriber_activate": (),
    "subscriber.subscriber_unsubscribe": (),
    "subscriber.subscriber_bounce": (),
    "subscriber.subscriber_complain": (),
    "subscriber.form_subscribe": ("form_id",),
    "subscriber.course_subscribe": _COURSE,
    "subscriber.course_complete": _COURSE,
    "subscriber.link_click": ("initiator_value",),
    "subscriber.product_purchase": ("product_id",),
    "subscriber.tag_add": ("tag_id",),
    "subscriber.tag_remove": ("tag_id",),
    "purchase.purchase_create": (),
}
"""The events, each with the names its parameter may have (none: it takes no parameter)."""

_NO_URL = error(422, "Error creating webhook", "Target url can't be blank")
_NO_EVENT = error(422, "Error creating webhook", "Event is invalid")
_NO_PARAMETER = error(422, "Error creating webhook", "Event lacks a required parameter")


def create(world: World, request: Request) -> Answer:
    """Create a rule, even where the same one exists."""
    url, event = text(request.given.get("target_url")), mapping(request.given.get("event"))
    if not url:
        return _NO_URL
    name = text(event.get("name"))
    if name not in EVENTS:
        return _NO_EVENT
    parameter = _parameter(name, event)
    if EVENTS[name] and not parameter:
        return _NO_PARAMETER
    hook_id = edits.add_hook(world, url, {"name": name, **parameter})
    return as_json(serializers.hook(world.hooks[hook_id]), world.behaviour.hook_created)


def _parameter(name: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event's parameter under the name it was sent with; empty if it has none."""
    sent = [each for each in EVENTS[name] if text(event.get(each))]
    return {each: event[each] for each in sent[:1]}


def delete(world: World, request: Request, hook_id: str) -> Answer:
    if id_of(hook_id) not in world.hooks:
        return NOT_FOUND
    edits.delete_hook(world, id_of(hook_id))
    return as_json({"success": True})
