"""The journal of a push, inside its workspace: what was sent, what became of it, and what that made true.

A change is noted as sent before its request, and with its outcome after it; what it did becomes the base of
the workspace in the same transaction. So whatever is interrupted, the next push knows what to look up.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import duckdb

from cksync.sqltext import identifier, quoted
from cksync.wide import PERSON, free_column
from cksync.write.edits import Cell, Key
from cksync.write.plan import Action, Noop, Plan
from cksync.write.workspace import column_names, key_of, new_columns, rows_of

Outcome = Literal["done", "rejected", "unknown", "conflict"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an action (`conflict`: what it needs is gone in the account, or somebody else's). `ids` are those
    of the rows that it made, by table; `values` what else the API gave them."""

    outcome: Outcome
    message: str = ""
    ids: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


def upgrade(db: duckdb.DuckDBPyConnection) -> None:
    """Make room in a workspace of cksync 0.1.0 for what it did not note: which safety rules were lifted."""
    db.execute("alter table _cksync.actions add column if not exists lifted varchar")


def send(db: duckdb.DuckDBPyConnection, actions: Sequence[Action], at: datetime, lifted: Collection[str] = ()) -> None:
    """Note that some actions are about to be sent, and which safety rules are `lifted` for them."""
    if not actions:
        return
    rows = []
    for action in actions:
        settles = json.dumps([action.settles, [[c.column, c.base, c.mine, c.theirs] for c in action.cells]])
        rows += [action.id, action.what, action.target, json.dumps(action.args, default=str), settles, at]
        rows.append(" ".join(sorted(lifted)))
    places = ", ".join(["(?, ?, ?, ?, ?, 'sent', ?, ?)"] * len(actions))
    db.execute("begin")
    db.execute("delete from _cksync.actions where id in (select unnest(?))", [[action.id for action in actions]])
    db.execute(
        f"insert into _cksync.actions (id, kind, target, body, rows, state, sent_at, lifted) values {places}", rows
    )
    db.execute("commit")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An action that was sent: `sent` when somebody died before it had an outcome, `unknown` when nobody could find
    out, and what was said of that."""

    action: Action
    sent_at: datetime
    state: str
    message: str


def unresolved(db: duckdb.DuckDBPyConnection) -> list[Unresolved]:
    """Actions that were sent and have no outcome, or one that nobody knows."""
    rows = db.execute(
        "select kind, target, body, rows, sent_at, state, coalesce(message, '') from _cksync.actions"
        " where state in ('sent', 'unknown') order by sent_at, id"
    ).fetchall()
    return [Unresolved(_action(*row[:4]), *row[4:]) for row in rows]


def _action(what: str, target: str, body: str, rows: str) -> Action:
    settles, cells = json.loads(rows)
    return Action(what, target, json.loads(body), tuple(map(tuple, settles)), tuple(Cell(*cell) for cell in cells))


def forget(db: duckdb.DuckDBPyConnection, action: Action) -> None:
    """It was not executed: the next plan has it again."""
    db.execute("delete from _cksync.actions where id = ?", [action.id])


def rejected(db: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    """Actions that are not sent again until they are edited, by id: their outcome and why."""
    rows = db.execute("select id, state, message from _cksync.actions where state = 'rejected'")
    return {id_: (state, message) for id_, state, message in rows.fetchall()}


def forget_unwished(db: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """What was turned down and is not wished any more may be wished again: it was edited in between."""
    wished = [parked.action.id for parked in plan.parked]
    db.execute(
        "delete from _cksync.actions where state = 'rejected' and id not in (select unnest(?::varchar[]))", [wished]
    )


def new_ids(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], int]:
    """The ids that rows got which were made here, by table and the id they had."""
    rows = db.execute("select target, local_id, id from _cksync.ids").fetchall()
    return {(table, local): id_ for table, local, id_ in rows}


def has_unread_fields(db: duckdb.DuckDBPyConnection) -> bool:
    """Whether fields were made, renamed or deleted since the list of them was read: no reply shows that list."""
    found = db.execute(
        """
        select 1 from _cksync.actions
        where kind like '% field' and state = 'done'
            and done_at > coalesce(
                (select max(cursor_at) from mirror._cksync.slices where slice = 'custom_fields'), '-infinity'
            )
        """
    ).fetchone()
    return found is not None


def settle(db: duckdb.DuckDBPyConnection, results: Sequence[tuple[Action, Result]], at: datetime) -> None:
    """Note outcomes, and make what was done the base."""
    if not results:
        return
    db.execute("begin")
    ids = new_ids(db)
    _make_room(db, (c for action, _ in results if "person" in action.what for c in action.cells))
    for action, result in results:
        db.execute(
            "update _cksync.actions set state = ?, message = ?, done_at = ? where id = ?",
            [result.outcome, result.message, at, action.id],
        )
        if result.outcome == "done":
            _make_base(db, action, result, ids)
    db.execute("commit")


def agree(db: duckdb.DuckDBPyConnection, noops: Sequence[Noop]) -> None:
    """Make the base of what the account has already, so that it is no edit any more."""
    db.execute("begin")
    _make_room(db, (cell for noop in noops if noop.table == "subscribers" for cell in noop.cells))
    for noop in sorted(noops, key=lambda noop: noop.kind != "delete"):  # what was taken away and made anew is there
        if noop.kind == "update":
            _take_cells(db, noop.table, noop.key, noop.cells)
        elif noop.kind == "delete":
            db.execute(f"delete from base.{noop.table} where {_is(noop.table)}", noop.key)
        else:
            _take_membership(db, noop.key)
    db.execute("commit")


def _take_membership(db: duckdb.DuckDBPyConnection, key: Key) -> None:
    """Instead of a row of subscriptions that was made here, the one that the account has."""
    query = f"delete from main.subscriptions where {_is('subscriptions')} returning subscriber_id"
    ((who,),) = db.execute(query, key).fetchall()
    for schema in ("base", "main"):
        db.execute(
            f"""
            insert into {schema}.subscriptions
            from ({rows_of(db, "subscriptions")}) as theirs
            anti join {schema}.subscriptions using (subscribable_type, subscribable_id, id)
            where (subscribable_type, subscribable_id, subscriber_id) = (?, ?, ?)
            """,
            [*key[:2], who],
        )


def _make_base(
    db: duckdb.DuckDBPyConnection, action: Action, result: Result, ids: Mapping[tuple[str, int], int]
) -> None:
    for table, text in action.settles:
        key = _split(table, text)
        if table == "subscriptions":  # the tag may have been made meanwhile
            key[1] = ids.get(("tags", key[1]), key[1])
        if action.what in ("update person", "unsubscribe", "update broadcast", "rename field"):
            _take_cells(db, table, [ids.get((table, key[0]), key[0])], action.cells)
        elif action.what in ("untag", "delete broadcast", "delete field"):
            db.execute(f"delete from base.{table} where {_is(table)}", key)
        else:
            _take_row(db, table, key, result)
            if table == "subscribers":  # what did not fit into one request is an edit still
                _take_cells(db, table, [result.ids[table]], action.cells)


def _split(table: str, key: str) -> list[Any]:
    parts = key.split(", ")
    return [
        # cksync 0.1.0 sent products without a position, too.
        part if name == "subscribable_type" else None if part == "None" else int(part)
        for name, part in zip(key_of(table), parts, strict=True)
    ]


def _is(table: str) -> str:
    return " and ".join(f'"{name}" = ?' for name in key_of(table))


def _make_room(db: duckdb.DuckDBPyConnection, cells: Iterable[Cell]) -> None:
    """Columns of base.subscribers for the values of fields that were not there at the checkout."""
    rows = db.execute(
        "select column_name from duckdb_columns()"
        " where database_name = current_database() and schema_name = 'base' and table_name = 'subscribers'"
    ).fetchall()
    there = {name for (name,) in rows}
    for column in {cell.column for cell in cells} - there:
        db.execute(f"alter table base.subscribers add column {identifier(column)} varchar")


def _take_cells(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[Any], cells: Sequence[Cell]) -> None:
    if cells:
        sets = ", ".join(f"{identifier(cell.column)} = ?" for cell in cells)
        db.execute(f"update base.{table} set {sets} where {_is(table)}", [*(cell.mine for cell in cells), *key])


def _take_row(db: duckdb.DuckDBPyConnection, table: str, key: Sequence[Any], result: Result) -> None:
    """A row that was made: it gets its real id wherever that is used, and is in the base from now on."""
    if table == "custom_fields":
        column = _column(db, key[0], result.values["key"])
        db.execute("insert into _cksync.columns values (?, ?, ?)", [column, result.ids[table], result.values["key"]])
    if table == "purchase_products":  # has the purchase's id already
        new: list[Any] = [
            result.ids["purchases"],
            key[1] if key[1] is not None else _number(db, result.ids["purchases"]),
        ]
    else:
        new = [*key[:-1], result.ids.get(table, key[-1])]
        db.execute("insert into _cksync.ids values (?, ?, ?)", [table, key[-1], new[-1]])
        _rename(db, table, key, new[-1], result.values if table in ("tags", "custom_fields") else {})
    columns: Sequence[str] = [name for name, *_ in db.execute(f"describe base.{table}").fetchall()]
    if table == "subscribers":
        columns = PERSON
    db.execute(
        f"insert into base.{table} ({quoted(columns)}) select {quoted(columns)} from main.{table} where {_is(table)}",
        new,
    )


def _number(db: duckdb.DuckDBPyConnection, purchase: int) -> int | None:
    """Give a product the position that it was sent without; None when it is not in the workspace any more."""
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
    """The column of a field that was made: the one that was added for it, else as its key says."""
    wished = new_columns(db)
    name = wished.pop(id_, None)
    if name is not None and name in [name for name, *_ in db.execute("describe main.subscribers").fetchall()]:
        return name
    others = (*PERSON, *column_names(db).values(), *wished.values())
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
        db.execute(follow[table], [id_, key[-1]])
