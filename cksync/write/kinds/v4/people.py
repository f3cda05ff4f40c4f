"""People through API v4: created without any list, changed and unsubscribed by id. Values of custom fields go in bulk
calls where OAuth allows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import msgspec

from cksync.addresses import folded
from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.bulk_kinds import CREATE_SUBSCRIBERS, SET_FIELD_VALUES, Item
from cksync.api.v4.writes import CALLS, FIELDS_AT_ONCE
from cksync.domain import BY_ID_V4, Record
from cksync.write.action import Action, Kind, ReadList, Result, Seen, SeenRow
from cksync.write.edits import Cell, Edit
from cksync.write.kinds import people as v3
from cksync.write.kinds.v4.lookup import gone_person, page_of, person
from cksync.write.planning import Context, Planned, WorkspaceTable, action, check_state
from cksync.write.reply import compared, wrong_person
from cksync.write.settle import settle_creation, settle_update


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    address = str(edit.row["email_address"] or "")
    context.names.address(address)
    check_state(edit, "the API sets the state of a new person")
    yield from v3.lost_values(context, edit, v3.given_cells(edit, context.account.lost))
    cells = v3.given_cells(edit, context.keys)
    first = [] if context.through.is_bulk else cells[:FIELDS_AT_ONCE]
    values = {"first_name": edit.row["first_name"], "fields": v3.values_of(context, first)}
    args = {"email_address": address, **{name: value for name, value in values.items() if value}}
    yield Action(CREATE, str(edit.key[0]), args, ((edit.table, edit.key),), tuple(first))
    yield from _set(context, edit, cells[len(first) :])


def _set(context: Context, edit: Edit, cells: Sequence[Cell]) -> Iterator[Action]:
    """Set values of custom fields: in bulk calls one by one, else as many in a request as it takes."""
    if context.through.is_bulk:
        for cell in cells:
            args = {"custom_field_id": context.field_ids[cell.column], "value": cell.mine or ""}
            yield action(SET_FIELD, edit.key[0], args, edit, [cell])
        return
    for number in range(0, len(cells), FIELDS_AT_ONCE):
        part = cells[number : number + FIELDS_AT_ONCE]
        yield action(UPDATE, edit.key[0], {"fields": v3.values_of(context, part)}, edit, part)


def _update(context: Context, edit: Edit) -> Iterator[Planned]:
    yield from v3.lost_values(context, edit, edit.cells)
    lost = context.account.lost
    kept = tuple(cell for cell in edit.cells if cell.column not in lost or not cell.mine)
    cells = yield from context.wanted(replace(edit, cells=kept))
    id_ = int(edit.key[0])
    basics = [cell for cell in cells if cell.column in v3.BASICS]
    fields = [cell for cell in cells if cell.column in context.keys]
    for cell in basics:
        if cell.column == "email_address":
            context.names.address(cell.mine or "", id_)
    if basics:  # which takes some values along
        along, fields = fields[:FIELDS_AT_ONCE], fields[FIELDS_AT_ONCE:]
        args: dict[str, object] = {cell.column: cell.mine or "" for cell in basics}
        args |= {"fields": v3.values_of(context, along)} if along else {}
        yield action(UPDATE, id_, args, edit, [*basics, *along])
    yield from _set(context, edit, fields)
    yield from v3.unsubscribed(context, edit, cells, UNSUBSCRIBE)


def _created(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result:
    return _created_row(action, values)


def _created_row(action: Action, row: Item) -> Result:
    if folded(str(row["email_address"])) != folded(str(action.args["email_address"])):
        return wrong_person("created", row["id"])
    return Result("done", ids={"subscribers": int(row["id"])})


def _find_in_mirror(db: duckdb.DuckDBPyConnection, action: Action) -> Result | None:
    """Return the person whom the mirror got since the plan, which had nobody with that address."""
    return v3.with_address(db, str(action.args["email_address"]))


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(BY_ID_V4, call, reply)


def _observe_row(action: Action, row: Item | None) -> SeenRow | None:
    return (BY_ID_V4, (Record(str(row["id"]), msgspec.json.encode(row)),), ()) if row is not None else None


def _is_updated(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    found = person(api, call.path.rpartition("/")[2]) if call else None
    return call is not None and found is not None and compared(action, call, found).outcome == "done"


def _is_unsubscribed(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    found = person(api, action.target)
    return found is not None and found["state"] == "cancelled"


def _value(args: dict[str, Any], who: int) -> Item:
    return {
        "subscriber_id": who,
        "subscriber_custom_field_id": args["custom_field_id"],
        "value": args["value"],
    }


def _set_row(action: Action, row: Item) -> Result:
    """Compare the value that the API says it stored with the one that was sent."""
    if str(row.get("value") or "").strip() != str(action.args["value"]).strip():
        return Result("rejected", f"the API stored {row.get('value')!r} instead")
    return Result("done")


CREATE = replace(
    v3.CREATE,
    list_of=lambda action: None,
    counts=frozenset({"bulk"}),
    is_parallel=True,
    call=lambda args, _: CALLS.create_subscriber(**args),
    read=_created,
    needed=lambda action, call: None,
    observe=_observe,
    settle=settle_creation,
    reread=BY_ID_V4,
    find=None,
    find_in_mirror=_find_in_mirror,
    bulk=lambda action: None if "fields" in action.args else CREATE_SUBSCRIBERS,
    item=lambda args, _: args,
    row_of=_created_row,
    observe_row=_observe_row,
)
UPDATE = replace(
    v3.UPDATE,
    call=lambda args, who: CALLS.update_subscriber(who, **args),
    needed=lambda action, call: None,
    observe=_observe,
    is_done=_is_updated,
    find_gone=gone_person,
)
UNSUBSCRIBE = replace(
    v3.UNSUBSCRIBE,
    address=None,
    call=lambda args, who: CALLS.unsubscribe(who),
    read=None,
    needed=lambda action, call: None,
    observe=lambda db, action, call, reply: None,
    shows_person=False,
    reread=BY_ID_V4,
    is_done=_is_unsubscribed,
    find_gone=gone_person,
)
SET_FIELD = Kind(
    name="set field",
    about="subscribers",
    counts=frozenset({"bulk"}),
    is_parallel=True,
    call=lambda args, who: CALLS.update_subscriber(who, fields={args["key"]: args["value"]}),
    settle=settle_update,
    reread=BY_ID_V4,
    find_gone=gone_person,
    bulk=lambda action: SET_FIELD_VALUES,
    item=_value,
    row_of=_set_row,
    observe_row=lambda action, row: None,
)
TABLE = WorkspaceTable(
    "subscribers",
    planners={"insert": _insert, "update": _update},
    refusals=v3.TABLE.refusals,
    streams=v3.TABLE.streams,
    writable=v3.TABLE.writable,
)
