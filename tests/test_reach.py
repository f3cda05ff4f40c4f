"""What a query can reach: the mirror, and nothing outside it, unless the user allows files."""

import contextlib
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.analyze.export.run import Order, export
from cksync.analyze.model_files import read_folder
from cksync.analyze.query import ask
from cksync.errors import Refused, Rejected
from cksync.folder import Folder
from cksync.mirror import lock, open_mirror
from tests.conftest import some


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A mirror of one table, and a file outside it."""
    folder = Folder(tmp_path / "data")
    folder.prepare()
    with duckdb.connect(str(folder.mirror)) as db:
        db.execute("create table t as select range as id, '{\"a\": 1}'::json as j, now() as at from range(3)")
    (tmp_path / "outside.csv").write_text("a\n1\n")
    return folder


def answer(
    folder: Folder, query: str, *, allow_files: bool = False, theirs: Path | None = None
) -> list[tuple[Any, ...]]:
    with ask(folder.root, query, theirs, allow_files=allow_files) as given:
        return [] if given.relation is None else given.relation.fetchall()


def files(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


# {0} is a folder outside the mirror, {1} the mirror itself.
OUTSIDE = [
    "copy t to '{0}/out.csv'",
    "copy t to '{1}' (use_tmp_file false)",
    "copy t to '{1}.wal'",
    "copy t to '{1}.tmp/x.csv'",
    "select 1; copy t to '{0}/out.csv'",
    "explain analyze copy t to '{1}' (use_tmp_file false)",
    "prepare x as copy t to '{1}' (use_tmp_file false); execute x",
    "export database '{0}/out'",
    "import database '{0}/out'",
    "attach '{0}/other.duckdb' as other",
    "attach '{1}' as again",
    "from read_csv('{0}/outside.csv')",
    "from '{0}/outside.csv'",
    "from read_text('{0}/outside.csv')",
    "from glob('{0}/*')",
    "from sniff_csv('{0}/outside.csv')",
    "from read_parquet('https://127.0.0.1/x.parquet')",
    "install httpfs",
    "load httpfs",
    "pragma profiling_output = '{0}/profile'",
    "pragma enable_profiling",
    "set enable_external_access = true",
    "set temp_directory = '{0}'",
    "create secret s (type s3)",
]
FEW = [OUTSIDE[0], OUTSIDE[1], *OUTSIDE[7:8], OUTSIDE[9], OUTSIDE[11], OUTSIDE[17], OUTSIDE[19]]


@pytest.mark.parametrize("query", some(OUTSIDE, FEW))
def test_a_query_that_reaches_outside_the_mirror_is_refused_in_one_sentence(
    query: str, folder: Folder, tmp_path: Path
) -> None:
    before = files(tmp_path)
    with pytest.raises(Refused) as caught:
        answer(folder, query.format(tmp_path, folder.mirror))
    assert "--allow-files" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from t",
        "select (j->>'a')::int, t.at at time zone 'Europe/Berlin' from t",
        "from t order by md5(id::varchar) limit 1",
        "explain from t",
        "pragma table_info('t')",
        "create temp table copied as from t; from copied",
        "select 'copy t to ''x''; attach'",
        "show tables",
    ],
)
def test_what_stays_within_the_mirror_is_answered(query: str, folder: Folder) -> None:
    assert answer(folder, query)


@pytest.mark.heavy
@pytest.mark.parametrize("is_kept_from_it", [False, True])
def test_what_memory_cannot_hold_is_spilled_all_the_same(folder: Folder, is_kept_from_it: bool) -> None:
    with duckdb.connect(str(folder.mirror)) as db:
        db.execute("create table big as select range as id, md5(range::varchar) as text from range(2_000_000)")
    with open_mirror(folder) as db:
        db.execute("set threads = 1; set memory_limit = '64MB'")
        if is_kept_from_it:
            db.execute("set temp_directory = ''")
        lock(db)
        query = "select count(*) from (select text, row_number() over (order by text) as n from big) where n > 0"
        with pytest.raises(duckdb.OutOfMemoryException) if is_kept_from_it else contextlib.nullcontext():
            assert db.sql(query).fetchall() == [(2_000_000,)]


def test_a_name_of_pythons_is_no_table(folder: Folder) -> None:
    with pytest.raises(Rejected, match="saved does not exist"):
        answer(folder, "from saved")


def test_allowed_files_are_read_and_written(folder: Folder, tmp_path: Path) -> None:
    assert answer(folder, f"from '{tmp_path}/outside.csv'", allow_files=True) == [(1,)]
    answer(folder, f"copy t to '{tmp_path}/out.csv'", allow_files=True)
    assert (tmp_path / "out.csv").exists()


def test_a_saved_query_reaches_no_further(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "mine.sql").write_text(f"-- Mine.\nfrom '{tmp_path}/outside.csv'\n")
    with pytest.raises(Refused, match="--allow-files"):
        answer(folder, "@mine", theirs=tmp_path)
    assert answer(folder, "@mine", theirs=tmp_path, allow_files=True) == [(1,)]


def exported(folder: Folder, order: Order) -> list[str]:
    return [type(event).__name__ for event in export(folder.root, order)]


@pytest.fixture(params=some([".csv", ".parquet", ".duckdb", ".sqlite", ".xlsx", ""], [".csv", ".duckdb"]))
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / f"out{request.param}")


def test_an_exported_query_reaches_no_further(folder: Folder, tmp_path: Path, target: str) -> None:
    order = Order(target, query=f"select * from '{tmp_path}/outside.csv'")
    before = files(tmp_path)
    with pytest.raises(Refused, match="--allow-files"):
        exported(folder, order)
    assert files(tmp_path) == before
    allowed = Order(target, query=order.query, allow_files=True)
    assert exported(folder, allowed)[-1] == "Exported"


def test_an_exported_query_is_written_into_every_form(folder: Folder, target: str) -> None:
    assert exported(folder, Order(target, query="select id, j from t"))[-1] == "Exported"


@pytest.mark.parametrize(
    ("select", "kind"),
    [
        ("select a from read_csv('{0}')", "table"),
        ("select a from '{0}'", "table"),
        ("with x as (from '{0}') select (select max(a) from x) as a", "table"),
        ("select max(range) as a from range(3)", "view"),
    ],
)
def test_a_model_that_reads_files_is_a_table(select: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.sql").write_text(f"-- One row per line.\n{select.format(tmp_path / 'outside.csv')}\n")
    (model,) = read_folder(tmp_path / "models", "models")
    assert (model.kind, model.problem) == (kind, None)
