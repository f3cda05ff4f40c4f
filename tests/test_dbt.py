"""The dbt project of docs/examples/dbt runs unchanged on a published mirror, in an environment of its own."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from cksync.config import Config, ModelsConfig
from cksync.pipeline.pull import pull

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "dbt"
# dbt-core 1.12 requires a wheel that no registry has.
PACKAGES = ("dbt-core>=1.10,<1.12", "dbt-duckdb>=1.10")


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dbt with its DuckDB adapter, installed from the package registry."""
    folder = tmp_path_factory.mktemp("dbt") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run(
        [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True, capture_output=True
    )
    return folder / "bin" / "dbt"


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_the_example_builds_on_a_mirror_and_leaves_it_alone(dbt: Path, config: Config, tmp_path: Path) -> None:
    for _ in pull(replace(config, models=ModelsConfig()), environ={}):
        pass
    mirror = config.data_dir / "mirror.duckdb"
    before = mirror.read_bytes()
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "CKSYNC_MIRROR": str(mirror),
        "CKSYNC_PARQUET": str(config.data_dir / "parquet"),
    }
    done = subprocess.run([dbt, "build", "--no-use-colors"], cwd=project, env=environ, capture_output=True, text=True)
    assert "PASS=7 WARN=0 ERROR=0" in done.stdout, done.stdout + done.stderr
    with duckdb.connect(str(project / "analysis.duckdb"), read_only=True) as db:
        made = db.execute("select sum(buyers), (select count(*) from tag_names) from buyers_by_domain").fetchall()
    with duckdb.connect(str(mirror), read_only=True) as db:
        expected = db.execute(
            """
            select count(distinct (buyer, currency)), (select count(*) from tags)
            from fct_purchase
            where is_counted and buyer in (select lower(email_address) from subscribers)
            """
        ).fetchall()
    assert made == expected
    assert mirror.read_bytes() == before
