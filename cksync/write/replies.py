"""What the API says to a write -> what it means, and the observation that it is.

Bodies come bare or wrapped, as an object or as a list of one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cksync.addresses import folded
from cksync.api.client import Call, Reply
from cksync.api.v3 import BY_ID, DETAILS, PURCHASES, members, whole
from cksync.api.writes import CALLS
from cksync.domain import Page, Record, Request, Slice
from cksync.wide import key_of_label
from cksync.write.alike import is_alike, is_taken
from cksync.write.diff import new_key
from cksync.write.gone import ONE_OF
from cksync.write.journal import Result
from cksync.write.plan import Action

Ids = Mapping[tuple[str, int], int]
# Left blank in a broadcast, these are the account's own.
_DEFAULTED = ("email_address", "email_layout_template")
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


def result_of(action: Action, call: Call, reply: Reply, who: int | None) -> Result | None:
    """What a reply of the API means for its action, which is about the person `who`; None: it does not say."""
    if not reply.is_done:
        return Result("rejected", reply.message)
    if action.what in ("rename field", "delete field", "delete broadcast", "untag"):
        return Result("done")
    try:
        return _made(action, call, msgspec.json.decode(record_of(reply)), who)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _made(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result | None:
    args = action.args
    match action.what:
        case "create person":
            person = values["subscriber"]
            if folded(str(person.get("email_address", args["email_address"]))) != folded(args["email_address"]):
                return _somebody_else("subscribed", person["id"])
            return Result("done", ids={"subscribers": int(person["id"]), "subscriptions": int(values["id"])})
        case "subscribe":
            if int(values["subscriber"]["id"]) != who:
                return _somebody_else("subscribed", values["subscriber"]["id"], who)
            return Result("done", ids={"subscriptions": int(values["id"])})
        case "unsubscribe":
            if int(values["id"]) != who:
                return _somebody_else("unsubscribed", values["id"], who)
            return Result("done") if values["state"] == "cancelled" else None
        case "create tag":
            return Result("done", ids={"tags": int(values["id"])}) if is_alike(args["name"], values["name"]) else None
        case "create field":
            label = args["label"]
            if not is_alike(label, values["label"]) and key_of_label(label) != values["key"]:
                return None
            made = {name: values[name] for name in ("key", "name")}
            return Result("done", ids={"custom_fields": int(values["id"])}, values=made)
        case "create broadcast":
            is_it = is_alike(args.get("subject"), values.get("subject"))
            return Result("done", ids={"broadcasts": int(values["id"])}) if is_it else None
        case "create purchase":
            return Result("done", ids={"purchases": int(values["id"])})
        case _:
            return checked(call, values)


def _somebody_else(done: str, whom: object, who: int | None = None) -> Result:
    """The outcome of a write by an address that another person has: it cannot be taken back, so it is said, and not
    done again."""
    instead = f", and not {who}" if who is not None else ""
    return Result("rejected", f"the API {done} the person {whom}, who has that address now{instead}")


def checked(call: Call, values: Mapping[str, Any]) -> Result:
    """The API passes over what it does not know or like without a word: compare."""
    fields, found = call.body.get("fields") or {}, values.get("fields") or {}
    basics = {name: value for name, value in call.body.items() if name != "fields" and name in values}
    missed = [name for name, value in basics.items() if not _is_taken(name, value, values[name])]
    missed += [f"fields.{name}" for name, value in fields.items() if not is_taken("", value, found.get(name))]
    if missed:
        return Result("rejected", f"the API took the rest, but not {', '.join(missed)}")
    return Result("done")


def _is_taken(name: str, sent: object, found: object) -> bool:
    if name in _DEFAULTED and not sent:
        return True
    if name == "email_address":
        return folded(str(sent)) == folded(str(found or ""))
    return is_taken(name, sent, found)


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
