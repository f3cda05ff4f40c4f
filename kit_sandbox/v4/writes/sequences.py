"""Create, change and delete sequences and their emails."""

from collections.abc import Mapping
from typing import Any

from ... import edits
from ...details.sequences import DAYS, emails
from ...extras import SequenceEmail
from ...messages import NO_CONTENT, Answer, Request, as_json
from ...routes import id_of
from ...world import World
from ...writes.params import ids, rows, text
from ..members import parent_of, shown_sequence
from ..refusals import invalid, not_found
from ..sequences import shown_email
from ..view import View

_FLAGS = ("active", "repeat", "hold")
_SETTINGS = (*_FLAGS, "email_address", "email_template_id", "send_days", "send_hour", "time_zone")
_EMAIL_TEXTS = ("subject", "preview_text", "content")
_EMAIL_KEYS = (*_EMAIL_TEXTS, "email_template_id", "published", "delay_value", "delay_unit", "send_days", "position")


def create(view: View, request: Request) -> Answer:
    """Create a sequence that sends at ten on every day, unless the request says otherwise."""
    world, name = view.current, text(request.given.get("name")).strip()
    if not name:
        raise invalid("Name can't be blank")
    usual = {
        "email_address": world.account.primary_email_address,
        "email_template_id": None,
        "send_days": list(DAYS),
        "send_hour": 10,
        "time_zone": world.extras.zone.name,
        "active": True,
        "repeat": False,
        "hold": False,
        "exclude_subscriber_sources": [],
    }
    settings = {**usual, **_settings(world, request.given)}
    sequence_id = edits.add_sequence(world, name)
    edits.edit_sequence(world, sequence_id, **settings)
    return _shown(view, sequence_id, 201)


def update(view: View, request: Request, sequence_id: str) -> Answer:
    """Change the given settings."""
    world, row = view.current, parent_of(view.current, "sequence", sequence_id)
    settings = _settings(world, request.given)
    if text(request.given.get("name")).strip():
        edits.rename_sequence(world, row.id, text(request.given["name"]).strip())
    edits.edit_sequence(world, row.id, **settings)
    return _shown(view, row.id, 200)


def delete(view: View, request: Request, sequence_id: str) -> Answer:
    """Delete a sequence with its emails."""
    world, row = view.current, parent_of(view.current, "sequence", sequence_id)
    for email in emails(world, row.id):
        edits.delete_sequence_email(world, email.id)
    edits.delete_sequence(world, row.id)
    return NO_CONTENT


def _settings(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: given[key] for key in (*_SETTINGS, "exclude_subscriber_sources") if key in given}
    found.update({key: _flag(found[key]) for key in _FLAGS if key in found})
    if "email_template_id" in found:
        found["email_template_id"] = _template_id(world, found["email_template_id"])
    if "send_days" in found:
        found["send_days"] = _days(found["send_days"]) or list(DAYS)
    return found


def _flag(given: Any) -> bool:
    return text(given) in ("true", "1")


def _template_id(world: World, given: Any) -> int | None:
    """Return the id of a template; 0 and null mean none."""
    found = next(iter(ids(given)), 0)
    if found and found not in world.extras.email_templates:
        raise invalid("Email template not found")
    return found or None


def _days(given: Any) -> list[str]:
    days = [text(each) for each in rows(given)]
    if not set(days) <= set(DAYS):
        raise invalid("Send days must be names of days")
    return days


def _shown(view: View, sequence_id: int, status: int) -> Answer:
    row = view.current.parents["sequence"][sequence_id]
    return as_json({"sequence": shown_sequence(view, view.current, row, frozenset())}, status)


# -- emails


def create_email(view: View, request: Request, sequence_id: str) -> Answer:
    """Create an email at the end of the sequence, whatever position is requested; a draft unless `published`."""
    world, row = view.current, parent_of(view.current, "sequence", sequence_id)
    changes = _email(world, request.given)
    changes.pop("position", None)
    if not changes.get("subject"):
        raise invalid("Subject can't be blank")
    usual = {"published": False, "email_address": world.account.primary_email_address}
    email_id = edits.add_sequence_email(world, row.id, **{**usual, **changes})
    return _shown_email(world, email_id, 201)


def update_email(view: View, request: Request, sequence_id: str, email_id: str) -> Answer:
    """Change the given columns; each position exists once."""
    world, email = view.current, _found(view.current, sequence_id, email_id)
    changes = _email(world, {"delay_unit": email.delay_unit, **request.given})
    others = (each for each in emails(world, email.sequence_id) if each.id != email.id)
    if changes.get("position", email.position) in {each.position for each in others}:
        raise invalid("Position has already been taken")
    edits.edit_sequence_email(world, email.id, **changes)
    return _shown_email(world, email.id, 200)


def delete_email(view: View, request: Request, sequence_id: str, email_id: str) -> Answer:
    edits.delete_sequence_email(view.current, _found(view.current, sequence_id, email_id).id)
    return NO_CONTENT


def _found(world: World, sequence_id: str, email_id: str) -> SequenceEmail:
    row, email = parent_of(world, "sequence", sequence_id), world.extras.sequence_emails.get(id_of(email_id))
    if email is None or email.sequence_id != row.id:
        raise not_found()
    return email


def _email(world: World, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given columns; days that are not named are all of them, for an email that waits for hours none."""
    found = {key: given[key] for key in _EMAIL_KEYS if key in given}
    unit = found.setdefault("delay_unit", "days")
    if unit not in ("days", "hours"):
        raise invalid("delay_unit must be one of: days, hours")
    if "email_template_id" in found:
        found["email_template_id"] = _template_id(world, found["email_template_id"])
    if "published" in found:
        found["published"] = _flag(found["published"])
    if "send_days" in found:
        days = _days(found["send_days"]) or (list(DAYS) if unit == "days" else [])
        found["send_days"] = tuple(days) or None
    if found.get("position", 0) is None:
        del found["position"]
    for name in ("position", "delay_value"):
        if not isinstance(found.get(name, 0), int):
            raise invalid(f"{name} must be an integer")
    return found


def _shown_email(world: World, email_id: int, status: int) -> Answer:
    email = world.extras.sequence_emails[email_id]
    return as_json({"email": shown_email(world, email, True, frozenset())}, status)
