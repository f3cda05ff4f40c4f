"""Parquet: one folder per table, large ones by year, files of bounded size; or one file.

Tables that grow with the list are partitioned by the year of creation (`created_at_year=2026/`), whatever their size,
so that the layout is the same every night. Files hold all columns of a table except the partition's.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from cksync.analyze.export import manifest
from cksync.analyze.export.events import Moving, Stamp, Written
from cksync.analyze.export.source import ExportColumn, ExportTable, count
from cksync.analyze.export.types import kind_of
from cksync.errors import Rejected
from cksync.paths import pattern
from cksync.sqltext import identifier, literal

# Rows of a file, and of all partitions, in memory together while they are written: people with a hundred fields are
# wide, and what does not fit is written to disk twice.
ROW_GROUP = 20_480
FILE_BYTES = "128MB"
MOST_PARTITIONS = 1_000
YEARLY = {
    "subscribers": "created_at",
    "subscriptions": "created_at",
    "purchases": "transaction_time",
    "dim_subscriber": "created_at",
    "bridge_membership": "joined_at",
    "fct_purchase": "transaction_time",
    "fct_purchase_item": "transaction_time",
}
_MARK = "made by"


def write_folder(
    db: duckdb.DuckDBPyConnection,
    tables: Sequence[ExportTable],
    folder: Path,
    stamp: Stamp,
    *,
    partition_by: str | None = None,
) -> Iterator[Moving | Written]:
    """Write every table into a folder of its own, and the manifest.

    `partition_by` is a column that partitions every table that has it, by year if it is a time; `none` partitions
    nothing. Raises Rejected if no table has it, or it has too many values.
    """
    columns = {table.label: _partition(table, partition_by) for table in tables}
    if partition_by not in (None, "none") and not any(columns.values()):
        raise Rejected(f"--partition-by {partition_by}: no exported table has this column")
    folder.mkdir()
    db.execute(f"set partitioned_write_flush_threshold = {ROW_GROUP}")
    entries = []
    for table in tables:
        yield Moving(table.label, 0, table.rows)
        entry = manifest.TableFiles(table, tuple(_write_table(db, table, folder, columns[table.label])))
        entries.append(entry)
        yield Written(table.label, table.rows, sum((folder / file.path).stat().st_size for file in entry.files))
    manifest.write(folder, "parquet", stamp, entries)


def write_file(
    db: duckdb.DuckDBPyConnection, tables: Sequence[ExportTable], path: Path, stamp: Stamp
) -> Iterator[Moving | Written]:
    """Write one table into one file."""
    (table,) = tables
    yield Moving(table.label, 0, table.rows)
    marked = f"kv_metadata {{{literal(_MARK)}: {literal(manifest.MAKER)}}}"
    db.execute(f"copy (from {table.relation}) to {literal(path)} ({_options()}, {marked})")
    yield Written(table.label, table.rows, path.stat().st_size)


def is_made_by_cksync(path: Path) -> bool:
    """Return True if `write_file` made this file."""
    query = "select decode(value) from parquet_kv_metadata(?) where decode(key) = ?"
    try:
        with duckdb.connect(":memory:") as db:
            return db.execute(query, [pattern(path), _MARK]).fetchone() == (manifest.MAKER,)
    except duckdb.Error:
        return False


def _options() -> str:
    return f"format parquet, compression zstd, row_group_size {ROW_GROUP}"


def _partition(table: ExportTable, asked: str | None) -> ExportColumn | None:
    name = YEARLY.get(table.name) if asked is None else asked
    return next((column for column in table.columns if column.name == name), None)


def _write_table(
    db: duckdb.DuckDBPyConnection, table: ExportTable, folder: Path, by: ExportColumn | None
) -> Iterator[manifest.File]:
    target = folder / table.label
    into = (
        f"{literal(target)} ({_options()}, file_size_bytes '{FILE_BYTES}', filename_pattern 'part-{{i}}', return_stats"
    )
    if by is None or not table.rows:  # without rows there is no partition, but an empty table needs a file, too
        done = db.execute(f"copy (from {table.relation}) to {into})").fetchall()
    else:
        name, value = _value(by)
        _refuse_many(db, table, value, by)
        select = f"select *, {value} as {identifier(name)} from {table.relation}"
        done = db.execute(f"copy ({select}) to {into}, partition_by ({identifier(name)}))").fetchall()
    for path, rows, _, _, _, keys, *_ in sorted(done, key=lambda row: str(row[0])):
        yield manifest.File(Path(path).relative_to(folder), rows, _keys(keys))


def _value(by: ExportColumn) -> tuple[str, str]:
    """Return the name of the partition's column, and its value in SQL."""
    is_time = kind_of(by) in ("instant", "moment", "date")
    return f"{by.name}_{'year' if is_time else 'is'}", f"{'year' if is_time else ''}({identifier(by.name)})"


def _refuse_many(db: duckdb.DuckDBPyConnection, table: ExportTable, value: str, by: ExportColumn) -> None:
    values = count(db, f"select distinct {value} from {table.relation}")
    if values > MOST_PARTITIONS:
        raise Rejected(
            f"--partition-by {by.name}: {table.label} has {values:,} different values, but at most"
            f" {MOST_PARTITIONS:,} folders are allowed; choose a column with fewer values"
        )


def _keys(keys: Mapping[str, str | None] | None) -> dict[str, str | None] | None:
    return dict(keys) if keys else None
