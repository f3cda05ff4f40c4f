"""Encode values: JSON text that keeps every digit, and timestamps."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_NO_FRACTION_BEFORE_MS = 1_609_459_200_000  # captures show times without a fraction until about 2021
_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """Return JSON text in UTF-8; a Decimal is written digit by digit, which no float could be."""
    try:
        return _plain(value).encode()
    except TypeError:
        return _walk(value).encode()


def decode(text: bytes) -> Any:
    """Reverse `encode`: fractions become Decimal, so that a second encoding changes nothing."""
    return json.loads(text, parse_float=Decimal)


def _walk(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return "{" + ",".join(f"{_plain(key)}:{_walk(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_walk, value)) + "]"
    return _plain(value)


def timestamp(ms: int) -> str:
    """Return a moment as the API writes it: `...Z` in records made before 2021, `....000Z` since."""
    text = datetime.fromtimestamp(ms // 1000, UTC).isoformat()[:19]
    return f"{text}Z" if ms < _NO_FRACTION_BEFORE_MS else f"{text}.{ms % 1000:03d}Z"


def milliseconds(moment: datetime) -> int:
    """Return a moment with a zone as whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)
