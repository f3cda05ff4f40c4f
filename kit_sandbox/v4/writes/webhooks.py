"""Create, change and delete webhooks: those of old, with one event each, and endpoints with several."""

from collections.abc import Mapping
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from ... import edits
from ...extras import WebhookEndpoint
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...routes import id_of
from ...world import World
from ...writes.hooks import EVENTS
from ...writes.params import mapping, rows, text
from .. import shapes
from ..refusals import Refusal, invalid, not_found
from ..view import View

HOOK_EVENTS: Mapping[str, tuple[str, ...]] = {
    **EVENTS,
    "custom_field.field_created": (),
    "custom_field.field_deleted": (),
    "custom_field.field_value_updated": ("custom_field_id",),
}
ENDPOINT_EVENTS = (
    "subscriber.created",
    "subscriber.activated",
    "subscriber.unsubscribed",
    "subscriber.bounced",
    "subscriber.complained",
    "subscriber.subscribed_to_form",
    "subscriber.added_to_sequence",
    "subscriber.sequence_completed",
    "subscriber.tag_added",
    "custom_field.created",
)
_OVERLAP_MS = 86_400_000


def create_hook(view: View, request: Request) -> Answer:
    """Create a webhook, even where the same one exists."""
    world, url, event = view.current, text(request.given.get("target_url")), mapping(request.given.get("event"))
    if not url or not event:
        raise invalid("`event` and `target` parameters must be provided")
    name = text(event.get("name"))
    if name not in HOOK_EVENTS:
        raise invalid("Event is invalid")
    given = {key: event[key] for key in HOOK_EVENTS[name] if text(event.get(key))}
    if HOOK_EVENTS[name] and not given:
        raise invalid("Event lacks a required parameter")
    hook_id = edits.add_hook(world, url, {"name": name, **dict(list(given.items())[:1])})
    return as_json({"webhook": shapes.hook(world.hooks[hook_id])}, 201)


def delete_hook(view: View, request: Request, hook_id: str) -> Answer:
    if id_of(hook_id) not in view.current.hooks:
        raise not_found()
    edits.delete_hook(view.current, id_of(hook_id))
    return NO_CONTENT


# -- endpoints


def create_endpoint(view: View, request: Request) -> Answer:
    """Create an endpoint; its secret is shown this once."""
    world, given = view.current, request.given
    url, events = _url(given.get("url")), _events(given.get("events"))
    endpoint_id = edits.add_webhook_endpoint(world, text(given.get("name")), url, events)
    edits.edit_webhook_endpoint(world, endpoint_id, description=given.get("description"))
    return _with_secret(world, endpoint_id, 201)


def update_endpoint(view: View, request: Request, endpoint_id: str) -> Answer:
    """Change the given columns; events replace the set."""
    world, given, row = view.current, request.given, _found(view.current, endpoint_id)
    changes = {key: given[key] for key in ("name", "description", "status") if key in given}
    if changes.get("status", "active") not in ("active", "disabled"):
        raise invalid("Status is not included in the list")
    if "url" in given:
        changes["url"] = _url(given["url"])
    if "events" in given:
        changes["events"] = _events(given["events"])
    edits.edit_webhook_endpoint(world, row.id, **changes)
    return as_json(_shown(world, row.id))


def delete_endpoint(view: View, request: Request, endpoint_id: str) -> Answer:
    edits.delete_webhook_endpoint(view.current, _found(view.current, endpoint_id).id)
    return NO_CONTENT


def rotate_secret(view: View, request: Request, endpoint_id: str) -> Answer:
    """Show a new secret; the one before is accepted for a day, and until then only `force` rotates again."""
    world, row = view.current, _found(view.current, endpoint_id)
    is_forced = text(request.given.get("force")) in ("true", "1")
    if (row.previous_secret_expires_ms or 0) > world.ms() and not is_forced:
        raise Refusal(409, "The previous secret has not expired yet")
    edits.edit_webhook_endpoint(world, row.id, previous_secret_expires_ms=world.ms() + _OVERLAP_MS)
    return _with_secret(world, row.id, 200)


def revoke_previous_secret(view: View, request: Request, endpoint_id: str) -> Answer:
    row = _found(view.current, endpoint_id)
    edits.edit_webhook_endpoint(view.current, row.id, previous_secret_expires_ms=None)
    return as_json(_shown(view.current, row.id))


def _found(world: World, endpoint_id: str) -> WebhookEndpoint:
    row = world.extras.webhook_endpoints.get(id_of(endpoint_id))
    if row is None:
        raise not_found()
    return row


def _url(given: Any) -> str:
    url = text(given)
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    if not url.startswith("https://") or host in ("", "localhost", "127.0.0.1", "::1"):
        raise invalid("Url must be a public HTTPS address")
    return url


def _events(given: Any) -> tuple[str, ...]:
    events = tuple(text(each) for each in rows(given))
    if not events or not set(events) <= set(ENDPOINT_EVENTS):
        raise invalid("Events are not included in the list")
    return events


def _shown(world: World, endpoint_id: int) -> dict[str, Any]:
    return {"webhook_endpoint": shapes.webhook_endpoint(world.extras.webhook_endpoints[endpoint_id])}


def _with_secret(world: World, endpoint_id: int, status: int) -> Answer:
    shown = _shown(world, endpoint_id)
    shown["webhook_endpoint"]["secret"] = f"whsec_{token_urlsafe(24)}"
    return as_json(shown, status)
