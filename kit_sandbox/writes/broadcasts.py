"""Create, change and delete broadcasts, and count the emails they cause."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .. import edits, serializers
from ..codec import milliseconds, timestamp
from ..messages import NO_CONTENT, NOT_FOUND, Answer, Request, as_json, error
from ..records import Mail
from ..routes import id_of
from ..world import World
from .params import moment, text

_TEXTS = ("subject", "content", "description", "thumbnail_alt", "thumbnail_url")
_TIMES = ("send_at", "published_at")
_SENT = error(422, "Error updating broadcast", "Broadcast is already sending.")
_BAD_TIME = error(422, "Error updating broadcast", "Time is invalid")


def create(world: World, request: Request) -> Answer:
    """Create a draft without `send_at`; with it, an email to everybody."""
    try:
        changes = _changes(world, request.given)
    except ValueError:
        return _BAD_TIME
    broadcast_id = edits.add_broadcast(world, **changes)
    schedule(world, broadcast_id, changes)
    return as_json(_shown(world, broadcast_id), 201)


def update(world: World, request: Request, broadcast_id: str) -> Answer:
    """Change the given values; a broadcast sent or being sent stays as it is."""
    refused = _refusal(world, id_of(broadcast_id))
    if refused is not None:
        return refused
    try:
        changes = _changes(world, request.given)
    except ValueError:
        return _BAD_TIME
    edits.edit_broadcast(world, id_of(broadcast_id), **changes)
    schedule(world, id_of(broadcast_id), changes)
    return as_json(_shown(world, id_of(broadcast_id)))


def delete(world: World, request: Request, broadcast_id: str) -> Answer:
    """Delete a draft or a scheduled broadcast."""
    refused = _refusal(world, id_of(broadcast_id))
    if refused is not None:
        return refused
    edits.delete_broadcast(world, id_of(broadcast_id))
    return NO_CONTENT


def _refusal(world: World, broadcast_id: int) -> Answer | None:
    row = world.broadcasts.get(broadcast_id)
    if row is None:
        return NOT_FOUND
    return None if row.status in ("draft", "scheduled") else _SENT


def _changes(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known keys, each with its type of value; blank ones mean the account's default."""
    defaults = {"email_address": world.account.primary_email_address, "email_layout_template": "Text Only"}
    return {
        **{key: None if given[key] is None else text(given[key]) for key in _TEXTS if key in given},
        **{key: text(given[key]) or usual for key, usual in defaults.items() if key in given},
        **{key: moment(given[key]) for key in _TIMES if key in given},
        **({"public": text(given["public"]) in ("true", "1")} if "public" in given else {}),
    }


def schedule(world: World, broadcast_id: int, changes: Mapping[str, Any]) -> None:
    """Count the email; one that is due is sent at once."""
    send_at: datetime | None = changes.get("send_at")
    if send_at is None:
        return
    world.mails.append(Mail(broadcast_id, timestamp(milliseconds(send_at))))
    if send_at <= world.now():
        edits.send_broadcast(world, broadcast_id)


def _shown(world: World, broadcast_id: int) -> dict[str, Any]:
    return {"broadcast": serializers.broadcast(world.broadcasts[broadcast_id])}
