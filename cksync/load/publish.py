"""Publish: a copy of the mirror takes the new segments in, and then takes the mirror's place.

Nobody ever writes `mirror.duckdb` in place. A reader that has it open keeps the old version, one that
opens it later gets the new one, and a process killed at any instant leaves a whole one.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import duckdb

from cksync.clock import Clock, wall_clock
from cksync.domain import Analysis
from cksync.errors import Failed
from cksync.folder import Folder, is_disk_full, put_in_place
from cksync.load.drift import ADVICE, MADE_ANEW, has_other_columns, is_outdated
from cksync.load.history import Change
from cksync.load.ingest import ingest, total
from cksync.load.log import load_ids
from cksync.load.merge import Merged
from cksync.load.misdated import Misdated, put_right
from cksync.load.schema import create
from cksync.load.set_aside import set_aside
from cksync.load.tables import Table, casts, tables
from cksync.mirror import STORAGE_VERSION as STORAGE_VERSION
from cksync.plural import plural
from cksync.sqltext import literal

# DuckDB spills to disk beyond it: a nightly job shares its machine. What it cannot spill (a record of many megabytes
# while it is parsed, hundreds of mails with pictures in them) is tried again with more.
MERGE_MEMORY = ("64MB", "256MB", "1GB", "60%")
# Models read whole tables, and have more from the start.
MODEL_MEMORY = "96MB"
# What was written stays in memory until it is put away. Each time leaves dead space in the file, so a night's
# work is put away once, at its end.
CHECKPOINT_SIZE = "32MB"
# Every thread has memory of its own, and statements are short: a second one costs a fifth more CPU and saves no time.
THREADS = 1
# Rows of a Parquet file that are in memory together: people with a hundred fields are wide, mails are long.
ROW_GROUP, ROW_GROUP_BYTES = 20_480, "16MB"

# What is made of the tables once they are merged, in the database that is current.
Analyze = Callable[[duckdb.DuckDBPyConnection], Analysis]


@dataclass(frozen=True)
class Published:
    """What a publish did, and how many rows each table of `main` has now. `advice` is a sentence for the
    user when other SQL made the mirror that was there; `analysis` is what was made of the tables; `set_aside` names
    the records that no table can hold, by slice."""

    merged: Merged
    rows: dict[str, int]
    advice: str | None = None
    analysis: Analysis = field(default_factory=Analysis)
    set_aside: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What happened to each table."""
        return self.merged.changes


def publish(folder: Folder, analyze: Analyze | None = None) -> Published:
    """Merge everything of the log that the mirror has not taken in, round by round; then `analyze` it.

    A mirror whose tables have other columns than sql/tables gives them is made anew from the log instead.
    Raises Failed when the disk is full or the mirror is no database; the mirror stays as it was.
    """
    return _publish(folder, analyze, is_anew=False)


def stage(folder: Folder) -> Folder:
    """A folder below state/ whose mirror has everything of the log, for the process that still reads the account: the
    published one stays as it is, and so do the Parquet files. Raises Failed as `publish` does."""
    staged = Folder(folder.state / "staged")
    staged.root.mkdir(mode=0o700, exist_ok=True)
    _publish(folder, None, is_anew=False, target=staged.mirror)
    return staged


def rebuild(folder: Folder, analyze: Analyze | None = None, wall: Clock = wall_clock) -> Published:
    """Make the mirror anew from the log alone, once loads that a wrong clock has put into the future are where they
    belong (`advice` says so). Raises Failed as `publish` does, and when there is no log."""
    if not load_ids(folder.log):
        raise Failed(f"there is no log in {folder.root} to build a mirror from; read the account with `cksync pull`")
    moved = put_right(folder.log, folder.state / "put_right", wall())
    published = _publish(folder, analyze, is_anew=True)
    return replace(published, advice=_put_right(moved)) if moved else published


def _put_right(moved: Sequence[Misdated]) -> str:
    days = max(each.ahead for each in moved) // timedelta(days=1)
    which = "1 load was" if len(moved) == 1 else f"{len(moved):,} loads were"
    return (
        f"{which} recorded with a clock up to {plural(days, 'day')} ahead of the API's; their times, from"
        f" {moved[0].began_at - moved[0].ahead:%Y-%m-%d %H:%M} UTC on, are now corrected"
    )


def _publish(folder: Folder, analyze: Analyze | None, *, is_anew: bool, target: Path | None = None) -> Published:
    target = target or folder.mirror
    try:
        for memory in MERGE_MEMORY[:-1]:
            with contextlib.suppress(duckdb.OutOfMemoryException):
                return _publish_within(memory, folder, analyze, target, is_anew=is_anew)
        return _publish_within(MERGE_MEMORY[-1], folder, analyze, target, is_anew=is_anew)
    except (duckdb.Error, OSError) as error:
        raise _failure(folder, error) from None


def _publish_within(memory: str, folder: Folder, analyze: Analyze | None, target: Path, *, is_anew: bool) -> Published:
    temporary = folder.root / ".mirror.duckdb.new"
    advice = None
    try:
        _clear(temporary)
        if folder.mirror.exists() and not is_anew:
            advice = _advice(folder)
            is_anew = advice == MADE_ANEW
        if folder.mirror.exists() and not is_anew:
            shutil.copyfile(folder.mirror, temporary)
        with _open(temporary, folder, memory) as db:
            db.execute(casts())
            create(db, tables())
            merged = ingest(db, folder)
            rows = {table.name: _count(db, table) for table in tables()}
            missing = set_aside(db)
            db.execute("checkpoint")  # what is written out below is then read from the file
            exported = [_export(db, folder, change) for change in merged.changes if target == folder.mirror]
        analysis = Analysis()
        if analyze:
            with _open(temporary, folder, MODEL_MEMORY) as db:  # opened anew: without what the merge left in memory
                analysis = analyze(db)
        # The mirror last: were the process killed in between, the next merge would find the same changes.
        for path in filter(None, exported):
            _put(path.with_name(f".{path.name}.new"), path)
        _put(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            _clear(temporary)
            for path in folder.parquet.glob("*/.*.new"):
                path.unlink()
    return Published(merged, rows, advice, analysis, missing)


def _advice(folder: Folder) -> str | None:
    """What to say of a mirror that other SQL made. Raises Failed when it is of no use and there is no log."""
    with duckdb.connect(str(folder.mirror), read_only=True) as db:
        if not is_outdated(db):
            return None
        if not has_other_columns(db):
            return ADVICE
    if not load_ids(folder.log):
        raise Failed(
            f"{folder.mirror} has other columns than sql/tables defines, and there is no log to rebuild it from"
        )
    return MADE_ANEW


def _put(temporary: Path, path: Path) -> None:
    temporary.chmod(0o600)
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    put_in_place(temporary, path)


def together(several: Sequence[Published]) -> Published:
    """What several publishes of one pull did."""
    advice = next((published.advice for published in several if published.advice), None)
    merged = total([published.merged for published in several])
    return Published(merged, several[-1].rows, advice, several[-1].analysis, several[-1].set_aside)


def _clear(temporary: Path) -> None:
    for path in (temporary, temporary.with_name(temporary.name + ".wal")):
        path.unlink(missing_ok=True)


def _failure(folder: Folder, error: Exception) -> Failed:
    text = str(error)
    if is_disk_full(error):
        return Failed(
            f"the disk is full: {folder.mirror} is unchanged, and everything read is kept in the log; free some"
            " space and run `cksync pull` again"
        )
    if "not a valid DuckDB database" in text or "Corrupt" in text or "corrupt" in text:
        return Failed(f"{folder.mirror} is not a DuckDB database; `cksync rebuild` restores it from the log")
    if isinstance(error, OSError):
        return Failed(f"{error.filename or folder.root} cannot be written: {error.strerror}")
    return Failed(f"{folder.mirror} could not be published and is unchanged; DuckDB reports: {text}")


@contextlib.contextmanager
def _open(path: Path, folder: Folder, memory: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database at `path`, attached for writing; detached (and so whole) after."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": THREADS,
        "temp_directory": str(folder.state / "spill"),
        "preserve_insertion_order": False,  # quicker in less memory, and no reader may count on an order
        "checkpoint_threshold": CHECKPOINT_SIZE,
    }
    with duckdb.connect(":memory:", config=settings) as db:
        db.execute("set TimeZone = 'UTC'")
        db.execute(f"attach {literal(path)} as mirror (storage_version '{STORAGE_VERSION}')")
        db.execute("use mirror")
        yield db
        db.execute("use memory")
        db.execute("detach mirror")


def _count(db: duckdb.DuckDBPyConnection, table: Table) -> int:
    row = db.execute(f'select count(*) from main."{table.name}"').fetchone()
    assert row is not None
    return int(row[0])


def _export(db: duckdb.DuckDBPyConnection, folder: Folder, change: Change) -> Path | None:
    """A changed table as Parquet beside the place where it belongs: that place, or None."""
    target = folder.parquet / change.table / "part-0.parquet"
    if target.exists() and not (change.inserted or change.updated or change.deleted):
        return None
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    groups = f"row_group_size {ROW_GROUP}, row_group_size_bytes '{ROW_GROUP_BYTES}'"
    db.execute(f'copy main."{change.table}" to {literal(temporary)} (format parquet, compression zstd, {groups})')
    return target
