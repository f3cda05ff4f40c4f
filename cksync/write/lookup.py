"""Whether a write of which nobody knows the outcome was executed: looked up in the account, never guessed."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from cksync.api import Api
from cksync.api.salvage import NO_JSON
from cksync.api.v3 import BROADCASTS, DETAILS, PURCHASES, ask_one, ask_page, members, whole
from cksync.domain import Page, Request
from cksync.write.journal import Result, somebody_else
from cksync.write.plan import Action

# How often a look finds nothing before that is believed: reads lag behind writes by seconds.
LOOKS = 6

Records = list[dict[str, Any]]


def look_up(
    api: Api, action: Action, known: Mapping[str, frozenset[int]], wait: Callable[[int], None]
) -> Result | None:
    """What became of an action that makes something; None: it was not executed.

    `known` are the ids that the account had before, by table; `wait` waits before the next look (0, 1, 2 ...).
    """
    for number in range(LOOKS):
        wait(number)
        found = _FINDERS[action.what](api, action, known)
        if len(found) > 1:
            return Result("unknown", f"{len(found)} rows in the account look like it; which one it is cannot be told")
        if found:
            return found[0]
    return None


def _read(api: Api, request: Request) -> Records:
    return _records(api.fetch(request))


def _records(page: Page) -> Records:
    texts = (record.text for record in page.records if record.text is not None and not record.text.startswith(NO_JSON))
    return [msgspec.json.decode(text) for text in texts]


def _find_tag(api: Api, action: Action, known: Mapping[str, frozenset[int]]) -> list[Result]:
    rows = _read(api, ask_page(whole("tags"), 1))
    return [Result("done", ids={"tags": row["id"]}) for row in rows if row["name"] == action.args["name"]]


def _find_field(api: Api, action: Action, known: Mapping[str, frozenset[int]]) -> list[Result]:
    rows = _read(api, ask_page(whole("custom_fields"), 1))
    return [
        Result("done", ids={"custom_fields": row["id"]}, values={"key": row["key"], "name": row["name"]})
        for row in rows
        if row["label"] == action.args["label"]
    ]


def _find_subscription(api: Api, action: Action, known: Mapping[str, frozenset[int]]) -> list[Result]:
    args = action.args
    slice_ = members(args["parent"], str(args["parent_id"]))
    for row in _read(api, ask_page(slice_, -1)):
        person = row.get("subscriber") or {}
        if str(person.get("email_address", "")).lower() == str(args["email_address"]).lower():
            who = int(person["id"])
            if 0 <= int(action.target) != who:
                return [somebody_else(who)]
            return [Result("done", ids={"subscriptions": int(row["id"]), "subscribers": int(person["id"])})]
    return []


def _find_broadcast(api: Api, action: Action, known: Mapping[str, frozenset[int]]) -> list[Result]:
    found = []
    for row in _read(api, ask_page(BROADCASTS, -1)):
        if row["id"] not in known["broadcasts"] and (row.get("subject") or "") == (action.args.get("subject") or ""):
            (detail,) = _read(api, ask_one(DETAILS, str(row["id"]), 1)) or [{}]
            if detail and (detail.get("content") or "") == (action.args.get("content") or ""):
                found.append(Result("done", ids={"broadcasts": int(row["id"])}))
    return found


def _find_purchase(api: Api, action: Action, known: Mapping[str, frozenset[int]]) -> list[Result]:
    wanted = action.args["purchase"]
    return [
        Result("done", ids={"purchases": int(row["id"])})
        for row in _both_ends(api)
        if row["id"] not in known["purchases"]
        and str(row["transaction_id"]) == str(wanted["transaction_id"])
        and str(row["email_address"]).lower() == str(wanted["email_address"]).lower()
    ]


def _both_ends(api: Api) -> Iterator[dict[str, Any]]:
    """The purchases of the first and of the last two pages: nobody says at which end the newest stand."""
    first = api.fetch(ask_page(PURCHASES, 1))
    last = max(first.total_pages or 1, 1)
    yield from _records(first)
    for page in sorted({last - 1, last} - {0, 1}):
        yield from _read(api, ask_page(PURCHASES, page))


_FINDERS: Mapping[str, Callable[[Api, Action, Mapping[str, frozenset[int]]], list[Result]]] = {
    "create tag": _find_tag,
    "create field": _find_field,
    "create person": _find_subscription,
    "subscribe": _find_subscription,
    "create broadcast": _find_broadcast,
    "create purchase": _find_purchase,
}
# Actions that make something, so that sending them twice is not as good as once.
LOOKED_UP = frozenset(_FINDERS)
