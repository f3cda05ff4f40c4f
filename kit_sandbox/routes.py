"""The routes of an API, and how ids appear in paths."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .messages import NOT_FOUND, Answer, error
from .records import Kind


@dataclass(frozen=True)
class Route:
    """One endpoint; the pattern's groups are the handler's further arguments."""

    method: str
    pattern: re.Pattern[str]
    handle: Callable[..., Answer]
    needs_secret: bool = True


KIND_OF: Mapping[str, Kind] = {
    "forms": "form",
    "sequences": "sequence",
    "courses": "sequence",
    "tags": "tag",
}

UNKNOWN_PARENT: Mapping[Kind, Answer] = {
    "form": NOT_FOUND,
    "sequence": error(404, "Course not found", ""),
    "tag": error(404, "Tag not found", ""),
}


def id_of(text: str) -> int:
    """Return the id in a path; anything but a number matches no record."""
    return int(text) if text.isdecimal() and len(text) < 20 else -1
