"""Terminal output: nothing that moves the cursor, changes the title or reverses text, whoever wrote it."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from cksync.cli.streams import visible
from cksync.folder import Folder
from kit_sandbox import Account, World
from tests.conftest import some
from tests.support.pseudo_terminal import all_shown

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2066\x7f\b\rtail"
SEEN = r"\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil\u2066\u007f\u0008\u000dtail"
# What terminal output may contain besides printable characters.
PLAIN = re.compile(r"[\x20-\x7e\n\t]|\r+\n|[^\x00-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

Shown = Callable[..., str]


def test_a_text_without_such_characters_is_visible_as_it_is() -> None:
    text = "Zoë 🚀 ‍👩‍👩‍👧 \u200d مرحبا\ttab\nline\r\nline"
    assert visible(text) == text


def test_escapes_are_shown() -> None:
    assert visible(EVIL) == SEEN
    assert json.loads(f'"{visible(EVIL)}"') == EVIL


@pytest.fixture
def shown(environ: dict[str, str], tmp_path: Path) -> Shown:
    """Run a command whose stdout and stderr are a terminal; return everything sent to it."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> str:
        outer, inner = pty.openpty()
        command = [sys.executable, "-m", "cksync", *arguments]
        environment = {**environ, "TERM": "xterm", **(env or {})}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=inner, stderr=inner, stdin=subprocess.DEVNULL
        )
        os.close(inner)
        written = all_shown(outer)
        process.wait(100)
        return written.decode()

    return run


def test_the_accounts_name_does_not_reach_a_terminal_as_it_is(shown: Shown, world: World) -> None:
    world.account = Account(f"Acme {EVIL}", "owner@example.com")
    said = shown("check")
    assert SEEN in said
    assert PLAIN.sub("", said) == ""


@pytest.mark.parametrize("arguments", [("--config", f"{EVIL}.toml", "check"), ("status", "--no\x1b[2Jsuch"), (EVIL,)])
def test_an_error_does_not_reach_a_terminal_as_it_is(arguments: tuple[str, ...], shown: Shown) -> None:
    said = shown(*arguments)
    assert PLAIN.sub("", said) == ""
    assert "1b" in said


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = Folder(tmp_path / "data")
    folder.prepare()
    with duckdb.connect(str(folder.mirror)) as db:
        db.execute("create table people (name varchar, json_ json)")
        db.execute("insert into people values (?, ?)", [EVIL, json.dumps({"a": EVIL}, ensure_ascii=False)])
        db.execute("comment on table people is 'One row per \x1b[2J\u202e.'")
    return folder.mirror


@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize("form", some(["table", "line", "csv", "json"], ["table", "csv"]))
def test_no_format_reaches_a_terminal_as_it_is(form: str, shown: Shown) -> None:
    said = shown("sql", "--format", form, "select name from people")
    assert PLAIN.sub("", said) == ""
    assert r"\u202eevil\u2066" in said


@pytest.mark.heavy
@pytest.mark.usefixtures("mirror")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--list",),
        ("--describe", "people"),
        ("--list", "--format", "csv"),
        ("--describe", "people", "--format", "json"),
    ],
    ids=" ".join,
)
def test_no_description_reaches_a_terminal_as_it_is(arguments: tuple[str, ...], shown: Shown) -> None:
    said = shown("sql", *arguments)
    assert PLAIN.sub("", said) == ""
    assert r"\u202e" in said


@pytest.mark.usefixtures("mirror")
def test_into_a_pipe_data_goes_byte_for_byte(environ: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cksync", "sql", "--format", "csv", "select name from people"]
    written = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, check=True).stdout
    assert written == f'name\n"{EVIL}"\n'.encode()


@pytest.mark.heavy
def test_a_bar_moves_the_cursor_and_nothing_else_does(shown: Shown, world: World) -> None:
    world.account = Account(EVIL, "owner@example.com")
    said = shown("pull", "tags", "forms")
    assert "owned\x07" not in said
    assert "\x1b[?25h" in said  # the bar's own
    assert "complete" in said


@pytest.mark.heavy
def test_a_file_gets_its_part_while_a_bar_is_shown(environ: dict[str, str], tmp_path: Path) -> None:
    """The bar is on stderr, a terminal; the plan of a push goes into a file."""
    subprocess.run([sys.executable, "-m", "cksync", "pull"], cwd=tmp_path, env=environ, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "cksync", "checkout", "w.duckdb"], cwd=tmp_path, env=environ, check=True)
    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        db.execute("insert into tags (name) values (?)", ["\x1b[2Jnew"])
    outer, inner = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "cksync", "push", "w.duckdb", "--yes"],
        cwd=tmp_path,
        env={**environ, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=inner,
    )
    os.close(inner)
    os.close(outer)
    assert done.returncode == 0
    assert b"create tag: 1" in done.stdout


def test_colors_reach_a_terminal_alone() -> None:
    command = [
        sys.executable,
        "-c",
        "from cksync.cli.streams import colored, open_streams; import click; open_streams();"
        " click.echo(colored('\\x1b[31mAda', 'green'))",
    ]
    outer, inner = pty.openpty()
    subprocess.run(command, stdout=inner, check=True)
    os.close(inner)
    assert all_shown(outer) == b"\x1b[32m\\u001b[31mAda\x1b[0m\r\n"
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"Ada\n"  # click removes theirs
