"""Excel: one workbook, one sheet per table, written row by row.

Excel's own limits: 1,048,575 rows below the header (more are refused before anything is written); 15 digits (longer ids
and amounts become text); 32,767 characters per cell (longer texts are cut, and a note says so); times without a zone
(they are UTC), to the millisecond, none before March 1900 (they become text); control characters except tab and line
break become U+FFFD; an empty text is an empty cell. No text becomes a formula or a link.
"""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.manifest import MAKER
from cksync.analyze.export.naming import cut, fitting, length
from cksync.analyze.export.source import ExportColumn, ExportTable
from cksync.analyze.export.types import Kind, digits, kind_of, plain
from cksync.errors import Rejected
from cksync.plural import plural

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook
    from xlsxwriter.worksheet import Worksheet

MOST_ROWS = 1_048_575
MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767
NAME_LENGTH = 31
LARGEST = 10**15  # the first number with more than 15 digits
LARGEST_FLOAT = 9.99e307
FIRST, LAST = datetime(1900, 3, 1), datetime(9999, 12, 31, 23, 59, 59)
FETCH_ROWS = 10_000
_INVALID = re.compile(r"[\[\]:*?/\\\x00-\x1f\ufffe\uffff]")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_FORMATS: dict[Kind, str] = {
    "integer": "0",
    "decimal": "#,##0.00##",
    "instant": "yyyy-mm-dd hh:mm:ss",
    "moment": "yyyy-mm-dd hh:mm:ss",
    "date": "yyyy-mm-dd",
}
_TIMES = ("instant", "moment", "date")
_WIDTHS: dict[Kind, int] = {"instant": 19, "moment": 19, "date": 11, "text": 24, "json": 40}


def check_fits(tables: Sequence[ExportTable]) -> None:
    """Raise Rejected if the extra is missing, or a table does not fit into a sheet."""
    _driver()
    for table in tables:
        if table.rows > MOST_ROWS:
            raise Rejected(
                f"{table.label} has {table.rows:,} rows, but an Excel sheet can hold {MOST_ROWS:,}: export the"
                " other tables by name, select part of this one with --query, or use CSV or Parquet"
            )
        if len(table.columns) > MOST_COLUMNS:
            raise Rejected(
                f"{table.label} has {len(table.columns):,} columns, but an Excel sheet can hold"
                f" {MOST_COLUMNS:,}: select some of them with --query"
            )


def write(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], path: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write a sheet for every table."""
    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    workbook = _driver()(str(path), options)
    workbook.use_zip64()
    workbook.set_properties(
        {"author": MAKER, "comments": f"exported {stamp.made_at:%Y-%m-%d %H:%M} UTC; times are UTC"}
    )
    header = workbook.add_format({"bold": True, "bottom": 1})
    for name, table in zip(sheet_names([table.label for table in tables]), tables, strict=True):
        sheet = workbook.add_worksheet(name)
        cells = [_cell(workbook, column) for column in table.columns]
        _head(sheet, table, cells, header)
        yield from _fill(db, sheet, table, cells)
        yield Written(table.label, table.rows, notes=tuple(cell.note(table) for cell in cells if cell.cut))
    _close(workbook)


def _close(workbook: "Workbook") -> None:
    """Finish the workbook; disk errors are raised as OSError."""
    from xlsxwriter.exceptions import FileCreateError

    try:
        workbook.close()
    except FileCreateError as error:
        raise error.__context__ or error from None


def is_made_by_cksync(path: Path) -> bool:
    """Return True if `write` made this workbook."""
    try:
        with zipfile.ZipFile(path) as file:
            return f"<dc:creator>{MAKER}</dc:creator>".encode() in file.read("docProps/core.xml")
    except (zipfile.BadZipFile, KeyError):
        return False


def sheet_names(names: Sequence[str]) -> list[str]:
    """Return distinct names that Excel accepts for sheets: 31 characters, none of []:*?/\\, no ' at an end, not
    `History`."""
    allowed = [cut(_INVALID.sub("_", name).strip("'"), NAME_LENGTH, "utf-16-le").rstrip("'") or "_" for name in names]
    allowed = [f"{name}_" if name.casefold() == "history" else name for name in allowed]
    return fitting(allowed, NAME_LENGTH, "utf-16-le")


def _driver() -> "Callable[..., Workbook]":
    try:
        import xlsxwriter
    except ImportError:
        raise Rejected("Excel needs an extra package: pip install 'cksync[excel]'") from None
    workbook: Callable[..., Workbook] = xlsxwriter.Workbook
    return workbook


@dataclass
class _Cell:
    """A column of a sheet: how its values are written, and how many texts were cut."""

    column: ExportColumn
    kind: Kind
    format: "Format | None"
    cut: int = field(default=0)

    def write(self, sheet: "Worksheet", row: int, place: int, value: Any) -> None:
        """Write one cell; null is an empty one."""
        if value is None or value == "":
            return
        if isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif isinstance(value, datetime | date):
            sheet.write_datetime(row, place, value, self.format)
        elif isinstance(value, int | float):
            sheet.write_number(row, place, value, self.format)
        else:
            sheet.write_string(row, place, self._fitting(value))

    def _fitting(self, text: str) -> str:
        text = _NO_TEXT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
        if len(text) * 2 <= MOST_CHARACTERS or length(text, "utf-16-le") <= MOST_CHARACTERS:
            return text
        self.cut += 1
        return cut(text, MOST_CHARACTERS - 1, "utf-16-le") + "…"

    def note(self, table: ExportTable) -> str:
        """Return what could not be preserved."""
        return (
            f"{table.label}.{self.column.name}: {plural(self.cut, 'value')} truncated to {MOST_CHARACTERS:,} characters"
        )


def _cell(workbook: "Workbook", column: ExportColumn) -> _Cell:
    kind = kind_of(column)
    form = "0" if kind == "decimal" and digits(column)[1] == 0 else _FORMATS.get(kind)
    return _Cell(column, kind, workbook.add_format({"num_format": form}) if form else None)


def _head(sheet: "Worksheet", table: ExportTable, cells: Sequence[_Cell], header: "Format") -> None:
    for place, cell in enumerate(cells):
        sheet.set_column(place, place, max(_WIDTHS.get(cell.kind, 12), min(len(cell.column.name) + 4, 40)))
        sheet.write_string(0, place, _NO_TEXT.sub("\ufffd", cell.column.name), header)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, table.rows, max(len(cells) - 1, 0))


def _fill(
    db: duckdb.DuckDBPyConnection, sheet: "Worksheet", table: ExportTable, cells: Sequence[_Cell]
) -> Iterator[Moving]:
    odd = [place for place, cell in enumerate(cells) if cell.kind in _TIMES]
    select = ", ".join([*(_select(cell.column) for cell in cells), *(_odd(cells[place].column) for place in odd)])
    found = db.execute(f"select {select} from {table.relation}")
    row = 0
    yield Moving(table.label, row, table.rows)
    while rows := found.fetchmany(FETCH_ROWS):
        for values in rows:
            row += 1
            texts = dict(zip(odd, values[len(cells) :], strict=True))
            for place, (cell, value) in enumerate(zip(cells, values[: len(cells)], strict=True)):
                cell.write(sheet, row, place, texts.get(place) or _known(value))
        yield Moving(table.label, row, table.rows)


def _select(column: ExportColumn) -> str:
    """Return the SQL of a column; an instant is in UTC, without a zone."""
    value = plain(column)
    return f"timezone('UTC', {value})" if kind_of(column) == "instant" else value


def _odd(column: ExportColumn) -> str:
    """Return SQL for the text of a time outside Python's range; null for any other."""
    value = _select(column)
    return f"case when not isfinite({value}) then {value}::varchar end"


def _known(value: Any) -> Any:
    """Return the value as Excel can hold it without loss, or as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST else str(value)
    if isinstance(value, Decimal):
        return float(value) if len(value.normalize().as_tuple().digits) <= 15 else f"{value:f}"
    if isinstance(value, float):
        return value if abs(value) < LARGEST_FLOAT else str(value)
    if isinstance(value, datetime):
        return value if FIRST <= value <= LAST else value.isoformat(" ")
    if isinstance(value, date):
        return value if FIRST.date() <= value <= LAST.date() else value.isoformat()
    return value
