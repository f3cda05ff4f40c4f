"""Merge: new segments -> typed rows -> what changed -> `main` and `history`.

Every observation counts, in the order in which it was asked for, so the result does not depend on how
segments are grouped into merges. A row that did not change is not written; one that did costs one row.

The steps hand over temporary tables: `records` (a view of the segments), `complete`, `present` and
`found` (slices read to the end, and what was seen in them), `stood` (who was seen in which list), then for
each table `tombstones` (404s), `incoming` (typed), `changed` (versions to write), `rekeyed` (rows whose
JSON has other keys now) and `gone_<table>` (rows to take out).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import duckdb

from cksync.load.fields import Rekeying, key_versions, rekey, rekeyings
from cksync.load.gone import find_gone, write_gone
from cksync.load.listings import CHANGED_ONLY, LISTED, PLACE, note_listings
from cksync.load.log import ABSENT, row_count
from cksync.load.schema import NO_RECORDS, columns, literal, quoted
from cksync.load.tables import Table
from cksync.load.versions import write_changed

ROWS_AT_ONCE = 25_000
# A table that has changed by so many rows is put away before the next one: its rows are held in memory.
CHECKPOINT_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A slice that was read completely: what was not observed in it since `read_from` is gone.

    `is_exempt`: may lose any number of rows (people finish sequences; the parent is gone).
    """

    slice: str
    read_from: datetime
    is_exempt: bool = False


@dataclass(frozen=True)
class Batch:
    """What one merge takes in. `new` are segments not merged yet, by stream; `read` are all segments in
    which the complete slices were read (a round may have begun in an earlier merge)."""

    new: Mapping[str, Collection[Path]]
    read: Sequence[Path] = ()
    complete: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What a merge did to one table; `unread` counts values kept in `_extra` because they fit no column."""

    table: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unread: int = 0


@dataclass(frozen=True)
class Merged:
    """What a merge did. `doubts`: slices that it could not believe, and why."""

    changes: tuple[Change, ...]
    doubts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Span:
    """Segments, and the part of their time that is meant: from one rekeying up to another."""

    files: Sequence[Path] = ()
    begin: Rekeying | None = None
    end: Rekeying | None = None

    def conditions(self) -> list[str]:
        """What holds of its records, in SQL."""
        begin = [f"observed_at >= '{self.begin.at.isoformat()}'::timestamptz"] if self.begin else []
        return begin + ([f"observed_at < '{self.end.at.isoformat()}'::timestamptz"] if self.end else [])


_ALWAYS = _Span()


def merge(db: duckdb.DuckDBPyConnection, tables: Sequence[Table], batch: Batch) -> Merged:
    """Take a batch into the mirror, which is the current database of `db`."""
    everything = sorted({path for paths in batch.new.values() for path in paths})
    _load_readings(db, batch)
    _load_stood(db, everything)
    doubts = _invalid(db, everything)
    changes = []
    keys = key_versions(db, tables)
    for table in tables:
        files = sorted({path for stream in table.streams for path in batch.new.get(stream, ())})
        inserted = updated = unread = 0
        _load_tombstones(db, table, files)
        for span in _spans(db, files, rekeyings(db, table, keys)):
            for part in _parts(table, span.files):
                _view_records(db, part, span)
                _load_incoming(db, table)
                _drop_tombstones(db, table)
                counts = write_changed(db, table)
                inserted, updated, unread = inserted + counts[0], updated + counts[1], unread + counts[2]
            updated += rekey(db, table, span.end) if span.end else 0
        _view_records(db, files)
        doubts |= find_gone(db, table)
        changes.append(Change(table.name, inserted, updated, write_gone(db, table), unread))
        if inserted + updated > CHECKPOINT_ROWS:
            db.execute("checkpoint")
    note_listings(db, [table.name for table in tables], doubts)
    return Merged(tuple(changes), doubts)


def _parts(table: Table, files: Sequence[Path]) -> list[Sequence[Path]]:
    """Segments in their order, so few rows at a time that memory does not grow with the size of a pull."""
    if table.part_of or not files:
        return [files]
    parts: list[list[Path]] = [[]]
    rows = 0
    for path in files:
        count = row_count(path)
        if parts[-1] and rows + count > ROWS_AT_ONCE:
            parts.append([])
            rows = 0
        parts[-1].append(path)
        rows += count
    return list(parts)


def _segments(files: Sequence[Path]) -> str:
    """A relation of the rows of some segments, wherever they are: a folder `stream=x` is no column."""
    if not files:
        return f"({NO_RECORDS})"
    return f"read_parquet([{', '.join(map(literal, files))}], hive_partitioning = false)"


def _spans(db: duckdb.DuckDBPyConnection, files: Sequence[Path], ends: Sequence[Rekeying]) -> list[_Span]:
    """What was seen before each rekeying, and after the last: observations meet the keys of their time."""
    if not ends:
        return [_Span(files)]
    seen = _times(db, files)
    edges = [(None, ends[0]), *pairwise(ends), (ends[-1], None)]
    return [_Span([file for file in seen if _overlap(seen[file], begin, end)], begin, end) for begin, end in edges]


def _times(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[Path, tuple[datetime, datetime]]:
    """When the oldest and the newest row of each segment was observed."""
    if not files:
        return {}
    query = f"select filename, min(observed_at), max(observed_at) from {_segments(files)} group by all order by all"
    return {Path(name): (oldest, newest) for name, oldest, newest in db.execute(query).fetchall()}


def _overlap(seen: tuple[datetime, datetime], begin: Rekeying | None, end: Rekeying | None) -> bool:
    return (begin is None or seen[1] >= begin.at) and (end is None or seen[0] < end.at)


def _view_records(db: duckdb.DuckDBPyConnection, files: Sequence[Path], span: _Span = _ALWAYS) -> None:
    source = f"select stream, slice, key, observed_at, record from {_segments(files)}"
    where = ["record is not null", "json_valid(record)", *span.conditions()]
    db.execute(f"create or replace temp view records as {source} where {' and '.join(where)}")


def _load_tombstones(db: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """`tombstones`: the keys of the table that the API said are not there (404), and when it did so last."""
    db.execute(
        f"""
        create or replace temp table tombstones as
        select key, max(observed_at) as observed_at
        from {_segments(files)}
        where record is null and page <> {ABSENT} and stream = '{table.name}' group by key
        """
    )


def _drop_tombstones(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """What was seen again after the 404 is there."""
    db.execute(
        f"""
        delete from tombstones using incoming
        where tombstones.key = cast(incoming."{table.key[-1]}" as varchar)
            and tombstones.observed_at < incoming._synced_at
        """
    )


def _invalid(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[str, str]:
    """Slices with records that strict JSON allows and no database can hold (1e400)."""
    rows = db.execute(
        f"select slice, count(*) from {_segments(files)} where not json_valid(record) group by slice"
    ).fetchall()
    return {slice_: f"{count} records hold numbers that no database can" for slice_, count in rows}


def _load_readings(db: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """`complete`: slices read to the end; `present`: the keys seen in them; `found`: when that was known."""
    db.execute("create or replace temp table complete (slice varchar, read_from timestamptz, is_exempt boolean)")
    for reading in batch.complete:
        db.execute("insert into complete values (?, ?, ?)", [reading.slice, reading.read_from, reading.is_exempt])
    db.execute(
        f"""
        create or replace temp table present as
        select slice, key, max(observed_at) as observed_at, arg_max({PLACE}, observed_at) as place
        from {_segments(batch.read)} as seen
        semi join complete on complete.slice = seen.slice and seen.observed_at >= complete.read_from
        where page <> {ABSENT}
        group by slice, key
        """
    )
    db.execute(
        """
        create or replace temp table found as
        select complete.slice, coalesce(max(present.observed_at), any_value(complete.read_from)) as found_at
        from complete left join present using (slice)
        group by complete.slice
        """
    )


def _load_stood(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """`stood`: in which list each row was seen, or found to be no more (`is_absent`), last."""
    db.execute(
        f"""
        create or replace temp table stood as
        select replace(slice, '{CHANGED_ONLY}', '') as slice, cast(key as bigint) as key,
            max(observed_at) as observed_at, arg_max(page = {ABSENT}, observed_at) as is_absent,
            arg_max({PLACE}, observed_at) as place
        from {_segments(files)}
        where stream in ({", ".join(map(literal, LISTED))}) and key is not null
        group by all
        """
    )


def _load_incoming(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """`incoming`: every observation as a typed row; `_extra` is cut down to what has no column."""
    own = columns(db, table)
    checked = [name for name, kind in own.items() if kind not in ("VARCHAR", "JSON")]
    unread = ", ".join(f"""case when "{n}" is null and _extra ->> '{n}' is not null then '{n}' end""" for n in checked)
    select, join = quoted(list(own), "typed."), ""
    if table.kept:
        kept = f'coalesce(now."{table.kept}", typed."{table.kept}") as "{table.kept}"'
        select = select.replace(f'typed."{table.kept}"', kept)
        join = f'left join main."{table.name}" as now using ({quoted(table.key)})'
    db.execute(
        f"""
        create or replace temp table incoming as
        with typed as (
            select *, list_filter([{unread}]::varchar[], lambda name: name is not null) as _unread
            from ({table.sql})
            where {" and ".join(f'"{name}" is not null' for name in table.key)}
        ),

        sorted_out as (
            select {select}, typed._synced_at, typed._extra, len(typed._unread) as _unread,
                list_sort(list_distinct(list_filter( -- sorted: another order of the keys is no change
                    json_keys(typed._extra),
                    lambda name: name not in ({", ".join(map(literal, own))}) or list_contains(typed._unread, name)
                ))) as _left
            from typed {join}
        )

        select {quoted(list(own))}, _synced_at, _unread,
            case when len(_left) > 0 then cast('{{' || array_to_string(list_transform(
                _left, lambda name: to_json(name) || ':' || json_extract(_extra, json_place(name))
            ), ',') || '}}' as json) end as _extra
        from sorted_out
        """
    )
