"""What sql/ says: one file a table, its header the table's key, sources and descriptions.

A header is the comment lines at the top of a file. The first is the grain. Then, each on its line:

    @key: a, b           the columns that identify a row
    @from: s, t          the streams whose records the select reads
    @slice: EXPRESSION   the slice a row belongs to: absent from it once it was read completely means gone
    @child_of: t (a)     goes when the row of table t with id = a goes
    @part_of: t (a)      all rows of one a come in one record of t, so those missing from it are gone
    @keyed_by: t (a)     the JSON column a has the key of every row of table t, which is merged before
    @kept: a             once known, a column keeps its value
    a: TEXT              the description of column a
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path


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


@dataclass(frozen=True, slots=True)
class View:
    """One model of sql/models, stored as a view."""

    name: str
    sql: str
    grain: str
    comments: Mapping[str, str]


def sql_folder() -> Path:
    """Where sql/ is: inside the installed package, or at the top of a checkout."""
    installed = Path(__file__).parent.parent / "sql"
    return installed if installed.is_dir() else installed.parent.parent / "sql"


@cache
def tables() -> tuple[Table, ...]:
    """Every table, after those that its rows go with, that give it its keys, or that its select reads."""
    found = {path.stem: _table(path) for path in sorted((sql_folder() / "tables").glob("*.sql"))}
    order = TopologicalSorter({name: _needs(table, found.keys()) for name, table in found.items()})
    return tuple(found[name] for name in order.static_order())


def _needs(table: Table, names: Iterable[str]) -> set[str]:
    owners = {owner.table for owner in (table.child_of, table.part_of, table.keyed_by) if owner}
    return owners | {
        name for name in names if re.search(rf"^[^-]*\b(from|join) (history\.)?{name}\b", table.sql, re.MULTILINE)
    }


@cache
def views() -> tuple[View, ...]:
    """Every model."""
    found = []
    for path in sorted((sql_folder() / "models").glob("*.sql")):
        grain, _, comments = _header(path)
        found.append(View(path.stem, path.read_text(), grain, comments))
    return tuple(found)


@cache
def casts() -> str:
    """The macros that turn text into typed values."""
    return (sql_folder() / "casts.sql").read_text()


@cache
def fingerprint() -> str:
    """The SHA-256 of the text that makes rows of records: casts.sql and tables/."""
    paths = [sql_folder() / "casts.sql", *sorted((sql_folder() / "tables").glob("*.sql"))]
    text = "".join(f"{path.name}\0{path.read_text()}\0" for path in paths)
    return hashlib.sha256(text.encode()).hexdigest()


def _table(path: Path) -> Table:
    grain, words, comments = _header(path)
    slice_ = words.get("@slice")
    return Table(
        name=path.stem,
        sql=path.read_text(),
        grain=grain,
        key=_names(words["@key"]),
        streams=_names(words["@from"]),
        slice=f"'{slice_}'" if slice_ and slice_.isidentifier() else slice_,
        child_of=_owner(words.get("@child_of")),
        part_of=_owner(words.get("@part_of")),
        keyed_by=_owner(words.get("@keyed_by")),
        kept=words.get("@kept"),
        comments=comments,
    )


def _header(path: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    """The grain, the words with a meaning of their own, and the columns' descriptions."""
    lines: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    pairs = [line.split(":", 1) for line in lines[1:]]
    entries = {name.strip(): text.strip() for name, text in pairs}
    words = {name: text for name, text in entries.items() if name.startswith("@")}
    return lines[0], words, {name: text for name, text in entries.items() if not name.startswith("@")}


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(","))


def _owner(text: str | None) -> Owner | None:
    match = re.fullmatch(r"(\w+) \((\w+)\)", text or "")
    return Owner(match[1], match[2]) if match else None
