"""Commands that make no requests show what they do, and end with a sentence."""

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.support.pseudo_terminal import in_terminal


@pytest.fixture
def pulled(cksync: Command, environ: dict[str, str]) -> None:
    settings = Path(environ["CKSYNC_CONFIG"])
    settings.write_text(settings.read_text().replace("build = false", "build = true"))
    cksync("pull")


@pytest.mark.usefixtures("pulled")
def test_steps_are_shown_on_a_terminal_and_each_command_ends_with_a_sentence(
    environ: dict[str, str], tmp_path: Path
) -> None:
    for arguments, step, ending in (
        (("rebuild",), "building list_growth_daily", "is rebuilt from the log: "),
        (("checkout", "work.duckdb"), "copying subscriptions", "work.duckdb is ready: "),
        (("report", "out.html"), "answering: ", "out.html is written: "),
        (("export", "out/", "subscribers"), "writing subscribers", "out/ is written: 1 table, "),
    ):
        status, written = in_terminal(*arguments, cwd=tmp_path, environ=environ, width=120)
        assert (status, step in written) == (0, True), arguments
        *_, last = written.rstrip("\n").replace("\x1b[?25h", "").split("\n\n")
        assert ending in last.replace("\n", " "), arguments
        assert last.endswith((".", "`."))


def test_nothing_follows_the_verdict_on_a_terminal(cksync: Command, environ: dict[str, str], tmp_path: Path) -> None:
    """DuckDB reported leaked instances in forty lines when the process ended."""
    cksync("pull")
    status, written = in_terminal("verify", cwd=tmp_path, environ=environ, width=120)
    assert status == 0
    assert written.rstrip().replace("\x1b[?25h", "").endswith(" s.")


@pytest.mark.heavy
@pytest.mark.usefixtures("pulled")
def test_a_pipe_gets_no_steps_of_a_short_command(cksync: Command) -> None:
    assert cksync("rebuild").stderr == ""
