"""A body that is no strict JSON because of single records (a NaN, a thousand levels of brackets): those are taken out
of it, so that the others can be read.

In their place stands an object with their id and state, and their own text as a string.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from cksync.domain import Page, Record

# What the stand-in of a record begins with, and its text in the log: what no JSON begins with is never read as such.
_STAND_IN, NO_JSON = b'{"cksync:no JSON":', b"no JSON: "
# What structure is made of: strings (so that what they hold is none), and brackets.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)
_VALUE = re.compile(rb'\s*:\s*(-?[0-9]{1,18}(?![0-9.eE])|"[a-z]+")')


def without_strays(body: bytes, is_json: Callable[[bytes], bool]) -> tuple[bytes, int]:
    """A body whose records that are no JSON have a stand-in, and how many those are."""
    parts: list[bytes] = []
    at = strays = 0
    for start, end in _records(body):
        record = body[start:end]
        if not is_json(record):
            parts += [body[at:start], _stand_in(record)]
            at, strays = end, strays + 1
    return b"".join((*parts, body[at:])), strays


def as_sent(record: bytes) -> bytes:
    """A record as the log keeps it: of a stand-in the text that it stands for."""
    if not record.startswith(_STAND_IN):
        return record
    text, *_ = msgspec.json.decode(record, type=dict[str, object]).values()
    return NO_JSON + str(text).encode()


def readable(page: Page) -> list[tuple[Record, dict[str, Any]]]:
    """The records of a page that are JSON objects, decoded; not those that are gone, or no JSON."""
    texts = [(record, record.text) for record in page.records if record.text is not None]
    found = [(record, msgspec.json.decode(text)) for record, text in texts if not text.startswith(NO_JSON)]
    return [(record, values) for record, values in found if isinstance(values, dict)]


def _records(body: bytes) -> Iterator[tuple[int, int]]:
    """Where the records of an answer begin and end: `{"tag": {...}}` or `{"tags": [{...}, ...]}`."""
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
