"""Exports, read back by other libraries; targets that are complete or unchanged; no silent loss of values."""

import csv
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from cksync.analyze.export.events import Event, Exported, Moving
from cksync.analyze.export.excel import sheet_names
from cksync.analyze.export.naming import cut, fitting
from cksync.analyze.export.run import Order, export
from cksync.analyze.export.target import FORMS, Target, hide_password, parse
from cksync.cli.export import FORMS as OFFERED
from cksync.errors import Failed, Locked, Refused, Rejected
from cksync.secrets import redact
from cksync.sqltext import identifier, literal
from tests.conftest import Command

PEOPLE: list[tuple[Any, ...]] = [
    (
        1,
        "Ada@Example.com",
        "Ada",
        "active",
        "2024-01-02 03:04:05.678901+00",
        '{"company": "=1+1", "mail": "ada@example.com"}',
    ),
    (
        9007199254740993,
        "+bo@example.com",
        '=HYPERLINK("http://x")',
        "cancelled",
        "2025-06-30 23:59:59+00",
        '{"note": "line\\nada@example.com"}',
    ),
    (3, None, "", None, None, None),
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a mirror that has some of everything."""
    folder = tmp_path / "data"
    folder.mkdir()
    with duckdb.connect(str(folder / "mirror.duckdb")) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(
            """
            create schema history;
            create schema _cksync;
            create table _cksync.loads as
            select 'load-1' as load_id, timestamptz '2026-01-01 00:00:00+00' as ended_at
            union all select 'load-2', timestamptz '2026-01-02 00:00:00+00';
            create table subscribers (
                id bigint, email_address varchar, first_name varchar, state varchar, created_at timestamptz, fields json
            );
            create table purchases (
                id bigint, subscriber_id bigint, total decimal(18, 4), rate double, is_paid boolean, bought_on date,
                transaction_time timestamptz
            );
            insert into purchases values
                (1, 1, 12.5, 0.25, true, '2024-02-03', '2024-02-03 10:00:00+00'),
                (2, 1, -3, 'nan', false, '1850-01-01', null),
                (3, null, 12345678901234.5678, null, null, null, null);
            create view list as select state, count(*) as people from subscribers group by all;
            create table history.subscribers as select 7 as id, timestamptz '2024-01-01 00:00:00+00' as valid_from;
            comment on table subscribers is 'One row per person.';
            comment on column subscribers.state is 'The person''s state.';
            comment on view list is 'One row per state.';
            comment on column list.people is 'How many.'
            """
        )
        db.executemany("insert into subscribers values (?, ?, ?, ?, ?, ?)", PEOPLE)
    return folder


def run(data: Path, target: Path | str, *names: str, **order: Any) -> Exported:
    """Export to the end."""
    *_, last = export(data, Order(str(target), names, **order))
    assert isinstance(last, Exported)
    return last


def rows_of(path: Path) -> list[list[str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# -- choosing what to export


def test_without_names_all_current_tables_and_models_go(data: Path, tmp_path: Path) -> None:
    done = run(data, tmp_path / "out")
    assert [(table.table, table.rows) for table in done.tables] == [("list", 3), ("purchases", 3), ("subscribers", 3)]
    assert (done.stamp.load_id, done.stamp.loaded_at) == ("load-2", datetime(2026, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["subscribers"], ["subscribers"]),
        (["sub*", "list", "subscribers"], ["subscribers", "list"]),
        (["history.*"], ["history_subscribers"]),
        (["history.subscribers", "subscribers"], ["history_subscribers", "subscribers"]),
        (["_cksync.loads"], ["_cksync_loads"]),
    ],
)
def test_names_choose(names: list[str], labels: list[str], data: Path, tmp_path: Path) -> None:
    assert [table.table for table in run(data, tmp_path / "out", *names).tables] == labels


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("subscribrs", "did you mean subscribers?"),
        ("history.subscriber", "did you mean history.subscribers?"),
        ("Purchases", "did you mean purchases?"),
        ("xyz*", "choose from list, purchases, subscribers"),
    ],
)
def test_a_name_that_nothing_has_gets_what_was_meant(name: str, words: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected) as raised:
        run(data, tmp_path / "out", name)
    assert words in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_query_goes_alone_or_with_names(data: Path, tmp_path: Path) -> None:
    query = "select state as s, count(*) as n from subscribers group by all order by all limit 1; -- the first"
    done = run(data, tmp_path / "one.csv", query=query, alias="states")
    assert [table.table for table in done.tables] == ["states"]
    assert rows_of(tmp_path / "one.csv") == [["s", "n"], ["active", "1"]]
    both = run(data, tmp_path / "both", "list", query=query, alias="states")
    assert [table.table for table in both.tables] == ["list", "states"]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"query": "selec 1"}, 'syntax error at or near "selec"'),
        ({"query": "select nope from subscribers"}, "nope"),
        ({"query": "select 1; select 2"}, "exactly one select"),
        ({"query": "drop table subscribers"}, "exactly one select"),
        ({"query": "select 1", "alias": "../x"}, "only letters"),
        ({"query": "select 1", "alias": "List", "names": ("list",)}, "two exported tables are named"),
        ({"partition_by": "nope"}, "no exported table has this column"),
        ({"partition_by": "id", "form": "csv"}, "needs a folder of Parquet"),
    ],
)
def test_an_order_that_makes_no_sense_is_rejected(
    order: dict[str, Any], words: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(Rejected) as raised:
        list(export(data, Order(str(tmp_path / "out"), **order)))
    assert words in str(raised.value)
    assert list(tmp_path.iterdir()) == [data]


def test_a_model_that_cannot_be_computed_is_named(data: Path, tmp_path: Path) -> None:
    with duckdb.connect(str(data / "mirror.duckdb")) as db:
        db.execute("create view broken as select cast(first_name as integer) as n from subscribers")
    with pytest.raises(Rejected, match="the model broken cannot be computed"):
        run(data, tmp_path / "out")


def test_without_a_mirror_it_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="there is no mirror in"):
        run(tmp_path / "data", tmp_path / "out")


# -- Parquet


def test_parquet_reads_back_with_its_types(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out/")
    purchases = ds.dataset(tmp_path / "out/purchases", partitioning="hive").to_table().sort_by("id").to_pylist()
    assert [(row["total"], row["is_paid"], row["bought_on"]) for row in purchases] == [
        (Decimal("12.5000"), True, date(2024, 2, 3)),
        (Decimal("-3.0000"), False, date(1850, 1, 1)),
        (Decimal("12345678901234.5678"), None, None),
    ]
    assert purchases[0]["transaction_time"] == datetime(2024, 2, 3, 10, tzinfo=UTC)
    assert pq.read_table(tmp_path / "out/list/part-0.parquet").num_rows == 3


def test_what_grows_is_partitioned_by_year_and_the_rest_is_not(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out/subscribers").iterdir()) == [
        "created_at_year=2024",
        "created_at_year=2025",
        "created_at_year=__HIVE_DEFAULT_PARTITION__",
    ]
    assert [path.suffix for path in (tmp_path / "out/list").iterdir()] == [".parquet"]


@pytest.mark.parametrize(
    ("column", "folders"),
    [
        ("none", set()),
        ("bought_on", {"bought_on_year=1850", "bought_on_year=2024", "bought_on_year=__HIVE_DEFAULT_PARTITION__"}),
        ("is_paid", {"is_paid_is=false", "is_paid_is=true", "is_paid_is=__HIVE_DEFAULT_PARTITION__"}),
    ],
)
def test_the_partition_can_be_chosen(column: str, folders: set[str], data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out", partition_by=column)
    made = {path.name for path in (tmp_path / "out/purchases").iterdir() if path.is_dir()}
    assert made == folders
    assert ds.dataset(tmp_path / "out/purchases", partitioning="hive").count_rows() == 3


def test_a_partition_of_too_many_folders_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="rows has 1,001 different values"):
        run(data, tmp_path / "out", query="select range as n from range(1001)", alias="rows", partition_by="n")


def test_the_manifest_tells_what_is_there_and_how_to_know_it_is_whole(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert (manifest["format"], manifest["mirror"]["load_id"]) == ("parquet", "load-2")
    tables = {table["name"]: table for table in manifest["tables"]}
    people = tables["subscribers"]
    assert (people["comment"], people["rows"]) == ("One row per person.", 3)
    assert {"name": "state", "type": "VARCHAR", "comment": "The person's state."} in people["columns"]
    assert {"name": "people", "type": "BIGINT", "comment": "How many."} in tables["list"]["columns"]
    files = [file for table in manifest["tables"] for file in table["files"]]
    assert {tmp_path / "out" / file["path"] for file in files} == set((tmp_path / "out").rglob("*.parquet"))
    for file in files:
        content = (tmp_path / "out" / file["path"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert sum(file["rows"] for file in people["files"]) == 3
    assert {"created_at_year": "2024"} in [file["partition"] for file in people["files"]]


def test_files_of_parquet_are_of_bounded_size(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cksync.analyze.export.parquet.FILE_BYTES", "500KB")
    monkeypatch.setattr("cksync.analyze.export.parquet.ROW_GROUP", 10_000)
    query = "select range as id, md5(range::varchar) as t, timestamptz '2026-01-01 00:00:00Z' as at from range(60000)"
    run(data, tmp_path / "out", query=query, alias="many", partition_by="at")
    files = sorted((tmp_path / "out/many/at_year=2026").iterdir())
    assert len(files) > 1
    assert max(path.stat().st_size for path in files) < 1_500_000
    assert ds.dataset(files).count_rows() == 60_000


def test_an_empty_table_is_a_table_too(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out", query="from subscribers where false", alias="subscribers")
    assert pq.read_table(tmp_path / "out/subscribers").column_names[:2] == ["id", "email_address"]


def test_the_same_mirror_gives_the_same_files(data: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run(data, tmp_path / name)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.parquet")]
    assert files
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in files)


# -- CSV


def test_csv_is_that_of_rfc_4180(data: Path, tmp_path: Path) -> None:
    query = """select 'a,b' as "x,y", 'say "hi"' as quoted, e'two\\nlines' as lines, null as nothing, '' as empty"""
    run(data, tmp_path / "out.csv", query=query)
    assert (tmp_path / "out.csv").read_bytes() == (
        b'"x,y",quoted,lines,nothing,empty\r\n"a,b","say ""hi""","two\nlines",,""\r\n'
    )


def test_csv_writes_every_type_as_text_that_others_read(data: Path, tmp_path: Path) -> None:
    query = """select true as flag, -0.0000000001::decimal(38, 10) as small, 9223372036854775807 as large,
        timestamptz '2024-01-02 03:04:05+02' as at, timestamp '2024-01-02 03:04:05.5' as local,
        date '2024-01-02' as day, [1.5, null] as list, {'a': 'ä'} as struct, '{"a": 1.50}'::json as json,
        -1.5::double as ratio, -5 as minus, 'infinity'::timestamptz as ever, '\\xff'::blob as bytes"""
    run(data, tmp_path / "out.csv", query=query)
    header, row = rows_of(tmp_path / "out.csv")
    assert dict(zip(header, row, strict=True)) == {
        "flag": "true",
        "small": "-0.0000000001",
        "large": "9223372036854775807",
        "at": "2024-01-02T01:04:05+00:00",
        "local": "2024-01-02T03:04:05.500000",
        "day": "2024-01-02",
        "list": "[1.5,null]",
        "struct": '{"a":"ä"}',
        "json": '{"a": 1.50}',
        "ratio": "-1.5",
        "minus": "-5",
        "ever": "infinity",
        "bytes": "/w==",
    }


def test_no_cell_and_no_header_of_csv_is_a_formula(data: Path, tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "'=1", "''@"]
    columns = ", ".join(f"{literal(text)} as {identifier(text)}" for text in texts)
    run(data, tmp_path / "out.csv", query=f"select {columns}")
    assert rows_of(tmp_path / "out.csv") == [[f"'{text}" for text in texts]] * 2


def test_other_cells_of_csv_stay(data: Path, tmp_path: Path) -> None:
    texts = ["a=1", "'", "'x", " =1", "12", "(1)"]
    columns = ", ".join(f"{literal(text)} as {identifier(text)}" for text in texts)
    run(data, tmp_path / "out.csv", query=f"select {columns}")
    assert rows_of(tmp_path / "out.csv") == [texts] * 2


def test_a_folder_of_csv_has_a_manifest(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out", form="csv")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json",
        "list.csv",
        "purchases.csv",
        "subscribers.csv",
    }


# -- Excel


def sheet(path: Path, name: str) -> list[list[Any]]:
    book = openpyxl.load_workbook(path)
    rows = [[cell.value for cell in row] for row in book[name].iter_rows()]
    book.close()
    return rows


def test_excel_has_a_sheet_a_table_with_typed_columns(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out.xlsx")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert book.sheetnames == ["list", "purchases", "subscribers"]
    people, purchases = book["subscribers"], book["purchases"]
    assert (people.freeze_panes, people.auto_filter.ref) == ("A2", "A1:F4")
    assert [cell.value for cell in people[1]] == ["id", "email_address", "first_name", "state", "created_at", "fields"]
    assert people["E2"].value.replace(microsecond=0) == datetime(2024, 1, 2, 3, 4, 5)
    assert (people["E2"].number_format, people["E2"].is_date) == ("yyyy-mm-dd hh:mm:ss", True)
    assert [cell.value for cell in people["A"]] == ["id", 1, "9007199254740993", 3]
    assert [cell.value for cell in purchases["C"]] == ["total", 12.5, -3, "12345678901234.5678"]
    assert purchases["C2"].number_format == "#,##0.00##"
    assert [cell.value for cell in purchases["E"]] == ["is_paid", True, False, None]
    assert (purchases["F2"].value, purchases["F3"].value) == (datetime(2024, 2, 3), "1850-01-01")
    assert [cell.value for cell in purchases["D"]] == ["rate", 0.25, "nan", None]
    book.close()


def test_no_text_of_excel_is_a_formula_or_a_link(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out.xlsx", "subscribers")
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")
    cell = book["subscribers"]["C3"]
    assert (cell.value, cell.data_type, cell.hyperlink) == ('=HYPERLINK("http://x")', "s", None)
    book.close()
    with zipfile.ZipFile(tmp_path / "out.xlsx") as file:
        assert b"<f>" not in file.read("xl/worksheets/sheet1.xml")


def test_a_text_too_long_for_excel_is_cut_and_said(data: Path, tmp_path: Path) -> None:
    query = "select repeat('x', 32767) as fits, repeat('x', 32768) as long, repeat('\U0001f600', 20000) as wide"
    done = run(data, tmp_path / "out.xlsx", query=query)
    assert done.tables[0].notes == (
        "query.long: 1 value truncated to 32,767 characters",
        "query.wide: 1 value truncated to 32,767 characters",
    )
    _, (fits, long, wide) = sheet(tmp_path / "out.xlsx", "query")
    assert (fits, long) == ("x" * 32767, "x" * 32766 + "…")
    assert wide == "\U0001f600" * 16383 + "…"


def test_control_characters_do_not_spoil_a_workbook(data: Path, tmp_path: Path) -> None:
    query = "select 'a' || chr(1) || 'b' || chr(11) || chr(0) || chr(65535) as bad, e'a\\r\\nb\\rc\\td' as lines"
    run(data, tmp_path / "out.xlsx", query=query)
    assert sheet(tmp_path / "out.xlsx", "query")[1] == ["a\ufffdb\ufffd\ufffd\ufffd", "a\nb\nc\td"]


def test_more_rows_than_a_sheet_holds_are_refused_before_anything_is_written(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out.xlsx", "list")
    before = (tmp_path / "out.xlsx").read_bytes()
    with pytest.raises(Rejected) as raised:
        run(data, tmp_path / "out.xlsx", "list", query="from range(1048576)", alias="many")
    assert str(raised.value) == (
        "many has 1,048,576 rows, but an Excel sheet can hold 1,048,575: export the other tables by name, select part"
        " of this one with --query, or use CSV or Parquet"
    )
    assert (tmp_path / "out.xlsx").read_bytes() == before


def test_sheets_have_names_that_excel_takes() -> None:
    names = ["a" * 40, "A" * 40, "what/is:this?", "'quoted'", "history", "\U0001f600" * 20, ""]
    made = sheet_names(names)
    assert made[:5] == ["a" * 31, "A" * 29 + "_2", "what_is_this_", "quoted", "history_"]
    assert made[5:] == ["\U0001f600" * 15, "_"]


def test_names_are_cut_between_characters_and_stay_apart() -> None:
    assert cut("aäb", 2, "utf-8") == "a"
    assert fitting(["abcd", "ABCD", "abc", "ab_2"], 4, "utf-8") == ["abcd", "AB_2", "abc", "ab_3"]


# -- SQLite


def test_sqlite_reads_back_with_its_types_and_indexes(data: Path, tmp_path: Path) -> None:
    done = run(data, tmp_path / "out.sqlite")
    db = sqlite3.connect(tmp_path / "out.sqlite")
    assert db.execute("select id, total, rate, is_paid, bought_on, transaction_time from purchases").fetchall() == [
        (1, 12.5, 0.25, 1, "2024-02-03", "2024-02-03T10:00:00.000000Z"),
        (2, -3, None, 0, "1850-01-01", None),
        (3, 12345678901234.568, None, None, None, None),
    ]
    assert db.execute("select sum(total) > 100, count(*) from purchases where total > 9").fetchone() == (1, 2)
    assert db.execute("select datetime(created_at) from subscribers where id = 1").fetchone() == (
        "2024-01-02 03:04:05",
    )
    assert db.execute("select fields ->> 'company' from subscribers where id = 1").fetchone() == ("=1+1",)
    assert db.execute("select max(id) from subscribers").fetchone() == (9007199254740993,)
    indexes = {name for (name,) in db.execute("select name from sqlite_master where type = 'index'")}
    assert indexes >= {"subscribers_id", "subscribers_email_address", "purchases_subscriber_id"}
    assert db.execute("select load_id, emails_hashed from _cksync_export").fetchone() == ("load-2", 0)
    db.close()
    (purchases,) = (table for table in done.tables if table.table == "purchases")
    assert purchases.notes == ("purchases.total: 1 value with more than 15 digits, rounded by SQLite",)


# -- DuckDB


def test_a_duckdb_to_share_has_tables_comments_and_its_origin(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out.duckdb", "subscribers", "list", "history.*")
    with duckdb.connect(str(tmp_path / "out.duckdb"), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        tables = db.execute("select schema_name, table_name, comment from duckdb_tables() order by all").fetchall()
        assert tables == [
            ("_cksync", "export", None),
            ("history", "subscribers", None),
            ("main", "list", "One row per state."),
            ("main", "subscribers", "One row per person."),
        ]
        query = "select comment from duckdb_columns() where table_name = 'list' and column_name = 'people'"
        assert db.execute(query).fetchall() == [("How many.",)]
        assert db.execute("select load_id, emails_hashed from _cksync.export").fetchall() == [("load-2", False)]
        assert db.execute("select count(*), count(email_address) from subscribers").fetchall() == [(3, 2)]
        tags = db.execute("select tags['storage_version'] from duckdb_databases() where not internal").fetchall()
        assert str(tags[0][0]).startswith("v1.2")


# -- addresses


def sha(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()


def test_hashed_addresses_are_the_same_everywhere_and_nothing_else_changes(data: Path, tmp_path: Path) -> None:
    query = r"""
        select 'ADA@example.com' as email_address, 'ADA@example.com' as contact, 'no @ all' as note,
            'https://x.com/?e=ada%40example.com&f=1' as referrer, 'o''neill@example.com, ada@example.com.' as two,
            {'mail': 'ada@example.com', 'n': 1} as struct, '{"a": 1.50, "b": "\\\nada@example.com"}'::json as json,
            '"ada\u0040example.com"'::json as spelled, '' as backup_email, 'layout@2x' as email_layout_template,
            null as email
    """
    run(data, tmp_path / "out.csv", query=query, is_hashed=True)
    header, row = rows_of(tmp_path / "out.csv")
    ada = sha("ada@example.com")
    assert dict(zip(header, row, strict=True)) == {
        "email_address": ada,
        "contact": ada,
        "note": "no @ all",
        "referrer": f"https://x.com/?e={ada}&f=1",
        "two": f"{sha(chr(111) + chr(39) + 'neill@example.com')}, {ada}.",
        "struct": f'{{"mail":"{ada}","n":1}}',
        "json": rf'{{"a": 1.50, "b": "\\\n{ada}"}}',
        "spelled": f'"{ada}"',
        "backup_email": "",
        "email_layout_template": sha("layout@2x"),
        "email": "",
    }


@pytest.mark.parametrize("target", ["out/", "out.duckdb", "out.sqlite", "out.csv"])
def test_no_format_has_an_address_left(target: str, data: Path, tmp_path: Path) -> None:
    names = ["subscribers"] if target == "out.csv" else []
    run(data, f"{tmp_path}/{target}", *names, is_hashed=True)
    path = tmp_path / target
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    content = b"".join(each.read_bytes() for each in files)
    assert b"@example" not in content.lower()
    if target == "out/":
        table = ds.dataset(path / "subscribers", partitioning="hive").to_table().sort_by("id").to_pylist()
        assert table[0]["email_address"] == sha("ada@example.com")
        assert json.loads(table[0]["fields"])["mail"] == sha("ada@example.com")
        assert json.loads((path / "manifest.json").read_text())["emails_hashed"] is True


# -- targets


@pytest.mark.parametrize(
    ("given", "form", "meant", "is_folder"),
    [
        ("out/", None, "parquet", True),
        ("out", None, "parquet", True),
        ("out", "csv", "csv", True),
        ("out.csv/", "csv", "csv", True),
        ("all.parquet/", None, "parquet", True),
        ("x.parquet", None, "parquet", False),
        ("x.CSV", None, "csv", False),
        ("x.txt", "csv", "csv", False),
        ("x.xlsx", None, "excel", False),
        ("x.sqlite3", None, "sqlite", False),
        ("x.db", None, "sqlite", False),
        ("x.db", "duckdb", "duckdb", False),
        ("x.duckdb", None, "duckdb", False),
        ("x", "excel", "excel", False),
        ("postgres://h/d", None, "postgres", False),
        ("postgresql://u@h/d", "postgres", "postgres", False),
    ],
)
def test_the_target_says_the_format(given: str, form: Any, meant: str, is_folder: bool) -> None:
    target = parse(given, form)
    assert (target.form, target.is_folder) == (meant, is_folder)


@pytest.mark.parametrize(
    ("given", "form", "words"),
    [
        ("x.foo", None, "unknown format"),
        ("-", None, "cannot write to stdout"),
        ("out/", "excel", "needs a file; name a file"),
        ("postgres://h/d", "csv", "only --to postgres accepts one"),
        ("out", "postgres", "begins with postgresql://"),
    ],
)
def test_a_target_that_means_nothing_is_rejected(given: str, form: Any, words: str) -> None:
    with pytest.raises(Rejected) as raised:
        parse(given, form)
    assert words in str(raised.value)


def test_the_command_and_the_library_know_the_same_formats() -> None:
    assert OFFERED == FORMS


def test_one_file_holds_one_table(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="can hold one table, not 3"):
        run(data, tmp_path / "out.csv")


@pytest.mark.parametrize("place", ["data", "data/mirror.duckdb", "data/log/x", "data/parquet", "."])
def test_the_data_folder_is_no_target(place: str, data: Path, tmp_path: Path) -> None:
    before = (data / "mirror.duckdb").read_bytes()
    form = "duckdb" if place.endswith(".duckdb") else "parquet"
    with pytest.raises(Rejected, match="data folder of cksync"):
        run(data, tmp_path / place, form=form, is_forced=True)
    assert (data / "mirror.duckdb").read_bytes() == before


def test_a_missing_folder_is_reported(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="does not exist; create it first"):
        run(data, tmp_path / "nowhere/out.csv", "list")


def rarer(*names: str) -> list[Any]:
    """Cases of `make test-all`: the same code with another writer."""
    return [pytest.param(name, marks=pytest.mark.heavy) for name in names]


TARGETS = ["out", "out.csv", "out.xlsx", "out.sqlite", *rarer("csv/", "out.parquet", "out.duckdb")]


def order_for(tmp_path: Path, name: str, *, is_forced: bool = False) -> Order:
    form = "csv" if name == "csv/" else None
    return Order(f"{tmp_path}/{name}", ("subscribers",), form=form, is_forced=is_forced)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TARGETS)
def test_a_nightly_job_replaces_its_own_output_and_keeps_its_permissions(name: str, data: Path, tmp_path: Path) -> None:
    list(export(data, order_for(tmp_path, name)))
    target = tmp_path / name.rstrip("/")
    target.chmod(0o755 if target.is_dir() else 0o644)
    with duckdb.connect(str(data / "mirror.duckdb")) as db:
        db.execute("alter table subscribers add column plan varchar")
    *_, last = export(data, order_for(tmp_path, name))
    assert isinstance(last, Exported)
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data", target.name])


@pytest.mark.parametrize("name", TARGETS)
def test_what_no_export_made_is_replaced_by_force_alone(name: str, data: Path, tmp_path: Path) -> None:
    target = tmp_path / name.rstrip("/")
    mine = target if "." in name else target / "notes.txt"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine, all mine\n")
    with pytest.raises(Refused, match="--force"):
        list(export(data, order_for(tmp_path, name)))
    assert mine.read_text() == "mine, all mine\n"
    list(export(data, order_for(tmp_path, name, is_forced=True)))
    assert mine.is_dir() or not mine.exists() or mine.read_bytes() != b"mine, all mine\n"


def test_a_file_of_somebody_in_a_folder_of_ours_is_not_lost(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out")
    (tmp_path / "out/list/notes.txt").write_text("mine")
    with pytest.raises(Refused, match=r"contains list/notes.txt, which cksync did not export"):
        run(data, tmp_path / "out")


def test_databases_of_others_are_not_ours(data: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "out.db") as db:
        db.execute("create table mine (a)")
    db.close()
    with duckdb.connect(str(tmp_path / "out.duckdb")) as other:
        other.execute("create table mine (a int)")
    openpyxl.Workbook().save(tmp_path / "out.xlsx")
    for name in ("out.db", "out.duckdb", "out.xlsx"):
        with pytest.raises(Refused):
            run(data, tmp_path / name, "list")


def test_a_database_being_written_is_reported_to_be_open(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "out.duckdb", "list")
    hold = "import sys, duckdb; db = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", hold, str(tmp_path / "out.duckdb")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(Locked, match="open for writing in another program"):
            run(data, tmp_path / "out.duckdb", "list")
        holder.communicate()


def test_a_link_is_followed(data: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "latest.csv").symlink_to(tmp_path / "real/people.csv")
    run(data, tmp_path / "latest.csv", "subscribers")
    assert (tmp_path / "latest.csv").is_symlink()
    assert len(rows_of(tmp_path / "real/people.csv")) == 4


# -- complete or unchanged

KILLED = """
import os, signal, sys
from pathlib import Path
from cksync.analyze.export.events import Written
from cksync.analyze.export.run import Order, export
for event in export(Path(sys.argv[1]), Order(sys.argv[2], ("subscribers",), query="select 2 as other", alias="other",
        form=sys.argv[3] or None)):
    if isinstance(event, Written) and event.table == "other":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def content(target: Path) -> dict[str, bytes]:
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["out", "out.sqlite", *rarer("csv/", "out.xlsx", "out.duckdb")])
def test_a_kill_leaves_the_old_target_and_the_next_export_cleans_up(name: str, data: Path, tmp_path: Path) -> None:
    list(export(data, order_for(tmp_path, name)))
    target = tmp_path / name.rstrip("/")
    before = content(target)
    form = "csv" if name == "csv/" else ""
    done = subprocess.run([sys.executable, "-c", KILLED, str(data), f"{tmp_path}/{name}", form], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert content(target) == before
    assert (tmp_path / f".{target.name}.new").exists()
    list(export(data, order_for(tmp_path, name)))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data", target.name])


def test_two_exports_into_one_target_do_not_mix(data: Path, tmp_path: Path) -> None:
    first = export(data, Order(str(tmp_path / "out")))
    assert isinstance(next(first), Moving)
    with pytest.raises(Locked, match="another `cksync export` is writing"):
        run(data, tmp_path / "out")
    assert isinstance(list(first)[-1], Exported)


def test_an_export_that_is_given_up_leaves_nothing(data: Path, tmp_path: Path) -> None:
    begun: Iterator[Event] = export(data, Order(str(tmp_path / "out")))
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_folder_that_was_moved_out_of_the_way_comes_back(data: Path, tmp_path: Path) -> None:
    for _ in range(2):
        run(data, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]
    # killed between the two renames: the next export restores the old one first
    staging = tmp_path / ".out.new"
    staging.mkdir()
    (tmp_path / "out").rename(staging / "old")
    with pytest.raises(Rejected):
        run(data, tmp_path / "out", "nope")
    assert (tmp_path / "out/manifest.json").exists()


FULL = """
import resource, signal, sys
sys.dont_write_bytecode = True  # or a module's own file would be cut short
from cksync.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
main(sys.argv[1:])
"""


@pytest.mark.parametrize("name", ["out", "out.sqlite", *rarer("csv/", "out.xlsx", "out.duckdb")])
def test_a_full_disk_leaves_the_target_as_it_was(
    name: str, data: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    list(export(data, order_for(tmp_path, name)))
    target = tmp_path / name.rstrip("/")
    before = content(target)
    query = "select range as id, md5(range::varchar) || md5((range * 7)::varchar) as t from range(30000)"
    arguments = ["export", f"{tmp_path}/{name}", "--query", query, *(["--to", "csv"] if name == "csv/" else [])]
    done = subprocess.run(
        [sys.executable, "-c", FULL, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    full = f"cksync: the disk is full: {tmp_path}/{name} is unchanged; free some space and export again\n"
    # SQLite does not explain why it could not write at this limit; for a full disk it does
    assert done.stderr == (f"cksync: {target} is unchanged: disk I/O error\n" if name == "out.sqlite" else full)
    assert content(target) == before
    assert not (tmp_path / f".{target.name}.new").exists()


# -- the command


def test_the_command_reports_to_stdout_and_its_progress_to_stderr(cksync: Command, data: Path, tmp_path: Path) -> None:
    done = cksync("export", "out/", "subscribers", "list")
    assert done.stderr == "wrote subscribers: 3 rows\nwrote list: 3 rows\n"
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["table", "rows", "bytes"]
    assert lines[-1].startswith("out/ is written: 2 tables, ")


def test_quiet_says_nothing(cksync: Command, data: Path) -> None:
    done = cksync("export", "out/", "--quiet")
    assert (done.stdout, done.stderr) == ("", "")


def test_the_report_in_json_is_one_object(cksync: Command, data: Path, tmp_path: Path) -> None:
    found = json.loads(cksync("export", "out.sqlite", "purchases", "--format", "json", "--hash-emails").stdout)
    assert (found["format"], found["emails_hashed"], found["mirror"]["load_id"]) == ("sqlite", True, "load-2")
    assert found["bytes"] == (tmp_path / "out.sqlite").stat().st_size
    assert found["tables"][0]["notes"] == ["purchases.total: 1 value with more than 15 digits, rounded by SQLite"]


def test_a_signal_ends_it_in_the_middle_of_a_statement(data: Path, environ: dict[str, str], tmp_path: Path) -> None:
    endless = "select sum(sqrt(a.range) * b.range) from range(1000000) as a, range(1000000) as b"
    command = [sys.executable, "-m", "cksync", "export", "out.csv", "--query", endless]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / ".out.csv.new").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (130, "cksync: interrupted; the target is unchanged\n")
    run(data, tmp_path / "out.csv", "list")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out.csv", "settings.toml"]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("out.foo",), 2),
        (("out", "nope"), 2),
        (("nowhere/out.csv", "list"), 2),
        (("mine.csv", "list"), 4),
        (("postgresql://ada:CANARY@127.0.0.1:1/db",), 1),
        (("postgresql://ada:CANARY s3cr@[/db",), 2),
        (("out", "postgresql://ada:CANARY@h/db"), 2),
    ],
)
def test_what_goes_wrong_is_a_sentence_with_the_right_status(
    arguments: tuple[str, ...], status: int, cksync: Command, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.csv").write_text("a,b\r\n")
    done = cksync("export", *arguments, "-v", ok=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("cksync: ")
    assert "CANARY" not in done.stderr
    assert "s3cr" not in done.stderr


@pytest.mark.parametrize(
    ("module", "target", "extra"),
    [("xlsxwriter", "out.xlsx", "excel"), ("adbc_driver_postgresql", "postgresql://h/d", "postgres")],
)
def test_a_missing_extra_is_named_with_its_command(
    module: str, target: str, extra: str, data: Path, tmp_path: Path, environ: dict[str, str]
) -> None:
    program = f"import sys; sys.modules[{module!r}] = None; from cksync.cli import main; main(['export', {target!r}])"
    done = subprocess.run([sys.executable, "-c", program], env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.endswith(f"needs an extra package: pip install 'cksync[{extra}]'\n")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ada:s3cr%2Ft@h/d",
        "postgres://ada:s3cr%2Ft@[::1]:5432/d?sslmode=require",
        "postgresql://h/d?user=ada&password=s3cr%2Ft",
        "postgresql://ada:s3cr@s3cr/t@h/d",
    ],
)
def test_the_password_of_an_address_is_masked_everywhere(address: str) -> None:
    hide_password(address)
    assert "s3cr" not in redact(f"trouble with {address} and s3cr/t")
    assert "s3cr" not in str(Target("postgres", "", uri=address))
