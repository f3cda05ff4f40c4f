"""Embed foreign text in a page: data for scripts, and the policy that blocks other scripts."""

import base64
import hashlib
import json
import math
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cksync.analyze.report.components import Rows

# Inside a script element these could end it, begin a comment, or end a line.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def as_json(value: Any) -> str:
    """Return JSON that is safe inside a script element; dates as ISO text, money as numbers, NaN and infinity as
    null."""
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def columnar(rows: Rows) -> dict[str, Any]:
    """Return rows by column, with each name written once."""
    names = list(rows[0]) if rows else []
    return {"names": names, "columns": [[row[name] for row in rows] for name in names]}


def policy(scripts: Iterable[str]) -> str:
    """Return a content security policy: only these scripts run, and nothing is fetched or sent."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return (round(value, 4) if abs(value) < 1e9 else value) if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
