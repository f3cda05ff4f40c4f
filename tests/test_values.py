"""Values in CSV, JSON and lines, and in exports: none changes, however extreme it is."""

import csv
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pytest

from cksync.analyze.export.excel import sheet_names
from cksync.analyze.export.run import Order, export
from cksync.cli.values import exact_rows, json_rows, text_of

# A value in SQL, as CSV and lines have it, and as JSON has it if that is not the same as a text.
ODD: list[tuple[str, str, Any]] = [
    ("'infinity'::timestamptz", "infinity", None),
    ("'-infinity'::timestamptz", "-infinity", None),
    ("'infinity'::timestamp", "infinity", None),
    ("'-infinity'::timestamp_s", "-infinity", None),
    ("'infinity'::date", "infinity", None),
    ("'9999-12-31'::date", "9999-12-31", None),
    ("'9999-12-31 23:59:59.999999+00'::timestamptz", "9999-12-31T23:59:59.999999+00:00", "9999-12-31T23:59:59.999999Z"),
    ("'0044-03-15 (BC)'::date", "0044-03-15 (BC)", None),
    ("'12026-01-01 00:00:00+00'::timestamptz", "12026-01-01 00:00:00+00", None),
    ("'2026-01-01 00:00:00.123456789'::timestamp_ns", "2026-01-01T00:00:00.123456789", None),
    ("'2026-01-01 00:00:00.5'::timestamp_ns", "2026-01-01T00:00:00.500000", None),
    ("interval 14 month", "1 year 2 months", None),
    ("'\\xFF'::blob", "/w==", None),
    ("['infinity'::timestamptz, null]", '["infinity",null]', ["infinity", None]),
    ("{'t': 'infinity'::date, 'n': 1.25::decimal(9, 2)}", '{"t":"infinity","n":1.25}', {"t": "infinity", "n": 1.25}),
    ("[interval 1 month]", '["1 month"]', ["1 month"]),
    ("['2026-01-01'::date]", '["2026-01-01"]', ["2026-01-01"]),
]


@pytest.mark.parametrize(("value", "text", "in_json"), ODD, ids=[odd[0] for odd in ODD])
def test_a_value_that_python_does_not_know_is_printed_as_it_is(value: str, text: str, in_json: Any) -> None:
    with duckdb.connect() as db:
        db.execute("set TimeZone = 'UTC'")
        relation = db.sql(f"select {value} as x, 1 as x, null::timestamptz as nothing, {value} as y")
        ((odd, one, nothing, again),) = exact_rows(relation)
        assert (str(text_of(odd)), one, nothing, str(text_of(again))) == (text, 1, None, text)
        expected = text if in_json is None else in_json
        assert [json.loads(row) for row in json_rows(relation)] == [
            {"x": expected, "x_1": 1, "nothing": None, "y": expected}
        ]


def test_rows_stay_in_their_order_and_keep_their_common_values() -> None:
    with duckdb.connect() as db:
        relation = db.sql(
            "select range as n, case when n % 7 = 0 then 'infinity' else timestamp '2026-01-01' end as at"
            " from range(30000) order by hash(n), n"
        )
        rows = [(n, str(at)) for n, at in exact_rows(relation)]
        expected = [(n, "infinity" if n % 7 == 0 else "2026-01-01 00:00:00") for n, _ in relation.fetchall()]
        assert rows == expected


TIMES = """
select 'infinity'::timestamptz as a, '-infinity'::timestamp as b, 'infinity'::date as c,
    '0044-03-15 (BC) 12:00:00.5+00'::timestamptz as d, '0044-03-15 (BC)'::date as e, '9999-12-31'::date as f
"""


def exported(tmp_path: Path, target: str, query: str, tables: Sequence[str] = (), alias: str = "t") -> Path:
    """Return an export of a query's result, from a mirror with these tables, each with the columns id and a_id."""
    (tmp_path / "data").mkdir()
    with duckdb.connect(str(tmp_path / "data" / "mirror.duckdb")) as db:
        for name in tables:
            db.execute(f'create table "{name}" as select 1 as id, 2 as a_id')
    list(export(tmp_path / "data", Order(str(tmp_path / target), tuple(tables), query, alias)))
    return tmp_path / target


def test_infinite_times_and_times_before_christ_are_exported_to_csv(tmp_path: Path) -> None:
    with open(exported(tmp_path, "t.csv", TIMES), newline="") as file:
        _, row = csv.reader(file)
    assert row == [
        *("infinity", "-infinity", "infinity", "0044-03-15 (BC) 12:00:00.5+00", "0044-03-15 (BC)", "9999-12-31")
    ]


def test_infinite_times_and_times_before_christ_are_exported_to_sqlite(tmp_path: Path) -> None:
    db = sqlite3.connect(exported(tmp_path, "t.sqlite", TIMES))
    assert db.execute("select * from t").fetchall() == [
        ("infinity", "-infinity", "infinity", "0044-03-15 (BC) 12:00:00.5+00", "0044-03-15 (BC)", "9999-12-31")
    ]
    db.close()


def test_infinite_times_and_times_before_christ_are_exported_to_excel_as_texts(tmp_path: Path) -> None:
    (_, row) = openpyxl.load_workbook(exported(tmp_path, "t.xlsx", TIMES))["t"].iter_rows(values_only=True)
    assert row[:5] == ("infinity", "-infinity", "infinity", "0044-03-15 (BC) 12:00:00.5", "0044-03-15 (BC)")
    assert str(row[5]) == "9999-12-31 00:00:00"


# -- reserved names of a format


def test_tables_and_indexes_of_sqlite_never_have_one_name(tmp_path: Path) -> None:
    """`a_b` with an index on `id`, and `a` with one on `b_id`; `sqlite_` and `_cksync_export` are taken."""
    tables = ["a", "a_id", "a_a_id", "a_a", "sqlite_x", "SQLITE_x2", "_cksync_export"]
    db = sqlite3.connect(exported(tmp_path, "t.sqlite", "select 1 as rowid, 2 as oid, 3 as _rowid_", tables, "rowid"))
    names = [row[0] for row in db.execute("select name from sqlite_master where type = 'table' order by rowid")]
    assert names == [*tables[:4], "_sqlite_x", "_SQLITE_x2", "_cksync_export_2", "rowid", "_cksync_export"]
    for name in names[:7]:
        assert db.execute(f'select id, a_id from "{name}"').fetchall() == [(1, 2)]
    assert db.execute("select rowid, oid, _rowid_ from rowid").fetchall() == [(1, 2, 3)]
    indexed = db.execute("select count(*) from sqlite_master where type = 'index'").fetchall()
    assert indexed == [(2 * len(tables),)]
    db.close()


@pytest.mark.parametrize(
    ("names", "sheets"),
    [
        (["History"], ["History_"]),
        (["HISTORY", "history_"], ["HISTORY_", "history__2"]),
        (["'" + "a" * 30 + "'b"], ["a" * 30]),
        (["a" * 30 + "'bc"], ["a" * 30]),
        (["x:\\/?*[]y", "X_______Y"], ["x_______y", "X_______Y_2"]),
        (["'''", ""], ["_", "__2"]),
        (["Straße", "STRASSE"], ["Straße", "STRASSE_2"]),
        (["a\ufffeb"], ["a_b"]),
    ],
)
def test_a_sheet_has_a_name_that_excel_takes(names: list[str], sheets: list[str]) -> None:
    assert sheet_names(names) == sheets


def test_an_answer_named_as_a_sheet_of_excels_own_is_written(tmp_path: Path) -> None:
    path = exported(tmp_path, "t.xlsx", "select 1 as one", alias="History")
    assert openpyxl.load_workbook(path).sheetnames == ["History_"]
