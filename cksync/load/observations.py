"""Load what the segments of a merge observed, without the records themselves: one pass over the files.

Creates temporary tables: `rounds` (when each began and ended), `seen` (every observation, by file), `arrivals` (the
round of each new file), `complete` (slices read to the end in a round), `lists` and `shown` (what slices name),
`present` and `found` (what was seen in them, and when that was known), `stood` (which row was seen in which list),
`missing` (404s).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from cksync.domain import CHANGED_ONLY, MEMBERSHIPS, SINGLE, list_sql, version_sql
from cksync.load.list_order import LISTED, PLACE
from cksync.load.log import ABSENT, PUSHES, REQUESTS
from cksync.load.log_files import PORTION_BYTES, portions, row_of, size
from cksync.load.repeated_keys import OBJECTS, PAIRS
from cksync.load.schema import NO_RECORDS
from cksync.paths import pattern
from cksync.sqltext import literal

# A longer record is set aside: parsing it takes DuckDB many times its length in memory.
RECORD_BYTES = 16_000_000
# DuckDB parses up to 2,048 records together and holds all of them, so longer ones are parsed one by one.
TOGETHER_BYTES = 100_000
# Whether a record is a membership without a person, who is part of its key; API v4 lists people.
_IS_UNOWNED = f"""stream = '{MEMBERSHIPS}' and {version_sql("slice::varchar")} = 'v3'
    and try_cast(json_extract_string(record, '$.subscriber.id') as bigint) is null"""


@dataclass(frozen=True, slots=True)
class Reading:
    """A slice that was read completely: whatever was not observed in it since `read_from` is gone.

    `is_exempt`: it may lose any number of rows (people finish sequences; the parent is gone).
    """

    slice: str
    read_from: datetime
    is_exempt: bool = False


@dataclass(frozen=True)
class Round:
    """What a merge takes from one round, which began at `began_at`. `new` are unmerged segments, by stream; `read` are
    all segments in which the complete slices were read (a round may have begun in an earlier merge, at `opened_at`)."""

    began_at: datetime
    new: Mapping[str, Collection[Path]]
    read: Sequence[Path] = ()
    complete: tuple[Reading, ...] = ()
    opened_at: datetime | None = None


def new_files(rounds: Sequence[Round], streams: Collection[str] | None = None) -> list[Path]:
    """Return the new segments of some rounds, of all streams or of some, in order."""
    return sorted(
        {
            path
            for found in rounds
            for stream, paths in found.new.items()
            if streams is None or stream in streams
            for path in paths
        }
    )


def relation(files: Sequence[Path], more: str = "") -> str:
    """Return SQL for the rows of some segments, wherever they are: a folder `stream=x` is not a column."""
    if not files:
        return f"(select *, '' as filename, 0 as file_row_number from ({NO_RECORDS}))"
    return f"read_parquet([{', '.join(literal(pattern(file)) for file in files)}], hive_partitioning = false{more})"


def load_seen(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round]) -> None:
    """Create the tables above."""
    _load_rounds(db, rounds)
    _load_files(db, rounds)
    files = sorted({*new_files(rounds), *(path for found in rounds for path in found.read)})
    name = _type_of_names(db, files, rounds)
    _load_observations(db, files, name)
    _check_long(db, files)
    _load_complete(db, rounds, name)
    _load_lists(db)
    _load_present(db)
    _load_stood(db, name)
    db.execute(
        f"""
        create or replace temp table missing as
        select round, stream, key, max(observed_at) as observed_at
        from seen join arrivals using (file)
        where state = 'missing' and page <> {ABSENT} group by all
        """
    )


def forget_seen(db: duckdb.DuckDBPyConnection, streams: Collection[str]) -> None:
    """Free memory: from here on, `seen` is needed only for long records and for those of a few streams."""
    kept = f"is_alone or stream in ({', '.join(map(literal, streams)) or 'null'})"
    db.execute(
        f"create or replace temp table kept as select * exclude (place, shape, keys, colons) from seen where {kept}"
    )
    db.execute("drop table seen")
    db.execute("alter table kept rename to seen")


def _load_rounds(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round]) -> None:
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


def _load_files(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round]) -> None:
    """Create `arrivals`, the round of each new file, and `readings`, the files in which each round's complete slices
    were read."""
    new = [(str(path), number) for number, found in enumerate(rounds) for path in new_files([found])]
    read = [(str(path), number) for number, found in enumerate(rounds) for path in found.read]
    numbers = {name: number for number, name in enumerate(sorted({name for name, _ in (*new, *read)}))}
    db.execute("create or replace temp table files (file integer, filename varchar)")
    _insert(db, "files", "integer, varchar", [(number, name) for name, number in numbers.items()])
    for table, pairs in (("arrivals", new), ("readings", read)):
        db.execute(f"create or replace temp table {table} (file integer, round integer)")
        _insert(db, table, "integer, integer", [(numbers[name], number) for name, number in pairs])


def _insert(db: duckdb.DuckDBPyConnection, table: str, types: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        lists = ", ".join(f"unnest(?::{kind}[])" for kind in types.split(", "))
        db.execute(f"insert into {table} select {lists}", [list(column) for column in zip(*rows, strict=True)])


def _type_of_names(db: duckdb.DuckDBPyConnection, files: Sequence[Path], rounds: Sequence[Round]) -> str:
    """Return an SQL type for the names of streams and slices: a number per row, where text would fill the memory."""
    found = db.execute(f"select distinct stream, slice from {relation(files)}").fetchall()
    names = {name for row in found for name in row} | {reading.slice for one in rounds for reading in one.complete}
    names |= {name.replace(CHANGED_ONLY, "") for name in names}
    return f"enum({', '.join(map(literal, sorted(names)))})" if names else "varchar"


def _load_observations(db: duckdb.DuckDBPyConnection, files: Sequence[Path], name: str) -> None:
    """Create `seen`: every observation, with its position in the log (`file`, `row`) and in its list.

    `state` is `missing` (there is no record), `usable`, or why the record is not usable; `is_alone`: to be parsed by
    itself; `shape`, `keys` and `colons` are for repeated_keys.py.
    """
    before = "create or replace temp table seen as"
    objects = ", ".join(map(literal, OBJECTS))
    for group in list(portions(((path, size(path)) for path in files), PORTION_BYTES)) or [[]]:
        db.execute(
            f"""
            {before}
            with judged as (
                select files.file, file_row_number::integer as row, stream::{name} as stream, slice::{name} as slice,
                    page, {PLACE} as place, key, observed_at, record,
                    coalesce(strlen(record) between {TOGETHER_BYTES + 1} and {RECORD_BYTES}, false) as is_alone,
                    case
                        when record is null then 'missing'
                        when strlen(record) > {RECORD_BYTES} then 'long'
                        when is_alone then 'unchecked'
                        when not json_valid(record) then 'invalid'
                        when {_IS_UNOWNED} then 'unowned'
                        else 'usable'
                    end::enum('missing', 'long', 'unchecked', 'usable', 'invalid', 'unowned') as state
                from {relation(group, ", file_row_number = true")} as log join files using (filename)
                where stream not in ({literal(REQUESTS)}, {literal(PUSHES)})
            ),

            read as (
                select *, case when state = 'usable' then json_keys(record, [{objects}]) end as names,
                    case when state = 'usable' then 2 * json_array_length(record, '{PAIRS}') end as in_pairs
                from judged
            )

            select * exclude (record, names, in_pairs), case when names is not null then hash(names) end as shape,
                (list_sum(list_transform(names, lambda each: len(each))) + coalesce(in_pairs, 0))::integer as keys,
                case when names is not null then strlen(record) - strlen(replace(record, '":', ':')) end as colons
            from read
            """
        )
        before = "insert into seen"


def each_long(db: duckdb.DuckDBPyConnection, files: Collection[Path]) -> Iterator[tuple[Path, int]]:
    """Register each record that must be parsed by itself as the relation `alone`, a row of the log; yield its file and
    row."""
    rows = db.execute(
        "select filename, row from seen join files using (file) where is_alone order by filename, row"
    ).fetchall()
    for name, row in rows:
        if Path(name) in files:
            db.register("alone", row_of(Path(name), row))
            yield Path(name), row


def _check_long(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Check whether long records are `usable`."""
    for path, row in each_long(db, frozenset(files)):
        db.execute(
            f"""
            update seen set state = (
                select case
                    when not json_valid(record) then 'invalid' when {_IS_UNOWNED} then 'unowned' else 'usable'
                end
                from alone
            )
            where row = ? and file = (select file from files where filename = ?)
            """,
            [row, str(path)],
        )


def _load_complete(db: duckdb.DuckDBPyConnection, rounds: Sequence[Round], name: str) -> None:
    db.execute(
        f"create or replace temp table complete (round integer, slice {name}, read_from timestamptz, is_exempt boolean)"
    )
    rows = [(n, r.slice, r.read_from, r.is_exempt) for n, found in enumerate(rounds) for r in found.complete]
    _insert(db, "complete", "integer, varchar, timestamptz, boolean", rows)


def _load_lists(db: duckdb.DuckDBPyConnection) -> None:
    """Create `lists`: of each slice the list without version and parameter, the version, and if its records are
    requested one by one (`is_single`); and `shown`: the streams of this merge, and the versions that show them."""
    db.execute(
        f"""
        create or replace temp table lists as
        select slice, replace({list_sql("slice::varchar")}, '{CHANGED_ONLY}', '') as list,
            {version_sql("slice::varchar")} as version,
            slice::varchar in ({", ".join(literal(each.name) for each in SINGLE)}) as is_single
        from (select slice from seen union select slice from complete)
        """
    )
    db.execute(
        """
        create or replace temp table shown as
        select distinct stream::varchar as stream, version
        from seen join lists using (slice) semi join arrivals using (file)
        """
    )


def _load_present(db: duckdb.DuckDBPyConnection) -> None:
    """Create `present`, the keys seen in complete slices, and `found`, when all of one was known."""
    db.execute(
        f"""
        create or replace temp table present as
        select complete.round, seen.slice, key, max(observed_at) as observed_at, arg_max(place, observed_at) as place
        from seen
        join readings using (file)
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
        select round, slice, any_value(list) as list, any_value(version) as version,
            coalesce(max(present.observed_at), any_value(complete.read_from)) as found_at
        from complete join lists using (slice) left join present using (round, slice)
        group by round, slice
        """
    )


def _load_stood(db: duckdb.DuckDBPyConnection, name: str) -> None:
    """Create `stood`: the list in which each row was last seen in each round, or found absent (`is_absent`). API v4
    lists are stored in no order, so of their rows only those ever absent count."""
    db.execute(
        f"""
        create or replace temp table stood as
        select round, replace(slice::varchar, '{CHANGED_ONLY}', '')::{name} as slice, any_value(list) as list,
            any_value(version) as version, try_cast(key as bigint) as key, max(observed_at) as observed_at,
            arg_max(page = {ABSENT}, observed_at) as is_absent, arg_max(place, observed_at) as place
        from seen join arrivals using (file) join lists using (slice)
        where (stream in ({", ".join(map(literal, LISTED))}) or version <> 'v3') and try_cast(key as bigint) is not null
        group by round, replace(slice::varchar, '{CHANGED_ONLY}', '')::{name}, key
        having any_value(version) = 'v3' or any_value(is_single) or bool_or(page = {ABSENT})
        """
    )
