"""Make a change that the account has part of the workspace's base, so that it no longer counts as an edit."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import duckdb

from cksync.custom_fields import PERSON, free_column
from cksync.sqltext import identifier, quoted
from cksync.write.action import Action, Ids, Result, Row, key_with_ids
from cksync.write.edits import Cell, Key
from cksync.write.plan import Noop
from cksync.write.workspace import column_names, key_of, new_columns, rows_of


def settle_update(db: duckdb.DuckDBPyConnection, action: Action, row: Row, result: Result, ids: Ids) -> None:
    """Make the values that were sent the base."""
    table, key = row
    _settle_cells(db, table, [ids.get((table, key[0]), key[0])], action.cells)


def settle_removal(db: duckdb.DuckDBPyConnection, action: Action, row: Row, result: Result, ids: Ids) -> None:
    """Remove the row from the base."""
    table, key = row
    db.execute(f"delete from base.{table} where {_is(table)}", key)


def settle_creation(db: duckdb.DuckDBPyConnection, action: Action, row: Row, result: Result, ids: Ids) -> None:
    """Give the row its real id wherever it is used, and add it to the base."""
    table, key = row
    if table == "subscriptions":  # its tag and its person may have been created in the same push
        made = {("subscribers", int(action.target)): result.ids["subscribers"]} if action.kind.makes else {}
        _settle_membership(db, key_with_ids(table, key, {**ids, **made}), result.ids.get(table))
        return
    _settle_row(db, table, key, result)
    if table == "subscribers":  # what did not fit into one request is still an edit
        _settle_cells(db, table, [result.ids[table]], action.cells)


def add_columns(db: duckdb.DuckDBPyConnection, cells: Iterable[Cell]) -> None:
    """Add columns to base.subscribers for fields that did not exist at the checkout."""
    rows = db.execute(
        "select column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'base' and table_name = 'subscribers'"
    ).fetchall()
    there = {name for (name,) in rows}
    for column in {cell.column for cell in cells} - there:
        db.execute(f"alter table base.subscribers add column {identifier(column)} varchar")


def settle_noop(db: duckdb.DuckDBPyConnection, noop: Noop) -> None:
    """Make what the account already has the base."""
    if noop.kind == "update":
        _settle_cells(db, noop.table, noop.key, noop.cells)
    elif noop.kind == "delete":
        db.execute(f"delete from base.{noop.table} where {_is(noop.table)}", noop.key)
    else:
        _replace_membership(db, noop.key)


def _replace_membership(db: duckdb.DuckDBPyConnection, key: Key) -> None:
    """Replace an inserted row of subscriptions with the one that the account has."""
    is_it = _is("subscriptions")
    for schema in ("base", "main"):
        db.execute(f"delete from {schema}.subscriptions where {is_it}", key)
        theirs = f"from ({rows_of(db, 'subscriptions')}) where {is_it}"
        db.execute(f"insert into {schema}.subscriptions by name {theirs}", key)


def _settle_membership(db: duckdb.DuckDBPyConnection, key: Key, id_: int | None) -> None:
    """Make an inserted row of subscriptions the base, with the id of its own that the account gave it, if any. The base
    may have it from before it was deleted and inserted again."""
    is_it = _is("subscriptions")
    db.execute(f"update main.subscriptions set id = coalesce(?, if(id > 0, id, null)) where {is_it}", [id_, *key])
    db.execute(f"delete from base.subscriptions where {is_it}", key)
    columns = quoted([name for name, *_ in db.execute("describe base.subscriptions").fetchall()])
    db.execute(
        f"insert into base.subscriptions ({columns}) select {columns} from main.subscriptions where {is_it}", key
    )


def _is(table: str) -> str:
    return " and ".join(f'"{name}" = ?' for name in key_of(table))


def _settle_cells(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[Any], cells: Sequence[Cell]) -> None:
    if cells:
        sets = ", ".join(f"{identifier(cell.column)} = ?" for cell in cells)
        db.execute(f"update base.{table} set {sets} where {_is(table)}", [*(cell.mine for cell in cells), *key])


def _settle_row(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[Any], result: Result) -> None:
    if table == "custom_fields":
        column = _column(db, key[0], result.values["key"])
        db.execute("insert into _cksync.columns values (?, ?, ?)", [column, result.ids[table], result.values["key"]])
    if table == "purchase_products":  # already has the purchase's id
        purchase = result.ids["purchases"]
        new: list[Any] = [purchase, key[1] if key[1] is not None else _number(db, purchase)]
    else:
        new = [result.ids[table]]
        db.execute("insert into _cksync.ids values (?, ?, ?)", [table, key[0], new[0]])
        _rename(db, table, key, new[0], result.values if table in ("tags", "custom_fields") else {})
    columns: Sequence[str] = [name for name, *_ in db.execute(f"describe base.{table}").fetchall()]
    if table == "subscribers":
        columns = PERSON
    db.execute(
        f"insert into base.{table} ({quoted(columns)}) select {quoted(columns)} from main.{table} where {_is(table)}",
        new,
    )


def _number(db: duckdb.DuckDBPyConnection, purchase: int) -> int | None:
    """Assign a product the position that it was sent without; None if it is no longer in the workspace."""
    found = db.execute(
        """
        update main.purchase_products
        set position = 1 + (
            select coalesce(max(position), 0) from main.purchase_products where purchase_id = $purchase
        )
        where purchase_id = $purchase and position is null returning position
        """,
        {"purchase": purchase},
    ).fetchone()
    return found[0] if found else None


def _column(db: duckdb.DuckDBPyConnection, id_: int, key: str) -> str:
    """Return the column of a new field: the one added for it, or one named after its key."""
    planned = new_columns(db)
    name = planned.pop(id_, None)
    if name is not None and name in [name for name, *_ in db.execute("describe main.subscribers").fetchall()]:
        return name
    others = (*PERSON, *column_names(db).values(), *planned.values())
    return free_column(key, {other.lower() for other in others})


def _rename(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[Any], id_: int, values: Mapping[str, Any]) -> None:
    sets = ", ".join(f'"{name}" = ?' for name in ("id", *values))
    db.execute(f"update main.{table} set {sets} where {_is(table)}", [id_, *values.values(), *key])
    follow = {
        "subscribers": "update main.subscriptions set subscriber_id = ? where subscriber_id = ?",
        "purchases": "update main.purchase_products set purchase_id = ? where purchase_id = ?",
        "tags": (
            "update main.subscriptions set subscribable_id = ? where subscribable_type = 'tag' and subscribable_id = ?"
        ),
    }
    if table in follow:
        db.execute(follow[table], [id_, key[0]])
