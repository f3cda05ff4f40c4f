"""The published file opens in the DuckDB of older drivers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cksync.config import Config
from cksync.load.tables import tables
from cksync.pipeline.pull import pull
from tests.support.accounts.small import small_account

# Reads every table and view completely, as an old driver would.
READ = """
import json, sys, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
db.execute("set TimeZone = 'UTC'")
names = db.execute("select table_schema, table_name from information_schema.tables order by all").fetchall()
found = {
    f"{schema}.{name}": [duckdb.__version__, len(db.execute(f'select * from {schema}."{name}"').fetchall())]
    for schema, name in names
}
macros = db.execute("select function_name from duckdb_functions() where schema_name = 'as_of'").fetchall()
found |= {
    f"as_of.{name}": [duckdb.__version__, len(db.execute(f"select * from as_of.{name}('2100-01-01')").fetchall())]
    for (name,) in macros
}
print(json.dumps(found))
"""
AT_HAND = os.environ.get("CKSYNC_OLDER_DUCKDB")  # a Python that has an older duckdb and pytz


def read_by(python: Path, mirror: Path) -> dict[str, list[object]]:
    """Return the number of rows of each table, view and table macro in another Python's DuckDB, and its version."""
    done = subprocess.run([python, "-c", READ, str(mirror)], check=True, capture_output=True, text=True)
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


def check(found: dict[str, list[object]], mirror: Path) -> None:
    """Check for the same tables with as many rows as here."""
    ours = read_by(Path(sys.executable), mirror)
    assert {name: rows for name, (_, rows) in found.items()} == {name: rows for name, (_, rows) in ours.items()}
    assert {name for name in found if name.startswith("as_of.")} == {f"as_of.{table.name}" for table in tables()}


@pytest.mark.skipif(not AT_HAND, reason="CKSYNC_OLDER_DUCKDB names no Python with an older duckdb")
def test_mirror_is_read_by_the_older_duckdb_at_hand(tmp_path: Path) -> None:
    log = small_account(tmp_path / "data")
    check(read_by(Path(AT_HAND or ""), log.folder.mirror), log.folder.mirror)


@pytest.mark.heavy
@pytest.mark.parametrize("version", ["1.4.4", "1.2.2"])
def test_mirror_is_read_by_an_older_duckdb(version: str, config: Config, tmp_path: Path) -> None:
    list(pull(config))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "old")], check=True)
    python = tmp_path / "old" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"duckdb=={version}", "pytz"], check=True)
    mirror = config.data_dir / "mirror.duckdb"
    found = read_by(python, mirror)
    assert {each for each, _ in found.values()} == {version}
    check(found, mirror)
