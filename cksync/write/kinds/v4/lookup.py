"""Reading API v4 to learn what a write did: single records, which are current; lists only where nothing else tells,
because they are minutes behind."""

from typing import Any

from cksync.api import Api, WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.catalog import ask_list, ask_one, query_of
from cksync.domain import BY_ID_V4, MEMBERSHIPS, PARENTS, Page, Record, Request, Slice
from cksync.write.action import Action, Seen
from cksync.write.lookup import Records, read
from cksync.write.reply import records


def person(api: Api, id_: str) -> dict[str, Any] | None:
    """Return a person, None if they are gone."""
    rows = read(api, ask_one(BY_ID_V4, id_, 1))
    return rows[0] if rows else None


def has_parent(api: WritingApi, kind: str, id_: object) -> bool:
    """Return True if a form, sequence or tag exists: its list of members is there, even if empty."""
    return api.read(f"{PARENTS[kind]}/{id_}/subscribers", MEMBERSHIPS, {"per_page": "1"}) is not None


def has_tag(api: WritingApi, who: str, tag: int) -> bool:
    """Return True if a person has a tag, by their own list of tags; False if the person is gone."""
    cursor: dict[str, str] = {}
    while (found := api.read(f"subscribers/{who}/tags", MEMBERSHIPS, cursor, root="tags")) is not None:
        if any(row["id"] == tag for row in found["tags"]):
            return True
        place = found.get("pagination") or {}
        if not place.get("has_next_page"):
            return False
        cursor = {"after": str(place["end_cursor"])}
    return False


def has_field(api: WritingApi, id_: object) -> bool:
    """Return True if a custom field is in the list of all."""
    found = api.read("custom_fields", "custom_fields", {"per_page": "1000"}, root="custom_fields")
    return found is not None and any(str(row["id"]) == str(id_) for row in found["custom_fields"])


def gone_from_list(api: WritingApi, action: Action) -> str | None:
    """Return what a membership needs and is gone: its list, or its person."""
    args = action.args
    kind, id_ = (args["parent"], args["parent_id"]) if "parent" in args else ("tag", args["tag_id"])
    if not has_parent(api, kind, id_):
        return f"{kind} {id_}"
    return gone_person(api, action)


def gone_person(api: WritingApi, action: Action) -> str | None:
    """Return the person of an action if they are gone; or the custom field that it sets."""
    if person(api, action.target) is None:
        return f"person {action.target}"
    field = action.args.get("custom_field_id")
    return f"custom field {field}" if field is not None and not has_field(api, field) else None


def newest(api: Api, slice_: Slice) -> Records:
    """Return the newest rows of a list: its first page."""
    return read(api, ask_list(slice_, query_of(slice_), 0, 1, None, 1000, with_total=False))


def page_of(slice_: Slice, call: Call, reply: Reply) -> Seen:
    """Return the record in a reply as a page for the log."""
    return Page(Request(slice_, call.path), reply.sent_at, reply.received_at, None, (), records(reply)), ()


def end_of(slice_: Slice, id_: int, call: Call, reply: Reply, *, by_id: bool = False) -> Seen:
    """Return a page for the log that shows a row to be gone from its list, or (`by_id`) from the account."""
    shown = (Record(str(id_), None),) if by_id else ()
    page = Page(
        Request(slice_, call.path, key=str(id_) if by_id else None), reply.sent_at, reply.received_at, None, (), shown
    )
    return page, () if by_id else (id_,)
