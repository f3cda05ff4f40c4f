"""Interpret the values that clients send as the API does."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..messages import error
from ..records import Json, Subscriber
from ..routes import id_of
from ..world import World

FIELDS_LIMIT = 140

MISSING_EMAIL = error(400, "Missing parameter", "Subscriber email is required")
INVALID_EMAIL = error(422, "Error updating subscriber", "Email address is invalid")
TAKEN_EMAIL = error(422, "Error updating subscriber", "Email address has already been taken")
TOO_MANY_FIELDS = error(400, "Bad Request", f"A maximum of {FIELDS_LIMIT} custom fields are allowed")

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


def is_email(address: str) -> bool:
    return _EMAIL.fullmatch(address) is not None


def text(value: Any) -> str:
    """Return any value as the text the API stores; null is the empty text."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object; anything else is an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Any]:
    """Return a list; one value is a list of one, null an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def ids(value: Any) -> Iterable[int]:
    """Return the whole numbers of a list, including those written as text."""
    return (id_of(text(each)) for each in rows(value) if text(each).isdecimal())


def moment(value: Any) -> datetime | None:
    """Return a time, UTC unless it has an offset; None if blank, ValueError if invalid."""
    if not text(value).strip():
        return None
    made = datetime.fromisoformat(text(value).strip())
    try:
        return made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)
    except OverflowError as problem:
        raise ValueError("outside the calendar") from problem


def cleared(world: World, value: Any) -> str | None:
    """Return a text for a record; null and "" both clear it."""
    if text(value):
        return text(value)
    return None if world.behaviour.cleared_reads_as == "null" else ""


def known_fields(world: World, value: Any) -> dict[str, Json]:
    """Return the values of existing fields as texts; other keys are silently dropped."""
    keys = {each.key for each in world.custom_fields.values()}
    return {key: cleared(world, each) for key, each in mapping(value).items() if key in keys}


def with_email(world: World, address: Any) -> Subscriber | None:
    """Return the person with this address, ignoring case."""
    return world.subscribers.get(world.by_email.get(text(address).strip().lower(), -1))
