"""Revert edits of a workspace: rows return to their state at the checkout, or to what was pushed since."""

import contextlib
from collections.abc import Iterator, Sequence

import duckdb

from cksync.sqltext import identifier, quoted
from cksync.write.edits import schema_errors, schemas_of
from cksync.write.workspace import TABLES, copy_of_base, key_of, new_columns

EVERY = ("subscribers", *TABLES)
# What is removed along with a new row: the rows that refer to it, and their column.
_FOLLOW = {
    "subscribers": ("subscriptions", "subscriber_id = ?"),
    "tags": ("subscriptions", "subscribable_type = 'tag' and subscribable_id = ?"),
    "purchases": ("purchase_products", "purchase_id = ?"),
}


def revert_all(db: duckdb.DuckDBPyConnection) -> None:
    """Revert every edit, including those of the tables themselves."""
    with _one_transaction(db):
        for table in EVERY:
            copy_of_base(db, table)


def revert_row(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[str]) -> bool:
    """Revert the edit of a row, given by its key columns as text. A new row is removed with whatever refers to it.
    Return True if the row exists, here or at the checkout."""
    columns = key_of(table)
    if len(key) != len(columns):
        return False
    is_it = " and ".join(f"coalesce(cast({identifier(name)} as varchar), 'None') = ?" for name in columns)
    is_new = key[-1].startswith("-")
    with _one_transaction(db):
        if table == "custom_fields" and is_new:
            _drop_column(db, key[0])
        there = {name for name, *_ in db.execute(f"describe main.{table}").fetchall()}
        names = quoted([name for name, *_ in db.execute(f"describe base.{table}").fetchall() if name in there])
        taken = db.execute(f"delete from main.{table} where {is_it} returning 1", key).fetchall()
        put = f"insert into main.{table} ({names}) select {names} from base.{table} where {is_it} returning 1"
        returned = db.execute(put, key).fetchall()
        if table == "subscriptions" and key[0] != "tag" and returned and not taken and {"id", "created_at"} <= there:
            _take_back_moved(db, key)
        found = taken + returned
        if found and is_new and table in _FOLLOW:
            of, where = _FOLLOW[table]
            db.execute(f"delete from main.{of} where {where}", [int(key[0])])
    return bool(found)


def _take_back_moved(db: duckdb.DuckDBPyConnection, key: Sequence[str]) -> None:
    """Remove the row that an UPDATE made of the subscription with this key; `moved.as_meant` sees both as one edit."""
    names = key_of("subscriptions")
    db.execute(
        f"""
        delete from main.subscriptions where rowid in (
            select place
            from (
                select mine.rowid as place, mine.*
                from main.subscriptions as mine anti join base.subscriptions using ({quoted(names)})
            ) as mine
            join base.subscriptions as base on mine.id = base.id or mine.created_at = base.created_at
            where {" and ".join(f"cast(base.{name} as varchar) = ?" for name in names)} and coalesce(mine.id, 0) >= 0
            order by
                (mine.subscribable_type, mine.subscribable_id) = (base.subscribable_type, base.subscribable_id) desc,
                mine.id = base.id desc nulls last, place
            limit 1
        )
        """,
        key,
    )


def revert_shape(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Restore the columns of a table as of the checkout, with their values; keep the edits of all others."""
    schemas = schemas_of(db)
    base, mine = schemas["base", table], schemas.get(("main", table), {})
    lost = [name for name, kind in base.items() if mine.get(name) != kind]
    key = key_of(table)
    with _one_transaction(db):
        if not set(key).isdisjoint(lost):
            copy_of_base(db, table)
            return
        for name in lost:
            _restore_column(db, table, name, base[name], is_there=name in mine)
        planned = {name.lower() for name in new_columns(db).values()} if table == "subscribers" else set()
        for name in mine.keys() - base.keys():
            if mine[name] != "VARCHAR" or name.lower() not in planned:
                db.execute(f"alter table main.{table} drop column {identifier(name)}")


def _restore_column(db: duckdb.DuckDBPyConnection, table: str, name: str, kind: str, *, is_there: bool) -> None:
    column = identifier(name)
    if is_there:
        db.execute(f"alter table main.{table} drop column {column}")
    db.execute(f"alter table main.{table} add column {column} {kind}")
    same = " and ".join(f"mine.{identifier(each)} = base.{identifier(each)}" for each in key_of(table))
    db.execute(f"update main.{table} as mine set {column} = base.{column} from base.{table} as base where {same}")


def has_schema_errors(db: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Return True if the table itself, and not a row of it, cannot be pushed."""
    return any(not problem.key for problem in schema_errors(db, schemas_of(db), table))


def _drop_column(db: duckdb.DuckDBPyConnection, field: str) -> None:
    """Drop the column of a field that is not to be created."""
    name = new_columns(db).get(int(field))
    if name in {name for name, *_ in db.execute("describe main.subscribers").fetchall()}:
        db.execute(f"alter table main.subscribers drop column {identifier(str(name))}")


@contextlib.contextmanager
def _one_transaction(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    db.execute("begin")
    try:
        yield
    except BaseException:
        db.execute("rollback")
        raise
    db.execute("commit")
