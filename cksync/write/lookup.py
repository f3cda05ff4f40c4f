"""Whether a write of which nobody knows the outcome was executed: looked up in the account, never guessed.

What the account has is compared with what the API would have made of what was sent, and what is new there since
is counted: if something is, and it cannot be told whether it is this, the outcome stays unknown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cksync.addresses import folded
from cksync.api import WritingApi
from cksync.api.client import Call
from cksync.api.salvage import readable
from cksync.api.v3 import BROADCASTS, BY_ID, DETAILS, PURCHASES, ask_one, ask_page, members, whole
from cksync.domain import Page, Request, Slice
from cksync.wide import key_of_label
from cksync.write.alike import is_alike
from cksync.write.journal import Result
from cksync.write.named import ask_address
from cksync.write.plan import Action
from cksync.write.replies import checked

# How often a look finds nothing before that is believed: reads lag behind writes by seconds.
LOOKS = 6
# Clocks differ, but by no more: what is older than that was there before.
CLOCKS = timedelta(days=1)

Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: an action, with the ids of what was made meanwhile; when it was sent; the ids that the
    account had before, by table; and how many wishes without an outcome are like it."""

    action: Action
    sent_at: datetime
    known: Mapping[str, frozenset[int]]
    wishes: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What a look has found: rows that are as it would be, and why none being there proves nothing."""

    rows: Sequence[Result] = ()
    doubt: str = ""


def look_up(api: WritingApi, sought: Sought, looks: int, wait: Callable[[int], None]) -> Result | None:
    """What became of an action that makes something; None: it was not executed.

    `wait` waits before the next look (0, 1, 2 ...). Raises what Api.fetch raises.
    """
    doubt = ""
    for number in range(looks):
        wait(number)
        found = _FINDERS[sought.action.what](api, sought, number + 1 == looks)
        if len(found.rows) > sought.wishes:
            many = f"{len(found.rows)} rows in the account look like it; which one it is cannot be told"
            return Result("unknown", many)
        if found.rows:
            return found.rows[0]
        doubt = found.doubt
    return Result("unknown", doubt) if doubt else None


def is_done(api: WritingApi, call: Call, action: Action, read_list: Callable[[Slice], Page]) -> bool:
    """Whether a write that makes nothing is in the account: what it changes is read. `read_list` reads an unpaged
    list whole. Raises what Api.fetch raises."""
    method, key = call.method, call.path.rpartition("/")[2]
    match action.what:
        case "untag":
            return not _has_tag(api, call.path.split("/")[1], int(key))
        case "delete broadcast":
            return any(record.text is None for record in api.fetch(ask_one(DETAILS, key, 1)).records)
        case "rename field" | "delete field":
            labels = {record.key: row["label"] for record, row in readable(read_list(whole("custom_fields")))}
            return key not in labels if method == "DELETE" else labels.get(key) == call.body["label"].strip()
        case "unsubscribe":
            people = _read(api, ask_one(BY_ID, action.target, 1))
            return any(person["state"] == "cancelled" for person in people)
        case "update person" | "update broadcast":
            slice_ = BY_ID if action.what == "update person" else DETAILS
            return any(checked(call, row).outcome == "done" for row in _read(api, ask_one(slice_, key, 1)))
        case _:
            return False


def _has_tag(api: WritingApi, person: str, tag: int) -> bool:
    """Whether somebody has a tag, as their own list says; nobody who is gone has one."""
    listed = api.read(f"subscribers/{person}/tags")
    if listed is None:
        return all(record.text is not None for record in api.fetch(ask_one(BY_ID, person, 1)).records)
    return any(row["id"] == tag for row in listed["tags"])


def _read(api: WritingApi, request: Request) -> Records:
    return [row for _, row in readable(api.fetch(request))]


def _newest_first(api: WritingApi, slice_: Slice) -> Iterator[Records]:
    """The pages of a list, the newest rows first; a server that knows no pages gives one."""
    number, last = 1, object()
    while rows := _read(api, ask_page(slice_, -number)):
        if rows[0]["id"] == last:
            return
        yield rows
        number, last = number + 1, rows[0]["id"]


def _find_tag(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    rows = _read(api, ask_page(whole("tags"), 1))
    name = sought.action.args["name"]
    return Found([Result("done", ids={"tags": row["id"]}) for row in rows if is_alike(name, row["name"])])


def _find_field(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    rows = _read(api, ask_page(whole("custom_fields"), 1))
    label = sought.action.args["label"]
    key = key_of_label(label)
    return Found(
        [
            Result("done", ids={"custom_fields": row["id"]}, values={"key": row["key"], "name": row["name"]})
            for row in rows
            if is_alike(label, row["label"]) or (key and key == row["key"])
        ]
    )


def _find_new_person(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    """By the address; whom the API does not show by it, in the list that made them."""
    args = sought.action.args
    address = folded(str(args["email_address"]))
    shown = [p for p in _read(api, ask_address(args["email_address"])) if folded(str(p["email_address"])) == address]

    def is_it(person: Mapping[str, Any]) -> bool:
        return person["id"] == shown[0]["id"] if shown else folded(str(person.get("email_address", ""))) == address

    if shown and args["parent"] == "tag" and not _has_tag(api, str(shown[0]["id"]), args["parent_id"]):
        rows = []
    else:
        rows = _memberships(api, sought, is_it, is_whole=bool(shown) and is_last)
    if not rows and shown:
        place = f"{args['parent']} {args['parent_id']}"
        return Found((), f"the person {shown[0]['id']} has that address, and is not in the {place}")
    return Found(rows)


def _find_subscription(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    args, who = sought.action.args, sought.action.target
    is_tag = args["parent"] == "tag"
    if is_tag and not _has_tag(api, who, args["parent_id"]):
        return Found()
    return Found(_memberships(api, sought, lambda person: str(person["id"]) == who, is_whole=is_tag and is_last))


def _memberships(
    api: WritingApi, sought: Sought, is_it: Callable[[Mapping[str, Any]], bool], *, is_whole: bool
) -> list[Result]:
    """Somebody's membership of the list that an action is about: on all pages that can have it, were it new; on
    all there are if it may be an old one."""
    args = sought.action.args
    for rows in _newest_first(api, members(args["parent"], str(args["parent_id"]))):
        for row in rows:
            if is_it(row.get("subscriber") or {"id": None}):
                return [Result("done", ids={"subscriptions": row["id"], "subscribers": row["subscriber"]["id"]})]
        if not is_whole and all(_is_older(row, sought.sent_at - CLOCKS) for row in rows):
            break
    return []


def _is_older(row: Mapping[str, Any], than: datetime) -> bool:
    try:
        return datetime.fromisoformat(str(row.get("created_at"))) < than
    except (TypeError, ValueError):  # no date that exists, or none with a zone
        return False


def _find_broadcast(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    rows: list[Result] = []
    others = 0
    wanted = sought.action.args
    for page in _newest_first(api, BROADCASTS):
        new = [row for row in page if row["id"] not in sought.known["broadcasts"]]
        for row in new:
            is_it = is_alike(wanted.get("subject"), row["subject"])
            details = _read(api, ask_one(DETAILS, str(row["id"]), 1)) if is_it else []
            if any(is_alike(wanted.get("content"), detail.get("content")) for detail in details):
                rows.append(Result("done", ids={"broadcasts": row["id"]}))
            else:
                others += 1
        if not new:
            break
    doubt = f"{others} broadcast{'s' * (others > 1)} in the account came since, and may be it"
    return Found(sorted(rows, key=lambda result: result.ids["broadcasts"]), doubt if others else "")


def _find_purchase(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    """At both ends of the list, for nobody says at which one the newest stand; at last on every page."""
    wanted = sought.action.args["purchase"]
    new = [
        row
        for row in _purchases(api, is_whole=is_last)
        if row["id"] not in sought.known["purchases"] and str(row["transaction_id"]) == str(wanted["transaction_id"])
    ]
    buyer = folded(str(wanted["email_address"]))
    rows = [Result("done", ids={"purchases": row["id"]}) for row in new if folded(str(row["email_address"])) == buyer]
    return Found(rows, "" if rows or not new else "a purchase by somebody else has that transaction_id since")


def _purchases(api: WritingApi, *, is_whole: bool) -> Iterator[dict[str, Any]]:
    first = api.fetch(ask_page(PURCHASES, 1))
    last = max(first.total_pages or 1, 1)
    seen: set[int] = set()
    for number in range(1, last + 1) if is_whole else sorted({1, last - 1, last} - {0}):
        rows = [row for _, row in readable(first)] if number == 1 else _read(api, ask_page(PURCHASES, number))
        if not rows:
            return
        yield from (row for row in rows if row["id"] not in seen)
        seen |= {row["id"] for row in rows}


_FINDERS: Mapping[str, Callable[[WritingApi, Sought, bool], Found]] = {
    "create tag": _find_tag,
    "create field": _find_field,
    "create person": _find_new_person,
    "subscribe": _find_subscription,
    "create broadcast": _find_broadcast,
    "create purchase": _find_purchase,
}
# Actions that make something, so that sending them twice is not as good as once.
LOOKED_UP = frozenset(_FINDERS)
# Those that the API refuses the second time, by their name.
REFUSED_TWICE = frozenset({"create tag", "create field"})
