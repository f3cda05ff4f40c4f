"""Broadcasts through API v4: with an audience, a template by its id, and a preview text."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.catalog import BROADCASTS, ask_one
from cksync.api.v4.writes import CALLS
from cksync.domain import BROADCASTS_BY_ID_V4
from cksync.write.action import Action, Found, ReadList, Result, Seen, Sought
from cksync.write.alike import is_alike
from cksync.write.kinds import broadcasts as v3
from cksync.write.kinds.v4.lookup import end_of, newest, page_of
from cksync.write.lookup import read
from cksync.write.planning import WorkspaceTable
from cksync.write.reply import compared

_COLUMNS = (
    *("subject", "preview_text", "description", "content", "public", "email_address", "email_template_id"),
    *("thumbnail_alt", "thumbnail_url", "published_at", "send_at", "subscriber_filter"),
)


def _values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a broadcast as the API takes them. Raises ValueError for a filter that is no JSON."""
    values = v3.values_of(row, _COLUMNS)
    if isinstance(values.get("email_template_id"), str):
        values["email_template_id"] = int(values["email_template_id"])
    text = values.get("subscriber_filter")
    if isinstance(text, str):
        try:
            values["subscriber_filter"] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise ValueError(f"subscriber_filter is not JSON: {text!r}") from None
        if not isinstance(values["subscriber_filter"], list):
            raise ValueError(
                'subscriber_filter must be a list with one group, such as [{"all": [{"type": "tag", "ids": [7]}]}]'
            )
    return values


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    """Look for a new broadcast among the newest ones."""
    wanted, rows, others = sought.action.args, [], 0
    for row in newest(api, BROADCASTS):
        if row["id"] in sought.known["broadcasts"]:
            continue
        is_it = is_alike(wanted.get("subject"), row["subject"])
        details = read(api, ask_one(BROADCASTS_BY_ID_V4, str(row["id"]), 1)) if is_it else []
        if any(is_alike(wanted.get("content"), detail.get("content")) for detail in details):
            rows.append(Result("done", ids={"broadcasts": row["id"]}))
        else:
            others += 1
    doubt = f"{others} newer broadcast{'s' * (others > 1)} in the account may be this one"
    return Found(sorted(rows, key=lambda result: result.ids["broadcasts"]), doubt if others else "")


def _is_updated(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    details = read(api, ask_one(BROADCASTS_BY_ID_V4, action.target, 1))
    return call is not None and any(compared(action, call, row).outcome == "done" for row in details)


def _gone(api: WritingApi, action: Action) -> str | None:
    return None if read(api, ask_one(BROADCASTS_BY_ID_V4, action.target, 1)) else f"broadcast {action.target}"


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(BROADCASTS_BY_ID_V4, call, reply)


def _observe_deletion(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return end_of(BROADCASTS_BY_ID_V4, int(action.target), call, reply, by_id=True)


def _is_deleted(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return not read(api, ask_one(BROADCASTS_BY_ID_V4, action.target, 1))


CREATE = replace(
    v3.CREATE,
    call=lambda args, _: CALLS.create_broadcast(**args),
    observe=_observe,
    reread=None,
    find=_find,
)
UPDATE = replace(
    v3.UPDATE,
    call=lambda args, _: CALLS.update_broadcast(**args),
    needed=lambda action, call: None,
    observe=_observe,
    reread=None,
    is_done=_is_updated,
    find_gone=_gone,
)
DELETE = replace(
    v3.DELETE,
    call=lambda args, _: CALLS.delete_broadcast(**args),
    observe=_observe_deletion,
    is_done=_is_deleted,
)
TABLE = WorkspaceTable(
    "broadcasts",
    planners=v3.planners(_values, CREATE, UPDATE, DELETE),
    refusals={},
    streams=("broadcasts",),
    writable=lambda _: _COLUMNS,
)
