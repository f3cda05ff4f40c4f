"""Merge: new segments -> typed rows -> what changed -> `main` and `history`.

Every observation counts, in the order of requests, and so does every proof that a row is gone. The result therefore
does not depend on how segments are grouped into merges, nor on how many rounds one merge covers. An unchanged row is
not written; a changed one costs one row.

The steps pass temporary tables: those of observations.py (what was observed, without the records), then for each table
`tombstones` (404s), `incoming` (typed observations), `ends` (when rows were found to be gone), `changed` (versions to
write), `rekeyed` (rows whose JSON has other keys now) and `gone_<table>` (removed rows).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import duckdb

from cksync.domain import V4
from cksync.load.deletions import begin_gone, forget_deletions, load_deletions
from cksync.load.evidence import Evidence, evidence
from cksync.load.history import Change, is_changed, load_changed, write_changed
from cksync.load.list_order import note_list_order
from cksync.load.log_files import portions, size
from cksync.load.observations import Round, forget_seen, load_seen, new_files, relation
from cksync.load.reconcile import eras_of, has_silent_records, note_digests, note_extra_keys, reconcile
from cksync.load.renamed_fields import Rekeying, key_versions, rekey, rekeyings
from cksync.load.repeated_keys import load_corrected
from cksync.load.set_aside import note_set_aside
from cksync.load.steps import same_key, step
from cksync.load.tables import Table
from cksync.load.typed import load_incoming
from cksync.sqltext import literal

# The most of the log, in bytes, to compare with the mirror at once.
PART_BYTES = 16_000_000


@dataclass(frozen=True)
class Merged:
    """What a merge did with one round. `doubts`: slices that it could not trust, with the reason; `repeated`: records
    with a duplicate key."""

    changes: tuple[Change, ...]
    doubts: Mapping[str, str]
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class _Span:
    """Segments, limited to the time from one change of keys to the next."""

    files: Sequence[Path] = ()
    begin: Rekeying | None = None
    end: Rekeying | None = None

    def times(self, name: str) -> str:
        """Return the SQL condition that a time column lies in the span."""
        begin = [f"{name} >= '{self.begin.at.isoformat()}'::timestamptz"] if self.begin else []
        end = [f"{name} < '{self.end.at.isoformat()}'::timestamptz"] if self.end else []
        return " and ".join(begin + end) or "true"


def merge(db: duckdb.DuckDBPyConnection, tables: Sequence[Table], rounds: Sequence[Round]) -> list[Merged]:
    """Merge rounds, in order, into the mirror, the current database of `db`; return what each did.

    The result equals that of merging the rounds one by one. Together they should have no more than PART_BYTES; a single
    round may have any size.
    """
    load_seen(db, rounds)
    repeated = load_corrected(db)
    set_aside = note_set_aside(db)
    forget_seen(db, [table.part_of.table for table in tables if table.part_of])
    known = evidence(db)
    doubts: dict[tuple[int, str], str] = {}
    changes: dict[tuple[int, str], Change] = {}
    keys = key_versions(db, tables)
    opened_at = (rounds[0].opened_at or rounds[0].began_at) if has_silent_records(db) else None
    for table in tables:
        renames = rekeyings(db, table, keys)
        files = new_files(rounds, table.streams)
        begin_gone(db, table)
        if not (files or renames) and _is_untouched(db, table, rounds):
            continue
        for number, change in _merge_table(db, table, files, renames, known, doubts, opened_at):
            changes[number, table.name] = changes.get((number, table.name), Change(table.name)) + change
    note_list_order(db, tables, doubts)
    if opened_at is not None:
        note_digests(db, new_files(rounds, ["subscribers"]))
    doubts = set_aside | doubts
    return [
        Merged(
            tuple(changes.get((number, table.name), Change(table.name)) for table in tables),
            {slice_: doubt for (of, slice_), doubt in doubts.items() if of == number},
            repeated.get(number, 0),
        )
        for number in range(len(rounds))
    ]


def _merge_table(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    files: Sequence[Path],
    renames: Sequence[Rekeying],
    known: Evidence,
    doubts: dict[tuple[int, str], str],
    opened_at: datetime | None,
) -> Iterator[tuple[int, Change]]:
    """Merge segments into one table; yield what that did in each round. Adds to the `doubts`. `opened_at` is when the
    round began, if its records are to be reconciled with those of others."""
    db.execute(step("tombstones", table))
    for span in _spans(db, files, renames):
        parts = _parts(table, span.files)
        for part in parts:
            load_incoming(db, table, part, span.times("observed_at"), known, with_silence=opened_at is not None)
            if table.listed_by != table.key[-1]:
                db.execute(
                    step("keep_best", table, listed_key=table.listed_by, same_key=same_key(table, "incoming", "best"))
                )
            if table.kept:
                is_silent = (
                    f"list_contains(incoming._lacks, {literal(table.kept)})" if opened_at is not None else "true"
                )
                is_same = same_key(table, "incoming", "known")
                db.execute(step("keep_known_value", table, column=table.kept, same_key=is_same, is_silent=is_silent))
            note_extra_keys(db, table, eras_of(known, table).now)
            if opened_at is not None and (filled := reconcile(db, table, eras_of(known, table), opened_at)):
                yield 0, Change(table.name, filled=filled)
            if part is parts[-1]:
                load_deletions(db, table, known, span.times)
            else:
                forget_deletions(db, table)
            if is_changed(db, table):
                doubts |= load_changed(db, table)
                yield from write_changed(db, table)
        if span.end:
            yield _round_at(db, span.end.at), Change(table.name, updated=rekey(db, table, span.end))


def _is_untouched(db: duckdb.DuckDBPyConnection, table: Table, rounds: Sequence[Round]) -> bool:
    """Return True if nothing is deleted from a table without observations: none of its lists is complete, and no row it
    depends on is gone."""
    complete = {reading.slice.removeprefix(V4).split("/")[0] for found in rounds for reading in found.complete}
    owners = [owner.table for owner in (table.child_of, table.part_of) if owner]
    gone = [db.execute(step("owner_is_gone", table=owner)).fetchone() for owner in owners]
    return complete.isdisjoint(table.streams) and not any(gone)


def _parts(table: Table, files: Sequence[Path]) -> Sequence[Sequence[Path]]:
    """Split segments in order, few enough rows at a time to bound memory whatever the size of a pull."""
    if table.part_of or not files:
        return [files]
    return list(portions(((path, size(path)) for path in files), PART_BYTES))


def _spans(db: duckdb.DuckDBPyConnection, files: Sequence[Path], ends: Sequence[Rekeying]) -> list[_Span]:
    """Split observations at each change of keys, so that they meet the keys of their time."""
    if not ends:
        return [_Span(files)]
    seen = _times(db, files)
    edges = [(None, ends[0]), *pairwise(ends), (ends[-1], None)]
    return [_Span([file for file in seen if _overlap(seen[file], begin, end)], begin, end) for begin, end in edges]


def _times(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> dict[Path, tuple[datetime, datetime]]:
    """Return the times of the oldest and the newest observation of each segment."""
    if not files:
        return {}
    query = f"select filename, min(observed_at), max(observed_at) from {relation(files)} group by all order by all"
    return {Path(name): (oldest, newest) for name, oldest, newest in db.execute(query).fetchall()}


def _overlap(seen: tuple[datetime, datetime], begin: Rekeying | None, end: Rekeying | None) -> bool:
    return (begin is None or seen[1] >= begin.at) and (end is None or seen[0] < end.at)


def _round_at(db: duckdb.DuckDBPyConnection, at: datetime) -> int:
    row = db.execute("select round from rounds where begins_at <= ? and ends_at > ?", [at, at]).fetchone()
    assert row is not None
    return int(row[0])
