"""Create, change and delete broadcasts, with their template and their audience."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ... import edits
from ...details.mailings import EVERYBODY
from ...extras import EmailTemplate
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...records import Broadcast
from ...world import World
from ...writes.broadcasts import schedule
from ...writes.params import ids, mapping, moment, rows, text
from .. import shapes
from ..mailings import broadcast_of
from ..refusals import invalid
from ..view import View

_TEXTS = ("subject", "content", "description", "thumbnail_alt", "thumbnail_url")
_TIMES = ("send_at", "published_at")
_GROUPS = ("all", "any", "none")
_ONE_GROUP = "Only a single filter group is supported. Use one of `all`, `any`, or `none`."
_FROZEN = {
    "sending": "Broadcast is already sending.",
    "completed": "Broadcast has already been sent.",
    "aborted": "Broadcast has already been sent.",
}


def create(view: View, request: Request) -> Answer:
    """Create a draft without `send_at`; with it, an email to its audience, by default everybody."""
    world = view.current
    changes, details = _changes(world, request.given), _details(request.given)
    template = _default_template(world)
    broadcast_id = edits.add_broadcast(world, **{"email_layout_template": template, **changes})
    edits.set_broadcast_details(
        world, broadcast_id, **{"preview_text": None, "subscriber_filter": list(EVERYBODY), **details}
    )
    return _scheduled(world, broadcast_id, changes, 201)


def update(view: View, request: Request, broadcast_id: str) -> Answer:
    """Change the given values; 422 for a broadcast that is sent or being sent."""
    world, row = view.current, _changeable(view.current, broadcast_id)
    changes, details = _changes(world, request.given), _details(request.given)
    edits.edit_broadcast(world, row.id, **changes)
    edits.set_broadcast_details(world, row.id, **details)
    return _scheduled(world, row.id, changes, 200)


def delete(view: View, request: Request, broadcast_id: str) -> Answer:
    """Delete a draft or a scheduled broadcast."""
    edits.delete_broadcast(view.current, _changeable(view.current, broadcast_id).id)
    return NO_CONTENT


def _changeable(world: World, broadcast_id: str) -> Broadcast:
    row = broadcast_of(world, broadcast_id)
    if row.status in _FROZEN:
        raise invalid(_FROZEN[row.status])
    return row


def _scheduled(world: World, broadcast_id: int, changes: Mapping[str, Any], status: int) -> Answer:
    schedule(world, broadcast_id, changes)
    return as_json({"broadcast": shapes.broadcast(world, world.broadcasts[broadcast_id])}, status)


def _changes(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known keys that v3 shows, too; blank ones mean the account's default."""
    problems: list[str] = []
    found: dict[str, Any] = {key: None if given[key] is None else text(given[key]) for key in _TEXTS if key in given}
    if "email_address" in given:
        found["email_address"] = text(given["email_address"]) or world.account.primary_email_address
    if "public" in given:
        found["public"] = text(given["public"]) in ("true", "1")
    if "email_template_id" in given:
        found["email_layout_template"] = _template(world, given, problems)
    found.update({key: _time(key, given[key], problems) for key in _TIMES if key in given})
    if problems:
        raise invalid(*problems)
    return found


def _time(name: str, given: Any, problems: list[str]) -> datetime | None:
    try:
        return moment(given)
    except ValueError:
        problems.append(f"{name.replace('_', ' ').capitalize()} is invalid")
        return None


def _template(world: World, given: Mapping[str, Any], problems: list[str]) -> str | None:
    """Return the name of the template with an id; `Starting point` ones only where the request allows them."""
    if given["email_template_id"] is None:
        return _default_template(world)
    template_id = next(iter(ids(given["email_template_id"])), -1)
    row: EmailTemplate | None = world.extras.email_templates.get(template_id)
    if row is None:
        problems.append("Email template not found")
    elif row.category == "Starting point" and text(given.get("allow_starting_point")) not in ("true", "1"):
        problems.append("Starting point email template is not supported")
    return None if row is None else row.name


def _default_template(world: World) -> str:
    defaults = (row.name for row in world.extras.email_templates.values() if row.is_default)
    return next(defaults, "Text Only")


def _details(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the known keys that v4 alone shows."""
    found: dict[str, Any] = {}
    if "preview_text" in given:
        found["preview_text"] = None if given["preview_text"] is None else text(given["preview_text"])
    if "subscriber_filter" in given:
        found["subscriber_filter"] = _filter(rows(given["subscriber_filter"]))
    return found


def _filter(given: Sequence[Any]) -> list[Any]:
    """Return the audience as it is read back: the one group that is not empty, or everybody."""
    groups = [(name, mapping(each)[name]) for each in given for name in _GROUPS if mapping(each).get(name)]
    if len(groups) > 1:
        raise invalid(_ONE_GROUP)
    if not groups:
        return list(EVERYBODY)
    ((name, conditions),) = groups
    return [{name: [_condition(mapping(each)) for each in rows(conditions)]}]


def _condition(given: Mapping[str, Any]) -> dict[str, Any]:
    match given.get("type"):
        case "all_subscribers":
            return {"type": "all_subscribers"}
        case "segment" | "tag" as kind:
            return {"type": kind, "ids": list(ids(given.get("ids")))}
    raise invalid("Filter type must be one of: segment, tag")
