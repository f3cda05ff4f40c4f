"""What a report is made of: values without markup, which page.py turns into HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Tile:
    """One number at the top: `delta` is shown with an arrow, `good` says whether it is to be welcomed."""

    label: str
    value: str
    note: str
    delta: str | None = None
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: `kind` is the function of assets/page.js that draws it, `label` says in words what it shows.

    `key` explains its colours: (name of the colour, meaning).
    """

    kind: str
    label: str
    rows: Rows
    options: Row
    key: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: `form` is a key of words.FORMS."""

    name: str
    heading: str
    form: str = "count"


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers to read; `is_open` shows them without being asked."""

    title: str
    columns: Sequence[Column]
    rows: Rows
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its numbers under a heading; `fold`: what stands for it while it is folded away."""

    title: str
    note: str = ""
    chart: Chart | None = None
    table: Table | None = None
    fold: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a section found: a sentence, figures, or in their place what is not there yet."""

    lead: str = ""
    figures: Sequence[Figure] = ()
    nothing: str | None = None


def rows(db: duckdb.DuckDBPyConnection, sql: str, parameters: Row | None = None) -> Rows:
    """The rows of an answer, by the names of its columns; `parameters` are the $names in it."""
    found = db.execute(sql, dict(parameters or {}))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def row(db: duckdb.DuckDBPyConnection, sql: str, parameters: Row | None = None) -> Row:
    """The first row of an answer, {} without one."""
    found = rows(db, sql, parameters)
    return found[0] if found else {}
