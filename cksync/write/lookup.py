"""Reading the account to learn whether a write took effect: the parts that several kinds share."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cksync.api import Api, WritingApi
from cksync.api.salvage import readable
from cksync.api.v3.catalog import ask_one, ask_page
from cksync.domain import BY_ID, MEMBERSHIPS, Request, Slice, members
from cksync.write.action import Result, Sought

# The largest difference between clocks: anything older existed before the write.
CLOCK_DIFFERENCE = timedelta(days=1)

Records = list[dict[str, Any]]


def read(api: Api, request: Request) -> Records:
    """The records of one page, decoded."""
    return [row for _, row in readable(api.fetch(request))]


def newest_first(api: WritingApi, slice_: Slice) -> Iterator[Records]:
    """Yield the pages of a list, newest rows first; a single page if the server ignores page numbers."""
    number, last = 1, object()
    while rows := read(api, ask_page(slice_, -number)):
        if rows[0]["id"] == last:
            return
        yield rows
        number, last = number + 1, rows[0]["id"]


def has_tag(api: WritingApi, person: str, tag: int) -> bool:
    """Return True if a person has a tag, by their own list of tags; False if the person is gone."""
    listed = api.read(f"subscribers/{person}/tags", MEMBERSHIPS)
    if listed is None:
        return all(record.text is not None for record in api.fetch(ask_one(BY_ID, person, 1)).records)
    return any(row["id"] == tag for row in listed["tags"])


def memberships(
    api: WritingApi, sought: Sought, is_it: Callable[[Mapping[str, Any]], bool], *, is_whole: bool
) -> list[Result]:
    """Return the membership that `is_it` picks in the list of an action. Reads the pages that can hold a new
    membership, or with `is_whole` every page, in case it is an old one."""
    args = sought.action.args
    for rows in newest_first(api, members(args["parent"], str(args["parent_id"]))):
        for row in rows:
            if is_it(row.get("subscriber") or {"id": None}):
                return [Result("done", ids={"subscriptions": row["id"], "subscribers": row["subscriber"]["id"]})]
        if not is_whole and all(_is_older(row, sought.sent_at - CLOCK_DIFFERENCE) for row in rows):
            break
    return []


def _is_older(row: Mapping[str, Any], than: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(row.get("created_at"))) < than
    except (TypeError, ValueError):  # an invalid date, or one without a time zone
        return False
