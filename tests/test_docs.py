"""The documents match the program: commands, links, tables and help texts."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cksync.cli import COMMANDS, cli
from cksync.errors import CksyncError
from cksync.load.tables import tables

TOP = Path(__file__).parent.parent
SNAPSHOTS = Path(__file__).parent / "snapshots"
README = (TOP / "README.md").read_text()

# -- help


@pytest.mark.parametrize("command", ["", *COMMANDS], ids=lambda name: name or "cksync")
def test_help_is_as_it_was(command: str) -> None:
    """User-visible text changes only on purpose: UPDATE_SNAPSHOTS=1 rewrites it."""
    done = subprocess.run(
        [sys.executable, "-m", "cksync", *command.split(), "--help"],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    snapshot = SNAPSHOTS / f"help-{command or 'cksync'}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(done.stdout)
    assert done.stdout == snapshot.read_text()


def test_no_snapshot_is_of_a_command_that_is_no_more() -> None:
    expected = {f"help-{command}.txt" for command in ("cksync", *COMMANDS)}
    assert {path.name for path in SNAPSHOTS.glob("help-*.txt")} == expected


# -- generated parts


def test_the_dictionary_and_the_diagrams_are_as_sql_has_it() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=TOP, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# -- the README


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_names_every_command(command: str) -> None:
    assert re.search(rf"`cksync {command}\b", README)


def command_lines() -> Iterator[str]:
    """Yield the commands in the README: lines of code blocks, and code in the text."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL))
    yield from (line.strip() for line in blocks.splitlines() if re.match(r"\s*(\.venv/bin/)?cksync ", line))
    yield from re.findall(r"`(cksync [^`\[]+)`", README)


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_every_command_line_of_the_readme_is_one(line: str) -> None:
    _, *arguments = shlex.split(line, comments=True)
    with cli.make_context("cksync", arguments) as context:
        name, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(name, rest, parent=context).close()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)", README))))
def test_every_link_of_the_readme_leads_somewhere(target: str) -> None:
    assert (TOP / target).exists()


@pytest.mark.parametrize("document", sorted((TOP / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_link_of_the_documents_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:cksync|kit_sandbox|sql|docs|tests|bench)/[\w/.]*)`", README)))
)
def test_every_path_of_the_readme_exists(path: str) -> None:
    assert (TOP / path).exists()


@pytest.mark.parametrize("name", sorted(table.name for table in tables()))
def test_the_readme_names_every_table(name: str) -> None:
    assert f"`{name}`" in README


def statuses(kind: type[CksyncError]) -> set[int]:
    return {kind.exit_status}.union(*map(statuses, kind.__subclasses__()))


def test_the_readme_names_every_exit_status() -> None:
    named = {int(number) for number in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert named == {0, 3} | statuses(CksyncError)


def test_the_readme_names_every_variable_of_the_environment() -> None:
    used = set(re.findall(r"CKSYNC_[A-Z_]+", (TOP / "cksync" / "config.py").read_text()))
    assert {name for name in used if not name.endswith("_")} <= set(re.findall(r"CKSYNC_[A-Z_]+", README))
