"""Memberships through API v4: by the id of the person, in bulk for tags and forms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.bulk_kinds import ADD_TO_FORMS, TAG, Bulk, Item
from cksync.api.v4.bulk_kinds import UNTAG as UNTAG_MANY
from cksync.api.v4.writes import CALLS
from cksync.domain import Record, Slice, members
from cksync.write.action import Action, ReadList, Result, Seen, SeenRow
from cksync.write.kinds import memberships as v3
from cksync.write.kinds.v4.lookup import end_of, gone_from_list, has_tag, page_of
from cksync.write.settle import settle_creation, settle_removal

_BULK: Mapping[str, Bulk] = {"tag": TAG, "form": ADD_TO_FORMS}


def _list_joined(action: Action) -> Slice:
    return members(action.args["parent"], str(action.args["parent_id"]), "v4")


def _list_left(action: Action) -> Slice:
    return members("tag", str(action.args["tag_id"]), "v4")


def _item(args: dict[str, Any], who: int) -> Item:
    return {f"{args['parent']}_id": args["parent_id"], "subscriber_id": who}


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    parents, id_, *_ = call.path.split("/")
    return page_of(members(v3.KIND_OF[parents], id_, "v4"), call, reply)


def _observe_row(action: Action, row: Item | None) -> SeenRow | None:
    if row is None:
        return None
    return _list_joined(action), (Record(str(row["id"]), msgspec.json.encode(row)),), ()


def _is_untagged(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return not has_tag(api, action.target, action.args["tag_id"])


def _observe_untagging(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return end_of(_list_left(action), int(action.target), call, reply)


SUBSCRIBE = replace(
    v3.SUBSCRIBE,
    list_of=_list_joined,
    address=None,
    call=lambda args, who: CALLS.add(args["parent"], args["parent_id"], who),
    read=None,
    needed=lambda action, call: None,
    observe=_observe,
    settle=settle_creation,
    find=None,
    find_in_mirror=None,
    is_idempotent=lambda action: True,
    find_gone=gone_from_list,
    bulk=lambda action: _BULK.get(str(action.args["parent"])),
    item=_item,
    row_of=lambda action, row: Result("done"),
    observe_row=_observe_row,
)
UNTAG = replace(
    v3.UNTAG,
    list_of=_list_left,
    call=lambda args, who: CALLS.untag(args["subscriber_id"], args["tag_id"]),
    needed=lambda action, call: None,
    observe=_observe_untagging,
    settle=settle_removal,
    is_done=_is_untagged,
    bulk=lambda action: UNTAG_MANY,
    item=lambda args, who: {"tag_id": args["tag_id"], "subscriber_id": args["subscriber_id"]},
    row_of=lambda action, row: Result("done"),
    observe_row=lambda action, row: (_list_left(action), (), (int(action.target),)),
)
