"""Custom fields: created, renamed and deleted. The API derives the key from the label, again at each renaming."""

from collections.abc import Iterator, Mapping
from typing import Any

from cksync.api import WritingApi
from cksync.api.http import Call
from cksync.api.salvage import readable
from cksync.api.v3.catalog import ask_page
from cksync.api.v3.writes import CALLS, MOST_FIELDS
from cksync.custom_fields import key_of_label
from cksync.domain import whole
from cksync.write.action import Action, Found, Kind, Needed, ReadList, Result, Sought
from cksync.write.alike import is_alike
from cksync.write.edits import Edit
from cksync.write.gone import ONE_OF
from cksync.write.lookup import read
from cksync.write.planning import Context, Planned, WorkspaceTable, action
from cksync.write.settle import settle_creation, settle_removal, settle_update

_LIST = whole("custom_fields")


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    there = len(context.account.labels)
    if there + len(context.new["custom_fields"]) > MOST_FIELDS:
        raise ValueError(f"an account can have at most {MOST_FIELDS} custom fields, and this one has {there}")
    label = context.names.label(edit.row["label"], edit.key[0])
    context.names.key(edit.row["key"])
    yield action(CREATE, edit.key[0], {"label": label}, edit)


def _update(context: Context, edit: Edit) -> Iterator[Planned]:
    for cell in (yield from context.wanted(edit)):
        args = {"field_id": int(edit.key[0]), "label": context.names.label(cell.mine, edit.key[0])}
        yield action(RENAME, edit.key[0], args, edit, [cell])


def _delete(context: Context, edit: Edit) -> Iterator[Planned]:
    yield action(DELETE, edit.key[0], {"field_id": int(edit.key[0])}, edit)


def created(action: Action, call: Call | None, values: Mapping[str, Any], who: int | None) -> Result | None:
    label = action.args["label"]
    if not is_alike(label, values["label"]) and key_of_label(label) != values["key"]:
        return None
    return _result(values)


def _result(values: Mapping[str, Any]) -> Result:
    return Result("done", ids={"custom_fields": int(values["id"])}, values={n: values[n] for n in ("key", "name")})


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    label = sought.action.args["label"]
    key = key_of_label(label)
    rows = read(api, ask_page(_LIST, 1))
    return Found([_result(row) for row in rows if is_alike(label, row["label"]) or (key and key == row["key"])])


def _labels(read_list: ReadList) -> dict[str, str]:
    return {str(row["id"]): row["label"] for _, row in readable(read_list(_LIST))}


def _is_renamed(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return _labels(read_list).get(action.target) == str(action.args["label"]).strip()


def _is_deleted(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return action.target not in _labels(read_list)


def _needed(action: Action, call: Call) -> Needed:
    return Needed(_LIST, action.target, ONE_OF["custom_fields"])


CREATE = Kind(
    name="create field",
    about="custom_fields",
    makes="custom_fields",
    call=lambda args, _: CALLS.create_custom_field(**args),
    read=created,
    settle=settle_creation,
    reread=_LIST,
    find=_find,
    is_refused_twice=True,
)
RENAME = Kind(
    name="rename field",
    about="custom_fields",
    call=lambda args, _: CALLS.rename_custom_field(**args),
    needed=_needed,
    settle=settle_update,
    reread=_LIST,
    is_done=_is_renamed,
)
DELETE = Kind(
    name="delete field",
    about="custom_fields",
    rule=("delete-field", "custom fields would be deleted with all their values"),
    call=lambda args, _: CALLS.delete_custom_field(**args),
    settle=settle_removal,
    reread=_LIST,
    is_done=_is_deleted,
    is_removal=True,
)
TABLE = WorkspaceTable(
    "custom_fields",
    planners={"insert": _insert, "update": _update, "delete": _delete},
    refusals={},
    streams=("custom_fields",),
    writable=lambda _: ("label",),
    why_fixed=": the API derives them from the label",
)
