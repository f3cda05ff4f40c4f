"""Compare what was sent with what the account has, allowing for how the API rewrites it.

The API trims, collapses blanks, and writes entities and tags in its own way. A reply is compared strictly. A lookup
compares only the visible text, because it also requires that the row appeared since.
"""

import html
import re
from datetime import UTC, datetime

# The columns that hold times; all others are compared as text.
TIMES = frozenset({"send_at", "published_at"})

_TAG = re.compile(r"<[^<>]*>")
_BREAK = re.compile(r"<br\s*/?\s*>", re.IGNORECASE)


def is_accepted(column: str, sent: object, found: object) -> bool:
    """Return True if the value in a reply is the one that was sent. The API treats null and '' as equal."""
    if column in TIMES:
        return _moment(sent) == _moment(found)
    return _tidied(sent) == _tidied(found)


def is_alike(sent: object, found: object) -> bool:
    """Return True if two texts look the same, apart from blanks and tags."""
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
    """Parse a time to the second, as UTC unless it has an offset; return text that is no time unchanged."""
    text = _text(value).strip()
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)).replace(microsecond=0)
