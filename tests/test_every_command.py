"""Every command on a hostile machine, as processes: streams that are closed, full, no longer read, or not UTF-8."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from cksync.cli import COMMANDS, DOING
from kit_sandbox import World, edits, generate, serve
from tests.conftest import some

QUERY = "select 'Zoë 🚀 n''est pas là' as naïve from range(3)"
CSV = "naïve\n" + "Zoë 🚀 n'est pas là\n" * 3
# Every command in every form in which it prints, each to run in a folder of its own (see `place`).
CALLS = [
    ("--version",),
    ("--help",),
    ("init", "--config", "new.toml"),
    ("config",),
    ("config", "--format", "json"),
    ("config", "--example"),
    ("check",),
    ("check", "--format", "json"),
    ("plan",),
    ("plan", "--format", "json"),
    ("pull",),
    ("pull", "--format", "json"),
    ("verify",),
    ("verify", "--format", "json"),
    ("status",),
    ("status", "--format", "json"),
    ("sql", QUERY),
    ("sql", "--format", "line", QUERY),
    ("sql", "--format", "csv", QUERY),
    ("sql", "--format", "json", QUERY),
    ("sql", "--format", "parquet", QUERY),
    ("sql", "--list"),
    ("sql", "--list", "--format", "csv"),
    ("sql", "--describe", "subscribers"),
    ("sql", "--describe", "subscribers", "--format", "json"),
    ("export", "new.csv", "subscribers"),
    ("export", "new.xlsx", "subscribers", "--format", "json"),
    ("report", "new.html"),
    ("checkout", "new.duckdb"),
    ("checkout", "work.duckdb", "--refresh", "--format", "json"),
    ("diff", "work.duckdb"),
    ("diff", "work.duckdb", "--format", "json"),
    ("push", "work.duckdb", "--yes"),
    ("push", "work.duckdb", "--yes", "--format", "json"),
    ("revert", "work.duckdb", "--all"),
    ("rebuild",),
    ("rebuild", "--format", "json"),
    ("completion", "bash"),
    ("man",),
]
# The first call of each command, and every format of `sql`.
ONE_EACH = [call for n, call in enumerate(CALLS) if call[0] == "sql" or call[0] not in [c[0] for c in CALLS[:n]]]
FEW = [("status",), ("sql", "--format", "csv", QUERY)]  # for `make test`; the others are for `make test-all`
STDOUT_UNREAD, STDERR_UNREAD = "| true", "2>&1 >/dev/null | true"
# How a shell loses a stream of a command. A pipe without a reader is made without a shell, whose exit status would be
# the reader's, and which may also be too late.
LOST = {
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "stdin closed": "<&-",
    "all closed": ">&- 2>&- <&-",
    "stderr full": "2>/dev/full",
    "stdout unread": STDOUT_UNREAD,
    "stderr unread": STDERR_UNREAD,
}
# None of them can spell everything. Python takes the locale C for UTF-8 unless it is told not to.
ENCODINGS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii, and so is the locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
Place = tuple[Path, dict[str, str]]
Done = subprocess.CompletedProcess[bytes]


class Account(NamedTuple):
    """A folder, the environment of a command in it, and the account with the original names of its people."""

    folder: Path
    environ: dict[str, str]
    world: World
    names: dict[int, str | None]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A folder with a mirror and an edited workspace."""
    top = tmp_path_factory.mktemp("every") / "place"
    top.mkdir()
    settings = 'data_dir = "data"\n[api]\nrate_limit = 100000\nrate_period_seconds = 1.0\n'
    (top / "models.toml").write_text(settings)
    (top / "settings.toml").write_text(settings + "[models]\nbuild = false\n")
    world = generate(60, 7, broadcasts=3)
    with serve(world, rate_limit=None) as sandbox:
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(top),
            "LANG": "C.UTF-8",
            "CKSYNC_CONFIG": "settings.toml",
            "CKSYNC_BASE_URL": sandbox.url,
            "CKSYNC_API_SECRET": sandbox.api_secret,
        }
        for call in (("pull", "--config", "models.toml"), ("checkout", "work.duckdb")):
            assert run(top, environ, *call).returncode == 0
        with duckdb.connect(str(top / "work.duckdb")) as db:
            db.execute("update subscribers set first_name = 'Zoë' where state = 'active'")
        yield Account(top, environ, world, {key: person.first_name for key, person in world.subscribers.items()})


@pytest.fixture
def place(account: Account, tmp_path: Path) -> Iterator[Place]:
    """A copy of the account's folder for one test, and its environment. Pushed changes are reverted."""
    shutil.copytree(account.folder, tmp_path / "place")
    yield tmp_path / "place", account.environ
    for key, name in account.names.items():
        if account.world.subscribers[key].first_name != name:
            edits.set_first_name(account.world, key, name)


def run(folder: Path, environ: Mapping[str, str], *call: str, lost: str = "") -> Done:
    """Run the real command, with its streams as given in shell syntax."""
    reader, unread = os.pipe()
    os.close(reader)
    is_piped = "|" in lost
    try:
        return subprocess.run(
            ["sh", "-c", f'"$@" {"" if is_piped else lost}', "sh", sys.executable, "-m", "cksync", *call],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=unread if lost == STDOUT_UNREAD else subprocess.PIPE,
            stderr=unread if lost == STDERR_UNREAD else subprocess.PIPE,
        )
    finally:
        os.close(unread)


def test_every_command_is_called_here() -> None:
    elsewhere = {"demo", "sandbox", "login", "logout"}  # login and logout: tests/test_login.py
    assert {call[0] for call in CALLS} == {"--version", "--help", *COMMANDS} - elsewhere


@pytest.mark.parametrize("call", some(ONE_EACH, FEW[:1]), ids=" ".join)
@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_a_lost_stream_changes_no_exit_status(lost: str, call: tuple[str, ...], place: Place) -> None:
    done = run(*place, *call, lost=lost)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("call", some(CALLS, [*FEW, ("checkout", "new.duckdb")]), ids=" ".join)
def test_output_that_does_not_fit_is_reported_after_the_work(call: tuple[str, ...], place: Place) -> None:
    """1 if the output is the whole result, 3 (partly done) if the work itself is done."""
    done = run(*place, *call, lost=">/dev/full")
    is_done = call[0] in DOING
    after = "; the command itself completed" if is_done else ""
    assert done.stderr.decode().splitlines()[-1] == (f"cksync: cannot write the output: No space left on device{after}")
    assert done.returncode == (3 if is_done else 1)


@pytest.mark.parametrize("call", some(ONE_EACH, FEW), ids=" ".join)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_people_get_a_mark_for_what_their_terminal_cannot_show_and_machines_get_utf_8(
    encoding: str, call: tuple[str, ...], place: Place
) -> None:
    folder, environ = place
    done = run(folder, {**environ, **ENCODINGS[encoding]}, *call)
    assert done.returncode == 0, done.stderr
    if "json" in call:
        json.loads(done.stdout.decode())
    elif call == ("sql", "--format", "csv", QUERY):
        assert done.stdout.decode() == CSV
    elif not {"csv", "parquet"} & set(call):
        done.stdout.decode("latin-1" if encoding == "latin-1" else "ascii")
    done.stderr.decode("latin-1" if encoding == "latin-1" else "ascii")


@pytest.mark.heavy
def test_a_push_whose_reader_has_seen_enough_pushes_all_the_same(place: Place) -> None:
    folder, environ = place
    assert run(folder, environ, "push", "work.duckdb", "--yes", lost=STDOUT_UNREAD).returncode == 0
    assert b"nothing to push" in run(folder, environ, "diff", "work.duckdb").stdout


def test_an_exit_status_is_the_same_when_the_reader_has_seen_enough(place: Place) -> None:
    """`diff | head` of a workspace with an edit that cannot be pushed."""
    folder, environ = place
    with duckdb.connect(str(folder / "work.duckdb")) as db:
        db.execute("update forms set name = 'cannot be pushed'")
    assert run(folder, environ, "diff", "work.duckdb", lost=STDOUT_UNREAD).returncode == 1


@pytest.mark.parametrize(("lost", "status"), [(STDOUT_UNREAD, 0), (">/dev/full", 1)])
def test_an_answer_that_goes_nowhere_is_not_made_to_its_end(lost: str, status: int, place: Place) -> None:
    """Its last row cannot be computed."""
    query = "select case when range = 20000000 then error('too far') else range::varchar end as n from range(20000001)"
    assert run(*place, "sql", "--format", "parquet", query, lost=lost).returncode == status


@pytest.mark.parametrize("lost", some([">&-", "2>&-", "<&-"], [">&-"]))
def test_a_closed_stream_is_not_taken_for_a_file_that_is_opened_later(lost: str, place: Place) -> None:
    """A new file gets the lowest free descriptor, and printed output would be written into it."""
    folder, environ = place
    assert run(folder, environ, "export", "new.csv", "--query", "select 1 as one", lost=lost).returncode == 0
    assert (folder / "new.csv").read_bytes() == b"one\r\n1\r\n"


def test_a_query_on_stdin_is_utf_8_whatever_the_locale(place: Place) -> None:
    folder, environ = place
    (folder / "query.sql").write_text("\ufeff" + QUERY, encoding="utf-8")
    for given in ENCODINGS.values():
        done = run(folder, {**environ, **given}, "sql", "--format", "csv", lost="<query.sql")
        assert done.stdout.decode() == CSV


@pytest.mark.parametrize("call", [("sql",), ("sql", os.fsdecode(b"select '\xff'"))], ids=["stdin", "argument"])
def test_a_query_that_is_no_utf_8_is_one_sentence(call: tuple[str, ...], place: Place) -> None:
    folder, environ = place
    (folder / "query.sql").write_bytes(b"select '\xff'")
    done = run(folder, environ, *call, lost="<query.sql")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"cksync: the query is not valid UTF-8; save it as UTF-8, or set LC_ALL=C.UTF-8\n"


def test_a_query_that_does_not_end_is_refused(place: Place) -> None:
    folder, environ = place
    done = run(folder, environ, "sql", lost="</dev/zero")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"cksync: the query on stdin has more than 10 MB; check where it comes from\n"


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_the_demo_ends_without_anybody_who_reads_it(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"}
    done = run(tmp_path, environ, "demo", lost=">/dev/full 2>&1 <&-")
    assert done.returncode == 3
    done = run(tmp_path, environ, "demo")
    assert done.returncode == 0, done.stderr
    assert "Next steps; " in done.stdout.decode("ascii")


# -- warnings of the configuration


@pytest.mark.parametrize("call", some(CALLS, FEW), ids=" ".join)
def test_a_warning_of_the_configuration_is_reported_once(call: tuple[str, ...], place: Place) -> None:
    folder, environ = place
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace("[api]", f'[api]\napi_secret = "{environ["CKSYNC_API_SECRET"]}"'))
    del (given := dict(environ))["CKSYNC_API_SECRET"]
    done = run(folder, given, *call)
    assert done.returncode == 0, done.stderr
    has_config = call[0] not in ("--version", "--help", "init")
    assert done.stderr.decode().count("warning: ") == has_config


@pytest.mark.parametrize("call", some([("pull",), ("rebuild",), ("export", "new.csv", "subscribers")], [("rebuild",)]))
def test_no_thread_left_to_start_is_a_sentence(call: tuple[str, ...], place: Place) -> None:
    """A thread's stack has the size of the limit: none can be larger than the address space."""
    folder, environ = place
    command = ["prlimit", f"--stack={10**14}", sys.executable, "-m", "cksync", *call]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("cksync: cannot start another thread; ")


@pytest.mark.parametrize("lost", [">&- 2>&-", ">/dev/full 2>/dev/full"])
@pytest.mark.parametrize(("arguments", "status"), [("status", 0), ("sql", 2), ("nothing", 2)])
def test_without_stdout_and_stderr_the_status_is_what_it_is(
    lost: str, arguments: str, status: int, place: Place
) -> None:
    folder, environ = place
    script = f"{sys.executable} -m cksync {arguments} {lost} < /dev/null"
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=environ, timeout=60)
    expected = 1 if "full" in lost and status == 0 else status
    assert done.returncode == expected
