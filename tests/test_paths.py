"""Paths: every name works in every command, or is refused at once, before anything is written."""

import os
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cksync.analyze.export.events import Exported
from cksync.analyze.export.run import Order, export
from cksync.analyze.export.target import parse
from cksync.config import load_config
from cksync.domain import ACTIVE
from cksync.errors import BadConfig, Failed, Rejected
from cksync.folder import Folder
from cksync.load.publish import publish
from cksync.paths import LONGEST_NAME, pattern
from cksync.pipeline.account import LEAST_BYTES, little_room
from cksync.write.workspace import check, checkout
from tests.conftest import Command, some, some_rows
from tests.support.log_builder import LogBuilder

# The characters of patterns, quoting, addresses, options, hive partitions and variables.
NAMES = [
    *("a*b", "a[b]c", "[!x]", "**", "a{b,c}", "a'b", 'a"b', "a%20b", "a#b;c", "a\nb", "-x", "$HOME", "file:x"),
    *("stream=x", "é漢字🚀", "a b ", "x" * 200),
]
REFUSED = {
    "a?b": "contains ? in its path",
    "a\\b": "contains \\ in its path",
    "x" * (LONGEST_NAME + 1): "is too long",
    "a/" * 2000: "is too long",
    os.fsdecode(b"a\xff"): "contains characters in its path that this locale cannot encode",
    "s3://bucket/folder": "is a URL; choose a local folder",
    "settings.toml": "is a file; choose a folder",
}


def written(root: Path, number: int) -> Folder:
    """Return a published folder with one person; its segments have the same names as those of any other such folder."""
    log = LogBuilder(root)
    log.write(ACTIVE, 1, [{"id": number, "email_address": f"p{number}@example.com", "state": "active"}])
    publish(log.folder)
    return log.folder


# A folder whose name is a pattern, and one that the pattern names.
NEIGHBOURS = [("a[b]c", "abc"), ("a*b", "aXb"), ("[!x]", "a")]


@pytest.mark.parametrize(("name", "neighbour"), some_rows(NEIGHBOURS, NEIGHBOURS[:1]))
def test_a_folder_is_never_taken_for_its_neighbour(name: str, neighbour: str, tmp_path: Path) -> None:
    """`data[1]` as a pattern means `data1`, which may be another account."""
    for number, folder in enumerate((neighbour, name), 1):
        mirror = written(tmp_path / folder, number).mirror
        with duckdb.connect(str(mirror), read_only=True) as db:
            assert db.execute("select id from subscribers").fetchall() == [(number,)]


@pytest.mark.parametrize("name", NAMES)
def test_a_pattern_names_one_file(name: str, tmp_path: Path) -> None:
    for folder in ("abc", "aXb", "a", "b", "ab", name):
        (tmp_path / folder).mkdir()
        pq.write_table(pa.table({"x": [folder]}), tmp_path / folder / "x.parquet")
    query = "select x from read_parquet(?, hive_partitioning = false)"
    assert duckdb.execute(query, [[pattern(tmp_path / name / "x.parquet")]]).fetchall() == [(name,)]


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_a_folder_that_cannot_be_used_is_a_problem_of_the_configuration(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").touch()
    with pytest.raises(BadConfig) as raised:
        load_config(environ={"CKSYNC_DATA_DIR": name})
    assert len(raised.value.problems) == 1
    assert f"data_dir: {name} {reason}" in str(raised.value)
    assert os.listdir() == ["settings.toml"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_can_be_used_is_taken_as_it_is(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(environ={"CKSYNC_DATA_DIR": name}).data_dir == tmp_path / name


@pytest.mark.parametrize("name", ["a?b.duckdb", "a\\b.duckdb", os.fsdecode(b"a\xff.duckdb")])
def test_a_workspace_that_no_database_can_be_is_refused(name: str, tmp_path: Path) -> None:
    for refused in (lambda: checkout(Folder(tmp_path), tmp_path / name), lambda: check(tmp_path / name)):
        with pytest.raises(Rejected, match="in its path"):
            refused()


@pytest.mark.parametrize("name", some([":memory:", "sqlite:x", "md:x", "-x.duckdb"], [":memory:"]))
def test_a_workspace_is_a_file_whatever_its_name_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(tmp_path / "data", 1)
    monkeypatch.chdir(tmp_path)
    assert checkout(folder, Path(name))["subscribers"] == 1
    check(Path(name))
    assert Path(name).stat().st_size > 0


def test_a_file_of_settings_is_not_written_for_a_folder_that_cannot_be_used(cksync: Command, tmp_path: Path) -> None:
    done = cksync("init", "--config", "new.toml", "--data-dir", "a?b", ok=False)
    assert (done.returncode, (tmp_path / "new.toml").exists()) == (2, False)
    assert done.stderr.startswith("cksync: --data-dir: a?b contains ? in its path")


@pytest.mark.heavy
@pytest.mark.parametrize("name", some(["a*b", "[!x]", "a'\"b", "a\nb", "é漢字🚀", "x" * 200], ["a*b"]), ids=repr)
def test_every_command_works_in_a_folder_with_any_name(name: str, cksync: Command, tmp_path: Path) -> None:
    env = {"CKSYNC_DATA_DIR": name}
    (tmp_path / "abc").mkdir()
    for command in ("check", "pull", "status", "plan", "pull", "rebuild", "verify"):
        cksync(command, env=env)
    assert cksync("sql", "--format", "csv", "select count(*) as n from subscribers", env=env).stdout != "n\r\n0\r\n"
    work = f"{name}.duckdb"
    for call in (("checkout",), ("diff",), ("push", "--yes"), ("checkout", "--refresh")):
        cksync(*call, "--", work, env=env)


@pytest.mark.parametrize(
    "target", some(["x.csv", "x.parquet", "x.xlsx", "x.sqlite", "x.duckdb", "x/"], ["x.csv", "x/"])
)
@pytest.mark.parametrize("name", some(["a[b]c", "a*b", "a'b", "a\nb", "é漢字🚀", "x" * 200], ["a[b]c"]), ids=repr)
def test_an_export_goes_where_it_is_sent_and_replaces_itself(
    name: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = written(tmp_path / "data", 1).root
    for folder in (name, "abc", "aXb", "a", "b"):
        Path(folder).mkdir(exist_ok=True)
    for _ in range(2):
        *_, done = export(data, Order(f"./{name}/{name[:100]}{target}", ("subscribers",)))
        assert isinstance(done, Exported)
    assert [len(os.listdir(folder)) for folder in (name, "abc")] == [1, 0]


@pytest.mark.parametrize(("target", "is_refused"), [("a?.duckdb", True), ("a\\.csv", True), ("a?.csv", False)])
def test_an_export_is_refused_where_it_cannot_be_written(target: str, is_refused: bool, tmp_path: Path) -> None:
    if is_refused:
        with pytest.raises(Rejected, match="in its path"):
            parse(str(tmp_path / target), None)
    else:
        assert parse(str(tmp_path / target), None).path == tmp_path / target


# -- disk space


def test_a_disk_with_less_room_than_the_folder_holds_is_warned_of(tmp_path: Path) -> None:
    folder = written(tmp_path, 1)
    held = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert little_room(folder, LEAST_BYTES) is None
    assert little_room(folder, held) == (
        f"{tmp_path} has {held / 1e6:.0f} MB free, but a pull may need 500 MB; free some space, or publishing may fail"
    )
    with open(tmp_path / "log" / "large", "wb") as file:
        file.truncate(3_000_000_000)
    assert "has 2.0 GB free, but a pull may need 3.0 GB;" in (little_room(folder, 2_000_000_000) or "")


def test_a_disk_without_room_for_a_copy_of_the_mirror_fails_as_a_pull_would(tmp_path: Path) -> None:
    folder = written(tmp_path, 1)
    with pytest.raises(
        Failed, match=r"not enough disk space: .* has 1 MB free, and a pull writes a copy of the mirror"
    ):
        little_room(folder, 1_000_000)
    shutil.rmtree(folder.log)
    assert little_room(Folder(tmp_path / "nothing yet"), 1) is not None
