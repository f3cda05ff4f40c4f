"""Tags through API v4: created, renamed, and with OAuth deleted with their memberships."""

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.bulk import bulk_call
from cksync.api.v4.bulk_kinds import CREATE_TAGS, DELETE_TAGS, Item
from cksync.api.v4.writes import CALLS
from cksync.domain import Record, members, whole
from cksync.write.action import Action, Kind, ReadList, Result, Seen, SeenRow
from cksync.write.edits import Edit
from cksync.write.kinds import tags as v3
from cksync.write.kinds.v4.lookup import has_parent, page_of
from cksync.write.planning import Context, Planned, WorkspaceTable, action
from cksync.write.settle import settle_removal, settle_update

_LIST = whole("tags", "v4")


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    yield action(CREATE, edit.key[0], {"name": context.names.tag(edit.row["name"])}, edit)


def _update(context: Context, edit: Edit) -> Iterator[Planned]:
    for cell in (yield from context.wanted(edit)):
        id_ = int(edit.key[0])
        yield action(RENAME, id_, {"tag_id": id_, "name": context.names.tag(cell.mine, id_)}, edit, [cell])


def _delete(context: Context, edit: Edit) -> Iterator[Planned]:
    if not context.through.has_oauth:
        raise ValueError("API v4 deletes tags through OAuth only; run `cksync login`")
    yield action(DELETE, edit.key[0], {"tag_id": int(edit.key[0])}, edit)


def _row_of(action: Action, row: Item) -> Result:
    return v3.created(action, None, row, None) or Result("rejected", f"the API returned {row.get('name')!r} instead")


def _find_in_mirror(db: duckdb.DuckDBPyConnection, action: Action) -> Result | None:
    """Return the tag of that name that the mirror got since the checkout; the API returns the same one again."""
    query = "select id from mirror.main.tags anti join base.tags using (id) where lower(trim(name)) = lower(trim(?))"
    row = db.execute(query, [action.args["name"]]).fetchone()
    return Result("done", ids={"tags": row[0]}) if row else None


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(_LIST, call, reply)


def _observe_row(action: Action, row: Item | None) -> SeenRow | None:
    return (_LIST, (Record(str(row["id"]), msgspec.json.encode(row)),), ()) if row is not None else None


def _is_deleted(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return not has_parent(api, "tag", action.target)


def _gone(api: WritingApi, action: Action) -> str | None:
    return None if has_parent(api, "tag", action.target) else f"tag {action.target}"


CREATE = replace(
    v3.CREATE,
    is_parallel=True,
    call=lambda args, _: CALLS.create_tag(**args),
    observe=_observe,
    find=None,
    find_in_mirror=_find_in_mirror,
    is_refused_twice=False,
    bulk=lambda action: CREATE_TAGS,
    item=lambda args, _: args,
    row_of=_row_of,
    observe_row=_observe_row,
)
RENAME = Kind(
    name="rename tag",
    about="tags",
    call=lambda args, _: CALLS.rename_tag(**args),
    observe=_observe,
    settle=settle_update,
    find_gone=_gone,
)
DELETE = Kind(
    name="delete tag",
    about="tags",
    rule=("delete-tag", "tags would be deleted with all their memberships"),
    is_parallel=True,
    call=lambda args, _: bulk_call(DELETE_TAGS, [{"id": args["tag_id"]}]).call,
    settle=settle_removal,
    is_done=_is_deleted,
    is_removal=True,
    ends=lambda action: members("tag", action.target, "v4"),
    bulk=lambda action: DELETE_TAGS,
    item=lambda args, _: {"id": args["tag_id"]},
    row_of=lambda action, row: Result("done"),
    observe_row=lambda action, row: (_LIST, (), (int(action.target),)),
)
TABLE = WorkspaceTable(
    "tags",
    planners={"insert": _insert, "update": _update, "delete": _delete},
    refusals={},
    streams=("tags",),
    writable=lambda _: ("name",),
)
