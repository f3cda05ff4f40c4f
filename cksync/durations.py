"""Lengths of time: read from settings, and written in sentences."""

import re
from datetime import timedelta

from cksync.plural import plural

EXAMPLE = "26h"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([mhdw])", re.IGNORECASE)


def duration(text: str) -> timedelta:
    """The length of time that a text names: `90m`, `26h`, `2d` or `1w`. Raises ValueError for any other text."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ValueError(f'must be a time such as "{EXAMPLE}" (m, h, d or w)')
    return timedelta(**{_UNITS[found[2].lower()]: float(found[1])})


def in_words(length: timedelta) -> str:
    """A length of time in the largest unit that keeps it precise enough: `5 minutes`, `26 hours`, `3 days`."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 120:
        return plural(minutes, "minute")
    return plural(minutes // 60, "hour") if minutes < 48 * 60 else plural(minutes // (24 * 60), "day")


def ago(length: timedelta) -> str:
    """How long ago something was: `just now`, `5 minutes ago`."""
    return "just now" if length < timedelta(minutes=1) else f"{in_words(length)} ago"
