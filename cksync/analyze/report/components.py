"""The components of a report: values without markup, which page.py turns into HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

Row = Mapping[str, Any]
Rows = Sequence[Row]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture: `kind` is the function of assets/charts.js that draws it, `label` describes it in words.

    `key` explains its colours: (name of the colour, meaning). `views` are what it shows for each period, by name; it
    shows itself until a reader chooses one. Of a chart without views, `time` is the column of the day: only the rows
    of the chosen period are drawn, and with `unit` those whose week or month has a day of it.
    """

    kind: str
    label: str
    rows: Rows
    options: Row
    key: Sequence[tuple[str, str]] = ()
    views: "Mapping[str, Chart]" = field(default_factory=dict)
    time: str = ""
    can_compare: bool = False

    @property
    def follows(self) -> bool:
        """Whether it changes with the period."""
        return bool(self.views or self.time)


@dataclass(frozen=True, slots=True)
class TileView:
    """A figure for one period: `delta` is its change, `mood` is good, bad or flat (within chance)."""

    value: str
    note: str
    delta: str | None = None
    mood: str = "flat"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure at the top, with a view and the values of a sparkline for each period, by name."""

    label: str
    views: Mapping[str, TileView]
    sparks: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: `form` is a key of formatting.FORMS."""

    name: str
    heading: str
    form: str = "count"


@dataclass(frozen=True, slots=True)
class FigureTable:
    """A table of numbers; `is_open` shows it unfolded. `time` is the column of the day, by which rows outside the
    chosen period are hidden."""

    title: str
    columns: Sequence[TableColumn]
    rows: Rows
    is_open: bool = False
    time: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its numbers under a heading; `fold` is its label while folded. `scope` is the time it covers if it
    does not follow the chosen period; two consecutive half ones stand side by side where there is room."""

    title: str
    note: str = ""
    chart: Chart | None = None
    table: FigureTable | None = None
    fold: str | None = None
    scope: str = ""
    is_half: bool = False


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
