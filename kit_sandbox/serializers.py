"""API v3's shape of every record, with its keys in the order of the captures."""

from collections.abc import Iterable
from typing import Any

from .codec import timestamp
from .records import Account, Broadcast, CustomField, Hook, Parent, Purchase, Subscriber, Subscription

Payload = dict[str, Any]

ACCOUNT_ID = 1_234_567  # shown only by webhooks
SUBSCRIBABLE = {"form": "form", "sequence": "course", "tag": "tag"}


def account(record: Account) -> Payload:
    """Name, plan and address: no id, no time zone."""
    return {
        "name": record.name,
        "plan_type": record.plan_type,
        "primary_email_address": record.primary_email_address,
    }


def custom_field(record: CustomField) -> Payload:
    return record._asdict()


def subscriber(record: Subscriber, custom_fields: Iterable[CustomField]) -> Payload:
    """Every custom field of the account is a key of `fields`; updated_at and cancelled_at are not shown."""
    values = record.values
    fields = {each.key: values.get(each.id) for each in custom_fields}
    return {
        "id": record.id,
        "first_name": record.first_name,
        "email_address": record.email_address,
        "state": record.state,
        "created_at": _created_at(record),
        "fields": {**fields, **record.stray_fields} if record.stray_fields else fields,
        **(record.extra or {}),
    }


def subscription(record: Subscription, person: Payload) -> Payload:
    return {
        "id": record.id,
        "state": record.state,
        "created_at": _created_at(record),
        "source": record.source,
        "referrer": record.referrer,
        "subscribable_id": record.parent_id,
        "subscribable_type": SUBSCRIBABLE[record.kind],
        "subscriber": person,
    }


def parent(record: Parent) -> Payload:
    """A form, sequence or tag in its list; in sequences created_at comes last."""
    names, created_at = {"id": record.id, "name": record.name}, _created_at(record)
    if record.kind == "sequence":
        return {**names, **record.details, "created_at": created_at}
    return {**names, "created_at": created_at, **record.details}


def person_tag(record: Parent, tagged: Subscription) -> Payload:
    """A tag in a person's own list, where created_at is the time of the tagging."""
    return {"id": record.id, "name": record.name, "created_at": _created_at(tagged)}


def broadcast_row(record: Broadcast) -> Payload:
    """The three keys of the list."""
    return {"id": record.id, "created_at": _created_at(record), "subject": record.subject}


def broadcast(record: Broadcast) -> Payload:
    """The detail: neither status nor recipients."""
    return {**broadcast_row(record), **record.details, **(record.extra or {})}


def stats(record: Broadcast) -> Payload:
    """Id and stats, with the status before the progress; `stats` is missing where the record has none."""
    if record.stats is None:
        return {"id": record.id}
    shown: Payload = {}
    for key, value in record.stats.items():
        if key == "progress":
            shown["status"] = record.status
        shown[key] = value
    return {"id": record.id, "stats": shown}


def purchase(record: Purchase) -> Payload:
    """Bare, with money as it was sent in, and without a subscriber id."""
    return {
        "id": record.id,
        "transaction_id": record.transaction_id,
        "status": record.status,
        "email_address": record.email_address,
        "currency": record.currency,
        "transaction_time": record.transaction_text,
        **record.amounts,
        "products": [dict(line) for line in record.products],
    }


def hook(record: Hook) -> Payload:
    """A webhook as its creation answers: the event's name without the prefix, its parameter as it was sent."""
    event = {**record.event, "name": _event_name(record)}
    return {"rule": {"id": record.id, "account_id": ACCOUNT_ID, "event": event, "target_url": record.target_url}}


def hook_row(record: Hook) -> Payload:
    """A webhook in the list: the parameter, whatever it was called, is the initiator_value."""
    values = [value for key, value in record.event.items() if key != "name"]
    event = {"name": _event_name(record), "initiator_value": values[0] if values else None}
    rule = {"id": record.id, "account_id": ACCOUNT_ID, "status": "enabled", "event": event}
    return {"rule": {**rule, "target_url": record.target_url}}


def _event_name(record: Hook) -> str:
    return str(record.event["name"]).partition(".")[2]


def _created_at(record: Subscriber | Subscription | Parent | Broadcast) -> str:
    return record.created_text or timestamp(record.created_ms)
