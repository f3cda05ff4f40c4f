"""Publish: merge new segments into a copy of the mirror, then replace the mirror with the copy.

`mirror.duckdb` is never written in place. A reader that has it open keeps the old version, a later one gets the new
version, and a process killed at any time leaves a complete file.
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
from cksync.domain import Analysis, OnStep, Step, unseen
from cksync.errors import Failed
from cksync.folder import Folder, is_disk_full, put_in_place
from cksync.load.drift import ADVICE, REBUILT, has_other_columns, is_outdated
from cksync.load.history import Change
from cksync.load.ingest import ingest, total
from cksync.load.log import load_ids, read_load
from cksync.load.merge import Merged
from cksync.load.misdated import Misdated, restamp
from cksync.load.schema import create
from cksync.load.set_aside import set_aside
from cksync.load.tables import Table, casts, tables
from cksync.mirror import STORAGE_VERSION as STORAGE_VERSION
from cksync.plural import plural
from cksync.sqltext import literal

# DuckDB spills to disk beyond this limit, because a nightly job shares its machine. What cannot spill (a record of many
# megabytes being parsed, hundreds of emails with embedded pictures) is tried again with more.
MERGE_MEMORY = ("64MB", "112MB", "256MB", "1GB", "60%")
# Where a merge of records of API v4 begins: a person has three times the columns and the text.
WIDE_MEMORY = "112MB"
# Models read whole tables, and start with more memory.
MODEL_MEMORY = "96MB"
# Writes stay in memory until a checkpoint. Each checkpoint leaves dead space in the file, so there is one, at the end.
CHECKPOINT_SIZE = "32MB"
# Every thread has its own memory, and statements are short: a second thread costs a fifth more CPU and saves no time.
THREADS = 1
# Rows of a Parquet file in memory at once: people with a hundred fields are wide, emails are long.
ROW_GROUP, ROW_GROUP_BYTES = 20_480, "16MB"

# Builds the models on the merged tables, in the current database.
Analyze = Callable[[duckdb.DuckDBPyConnection], Analysis]


@dataclass(frozen=True)
class Published:
    """What a publish did, and how many rows each table of `main` has now. `advice` is a sentence for the user if other
    SQL built the previous mirror; `analysis` is the result of building the models; `set_aside` describes the records
    that no table can hold, by slice."""

    merged: Merged
    rows: dict[str, int]
    advice: str | None = None
    analysis: Analysis = field(default_factory=Analysis)
    set_aside: Mapping[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Change, ...]:
        """Return the changes of each table."""
        return self.merged.changes


def publish(folder: Folder, analyze: Analyze | None = None) -> Published:
    """Merge everything in the log that the mirror does not have, round by round; then `analyze` it.

    A mirror whose tables have other columns than sql/tables is rebuilt from the log instead. Raises Failed if the disk
    is full or the mirror is not a database; the mirror stays as it was.
    """
    return _publish(folder, analyze, from_scratch=False)


def stage(folder: Folder) -> Folder:
    """Return a folder below state/ whose mirror has everything in the log, for the process that still reads the
    account. The published mirror and the Parquet files stay as they are. Raises Failed as `publish` does."""
    staged = Folder(folder.state / "staged")
    staged.root.mkdir(mode=0o700, exist_ok=True)
    _publish(folder, None, from_scratch=False, target=staged.mirror)
    return staged


def must_rebuild(folder: Folder) -> bool:
    """Return True if nothing can be merged into the mirror, because its tables have other columns than sql/ gives."""
    return folder.mirror.exists() and _advice(folder) == REBUILT


def rebuild(
    folder: Folder, analyze: Analyze | None = None, wall: Clock = wall_clock, on_step: OnStep = unseen
) -> Published:
    """Rebuild the mirror from the log alone, after correcting loads that a wrong clock dated into the future (`advice`
    says so). Raises Failed as `publish` does, and if there is no log."""
    if not load_ids(folder.log):
        raise Failed(f"there is no log in {folder.root} to build a mirror from; read the account with `cksync pull`")
    moved = restamp(folder.log, folder.state / "put_right", wall())
    published = _publish(folder, analyze, from_scratch=True, on_step=on_step)
    return replace(published, advice=_restamp_advice(moved)) if moved else published


def _restamp_advice(moved: Sequence[Misdated]) -> str:
    days = max(each.ahead for each in moved) // timedelta(days=1)
    which = "1 load was" if len(moved) == 1 else f"{len(moved):,} loads were"
    return (
        f"{which} recorded with a clock up to {plural(days, 'day')} ahead of the API's; their times, from"
        f" {moved[0].began_at - moved[0].ahead:%Y-%m-%d %H:%M} UTC on, are now corrected"
    )


def _publish(
    folder: Folder,
    analyze: Analyze | None,
    *,
    from_scratch: bool,
    target: Path | None = None,
    on_step: OnStep = unseen,
) -> Published:
    target = target or folder.mirror
    try:
        *sizes, last = MERGE_MEMORY[MERGE_MEMORY.index(WIDE_MEMORY) if _is_wide(folder) else 0 :]
        for memory in sizes:
            with contextlib.suppress(duckdb.OutOfMemoryException):
                return _publish_within(memory, folder, analyze, target, on_step, from_scratch=from_scratch)
        return _publish_within(last, folder, analyze, target, on_step, from_scratch=from_scratch)
    except (duckdb.Error, OSError) as error:
        raise _failure(folder, error) from None


def _is_wide(folder: Folder) -> bool:
    """Return True if the last load read API v4."""
    loads = load_ids(folder.log)
    return bool(loads) and read_load(folder.log, loads[-1]).start.version == "v4"


def _publish_within(
    memory: str, folder: Folder, analyze: Analyze | None, target: Path, on_step: OnStep, *, from_scratch: bool
) -> Published:
    temporary = folder.root / ".mirror.duckdb.new"
    advice = None
    try:
        _clear(temporary)
        if folder.mirror.exists() and not from_scratch:
            advice = _advice(folder)
            from_scratch = advice == REBUILT
        if folder.mirror.exists() and not from_scratch:
            shutil.copyfile(folder.mirror, temporary)
        with _open(temporary, folder, memory) as db:
            db.execute(casts())
            create(db, tables())
            merged = ingest(db, folder, on_step)
            rows = {table.name: _count(db, table) for table in tables()}
            missing = set_aside(db)
            db.execute("checkpoint")  # what is exported below is then read from the file
            exported = []
            for done, change in enumerate(merged.changes if target == folder.mirror else ()):
                on_step(Step("writing Parquet files", done, len(merged.changes)))
                exported.append(_export(db, folder, change))
        analysis = Analysis()
        if analyze:
            with _open(temporary, folder, MODEL_MEMORY) as db:  # reopened: frees the memory of the merge
                analysis = analyze(db)
        # The mirror last: if the process is killed in between, the next merge finds the same changes.
        for path in filter(None, exported):
            _replace(path.with_name(f".{path.name}.new"), path)
        _replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):
            _clear(temporary)
            for path in folder.parquet.glob("*/.*.new"):
                path.unlink()
    return Published(merged, rows, advice, analysis, missing)


def _advice(folder: Folder) -> str | None:
    """Return the advice for a mirror that other SQL built. Raises Failed if it is unusable and there is no log."""
    with duckdb.connect(str(folder.mirror), read_only=True) as db:
        if not is_outdated(db):
            return None
        if not has_other_columns(db):
            return ADVICE
    if not load_ids(folder.log):
        raise Failed(
            f"{folder.mirror} has different columns from those in sql/tables, and there is no log to rebuild it from"
        )
    return REBUILT


def _replace(temporary: Path, path: Path) -> None:
    temporary.chmod(0o600)
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    put_in_place(temporary, path)


def together(several: Sequence[Published]) -> Published:
    """Combine several publishes of one pull."""
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
    """Yield the database at `path`, attached for writing; it is detached (and so complete) afterwards."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "threads": THREADS,
        "temp_directory": str(folder.state / "spill"),
        "preserve_insertion_order": False,  # faster in less memory, and readers may not rely on an order
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
    """Export a changed table to a temporary Parquet file; return its final path, or None."""
    target = folder.parquet / change.table / "part-0.parquet"
    if target.exists() and not (change.inserted or change.updated or change.deleted or change.filled):
        return None
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.new")
    groups = f"row_group_size {ROW_GROUP}, row_group_size_bytes '{ROW_GROUP_BYTES}'"
    db.execute(f'copy main."{change.table}" to {literal(temporary)} (format parquet, compression zstd, {groups})')
    return target
