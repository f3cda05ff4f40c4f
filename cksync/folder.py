"""The data folder: its layout, its lock, its format version, and files that are whole or not there."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cksync.errors import Failed, Locked, Rejected
from cksync.paths import NO_DATA_FOLDER, foreign_file

FORMAT = 1
# How the system, and a database in its place, say that nothing more can be stored.
DISK_FULL = ("No space left", "not enough disk", "Not enough disk", "File too large", "quota exceeded", "disk is full")


@dataclass(frozen=True)
class Folder:
    """Where things are under `data_dir`. Reading needs no folder; `prepare` makes it."""

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
        """The system of record: one folder a load."""
        return self.root / "log"

    @property
    def state(self) -> Path:
        """Lock and request ledger; safe to delete when nothing runs."""
        return self.root / "state"

    def prepare(self) -> None:
        """Make the folder (0700) with its .gitignore and format version.

        Raises Rejected, and changes nothing, when it holds what cksync did not make, or a link stands where something
        is to be written; Failed when it cannot be written or was made by a newer cksync.
        """
        self.check_format(is_read=False)
        self._check_links()
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            # The format first: a folder that a killed process has only begun is one of ours.
            for name, text in (("format", f"{FORMAT}\n"), (".gitignore", "*\n")):
                if not (self.root / name).exists():
                    write_whole(self.root / name, text.encode())
            for path in (self.log, self.parquet, self.state):
                path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Failed(
                f"data_dir: {self.root} cannot be written: {error.strerror}; choose another or mend it"
            ) from None

    def check_format(self, *, is_read: bool = True) -> None:
        """Raise Failed when a newer cksync has made this folder, Rejected when it holds what none has made."""
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
            raise Failed(f"{self.root} was written by a newer cksync (format {text}, this one reads {FORMAT}); upgrade")

    def _check_links(self) -> None:
        """Raise Rejected when a link stands where this folder is written to."""
        links = [path for path in (self.root / "format", *self.root.glob(".*.new")) if path.is_symlink()]
        for below in (self.log, self.parquet, self.state):
            links += [below] if below.is_symlink() else []
            for folder, folders, files in os.walk(below):
                links += [path for name in (*folders, *files) if (path := Path(folder, name)).is_symlink()]
        if links:
            raise Rejected(
                f"data_dir: {links[0]} is a link, and nothing is written through one; put what it leads to in its place"
            )

    def is_locked(self) -> bool:
        """Whether a writer is at work right now."""
        return _is_taken(self.state / "lock")

    @contextlib.contextmanager
    def lock(self, who: str) -> Iterator[None]:
        """Hold the folder for one writer. Raises Locked at once, naming the holder, when it is taken."""
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
                    f"{holder} is working in {self.root}; wait for it to end, or stop it and try again"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} (cksync {who})")
            file.flush()
            yield
            file.seek(0)
            file.truncate(0)


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
    """Write a file so that it is there whole or not at all, and still there after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    if temporary.is_symlink():
        temporary.unlink()
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    put_in_place(temporary, path)


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a finished, fsynced file over its place and make the rename last."""
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make renames and new names in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_disk_full(error: Exception) -> bool:
    """Whether nothing more can be stored: no space, no quota, or no file may be so large."""
    return getattr(error, "errno", None) in (27, 28, 122) or any(words in str(error) for words in DISK_FULL)
