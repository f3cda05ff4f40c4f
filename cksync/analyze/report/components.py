"""The components of a report: values without markup, which page.py turns into HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure at the top: `delta` is shown with an arrow, `good` tells if it is welcome."""

    label: str
    value: str
    note: str
    delta: str | None = None
    good: bool | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: `kind` is the function of assets/page.js that draws it, `label` describes it in words.

    `key` explains its colours: (name of the colour, meaning).
    """

    kind: str
    label: str
    rows: Rows
    options: Row
    key: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: `form` is a key of formatting.FORMS."""

    name: str
    heading: str
    form: str = "count"


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of numbers; `is_open` shows it unfolded."""

    title: str
    columns: Sequence[TableColumn]
    rows: Rows
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its numbers under a heading; `fold` is its label while folded."""

    title: str
    note: str = ""
    chart: Chart | None = None
    table: FigureTable | None = None
    fold: str | None = None


@dataclass(frozen=True, slots=True)
class SectionContent:
    """The content of a section: a sentence, figures, or instead a note on what is missing."""

    lead: str = ""
    figures: Sequence[Figure] = ()
    nothing: str | None = None


def rows(db: duckdb.DuckDBPyConnection, sql: str, parameters: Row | None = None) -> Rows:
    """Return the rows of a query, by column name; `parameters` are its $names."""
    found = db.execute(sql, dict(parameters or {}))
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def row(db: duckdb.DuckDBPyConnection, sql: str, parameters: Row | None = None) -> Row:
    """Return the first row of a query, {} without one."""
    found = rows(db, sql, parameters)
    return found[0] if found else {}
