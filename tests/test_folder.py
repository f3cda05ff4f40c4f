"""The data folder: private to its owner, one writer at a time, and files that are complete or absent."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from cksync.config import Config
from cksync.errors import Failed, Locked, Rejected
from cksync.folder import FORMAT, Folder, put_in_place, write_whole
from cksync.pipeline.pull import pull
from kit_sandbox import Sandbox
from tests.conftest import Command, some


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Set a permissive umask, as a program that imports cksync may have."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# -- creating it


@pytest.mark.usefixtures("open_umask")
def test_the_folder_is_its_owners_alone_whatever_the_umask(folder: Folder) -> None:
    folder.prepare()
    write_whole(folder.state / "file", b"")
    modes = {path: mode(path) for path in (folder.root, *folder.root.rglob("*"))}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


@pytest.mark.usefixtures("open_umask")
def test_what_a_pull_writes_is_its_owners_alone_whatever_the_umask(config: Config) -> None:
    list(pull(config, streams=("tags",)))
    root = config.data_dir
    modes = {path.relative_to(root): mode(path) for path in root.rglob("*")}
    assert Path("mirror.duckdb") in modes
    assert modes == {path: 0o700 if (root / path).is_dir() else 0o600 for path in modes}


def test_a_folder_that_was_open_to_others_is_closed(folder: Folder) -> None:
    folder.root.mkdir(mode=0o755)
    folder.prepare()
    assert mode(folder.root) == 0o700


def test_the_folder_keeps_itself_out_of_git(folder: Folder) -> None:
    folder.prepare()
    assert (folder.root / ".gitignore").read_text() == "*\n"


def test_a_gitignore_of_the_users_own_is_kept(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / ".gitignore").write_text("log/\n")
    folder.prepare()
    assert (folder.root / ".gitignore").read_text() == "log/\n"


def test_preparing_twice_changes_nothing(folder: Folder) -> None:
    folder.prepare()
    before = {path: path.stat().st_mtime_ns for path in folder.root.rglob("*")}
    folder.prepare()
    assert {path: path.stat().st_mtime_ns for path in folder.root.rglob("*")} == before


def test_folders_above_are_made_too(tmp_path: Path) -> None:
    Folder(tmp_path / "a" / "b" / "c").prepare()
    assert (tmp_path / "a" / "b" / "c" / "log").is_dir()


@pytest.mark.parametrize("place", ["file", "file/below", "file/below/again"])
def test_a_place_below_a_file_cannot_be_a_folder(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("the user's own")
    with pytest.raises(Failed, match=r"^data_dir: .*file.* cannot be (read|written): "):
        Folder(tmp_path / place).prepare()
    assert (tmp_path / "file").read_text() == "the user's own"


def test_a_file_where_a_folder_should_be_gives_a_message(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "format").touch()
    (folder.root / "log").touch()
    with pytest.raises(
        Failed, match=r"^data_dir: .* cannot be written: File exists; choose another folder or fix its permissions$"
    ):
        folder.prepare()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_leave_to_write_gives_a_message(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(Failed, match=r"cannot be written: Permission denied"):
        Folder(tmp_path / "closed" / "data").prepare()


# -- folders that are no data folder


@pytest.mark.parametrize("found", ["notes.txt", "log", ".bashrc"])
def test_a_folder_with_something_in_it_is_refused_and_left_alone(found: str, folder: Folder) -> None:
    folder.root.mkdir(mode=0o755)
    (folder.root / found).touch()
    with pytest.raises(Rejected, match=rf"^data_dir: .* is not empty and has no `format` file: it contains {found}"):
        folder.prepare()
    assert (mode(folder.root), [path.name for path in folder.root.iterdir()]) == (0o755, [found])


@pytest.mark.parametrize("name", [".gitignore", ".gitkeep", ".DS_Store", "lost+found", ".format.new"])
def test_what_every_folder_may_have_is_no_content(name: str, folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / name).touch()
    folder.prepare()
    assert (folder.root / "format").exists()


def test_a_mirror_that_somebody_copied_can_be_read_but_not_written_to(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "mirror.duckdb").touch()
    folder.check_format()
    with pytest.raises(Rejected, match=r"it contains mirror\.duckdb"):
        folder.prepare()


CALLS = {
    "check": (),
    "plan": (),
    "pull": (),
    "verify": (),
    "status": (),
    "sql": ("select 1",),
    "export": ("out.csv",),
    "report": ("out.html",),
    "checkout": ("new.duckdb",),
    "diff": ("new.duckdb",),
    "push": ("new.duckdb",),
    "rebuild": (),
}


@pytest.mark.parametrize("command", some(list(CALLS), ["check", "status"]))
def test_every_command_refuses_a_folder_with_something_in_it(
    command: str, cksync: Command, sandbox: Sandbox, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    (home / "notes.txt").write_text("the user's own")
    done = cksync(command, *CALLS[command], env={"CKSYNC_DATA_DIR": str(home)}, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"cksync: data_dir: {home} is not empty and has no `format` file: it contains notes.txt"
    )
    assert len(done.stderr.splitlines()) == 1
    assert (mode(home), [path.name for path in home.iterdir()]) == (0o755, ["notes.txt"])
    assert len(sandbox.journal) == 0


def test_init_writes_no_configuration_for_such_a_folder(cksync: Command, tmp_path: Path) -> None:
    done = cksync("init", "--config", "new.toml", "--data-dir", str(tmp_path), ok=False)
    assert done.returncode == 2
    assert not (tmp_path / "new.toml").exists()


# -- links


@pytest.mark.parametrize(
    "name", ["log", "parquet", "state", "state/lock", "state/requests", "parquet/tags", "format", ".mirror.duckdb.new"]
)
def test_nothing_is_written_through_a_link(name: str, folder: Folder, tmp_path: Path) -> None:
    folder.prepare()
    place = folder.root / name
    if place.is_dir():
        place.rmdir()
    place.unlink(missing_ok=True)
    target = tmp_path / "elsewhere"
    if name in ("log", "parquet", "state", "parquet/tags"):
        target.mkdir()
    else:
        target.write_text("1")
    place.symlink_to(target)
    with pytest.raises(Rejected, match=rf"{name} is a symbolic link, which cksync does not write through"):
        take(folder)
    assert list(target.iterdir()) == [] if target.is_dir() else target.read_text() == "1"


def test_a_file_is_not_written_through_a_link_that_somebody_left(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("the user's own")
    (tmp_path / ".file.new").symlink_to(tmp_path / "elsewhere")
    write_whole(tmp_path / "file", b"new")
    assert (tmp_path / "elsewhere").read_text() == "the user's own"
    assert (tmp_path / "file").read_bytes() == b"new"


# -- its format


def test_the_format_is_written_down(folder: Folder) -> None:
    folder.prepare()
    assert (folder.root / "format").read_text() == f"{FORMAT}\n"


def test_a_newer_format_is_refused_and_left_alone(folder: Folder) -> None:
    folder.root.mkdir(mode=0o755)
    (folder.root / "format").write_text(f"{FORMAT + 1}\n")
    with pytest.raises(
        Failed, match=rf"written by a newer cksync \(format {FORMAT + 1}, this version reads up to {FORMAT}\)"
    ):
        folder.prepare()
    assert [path.name for path in folder.root.iterdir()] == ["format"]


@pytest.mark.parametrize("content", [b"", b"one\n", b"\xff\xfe", "²\n".encode(), b"2\n"])
def test_what_names_no_newer_format_is_no_reason_to_refuse(content: bytes, folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "format").write_bytes(content)
    folder.prepare()
    assert (folder.root / "format").read_bytes() == content


def test_older_format_is_raised_so_that_an_older_cksync_refuses_the_folder(folder: Folder) -> None:
    folder.root.mkdir()
    (folder.root / "format").write_bytes(b"1\n")
    folder.prepare()
    assert (folder.root / "format").read_text() == f"{FORMAT}\n"


# -- the lock

HOLD = """
import sys
from pathlib import Path
from cksync.folder import Folder
with Folder(Path(sys.argv[1])).lock("pull"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(folder: Folder) -> Iterator[subprocess.Popen[str]]:
    """Start a second process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take(folder: Folder) -> None:
    with folder.lock("rebuild"):
        pass


def test_who_holds_the_lock_is_named(folder: Folder) -> None:
    with holder(folder) as process, pytest.raises(Locked) as caught:
        take(folder)
    assert str(caught.value) == (
        f"process {process.pid} (cksync pull) is using {folder.root}; wait for it to finish, or stop it and try again"
    )


def test_the_lock_is_free_when_its_holder_has_ended(folder: Folder) -> None:
    with holder(folder) as process:
        process.communicate()
        take(folder)
    assert process.returncode == 0


def test_the_lock_is_free_when_its_holder_was_killed(folder: Folder) -> None:
    with holder(folder) as process:
        process.kill()
        process.wait()
        take(folder)


def test_a_short_name_after_a_killed_holder_has_no_rest_of_the_longer_one(folder: Folder) -> None:
    folder.prepare()
    (folder.state / "lock").write_text("process 1234567 (cksync a-very-long-command)")
    with folder.lock("x"):
        assert (folder.state / "lock").read_text() == f"process {os.getpid()} (cksync x)"


def test_the_lock_is_free_after_an_error_inside(folder: Folder) -> None:
    with pytest.raises(ZeroDivisionError), folder.lock("pull"):
        raise ZeroDivisionError
    take(folder)


def test_a_holder_that_has_not_said_its_name_yet_is_a_holder(folder: Folder) -> None:
    folder.prepare()
    with (folder.state / "lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Locked, match=r"^another process is using "):
            take(folder)


def test_a_lock_that_cannot_be_taken_gives_a_message(folder: Folder) -> None:
    folder.prepare()
    (folder.state / "lock").mkdir()
    with pytest.raises(Failed, match=r"^state: .*lock cannot be written: Is a directory$"):
        take(folder)


def test_two_folders_do_not_know_one_another(folder: Folder, tmp_path: Path) -> None:
    with folder.lock("pull"):
        take(Folder(tmp_path / "other"))


# -- files


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_whole(path, b"new and longer")
        assert reader.read() == "old"
    assert path.read_bytes() == b"new and longer"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_text("the half of something far longer than what comes now")
    write_whole(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_file_that_cannot_be_put_in_place_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "new").touch()
    with pytest.raises(OSError, match="directory"):
        put_in_place(tmp_path / "new", tmp_path / "place")
    assert (tmp_path / "place").is_dir()


def test_processes_that_prepare_a_new_folder_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(30):
            list(pool.map(lambda _, at=tmp_path / f"{number}": Folder(at).prepare(), range(8)))
