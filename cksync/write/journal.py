"""The journal of a push, inside its workspace: what was sent, and with which outcome.

A change is noted before its request is sent, and its outcome after the reply. The same transaction makes the change
part of the workspace's base. After any interruption, the next push therefore knows what to look up.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from cksync.errors import Failed, Refused
from cksync.plural import plural
from cksync.versions import Version
from cksync.write.action import Action, Ids, Kind, Result, with_ids
from cksync.write.edits import Cell, Key
from cksync.write.kinds import EVERY_KIND, KINDS
from cksync.write.kinds.memberships import membership_of
from cksync.write.plan import Noop, Plan
from cksync.write.settle import add_columns, settle_noop


def upgrade(db: duckdb.DuckDBPyConnection) -> None:
    """Make a workspace of an older cksync one of this version: 0.1.0 had no column for lifted safety rules, none had
    one for the version of the API, and actions without an outcome kept naming a row by the local id of their plan."""
    db.execute("alter table _cksync.actions add column if not exists lifted varchar")
    db.execute("alter table _cksync.actions add column if not exists version varchar")
    ids = new_ids(db)
    for left in unresolved(db, EVERY_KIND):
        _follow(db, left.action, ids)


def send(
    db: duckdb.DuckDBPyConnection,
    actions: Sequence[Action],
    at: datetime,
    lifted: Collection[str] = (),
    version: Version = "v3",
) -> None:
    """Note that some actions are about to be sent through a version of the API, with `lifted` safety rules."""
    if not actions:
        return
    rows = [value for action in actions for value in (*_stored(action), at, " ".join(sorted(lifted)), version)]
    places = ", ".join(["(?, ?, ?, ?, ?, 'sent', ?, ?, ?)"] * len(actions))
    db.execute("begin")
    db.execute("delete from _cksync.actions where id in (select unnest(?))", [[action.id for action in actions]])
    db.execute(
        f"insert into _cksync.actions (id, kind, target, body, rows, state, sent_at, lifted, version) values {places}",
        rows,
    )
    db.execute("commit")


def _stored(action: Action) -> tuple[str, str, str, str, str]:
    """Return the columns id, kind, target, body and rows of an action."""
    rows = json.dumps([action.settles, [[c.column, c.base, c.mine, c.theirs] for c in action.cells]])
    return action.id, action.what, action.target, json.dumps(action.args, default=str), rows


def _follow(db: duckdb.DuckDBPyConnection, action: Action, ids: Ids) -> None:
    """Store an action without an outcome under the `ids` that rows created since have, as the next plan names them."""
    followed = with_ids(action, ids)
    if followed.id != action.id:
        sets = "id = ?, kind = ?, target = ?, body = ?, rows = ?"
        db.execute(f"update _cksync.actions set {sets} where id = ?", [*_stored(followed), action.id])


@dataclass(frozen=True, slots=True)
class Unresolved:
    """An action that was sent: `sent` if the push died before an outcome, `unknown` if the outcome could not be
    determined, with the message."""

    action: Action
    sent_at: datetime
    state: str
    message: str


def check_version(db: duckdb.DuckDBPyConnection, version: Version) -> None:
    """Raise Refused if another version of the API has to tell what became of a change that it was sent."""
    if not _has_version(db):
        return
    row = db.execute(
        "select coalesce(version, 'v3'), count(*) from _cksync.actions where state in ('sent', 'unknown')"
        " and coalesce(version, 'v3') <> ? group by all",
        [version],
    ).fetchone()
    if row is not None:
        raise Refused(
            f"nothing was written: {plural(row[1], 'change')} of this workspace were sent through API {row[0]}, and"
            f' their outcome is not known yet; push once with api.version = "{row[0]}", then with {version}'
        )


def _has_version(db: duckdb.DuckDBPyConnection) -> bool:
    query = """
        select 1 from duckdb_columns() where database_name = current_database()
            and schema_name = '_cksync' and table_name = 'actions' and column_name = 'version'
    """
    return db.execute(query).fetchone() is not None


def unresolved(db: duckdb.DuckDBPyConnection, kinds: Mapping[str, Kind] = KINDS) -> list[Unresolved]:
    """Return the actions that were sent and have no known outcome."""
    rows = db.execute(
        "select kind, target, body, rows, sent_at, state, coalesce(message, '') from _cksync.actions"
        " where state in ('sent', 'unknown') order by sent_at, id"
    ).fetchall()
    return [Unresolved(_action(kinds, *row[:4]), *row[4:]) for row in rows]


def _action(kinds: Mapping[str, Kind], what: str, target: str, body: str, rows: str) -> Action:
    if what not in kinds:
        raise Failed(f"the workspace contains a {what!r} change, unknown to this version of cksync; upgrade cksync")
    (settles, cells), args = json.loads(rows), json.loads(body)
    # Memberships were keyed by an id of their own; what was requested names them as well.
    settled = tuple((t, membership_of(target, args) if t == "subscriptions" else _key(key)) for t, key in settles)
    return Action(kinds[what], target, args, settled, tuple(Cell(*cell) for cell in cells))


def _key(stored: str | Sequence[Any]) -> Key:
    """Parse a stored key; cksync 0.1.0 joined its parts, and sent products without a position."""
    if not isinstance(stored, str):
        return tuple(stored)
    return tuple(None if part == "None" else int(part) for part in stored.split(", "))


def forget(db: duckdb.DuckDBPyConnection, action: Action) -> None:
    """Forget an action that was not executed; the next plan has it again."""
    db.execute("delete from _cksync.actions where id = ?", [action.id])


def rejected(db: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, str]]:
    """Return the actions that are not sent again until edited, by id, with outcome and reason."""
    rows = db.execute("select id, state, message from _cksync.actions where state = 'rejected'")
    return {id_: (state, message) for id_, state, message in rows.fetchall()}


def forget_unwished(db: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Forget rejected actions that are no longer in the plan, so that a later edit may request them again."""
    still_wanted = [skipped.action.id for skipped in plan.skipped]
    db.execute(
        "delete from _cksync.actions where state = 'rejected' and id not in (select unnest(?::varchar[]))",
        [still_wanted],
    )


def new_ids(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], int]:
    """Return the ids that new rows got, by table and local id."""
    rows = db.execute("select target, local_id, id from _cksync.ids").fetchall()
    return {(table, local): id_ for table, local, id_ in rows}


def has_unread_fields(db: duckdb.DuckDBPyConnection) -> bool:
    """Return True if fields were created, renamed or deleted since their list was read: no reply shows that list."""
    if _has_version(db) and db.execute("select 1 from _cksync.actions where version = 'v4' limit 1").fetchone():
        return False  # its replies show them
    kinds = [kind.name for kind in KINDS.values() if kind.about == "custom_fields"]
    found = db.execute(
        """
        select 1 from _cksync.actions
        where kind in (select unnest(?)) and state = 'done'
            and done_at > coalesce(
                (select max(cursor_at) from mirror._cksync.slices where slice = 'custom_fields'), '-infinity'
            )
        """,
        [kinds],
    ).fetchone()
    return found is not None


def settle(db: duckdb.DuckDBPyConnection, results: Sequence[tuple[Action, Result]], at: datetime) -> None:
    """Note outcomes, and make successful changes the base."""
    if not results:
        return
    db.execute("begin")
    ids = new_ids(db)
    add_columns(db, (c for action, _ in results if action.kind.about == "subscribers" for c in action.cells))
    for action, result in results:
        db.execute(
            "update _cksync.actions set state = ?, message = ?, done_at = ? where id = ?",
            [result.outcome, result.message, at, action.id],
        )
        if result.outcome == "done":
            for row in action.settles:
                action.kind.settle(db, action, row, result, ids)
        elif result.outcome == "unknown":
            _follow(db, action, ids)
    db.execute("commit")


def agree(db: duckdb.DuckDBPyConnection, noops: Sequence[Noop]) -> None:
    """Make what the account already has the base, so that it no longer counts as an edit."""
    db.execute("begin")
    add_columns(db, (cell for noop in noops if noop.table == "subscribers" for cell in noop.cells))
    # Deletions come first: a row that was deleted and inserted again exists.
    for noop in sorted(noops, key=lambda noop: noop.kind != "delete"):
        settle_noop(db, noop)
    db.execute("commit")
