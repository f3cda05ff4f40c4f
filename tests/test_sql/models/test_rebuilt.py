"""A mirror grown over nights and one rebuilt from the same log have the same models, row for row."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.analyze.models import build
from cksync.config import Config, ModelsConfig
from cksync.folder import Folder
from cksync.load.tables import tables
from cksync.pipeline.publishing import rebuild
from cksync.sqltext import sql_folder
from tests.conftest import some
from tests.support.accounts.nasty import nasty_account
from tests.support.accounts.newer import newer_account
from tests.support.accounts.ties import tied_account
from tests.support.log_builder import LogBuilder

SETTINGS = {
    "ties": ModelsConfig(minimum_support=2),
    "nasty": ModelsConfig(timezone="Pacific/Kiritimati"),
    "newer": ModelsConfig(minimum_support=2),
}


def models(db: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every model and saved query by name, in a fixed order."""
    db.execute("set TimeZone = 'UTC'")
    made = db.execute("select name from _cksync.models where problem is null").fetchall()
    found = {name: db.execute(f'from "{name}" order by all').fetchall() for (name,) in made}
    queries = sorted((sql_folder() / "queries").glob("*.sql"))
    return found | {f"@{path.stem}": db.execute(path.read_text()).fetchall() for path in queries}


def read(config: Config) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(Folder(config.data_dir).mirror), read_only=True) as db:
        return models(db)


@pytest.fixture(scope="module")
def tied(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    return tied_account(tmp_path_factory.mktemp("ties") / "data")


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*SETTINGS], ["ties", "newer"]))
def test_rebuild_gives_every_model_row_for_row(name: str, tied: LogBuilder, tmp_path: Path) -> None:
    making: dict[str, Callable[[Path], LogBuilder]] = {
        "ties": LogBuilder,
        "nasty": nasty_account,
        "newer": newer_account,
    }
    log = making[name](tmp_path / "data")
    if name == "ties":
        shutil.copytree(tied.folder.root, log.folder.root, dirs_exist_ok=True)
    config = Config(log.folder.root, "the test", models=SETTINGS[name])
    nightly = read(config)
    assert len(nightly) == len([*sql_folder().glob("models/**/*.sql"), *sql_folder().glob("queries/*.sql")]) + 1
    rebuild(config, log.folder)
    assert differing(nightly, read(config)) == {}
    assert log.rows("select name from _cksync.checks where rows > 0 or problem is not null") == []


@pytest.mark.heavy
def test_models_do_not_depend_on_the_order_in_which_rows_are_stored(tied: LogBuilder, tmp_path: Path) -> None:
    stored = read(Config(tied.folder.root, "the test"))
    shutil.copy(tied.folder.mirror, tmp_path / "mirror.duckdb")
    with duckdb.connect(str(tmp_path / "mirror.duckdb")) as db:
        for schema in ("main", "history"):
            for table in tables():
                db.execute(f"create temp table shuffled as from {schema}.{table.name} order by hash({table.name}, 'x')")
                db.execute(f"delete from {schema}.{table.name}; insert into {schema}.{table.name} from shuffled")
                db.execute("drop table shuffled")
        build(db, SETTINGS["ties"], [table.name for table in tables()])
        assert differing(stored, models(db)) == {}


def differing(first: dict[str, list[tuple[Any, ...]]], second: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Return the differences by model: up to two rows of either side."""
    return {
        name: ([row for row in first[name] if row not in second[name]][:2],
               [row for row in second[name] if row not in first[name]][:2])
        for name in first
        if first[name] != second[name]
    }  # fmt: skip
