"""Every write of API v3, as a Call handed to a function that sends or returns it.

A call is repeatable if sending it twice leaves the account as sending it once does. The others create something each
time: after an unknown outcome, look it up before a repeat. Each call states the API's expected response, as documented
and as observed.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict, Unpack

from cksync.api.calls import Calls, Did
from cksync.api.http import Call
from cksync.api.responses import Expected
from cksync.domain import MEMBERSHIPS, PARENTS

# With more fields in one update, the API answers 202 and applies it later, if at all.
FIELDS_AT_ONCE = 10
# The most fields of an account.
MOST_FIELDS = 140

_PERSON = ("id", "email_address", "state")
_FIELD = Expected("custom_field", ("id", "key", "name", "label"))
_BROADCAST = Expected("broadcast", ("id", "subject", "content"))
_HOOKS = "webhooks"

Parent = Literal["form", "sequence", "tag"]
# Values of custom fields by key; '' clears one.
Fields = Mapping[str, str | None]


class Broadcast(TypedDict, total=False):
    """The values of a broadcast; times are ISO 8601."""

    subject: str | None
    description: str | None
    content: str | None
    public: bool | None
    email_address: str | None
    email_layout_template: str | None
    thumbnail_alt: str | None
    thumbnail_url: str | None
    published_at: str | None
    send_at: str | None


class Product(TypedDict, total=False):
    """A line of a purchase."""

    name: str
    sku: str
    pid: str
    lid: str
    unit_price: float
    quantity: int


class Purchase(TypedDict, total=False):
    """A purchase; `transaction_id`, `email_address`, `currency` and `products` are required."""

    transaction_id: str
    status: str
    email_address: str
    currency: str
    transaction_time: str
    subtotal: float
    tax: float
    shipping: float
    discount: float
    total: float
    products: Sequence[Product]


class HookEvent(TypedDict, total=False):
    """The event that triggers a webhook, such as {"name": "subscriber.tag_add", "tag_id": 7}."""

    name: str
    form_id: int
    sequence_id: int
    tag_id: int
    product_id: int
    initiator_value: str


class Writes(Calls[Did]):
    """The writes by name; each returns what `do` makes of its call."""

    _version = "v3"

    def subscribe(
        self,
        parent: Parent,
        parent_id: int,
        email_address: str,
        *,
        first_name: str | None = None,
        fields: Fields | None = None,
        tags: Sequence[int] = (),
    ) -> Did:
        """Subscribe a person to a `form`, `sequence` or `tag`; creates the person if needed. A form or a sequence may
        send mail, so only a tag is repeated without a lookup."""
        given = {"email": email_address, "first_name": first_name, "fields": fields or None, "tags": list(tags) or None}
        body = {name: value for name, value in given.items() if value is not None}
        same = {"subscribable_id": parent_id, "subscribable_type": PARENTS[parent]}
        expected = Expected("subscription", ("id", "subscriber", *same), same)
        path = f"{PARENTS[parent]}/{parent_id}/subscribe"
        return self._call(MEMBERSHIPS, "POST", path, body, expected, is_repeatable=parent == "tag")

    def untag(self, subscriber_id: int, tag_id: int) -> Did:
        """Remove a tag from a person."""
        path = f"subscribers/{subscriber_id}/tags/{tag_id}"
        return self._call(MEMBERSHIPS, "DELETE", path, {}, _the("tag", tag_id, "name"))

    def untag_address(self, tag_id: int, email_address: str) -> Did:
        """Remove a tag from the person with that address; the API does not report an unknown address."""
        body = {"email": email_address}
        return self._call(MEMBERSHIPS, "POST", f"tags/{tag_id}/unsubscribe", body, _the("tag", tag_id, "name"))

    def update_subscriber(
        self,
        subscriber_id: int,
        *,
        email_address: str | None = None,
        first_name: str | None = None,
        fields: Fields | None = None,
    ) -> Did:
        """Change the given values. With more than FIELDS_AT_ONCE fields, the API applies them later (202)."""
        given = {"email_address": email_address, "first_name": first_name, "fields": fields or None}
        body = {name: value for name, value in given.items() if value is not None}
        expected = _the("subscriber", subscriber_id, *_PERSON)
        return self._call("subscribers", "PUT", f"subscribers/{subscriber_id}", body, expected)

    def unsubscribe(self, email_address: str) -> Did:
        """Unsubscribe a person from every form and sequence."""
        body = {"email": email_address}
        return self._call("subscribers", "PUT", "unsubscribe", body, Expected("subscriber", _PERSON))

    def create_tag(self, name: str) -> Did:
        """Create a tag; the API refuses a name that exists."""
        expected = Expected("tag", ("id", "name"))
        return self._call("tags", "POST", "tags", {"tag": {"name": name}}, expected, is_repeatable=False)

    def create_custom_field(self, label: str) -> Did:
        """Create a custom field; the API derives its key from the label, and refuses a label that exists."""
        return self._call("custom_fields", "POST", "custom_fields", {"label": label}, _FIELD, is_repeatable=False)

    def rename_custom_field(self, field_id: int, label: str) -> Did:
        """Give a custom field another label, and with it another key."""
        return self._call("custom_fields", "PUT", f"custom_fields/{field_id}", {"label": label})

    def delete_custom_field(self, field_id: int) -> Did:
        """Delete a custom field with all its values."""
        return self._call("custom_fields", "DELETE", f"custom_fields/{field_id}", {})

    def create_broadcast(self, **values: Unpack[Broadcast]) -> Did:
        """Create a draft, or with `send_at` a scheduled broadcast."""
        return self._call("broadcasts", "POST", "broadcasts", values, _BROADCAST, is_repeatable=False)

    def update_broadcast(self, broadcast_id: int, **values: Unpack[Broadcast]) -> Did:
        """Change a draft or a scheduled broadcast."""
        expected = _the("broadcast", broadcast_id, "subject")
        return self._call("broadcasts", "PUT", f"broadcasts/{broadcast_id}", values, expected)

    def delete_broadcast(self, broadcast_id: int) -> Did:
        """Delete a draft or a scheduled broadcast."""
        return self._call("broadcasts", "DELETE", f"broadcasts/{broadcast_id}", {})

    def create_purchase(self, purchase: Purchase, integration_key: str | None = None) -> Did:
        """Create a purchase with its `products`."""
        body = {"purchase": purchase, **({"integration_key": integration_key} if integration_key else {})}
        same = {"transaction_id": purchase.get("transaction_id")}
        expected = Expected("purchase", ("id", *same), same)
        return self._call("purchases", "POST", "purchases", body, expected, is_repeatable=False)

    def create_hook(self, target_url: str, event: HookEvent) -> Did:
        """Create a webhook for an event."""
        body = {"target_url": target_url, "event": event}
        return self._call(
            _HOOKS, "POST", "automations/hooks", body, Expected("rule", ("id", "event")), is_repeatable=False
        )

    def delete_hook(self, hook_id: int) -> Did:
        """Delete a webhook."""
        expected = Expected("", ("success",), {"success": True})
        return self._call(_HOOKS, "DELETE", f"automations/hooks/{hook_id}", {}, expected)


def _the(what: str, id_: int, *keys: str) -> Expected:
    """Expect the record with this id."""
    return Expected(what, tuple(dict.fromkeys(("id", *keys))), {"id": id_})


# The calls themselves: nothing is sent.
CALLS: Writes[Call] = Writes(lambda call: call)
