"""When what the account has is what was sent: as the API would have made it.

It trims, joins blanks, writes entities and tags its own way. What was sent a moment ago is compared strictly; what
is looked up by what the eye sees of it, for then it must have appeared since as well.
"""

import html
import re
from datetime import UTC, datetime

# The columns that hold times; everything else is text, whatever it looks like.
TIMES = frozenset({"send_at", "published_at"})

_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<br\s*/?\s*>", re.IGNORECASE)


def is_taken(column: str, sent: object, found: object) -> bool:
    """Whether the value in an answer is the one that was sent. Null and '' are one to the API."""
    if column in TIMES:
        return _moment(sent) == _moment(found)
    return _tidied(sent) == _tidied(found)


def is_alike(sent: object, found: object) -> bool:
    """Whether two texts show the same, whatever their blanks and tags."""
    return _seen(sent) == _seen(found)


def _tidied(value: object) -> str:
    return " ".join(_BREAK.sub("<br>", html.unescape(_text(value))).split())


def _seen(value: object) -> str:
    return "".join(_TAG.sub("", html.unescape(_text(value))).split())


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: object) -> object:
    """A time to the second, UTC unless it says otherwise; what is none is a text."""
    text = _text(value).strip()
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)).replace(microsecond=0)
