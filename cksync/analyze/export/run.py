"""Run an export: parse the target, choose the tables, write to a staging folder, replace the target."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

from cksync.analyze.export import csv, duck, excel, manifest, parquet, postgres, sqlite
from cksync.analyze.export.atomic import replace_target, staging
from cksync.analyze.export.events import Event, Exported, Moving, Stamp, Written
from cksync.analyze.export.hashing import hashed
from cksync.analyze.export.preset import has_preset, preset
from cksync.analyze.export.source import ExportTable, answer, choose, opened, prepare
from cksync.analyze.export.target import Form, Target, parse, protect
from cksync.errors import Failed, Interrupted, Refused, Rejected
from cksync.folder import Folder, is_disk_full
from cksync.version import __version__

Writer = Callable[[duckdb.DuckDBPyConnection, Sequence[ExportTable], Path, Stamp], Iterator[Moving | Written]]

_FOLDERS: dict[Form, Writer] = {"parquet": parquet.write_folder, "csv": csv.write_folder}
_FILES: dict[Form, Writer] = {
    "parquet": parquet.write_file,
    "csv": csv.write_file,
    "excel": excel.write,
    "sqlite": sqlite.write,
    "duckdb": duck.write,
}
_OURS: dict[Form, Callable[[Path], bool]] = {
    "parquet": parquet.is_made_by_cksync,
    "excel": excel.is_made_by_cksync,
    "sqlite": sqlite.is_made_by_cksync,
    "duckdb": duck.is_made_by_cksync,
}


@dataclass(frozen=True, slots=True)
class Order:
    """What to export, and how.

    `names` are tables and models (none: all of `main`, or only the query if there is one), `query` is a select and
    `alias` the table name of its result. `form` None: inferred from the target. The query reads nothing outside the
    mirror, unless `allow_files`.
    """

    target: str
    names: tuple[str, ...] = ()
    query: str | None = None
    alias: str = "query"
    form: Form | None = None
    is_hashed: bool = False
    schema: str = "cksync"
    partition_by: str | None = None
    is_forced: bool = False
    allow_files: bool = False
    is_raw: bool = False


def export(data_dir: Path, order: Order) -> Iterator[Event]:
    """Export, yielding progress; the last event is the result.

    Raises Rejected for invalid arguments, Refused if the target exists and no export made it, Failed on a disk or
    server error, Interrupted after Ctrl-C. The target is then as it was.
    """
    folder = Folder(data_dir)
    target = parse(order.target, order.form)
    if order.partition_by and not (target.form == "parquet" and target.is_folder):
        raise Rejected("--partition-by needs a folder of Parquet as the target")
    protect(target, folder)
    try:
        yield from _to_server(folder, target, order) if target.uri else _to_path(folder, target, order)
    except (duckdb.Error, sqlite3.Error, OSError) as error:
        raise _failure(target, error) from None
    except RuntimeError as error:
        if str(error) != "Query interrupted":  # DuckDB's message for Ctrl-C
            raise
        raise Interrupted(f"interrupted; {target.name} is unchanged") from None


def _to_path(folder: Folder, target: Target, order: Order) -> Iterator[Event]:
    with staging(target.path) as staged:
        new = staged / "new" / target.path.name
        new.parent.mkdir()
        with opened(folder, staged / "spill", within=_reach(order, staged / "new")) as db:
            is_spreadsheet = target.form in ("excel", "csv")
            tables, stamp = _tables(db, order, is_spreadsheet=is_spreadsheet), _stamp(db, order)
            if target.form == "excel":
                excel.check_fits(tables)
            _check(target, tables, is_forced=order.is_forced)
            written: list[Written] = []
            for event in _writer(target, order)(db, tables, new, stamp):
                if isinstance(event, Written):
                    written.append(event)
                yield event
        yield Exported(target.name, target.form, tuple(written), replace_target(new, target.path), stamp)


def _to_server(folder: Folder, target: Target, order: Order) -> Iterator[Event]:
    with (
        tempfile.TemporaryDirectory(prefix="cksync-export-") as spill,
        opened(folder, Path(spill), within=_reach(order, Path(spill))) as db,
    ):
        tables, stamp = _tables(db, order), _stamp(db, order)
        written: list[Written] = []
        for event in postgres.write(db, tables, target.uri, order.schema, stamp, is_forced=order.is_forced):
            if isinstance(event, Written):
                written.append(event)
            yield event
    size = sum(each.bytes or 0 for each in written)
    yield Exported(f"{target.name}, schema {order.schema}", target.form, tuple(written), size, stamp)


def _reach(order: Order, folder: Path) -> Path | None:
    """Return the only folder that an export may reach if its query could name any file."""
    return folder if order.query and not order.allow_files else None


def _writer(target: Target, order: Order) -> Writer:
    if not target.is_folder:
        return _FILES[target.form]
    if target.form == "parquet":
        return partial(parquet.write_folder, partition_by=order.partition_by)
    return _FOLDERS[target.form]


def _tables(db: duckdb.DuckDBPyConnection, order: Order, *, is_spreadsheet: bool = False) -> list[ExportTable]:
    if is_spreadsheet and not (order.names or order.query or order.is_raw) and has_preset(db):
        return [hashed(table) for table in preset(db)] if order.is_hashed else preset(db)
    found = choose(db, order.names) if order.names or not order.query else []
    tables = [prepare(db, each) for each in found]
    if order.query:
        tables.append(answer(db, order.query, order.alias))
    labels = [table.label.casefold() for table in tables]
    for table in tables:
        if labels.count(table.label.casefold()) > 1:
            raise Rejected(f"two exported tables are named {table.label}; choose another name with --as")
    return [hashed(table) for table in tables] if order.is_hashed else tables


def _stamp(db: duckdb.DuckDBPyConnection, order: Order) -> Stamp:
    load_id, loaded_at = None, None
    with contextlib.suppress(duckdb.CatalogException):  # not a mirror made by a pull, but still a database
        query = "select max(load_id), max_by(ended_at, load_id) from mirror._cksync.loads"
        ((load_id, loaded_at),) = db.execute(query).fetchall()
    return Stamp(datetime.now(UTC), __version__, load_id, loaded_at, order.is_hashed)


def _check(target: Target, tables: Sequence[ExportTable], *, is_forced: bool) -> None:
    """Raise Rejected if the target cannot hold the tables, Refused if it exists and no export made it."""
    if not target.is_folder and target.form in ("parquet", "csv") and len(tables) != 1:
        raise Rejected(
            f"{target.name} can hold one table, not {len(tables)}; name one table,"
            " or end the target with / to export to a folder"
        )
    if is_forced or not target.path.exists():
        return
    if target.path.is_dir():
        foreign_file = manifest.foreign_file(target.path)
        if foreign_file:
            raise Refused(
                f"{target.name} exists and contains {foreign_file}, which cksync did not export; choose another"
                " target, or replace the whole folder with --force"
            )
    elif target.is_folder or not _is_made_by_cksync(target, tables):
        raise Refused(
            f"{target.name} exists and cksync did not export it; choose another name, or replace it with --force"
        )


def _is_made_by_cksync(target: Target, tables: Sequence[ExportTable]) -> bool:
    if target.path.stat().st_size == 0:
        return True
    return csv.looks_like(target.path, tables[0]) if target.form == "csv" else _OURS[target.form](target.path)


def _failure(target: Target, error: Exception) -> Failed:
    if is_disk_full(error):
        return Failed(f"the disk is full: {target.name} is unchanged; free some space and export again")
    if isinstance(error, OSError):
        return Failed(f"{error.filename or target.name} cannot be written: {error.strerror}")
    return Failed(f"{target.name} is unchanged: {str(error).splitlines()[0]}")
