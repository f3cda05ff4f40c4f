"""Turn records of the log into typed rows with the selects of sql/tables, and collect what those leave over."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.domain import PARAMETER, list_sql, version_sql
from cksync.load.evidence import Evidence
from cksync.load.log_files import PORTION_BYTES, portions, row_count, size
from cksync.load.observations import TOGETHER_BYTES, each_long, relation
from cksync.load.schema import given_columns
from cksync.load.tables import Table
from cksync.sqltext import literal, quoted

# The most text to convert at once, of longer records and of records that become many rows.
FEW_BYTES = 1_000_000
USUAL_RECORD_BYTES = 2_000
# The same for people of API v4, who fill twice as many columns, and lists of what they lack.
WIDE_BYTES, WIDE_COLUMNS = 2_000_000, 10


def load_incoming(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    files: Sequence[Path],
    during: str,
    known: Evidence,
    *,
    with_silence: bool,
) -> None:
    """Create `incoming`: every observation of some segments `during` a time (in SQL) as a typed row; `with_silence`
    tells which columns its record is silent about (`_lacks`).

    Works in portions of text, because DuckDB holds several copies of what it converts together.
    """
    rows = _typed(db, table, with_silence=with_silence)
    before = "create or replace temp table incoming as"
    is_wide = with_silence and len(table.partly) > WIDE_COLUMNS
    most = FEW_BYTES if table.part_of else WIDE_BYTES if is_wide else PORTION_BYTES
    for source in _sources(db, files, most, has_long=known.has_long):
        _view_records(db, source, during, is_corrected=known.is_corrected)
        db.execute(f"{before} {rows}")
        before = "insert into incoming"


def _sources(db: duckdb.DuckDBPyConnection, files: Sequence[Path], most: int, *, has_long: bool) -> Iterator[str]:
    """Yield SQL for the records of the segments that a table can hold: short ones together, at most this many bytes of
    them, long ones one by one."""
    short = f"case when strlen(record) <= {TOGETHER_BYTES} then record end"  # not a filter: DuckDB may reorder those
    for portion in list(portions(((path, _weight(path)) for path in files), most)) or [[]]:
        yield f"(select * replace ({short} as record) from {relation(portion)})"
    for _ in each_long(db, frozenset(files)) if has_long else ():
        yield "alone"


def _weight(path: Path) -> int:
    """Return the weight of a file for a portion: DuckDB parses up to 2,048 records together, so records of many bytes
    weigh more."""
    bytes_, rows = size(path), row_count(path)
    return bytes_ * (1 if bytes_ <= rows * USUAL_RECORD_BYTES else PORTION_BYTES // FEW_BYTES)


def _view_records(db: duckdb.DuckDBPyConnection, source: str, during: str, *, is_corrected: bool) -> None:
    """Create the view `records`, which the selects of sql/tables read."""
    record, join = "record", ""
    if is_corrected:
        record, join = "coalesce(fixed, record) as record", "left join corrected using (record)"
    db.execute(
        f"""
        create or replace temp view records as
        select stream, {list_sql("slice")} as slice, {version_sql("slice")} as version,
            split_part(slice, '{PARAMETER}', 2) as parameter, key, observed_at, {record}
        from {source} {join} where json_valid(record) and {during}
        """
    )


def _typed(db: duckdb.DuckDBPyConnection, table: Table, *, with_silence: bool) -> str:
    """Return a select that turns the view `records` into typed rows; `_extra` holds what fits no column: unknown keys,
    and those (`_unread`) whose value fits no column."""
    every = given_columns(db, table)
    own = [name for name in every if not name.startswith("_")]
    defaults = (("_at", "''"), ("_read", "null"), ("_lacks", "[]"))
    at, read, lacks = (name if name in every else other for name, other in defaults)
    checked = [name for name in own if every[name] not in ("VARCHAR", "JSON")]
    given = {name: f"json_extract_string(_record, _at || {literal(f'/{name}')})" for name in checked}
    # `case`, not `and`: a record whose columns are all filled is not parsed again
    is_unread = {name: f'case when "{name}" is null then {given[name]} is not null end' for name in checked}
    any_unread = " or ".join(f"({test})" for test in is_unread.values()) or "false"
    unread = ", ".join(f"case when {test} then '{name}' end" for name, test in is_unread.items())
    return f"""
        with typed as (
            select {quoted(own)}, _record, {at} as _at, {read}::varchar[] as _read,
                {lacks if with_silence else "[]"}::varchar[] as _lacks, _synced_at
            from ({table.sql})
            where {" and ".join(f'"{name}" is not null' for name in table.key)}
        ),

        sorted_out as (
            select *, list_filter(
                    json_keys(_record, _at),
                    lambda name: name not in ({", ".join(map(literal, own))})
                        and not list_contains(coalesce(_read, []), name)
                ) as _unknown,
                case when {any_unread} then list_filter([{unread}]::varchar[], lambda name: name is not null)
                    else [] end as _unread
            from typed
        ),

        left_over as (
            select *, case when len(_unknown) + len(_unread) > 0 -- sorted: another order of the keys is no change
                then list_sort(list_distinct(list_concat(_unknown, _unread))) end as _left
            from sorted_out
        )

        select {quoted(own)}, _synced_at, _lacks, len(_unread) as _unread,
            case when _left is not null then cast('{{' || array_to_string(list_transform(
                _left, lambda name: to_json(name) || ':' || json_extract(_record, _at || json_place(name))
            ), ',') || '}}' as json) end as _extra
        from left_over
    """
