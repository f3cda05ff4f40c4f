"""The records of a ConvertKit account: immutable, replaced by every edit.

Times are milliseconds since 1970 in UTC (`*_ms`). Some captures show times that exist on no calendar or clock
(`T11:11:566Z`, 2014-02-29); such a text is stored beside the moment that orders the record (`created_text`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Json = Any
Kind = Literal["form", "sequence", "tag"]
State = Literal["active", "inactive", "cancelled", "bounced", "complained"]
Money = Decimal | int | float | str | None

KINDS: tuple[Kind, ...] = ("form", "sequence", "tag")
STATES: tuple[State, ...] = ("active", "inactive", "cancelled", "bounced", "complained")


class Account(NamedTuple):
    """The owner of everything; the API returns neither its id nor its time zone."""

    name: str
    primary_email_address: str
    plan_type: str = "creator_pro"


class CustomField(NamedTuple):
    """`key` follows the label when it is renamed, `name` keeps the first key for ever."""

    id: int
    name: str
    key: str
    label: str


class Subscriber(NamedTuple):
    """A person. `updated_ms` and `cancelled_ms` exist at the server and are never shown.

    `values` holds the set values, by custom field id; `stray_fields` are keys in `fields` without a custom field,
    `extra` unknown keys of the record itself.
    """

    id: int
    email_address: str
    first_name: str | None
    state: State
    created_ms: int
    updated_ms: int
    cancelled_ms: int | None
    values: Mapping[int, Json]
    created_text: str | None = None
    stray_fields: Mapping[str, Json] | None = None
    extra: Mapping[str, Json] | None = None


class Subscription(NamedTuple):
    """A membership of a person in a form, a sequence or a tag; its state is not the person's."""

    id: int
    kind: Kind
    parent_id: int
    subscriber_id: int
    state: str
    created_ms: int
    source: str | None = None
    referrer: str | None = None
    created_text: str | None = None


@dataclass
class Roster:
    """The memberships of one form, sequence or tag, by subscriber id; `former` are those removed."""

    members: dict[int, Subscription] = field(default_factory=dict)
    former: dict[int, Subscription] = field(default_factory=dict)
    version: int = 0


class Parent(NamedTuple):
    """A form, a sequence or a tag; `details` are the further keys the API shows, in their order."""

    id: int
    kind: Kind
    name: str
    created_ms: int
    details: Mapping[str, Json]
    created_text: str | None = None


class Broadcast(NamedTuple):
    """An email to the list. `stats` is None if the API responds without them."""

    id: int
    created_ms: int
    subject: str | None
    status: str
    details: Mapping[str, Json]
    stats: Mapping[str, Json] | None
    created_text: str | None = None
    extra: Mapping[str, Json] | None = None


class Purchase(NamedTuple):
    """An order. `transaction_text` is what the API shows, `transaction_ms` the moment it means."""

    id: int
    transaction_id: str
    status: str
    email_address: str
    currency: str
    transaction_ms: int
    transaction_text: str
    amounts: Mapping[str, Money]
    products: tuple[Mapping[str, Json], ...]


class Hook(NamedTuple):
    """A webhook. `event` is as requested: the name with its prefix, and a parameter where it takes one."""

    id: int
    target_url: str
    event: Mapping[str, Json]


class Mail(NamedTuple):
    """An email that the API was told to send to the whole list, and when."""

    broadcast_id: int
    send_at: str
