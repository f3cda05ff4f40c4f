"""People: created by a first membership, changed, and unsubscribed. The API deletes nobody."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from cksync.addresses import folded, folded_sql
from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v3.catalog import ask_one
from cksync.api.v3.writes import CALLS, FIELDS_AT_ONCE
from cksync.domain import BY_ID
from cksync.write.action import Action, Found, Kind, Needed, ReadList, Result, Seen, Sought
from cksync.write.edits import Cell, Edit
from cksync.write.gone import ONE_OF
from cksync.write.kinds.memberships import (
    first_join,
    joined_list,
    mirrored,
    needed_parent,
    observe_membership,
    parent_of,
    subscribe,
)
from cksync.write.lookup import has_tag, memberships, read
from cksync.write.named import ask_address
from cksync.write.plan import Conflict
from cksync.write.planning import Context, Planned, WorkspaceTable, action, check_state
from cksync.write.reply import compared, page_of, records, wrong_person
from cksync.write.settle import settle_creation, settle_update

BASICS = ("email_address", "first_name")


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    address = str(edit.row["email_address"] or "")
    context.names.address(address)
    check_state(edit, "the API sets the state of a new person")
    first = first_join(context, edit.key[0])
    kind, parent = parent_of(context, first)
    yield from lost_values(context, edit, given_cells(edit, context.account.lost))
    cells = given_cells(edit, context.keys)
    given = {"first_name": edit.row["first_name"], "fields": values_of(context, cells[:FIELDS_AT_ONCE])}
    args = {"parent": kind, "parent_id": parent, "email_address": address}
    args |= {name: value for name, value in given.items() if value}
    rows = ((edit.table, edit.key), (first.table, first.key))
    yield Action(CREATE, str(edit.key[0]), args, rows, tuple(cells[:FIELDS_AT_ONCE]))
    for number in range(FIELDS_AT_ONCE, len(cells), FIELDS_AT_ONCE):
        part = cells[number : number + FIELDS_AT_ONCE]
        yield action(UPDATE, edit.key[0], {"fields": values_of(context, part)}, edit, part)


def given_cells(edit: Edit, columns: Mapping[str, object]) -> list[Cell]:
    """Return the values of a new person in some columns."""
    return [Cell(column, None, edit.row[column], None) for column in columns if edit.row.get(column)]


def _update(context: Context, edit: Edit) -> Iterator[Planned]:
    yield from lost_values(context, edit, edit.cells)
    lost = context.account.lost
    kept = tuple(cell for cell in edit.cells if cell.column not in lost or not cell.mine)
    cells = yield from context.wanted(replace(edit, cells=kept))
    id_ = int(edit.key[0])
    basics = {cell.column: cell.mine or "" for cell in cells if cell.column in BASICS}
    if "email_address" in basics:
        context.names.address(basics["email_address"], id_)
    fields = [cell for cell in cells if cell.column in context.keys]
    for number in range(0, max(len(fields), 1), FIELDS_AT_ONCE):
        part = fields[number : number + FIELDS_AT_ONCE]
        args = {**basics, **({"fields": values_of(context, part)} if part else {})}
        sent = [cell for cell in cells if cell in part or (cell.column in basics and number == 0)]
        if args:
            yield action(UPDATE, id_, args, edit, sent)
        basics = {}
    yield from unsubscribed(context, edit, cells, UNSUBSCRIBE)


def unsubscribed(context: Context, edit: Edit, cells: Sequence[Cell], kind: Kind) -> Iterator[Planned]:
    """Yield the action of `kind` for an edited state."""
    id_ = int(edit.key[0])
    for cell in cells:
        if cell.column == "state":
            if cell.mine != "cancelled":
                raise ValueError(f"state can only be changed to 'cancelled', which unsubscribes; got {cell.mine!r}")
            yield action(kind, id_, {"email_address": context.account.people[id_].email_address}, edit, [cell])


def lost_values(context: Context, edit: Edit, cells: Sequence[Cell]) -> Iterator[Conflict]:
    """Yield a conflict for each value of a deleted custom field, unless it was cleared."""
    for cell in cells:
        if cell.column in context.account.lost and cell.mine:
            gone = context.gone("custom_fields", context.account.lost[cell.column])
            yield Conflict(edit.table, edit.key, None, gone, (cell,))


def values_of(context: Context, cells: Sequence[Cell]) -> dict[str, str]:
    """Return the values of custom fields by key."""
    return {context.keys[cell.column]: cell.mine or "" for cell in cells}


def _created(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result:
    person, address = values["subscriber"], action.args["email_address"]
    if folded(str(person.get("email_address", address))) != folded(address):
        return wrong_person("subscribed", person["id"])
    return Result("done", ids={"subscribers": int(person["id"]), "subscriptions": int(values["id"])})


def _unsubscribed(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result | None:
    if int(values["id"]) != who:
        return wrong_person("unsubscribed", values["id"], who)
    return Result("done") if values["state"] == "cancelled" else None


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    """Look up a person by address; one whom the API hides by address, in the list that created them."""
    args = sought.action.args
    address = folded(str(args["email_address"]))
    shown = [p for p in read(api, ask_address(args["email_address"])) if folded(str(p["email_address"])) == address]

    def is_it(person: Mapping[str, Any]) -> bool:
        return person["id"] == shown[0]["id"] if shown else folded(str(person.get("email_address", ""))) == address

    if shown and args["parent"] == "tag" and not has_tag(api, str(shown[0]["id"]), args["parent_id"]):
        rows = []
    else:
        rows = memberships(api, sought, is_it, is_whole=bool(shown) and is_last)
    if not rows and shown:
        place = f"{args['parent']} {args['parent_id']}"
        return Found((), f"person {shown[0]['id']} has that address and is not in the {place}")
    return Found(rows)


def _find_in_mirror(db: duckdb.DuckDBPyConnection, action: Action) -> Result | None:
    address = folded(str(action.args["email_address"]))
    return mirrored(db, action, f"{folded_sql('person.email_address')} = ?", address)


def with_address(db: duckdb.DuckDBPyConnection, address: str) -> Result | None:
    """Return the only person in the mirror with an address, if there is one."""
    query = f"select id from mirror.main.subscribers where {folded_sql('email_address')} = ?"
    rows = db.execute(query, [folded(address)]).fetchall()
    return Result("done", ids={"subscribers": rows[0][0]}) if len(rows) == 1 else None


def _is_updated(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    if call is None:
        return False
    id_ = call.path.rpartition("/")[2]
    return any(compared(action, call, row).outcome == "done" for row in read(api, ask_one(BY_ID, id_, 1)))


def _is_unsubscribed(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return any(person["state"] == "cancelled" for person in read(api, ask_one(BY_ID, action.target, 1)))


def _needed(action: Action, call: Call) -> Needed:
    return Needed(BY_ID, call.path.partition("/")[2] or action.target, ONE_OF["subscribers"])


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(BY_ID, call, reply, records(reply))


CREATE = Kind(
    name="create person",
    about="subscribers",
    makes="subscribers",
    list_of=joined_list,
    counts=frozenset({"send", "bulk"}),
    address="free",
    call=subscribe,
    read=_created,
    needed=needed_parent,
    observe=observe_membership,
    settle=settle_creation,
    shows_person=True,
    find=_find,
    find_in_mirror=_find_in_mirror,
)
UPDATE = Kind(
    name="update person",
    about="subscribers",
    counts=frozenset({"bulk"}),
    is_parallel=True,
    call=lambda args, who: CALLS.update_subscriber(who, **args),
    read=compared,
    needed=_needed,
    observe=_observe,
    settle=settle_update,
    shows_person=True,
    is_done=_is_updated,
)
UNSUBSCRIBE = Kind(
    name="unsubscribe",
    about="subscribers",
    counts=frozenset({"unsubscribe", "bulk"}),
    address="leaves",
    is_parallel=True,
    call=lambda args, _: CALLS.unsubscribe(**args),
    read=_unsubscribed,
    needed=_needed,
    observe=_observe,
    settle=settle_update,
    shows_person=True,
    is_done=_is_unsubscribed,
)
TABLE = WorkspaceTable(
    "subscribers",
    planners={"insert": _insert, "update": _update},
    refusals={"delete": "the API cannot delete people; set state = 'cancelled' to unsubscribe"},
    streams=("subscribers", "custom_fields"),
    writable=lambda context: {*BASICS, "state", *context.keys, *context.account.lost},
)
