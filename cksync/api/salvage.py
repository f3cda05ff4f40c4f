"""Salvage a body in which single records are not strict JSON (a NaN, a thousand levels of brackets): replace those, so
that the others can be read.

The replacement is an object with their id and state, and their own text as a string.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cksync.domain import Page, Record

# How a replacement, and its text in the log, begins; no JSON begins like the latter, so neither is misread.
_STAND_IN, NO_JSON = b'{"cksync:no JSON":', b"no JSON: "
# The tokens of structure: strings (so that their content is ignored), and brackets.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_VALUE = re.compile(rb'\s*:\s*(-?[0-9]{1,18}(?![0-9.eE])|"[a-z]+")')


def without_strays(body: bytes, is_json: Callable[[bytes], bool]) -> tuple[bytes, int]:
    """Replace the records of a body that are not JSON; return it with their number."""
    parts: list[bytes] = []
    at = strays = 0
    for start, end in _records(body):
        record = body[start:end]
        if not is_json(record):
            parts += [body[at:start], _stand_in(record)]
            at, strays = end, strays + 1
    return b"".join((*parts, body[at:])), strays


def as_sent(record: bytes) -> bytes:
    """Return a record as the log stores it: of a replacement, the original text."""
    if not record.startswith(_STAND_IN):
        return record
    text, *_ = msgspec.json.decode(record, type=dict[str, object]).values()
    return NO_JSON + str(text).encode()


def readable(page: Page) -> list[tuple[Record, dict[str, Any]]]:
    """Return the records of a page that are JSON objects, decoded; without deleted ones, and those that are not
    JSON."""
    texts = [(record, record.text) for record in page.records if record.text is not None]
    found = [(record, msgspec.json.decode(text)) for record, text in texts if not text.startswith(NO_JSON)]
    return [(record, values) for record, values in found if isinstance(values, dict)]


def _records(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield the bounds of the records in a response: `{"tag": {...}}` or `{"tags": [{...}, ...]}`."""
    depth, level, start = 0, 0, 0
    for token in _TOKEN.finditer(body):
        mark = token[0]
        if mark in b"[{":
            depth += 1
            if mark == b"{" and not level and depth in (2, 3):
                level, start = depth, token.start()
        elif mark in b"]}":
            if level and depth == level:
                yield start, token.end()
                level = 0
            depth -= 1


def _stand_in(record: bytes) -> bytes:
    head: dict[bytes, bytes] = {}
    depth = 0
    for token in _TOKEN.finditer(record):
        mark = token[0]
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        elif depth == 1 and mark in (b'"id"', b'"state"') and (value := _VALUE.match(record, token.end())):
            head[mark] = value[1]
    values = b"".join(b"," + name + b":" + value for name, value in head.items())
    return _STAND_IN + msgspec.json.encode(record.decode("utf-8", "replace")) + values + b"}"
