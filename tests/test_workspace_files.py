"""A workspace that is in use, read-only, damaged or half written: a message, the right exit status, nothing left
behind."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.errors import Failed, Rejected
from cksync.folder import Folder
from cksync.pipeline.push import plan_push
from cksync.write.refresh import refresh
from cksync.write.workspace import checkout, unopened
from kit_sandbox import Sandbox
from tests.conftest import Command, some
from tests.support.workspace import Work, actives, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

EDIT = "insert into tags (name) values ('x')"


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


@pytest.mark.heavy
@pytest.mark.parametrize("command", some(["diff", "push", "refresh"], ["diff"]))
def test_workspace_that_a_push_has_open_is_locked_for_others(
    command: str, work: Work, cksync: Command, sandbox: Sandbox
) -> None:
    """They run while the API makes the push's first write."""
    work.edit(EDIT)
    calls = {"push": ("push", "--yes"), "refresh": ("checkout", "--refresh"), "diff": ("diff",)}
    meanwhile: list[subprocess.CompletedProcess[str]] = []

    def run(asked: Any, handle: Callable[[Any], Any]) -> Any:
        meanwhile.append(cksync(*calls[command], "work.duckdb", ok=False))
        return handle(asked)

    sandbox.faults.add(run, path="/tags", method="POST")
    assert cksync("push", "work.duckdb", "--yes").returncode == 0
    (done,) = meanwhile
    assert (done.returncode, "is open in another program; close it there" in done.stderr) == (1, True)
    assert len(sandbox.journal.writes()) == 1


@pytest.mark.heavy
def test_two_diffs_read_at_once(work: Work, cksync: Command) -> None:
    work.edit(EDIT)
    with duckdb.connect(str(work.path), read_only=True) as db:
        assert db.execute("select count(*) from tags where id < 0").fetchone() == (1,)
        assert "create tag: 1" in cksync("diff", "work.duckdb").stdout


@pytest.mark.heavy
@pytest.mark.parametrize("where", ["here", "clock"])
def test_workspace_that_this_process_has_open_is_locked(where: str, work: Work) -> None:
    """And a file is not considered locked because of its name."""
    path = work.path.with_name(f"{where}.duckdb")
    shutil.copy(work.path, path)
    if where == "here":
        with duckdb.connect(str(path)), pytest.raises(Failed, match="is open in another program"):
            plan_push(work.config, path)
    else:
        path.write_bytes(b"a clock")
        with pytest.raises(Rejected, match="is not a workspace"):
            plan_push(work.config, path)


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'


def can_mount() -> bool:
    try:
        done = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@pytest.mark.heavy
@pytest.mark.skipif(not can_mount(), reason="needs a file system of its own")
@pytest.mark.parametrize(("command", "status"), [("diff", 0), ("push", 1), ("refresh", 1), ("checkout", 1)])
def test_workspace_on_a_read_only_file_system(
    command: str, status: int, work: Work, environ: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    """It can be read, and is not written; also with a write-ahead log beside it."""
    folder = tmp_path / "fixed"
    folder.mkdir()
    script = f"import duckdb, os; db = duckdb.connect('work.duckdb'); db.execute({EDIT!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    for each in ("work.duckdb", "work.duckdb.wal"):
        shutil.move(tmp_path / each, folder / each)
    path = str(folder / "work.duckdb")
    calls = {
        "diff": ("diff", path),
        "push": ("push", "--yes", path),
        "refresh": ("checkout", "--refresh", path),
        "checkout": ("checkout", str(folder / "other.duckdb")),
    }
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", READ_ONLY, "sh", str(folder), sys.executable, "-m", "cksync", *calls[command]],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, sandbox.journal.writes()) == (status, []), done.stderr
    assert "a bug in cksync" not in done.stderr
    assert ("create tag: 1" in done.stdout) if status == 0 else ("written" in done.stderr)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a byte short": lambda data: data[:-1],
    "half": lambda data: data[: len(data) // 2],
    "a quarter": lambda data: data[: len(data) // 4],
    "its head": lambda data: data[:12288],
    "a bit": lambda data: data[:100],
    "one byte": lambda data: data[:1],
    "nothing": lambda data: b"",
    "zeros in the middle": lambda data: data[: len(data) // 3] + bytes(100_000) + data[len(data) // 3 + 100_000 :],
    "zeros at the end": lambda data: data[:12288] + bytes(len(data) - 12288),
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("damage", some([*DAMAGES], ["half", "zeros in the middle"]))
def test_damaged_workspace_is_reported_and_nothing_is_pushed(damage: str, work: Work, sandbox: Sandbox) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed' where id = {person}")
    data = work.path.read_bytes()
    work.path.write_bytes(DAMAGES[damage](data))
    for go in (work.plan, work.push, lambda: refresh(Folder(work.config.data_dir), work.path)):
        with pytest.raises(
            (Failed, Rejected), match=r"cannot be read as a workspace \(|is not a workspace|could not be"
        ):
            go()
    assert sandbox.journal.writes() == []


@pytest.mark.parametrize(
    "told",
    [
        "IO Error: Detached database 'work', but CHECKPOINT during DETACH failed.",
        'IO Error: Could not write file "work.duckdb": No space left on device',
    ],
)
def test_full_disk_is_not_called_damage(told: str, tmp_path: Path) -> None:
    """What DuckDB says then. An older copy, the advice for damage, would push again what was pushed since."""
    error = unopened(tmp_path / "work.duckdb", duckdb.IOException(told))
    assert "the disk is full" in str(error)
    assert "copy" not in str(error)


LIMITED = """
import resource, runpy, signal, sys
sys.dont_write_bytecode = True
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
runpy.run_module("cksync", run_name="__main__")
"""


@pytest.mark.parametrize("limit", some([0, 5_000, 20_000, 300_000, 700_000], [300_000]))
def test_checkout_that_fails_leaves_nothing(limit: int, work: Work, environ: dict[str, str], tmp_path: Path) -> None:
    """A new one, and an existing one, which stays as it was."""
    work.edit(EDIT)
    before, was = names(tmp_path), work.path.read_bytes()
    for call in (("checkout", "other.duckdb"), ("checkout", "--refresh", "work.duckdb")):
        command = [sys.executable, "-c", LIMITED, str(limit), *call]
        done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1, done.stdout
        assert "could not be written" in done.stderr
    assert (names(tmp_path), work.path.read_bytes()) == (before, was)


@pytest.mark.heavy
def test_checkout_that_is_ended_leaves_nothing(work: Work, environ: dict[str, str], tmp_path: Path) -> None:
    """As soon as some of it exists; it may have finished before."""
    before = names(tmp_path)
    command = [sys.executable, "-m", "cksync", "checkout", "other.duckdb"]
    process = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and names(tmp_path) == before:
        pass
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode in (0, 130)
    assert names(tmp_path) - before <= {"other.duckdb"}


def test_what_a_killed_checkout_left_is_gone_after_the_next(work: Work, tmp_path: Path) -> None:
    left = tmp_path / ".other.duckdb.new"
    left.mkdir()
    (left / "work.duckdb").write_bytes(b"half a workspace")
    (left / "work.duckdb.wal").write_bytes(b"and people")
    before = names(tmp_path)
    checkout(Folder(work.config.data_dir), tmp_path / "other.duckdb")
    assert names(tmp_path) == before - {left.name} | {"other.duckdb"}
    assert plan_push(work.config, tmp_path / "other.duckdb").actions == ()


@pytest.mark.heavy
def test_half_of_a_checkout_of_0_1_0_is_gone_after_the_next(work: Work, tmp_path: Path) -> None:
    (tmp_path / ".other.duckdb.new").write_bytes(b"half a workspace")
    checkout(Folder(work.config.data_dir), tmp_path / "other.duckdb")
    assert not (tmp_path / ".other.duckdb.new").exists()


@pytest.mark.heavy
def test_log_of_a_workspace_that_is_gone_is_not_taken_for_the_new_ones(work: Work, tmp_path: Path) -> None:
    (tmp_path / "other.duckdb.wal").write_bytes(b"of another")
    with pytest.raises(Rejected, match=r"other\.duckdb\.wal is left over from a deleted workspace; delete it"):
        checkout(Folder(work.config.data_dir), tmp_path / "other.duckdb")
    assert not (tmp_path / "other.duckdb").exists()
