"""Merge: new segments -> typed rows -> what changed -> `main` and `history`.

Every observation counts, in the order in which it was asked for, and so does everything that says that a
row is gone. So the result does not depend on how segments are grouped into merges, nor on how many rounds
one merge takes in. A row that did not change is not written; one that did costs one row.

The steps hand over temporary tables: `rounds` (when each began and ended), `complete`, `present` and `found`
(slices read to the end in a round, and what was seen in them), `stood` (who was seen in which list), then
for each table `tombstones` (404s), `incoming` (typed observations), `ends` (when rows were found to be gone),
`changed` (versions to write), `rekeyed` (rows whose JSON has other keys now) and `gone_<table>` (rows taken out).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import duckdb

from cksync.load.ends import begin_gone, forget_ends, load_ends
from cksync.load.fields import Rekeying, key_versions, rekey, rekeyings
from cksync.load.listings import CHANGED_ONLY, LISTED, PLACE, note_listings
from cksync.load.log import ABSENT, PORTION_BYTES, portions, size
from cksync.load.schema import NO_RECORDS, columns
from cksync.load.tables import Table
from cksync.load.versions import Change, load_changed, write_changed
from cksync.paths import pattern
from cksync.sqltext import literal, quoted

# So much of the log is compared with the mirror at once.
PART_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A slice that was read completely: what was not observed in it since `read_from` is gone.

    `is_exempt`: may lose any number of rows (people finish sequences; the parent is gone).
    """

    slice: str
    read_from: datetime
    is_exempt: bool = False


@dataclass(frozen=True)
class Round:
    """What a merge takes in of one round, which began at `began_at`. `new` are segments not merged yet, by stream;
    `read` are all segments in which the complete slices were read (a round may have begun in an earlier merge)."""

    began_at: datetime
    new: Mapping[str, Collection[Path]]
    read: Sequence[Path] = ()
    complete: tuple[Reading, ...] = ()


@dataclass(frozen=True)
class Merged:
    """What a merge did with one round. `doubts`: slices that it could not believe, and why."""

    changes: tuple[Change, ...]
    doubts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Span:
    """Segments, and the part of their time that is meant: from one rekeying up to another."""

    files: Sequence[Path] = ()
    begin: Rekeying | None = None
    end: Rekeying | None = None

    def times(self, name: str) -> str:
        """Whether a column with a time lies in it, in SQL."""
        begin = [f"{name} >= '{self.begin.at.isoformat()}'::timestamptz"] if self.begin else []
        end = [f"{name} < '{self.end.at.isoformat()}'::timestamptz"] if self.end else []
        return " and ".join(begin + end) or "true"


_ALWAYS = _Span()


def merge(db: duckdb.DuckDBPyConnection, tables: Sequence[Table], rounds: Sequence[Round]) -> list[Merged]:
    """Take rounds, in their order, into the mirror, which is the current database of `db`; what each did.

    Several rounds come out as if they had been merged one after the other. Together they should have no more
    than PART_BYTES; one alone may have any number.
    """
    _load_rounds(db, rounds)
    _load_readings(db, rounds)
    _load_stood(db, _new(rounds))
    doubts = _invalid(db, _new(rounds))
    changes: dict[tuple[int, str], Change] = {}
    keys = key_versions(db, tables)
    for table in tables:
        renames = rekeyings(db, table, keys)
        files = _new(rounds, table.streams)
        begin_gone(db, table)
        if not (files or renames) and _is_untouched(db, table, rounds):
            continue
        for number, change in _merge_table(db, table, files, renames, doubts):
            changes[number, table.name] = changes.get((number, table.name), Change(table.name)) + change
    note_listings(db, [table.name for table in tables], doubts)
    return [
        Merged(
            tuple(changes.get((number, table.name), Change(table.name)) for table in tables),
            {slice_: doubt for (of, slice_), doubt in doubts.items() if of == number},
        )
        for number in range(len(rounds))
    ]


def _merge_table(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    files: Sequence[Path],
    renames: Sequence[Rekeying],
    doubts: dict[tuple[int, str], str],
) -> Iterator[tuple[int, Change]]:
    """Take segments into one table; what that did in which round. Adds to the `doubts`."""
    _load_tombstones(db, table, files)
    for span in _spans(db, files, renames):
        parts = _parts(table, span.files)
        for part in parts:
            _load_incoming(db, table, part, span)
            if part is parts[-1]:
                load_ends(db, table, span.times)
            else:
                forget_ends(db, table)
            doubts |= load_changed(db, table)
            yield from write_changed(db, table)
        if span.end:
            yield _round_at(db, span.end.at), Change(table.name, updated=rekey(db, table, span.end))


def _is_untouched(db: duckdb.DuckDBPyConnection, table: Table, rounds: Sequence[Round]) -> bool:
    """Whether nothing ends in a table of which nothing was seen: none of its lists is complete, and nothing has
    gone that its rows go with."""
    complete = {reading.slice.split("/")[0] for found in rounds for reading in found.complete}
    owners = [owner.table for owner in (table.child_of, table.part_of) if owner]
    gone = [db.execute(f"select 1 from gone_{owner} limit 1").fetchone() for owner in owners]
    return complete.isdisjoint(table.streams) and not any(gone)


def _new(rounds: Sequence[Round], streams: Collection[str] | None = None) -> list[Path]:
    """The new segments of some rounds, of all streams or of some, in their order."""
    return sorted(
        {
            path
            for found in rounds
            for stream, paths in found.new.items()
            if streams is None or stream in streams
            for path in paths
        }
    )


def _parts(table: Table, files: Sequence[Path]) -> Sequence[Sequence[Path]]:
    """Segments in their order, so few rows at a time that memory does not grow with the size of a pull."""
    if table.part_of or not files:
        return [files]
    return list(portions(((path, size(path)) for path in files), PART_BYTES))


def _segments(files: Sequence[Path]) -> str:
    """A relation of the rows of some segments, wherever they are: a folder `stream=x` is no column."""
    if not files:
        return f"(select *, '' as filename from ({NO_RECORDS}))"
    return f"read_parquet([{', '.join(literal(pattern(file)) for file in files)}], hive_partitioning = false)"


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
    where = f"record is not null and json_valid(record) and {span.times('observed_at')}"
    db.execute(f"create or replace temp view records as {source} where {where}")


def _load_rounds(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round]) -> None:
    """`segments`: which round each new file belongs to; `readings`: which files the complete slices of each round
    were read in; `rounds`: when each began, and the next one did."""
    new = {str(path): number for number, found in enumerate(rounds) for paths in found.new.values() for path in paths}
    read = [(str(path), number) for number, found in enumerate(rounds) for path in found.read]
    for table, pairs in (("segments", list(new.items())), ("readings", read)):
        db.execute(f"create or replace temp table {table} (name varchar, round integer)")
        if pairs:
            names, numbers = zip(*pairs, strict=True)
            db.execute(f"insert into {table} select unnest(?::varchar[]), unnest(?::integer[])", [names, numbers])
    values = [value for number, found in enumerate(rounds) for value in (number, found.began_at)]
    db.execute(
        f"""
        create or replace temp table rounds as
        select round, case when round > 0 then began_at else '-infinity' end as begins_at,
            lead(began_at, 1, 'infinity') over (order by round) as ends_at
        from (values {", ".join(["(?, ?::timestamptz)"] * len(rounds))}) as given (round, began_at)
        """,
        values,
    )


def _round_at(db: duckdb.DuckDBPyConnection, at: datetime) -> int:
    row = db.execute("select round from rounds where begins_at <= ? and ends_at > ?", [at, at]).fetchone()
    assert row is not None
    return int(row[0])


def _load_readings(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round]) -> None:
    """`complete`: slices read to the end; `present`: the keys seen in them; `found`: when that was known."""
    db.execute(
        "create or replace temp table complete (round integer, slice varchar, read_from timestamptz, is_exempt boolean)"
    )
    readings = [(n, r.slice, r.read_from, r.is_exempt) for n, found in enumerate(rounds) for r in found.complete]
    if readings:
        places = ", ".join(["(?, ?, ?, ?)"] * len(readings))
        db.execute(f"insert into complete values {places}", [value for reading in readings for value in reading])
    db.execute(
        f"""
        create or replace temp table present as
        select complete.round, seen.slice, key, max(observed_at) as observed_at, arg_max({PLACE}, observed_at) as place
        from {_segments(sorted({path for found in rounds for path in found.read}))} as seen
        join readings on readings.name = seen.filename
        join complete
            on complete.round = readings.round and complete.slice = seen.slice
            and seen.observed_at >= complete.read_from
        where page <> {ABSENT}
        group by complete.round, seen.slice, key
        """
    )
    db.execute(
        """
        create or replace temp table found as
        select round, slice, coalesce(max(present.observed_at), any_value(complete.read_from)) as found_at
        from complete left join present using (round, slice)
        group by round, slice
        """
    )


def _load_stood(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """`stood`: in which list each row was seen, or found to be no more (`is_absent`), last in each round."""
    db.execute(
        f"""
        create or replace temp table stood as
        select segments.round, replace(slice, '{CHANGED_ONLY}', '') as slice, cast(key as bigint) as key,
            max(observed_at) as observed_at, arg_max(page = {ABSENT}, observed_at) as is_absent,
            arg_max({PLACE}, observed_at) as place
        from {_segments(files)} as seen join segments on segments.name = seen.filename
        where stream in ({", ".join(map(literal, LISTED))}) and key is not null
        group by all
        """
    )


def _invalid(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[tuple[int, str], str]:
    """Slices with records that strict JSON allows and no database can hold (1e400), by round."""
    rows = db.execute(
        f"""
        select segments.round, slice, count(*)
        from {_segments(files)} as seen join segments on segments.name = seen.filename
        where not json_valid(record) group by all
        """
    ).fetchall()
    return {(number, slice_): f"{count} records hold numbers that no database can" for number, slice_, count in rows}


def _load_tombstones(db: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path]) -> None:
    """`tombstones`: the keys of the table that the API said are not there (404), and when it did so last in
    each round."""
    db.execute(
        f"""
        create or replace temp table tombstones as
        select segments.round, key, max(observed_at) as observed_at
        from {_segments(files)} as seen join segments on segments.name = seen.filename
        where record is null and page <> {ABSENT} and stream = '{table.name}' group by all
        """
    )


def _load_incoming(db: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], span: _Span) -> None:
    """`incoming`: every observation as a typed row; `_extra` is cut down to what has no column."""
    typed = _typed(db, table)
    before = "create or replace temp table incoming as"
    for portion in list(portions(((path, size(path)) for path in files), PORTION_BYTES)) or [[]]:
        _view_records(db, portion, span)
        db.execute(f"{before} {typed}")
        before = "insert into incoming"
    _view_records(db, files, span)
    if table.kept:
        _keep(db, table, table.kept)


def _keep(db: duckdb.DuckDBPyConnection, table: Table, column: str) -> None:
    """Once known, a column keeps its value."""
    key = quoted(table.key)
    same_key = " and ".join(f'incoming."{name}" = known."{name}"' for name in table.key)
    db.execute(
        f"""
        update incoming set "{column}" = known.kept
        from (
            select {key}, arg_min("{column}", seen_at) as kept, min(seen_at) as seen_at
            from (
                select {key}, "{column}", '-infinity'::timestamptz as seen_at from main."{table.name}"
                union all
                select {key}, "{column}", _synced_at from incoming
            )
            where "{column}" is not null
            group by all
        ) as known
        where {same_key} and incoming._synced_at >= known.seen_at
        """
    )


def _typed(db: duckdb.DuckDBPyConnection, table: Table) -> str:
    """A select that gives the view `records` as typed rows."""
    own = columns(db, table)
    checked = [name for name, kind in own.items() if kind not in ("VARCHAR", "JSON")]
    unread = ", ".join(f"""case when "{n}" is null and _extra ->> '{n}' is not null then '{n}' end""" for n in checked)
    return f"""
        with typed as (
            select *, list_filter([{unread}]::varchar[], lambda name: name is not null) as _unread
            from ({table.sql})
            where {" and ".join(f'"{name}" is not null' for name in table.key)}
        ),

        sorted_out as (
            select * exclude (_unread), len(_unread) as _unread,
                list_sort(list_distinct(list_filter( -- sorted: another order of the keys is no change
                    json_keys(_extra),
                    lambda name: name not in ({", ".join(map(literal, own))}) or list_contains(typed._unread, name)
                ))) as _left
            from typed
        )

        select {quoted(list(own))}, _synced_at, _unread,
            case when len(_left) > 0 then cast('{{' || array_to_string(list_transform(
                _left, lambda name: to_json(name) || ':' || json_extract(_extra, json_place(name))
            ), ',') || '}}' as json) end as _extra
        from sorted_out
    """
