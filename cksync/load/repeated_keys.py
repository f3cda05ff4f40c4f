"""Correct records in which one object has a duplicate key: DuckDB reads the first one, every other parser the last.

The last one counts. Checked are one record of each shape (`seen.shape`: the keys where records usually have some), and
every record whose number of colons behind a key differs from its shape's.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import msgspec

from cksync.load.log_files import records

# Where a record has the keys that its shape is made of.
OBJECTS = ("$", "$.subscriber", "$.subscriber.fields", "$.fields", "$.stats", "$.attribution", "$.location")
# A list of objects with two keys each: the id and the name of a person's tags.
PAIRS = "$.tags"

_FIRST_OF_EACH_SHAPE = """
    select round, filename, row, shape
    from (
        select shape, arg_min(file, (file, row)) as file, arg_min(row, (file, row)) as row
        from seen semi join arrivals using (file) where shape is not null group by shape
    )
    join arrivals using (file) join files using (file)
    order by filename
"""
_SUSPECTS = """
    select round, filename, row, shape from seen join arrivals using (file) join files using (file)
    where shape in (select unnest(?::ubigint[])) or colons <> keys or (is_alone and state = 'usable')
    order by filename
"""


def load_corrected(db: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """Create `corrected`: records of new segments with a duplicate key, and their `fixed` text. Return their number by
    round."""
    firsts = _read(db.execute(_FIRST_OF_EACH_SHAPE).fetchall())
    schemas = [shape for _, shape, text in firsts if last_of_each(text) is not None]
    suspects = _read(db.execute(_SUSPECTS, [schemas]).fetchall())
    found = [(number, text, fixed) for number, _, text in suspects if (fixed := last_of_each(text)) is not None]
    db.execute("create or replace temp table corrected (record varchar, fixed varchar)")
    for text, fixed in {text: fixed for _, text, fixed in found}.items():
        db.execute("insert into corrected values (?, ?)", [text, fixed])
    return {number: sum(other == number for other, _, _ in found) for number, _, _ in found}


def _read(places: list[tuple[int, str, int, int]]) -> Iterator[tuple[int, int, str]]:
    """Yield the records at some positions of the log, each with its round and shape."""
    for name, group in groupby(places, itemgetter(1)):
        rows = list(group)
        texts = records(Path(name), [row for _, _, row, _ in rows])
        yield from ((number, shape, text) for (number, _, _, shape), text in zip(rows, texts, strict=True))


def last_of_each(text: str) -> str | None:
    """Return the same JSON with only the last of equal keys in every object; None if no object has a duplicate.

    Numbers keep their digits, because no value is decoded.
    """
    has_twins = False

    def note(pairs: list[tuple[str, object]]) -> None:
        nonlocal has_twins
        has_twins = has_twins or len(pairs) > len(dict(pairs))

    try:
        json.loads(text, object_pairs_hook=note, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return _rewritten(text.encode()).decode() if has_twins else None


def _rewritten(text: bytes) -> bytes:
    if text[:1] == b"{":
        pairs = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).items()
        return b"{" + b",".join(msgspec.json.encode(key) + b":" + _rewritten(bytes(raw)) for key, raw in pairs) + b"}"
    if text[:1] == b"[":
        return (
            b"[" + b",".join(_rewritten(bytes(raw)) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])) + b"]"
        )
    return text
