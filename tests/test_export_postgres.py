"""Exports into a real PostgreSQL server: all at once or not at all, and no loss of user data.

`make test-all` runs them, and so does `.ci/run`, which installs the server if missing.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
import duckdb
import pytest

from cksync.analyze.export.events import Exported, Moving
from cksync.analyze.export.run import Order, export
from cksync.errors import CksyncError, Failed, Locked, Refused, Rejected
from tests.conftest import Command
from tests.support import postgres_server

pytestmark = pytest.mark.heavy

MARKS = ("CANARY", "p:ss", "w/rd", "p%3Ass", "w%2Frd")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of this module's own."""
    with postgres_server.running() as uri:
        yield uri


@pytest.fixture
def uri(server: str) -> str:
    """The address of the server, without schemas of earlier tests."""
    ask(server, "drop schema if exists cksync cascade", "drop schema if exists other cascade")
    ask(server, "drop schema public cascade", "create schema public")
    return server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a mirror of every type, including hostile text."""
    folder = tmp_path / "data"
    folder.mkdir()
    with duckdb.connect(str(folder / "mirror.duckdb")) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(
            r"""
            create schema _cksync;
            create table _cksync.loads as
            select 'load-1' as load_id, timestamptz '2026-01-01 00:00:00+00' as ended_at;
            create table people (
                id bigint, name varchar, joined_at timestamptz, fields json, "Odd ""x"" name" varchar
            );
            insert into people values
                (9223372036854775807, 'Ada', '2024-01-02 03:04:05.678901+00', '{"a": 12345678901234.5678}', 'x'),
                (2, 'back\slash' || chr(9) || chr(0) || chr(10) || '\N', null, '"nul \u0000"', null),
                (3, null, '0001-01-01 00:00:00+00', null, '');
            create table sales (total decimal(18, 4), rate double, is_paid boolean, bought_on date, many hugeint);
            insert into sales values (12345678901234.5678, 'nan', true, '1850-01-01', 12345678901234567890),
                (-0.0001, null, null, null, null);
            create view names as select name, count(*) as people from people group by all;
            comment on table people is 'One row per person.';
            comment on column people.name is 'It''s the name.'
            """
        )
    return folder


def ask(uri: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements, and commit; return the rows of the last one."""
    with driver.connect(uri) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        rows = list(cursor.fetchall()) if cursor.description else []
        connection.commit()
    return rows


def run(data: Path, uri: str, *names: str, **order: Any) -> Exported:
    *_, last = export(data, Order(uri, names, **order))
    assert isinstance(last, Exported)
    return last


def test_every_type_arrives(data: Path, uri: str) -> None:
    done = run(data, uri)
    assert [(table.table, table.rows) for table in done.tables] == [("names", 3), ("people", 3), ("sales", 2)]
    query = """
        select table_name || '.' || column_name, data_type, numeric_precision, numeric_scale
        from information_schema.columns where table_schema = 'cksync' and left(table_name, 1) <> '_'
        order by table_name, ordinal_position
    """
    types = {name: (kind, *size) if kind == "numeric" else kind for name, kind, *size in ask(uri, query)}
    assert types == {
        "names.name": "text",
        "names.people": "bigint",
        "people.id": "bigint",
        "people.name": "text",
        "people.joined_at": "timestamp with time zone",
        "people.fields": "jsonb",
        'people.Odd "x" name': "text",
        "sales.total": ("numeric", 18, 4),
        "sales.rate": "double precision",
        "sales.is_paid": "boolean",
        "sales.bought_on": "date",
        "sales.many": ("numeric", 38, 0),
    }
    people = ask(uri, 'select id, name, joined_at, fields::text, "Odd ""x"" name" from cksync.people order by id desc')
    assert people == [
        (2**63 - 1, "Ada", datetime(2024, 1, 2, 3, 4, 5, 678901, UTC), '{"a": 12345678901234.5678}', "x"),
        (3, None, datetime(1, 1, 1, tzinfo=UTC), None, ""),
        (2, "back\\slash\t\ufffd\n\\N", None, '"nul \ufffd"', None),
    ]
    sales = ask(uri, "select total::text, rate::text, is_paid, bought_on, many::text from cksync.sales order by total")
    assert sales == [
        ("-0.0001", None, None, None, None),
        ("12345678901234.5678", "NaN", True, date(1850, 1, 1), "12345678901234567890"),
    ]


def test_tables_have_their_comments_and_the_ledger_says_how_fresh_they_are(data: Path, uri: str) -> None:
    run(data, uri, is_hashed=True)
    query = "select obj_description('cksync.people'::regclass), col_description('cksync.people'::regclass, 2)"
    assert ask(uri, query) == [("One row per person.", "It's the name.")]
    query = "select table_name, rows, mirror_load_id, emails_hashed from cksync._cksync_export order by 1"
    assert ask(uri, query) == [
        ("names", 3, "load-1", True),
        ("people", 3, "load-1", True),
        ("sales", 2, "load-1", True),
    ]


def test_a_second_export_replaces_the_rows_and_keeps_views_grants_and_indexes(data: Path, uri: str) -> None:
    run(data, uri)
    ask(uri, "create view public.mine as select name from cksync.people")
    ask(uri, "create index people_name on cksync.people (name)", "grant select on cksync.people to public")
    with duckdb.connect(str(data / "mirror.duckdb")) as db:
        db.execute("delete from people where id = 2")
    run(data, uri, "people")
    assert ask(uri, "select count(*) from public.mine") == [(2,)]
    assert ask(uri, "select count(*) from pg_indexes where indexname = 'people_name'") == [(1,)]
    assert ask(uri, "select relacl::text like '%=r/ada%' from pg_class where relname = 'people'") == [(True,)]
    assert ask(uri, "select count(*) from cksync.sales") == [(2,)]


def test_columns_that_change_are_changed_unless_a_view_needs_them(data: Path, uri: str) -> None:
    run(data, uri, "people")
    ask(uri, "create view public.mine as select name from cksync.people")
    run(data, uri, query="select id::varchar as id, name, 1 as added from people", alias="people")
    query = "select column_name::text, data_type::text from information_schema.columns where table_name = 'people'"
    assert sorted(ask(uri, query)) == [("added", "bigint"), ("id", "text"), ("name", "text")]
    with pytest.raises(Rejected, match=r"columns of cksync.people have changed \(name\), .*view mine depends on"):
        run(data, uri, query="select id::varchar as id, 2 as added from people", alias="people")
    assert ask(uri, "select count(name), min(added) from cksync.people") == [(2, 1)]


def test_a_dashboard_sees_the_old_rows_or_the_new_ones_and_never_waits(data: Path, uri: str) -> None:
    run(data, uri)
    with duckdb.connect(str(data / "mirror.duckdb")) as db:
        db.execute("insert into people select range + 10, 'new', null, null, null from range(1000)")
    query = "select (select count(*) from cksync.people), (select count(*) from cksync.sales)"
    with driver.connect(uri) as connection, connection.cursor() as cursor:

        def seen() -> tuple[Any, ...]:
            cursor.execute("set lock_timeout = 1000")  # waiting would be an error
            cursor.execute(query)
            (row,) = cursor.fetchall()
            connection.rollback()
            return tuple(row)

        events = export(data, Order(uri))
        before = [seen() for event in events if isinstance(event, Moving)]
        assert set(before) == {(3, 2)}
        assert len(before) == 6
        assert seen() == (1003, 2)


def test_an_export_that_fails_in_the_middle_changes_nothing(data: Path, uri: str) -> None:
    run(data, uri)
    with duckdb.connect(str(data / "mirror.duckdb")) as db:
        db.execute("delete from people")
        db.execute("create table huge as select '1e999999'::json as j")
    with pytest.raises(CksyncError, match=r"as it was"):
        run(data, uri, "people", "huge")
    assert ask(uri, "select count(*) from cksync.people") == [(3,)]
    assert ask(uri, "select to_regclass('cksync.huge')::text") == [(None,)]


def test_tables_of_others_are_left_alone_without_force(data: Path, uri: str) -> None:
    ask(uri, "create table public.people (id bigint, theirs text)", "insert into public.people values (1, 'x')")
    with pytest.raises(Refused, match=r"public.people exists and cksync did not export it"):
        run(data, uri, schema="public")
    assert ask(uri, "select theirs from public.people") == [("x",)]
    assert ask(uri, "select to_regclass('public.sales')::text") == [(None,)]
    run(data, uri, schema="public", is_forced=True)
    assert ask(uri, "select count(*) from public.people") == [(3,)]


def test_a_view_of_the_name_and_a_foreign_key_stop_it(data: Path, uri: str) -> None:
    ask(uri, "create schema other", "create view other.people as select 1 as id")
    with pytest.raises(Rejected, match=r"other.people exists and is not a table"):
        run(data, uri, "people", schema="other")
    run(data, uri, "people")
    ask(uri, "alter table cksync.people add unique (id)")
    ask(uri, "create table public.notes (person bigint references cksync.people (id) on delete cascade)")
    with pytest.raises(Rejected, match=r"a foreign key references cksync.people"):
        run(data, uri, "people")


def test_two_exports_into_one_schema_do_not_mix(data: Path, uri: str) -> None:
    first = export(data, Order(uri))
    assert isinstance(next(first), Moving)
    with pytest.raises(Locked, match="another `cksync export` is writing the schema cksync"):
        run(data, uri)
    assert isinstance(list(first)[-1], Exported)
    run(data, uri)
    assert ask(uri, "select count(*) from cksync.people") == [(3,)]


def test_an_export_that_is_given_up_leaves_nothing(data: Path, uri: str) -> None:
    begun = export(data, Order(uri))
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert ask(uri, "select to_regnamespace('cksync')::text") == [(None,)]


def test_names_too_long_for_postgres_stay_apart(data: Path, uri: str) -> None:
    long = "ä" * 40
    run(data, uri, query=f'select 1 as "{long}a", 2 as "{long}b"', alias="wide")
    names = ask(uri, "select attname::text from pg_attribute where attrelid = 'cksync.wide'::regclass and attnum > 0")
    assert names == [("ä" * 31,), ("ä" * 30 + "_2",)]


def test_a_user_without_privileges_gets_a_message(data: Path, uri: str) -> None:
    ask(uri, "drop role if exists eve", "create role eve login password 'eve'")
    other = uri.replace(uri.partition("://")[2].rpartition("@")[0], "eve:eve")
    with pytest.raises(Rejected, match="permission denied for database postgres"):
        run(data, other)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (("%25@", "%24@"), Rejected, "password authentication failed"),
        (("/postgres", "/nowhere"), Rejected, 'database "nowhere" does not exist'),
        (("127.0.0.1", "127.0.0.2"), Failed, "Connection refused"),
        (("127.0.0.1", "nowhere.invalid"), Failed, "cannot be reached"),
        (("%3A", " "), Rejected, "is not valid; write it as postgresql"),
        (("%2F", "%zz"), Rejected, "is not valid; write it as postgresql"),
    ],
)
def test_what_keeps_it_out_is_a_sentence_without_the_password(
    change: tuple[str, str], kind: type[CksyncError], words: str, data: Path, uri: str, cksync: Command
) -> None:
    wrong = uri.replace(*change) if change[0] != "/postgres" else uri.removesuffix("/postgres") + change[1]
    with pytest.raises(kind) as raised:
        run(data, wrong)
    assert words in str(raised.value)
    assert not any(mark in str(raised.value) for mark in MARKS)
    done = cksync("export", wrong, "-vv", ok=False)
    assert (done.returncode, done.stdout) == (kind.exit_status, "")
    assert not any(mark in done.stderr for mark in MARKS)


def test_the_report_does_not_have_the_password(uri: str, data: Path, cksync: Command) -> None:
    for form in ("table", "json"):
        done = cksync("export", uri, "--format", form, "-vv")
        assert "schema cksync" in done.stdout
        assert not any(mark in done.stdout + done.stderr for mark in MARKS)


def test_a_server_that_dies_is_reported(data: Path, tmp_path: Path) -> None:
    with postgres_server.running() as uri:
        begun = export(data, Order(uri))
        next(begun)
    with pytest.raises(Failed, match="rejected the export and is unchanged"):
        list(begun)


def test_the_password_may_come_from_the_environment(uri: str, data: Path, cksync: Command) -> None:
    without = uri.replace(uri.partition("://")[2].rpartition("@")[0], "ada")
    done = cksync("export", without, "people", "--quiet", env={"PGPASSWORD": postgres_server.PASSWORD})
    assert (done.stdout, done.stderr) == ("", "")
    assert ask(uri, "select count(*) from cksync.people") == [(3,)]


def test_columns_named_as_those_that_every_table_has_are_renamed(data: Path, uri: str) -> None:
    names = ["id", "xmin", "XMAX", "cmin", "cmax", "ctid", "tableoid", "oid", "xmin_2", "user", "select"]
    query = "select " + ", ".join(f'{place} as "{name}"' for place, name in enumerate(names))
    for _ in range(2):
        list(export(data, Order(uri, query=query, alias="t")))
    found = ask(uri, "select * from cksync.t")
    assert found == [tuple(range(len(names)))]
    columns = ask(uri, "select attname::text from pg_attribute where attrelid = 'cksync.t'::regclass and attnum > 0")
    assert [name for (name,) in columns] == [
        *("id", "xmin_2", "XMAX_2", "cmin_2", "cmax_2", "ctid_2", "tableoid_2", "oid", "xmin_2_2", "user", "select")
    ]


def test_a_table_named_as_the_ledger_is_renamed(data: Path, uri: str) -> None:
    list(export(data, Order(uri, query="select 1 as one", alias="_cksync_export")))
    assert ask(uri, "select * from cksync._cksync_export_2") == [(1,)]
    assert ask(uri, "select table_name from cksync._cksync_export") == [("_cksync_export_2",)]


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_infinite_times_are_infinite_there_and_times_before_christ_are_where_they_were(
    kind: str, data: Path, uri: str
) -> None:
    values = ["infinity", "-infinity", "0044-03-15 (BC)", "2026-01-02", "9999-12-31"]
    query = f"select unnest({values}::{kind}[]) as at"
    list(export(data, Order(uri, query=query, alias="t")))
    assert [
        day for (day,) in ask(uri, "set timezone = 'UTC'", "select t.at::date::text from cksync.t order by t.at")
    ] == [*("-infinity", "0044-03-15 BC", "2026-01-02", "9999-12-31", "infinity")]
