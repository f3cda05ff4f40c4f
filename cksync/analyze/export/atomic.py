"""Replace a target atomically: write beside it, sync to disk, then move into place."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cksync.errors import Locked, Rejected
from cksync.folder import sync_folder


@contextlib.contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside a target to write into; it is removed afterwards.

    Raises Rejected if the target's parent folder is missing, Locked if another export writes there.
    """
    if not target.parent.is_dir():
        raise Rejected(f"the folder {target.parent} does not exist; create it first")
    staging = target.with_name(f".{target.name}.new")
    staging.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(staging, os.O_RDONLY)
    try:
        _hold(descriptor, target)
        try:
            _repair(staging, target)
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        os.close(descriptor)


def _hold(descriptor: int, target: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Locked(f"another `cksync export` is writing {target}; wait for it to finish, or stop it") from None


def _repair(staging: Path, target: Path) -> None:
    """Remove the leftovers of a killed export, and restore what it had moved away."""
    old = staging / "old"
    if old.exists() and not target.exists():
        os.rename(old, target)
    for path in staging.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def replace_target(new: Path, target: Path) -> int:
    """Move a finished file or folder to its target, which keeps its permissions; return its size in bytes."""
    files = [new] if new.is_file() else [path for path in sorted(new.rglob("*")) if path.is_file()]
    _keep_mode(new, files, target)
    for path in files:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    if new.is_dir():
        for path in (new, *(path for path in new.rglob("*") if path.is_dir())):
            sync_folder(path)
    size = sum(path.stat().st_size for path in files)
    if target.is_dir() or (target.exists() and new.is_dir()):
        os.rename(target, new.parent / "old")  # two steps: `_repair` restores it if interrupted in between
        os.rename(new, target)
    else:
        os.replace(new, target)
    sync_folder(target.parent)
    return size


def _keep_mode(new: Path, files: list[Path], target: Path) -> None:
    mode = target.stat().st_mode & 0o777 if target.exists() else 0o700 if new.is_dir() else 0o600
    for path in files:
        path.chmod(mode & 0o666)
    if new.is_dir():
        # A folder that replaces a file must be searchable.
        inside = mode | 0o700
        for path in (new, *(path for path in new.rglob("*") if path.is_dir())):
            path.chmod(inside)
