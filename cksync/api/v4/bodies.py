"""The values that writes of API v4 take, as documented (developers.kit.com, API reference); some are those of v3."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from cksync.api.v3.writes import Fields, Parent, Product, Purchase
from cksync.api.v3.writes import HookEvent as OldHookEvent

__all__ = [
    "Addition",
    "Broadcast",
    "Endpoint",
    "FieldValue",
    "Fields",
    "HookEvent",
    "Location",
    "NewPerson",
    "OldHookEvent",
    "Parent",
    "Product",
    "Purchase",
    "SequenceEmail",
    "SequenceSettings",
    "Snippet",
    "State",
    "Tagging",
]

# States of a new person.
State = Literal["active", "inactive", "cancelled", "bounced", "complained"]


class Broadcast(TypedDict, total=False):
    """The values of a broadcast; times are ISO 8601. `subscriber_filter` has one group of `all`, `any` or `none`."""

    subject: str | None
    preview_text: str | None
    description: str | None
    content: str | None
    public: bool | None
    email_address: str | None
    email_template_id: int | None
    allow_starting_point: bool
    thumbnail_alt: str | None
    thumbnail_url: str | None
    published_at: str | None
    send_at: str | None
    subscriber_filter: Sequence[Mapping[str, Any]]


class SequenceSettings(TypedDict, total=False):
    """The settings of a sequence, besides its name."""

    email_address: str | None
    email_template_id: int | None
    send_days: Sequence[str]
    send_hour: int
    time_zone: str
    active: bool
    repeat: bool
    hold: bool
    exclude_subscriber_sources: Sequence[Mapping[str, Any]]


class SequenceEmail(TypedDict, total=False):
    """An email of a sequence. To publish one may send it at once."""

    subject: str
    preview_text: str | None
    content: str | None
    email_template_id: int | None
    published: bool
    delay_value: int
    delay_unit: Literal["days", "hours"]
    send_days: Sequence[str] | None
    position: int


class Snippet(TypedDict, total=False):
    """Changes of a snippet; an inline one has `content`, a block `document_attributes`."""

    name: str
    content: str
    document_attributes: Mapping[str, str]
    archived: bool


class Location(TypedDict, total=False):
    """The place where a person lives. Replacing one needs all six."""

    city: str | None
    state_province: str | None
    country_code: str | None
    latitude: float | None
    longitude: float | None
    timezone: str | None


class HookEvent(OldHookEvent, total=False):
    """The event that triggers a webhook, such as {"name": "subscriber.tag_add", "tag_id": 7}."""

    custom_field_id: int


class Endpoint(TypedDict, total=False):
    """Changes of a webhook endpoint; `events` replaces the set."""

    name: str
    url: str
    events: Sequence[str]
    status: Literal["active", "disabled"]
    description: str | None


class Tagging(TypedDict):
    """A tag of a person."""

    tag_id: int
    subscriber_id: int


class _Addition(TypedDict):
    form_id: int
    subscriber_id: int


class Addition(_Addition, total=False):
    """A person to add to a form; `referrer` is the address with its UTM parameters."""

    referrer: str | None


class FieldValue(TypedDict):
    """The value of a custom field of a person; '' clears it."""

    subscriber_id: int
    subscriber_custom_field_id: int
    value: str | None


class _NewPerson(TypedDict):
    email_address: str


class NewPerson(_NewPerson, total=False):
    """A person to create; of one who exists, the first name is overwritten. Custom fields are ignored in bulk."""

    first_name: str | None
    state: State
