"""The tables described in sql/: one file each, with key, sources and descriptions in its header.

A header (see sqltext.py) begins with the grain; the words with a meaning are:

    @key: a, b           the columns that identify a row
    @from: s, t          the streams whose records the select reads
    @listed_by: a        the column with the id by which API v3 lists a row, if it is not the last one of the key
    @slice: EXPRESSION   the slice a row belongs to: a row absent from a complete read of it is gone
    @child_of: t (a)     goes when the row of table t with id = a goes
    @part_of: t (a)      all rows of one a come in one record of t, so those missing from it are gone
    @keyed_by: t (a)     the JSON column a has the key of every row of table t, which is merged before
    @partly: a, b        columns that not every record gives; `_lacks` lists those that one is silent about
    @kept: a             once known, a column keeps its value
    @unknown: TEXT       what the API cannot tell; for readers

Besides the table's columns, the select returns `_synced_at` (when the record was observed), `_record` (its JSON), and
where they are needed: `_at` (the JSON pointer to the row's object, if the record holds more than one), `_read` (keys
read elsewhere) and `_lacks` (columns that the record is silent about). Keys of the object without a column go into
`_extra`.
"""

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from cksync.sqlreads import read
from cksync.sqltext import header, names, sql_folder


@dataclass(frozen=True, slots=True)
class Owner:
    """The table whose rows own those of another: their `column` holds the id of a row of `table`, or its keys."""

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
    listed_by: str
    child_of: Owner | None
    part_of: Owner | None
    keyed_by: Owner | None
    kept: str | None
    partly: tuple[str, ...]
    comments: Mapping[str, str]


@cache
def tables() -> tuple[Table, ...]:
    """Return every table, after those that own its rows, define its keys, or are read by its select."""
    found = {path.stem: _table(path) for path in sorted((sql_folder() / "tables").glob("*.sql"))}
    order = TopologicalSorter({name: _needs(table, found.keys()) for name, table in found.items()})
    return tuple(found[name] for name in order.static_order())


def _needs(table: Table, found: Collection[str]) -> set[str]:
    owners = {owner.table for owner in (table.child_of, table.part_of, table.keyed_by) if owner}
    return owners | {name for _, name in read(table.sql).tables if name in found}


@cache
def casts() -> str:
    """Return the macros that turn text into typed values."""
    return (sql_folder() / "casts.sql").read_text(encoding="utf-8")


@cache
def fingerprint() -> str:
    """Return the SHA-256 of what turns records into rows: the statements and header words of casts.sql and tables/.

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
    head = header(text)
    words = head.words
    slice_ = words.get("@slice")
    return Table(
        name=path.stem,
        sql=text,
        grain=head.grain,
        key=names(words["@key"]),
        streams=names(words["@from"]),
        listed_by=words.get("@listed_by", names(words["@key"])[-1]),
        slice=f"'{slice_}'" if slice_ and slice_.isidentifier() else slice_,
        child_of=_owner(words.get("@child_of")),
        part_of=_owner(words.get("@part_of")),
        keyed_by=_owner(words.get("@keyed_by")),
        kept=words.get("@kept"),
        partly=names(words.get("@partly", "")),
        comments=head.comments,
    )


def _owner(text: str | None) -> Owner | None:
    match = re.fullmatch(r"(\w+) \((\w+)\)", text or "")
    return Owner(match[1], match[2]) if match else None
