"""Reconcile records of the two API versions, and records that say nothing about a column, before rows are compared.

A record is silent about the columns that its version, or its list, does not give (`@partly` in sql/tables): they keep
the value last given. A column that gets its first value because another version gives it is filled in the open version
in place, as no row of the account changed. API v4 gives whole seconds and fewer digits: the finer value stays.

Works on `incoming`, after typed.py and before history.py. The statements are the files of sql/merge/silent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from cksync.domain import CHANGED_ONLY, MEMBERSHIPS, V4, list_sql, version_sql
from cksync.load.evidence import Evidence
from cksync.load.observations import relation
from cksync.load.steps import same_key, step
from cksync.load.tables import Table
from cksync.sqltext import identifier, literal, quoted

# The list of people of API v4.
PEOPLE = f"{V4}subscribers"


@dataclass(frozen=True, slots=True)
class Eras:
    """The versions of the API that have shown a table: `now` the one that this merge reads, `is_mixed` if another one
    showed it, too."""

    now: str
    is_mixed: bool


def has_silent_records(db: duckdb.DuckDBPyConnection) -> bool:
    """Return True if a version of the API other than v3 has shown anything, now or before."""
    return bool(
        db.execute(
            f"""
            select 1 from lists where version <> 'v3' union all
            select 1 from _cksync.slices where {version_sql("slice")} <> 'v3' limit 1
            """
        ).fetchone()
    )


def note_digests(db: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Note the records of the list of people, so that the next pull stores only those that differ."""
    if files:
        people = ", ".join(literal(f"{PEOPLE}{ending}") for ending in ("", CHANGED_ONLY))
        db.execute(step("silent/note_digests", log=relation(files), people=people))
        db.execute(step("silent/drop_digests"))


def note_extra_keys(db: duckdb.DuckDBPyConnection, table: Table, version: str) -> None:
    """Note which version gives which keys without a column."""
    if db.execute("select 1 from incoming where _extra is not null limit 1").fetchone():
        db.execute(step("silent/note_extra_keys", table, version=version))


def reconcile(db: duckdb.DuckDBPyConnection, table: Table, eras: Eras, opened_at: datetime) -> int:
    """Reconcile `incoming` with the rows of the mirror, and fill these in place; return the number of rows filled.

    `opened_at` is when the round began.
    """
    columns = [(row[0], row[1]) for row in db.execute("describe incoming").fetchall()]
    own = [(name, kind) for name, kind in columns if not name.startswith("_")]
    carried = [name for name in table.partly if _is_worth_carrying(db, table, name)]
    finer = [(name, kind) for name, kind in own if kind in _FINER] if eras.is_mixed else []
    if not carried and not finer:
        return 0
    db.execute(step("silent/unfilled", table, **_unfilled(table, eras, opened_at)))
    if carried:
        db.execute(step("silent/carried", table, **_carry(table, carried)))
        sets = ", ".join(f"{identifier(name)} = carried.{identifier(name)}" for name in carried)
        db.execute(step("silent/carry", sets=sets))
    is_same = same_key(table, "incoming", "held")
    if finer:
        sets = ", ".join(
            f"{identifier(n)} = {_FINER[k]}(held.{identifier(n)}, incoming.{identifier(n)})" for n, k in finer
        )
        db.execute(step("silent/keep_finer", table, sets=sets, same_key=is_same))
        db.execute(step("silent/keep_extra", table, same_key=is_same, version=eras.now))
    return _fill(db, table, [name for name, _ in own], carried, dict(finer), is_mixed=eras.is_mixed)


# What compares values of two versions that give a different number of digits.
_FINER = {"TIMESTAMP WITH TIME ZONE": "finer_time", "DOUBLE": "finer_number"}


def eras_of(known: Evidence, table: Table) -> Eras:
    """Return which versions show the table now and have shown it before."""
    now, before = known.versions(table.streams), known.versions(table.streams, before=True)
    return Eras("v4" if "v4" in now else "v3", len(now | before) > 1)


def _is_worth_carrying(db: duckdb.DuckDBPyConnection, table: Table, name: str) -> bool:
    """Return True if records are silent about a column that others, or the mirror, have a value for."""
    silent, told = db.execute(
        f"""
        select count(*) filter (list_contains(_lacks, {literal(name)})), count({identifier(name)}) from incoming
        """
    ).fetchone() or (0, 0)
    if not silent:
        return False
    held = f'select 1 from main."{table.name}" where {identifier(name)} is not null limit 1'
    return bool(told) or db.execute(held).fetchone() is not None


def _unfilled(table: Table, eras: Eras, opened_at: datetime) -> dict[str, str]:
    """Return the placeholders of the step that finds rows which this version has never shown."""
    streams = ", ".join(map(literal, table.streams))
    at = f"{literal(opened_at.isoformat())}::timestamptz"
    is_listed = f"list = {table.slice}" if table.streams[0] == MEMBERSHIPS and table.slice else "true"
    listed = f"""
        exists (
            select 1 from (
                select stream, {list_sql("slice")} as list, {version_sql("slice")} as version, cursor_at
                from _cksync.slices
            )
            where stream in ({streams}) and version = {literal(eras.now)} and cursor_at < {at} and {is_listed}
        )
    """
    last = f"""
        (
            select coalesce(max(ended_at), '-infinity') from _cksync.loads
            where is_finished and version = {literal(eras.now)} and ended_at <= {at}
        )
    """
    other = f"not {listed} or _first_seen_at > {last}" if eras.is_mixed else "false"
    return {"opened_at": at, "other": other}


def _carry(table: Table, names: Sequence[str]) -> dict[str, str]:
    values = ",\n        ".join(
        f"coalesce(last_value(_{name} ignore nulls) over before, first_value(_{name} ignore nulls) over behind).v"
        f" as {identifier(name)}"
        for name in names
    )
    held = ", ".join(
        f"case when unfilled._is_unfilled is null or {identifier(name)} is not null"
        f" then struct_pack(v := {identifier(name)}) end as _{name}"
        for name in names
    )
    given = ", ".join(
        f"case when not list_contains(_lacks, {literal(name)}) or {identifier(name)} is not null"
        f" then struct_pack(v := {identifier(name)}) end"
        for name in names
    )
    return {"values": values, "held": held, "given": given}


def _fill(
    db: duckdb.DuckDBPyConnection,
    table: Table,
    own: Sequence[str],
    carried: Sequence[str],
    finer: Mapping[str, str],
    *,
    is_mixed: bool,
) -> int:
    """Fill rows of the mirror in place where nothing but first and finer values differs."""
    of_fill = {*carried} if not is_mixed else {*table.partly}
    filled = {
        name: f"case when _is_unfilled and held.{identifier(name)} is null then now.{identifier(name)}"
        f" else held.{identifier(name)} end"
        for name in of_fill
    }
    filled |= {
        name: f"case when is_{_FINER[kind]}(held.{identifier(name)}, now.{identifier(name)})"
        f" then now.{identifier(name)} else {filled.get(name, f'held.{identifier(name)}')} end"
        for name, kind in finer.items()
    }
    extra = "case when _is_unfilled then now._extra else held._extra end" if is_mixed else "held._extra"
    values = ", ".join(filled.get(name, f"held.{identifier(name)}") for name in own)
    sets = ", ".join(f"{identifier(name)} = filled.{identifier(name)}" for name in (*filled, "_extra"))
    given = {
        "values": f"{values}, {extra}",
        "held_values": f"{quoted(own, 'held.')}, held._extra",
        "now_values": f"{quoted(own, 'now.')}, now._extra",
        "same_key": same_key(table, "held", "now"),
        "unfilled_key": same_key(table, "held", "unfilled"),
    }
    db.execute(step("silent/filled", table, **given))
    row = db.execute("select count(*) from filled").fetchone()
    if row and row[0]:
        is_same = same_key(table, "old", "filled")
        db.execute(step("silent/fill", relation=f'main."{table.name}"', sets=sets, same_key=is_same, which="true"))
        is_open = "old.valid_to is null and old.change <> 'delete'"
        db.execute(step("silent/fill", relation=f'history."{table.name}"', sets=sets, same_key=is_same, which=is_open))
    return int(row[0]) if row else 0
