"""Custom fields through API v4: an existing label gives the existing field; the rest is as in v3."""

from dataclasses import replace

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.bulk_kinds import CREATE_CUSTOM_FIELDS, Item
from cksync.api.v4.writes import CALLS
from cksync.domain import Record, whole
from cksync.write.action import Action, ReadList, Result, Seen, SeenRow
from cksync.write.kinds import custom_fields as v3
from cksync.write.kinds.v4.lookup import end_of, has_field, page_of

_LIST = whole("custom_fields", "v4")


def _row_of(action: Action, row: Item) -> Result:
    return v3.created(action, None, row, None) or Result("rejected", f"the API returned {row.get('label')!r} instead")


def _find_in_mirror(db: duckdb.DuckDBPyConnection, action: Action) -> Result | None:
    """Return the field of that label that the mirror got since the checkout; the API returns the same one again."""
    query = """
        select id, key, name from mirror.main.custom_fields anti join base.custom_fields using (id)
        where trim(label) = trim(?)
    """
    row = db.execute(query, [action.args["label"]]).fetchone()
    return Result("done", ids={"custom_fields": row[0]}, values={"key": row[1], "name": row[2]}) if row else None


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(_LIST, call, reply)


def _observe_row(action: Action, row: Item | None) -> SeenRow | None:
    if row is None:
        return None
    shown = {name: row[name] for name in ("id", "name", "key", "label")}  # the list shows no more
    return _LIST, (Record(str(row["id"]), msgspec.json.encode(shown)),), ()


def _observe_deletion(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return end_of(_LIST, int(action.target), call, reply)


def _is_deleted(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return True  # a 404 of a field by its id


def _gone(api: WritingApi, action: Action) -> str | None:
    return None if has_field(api, action.target) else f"custom field {action.target}"


CREATE = replace(
    v3.CREATE,
    is_parallel=True,
    call=lambda args, _: CALLS.create_custom_field(**args),
    observe=_observe,
    reread=None,
    find=None,
    find_in_mirror=_find_in_mirror,
    is_refused_twice=False,
    bulk=lambda action: CREATE_CUSTOM_FIELDS,
    item=lambda args, _: args,
    row_of=_row_of,
    observe_row=_observe_row,
)
RENAME = replace(
    v3.RENAME,
    call=lambda args, _: CALLS.rename_custom_field(**args),
    needed=lambda action, call: None,
    observe=_observe,
    reread=None,
    is_done=None,
    find_gone=_gone,
)
DELETE = replace(
    v3.DELETE,
    call=lambda args, _: CALLS.delete_custom_field(**args),
    observe=_observe_deletion,
    reread=None,
    is_done=_is_deleted,
)
TABLE = v3.TABLE
