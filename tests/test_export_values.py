"""Any value of any type, including hostile text, survives an export unchanged; in Excel within its limits."""

import csv
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from cksync.analyze.export.run import Order, export

COLUMNS = {
    "number": "bigint",
    "money": "decimal(18, 4)",
    "ratio": "double",
    "flag": "boolean",
    "happened_at": "timestamptz",
    "local": "timestamp",
    "day": "date",
    "text": "varchar",
    "part": "json",
}
Row = tuple[Any, ...]
# An example takes four exports: shrinking would take minutes.
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)

HOSTILE = (
    *("=1+1", "@x", "-5", "+5", "'=x", "''", "'", '"', '""', ",", "\r\n", "\r", "\n", "\t", "\x00", "\x0b", "\x1f"),
    *("_x0041_", "_x000D_", "http://x.com", "NULL", "null", "NaN", "true", "1e5", "007", " lead", "trail ", "\ufeff"),
    *("\ufffe", "\U0001f600", "a\u0301", "\u202e", "'); drop table t; --", "%s", "\\N", "\\", "{", "</t>", "&amp;"),
)
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=20))
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))
rows = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(10**18) + 1, 10**18 - 1).map(lambda number: Decimal(number).scaleb(-4)),
    st.floats(allow_nan=False),
    st.booleans(),
    moments.map(lambda moment: moment.replace(tzinfo=UTC)),
    moments,
    st.dates(date(1, 1, 2), date(9999, 12, 30)),
    texts,
    st.dictionaries(texts, st.one_of(texts, st.integers(-(2**53), 2**53), st.none()), max_size=3).map(json.dumps),
)
# a row of nulls is no row of a sheet
with_nulls = st.tuples(rows, st.sets(st.integers(1, len(COLUMNS) - 1))).map(
    lambda pair: tuple(None if place in pair[1] else value for place, value in enumerate(pair[0]))
)


@settings(max_examples=6, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(with_nulls, min_size=1, max_size=25))
def test_every_value_comes_back(given_rows: list[Row]) -> None:
    check(given_rows)


@pytest.mark.heavy
@settings(max_examples=150, deadline=None, phases=WITHOUT_SHRINKING)
@given(st.lists(with_nulls, min_size=1, max_size=25))
def test_every_value_comes_back_often(given_rows: list[Row]) -> None:
    check(given_rows)


def test_every_hostile_text_comes_back() -> None:
    nothing = (None,) * (len(COLUMNS) - 3)
    check([(1, *nothing, text, json.dumps({text: text})) for text in HOSTILE])


def check(given_rows: Sequence[Row]) -> None:
    """Export the rows in four formats, and read them back with another library."""
    with tempfile.TemporaryDirectory(prefix="cksync-test-") as name:
        data = Path(name) / "data"
        data.mkdir()
        with duckdb.connect(str(data / "mirror.duckdb")) as db:
            db.execute("set TimeZone = 'UTC'")
            db.execute(f"create table t (place integer, {', '.join(map(' '.join, COLUMNS.items()))})")
            marks = ", ".join("?" * (len(COLUMNS) + 1))
            db.executemany(f"insert into t values ({marks})", [(n, *row) for n, row in enumerate(given_rows)])
        columns = ", ".join(COLUMNS)
        for target in ("t.csv", "t.sqlite", "t.xlsx", "t.duckdb"):
            list(export(data, Order(f"{name}/{target}", query=f"select {columns} from t order by place", alias="t")))
        folder = Path(name)
        assert from_csv(folder / "t.csv") == [tuple(map(in_csv, row)) for row in given_rows]
        assert from_sqlite(folder / "t.sqlite") == [tuple(map(in_sqlite, row)) for row in given_rows]
        assert from_duckdb(folder / "t.duckdb") == list(given_rows)
        for found, row in zip(from_excel(folder / "t.xlsx"), given_rows, strict=True):
            assert all(map(is_same_in_excel, found, row)), (found, row)


# -- CSV: only quotes, which the csv module does not show, distinguish "" from null


def from_csv(path: Path) -> list[Row]:
    with open(path, encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file, strict=True)
    assert header == list(COLUMNS)
    readers: tuple[Callable[[str], Any], ...] = (
        *(int, Decimal, float, lambda text: {"true": True, "false": False}[text]),
        *(datetime.fromisoformat, datetime.fromisoformat, date.fromisoformat, unguarded, unguarded),
    )
    return [tuple(read(text) if text else None for read, text in zip(readers, line, strict=True)) for line in lines]


def unguarded(text: str) -> str:
    assert not re.match(r"[=+\-@\t\r\n]", text)
    return text[1:] if re.match(r"'+[=+\-@\t\r\n]", text) else text


def in_csv(value: Any) -> Any:
    return None if value == "" else value


# -- SQLite


def from_sqlite(path: Path) -> list[Row]:
    db = sqlite3.connect(path)
    found = db.execute(f"select {', '.join(COLUMNS)} from t order by rowid").fetchall()
    db.close()
    return found


def in_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


# -- DuckDB


def from_duckdb(path: Path) -> list[Row]:
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        return [
            tuple(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in row)
            for row in db.execute("from t").fetchall()
        ]


# -- Excel


def from_excel(path: Path) -> list[Row]:
    book = openpyxl.load_workbook(path)
    found = [tuple(cell.value for cell in row) for row in book["t"].iter_rows(min_row=2, max_col=len(COLUMNS))]
    book.close()
    return found


def is_same_in_excel(found: Any, value: Any) -> bool:
    """Compare numbers to 15 digits, times to the millisecond, texts without control characters; else as text."""
    if value is None or value == "":
        return found is None
    if isinstance(value, bool):
        return found is value
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
        if isinstance(found, datetime):
            return bool(abs(found - value) <= timedelta(milliseconds=1))
        return bool(value < datetime(1900, 3, 1) and found == value.isoformat(" "))
    if isinstance(value, date):
        if isinstance(found, datetime):
            return found == datetime(value.year, value.month, value.day)
        return bool(value < date(1900, 3, 1) and found == value.isoformat())
    if isinstance(value, str):
        shown = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", re.sub("\r\n?", "\n", value))
        return bool(unescape(found) == shown)
    if isinstance(found, str):
        return bool(type(value)(found) == value)
    return bool(found == value if isinstance(value, int) else found == pytest.approx(float(value), rel=1e-15))
