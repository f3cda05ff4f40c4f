"""`cksync sql --list`, `--describe` and `@name`: the data dictionary and saved queries."""

import csv
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from cksync.analyze.dictionary import GROUPS, columns, entries, find
from cksync.analyze.saved import query_of, saved_queries, saved_query
from cksync.cli import _run
from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, whole
from cksync.errors import Rejected
from cksync.folder import Folder
from cksync.pipeline.publishing import publish
from cksync.sqltext import sql_folder
from tests.support.log_builder import LogBuilder
from tests.support.pseudo_terminal import all_shown

HOSTILE = "a\x1b[31m\nb" + "x" * 200


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published mirror with three people, a model and saved queries of the user, and a broken one."""
    top = tmp_path_factory.mktemp("ask")
    log = LogBuilder(top / "data")
    people = [
        {"id": n, "email_address": f"p{n}@example.com", "state": "active", "created_at": f"2025-12-0{n}T00:00:00Z"}
        for n in (1, 2, 3)
    ]
    log.write(ACTIVE, 1, [{**person, "first_name": HOSTILE} for person in people], is_complete=True)
    log.write(whole("tags"), 2, [{"id": 7, "name": "a", "created_at": "2026-01-01T00:00:00Z"}], is_complete=True)
    mine = top / "mine"
    (mine / "queries").mkdir(parents=True)
    (mine / "early.sql").write_text(
        "-- One row per person of the first days.\n-- @key: id\n-- @filter: id > 1\n-- @unknown: Their faces.\n"
        "-- id: The person.\nselect id from subscribers"
    )
    (mine / "broken.sql").write_text("-- One row per nothing.\nselect wrong from subscribers")
    (mine / "queries" / "people.sql").write_text(
        "-- How many people there are.\nselect count(*) as people from subscribers"
    )
    (mine / "queries" / "churn.sql").write_text("-- Churn of our own.\nselect 42 as churn")
    (mine / "queries" / "wrong.sql").write_text("select nothing from nowhere")
    (top / "config.toml").write_text('data_dir = "data"\n[models]\npath = "mine"\n')
    publish(Config(top / "data", "the test", models=ModelsConfig(mine)), log.folder)
    return top


@pytest.fixture
def mirror(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(Folder(folder / "data").mirror), read_only=True) as db:
        yield db


Sql = Callable[..., str]


@pytest.fixture
def sql(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sql:
    """Run `cksync sql` in this process; return its stdout, or with `fails` its stderr."""
    monkeypatch.delenv("CKSYNC_DATA_DIR", raising=False)

    def run(*arguments: str, fails: bool = False) -> str:
        status = _run(["sql", "--config", str(folder / "config.toml"), *arguments])
        printed = capsys.readouterr()
        assert status == (2 if fails else 0), printed.err
        return printed.err if fails else printed.out

    return run


# -- the dictionary


def test_everything_of_the_mirror_is_in_one_group(mirror: duckdb.DuckDBPyConnection) -> None:
    found: dict[str, set[str]] = {group: set() for group in GROUPS}
    for entry in entries(mirror):
        found[entry.group].add(entry.label)
    assert found["tables"] == {path.stem for path in (sql_folder() / "tables").glob("*.sql")}
    assert {path.stem for path in (sql_folder() / "models").rglob("*.sql")} <= found["models"]
    assert found["models"] >= {"subscribers_wide", "model_settings"}
    assert found["your own"] == {"early", "broken"}
    assert found["history"] >= {"history.tags", "as_of.tags"}
    assert found["cksync's own"] >= {"_cksync.loads", "_cksync.models"}


def test_an_entry_says_what_its_file_and_the_mirror_say(mirror: duckdb.DuckDBPyConnection) -> None:
    known = entries(mirror)
    people = find(known, "subscribers")
    assert (people.kind, people.rows, people.key, people.file) == ("table", 3, ("id",), "sql/tables/subscribers.sql")
    assert "Why someone unsubscribed" in (people.unknown or "")
    early = find(known, "early")
    assert (early.kind, early.rows, early.key, early.filter) == ("view", None, ("id",), "id > 1")
    assert (early.grain, early.unknown) == ("One row per person of the first days.", "Their faces.")
    broken = find(known, "broken")
    assert (broken.group, broken.grain) == ("your own", "One row per nothing.")
    assert 'broken.sql:2: Binder Error: Referenced column "wrong" not found' in (broken.problem or "")
    assert find(known, "history.tags").key == ("id", "valid_from", "change")


@pytest.mark.parametrize(
    "name", ["subscribers", "SUBSCRIBERS", "main.subscribers", "history.tags", "as_of.tags", "as_of.tags('2026-01-01')"]
)
def test_a_name_is_found_however_it_is_written(name: str, mirror: duckdb.DuckDBPyConnection) -> None:
    assert find(entries(mirror), name).label == name.lower().split("(")[0].removeprefix("main.")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("subscriber", "did you mean subscribers"),
        ("purchase", "fct_purchase"),
        ("loads", "did you mean _cksync.loads"),
        ("zzzz", "`cksync sql --list` lists them"),
    ],
)
def test_a_wrong_name_is_answered_with_close_ones(name: str, words: str, mirror: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(Rejected, match=f"unknown table or model {name}; ") as raised:
        find(entries(mirror), name)
    assert words in str(raised.value)


def test_every_column_of_the_mirror_has_a_meaning(mirror: duckdb.DuckDBPyConnection) -> None:
    ours = [entry for entry in entries(mirror) if entry.group != "your own"]
    assert [f"{entry.label}.{c.name}" for entry in ours for c in columns(mirror, entry) if not c.meaning] == []


# -- --list


def test_list_has_a_line_for_each(sql: Sql) -> None:
    lines = sql("--list").splitlines()
    assert lines[0] == "tables, one row per"
    (line,) = (line for line in lines if line.startswith("  subscribers "))
    assert line.split(maxsplit=3)[:3] == ["subscribers", "table", "3"]
    (broken,) = (line for line in lines if line.startswith("  broken "))
    assert broken.split()[1] == "broken"
    assert 'Referenced column "wrong" not found' in broken
    assert "  @people" in "\n".join(lines[lines.index("saved queries") :])


def test_list_for_machines_is_one_row_each(sql: Sql, mirror: duckdb.DuckDBPyConnection) -> None:
    names = [entry.label for entry in entries(mirror)]
    listed = json.loads(sql("--list", "--format", "json"))
    assert [each["name"] for each in listed if each["group"] != "saved queries"] == names
    assert next(each for each in listed if each["name"] == "subscribers")["rows"] == 3
    rows = list(csv.DictReader(io.StringIO(sql("--list", "--format", "csv"))))
    assert [row["name"] for row in rows] == [each["name"] for each in listed]


def test_a_database_without_models_is_listed_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    with duckdb.connect(str(tmp_path / "data" / "mirror.duckdb")) as db:
        db.execute('create table "odd ""name" as select 1 as id')
    (tmp_path / "config.toml").write_text('data_dir = "data"\n')
    assert _run(["sql", "--config", str(tmp_path / "config.toml"), "--list"]) == 0
    assert 'odd "name' in capsys.readouterr().out
    assert _run(["sql", "--config", str(tmp_path / "config.toml"), "--describe", 'ODD "name']) == 0
    assert "(table, 1 row):" in capsys.readouterr().out


# -- --describe


def test_describe_says_what_a_model_means_and_shows_some_of_it(sql: Sql, folder: Path) -> None:
    assert sql("--describe", "early").splitlines() == [
        "early (view): One row per person of the first days.",
        "",
        "key           id",
        "usual filter  id > 1",
        "unknown       Their faces.",
        f"built by      {folder / 'mine' / 'early.sql'}",
        "",
        "column  type    meaning",
        "──────  ──────  ───────",
        "id      BIGINT  The person.",
        "",
        "sample rows",
        "id  1  2  3",
    ]
    assert sql("--describe", "purchases").endswith("\nno rows\n")


def test_describe_says_why_a_model_is_not_there(sql: Sql) -> None:
    assert "problem       " in sql("--describe", "broken")


def test_describe_for_machines(sql: Sql) -> None:
    told = json.loads(sql("--describe", "subscribers", "--format", "json"))
    assert told["columns"][0] == {
        "name": "id",
        "type": "BIGINT",
        "meaning": "The person's id; it stays when the address changes.",
    }
    assert [row["first_name"] for row in told["sample"]] == [HOSTILE] * 3
    rows = list(csv.DictReader(io.StringIO(sql("--describe", "subscribers", "--format", "csv"))))
    assert [row["column"] for row in rows] == [column["name"] for column in told["columns"]]


def test_describe_of_nothing_is_a_usage_error(sql: Sql) -> None:
    assert "did you mean subscribers" in sql("--describe", "subscriber", fails=True)


@pytest.mark.parametrize("others", [("--describe", "tags"), ("select 1",)])
def test_one_question_at_a_time(others: tuple[str, ...], sql: Sql) -> None:
    assert "use only one of" in sql("--list", *others, fails=True)


# -- @name


def test_the_users_queries_come_first_then_ours_then_models(sql: Sql) -> None:
    assert sql("@people", "--format", "csv").splitlines() == ["people", "3"]
    assert sql("@churn", "--format", "csv").splitlines() == ["churn", "42"]
    assert sql("@early", "--format", "csv").splitlines() == ["id", "2", "3"]


@pytest.mark.parametrize("path", sorted((sql_folder() / "queries").glob("*.sql")), ids=lambda path: path.stem)
def test_every_query_of_ours_answers_and_says_what(path: Path, mirror: duckdb.DuckDBPyConnection) -> None:
    saved = saved_query(mirror, path.stem, None)
    assert (saved.name, saved.file) == (path.stem, f"sql/queries/{path.name}")
    assert 20 < len(saved.title) <= 110
    assert saved.title.endswith(".")
    assert mirror.sql(saved.sql).columns


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("subscribers", "from subscribers order by created_at desc nulls last, id limit 100"),
        (
            "dim_subscriber",
            "from dim_subscriber where state = 'active' order by created_at desc nulls last, id limit 100",
        ),
        ("history.tags", "from history.tags order by valid_from desc nulls last, id, change limit 100"),
        # without its filter, which would leave nothing
        ("hist_subscriber", "from hist_subscriber order by valid_from desc nulls last, id, change limit 100"),
        ("velocity", "from velocity order by place limit 100"),
        # no key: ordered by the columns that distinguish its rows
        ("revenue_daily", 'from revenue_daily order by "day" desc nulls last, currency, orders limit 100'),
    ],
)
def test_a_table_or_model_is_asked_for_its_newest_rows(
    name: str, query: str, mirror: duckdb.DuckDBPyConnection
) -> None:
    assert saved_query(mirror, name.upper(), None).sql == query


def test_every_table_and_model_can_be_asked_by_its_name(mirror: duckdb.DuckDBPyConnection) -> None:
    asked = [entry for entry in entries(mirror) if entry.kind != "macro" and not entry.problem]
    for entry in asked:
        assert mirror.sql(query_of(mirror, entry).sql).columns == [column.name for column in columns(mirror, entry)]


def test_what_is_asked_of_a_model_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sql", "--config", str(folder / "config.toml"), "@tags", "--format", "csv"]
    assert _run(arguments) == 0
    assert capsys.readouterr().err == "-- from tags order by created_at desc nulls last, id limit 100\n"
    assert _run([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("@poeple", "unknown saved query, table or model poeple; did you mean @people?"),
        ("@zzzz", "`cksync sql --list` lists them"),
        ("@broken", "unknown saved query, table or model broken; "),
        ("@wrong", "/queries/wrong.sql: Catalog Error: Table with name nowhere does not exist"),
        ("@people where true", "@people is a complete query"),
    ],
)
def test_what_cannot_be_asked_is_reported(name: str, words: str, sql: Sql) -> None:
    assert words in sql(name, fails=True)


def test_a_query_that_is_no_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "bad.sql").write_bytes(b"select '\xff'")
    with pytest.raises(Rejected, match=r"queries/bad\.sql cannot be read: not valid UTF-8"):
        saved_queries(tmp_path)


# -- on a terminal


def on_terminal(folder: Path, *arguments: str, width: int = 80) -> list[str]:
    """Return the lines that `cksync sql` writes on a terminal of this many columns."""
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    command = [sys.executable, "-m", "cksync", "sql", "--config", str(folder / "config.toml"), *arguments]
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    with subprocess.Popen(
        command, stdout=inner, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environ
    ) as process:
        os.close(inner)
        written = all_shown(outer)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(100) == 0, said
    return written.decode().replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize(
    "arguments",
    [("--list",), ("--describe", "subscribers"), ("--describe", "lead_magnet_conversion"), ("@dim_subscriber",)],
    ids=" ".join,
)
def test_nothing_is_wider_than_the_terminal(arguments: tuple[str, ...], folder: Path) -> None:
    lines = on_terminal(folder, *arguments)
    assert len(lines) > 10
    assert max(map(len, lines)) <= 80
    assert "\x1b[31m" not in "\n".join(lines)


def test_a_few_wide_rows_are_written_a_column_a_line(folder: Path) -> None:
    lines = on_terminal(folder, "from subscribers where id = 1")
    assert lines[0].lstrip() == "id = 1"
    assert {line.index(" = ") for line in lines if " = " in line} == {lines[0].index(" = ")}
    assert lines[2].lstrip().startswith("first_name = a\\u001b[31m\\nbxxx")
    assert lines[2].endswith("x…")
    assert on_terminal(folder, "select id, state from subscribers where id = 1")[0].startswith("┌")


def test_many_wide_rows_are_a_table_of_what_fits(folder: Path) -> None:
    lines = on_terminal(folder, "from subscribers, range(3)")
    assert lines[0].startswith("┌")
    assert lines[-1].startswith("└")
    assert max(map(len, lines)) <= 80


def test_what_people_wrote_does_not_move_the_cursor(folder: Path) -> None:
    for form in ("table", "line"):
        shown = "\n".join(on_terminal(folder, "select first_name from subscribers", "--format", form))
        assert "xxx" in shown
        assert "\x1b" not in shown


def test_line_is_a_column_a_line_wherever_it_goes(sql: Sql) -> None:
    assert sql("select 1 as a, null as bc union all select 2, 'x' order by 1", "--format", "line") == (
        " a = 1\nbc = NULL\n\n a = 2\nbc = x\n"
    )


# -- the shell's completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [("--describe fct_purch", {"fct_purchase", "fct_purchase_item"}), ("@peo", {"@people"}), ("select", set())],
)
def test_the_shell_completes_names(words: str, expected: set[str], folder: Path) -> None:
    line = f"cksync sql --config {folder / 'config.toml'} {words}"
    environ = {"PATH": os.environ["PATH"], "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    command = [sys.executable, "-m", "cksync"]
    done = subprocess.run(
        command, env={**environ, "_CKSYNC_COMPLETE": "bash_complete"}, capture_output=True, text=True, check=True
    )
    assert {each.removeprefix("plain,") for each in done.stdout.split()} == expected
