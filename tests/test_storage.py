"""The published file opens in the DuckDB of older drivers."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cksync.config import Config
from cksync.verbs.pull import pull

# Reads every table and view whole, as an old driver would.
READ = """
import json, sys, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
names = db.execute("select table_schema, table_name from information_schema.tables order by all").fetchall()
print(json.dumps({
    f"{schema}.{name}": [duckdb.__version__, len(db.execute(f'select * from {schema}."{name}"').fetchall())]
    for schema, name in names
}))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("version", ["1.4.4", "1.2.2"])
def test_mirror_is_read_by_an_older_duckdb(version: str, config: Config, tmp_path: Path) -> None:
    list(pull(config))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "old")], check=True)
    python = tmp_path / "old" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", f"duckdb=={version}", "pytz"], check=True)
    mirror = str(config.data_dir / "mirror.duckdb")
    done = subprocess.run([python, "-c", READ, mirror], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    with duckdb.connect(mirror, read_only=True) as db:
        rows = {
            f"{schema}.{name}": [version, len(db.execute(f'select * from {schema}."{name}"').fetchall())]
            for schema, name in db.execute("select table_schema, table_name from information_schema.tables").fetchall()
        }
    assert found == rows
