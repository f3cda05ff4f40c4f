"""Read the reply to a write: its record, whether the API accepted what was sent, and its page for the log.

Bodies are bare or wrapped, an object or a list of one.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cksync.addresses import folded
from cksync.api.http import Call, Reply
from cksync.domain import BY_ID, DETAILS, Page, Record, Request, Slice
from cksync.write.action import Action, Result, Seen
from cksync.write.alike import is_accepted

# The status for "accepted, not done yet".
LATER = 202
# When blank in a broadcast, the API replaces these with the account's defaults.
_DEFAULTED = ("email_address", "email_layout_template")
_WRAPPERS = ("subscriber", "subscription", "broadcast", "purchase", "custom_field", "tag")


def result_of(action: Action, call: Call, reply: Reply, who: int | None) -> Result | None:
    """Return the result of a reply to an action about the person `who`; None if the reply does not show it."""
    if not reply.is_done:
        return Result("rejected", reply.message)
    if action.kind.read is None:
        return Result("done")
    try:
        return action.kind.read(action, call, msgspec.json.decode(record_of(reply)), who)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def compared(action: Action, call: Call, values: Mapping[str, Any], who: int | None = None) -> Result:
    """Compare the reply with what was sent, since the API silently ignores what it does not know or accept."""
    fields, found = call.body.get("fields") or {}, values.get("fields") or {}
    basics = {name: value for name, value in call.body.items() if name != "fields" and name in values}
    missed = [name for name, value in basics.items() if not _is_accepted(name, value, values[name])]
    missed += [f"fields.{name}" for name, value in fields.items() if not is_accepted("", value, found.get(name))]
    if missed:
        return Result("rejected", f"the API accepted the rest, but not {', '.join(missed)}")
    return Result("done")


def _is_accepted(name: str, sent: object, found: object) -> bool:
    if name in _DEFAULTED and not sent:
        return True
    if name == "email_address":
        return folded(str(sent)) == folded(str(found or ""))
    return is_accepted(name, sent, found)


def wrong_person(done: str, affected: object, who: int | None = None) -> Result:
    """Return the outcome of a write whose address belongs to another person: it cannot be undone, so it is reported and
    not repeated."""
    instead = f", not {who}" if who is not None else ""
    return Result("rejected", f"the API {done} person {affected}, who now has that address{instead}")


def record_of(reply: Reply) -> bytes:
    """Return the record in a reply, as the API sent it. Raises msgspec.DecodeError when there is none."""
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


def records(reply: Reply) -> tuple[Record, ...]:
    """Return the record in a reply as the only one of a page."""
    text = record_of(reply)
    return (Record(str(msgspec.json.decode(text)["id"]), text),)


def page_of(
    slice_: Slice, call: Call, reply: Reply, records: tuple[Record, ...] = (), absent: tuple[int, ...] = ()
) -> Seen:
    """Return a reply as a page for the log. New rows belong to the newest end of a paged list."""
    number = 1 if slice_ in (BY_ID, DETAILS) or slice_.name == "tags" else -1
    page = Page(Request(slice_, call.path, {}, number), reply.sent_at, reply.received_at, None, (), records)
    return page, absent
