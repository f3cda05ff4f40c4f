"""Broadcasts: created, changed and deleted until they are sent."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v3.catalog import UNSENT, ask_one
from cksync.api.v3.writes import CALLS
from cksync.domain import BROADCASTS, DETAILS, STATS, Record
from cksync.write.action import Action, Found, Kind, Needed, ReadList, Result, Seen, Sought
from cksync.write.alike import is_alike
from cksync.write.edits import Account, Cell, Edit, EditKind
from cksync.write.gone import ONE_OF
from cksync.write.lookup import newest_first, read
from cksync.write.plan import Conflict
from cksync.write.planning import Context, Planned, Planner, WorkspaceTable, action, plain
from cksync.write.reply import compared, page_of, records
from cksync.write.settle import settle_creation, settle_removal, settle_update

_COLUMNS = (
    *("subject", "description", "content", "public", "email_address", "email_layout_template"),
    *("thumbnail_alt", "thumbnail_url", "published_at", "send_at"),
)
_TIMES = ("send_at", "published_at")


def planners(
    values_of: Callable[[Mapping[str, Any]], dict[str, Any]], create: Kind, update: Kind, delete: Kind
) -> dict[EditKind, Planner]:
    """Return how edits of broadcasts become actions of these kinds, with values as the API takes them."""

    def insert(context: Context, edit: Edit) -> Iterator[Planned]:
        given = {name: value for name, value in values_of(edit.row).items() if value is not None}
        yield action(create, edit.key[0], given, edit)

    def change(context: Context, edit: Edit) -> Iterator[Planned]:
        id_ = int(edit.key[0])
        cells = yield from context.wanted(edit)
        if not cells:
            return
        if conflict := was_sent(context.account, edit, cells):
            yield conflict
        else:
            values = values_of({cell.column: cell.mine for cell in cells})
            yield action(update, id_, {"broadcast_id": id_, **values}, edit, cells)

    def remove(context: Context, edit: Edit) -> Iterator[Planned]:
        if conflict := was_sent(context.account, edit):
            yield conflict
        else:
            yield action(delete, edit.key[0], {"broadcast_id": int(edit.key[0])}, edit)

    return {"insert": insert, "update": change, "delete": remove}


def was_sent(account: Account, edit: Edit, cells: Sequence[Cell] = ()) -> Conflict | None:
    """Return the conflict of an edit with a broadcast that was sent since the checkout. Raises ValueError if it was
    sent before."""
    status = account.statuses.get(edit.key[0])
    if status in UNSENT:
        return None
    if edit.key[0] in account.sent:
        raise ValueError(f"this broadcast is {status}; only drafts and scheduled broadcasts can be changed")
    return Conflict(edit.table, edit.key, cells=tuple(cells), reason=status_reason(status))


def status_reason(status: str | None) -> str:
    """Explain why a broadcast with this status can no longer be changed."""
    if status is None:
        return "the API does not report whether this broadcast was sent"
    return f"this broadcast is now {status}; only drafts and scheduled broadcasts can be changed"


def values_of(row: Mapping[str, Any], columns: Sequence[str] = _COLUMNS) -> dict[str, Any]:
    """Return the values of a broadcast as the API takes them."""
    values = {name: plain(row[name]) for name in columns if name in row}
    for name in _TIMES:
        if isinstance(values.get(name), str):  # in the format of a cell
            values[name] = plain(datetime.fromisoformat(values[name]))
    if isinstance(values.get("public"), str):
        values["public"] = values["public"] == "true"
    return values


def _created(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result | None:
    if not is_alike(action.args.get("subject"), values.get("subject")):
        return None
    return Result("done", ids={"broadcasts": int(values["id"])})


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    rows: list[Result] = []
    others = 0
    wanted = sought.action.args
    for page in newest_first(api, BROADCASTS):
        new = [row for row in page if row["id"] not in sought.known["broadcasts"]]
        for row in new:
            is_it = is_alike(wanted.get("subject"), row["subject"])
            details = read(api, ask_one(DETAILS, str(row["id"]), 1)) if is_it else []
            if any(is_alike(wanted.get("content"), detail.get("content")) for detail in details):
                rows.append(Result("done", ids={"broadcasts": row["id"]}))
            else:
                others += 1
        if not new:
            break
    doubt = f"{others} newer broadcast{'s' * (others > 1)} in the account may be this one"
    return Found(sorted(rows, key=lambda result: result.ids["broadcasts"]), doubt if others else "")


def _is_updated(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    details = read(api, ask_one(DETAILS, action.target, 1))
    return call is not None and any(compared(action, call, row).outcome == "done" for row in details)


def _is_deleted(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return any(record.text is None for record in api.fetch(ask_one(DETAILS, action.target, 1)).records)


def _needed(action: Action, call: Call) -> Needed:
    return Needed(DETAILS, action.target, ONE_OF["broadcasts"])


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(DETAILS, call, reply, records(reply))


def _observe_deletion(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(DETAILS, call, reply, (Record(action.target, None),))


def _sends(action: Action, account: Account) -> bool:
    return any(action.args.get(name) for name in (*_TIMES, "public"))


def _sends_or_was_going_to(action: Action, account: Account) -> bool:
    return account.statuses.get(int(action.target)) == "scheduled" or _sends(action, account)


CREATE = Kind(
    name="create broadcast",
    about="broadcasts",
    makes="broadcasts",
    is_mail=_sends,
    call=lambda args, _: CALLS.create_broadcast(**args),
    read=_created,
    observe=_observe,
    settle=settle_creation,
    reread=STATS,
    find=_find,
)
UPDATE = Kind(
    name="update broadcast",
    about="broadcasts",
    is_mail=_sends_or_was_going_to,
    is_unsent_only=True,
    call=lambda args, _: CALLS.update_broadcast(**args),
    read=compared,
    needed=_needed,
    observe=_observe,
    settle=settle_update,
    reread=STATS,
    is_done=_is_updated,
)
DELETE = Kind(
    name="delete broadcast",
    about="broadcasts",
    rule=("delete-broadcast", "broadcasts would be deleted"),
    is_unsent_only=True,
    call=lambda args, _: CALLS.delete_broadcast(**args),
    observe=_observe_deletion,
    settle=settle_removal,
    is_done=_is_deleted,
    is_removal=True,
)
TABLE = WorkspaceTable(
    "broadcasts",
    planners=planners(values_of, CREATE, UPDATE, DELETE),
    refusals={},
    streams=("broadcasts",),
    writable=lambda _: _COLUMNS,
)
