"""What the API says to a write -> what it means, and the observation that it is.

Bodies come bare or wrapped, as an object or as a list of one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cksync.api.client import Call, Reply
from cksync.api.v3 import BY_ID, DETAILS, PURCHASES, members, whole
from cksync.api.writes import CALLS
from cksync.domain import Page, Record, Request, Slice
from cksync.write.diff import new_key
from cksync.write.gone import ONE_OF
from cksync.write.journal import Result, somebody_else
from cksync.write.plan import Action

Ids = Mapping[tuple[str, int], int]
_WRAPPERS = ("subscriber", "subscription", "broadcast", "purchase", "custom_field", "tag")


def call_of(action: Action, ids: Ids, keys: Mapping[str, str]) -> Call:
    """The write of an action. `ids` are those of rows made meanwhile, `keys` those of fields. Raises KeyError
    when it needs a row that could not be made."""
    args = dict(action.args)
    for name, table in (("parent_id", "tags"), ("tag_id", "tags"), ("subscriber_id", "subscribers")):
        if isinstance(args.get(name), int) and args[name] < 0:
            args[name] = ids[table, args[name]]
    if action.what == "subscribe" and int(action.target) < 0:
        ids["subscribers", int(action.target)]  # by the address alone it would make somebody without a name
    if "fields" in args:
        args["fields"] = {keys[key] if key.startswith("@") else key: value for key, value in args["fields"].items()}
    match action.what:
        case "create person" | "subscribe":
            parent, parent_id, address = args.pop("parent"), args.pop("parent_id"), args.pop("email_address")
            return CALLS.subscribe(parent, parent_id, address, **args)
        case "update person":
            who = int(action.target)
            return CALLS.update_subscriber(ids["subscribers", who] if who < 0 else who, **args)
        case "create purchase":
            return CALLS.create_purchase(args["purchase"])
        case _:
            return _METHODS[action.what](**args)


_METHODS: Mapping[str, Callable[..., Call]] = {
    "unsubscribe": CALLS.unsubscribe,
    "untag": CALLS.untag,
    "create tag": CALLS.create_tag,
    "create field": CALLS.create_custom_field,
    "rename field": CALLS.rename_custom_field,
    "delete field": CALLS.delete_custom_field,
    "create broadcast": CALLS.create_broadcast,
    "update broadcast": CALLS.update_broadcast,
    "delete broadcast": CALLS.delete_broadcast,
}


def result_of(action: Action, call: Call, reply: Reply) -> Result:
    """What a reply means for its action."""
    if not reply.is_done:
        if reply.status == 404 and action.what in ("untag", "delete broadcast", "delete field"):
            return Result("done", "it was gone already")
        return Result("rejected", reply.message)
    if action.what in ("rename field", "delete field", "delete broadcast", "untag"):
        return Result("done")
    try:
        return _made(action, call, record_of(reply))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return Result("unknown", f"the API answered {reply.status}, and not with what was to be made")


def _made(action: Action, call: Call, record: bytes) -> Result:
    values = msgspec.json.decode(record)
    match action.what:
        case "create person":
            return Result("done", ids={"subscribers": int(values["subscriber"]["id"]), "subscriptions": values["id"]})
        case "subscribe":
            who = int(values["subscriber"]["id"])
            if 0 <= int(action.target) != who:
                return somebody_else(who)
            return Result("done", ids={"subscriptions": int(values["id"])})
        case "create tag":
            return Result("done", ids={"tags": int(values["id"])})
        case "create field":
            return Result(
                "done", ids={"custom_fields": int(values["id"])}, values={n: values[n] for n in ("key", "name")}
            )
        case "create broadcast":
            return Result("done", ids={"broadcasts": int(values["id"])})
        case "create purchase":
            return Result("done", ids={"purchases": int(values["id"])})
        case "unsubscribe":
            return (
                Result("done") if values["state"] == "cancelled" else Result("unknown", f"is {values['state']} still")
            )
        case _:
            return checked(call, values)


def checked(call: Call, values: Mapping[str, Any]) -> Result:
    """The API passes over what it does not know or like without a word: compare."""
    fields, found = call.body.get("fields") or {}, values.get("fields") or {}
    basics = {name: value for name, value in call.body.items() if name != "fields" and name in values}
    missed = [name for name, value in basics.items() if not _same(value, values[name])]
    missed += [f"fields.{name}" for name, value in fields.items() if not _same(value, found.get(name))]
    if missed:
        return Result("rejected", f"the API took the rest, but not {', '.join(missed)}")
    return Result("done")


def _same(sent: object, found: object) -> bool:
    texts = [str(value).lower() if isinstance(value, bool) else str(value or "") for value in (sent, found)]
    return texts[0] == texts[1] or (texts[0][:19] == texts[1][:19] and "T" in texts[0][:19])


def record_of(reply: Reply) -> bytes:
    """The record in a reply, as the API sent it. Raises msgspec.DecodeError when there is none."""
    raw = msgspec.json.decode(reply.body, type=msgspec.Raw)
    for _ in range(2):
        text = bytes(raw).strip()
        if text[:1] == b"[":
            (raw,) = msgspec.json.decode(text, type=list[msgspec.Raw])
            continue
        top = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        inner = next((top[name] for name in _WRAPPERS if name in top and "id" not in top), None)
        if inner is None:
            return text
        raw = inner
    return bytes(raw)


def missed(action: Action, call: Call) -> tuple[Slice, str, str] | None:
    """The row that a write needs, which a 404 may say is gone: where it is to be found, its id, and what it is."""
    match action.what:
        case "update person" | "unsubscribe":
            return BY_ID, call.path.partition("/")[2] or action.target, ONE_OF["subscribers"]
        case "update broadcast":
            return DETAILS, action.target, ONE_OF["broadcasts"]
        case "rename field":
            return whole("custom_fields"), action.target, ONE_OF["custom_fields"]
        case "create person" | "subscribe":
            parents, id_, _ = call.path.split("/")
            return whole(parents), id_, ONE_OF[parents]
        case _:
            return None


def observation(action: Action, call: Call, reply: Reply) -> tuple[Page, tuple[int, ...]] | None:
    """A reply as a page of the log, and the ids that it proves to be gone from their list."""
    absent: tuple[int, ...] = ()
    records: tuple[Record, ...] = ()
    match action.what:
        case "update person" | "unsubscribe":
            slice_, records = BY_ID, _records(reply)
        case "create person" | "subscribe":
            parent = {"forms": "form", "sequences": "sequence", "tags": "tag"}[call.path.split("/")[0]]
            slice_, records = members(parent, call.path.split("/")[1]), _records(reply)
        case "untag":
            _, tag, key = action.settles[0][1].split(", ")
            slice_, absent = members("tag", tag), (int(key),)
        case "create tag":
            slice_, records = whole("tags"), _records(reply)
        case "create broadcast" | "update broadcast":
            slice_, records = DETAILS, _records(reply)
        case "delete broadcast":
            slice_, records = DETAILS, (Record(action.target, None),)
        case "create purchase":
            slice_, records = PURCHASES, _records(reply)
        case _:
            return None
    page = Page(Request(slice_, call.path, {}, _place(slice_)), reply.sent_at, reply.received_at, None, (), records)
    return page, absent


def _place(slice_: Slice) -> int:
    """New rows stand at the newest end of a paged list."""
    return 1 if slice_ in (BY_ID, DETAILS) or slice_.name == "tags" else -1


def _records(reply: Reply) -> tuple[Record, ...]:
    text = record_of(reply)
    return (Record(str(msgspec.json.decode(text)["id"]), text),)


def field_key(action: Action, result: Result) -> tuple[str, str]:
    """What stood for the key of a field that was made, and the key."""
    return new_key(int(action.target)), str(result.values["key"])
