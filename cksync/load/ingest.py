"""Ingest: find what is new in the log, merge it round by round, and note it beside the data."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from cksync.domain import Checkpoint, OnStep, Step, unseen, version_sql
from cksync.folder import Folder
from cksync.load.history import Change
from cksync.load.log import (
    PUSHES,
    REQUESTS,
    Load,
    Segment,
    load_id_at,
    load_ids,
    read_load,
    segment_count,
    segment_files,
)
from cksync.load.log_files import portions, size
from cksync.load.merge import PART_BYTES, Merged, merge
from cksync.load.observations import Reading, Round
from cksync.load.tables import tables
from cksync.paths import pattern

_COUNTS = ("inserted", "updated", "deleted", "unread")


def ingest(db: duckdb.DuckDBPyConnection, folder: Folder, on_step: OnStep = unseen) -> Merged:
    """Merge everything in the log that the mirror (the current database of `db`) does not have yet."""
    done: list[Merged] = []
    rounds = _rounds(db, folder)
    is_alone = _is_one_by_one(db, rounds)
    sized = ((loads, PART_BYTES if is_alone else sum(map(size, _files(loads)))) for loads in rounds)
    merged_loads = 0
    for group in portions(sized, PART_BYTES):
        on_step(Step("merging the log", merged_loads, sum(map(len, rounds))))
        merged_loads += sum(map(len, group))
        news = [_new_segments(db, loads) for loads in group]
        opened = [loads[0].start.started_at for loads in group]
        merged = merge(db, tables(), [_round(folder, new, at) for new, at in zip(news, opened, strict=True)])
        for new, of_round in zip(news, merged, strict=True):
            of_round = _of_what_was_read(new, of_round)
            _note(db, new, of_round)
            done.append(of_round)
    return total(done)


def _is_one_by_one(db: duckdb.DuckDBPyConnection, rounds: Sequence[Sequence[Load]]) -> bool:
    """Return True if API v4 has shown anything: what may be filled in place depends on the round."""
    versions = {
        checkpoint.slice.version for loads in rounds for load in loads for checkpoint in load.checkpoints.values()
    }
    known = db.execute(f"select distinct {version_sql('slice')} from _cksync.slices").fetchall()
    return "v4" in versions.union(row[0] for row in known)


def _of_what_was_read(new: Sequence[tuple[Load, list[Segment]]], merged: Merged) -> Merged:
    """Drop problems of slices that these loads did not read."""
    read = {c.slice.name for _, segments in new for segment in segments for c in segment.checkpoints}
    return replace(merged, doubts={name: why for name, why in merged.doubts.items() if name in read})


def total(done: Sequence[Merged]) -> Merged:
    """Combine several merges."""
    changes = {table.name: Change(table.name) for table in tables()}
    for change in (change for merged in done for change in merged.changes):
        changes[change.table] += change
    doubts = {name: why for merged in done for name, why in merged.doubts.items()}
    return Merged(tuple(changes.values()), doubts, sum(merged.repeated for merged in done))


def _rounds(db: duckdb.DuckDBPyConnection, folder: Folder) -> list[list[Load]]:
    """Return the rounds of the log with something new, oldest first, each with all its loads."""
    taken = dict(db.execute("select load_id, segments from _cksync.loads").fetchall())
    closed = {row[0] for row in db.execute("select load_id from _cksync.loads where is_finished").fetchall()}
    rounds: list[list[Load]] = [[]]
    for load_id in load_ids(folder.log):
        if load_id in closed and taken[load_id] == segment_count(folder.log, load_id):
            rounds.append([])
            continue
        load = read_load(folder.log, load_id)
        rounds[-1].append(load)
        if load.end is not None and load.end.is_finished:
            rounds.append([])
    return [loads for loads in rounds if any(len(load.segments) > taken.get(load.load_id, 0) for load in loads)]


def _files(loads: Iterable[Load]) -> Iterator[Path]:
    return (path for load in loads for path in load.files_of(load.segments))


def _new_segments(db: duckdb.DuckDBPyConnection, loads: Sequence[Load]) -> list[tuple[Load, list[Segment]]]:
    """Return the segments of each load that the mirror does not have yet."""
    known = dict(db.execute("select load_id, segments from _cksync.loads").fetchall())
    found = [(load, [s for s in load.segments if s.number > known.get(load.load_id, 0)]) for load in loads]
    return [(load, segments) for load, segments in found if segments]


def _round(folder: Folder, new: Sequence[tuple[Load, list[Segment]]], opened_at: datetime) -> Round:
    """Return a round to merge, which began at `opened_at`.

    `complete` is each slice's last complete read: one begun since and unfinished does not count, and one that ended
    incomplete revokes it. Of API v4, whatever is gone is noted row by row, but for the members of a deleted parent.
    """
    files: dict[str, set[Path]] = {}
    readings: dict[str, Reading] = {}
    for load, segments in new:
        for segment in segments:
            for stream in segment.streams:
                files.setdefault(stream, set()).add(load.files[segment.number])
            for checkpoint in segment.checkpoints:
                if (
                    checkpoint.is_complete
                    and checkpoint.proof == "content"
                    and not checkpoint.slice.is_single
                    and (checkpoint.slice.version == "v3" or checkpoint.is_gone)
                ):
                    readings[checkpoint.slice.name] = _reading(checkpoint, "vanish" in load.start.allowed)
                elif checkpoint.is_done and not checkpoint.is_complete:
                    readings.pop(checkpoint.slice.name, None)
    began_at = new[0][0].start.started_at
    chosen = tuple(readings[name] for name in sorted(readings))
    if not chosen:
        return Round(began_at, files, opened_at=opened_at)
    read_from = min(reading.read_from for reading in chosen)
    return Round(began_at, files, _read_since(folder, read_from, new[-1][0].load_id), chosen, opened_at)


def _read_since(folder: Folder, at: datetime, last: str) -> list[Path]:
    """Return all segments that may hold observations since then: from the load that was running to the `last` one of
    the round, because later rounds are no part of its reads."""
    ids = [load_id for load_id in load_ids(folder.log) if load_id <= last]
    first = max((n for n, load_id in enumerate(ids) if load_id <= load_id_at(at)), default=0)
    return [path for load_id in ids[first:] for path in segment_files(folder.log, load_id)]


def _reading(checkpoint: Checkpoint, is_allowed: bool) -> Reading:
    """Return a read. A list may lose many rows at once if people finish a sequence, its parent is gone, or the user
    allows it."""
    is_exempt = is_allowed or checkpoint.is_gone or checkpoint.slice.is_left_by_itself
    return Reading(checkpoint.slice.name, checkpoint.read_from, is_exempt)


def _note(db: duckdb.DuckDBPyConnection, new: Sequence[tuple[Load, list[Segment]]], merged: Merged) -> None:
    """Write the loads, slices and requests beside the data; a merge counts for its last load."""
    counts = [sum(getattr(c, what) for c in merged.changes) for what in _COUNTS]
    for load, segments in new:
        done = counts if load is new[-1][0] else [0, 0, 0, 0]
        before = db.execute(
            "delete from _cksync.loads where load_id = ? returning requests, inserted, updated, deleted, unread",
            [load.load_id],
        ).fetchone() or (0, 0, 0, 0, 0)
        requests = before[0] + _note_requests(db, load, segments)
        _note_pushes(db, load, segments)
        sums = [old + now for old, now in zip(before[1:], done, strict=True)]
        db.execute(
            "insert into _cksync.loads values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*_load_row(load), segments[-1].number, requests, *sums, *_foreseen(load)],
        )
        checkpoints = {c.slice.name: c for segment in segments for c in segment.checkpoints}
        _note_slices(db, load.load_id, checkpoints.values(), merged.doubts)
        if late := sorted(checkpoints.keys() & merged.doubts.keys()):
            message = "; ".join(f"{name}: {merged.doubts[name]}" for name in late)
            db.execute(
                "update _cksync.loads set exit_status = 3, message = ? where load_id = ? and exit_status = 0",
                [f"incomplete: {message}", load.load_id],
            )


def _load_row(load: Load) -> list[Any]:
    end = load.end
    return [
        load.load_id,
        ", ".join(load.start.streams) or "all",
        load.start.account,
        load.start.started_at,
        end and end.ended_at,
        end and end.exit_status,
        end and end.message,
        bool(end and end.is_finished),
    ]


def _foreseen(load: Load) -> list[Any]:
    base = load.start.base
    return [load.start.depth, load.start.planned, json.dumps(base) if base is not None else None, load.start.version]


def _note_requests(db: duckdb.DuckDBPyConnection, load: Load, segments: Sequence[Segment]) -> int:
    files = load.files_of(segment for segment in segments if REQUESTS in segment.streams)
    if not files:
        return 0
    rows = db.execute(
        """
        insert into _cksync.requests
        select ?, observed_at, made.stream, made.slice, made.endpoint, made.params, made.status, made.milliseconds,
            made.rows, made.problem
        from (
            select observed_at, from_json(
                record,
                '{"stream": "VARCHAR", "slice": "VARCHAR", "endpoint": "VARCHAR", "params": "VARCHAR",
                  "status": "INTEGER", "milliseconds": "BIGINT", "rows": "BIGINT", "problem": "VARCHAR"}'
            ) as made
            from read_parquet(?, hive_partitioning = false) where stream = ?
        )
        order by observed_at
        """,
        [load.load_id, list(map(pattern, files)), REQUESTS],
    ).fetchone()
    return int(rows[0]) if rows else 0


def _note_pushes(db: duckdb.DuckDBPyConnection, load: Load, segments: Sequence[Segment]) -> None:
    if files := load.files_of(segment for segment in segments if PUSHES in segment.streams):
        db.execute(
            """
            insert into _cksync.pushes
            select ?, observed_at, record ->> 'action', record ->> 'what', record ->> 'target', record -> 'cells',
                record ->> 'outcome', record ->> 'message'
            from read_parquet(?, hive_partitioning = false) where stream = ? order by observed_at
            """,
            [load.load_id, list(map(pattern, files)), PUSHES],
        )


def _note_slices(
    db: duckdb.DuckDBPyConnection, load_id: str, checkpoints: Iterable[Checkpoint], doubts: Mapping[str, str]
) -> None:
    now = {c.slice.name: c for c in checkpoints}
    before = db.execute(
        """
        delete from _cksync.slices where slice in (select unnest(?::varchar[]))
        returning slice, cursor_at, checked_at
        """,
        [list(now)],
    ).fetchall()
    at = {name: (cursor_at, checked_at) for name, cursor_at, checked_at in before}
    rows = [
        _slice_row(load_id, checkpoint, doubts.get(name), *at.get(name, (None, None)))
        for name, checkpoint in now.items()
        if not checkpoint.is_gone and not checkpoint.slice.is_changed_only
    ]
    if rows:
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(rows))
        db.execute(f"insert into _cksync.slices values {places}", [value for row in rows for value in row])


def _slice_row(
    load_id: str, now: Checkpoint, doubt: str | None, cursor_at: datetime | None, checked_at: datetime | None
) -> list[Any]:
    """Return a row of `_cksync.slices`; an incomplete slice keeps its old cursor."""
    is_complete = now.is_complete and doubt is None
    if is_complete:
        cursor_at, checked_at = now.began_at, now.read_from if now.proof in ("borders", "content") else checked_at
    return [
        now.slice.name,
        now.slice.stream,
        load_id,
        is_complete,
        now.rows,
        now.total,
        cursor_at,
        now.began_at,
        checked_at,
        now.proof if is_complete else None,
        doubt or now.doubt,
    ]
