"""Every write of API v4 but bulk calls, as a Call handed to a function that sends or returns it.

A call is repeatable if sending it twice leaves the account as sending it once does: API v4 returns the tag, field,
person or membership that exists. The others create something each time, or show something once. After an unknown
outcome, look it up before a repeat. Each call states the API's expected response, as documented and as observed.
"""

from collections.abc import Sequence
from typing import Literal, Unpack

from cksync.api.calls import Calls, Did
from cksync.api.http import Call
from cksync.api.responses import Expected
from cksync.api.v4.bodies import (
    Broadcast,
    Endpoint,
    Fields,
    HookEvent,
    Location,
    OldHookEvent,
    Parent,
    Purchase,
    SequenceEmail,
    SequenceSettings,
    Snippet,
    State,
)
from cksync.domain import MEMBERSHIPS, PARENTS

# With more fields in one write, the API answers 202 with the former values, and applies them later.
FIELDS_AT_ONCE = 10

_PERSON = ("id", "email_address", "state")
_FIELD = ("id", "key", "name", "label")
_ENDPOINT, _HOOKS, _ENDPOINTS = ("id", "url", "events"), "webhooks", "webhook_endpoints"


def _a(wrapper: str, keys: tuple[str, ...], **same: object) -> Expected:
    """Expect a record in its wrapper, with these values."""
    return Expected(wrapper, tuple(dict.fromkeys((*keys, *same))), same, is_strict=True)


class Writes(Calls[Did]):
    """The writes by name; each returns what `do` makes of its call."""

    _version = "v4"

    # -- people

    def create_subscriber(
        self,
        email_address: str,
        *,
        first_name: str | None = None,
        state: State | None = None,
        fields: Fields | None = None,
    ) -> Did:
        """Create a person. Of one who exists, it overwrites the first name and the given fields, but not the state."""
        given = {"first_name": first_name, "state": state, "fields": fields or None}
        body = {"email_address": email_address, **{name: value for name, value in given.items() if value is not None}}
        return self._call(
            "subscribers", "POST", "subscribers", body, _a("subscriber", _PERSON, email_address=email_address)
        )

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
        return self._call(
            "subscribers", "PUT", f"subscribers/{subscriber_id}", body, _a("subscriber", _PERSON, id=subscriber_id)
        )

    def unsubscribe(self, subscriber_id: int) -> Did:
        """Unsubscribe a person from everything. No call reverses it."""
        return self._call("subscribers", "POST", f"subscribers/{subscriber_id}/unsubscribe", {})

    def set_location(self, subscriber_id: int, location: Location) -> Did:
        """Pin where a person lives; what is not given is unknown."""
        return self._location("POST", subscriber_id, location)

    def replace_location(self, subscriber_id: int, location: Location) -> Did:
        """Replace a pinned location, all six parts of it."""
        return self._location("PATCH", subscriber_id, location)

    def _location(self, method: str, subscriber_id: int, location: Location) -> Did:
        expected = Expected("location", ("city", "country_code"), is_strict=True)
        return self._call(
            "subscribers", method, f"subscribers/{subscriber_id}/location", {"location": location}, expected
        )

    def delete_location(self, subscriber_id: int) -> Did:
        """Remove a pinned location."""
        return self._call("subscribers", "DELETE", f"subscribers/{subscriber_id}/location", {})

    # -- tags, and the members of tags, forms and sequences

    def create_tag(self, name: str) -> Did:
        """Create a tag, or return the one that has this name in any case."""
        return self._call("tags", "POST", "tags", {"name": name}, _a("tag", ("id", "name")))

    def rename_tag(self, tag_id: int, name: str) -> Did:
        """Give a tag another name; the API refuses one that exists."""
        return self._call("tags", "PUT", f"tags/{tag_id}", {"name": name}, _a("tag", ("name",), id=tag_id))

    def add(self, parent: Parent, parent_id: int, subscriber_id: int, *, referrer: str | None = None) -> Did:
        """Add a person to a form, sequence or tag. A form may send a confirmation, a sequence starts its emails.
        Someone who has unsubscribed does not become active again. `referrer` is for forms only."""
        path = f"{PARENTS[parent]}/{parent_id}/subscribers/{subscriber_id}"
        body = {} if referrer is None else {"referrer": referrer}
        return self._call(MEMBERSHIPS, "POST", path, body, _a("subscriber", _PERSON, id=subscriber_id))

    def add_address(self, parent: Parent, parent_id: int, email_address: str, *, referrer: str | None = None) -> Did:
        """Add the person with an address, who must exist, to a form, sequence or tag."""
        body = {"email_address": email_address, **({} if referrer is None else {"referrer": referrer})}
        expected = _a("subscriber", _PERSON, email_address=email_address)
        return self._call(MEMBERSHIPS, "POST", f"{PARENTS[parent]}/{parent_id}/subscribers", body, expected)

    def untag(self, subscriber_id: int, tag_id: int) -> Did:
        """Remove a tag from a person."""
        return self._call(MEMBERSHIPS, "DELETE", f"tags/{tag_id}/subscribers/{subscriber_id}", {})

    def untag_address(self, tag_id: int, email_address: str) -> Did:
        """Remove a tag from the person with that address."""
        return self._call(MEMBERSHIPS, "DELETE", f"tags/{tag_id}/subscribers", {"email_address": email_address})

    # -- custom fields

    def create_custom_field(self, label: str) -> Did:
        """Create a custom field, or return the one that has this label; the API derives its key from the label."""
        return self._call("custom_fields", "POST", "custom_fields", {"label": label}, _a("custom_field", _FIELD))

    def rename_custom_field(self, field_id: int, label: str) -> Did:
        """Give a custom field another label, and with it another key."""
        expected = _a("custom_field", _FIELD, id=field_id)
        return self._call("custom_fields", "PUT", f"custom_fields/{field_id}", {"label": label}, expected)

    def delete_custom_field(self, field_id: int) -> Did:
        """Delete a custom field with all its values."""
        return self._call("custom_fields", "DELETE", f"custom_fields/{field_id}", {})

    # -- broadcasts and purchases

    def create_broadcast(self, **values: Unpack[Broadcast]) -> Did:
        """Create a draft, or with `send_at` a scheduled broadcast, by default to everyone."""
        expected = _a("broadcast", ("id", "subject", "content"))
        return self._call("broadcasts", "POST", "broadcasts", values, expected, is_repeatable=False)

    def update_broadcast(self, broadcast_id: int, **values: Unpack[Broadcast]) -> Did:
        """Change a draft or a scheduled broadcast."""
        expected = _a("broadcast", ("subject",), id=broadcast_id)
        return self._call("broadcasts", "PUT", f"broadcasts/{broadcast_id}", values, expected)

    def delete_broadcast(self, broadcast_id: int) -> Did:
        """Delete a draft or a scheduled broadcast."""
        return self._call("broadcasts", "DELETE", f"broadcasts/{broadcast_id}", {})

    def create_purchase(self, purchase: Purchase) -> Did:
        """Create a purchase with its `products`. A second one with the same `transaction_id` adds its products as
        further lines."""
        expected = _a("purchase", ("id",), transaction_id=purchase.get("transaction_id"))
        return self._call("purchases", "POST", "purchases", {"purchase": purchase}, expected, is_repeatable=False)

    # -- sequences

    def create_sequence(self, name: str, **settings: Unpack[SequenceSettings]) -> Did:
        """Create a sequence; it is active unless `active` is False."""
        expected = _a("sequence", ("id", "name"))
        return self._call("sequences", "POST", "sequences", {"name": name, **settings}, expected, is_repeatable=False)

    def update_sequence(
        self, sequence_id: int, *, name: str | None = None, **settings: Unpack[SequenceSettings]
    ) -> Did:
        """Change a sequence."""
        body = {**settings, **({} if name is None else {"name": name})}
        return self._call(
            "sequences", "PUT", f"sequences/{sequence_id}", body, _a("sequence", ("name",), id=sequence_id)
        )

    def delete_sequence(self, sequence_id: int) -> Did:
        """Delete a sequence with its emails."""
        return self._call("sequences", "DELETE", f"sequences/{sequence_id}", {})

    def create_sequence_email(self, sequence_id: int, **values: Unpack[SequenceEmail]) -> Did:
        """Create an email at the end of a sequence, whatever `position` is given."""
        expected = _a("email", ("id", "subject"), sequence_id=sequence_id)
        path = f"sequences/{sequence_id}/emails"
        return self._call("sequence_emails", "POST", path, values, expected, is_repeatable=False)

    def update_sequence_email(self, sequence_id: int, email_id: int, **values: Unpack[SequenceEmail]) -> Did:
        """Change an email of a sequence; the API refuses a `position` that another one has."""
        expected = _a("email", ("subject",), id=email_id, sequence_id=sequence_id)
        return self._call("sequence_emails", "PUT", f"sequences/{sequence_id}/emails/{email_id}", values, expected)

    def delete_sequence_email(self, sequence_id: int, email_id: int) -> Did:
        """Delete an email of a sequence."""
        return self._call("sequence_emails", "DELETE", f"sequences/{sequence_id}/emails/{email_id}", {})

    # -- snippets and colors

    def create_snippet(
        self, name: str, snippet_type: Literal["inline", "block"], *, content: str | None = None, html: str = ""
    ) -> Did:
        """Create a snippet: an inline one has `content`, a block has `html`."""
        shown = {"document_attributes": {"value_html": html}} if content is None else {"content": content}
        body = {"name": name, "snippet_type": snippet_type, **shown}
        expected = _a("snippet", ("id", "name", "snippet_type"))
        return self._call("snippets", "POST", "snippets", body, expected, is_repeatable=False)

    def update_snippet(self, snippet_id: int, **values: Unpack[Snippet]) -> Did:
        """Change a snippet; its type stays."""
        return self._call(
            "snippets", "PUT", f"snippets/{snippet_id}", values, _a("snippet", ("id", "name"), id=snippet_id)
        )

    def set_colors(self, colors: Sequence[str]) -> Did:
        """Replace all colors of the account, such as "#ff0000"."""
        return self._call(
            "account", "PUT", "account/colors", {"colors": colors}, Expected("", ("colors",), is_strict=True)
        )

    # -- webhooks

    def create_webhook(self, target_url: str, event: HookEvent | OldHookEvent) -> Did:
        """Create a webhook for one event, even if the same one exists."""
        body = {"target_url": target_url, "event": event}
        expected = _a("webhook", ("id", "event", "target_url"))
        return self._call(_HOOKS, "POST", "webhooks", body, expected, is_repeatable=False)

    def delete_webhook(self, webhook_id: int) -> Did:
        """Delete a webhook."""
        return self._call(_HOOKS, "DELETE", f"webhooks/{webhook_id}", {})

    def create_webhook_endpoint(
        self, name: str, url: str, events: Sequence[str], *, description: str | None = None
    ) -> Did:
        """Create an endpoint for several events; only this response shows its `secret`."""
        body = {"name": name, "url": url, "events": events, "description": description}
        expected = _a("webhook_endpoint", (*_ENDPOINT, "secret"))
        return self._call(_ENDPOINTS, "POST", "webhook_endpoints", body, expected, is_repeatable=False)

    def update_webhook_endpoint(self, endpoint_id: int, **values: Unpack[Endpoint]) -> Did:
        """Change an endpoint."""
        expected = _a("webhook_endpoint", _ENDPOINT, id=endpoint_id)
        return self._call(_ENDPOINTS, "PATCH", f"webhook_endpoints/{endpoint_id}", values, expected)

    def delete_webhook_endpoint(self, endpoint_id: int) -> Did:
        """Delete an endpoint."""
        return self._call(_ENDPOINTS, "DELETE", f"webhook_endpoints/{endpoint_id}", {})

    def rotate_webhook_secret(self, endpoint_id: int, *, force: bool = False) -> Did:
        """Replace the secret of an endpoint, which only this response shows. The former one is valid for a while, and
        until then the API refuses another replacement without `force`."""
        path, expected = (
            f"webhook_endpoints/{endpoint_id}/rotate_secret",
            _a("webhook_endpoint", (*_ENDPOINT, "secret"), id=endpoint_id),
        )
        return self._call(_ENDPOINTS, "POST", path, {"force": force}, expected, is_repeatable=False)

    def revoke_previous_webhook_secret(self, endpoint_id: int) -> Did:
        """End the validity of the secret before the current one."""
        path, expected = (
            f"webhook_endpoints/{endpoint_id}/revoke_previous_secret",
            _a("webhook_endpoint", _ENDPOINT, id=endpoint_id),
        )
        return self._call(_ENDPOINTS, "POST", path, {}, expected)


# The calls themselves: nothing is sent.
CALLS: Writes[Call] = Writes(lambda call: call)
