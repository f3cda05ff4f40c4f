"""What sql/ says: one file a table, its header the table's key, sources and descriptions.

A header (see sqltext.py) begins with the grain; the words with a meaning are:

    @key: a, b           the columns that identify a row
    @from: s, t          the streams whose records the select reads
    @slice: EXPRESSION   the slice a row belongs to: absent from it once it was read completely means gone
    @child_of: t (a)     goes when the row of table t with id = a goes
    @part_of: t (a)      all rows of one a come in one record of t, so those missing from it are gone
    @keyed_by: t (a)     the JSON column a has the key of every row of table t, which is merged before
    @kept: a             once known, a column keeps its value
    @unknown: TEXT       what the API cannot tell; for readers

Beside the table's columns the select gives `_synced_at` (when the record was observed) and `_record` (its JSON), and
where that is more than one row's: `_at` (the JSON pointer to the row's object in it) and `_read` (keys that
something else reads). What of the object has no column goes into `_extra`.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from cksync.sqltext import header, names, sql_folder


@dataclass(frozen=True, slots=True)
class Owner:
    """What another table's rows depend on: their `column` holds the id of a row of `table`, or its keys."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table of `main`, as its SQL file describes it."""

    name: str
    sql: str
    grain: str
    key: tuple[str, ...]
    streams: tuple[str, ...]
    slice: str | None
    child_of: Owner | None
    part_of: Owner | None
    keyed_by: Owner | None
    kept: str | None
    comments: Mapping[str, str]


@cache
def tables() -> tuple[Table, ...]:
    """Every table, after those that its rows go with, that give it its keys, or that its select reads."""
    found = {path.stem: _table(path) for path in sorted((sql_folder() / "tables").glob("*.sql"))}
    order = TopologicalSorter({name: _needs(table, found.keys()) for name, table in found.items()})
    return tuple(found[name] for name in order.static_order())


def _needs(table: Table, found: Iterable[str]) -> set[str]:
    owners = {owner.table for owner in (table.child_of, table.part_of, table.keyed_by) if owner}
    return owners | {
        name for name in found if re.search(rf"^[^-]*\b(from|join) (history\.)?{name}\b", table.sql, re.MULTILINE)
    }


@cache
def casts() -> str:
    """The macros that turn text into typed values."""
    return (sql_folder() / "casts.sql").read_text(encoding="utf-8")


@cache
def fingerprint() -> str:
    """The SHA-256 of what makes rows of records: the statements and header words of casts.sql and tables/.

    Descriptions do not count, so that a better comment asks nobody for a rebuild.
    """
    paths = [sql_folder() / "casts.sql", *sorted((sql_folder() / "tables").glob("*.sql"))]
    text = "".join(f"{path.name}\0{_effective(path.read_text(encoding='utf-8'))}\0" for path in paths)
    return hashlib.sha256(text.encode()).hexdigest()


def _effective(text: str) -> str:
    """The text without comment lines, after the header words that the merge obeys."""
    words = [f"{name}: {value}" for name, value in sorted(header(text).words.items()) if name != "@unknown"]
    return "\n".join([*words, *(line for line in text.splitlines() if not line.lstrip().startswith("--"))])


def _table(path: Path) -> Table:
    text = path.read_text(encoding="utf-8")
    told = header(text)
    words = told.words
    slice_ = words.get("@slice")
    return Table(
        name=path.stem,
        sql=text,
        grain=told.grain,
        key=names(words["@key"]),
        streams=names(words["@from"]),
        slice=f"'{slice_}'" if slice_ and slice_.isidentifier() else slice_,
        child_of=_owner(words.get("@child_of")),
        part_of=_owner(words.get("@part_of")),
        keyed_by=_owner(words.get("@keyed_by")),
        kept=words.get("@kept"),
        comments=told.comments,
    )


def _owner(text: str | None) -> Owner | None:
    match = re.fullmatch(r"(\w+) \((\w+)\)", text or "")
    return Owner(match[1], match[2]) if match else None
