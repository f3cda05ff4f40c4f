"""Tags: created. API v3 neither renames nor deletes them."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v3.catalog import ask_page
from cksync.api.v3.writes import CALLS
from cksync.domain import whole
from cksync.write.action import Action, Found, Kind, Result, Seen, Sought
from cksync.write.alike import is_alike
from cksync.write.edits import Edit
from cksync.write.lookup import read
from cksync.write.planning import Context, Planned, WorkspaceTable, action
from cksync.write.reply import page_of, records
from cksync.write.settle import settle_creation


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    yield action(CREATE, edit.key[0], {"name": context.names.tag(edit.row["name"])}, edit)


def created(action: Action, call: Call | None, values: Mapping[str, Any], who: int | None) -> Result | None:
    """Return the result that the record of a created tag shows."""
    if not is_alike(action.args["name"], values["name"]):
        return None
    return Result("done", ids={"tags": int(values["id"])})


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    rows = read(api, ask_page(whole("tags"), 1))
    name = sought.action.args["name"]
    return Found([Result("done", ids={"tags": row["id"]}) for row in rows if is_alike(name, row["name"])])


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(whole("tags"), call, reply, records(reply))


CREATE = Kind(
    name="create tag",
    about="tags",
    makes="tags",
    call=lambda args, _: CALLS.create_tag(**args),
    read=created,
    observe=_observe,
    settle=settle_creation,
    find=_find,
    is_refused_twice=True,
)
TABLE = WorkspaceTable(
    "tags",
    planners={"insert": _insert},
    refusals={"update": "the API cannot rename tags", "delete": "the API cannot delete tags"},
    streams=("tags",),
)
