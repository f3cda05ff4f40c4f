"""Exact values of a result for CSV, JSON and lines.

Python has no infinite times, nanoseconds or month intervals, and DuckDB would return the nearest Python value. Such
values are fetched as text from DuckDB.
"""

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import msgspec

FETCH_ROWS = 10_000


def exact_rows(relation: "duckdb.DuckDBPyRelation") -> Iterator[tuple[Any, ...]]:
    """The rows, fetched in batches of a few thousand."""
    texts = {place: text for place, kind in enumerate(relation.types) if (text := _text(str(kind), f"#{place + 1}"))}
    if not texts:
        yield from relation.iter_rows(FETCH_ROWS)
        return
    wide = len(relation.types)
    for row in relation.project(", ".join(["*", *texts.values()])).iter_rows(FETCH_ROWS):
        values = list(row[:wide])
        for place, text in zip(texts, row[wide:], strict=True):
            if text is not None:
                values[place] = _Json(text) if _is_nested(str(relation.types[place])) else text
        yield tuple(values)


def _text(kind: str, value: str) -> str | None:
    """SQL for the text of a value that Python would change, null for others; None if the type has no such values."""
    if _is_nested(kind):
        changed = "true" if "INTERVAL" in kind else f"contains({value}::varchar, 'infinity')"
        return f"case when {changed} then to_json({value})::varchar end" if _has_time(kind) else None
    if kind == "INTERVAL":
        return f"{value}::varchar"
    if not _has_time(kind):
        return None
    odd = f" or epoch_ns({value}) % 1000 <> 0" if kind == "TIMESTAMP_NS" else ""
    return f"case when not isfinite({value}){odd} then replace({value}::varchar, ' ', 'T') end"


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(", "UNION("))


def _has_time(kind: str) -> bool:
    return any(name in kind for name in ("TIMESTAMP", "DATE", "INTERVAL"))


class _Json(str):
    """A nested value in JSON."""


def text_of(value: Any) -> Any:
    """A value for CSV; numbers stay numbers, bytes become Base64 as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict | list | tuple):
        return encoder().encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else value


def json_rows(relation: "duckdb.DuckDBPyRelation") -> Iterator[str]:
    """Each row as a JSON object; JSON columns stay JSON, decimals keep their digits."""
    import msgspec

    is_json = [str(kind) == "JSON" for kind in relation.types]
    names = _distinct(relation.columns)
    for row in exact_rows(relation):
        values = [
            msgspec.Raw(value.encode()) if isinstance(value, _Json) or (raw and value is not None) else value
            for value, raw in zip(row, is_json, strict=True)
        ]
        yield encoder().encode(dict(zip(names, values, strict=True))).decode()


@cache
def encoder() -> "msgspec.json.Encoder":
    """The JSON encoder for all results."""
    import msgspec

    return msgspec.json.Encoder(decimal_format="number", enc_hook=str)


def _distinct(names: Sequence[str]) -> list[str]:
    """Unique column names: a number is appended to repeated ones, so that no value hides another."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{number}" for number in count(1))
        found.append(name if name not in found else next(other for other in others if other not in found))
    return found
