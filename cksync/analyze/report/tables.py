"""Render tables as HTML. Cells have the value that sorting and CSV files need beside the text that people read."""

from datetime import date
from decimal import Decimal
from html import escape
from typing import Any

from cksync.analyze.report.components import FigureTable, Row, TableColumn
from cksync.analyze.report.formatting import FORMS, TEXTS


def table_html(table: FigureTable, subject: str) -> str:
    """Return a table, folded under its title unless it is open; its name begins with the subject."""
    head = "".join(f'<th scope="col"{_css(column)}>{escape(column.heading)}</th>' for column in table.columns)
    lines = "".join(_line(table, row) for row in table.rows)
    title, name = escape(table.title), escape(f"{subject}: {table.title}" if subject else table.title)
    body = (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">\n<table>'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody></table></div>"
    )
    return body if table.is_open else f"<details><summary>{title}</summary>{body}</details>"


def _line(table: FigureTable, row: Row) -> str:
    first, *rest = table.columns
    cells = f'<th scope="row"{_css(first)}{_value(first, row)}>{_text(first, row)}</th>'
    cells += "".join(f"<td{_css(column)}{_value(column, row)}>{_text(column, row)}</td>" for column in rest)
    day = row[table.time] if table.time else None
    attribute = f' data-day="{day.isoformat()}"' if isinstance(day, date) else ""
    return f"<tr{attribute}>{cells}</tr>\n"


def _css(column: TableColumn) -> str:
    return f' class="{"text name" if column.form == "text" else "text"}"' if column.form in TEXTS else ""


def _text(column: TableColumn, row: Row) -> str:
    cell = escape(FORMS[column.form](row[column.name]))
    return f"<bdi>{cell}</bdi>" if column.form in TEXTS else cell


def _value(column: TableColumn, row: Row) -> str:
    """The value itself where the text is not it."""
    value = row[column.name]
    return "" if column.form in ("text", "yes") else f' data-value="{escape(_plain(value))}"'


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else str(value)
