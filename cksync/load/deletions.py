"""Detect deletions, from complete scans, spot checks and 404s. A row missing from a partial scan proves nothing.

The statements are the files of sql/merge/ends.
"""

from collections.abc import Callable

import duckdb

from cksync.domain import MEMBERSHIPS
from cksync.load.evidence import Evidence
from cksync.load.list_order import LISTED
from cksync.load.steps import same_key, step
from cksync.load.tables import Owner, Table
from cksync.sqltext import quoted


def begin_gone(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create `gone_<table>`, still empty: the keys of rows that a merge removes. Dependent tables read it."""
    db.execute(step("ends/gone", table))


def forget_deletions(db: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create `ends`, empty: more observations of these rounds follow. A 404 is void if one of them shows the row
    later."""
    db.execute(step("ends/none", table))
    db.execute(step("ends/void_tombstones", table))


def load_deletions(db: duckdb.DuckDBPyConnection, table: Table, known: Evidence, times: Callable[[str], str]) -> None:
    """Create `ends`: keys of the table, and when (of `times`) and in which round the row was found absent; `slice`
    names the list if a complete scan found it.

    The row need not have existed then. A row seen again in the same round is not deleted.
    """
    finds = _finds(db, table, known, times)
    if not finds:
        db.execute(step("ends/none", table))
        return
    db.execute(step("ends/ends", table, finds=" union all ".join(finds), during=times("found_at")))
    if not _any(db, "ends"):
        return
    db.execute(step("ends/seen_again", same_key=same_key(table, "ends", "incoming")))
    if table.listed_by != table.key[-1]:
        is_same = same_key(table, "ends", "incoming")
        db.execute(step("ends/listed_otherwise", same_key=is_same, listed_key=table.listed_by))


def _finds(db: duckdb.DuckDBPyConnection, table: Table, known: Evidence, times: Callable[[str], str]) -> list[str]:
    """Return the selects of ends/ that may find a row of a table absent, given what the merge knows."""
    finds = [step("ends/by_tombstone", table)] if table.name in known.missing else []
    if table.slice:
        for listed_key, version in ((table.listed_by, "v3"), (table.key[-1], "v4")):
            listed = {"listed_key": listed_key, "version": version}
            if version in known.complete:
                where = {"in_complete_lists": _in_complete_lists(table), "is_shown": _is_shown(table, version)}
                finds.append(step("ends/by_reading", table, **where, **listed))
            is_listed = table.streams[0] in LISTED or (version != "v3" and table.streams[0] != "account")
            if version in known.absent and is_listed:
                finds.append(step("ends/by_look", table, **listed))
    for owner in (table.child_of, table.part_of):
        if owner and (owner.table in known.missing or _any(db, f"gone_{owner.table}")):
            finds.append(step("ends/with_owner", table, **_of_owner(table, owner)))
    if table.part_of:
        is_held, during = same_key(table, "incoming", "held"), times("observed_at")
        part = _of_owner(table, table.part_of)
        finds.append(step("ends/by_missing_part", table, **part, same_key=is_held, during=during))
    return finds


def _any(db: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return db.execute(f"select 1 from {relation} limit 1").fetchone() is not None


def _of_owner(table: Table, owner: Owner) -> dict[str, str]:
    columns = quoted(tuple(dict.fromkeys((*table.key, owner.column))))
    return {"owner": owner.table, "owner_id": owner.column, "columns": columns}


def _is_shown(table: Table, version: str) -> str:
    """Return the SQL of whether a version would list a row of `held`. API v3 may list active members only, so what it
    never gave an id is gone only if the person was active then."""
    if table.streams[0] != MEMBERSHIPS or version != "v3":
        return "true"
    passive = """
        select 1 from history.subscribers as person
        where person.id = held.subscriber_id and person.state <> 'active' and person.valid_from <= found.found_at
            and (person.valid_to is null or person.valid_to > found.found_at)
    """
    return f"held._listed_key is not null or not exists ({passive})"


def _in_complete_lists(table: Table) -> str:
    """Select the rows of main in slices that were read completely, list by list where the key begins with the list."""
    of_slice = f"where {table.slice} in (select list from found)"
    if not (lists := quoted(table.key[:-1])):
        return of_slice
    return (
        f'semi join (select {lists} from (select distinct {lists} from main."{table.name}") {of_slice}) as lists'
        f" using ({lists})"
    )
