"""`cksync demo`: a newsletter with 90 lived days and its mirror. No real pull takes a moved clock."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cksync.cli.demo import DAYS, PULLS, QUERIES
from kit_sandbox import ShiftedClock, creator, serve
from tests.conftest import Command

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("days", [90, -90])
def test_a_real_pull_of_an_account_on_another_clock_is_refused(days: float, cksync: Command) -> None:
    """Only the demo's own pulls run on the account's clock: no setting and no variable moves that of `cksync pull`."""
    world = creator(20, now=ShiftedClock(days))
    with serve(world, rate_limit=None) as moved:
        environ = {"CKSYNC_BASE_URL": moved.url_v4, "CKSYNC_API_KEY": moved.v4_key, "CKSYNC_API_SECRET": None}
        done = cksync("pull", env=environ, ok=False)
        assert done.returncode == 4
        assert "this machine's clock shows" in done.stderr
        assert len(moved.journal) == 1


def run(folder: Path, *arguments: str) -> str:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [sys.executable, "-m", "cksync", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    return run(folder, "demo")


@pytest.fixture
def mirror(folder: Path, printed: str) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(folder / "cksync-demo" / "mirror.duckdb"), read_only=True) as db:
        yield db


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_demo_pulls_thirteen_times_in_ninety_days(mirror: duckdb.DuckDBPyConnection) -> None:
    query = "select count(*), date_diff('day', min(started_at), max(started_at)), max(exit_status) from _cksync.loads"
    assert mirror.execute(query).fetchone() == (PULLS, DAYS, 0)
    (newest,) = mirror.execute("select now() - max(started_at) < interval 1 hour from _cksync.loads").fetchall()
    assert newest == (True,)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_demo_prints_a_line_a_pull_and_what_to_try_next(printed: str) -> None:
    assert len(re.findall(r"^20\d\d-\d\d-\d\d +[\d,]+ .* \d+$", printed, re.MULTILINE)) >= PULLS
    assert "Next steps" in printed
    assert max(map(len, printed.splitlines())) <= 80 + len(sys.executable)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_the_readme_shows_what_the_demo_prints(printed: str) -> None:
    """Its numbers are of another day, but its headings are today's, in their order."""
    (sample,) = re.findall(r"```\n(A simulated newsletter.*?)```", README.read_text(), re.DOTALL)
    headings = [
        line.split() for line in sample.splitlines() if re.match(r"\w", line) and not re.search(r"\d{4}|  \d", line)
    ]
    lines = iter([line.split() for line in printed.splitlines()])
    assert len(headings) > 6
    assert [heading for heading in headings if heading not in lines] == []  # each search goes on where the last ended


@pytest.mark.heavy
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [*QUERIES, "churn", "top_broadcasts", "bought_twice", "cold", "sources", "links"])
def test_every_query_has_rows(name: str, folder: Path, printed: str) -> None:
    rows = run(folder, "sql", "--config", "cksync-demo/config.toml", "--format", "csv", f"@{name}").splitlines()
    assert len(rows) > 1


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_every_model_and_the_report_are_made(folder: Path, mirror: duckdb.DuckDBPyConnection) -> None:
    assert mirror.execute("select count(*) from list_growth_daily").fetchall() != [(0,)]
    report = (folder / "cksync-demo" / "report.html").read_text()
    assert "The Slow Loaf" in report


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_nothing_in_the_mirror_looks_like_a_defect(mirror: duckdb.DuckDBPyConnection) -> None:
    tables = [
        name
        for (name,) in mirror.execute("select table_name from duckdb_tables() where schema_name = 'main'").fetchall()
    ]
    odd = [
        table
        for table in tables
        if "_extra" in mirror.table(f"main.{table}").columns
        and mirror.execute(f'select 1 from main."{table}" where _extra is not null limit 1').fetchone()
    ]
    assert odd == []
    assert mirror.execute("select count(*) from purchases where total <= 0 or total > 1000").fetchone() == (0,)
