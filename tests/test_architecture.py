"""What is imported when, and that catalog, tables and commands match.

The direction of imports is declared in pyproject.toml, and `make lint` checks it.
"""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

import cksync
from cksync.api.v3.catalog import STREAMS
from cksync.api.v4 import catalog as v4
from cksync.cli import COMMANDS, cli
from cksync.extract.v4.phases import STREAMS as STREAMS_V4
from cksync.load.log import REQUESTS
from cksync.load.tables import tables

ROOT = Path(__file__).parents[1]
HEAVY = {"requests", "urllib3", "tenacity", "duckdb", "_duckdb", "pyarrow", "rich", "msgspec", "uvicorn"}


def loaded_by(program: str) -> set[str]:
    """Return the modules loaded at the end of a program, which may print anything before."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint('\\n', *sys.modules)"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "CKSYNC_DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_cksync_loads_nothing_heavy() -> None:
    assert not loaded_by("import cksync") & HEAVY


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_loads_nothing_heavy(command: str) -> None:
    arguments = [*command.split(), "--help"]
    loaded = loaded_by(f"from cksync.cli import _run\nassert _run({arguments}) == 0")
    assert "click" in loaded
    assert not loaded & HEAVY


def test_status_of_an_empty_folder_asks_nobody() -> None:
    loaded = loaded_by("from cksync.cli import _run\nassert _run(['status']) == 0")
    assert not loaded & {"requests", "urllib3", "tenacity", "rich"}


def test_every_public_name_is_there() -> None:
    assert all(getattr(cksync, name) for name in cksync.__all__)
    assert dir(cksync) == sorted(cksync.__all__)
    with pytest.raises(AttributeError, match="module 'cksync' has no attribute 'nonsense'"):
        cksync.nonsense  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.heavy
def test_types_are_seen_by_those_who_install_cksync(tmp_path: Path) -> None:
    user = shutil.copy(ROOT / "tests/typing/api.py", tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), user]
    environ = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "Success: no issues found in 1 source file"


def test_the_sandbox_loads_nothing_of_cksync() -> None:
    loaded = loaded_by("import kit_sandbox.listener")
    assert "kit_sandbox.listener" in loaded
    assert not {name for name in loaded if name.partition(".")[0] == "cksync"}


# -- the catalog and the tables


def test_every_stream_is_read_by_a_table() -> None:
    assert {stream for table in tables() for stream in table.streams} >= STREAMS.keys() | v4.STREAMS.keys()


def test_every_table_reads_streams_that_exist() -> None:
    assert {stream for table in tables() for stream in table.streams} <= STREAMS.keys() | v4.STREAMS.keys() | {REQUESTS}


def test_every_stream_is_called_by_its_own_name() -> None:
    for streams in (STREAMS, v4.STREAMS):
        assert {name: stream.name for name, stream in streams.items()} == {name: name for name in streams}


def test_streams_of_v4_are_requested_in_the_order_that_is_shown() -> None:
    assert set(STREAMS_V4) == v4.STREAMS.keys()


def test_the_tables_are_those_that_are_promised() -> None:
    assert {table.name for table in tables()} == {
        "account",
        "subscribers",
        "custom_fields",
        "forms",
        "sequences",
        "tags",
        "subscriptions",
        "broadcasts",
        "broadcast_stats",
        "broadcast_links",
        "sequence_emails",
        "sequence_email_stats",
        "subscriber_stats",
        "segments",
        "email_templates",
        "posts",
        "snippets",
        "webhooks",
        "purchases",
        "purchase_products",
    }


# -- the commands


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_its_module_with_global_flags_and_a_word_of_help(name: str) -> None:
    command = getattr(importlib.import_module(f"cksync.cli.{COMMANDS[name][0]}"), name)
    assert command.name == name
    assert command.help
    assert {parameter.name for parameter in command.params} >= {"config", "quiet", "verbosity"}


@pytest.mark.parametrize("name", ["check", "pull", "status", "sql", "export", "rebuild"])
def test_every_command_that_prints_a_table_prints_json_too(name: str) -> None:
    command = cli.get_command(cli.make_context("cksync", [name]), name)
    assert command is not None
    (kind,) = (parameter.type for parameter in command.params if "--format" in parameter.opts)
    assert isinstance(kind, click.Choice)
    assert {"table", "json"} <= set(kind.choices)
