"""The command line as a process: exit status, stdout and stderr."""

import csv
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from cksync.cli import COMMANDS
from cksync.config import load_config
from cksync.domain import ACTIVE
from cksync.load.publish import publish
from kit_sandbox import Sandbox, edits, effects
from kit_sandbox.server import serve
from kit_sandbox.world import World
from tests.conftest import Command, some
from tests.support.log_builder import LogBuilder


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A published database with one table, as `cksync sql` finds it."""
    path = tmp_path / "data" / "mirror.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as db:
        db.execute("create table people as select range as id, 'person ' || range as name from range(3)")
    return path


# -- exit status and usage


def test_success_is_0(cksync: Command) -> None:
    assert cksync("--version", ok=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("pull", "--nonsense"),
        ("pull", "nonsense"),
        ("pull", "--max-minutes", "-1"),
        ("sql", "--format", "xml", "select 1"),
        ("--config",),
        ("--config", "nowhere.toml", "status"),
    ],
)
def test_what_the_caller_must_change_is_2(arguments: tuple[str, ...], cksync: Command) -> None:
    done = cksync(*arguments, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(("cksync: ", "Usage: "))


def test_what_went_wrong_outside_is_1(cksync: Command, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(410), count=None)
    done = cksync("check", ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "switched off" in done.stderr


def test_done_in_part_is_3(cksync: Command) -> None:
    done = cksync("pull", "--max-minutes", "0", ok=False)
    assert done.returncode == 3
    assert "out of time" in done.stdout


def test_refused_by_a_safety_rule_is_4(cksync: Command, world: World) -> None:
    cksync("pull", "tags")
    edits.change_account_email(world, "somebody@example.com")
    done = cksync("pull", "tags", ok=False)
    assert (done.returncode, done.stdout) == (4, "")
    assert "this mirror belongs to owner@example.com" in done.stderr


@pytest.mark.parametrize("number", some([signal.SIGINT, signal.SIGTERM], [signal.SIGINT]))
def test_interrupted_is_130(number: signal.Signals, environ: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    asked = threading.Event()
    sandbox.faults.add(effects.latency(0.3), path="/subscribers", count=None)
    sandbox.faults.add(effects.edit_before(asked.set), path="/subscribers")
    command = [sys.executable, "-m", "cksync", "pull"]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert asked.wait(100)
        process.send_signal(number)
        _, errors = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "run `cksync pull` within a day to continue" in errors


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("stauts", "did you mean status?"), ("pul", "did you mean pull?"), ("xyz", "`cksync --help` lists the commands")],
)
def test_an_unknown_command_is_answered_with_what_was_meant(typed: str, meant: str, cksync: Command) -> None:
    assert cksync(typed, ok=False).stderr == f"cksync: there is no command {typed!r}; {meant}\n"


def test_without_a_command_the_help_is_shown_as_it_is(cksync: Command) -> None:
    done = cksync(ok=False)
    assert done.stderr.startswith("Usage: cksync [OPTIONS] COMMAND [ARGS]...")
    assert all(command in done.stderr for command in COMMANDS)


def test_every_problem_of_the_configuration_has_its_own_line(cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('[api]\nrate_limit = 0\nconcurency = 1\ntimeout_seconds = "x"')
    done = cksync("pull", "--config", "bad.toml", ok=False)
    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()] == [
        ["cksync", "api.concurency"],
        ["cksync", "api.rate_limit"],
        ["cksync", "api.timeout_seconds"],
    ]


@pytest.mark.parametrize("arguments", [("--config", "other.toml", "status"), ("status", "--config", "other.toml")])
def test_the_config_is_taken_before_and_after_the_command(
    arguments: tuple[str, ...], cksync: Command, tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text('data_dir = "elsewhere"')
    done = cksync(*arguments, env={"CKSYNC_DATA_DIR": None, "CKSYNC_CONFIG": None})
    assert str(tmp_path / "elsewhere") in done.stdout


@pytest.mark.parametrize(
    "arguments", some([("--quiet", "pull", "tags"), ("pull", "tags", "--quiet")], [("pull", "tags", "--quiet")])
)
def test_quiet_says_nothing_of_a_success(arguments: tuple[str, ...], cksync: Command) -> None:
    done = cksync(*arguments)
    assert (done.stdout, done.stderr) == ("", "")


def test_quiet_still_says_what_failed(cksync: Command, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(410), count=None)
    assert "switched off" in cksync("pull", "--quiet", ok=False).stderr


@pytest.mark.parametrize(
    "arguments", some([("-v", "-v", "check"), ("-v", "check", "-v"), ("check", "-vv")], [("-v", "check", "-v")])
)
def test_twice_verbose_shows_every_request(arguments: tuple[str, ...], cksync: Command) -> None:
    assert "GET /v3/account" in cksync(*arguments).stderr
    assert "GET /v3/account" not in cksync("-v", "check").stderr


def test_a_literal_secret_in_the_file_is_warned_of_once(cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "literal.toml").write_text('[api]\napi_secret = "CANARY-literal"')
    done = cksync("status", "--config", "literal.toml", env={"CKSYNC_API_SECRET": None})
    assert done.stderr.count("warning: ") == 1
    assert "CANARY" not in done.stdout + done.stderr


# -- sql


def test_sql_prints_a_table(cksync: Command, mirror: Path) -> None:
    lines = cksync("sql", "from people order by id").stdout.splitlines()
    assert lines[1].split() == ["│", "id", "│", "name", "│"]
    assert lines[4].split() == ["│", "0", "│", "person", "0", "│"]


def test_sql_knows_a_table_as_it_was(cksync: Command, tmp_path: Path) -> None:
    log = LogBuilder(tmp_path / "data")
    log.write(ACTIVE, 1, [{"id": 5, "email_address": "p5@example.com", "state": "active"}])
    publish(log.folder)
    for day, ids in (("2026-03-01", ""), ("2026-03-02", "5\n")):
        found = cksync("sql", "--format", "csv", f"select id from as_of.subscribers('{day}')").stdout
        assert found.splitlines() == f"id\n{ids}".splitlines()


def test_csv_is_quoted_by_rfc_4180_and_ends_lines_as_unix_does(
    cksync: Command, environ: dict[str, str], mirror: Path, tmp_path: Path
) -> None:
    query = """select 'a,b' as "x,y", 'say "hi"' as quoted, e'two\\nlines' as lines, null as nothing, 1.50 as money"""
    command = [sys.executable, "-m", "cksync", "sql", "--format", "csv", query]
    out = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, check=True).stdout
    assert out == b'"x,y",quoted,lines,nothing,money\n"a,b","say ""hi""","two\nlines",,1.50\n'
    out = subprocess.run([*command, "--crlf"], env=environ, cwd=tmp_path, capture_output=True, check=True).stdout
    assert out == b'"x,y",quoted,lines,nothing,money\r\n"a,b","say ""hi""","two\nlines",,1.50\r\n'


def test_csv_writes_every_type_as_text_that_others_read(cksync: Command, mirror: Path) -> None:
    query = """select true as flag, 0.0000000001::decimal(38, 10) as small, 9223372036854775807 as large,
        timestamptz '2024-01-02 03:04:05+02' as at, date '2024-01-02' as day, [1.50::decimal(4, 2), null] as list,
        {'a': 'ä'} as struct, '{"a": 1.50}'::json as json, 1.5::double as ratio"""
    (row,) = csv.DictReader(io.StringIO(cksync("sql", "--format", "csv", query).stdout))
    assert row == {
        "flag": "true",
        "small": "0.0000000001",
        "large": "9223372036854775807",
        "at": "2024-01-02T01:04:05+00:00",
        "day": "2024-01-02",
        "list": "[1.50,null]",
        "struct": '{"a":"ä"}',
        "json": '{"a": 1.50}',
        "ratio": "1.5",
    }


def test_json_keeps_every_digit_and_holds_json_as_json(cksync: Command, mirror: Path) -> None:
    query = """select 12345678901234.5678::decimal(18, 4) as money, 9223372036854775807 as id, null as nothing,
        '{"deep": [1.50, "ä"]}'::json as fields, 'ä"\\' as text, timestamptz '2024-01-02 03:04:05+02' as at"""
    out = cksync("sql", "--format", "json", query).stdout
    assert '"money":12345678901234.5678,' in out
    assert '"fields":{"deep": [1.50, "ä"]}' in out
    (row,) = json.loads(out)
    assert (row["id"], row["nothing"], row["text"]) == (9223372036854775807, None, 'ä"\\')
    assert row["at"].startswith("2024-01-02T01:04:05")


def test_json_has_every_column_even_of_one_name(cksync: Command, mirror: Path) -> None:
    out = cksync("sql", "--format", "json", "select 1 as a, 2 as a, 3 as a_1").stdout
    assert sorted(json.loads(out)[0].values()) == [1, 2, 3]


@pytest.mark.parametrize("rows", some([0, 1, 3, 25_000], [0, 3]))
def test_json_of_any_length_is_one_array(rows: int, cksync: Command, mirror: Path) -> None:
    out = cksync("sql", "--format", "json", f"select range as n from range({rows})").stdout
    assert json.loads(out) == [{"n": n} for n in range(rows)]


def test_parquet_reads_back_with_its_types(
    cksync: Command, environ: dict[str, str], mirror: Path, tmp_path: Path
) -> None:
    query = "select range as id, 1.5::decimal(18, 4) as money, timestamptz '2024-01-02 03:04:05Z' as at from range(3)"
    command = [sys.executable, "-m", "cksync", "sql", "--format", "parquet", query]
    out = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, check=True).stdout
    table = pq.read_table(io.BytesIO(out))
    assert [str(kind) for kind in table.schema.types] == ["int64", "decimal128(18, 4)", "timestamp[us, tz=UTC]"]
    assert table.column("id").to_pylist() == [0, 1, 2]


def test_a_type_that_parquet_does_not_know_is_reported(cksync: Command, mirror: Path) -> None:
    done = cksync("sql", "--format", "parquet", "select interval 1 day as span", ok=False)
    assert done.returncode == 2
    assert "cast it to varchar" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_sql_without_a_query_reads_it_from_stdin(arguments: tuple[str, ...], cksync: Command, mirror: Path) -> None:
    done = cksync("sql", *arguments, "--format", "csv", stdin="select count(*) as n\nfrom people\n")
    assert done.stdout == "n\n3\n"


def test_times_are_shown_in_utc(cksync: Command, mirror: Path) -> None:
    query = "select timestamptz '2024-01-02 03:04:05+02' as at"
    assert "2024-01-02 01:04:05+00" in cksync("sql", query, env={"TZ": "Asia/Tokyo"}).stdout


def test_a_command_of_the_shell_is_distinguished_from_sql(cksync: Command, mirror: Path) -> None:
    done = cksync("sql", ".tables", ok=False)
    assert done.returncode == 2
    assert done.stderr == (
        "cksync: .tables is a command of the DuckDB shell, not SQL; try `cksync sql --list`, `cksync sql --describe"
        f" subscribers`, or open the shell: duckdb -readonly {mirror}\n"
    )


@pytest.mark.parametrize("form", some(["table", "csv", "json", "parquet"], ["table"]))
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("selec 1", 'syntax error at or near "selec"'),
        ("select * from peple", 'Did you mean "people"'),
        ("select cast(name as integer) from people", "Could not convert string"),
        ("update people set id = 1", "read-only mode"),
        ("create table other (id int)", "read-only mode"),
    ],
)
def test_an_error_of_the_query_is_duckdbs_own_words(
    query: str, words: str, form: str, cksync: Command, mirror: Path
) -> None:
    done = cksync("sql", query, "--format", form, ok=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("query", ["", "  \n"])
def test_an_empty_query_is_answered_with_an_example(query: str, cksync: Command, mirror: Path) -> None:
    done = cksync("sql", query, ok=False)
    assert done.returncode == 2
    assert done.stderr.startswith("cksync: the query is empty; try: cksync sql ")


def test_without_a_mirror_sql_says_how_to_get_one(cksync: Command, tmp_path: Path) -> None:
    done = cksync("sql", "select 1", ok=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"cksync: there is no mirror in {tmp_path / 'data'} yet; create it with `cksync pull`, or try `cksync demo`\n"
    )


def test_a_mirror_that_is_no_database_is_reported_with_a_remedy(cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mirror.duckdb").write_text("no database")
    done = cksync("sql", "select 1", ok=False)
    assert done.returncode == 1
    assert "cannot be opened as a DuckDB database" in done.stderr
    assert "`cksync rebuild` restores it from the log" in done.stderr


def test_sql_needs_neither_requests_nor_the_api(environ: dict[str, str], mirror: Path) -> None:
    program = "import sys; from cksync.cli import _run; _run(['sql', 'select 1']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "duckdb" in loaded
    assert not loaded & {"requests", "urllib3", "tenacity", "cksync.api", "rich", "pyarrow", "msgspec"}


@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_reader_that_has_seen_enough_is_no_error(
    form: str, environ: dict[str, str], mirror: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cksync", "sql", "--format", form, "from range(1000000)"]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(100), process.stderr.read()) == (0, "")


# -- init


@pytest.mark.parametrize(
    "folder", some(["data", "a b", "ä", "\N{OPEN FILE FOLDER}", 'quo"te', "rub\x7fout", "tab\t"], ["data", 'quo"te'])
)
def test_init_writes_a_file_that_names_the_folder_as_given(folder: str, cksync: Command, tmp_path: Path) -> None:
    cksync("init", "--data-dir", folder)
    assert load_config(tmp_path / "config.toml", {}).data_dir == tmp_path / folder


@pytest.mark.parametrize(
    "reference", some(["env:X", "file:~/kit secret", "keyring:kit/me", "cmd:pass show 'kit/v3'"], ["file:~/kit secret"])
)
def test_init_writes_the_reference_to_the_secret(reference: str, cksync: Command, tmp_path: Path) -> None:
    cksync("init", "--api-secret", reference, "--config", "etc/kit.toml")
    assert tomllib.loads((tmp_path / "etc/kit.toml").read_text())["api"]["api_secret"] == reference


def test_init_says_what_to_do_next(cksync: Command) -> None:
    out = cksync("init").stdout
    assert out.startswith("wrote config.toml\nnext: export CKSYNC_API_SECRET=")
    assert "cksync check" in out


def test_what_init_writes_is_its_owners_alone(cksync: Command, tmp_path: Path) -> None:
    cksync("init")
    assert (tmp_path / "config.toml").stat().st_mode & 0o777 == 0o600


def test_what_init_writes_works(cksync: Command, sandbox: Sandbox) -> None:
    cksync("init")
    done = cksync("check", env={"CKSYNC_CONFIG": None, "CKSYNC_DATA_DIR": None})
    assert "owner@example.com" in done.stdout


def test_init_never_overwrites(cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("# mine")
    done = cksync("init", ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cksync: config.toml already exists; edit it, or choose another file with --config\n"
    assert (tmp_path / "config.toml").read_text() == "# mine"


def test_init_takes_no_literal_secret(cksync: Command, tmp_path: Path) -> None:
    done = cksync("init", "--api-secret", "CANARY-literal", ok=False)
    assert done.returncode == 2
    assert "CANARY" not in done.stdout + done.stderr
    assert not (tmp_path / "config.toml").exists()


def test_init_where_nothing_can_be_written_says_so(cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = cksync("init", "--config", "file/config.toml", ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cksync: file/config.toml cannot be written: ")


# -- check


def test_check_names_the_account_with_one_request(cksync: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    lines = dict(line.split("  ", 1) for line in cksync("check").stdout.splitlines())
    found = {name.strip(): text.strip() for name, text in lines.items()}
    assert found["account"] == "Acme Corp. <owner@example.com>"
    assert found["credentials"] == "accepted, API Secret from the environment's CKSYNC_API_SECRET"
    assert found["address"] == sandbox.url
    assert found["data folder"].startswith(f"{tmp_path / 'data'}, 700, ")
    assert found["clock"].endswith("the API's")
    assert sandbox.journal.by_path() == {"/account": 1}


def test_check_in_json_is_one_object(cksync: Command) -> None:
    found = json.loads(cksync("check", "--format", "json").stdout)
    assert found["account"] == "Acme Corp. <owner@example.com>"


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("API Key not present", "no credential was received"),
        ("API Key not valid", "the secret is wrong"),
        ("You do not have sufficient permissions to access this resource", "this is the public API key"),
    ],
)
def test_check_tells_the_three_401s_apart(message: str, advice: str, cksync: Command, sandbox: Sandbox) -> None:
    body = json.dumps({"error": "Authorization Failed", "message": message})
    sandbox.faults.add(effects.status(401, body, "application/json"))
    done = cksync("check", ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert advice in done.stderr


def test_check_without_a_secret_says_where_to_get_one(cksync: Command, sandbox: Sandbox) -> None:
    done = cksync("check", env={"CKSYNC_API_SECRET": None}, ok=False)
    assert done.returncode == 2
    assert "set the environment variable CKSYNC_API_SECRET (Kit: Settings, Developer)" in done.stderr
    assert len(sandbox.journal) == 0


@pytest.mark.heavy
def test_check_of_another_account_than_the_mirrors_is_refused(cksync: Command, world: World) -> None:
    cksync("pull", "tags")
    edits.change_account_email(world, "somebody@example.com")
    assert cksync("check", ok=False).returncode == 4


def test_check_knows_a_folder_that_cannot_be_written(cksync: Command, sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = cksync("check", env={"CKSYNC_DATA_DIR": "file/data"}, ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cksync: data_dir: ")
    assert len(sandbox.journal) == 0


# -- pull and status


def test_pull_writes_results_to_stdout_and_progress_to_stderr(cksync: Command, tmp_path: Path) -> None:
    done = cksync("pull")
    assert done.stdout.splitlines()[0].split()[:2] == ["table", "rows"]
    assert f"{tmp_path / 'data' / 'mirror.duckdb'} is complete" in done.stdout
    assert done.stderr.startswith("Read everything: ")
    assert "Read everything" not in done.stdout


def test_pull_in_json_is_one_object(cksync: Command, sandbox: Sandbox) -> None:
    found = json.loads(cksync("pull", "tags", "--format", "json").stdout)
    assert (found["exit_status"], found["account"], found["incomplete"]) == (0, "owner@example.com", [])
    assert {"table": "tags", "rows": 8}.items() <= next(t for t in found["tables"] if t["table"] == "tags").items()


@contextmanager
def pull_under_way(environ: dict[str, str], sandbox: Sandbox, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pull in a process of its own that hangs at the tags; killed at the end."""
    asked = threading.Event()
    sandbox.faults.add(effects.hang(), path="/tags")
    sandbox.faults.add(effects.edit_before(asked.set), path="/tags")
    with subprocess.Popen([sys.executable, "-m", "cksync", "--quiet", "pull"], env=environ, cwd=folder) as process:
        assert asked.wait(100)
        yield process
        process.kill()


def test_the_holder_of_the_lock_is_named(
    cksync: Command, environ: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    with pull_under_way(environ, sandbox, tmp_path) as first:
        done = cksync("pull", ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"cksync: process {first.pid} (cksync pull) is using {tmp_path / 'data'};"
        " wait for it to finish, or stop it and try again\n"
    )


@pytest.mark.heavy
def test_two_accounts_at_once_do_not_wait_for_one_another(
    cksync: Command, environ: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    with serve(World(), rate_limit=None) as other, pull_under_way(environ, sandbox, tmp_path):
        cksync("pull", "forms", env={"CKSYNC_BASE_URL": other.url, "CKSYNC_DATA_DIR": "other"})


def test_status_before_any_pull_says_what_to_do(cksync: Command, tmp_path: Path) -> None:
    out = cksync("status").stdout
    assert str(tmp_path / "data") in out
    assert "read by `cksync pull`" in out
    assert not (tmp_path / "data").exists()


@pytest.mark.heavy
def test_status_after_a_pull_shows_what_there_is(cksync: Command, sandbox: Sandbox) -> None:
    cksync("pull", "tags")
    asked = len(sandbox.journal)
    out = cksync("status").stdout
    assert "owner@example.com" in out
    assert any(line.split()[:5] == ["tags", "8", "8", "1", "1"] for line in out.splitlines())
    assert len(sandbox.journal) == asked


def test_status_shows_a_pull_that_failed(cksync: Command, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(410), count=None)
    cksync("pull", ok=False)
    assert "API v3 appears to be switched off" in cksync("status").stdout


@pytest.mark.parametrize("is_pulled", [False, True])
def test_status_in_json_is_one_object(is_pulled: bool, cksync: Command) -> None:
    if is_pulled:
        cksync("pull", "tags")
    found = json.loads(cksync("status", "--format", "json").stdout)
    assert found["account"] == ("owner@example.com" if is_pulled else None)
    assert [load["exit_status"] for load in found["loads"]] == ([0] if is_pulled else [])


def test_rebuild_in_json_says_what_each_table_has(cksync: Command) -> None:
    pulled = json.loads(cksync("pull", "tags", "--format", "json").stdout)
    rebuilt = json.loads(cksync("rebuild", "--format", "json").stdout)
    assert {t["table"]: t["rows"] for t in rebuilt["tables"]} == {t["table"]: t["rows"] for t in pulled["tables"]}


@pytest.mark.parametrize("command", some(["status", "sql", "pull", "rebuild", "check"], ["sql", "pull"]))
def test_a_folder_of_a_newer_cksync_is_left_alone(command: str, cksync: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "format").write_text("99\n")
    done = cksync(command, *(["select 1"] if command == "sql" else []), ok=False)
    assert done.returncode == 1
    assert "was written by a newer cksync (format 99" in done.stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["format"]


# -- sandbox


def test_sandbox_on_a_port_that_is_taken_says_so(cksync: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cksync("sandbox", "--subscribers", "1", "--port", str(port), ok=False)
    assert done.returncode == 1
    assert f"cksync: cannot serve on 127.0.0.1:{port}: " in done.stderr
    assert "Address already in use" in done.stderr


def test_sandbox_serves_until_it_is_told_to_stop(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "cksync", "sandbox", "--subscribers", "7", "--port", "0", "--api-secret", "word"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(" ", 1)[1].strip()
        with urllib.request.urlopen(f"{url}/subscribers?api_secret=word") as answer:
            assert json.load(answer)["total_subscribers"] > 0
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.heavy
def test_work_goes_on_when_nobody_reads_its_progress(environ: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cksync", "pull"]
    with subprocess.Popen(
        command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        process.stderr.close()
        assert process.stdout is not None
        assert b" is complete: " in process.stdout.read()
    assert process.returncode == 0
    assert (tmp_path / "data" / "mirror.duckdb").exists()


@pytest.mark.parametrize("option", some(["--nope", "--lst", "-x", "--formt=csv"], ["--lst"]))
def test_option_of_sql_that_is_none_is_no_comment(option: str, cksync: Command) -> None:
    refused = cksync("sql", option, ok=False)
    assert (refused.returncode, refused.stderr) == (
        2,
        f"cksync: there is no option {option.split('=')[0]}; `cksync sql --help` lists the options\n",
    )
