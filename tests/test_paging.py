"""Output on a terminal: it goes through a pager, fits the width, keeps its format, and says why it is empty."""

from pathlib import Path

from cksync.domain import whole
from cksync.load.publish import publish
from tests.conftest import Command
from tests.support.log_builder import LogBuilder
from tests.support.pseudo_terminal import in_terminal

PAGER = "sed s/^/paged:/"


def test_long_lists_go_through_the_pager(
    log: LogBuilder, cksync: Command, environ: dict[str, str], tmp_path: Path
) -> None:
    log.write(whole("tags"), 0, [{"id": 1, "name": "a"}], is_complete=True)
    publish(log.folder)
    status, shown = in_terminal("sql", "--list", cwd=tmp_path, environ={**environ, "PAGER": PAGER})
    assert (status, shown.count("paged:")) == (0, len(shown.splitlines()))
    _, plain = in_terminal("sql", "--list", cwd=tmp_path, environ={**environ, "PAGER": "cat"})
    assert shown.replace("paged:", "") == plain
    assert max(map(len, plain.splitlines())) <= 80
    assert "paged:" not in cksync("sql", "--list", env={"PAGER": PAGER}).stdout


def test_the_format_given_is_the_one_printed(log: LogBuilder, environ: dict[str, str], tmp_path: Path) -> None:
    log.write(whole("tags"), 0, [{"id": 1, "name": "a"}], is_complete=True)
    publish(log.folder)
    environ = {**environ, "PAGER": "cat"}
    query = "select * exclude (_extra), * from tags, range(2)"
    _, shown = in_terminal("sql", query, cwd=tmp_path, environ=environ)
    assert "name = a" in shown
    _, shown = in_terminal("sql", "--format", "table", query, cwd=tmp_path, environ=environ)
    assert shown.startswith("┌")
    assert "-- not shown: " in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_an_empty_answer_says_why(log: LogBuilder, cksync: Command, tmp_path: Path) -> None:
    log.write(whole("tags"), 0, [], is_complete=True)
    publish(log.folder)
    queries = tmp_path / "models" / "queries"
    queries.mkdir(parents=True)
    (queries / "none.sql").write_text("-- No tags.\n-- @empty: there are none; first pull {first_pull}\nfrom tags\n")
    (tmp_path / "mine.toml").write_text('[models]\npath = "models"\n')
    done = cksync("sql", "@none", env={"CKSYNC_CONFIG": "mine.toml"})
    assert done.stderr.startswith("-- there are none; first pull on 20")
