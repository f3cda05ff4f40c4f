"""Completion in a real shell, and the manual page as groff prints it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cksync.cli import COMMANDS, cli
from cksync.cli.completion import SHELLS
from cksync.cli.man import ENVIRONMENT, EXIT_STATUS
from tests.conftest import Command

TOP = Path(__file__).parent.parent
# Calls the function that completes `cksync WORDS`, and prints what it found.
IN_BASH = """
eval "$(cksync completion bash)"
COMP_WORDS=(cksync "$@") COMP_CWORD=$#
_cksync_completion cksync
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(environ: dict[str, str], *words: str) -> list[str]:
    """What bash offers after these words."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", IN_BASH, "bash", *words], env={**environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_commands_and_options(environ: dict[str, str]) -> None:
    assert completed(environ, "pu") == ["pull", "push"]
    assert completed(environ, "pull", "--max") == ["--max-minutes"]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_tables_and_saved_queries_of_the_mirror(environ: dict[str, str], cksync: Command) -> None:
    cksync("pull", "tags")
    assert "@bought_twice" in completed(environ, "sql", "@bought")
    assert completed(environ, "sql", "--describe", "subscriber_st") == ["subscriber_stats"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gets_a_script_that_its_interpreter_reads(shell: str, cksync: Command, tmp_path: Path) -> None:
    script = cksync("completion", shell).stdout
    assert "_CKSYNC_COMPLETE" in script
    if shutil.which(shell):
        (tmp_path / "script").write_text(script)
        assert subprocess.run([shell, "-n", tmp_path / "script"]).returncode == 0


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_groff_prints_the_manual_page_without_a_warning(cksync: Command) -> None:
    page = cksync("man").stdout
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-P-cbou"], input=page, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = re.sub(r"\s+", " ", done.stdout)
    assert all(f"cksync {name}" in text for name in COMMANDS)
    assert "CKSYNC_API_KEY" in text


def test_the_manual_page_names_every_command_and_every_option(cksync: Command) -> None:
    page = cksync("man").stdout.replace(r"\-", "-")
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert f'.SS "cksync {name}' in page
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        assert [option.opts[-1] for option in options if option.opts[-1] not in page] == []


def test_the_manual_page_says_what_the_documents_say() -> None:
    commands, configuration = ((TOP / "docs" / name).read_text() for name in ("commands.md", "configuration.md"))
    assert [status for status, _ in EXIT_STATUS] == re.findall(r"^\| (\d+) \|", commands, re.MULTILINE)
    assert {name for name, _ in ENVIRONMENT} == set(re.findall(r"CKSYNC_[A-Z_0-9]+", configuration))
