"""Rebuild a workspace from the current mirror, keeping edits that are not pushed yet."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from cksync.custom_fields import PERSON, free_column
from cksync.domain import OnStep, unseen
from cksync.errors import Failed
from cksync.folder import Folder
from cksync.load.publish import STORAGE_VERSION
from cksync.sqltext import identifier, literal, quoted
from cksync.write.edits import Key, differs, schema_errors, schemas_of, shown_key
from cksync.write.repeated import repeated_memberships
from cksync.write.workspace import TABLES, column_names, fill, key_of, opened, rows_of, written

# Holds the keys of rows that are edited but gone from the account.
KEPT = "_cksync_kept"


def refresh(folder: Folder, path: Path, on_step: OnStep = unseen) -> dict[str, int]:
    """Refresh a workspace from the current mirror; return the number of rows of each table.

    Unpushed edits stay; everything else, including the base, is as in the mirror. Raises Failed when the tables of the
    workspace cannot be compared.
    """
    with written(path) as temporary, opened(path, folder) as db:
        schemas = schemas_of(db)
        if problems := [each for table in ("subscribers", *TABLES) for each in schema_errors(db, schemas, table)]:
            raise Failed(f"{path} cannot be refreshed: {problems[0].table}: {problems[0].reason}")
        repeated = repeated_memberships(db)
        if doubled := next((each for each in repeated if each.mine > max(each.base, 1)), None):
            raise Failed(f"{path} cannot be refreshed: subscriptions {shown_key(doubled.key)}: {doubled.reason}")
        db.execute(f"attach {literal(temporary.absolute())} as fresh (storage_version '{STORAGE_VERSION}')")
        names = column_names(db)
        db.execute("use fresh")
        rows = fill(db, _next_id(db), on_step)
        now = column_names(db)
        taken = {*PERSON, *(name.lower() for name in now.values())}
        renamed = {name: now[id_] if id_ in now else free_column(name, taken) for id_, name in names.items()}
        for table in ("subscribers", *TABLES):
            _replay_edits(db, table, renamed if table == "subscribers" else {})
        for each in repeated:
            _take_from_mirror(db, each.key)
        for name in ("actions", "ids"):
            db.execute(f"insert into _cksync.{name} by name from work._cksync.{name}")
        db.execute("use work")
        db.execute("detach fresh")
        return rows


def _next_id(db: duckdb.DuckDBPyConnection) -> int:
    """Return the id that the next new row would get, without consuming it, because a failed refresh must change
    nothing."""
    found = db.execute(
        "select coalesce(last_value - 1, start_value) from duckdb_sequences()"
        " where database_name = 'work' and schema_name = 'main' and sequence_name = 'ids'"
    ).fetchone()
    return int(found[0]) if found else -1


def _columns(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [name for name, *_ in db.execute(f"describe {table}").fetchall()]


def _replay_edits(db: duckdb.DuckDBPyConnection, table: str, names: Mapping[str, str]) -> None:
    """Replay the edits onto the fresh table. `names` maps old column names to fresh ones."""
    key = quoted(key_of(table))
    same = " and ".join(f'new."{name}" = mine."{name}"' for name in key_of(table))
    old, mine, there = (_columns(db, f"{place}.{table}") for place in ("work.base", "work.main", "fresh.main"))
    for name in mine:
        column = names.get(name, name)
        if column not in there and _ensure_column(db, table, name, column, is_old=name in old):
            there.append(column)
    kept = [name for name in mine if names.get(name, name) in there]
    _keep_gone(db, table, [name for name in kept if name in old], names)
    for name in kept:
        column = identifier(names.get(name, name))
        if name not in key_of(table):
            # The base of edited values stays, too: what changed in the account meanwhile is still a conflict.
            for place, value in [("main", "mine"), *([("base", "base")] if name in old else [])]:
                db.execute(
                    f"""
                    update fresh.{place}.{table} as new set {column} = {value}.{identifier(name)}
                    from work.main.{table} as mine join work.base.{table} as base using ({key})
                    where {same} and {differs(name, name in old)}
                    """
                )
    # A membership that the account has by now is no edit any more.
    new = f"anti join fresh.main.{table} using ({key})" if table == "subscriptions" else ""
    db.execute(
        f"""
        insert into fresh.main.{table} ({quoted([names.get(name, name) for name in kept])})
        select {quoted(kept)} from work.main.{table} as mine anti join work.base.{table} using ({key}) {new}
        """
    )
    db.execute(
        f"""
        delete from fresh.main.{table} as new
        using (select {key} from work.base.{table} anti join work.main.{table} using ({key})) as mine where {same}
        """
    )


def _take_from_mirror(db: duckdb.DuckDBPyConnection, key: Key) -> None:
    """Replace a membership that the old workspace had several times with the one of the mirror."""
    is_it = " and ".join(f"{identifier(name)} is not distinct from ?" for name in key_of("subscriptions"))
    for place in ("base", "main"):
        db.execute(f"delete from fresh.{place}.subscriptions where {is_it}", key)
        db.execute(f"insert into fresh.{place}.subscriptions from ({rows_of(db, 'subscriptions')}) where {is_it}", key)


def _ensure_column(db: duckdb.DuckDBPyConnection, table: str, name: str, column: str, *, is_old: bool) -> bool:
    """Return True if the fresh table has, or now gets, the `column` of an old one: a column added for a new field, or
    one of a deleted field with an edit."""
    if is_old:
        key = quoted(key_of(table))
        edited = (
            f"from work.main.{table} as mine join work.base.{table} as base using ({key}) where {differs(name, True)}"
        )
        if db.execute(f"select 1 {edited} limit 1").fetchone() is None:
            return False
        db.execute(f"alter table fresh.base.{table} add column {identifier(column)} varchar")
        query = "select ?, custom_field_id, key from work._cksync.columns where coalesce(name, key) = ?"
        db.execute(f"insert into fresh._cksync.columns {query}", [column, name])
    db.execute(f"alter table fresh.main.{table} add column {identifier(column)} varchar")
    return True


def _keep_gone(db: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], names: Mapping[str, str]) -> None:
    """Keep rows that are edited but gone from the account, with their base, so that they show as conflicts."""
    key = quoted(key_of(table))
    edited = " or ".join(differs(name, True) for name in columns if name not in key_of(table))
    db.execute(
        f"""
        create or replace temp table {KEPT} as select {quoted(key_of(table), "mine.")}
        from work.main.{table} as mine join work.base.{table} as base using ({key})
        anti join fresh.base.{table} using ({key}) where {edited}
        """
    )
    fresh = quoted([names.get(name, name) for name in columns])
    for place in ("base", "main"):
        db.execute(
            f"""
            insert into fresh.{place}.{table} ({fresh})
            select {quoted(columns)} from work.{place}.{table} semi join temp.{KEPT} using ({key})
            """
        )
