"""The data folder: its layout, lock and format version, and atomic file writes."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cksync.errors import Failed, Locked, Rejected
from cksync.paths import NO_DATA_FOLDER, foreign_file

# 1: memberships are keyed by their id; 2: by their person, and the log may hold records of API v4.
FORMAT = 2
# How the operating system and DuckDB report that storage is full.
DISK_FULL = ("No space left", "not enough disk", "Not enough disk", "File too large", "quota exceeded", "disk is full")


@dataclass(frozen=True)
class Folder:
    """The layout of `data_dir`. Reading does not require the folder; `prepare` creates it."""

    root: Path

    @property
    def mirror(self) -> Path:
        """The published database."""
        return self.root / "mirror.duckdb"

    @property
    def parquet(self) -> Path:
        """The current tables as Parquet, `<table>/part-0.parquet`."""
        return self.root / "parquet"

    @property
    def log(self) -> Path:
        """The system of record: one folder per load."""
        return self.root / "log"

    @property
    def state(self) -> Path:
        """Lock and request ledger; safe to delete when nothing runs."""
        return self.root / "state"

    def prepare(self) -> None:
        """Create the folder (0700) with its .gitignore and format version.

        Raises Rejected, and changes nothing, if it contains files that cksync did not write, or a symbolic link in a
        place that cksync writes to; Failed if it cannot be written or was created by a newer cksync.
        """
        self.check_format(is_read=False)
        self._check_links()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            with _alone_in(self.root):
                # The format first, to recognise a folder that a killed process had only begun.
                for name, text in (("format", f"{FORMAT}\n"), (".gitignore", "*\n")):
                    if not (self.root / name).exists() or (name == "format" and self._is_older()):
                        write_whole(self.root / name, text.encode())
            for path in (self.log, self.parquet, self.state):
                path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Failed(
                f"data_dir: {self.root} cannot be written: {error.strerror}; choose another folder or fix its"
                " permissions"
            ) from None

    def check_format(self, *, is_read: bool = True) -> None:
        """Raise Failed if a newer cksync created this folder, Rejected if it contains foreign files."""
        try:
            found = foreign_file(self.root, is_read=is_read)
            text = (self.root / "format").read_text(errors="replace").strip()
        except FileNotFoundError:
            text = ""
        except OSError as error:
            raise Failed(f"data_dir: {self.root} cannot be read: {error.strerror}") from None
        if found:
            raise Rejected(f"data_dir: {self.root} {NO_DATA_FOLDER.format(found)}")
        if text.isdecimal() and int(text) > FORMAT:
            raise Failed(
                f"{self.root} was written by a newer cksync (format {text}, this version reads up to {FORMAT});"
                " upgrade cksync"
            )

    def _is_older(self) -> bool:
        """Whether an older cksync created this folder; the next publish rebuilds its mirror."""
        text = (self.root / "format").read_text(errors="replace").strip()
        return text.isdecimal() and int(text) < FORMAT

    def _check_links(self) -> None:
        """Raise Rejected if there is a symbolic link in a place that cksync writes to."""
        links = [path for path in (self.root / "format", *self.root.glob(".*.new")) if path.is_symlink()]
        for below in (self.log, self.parquet, self.state):
            links += [below] if below.is_symlink() else []
            for folder, folders, files in os.walk(below):
                links += [path for name in (*folders, *files) if (path := Path(folder, name)).is_symlink()]
        if links:
            raise Rejected(
                f"data_dir: {links[0]} is a symbolic link, which cksync does not write through; replace it with"
                " the file or folder it points to"
            )

    def is_locked(self) -> bool:
        """Whether a process holds the lock."""
        return _is_taken(self.state / "lock")

    @contextlib.contextmanager
    def lock(self, who: str) -> Iterator[None]:
        """Lock the folder for one writer. Raises Locked immediately, naming the holder, if it is locked."""
        self.prepare()
        try:
            descriptor = os.open(self.state / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Failed(f"state: {self.state / 'lock'} cannot be written: {error.strerror}") from None
        with open(descriptor, "r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = file.read().strip() or "another process"
                raise Locked(
                    f"{holder} is using {self.root}; wait for it to finish, or stop it and try again"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} (cksync {who})")
            file.flush()
            yield
            file.seek(0)
            file.truncate(0)


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Wait for other processes that prepare the same folder: they would write the same temporary files."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_taken(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically and durably: complete or not at all, even after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    if temporary.is_symlink():
        temporary.unlink()
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(temporary, path)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a finished, fsynced file to its final path, durably."""
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames and new files in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_disk_full(error: Exception) -> bool:
    """Whether storage is full: no space, no quota, or the file size limit is reached."""
    return getattr(error, "errno", None) in (27, 28, 122) or any(words in str(error) for words in DISK_FULL)
