"""Parse parameters as Rails does: from the query, a JSON body or a form, nested by brackets."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

FORM = b"application/x-www-form-urlencoded"


def read_body(body: bytes, content_type: bytes) -> Any:
    """Return the value of a body, None if it is empty. Raises ValueError if it is invalid."""
    if not body:
        return None
    if content_type.startswith(FORM):
        return nested(parse_qsl(body.decode(), keep_blank_values=True))
    value = json.loads(body, parse_constant=_refuse)
    json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not valid JSON")


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return nested parameters: `fields[city]=Rome` makes an object, `tags[]=1` a list. Raises ValueError if one name
    is both."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        _put(result, re.split(r"\]?\[", name.removesuffix("]")), value)
    return result


def flat(body: Any) -> dict[str, str]:
    """Return the scalars of a body as texts; null counts as absent."""
    inside = body if isinstance(body, dict) else {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in inside.items()
        if value is not None and not isinstance(value, dict | list)
    }


def without(names: Iterable[str], value: Any) -> Any:
    """Return the value without these keys, at any depth."""
    if isinstance(value, Mapping):
        return {key: without(names, inner) for key, inner in value.items() if key not in names}
    return [without(names, inner) for inner in value] if isinstance(value, list) else value


def _put(target: Any, keys: list[str], value: str) -> None:
    if not isinstance(target, dict):
        raise ValueError(f"expected an object around {keys[0]}")
    key, rest = keys[0], keys[1:]
    if not rest:
        target[key] = value
    elif rest[0] == "":
        _put_into_list(target.setdefault(key, []), rest[1:], value)
    else:
        _put(target.setdefault(key, {}), rest, value)


def _put_into_list(rows: Any, keys: list[str], value: str) -> None:
    """Begin the next object at a name that the last one already has."""
    if not isinstance(rows, list):
        raise ValueError("expected a list")
    if not keys:
        rows.append(value)
        return
    if not rows or keys[0] in rows[-1]:
        rows.append({})
    _put(rows[-1], keys, value)
