"""Every write of API v3, made into a Call and handed to whoever does something with it.

A call is repeatable when sending it twice leaves the account as sending it once does. The others create
something each time: after an unknown outcome, look before you repeat. Each call says what the API answers to it, as its
documentation has it and as it really does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from cksync.api.answers import Expected
from cksync.api.client import Call
from cksync.api.v3 import PARENTS

# With more fields in one update the API answers 202 and does it later, if at all.
FIELDS_AT_ONCE = 10
# What an account may have.
MOST_FIELDS = 140

Json = Any
# What the documentation says has no body (204).
NOTHING = Expected()
_PERSON = ("id", "email_address", "state")
_FIELD = Expected("custom_field", ("id", "key", "name", "label"))
_BROADCAST = Expected("broadcast", ("id", "subject", "content"))
Did = TypeVar("Did")


class Writes(Generic[Did]):
    """The writes by name; each gives what `do` makes of its call."""

    def __init__(self, do: Callable[[Call], Did]) -> None:
        self._do = do

    def subscribe(
        self,
        parent: str,
        parent_id: int,
        email_address: str,
        *,
        first_name: str | None = None,
        fields: Mapping[str, Json] | None = None,
        tags: Sequence[int] = (),
    ) -> Did:
        """Put somebody into a `form`, `sequence` or `tag`; creates the person. A form or a sequence may send mail,
        so only a tag is repeated without looking."""
        given = {"email": email_address, "first_name": first_name, "fields": fields or None, "tags": list(tags) or None}
        body = {name: value for name, value in given.items() if value is not None}
        same = {"subscribable_id": parent_id, "subscribable_type": PARENTS[parent]}
        expected = Expected("subscription", ("id", "subscriber", *same), same)
        path = f"{PARENTS[parent]}/{parent_id}/subscribe"
        return self._do(Call("POST", path, body, expected, is_repeatable=parent == "tag"))

    def untag(self, subscriber_id: int, tag_id: int) -> Did:
        """Take a tag from a person."""
        return self._do(Call("DELETE", f"subscribers/{subscriber_id}/tags/{tag_id}", {}, _the("tag", tag_id, "name")))

    def untag_address(self, tag_id: int, email_address: str) -> Did:
        """Take a tag from whoever has that address; an unknown address is no error to the API."""
        return self._do(
            Call("POST", f"tags/{tag_id}/unsubscribe", {"email": email_address}, _the("tag", tag_id, "name"))
        )

    def update_subscriber(
        self,
        subscriber_id: int,
        *,
        email_address: str | None = None,
        first_name: str | None = None,
        fields: Mapping[str, Json] | None = None,
    ) -> Did:
        """Change what is given. With more than FIELDS_AT_ONCE fields the API does it later (202)."""
        given = {"email_address": email_address, "first_name": first_name, "fields": fields or None}
        body = {name: value for name, value in given.items() if value is not None}
        return self._do(Call("PUT", f"subscribers/{subscriber_id}", body, _the("subscriber", subscriber_id, *_PERSON)))

    def unsubscribe(self, email_address: str) -> Did:
        """Cancel a person: out of every form and sequence."""
        return self._do(Call("PUT", "unsubscribe", {"email": email_address}, Expected("subscriber", _PERSON)))

    def create_tag(self, name: str) -> Did:
        """A new tag; the API refuses a name that is there already."""
        return self._do(
            Call("POST", "tags", {"tag": {"name": name}}, Expected("tag", ("id", "name")), is_repeatable=False)
        )

    def create_custom_field(self, label: str) -> Did:
        """A new custom field; the API makes the key of the label, and refuses a label that is there already."""
        return self._do(Call("POST", "custom_fields", {"label": label}, _FIELD, is_repeatable=False))

    def rename_custom_field(self, field_id: int, label: str) -> Did:
        """Another label, and with it another key."""
        return self._do(Call("PUT", f"custom_fields/{field_id}", {"label": label}, NOTHING))

    def delete_custom_field(self, field_id: int) -> Did:
        """Delete a field with everybody's values."""
        return self._do(Call("DELETE", f"custom_fields/{field_id}", {}, NOTHING))

    def create_broadcast(self, **values: Json) -> Did:
        """A new draft, or with `send_at` a mail that is going to be sent."""
        return self._do(Call("POST", "broadcasts", values, _BROADCAST, is_repeatable=False))

    def update_broadcast(self, broadcast_id: int, **values: Json) -> Did:
        """Change a draft or a scheduled broadcast."""
        return self._do(Call("PUT", f"broadcasts/{broadcast_id}", values, _the("broadcast", broadcast_id, "subject")))

    def delete_broadcast(self, broadcast_id: int) -> Did:
        """Delete a draft or a scheduled broadcast."""
        return self._do(Call("DELETE", f"broadcasts/{broadcast_id}", {}, NOTHING))

    def create_purchase(self, purchase: Mapping[str, Json], integration_key: str | None = None) -> Did:
        """A new purchase with its `products`."""
        body = {"purchase": purchase, **({"integration_key": integration_key} if integration_key else {})}
        same = {"transaction_id": purchase.get("transaction_id")}
        expected = Expected("purchase", ("id", *same), same)
        return self._do(Call("POST", "purchases", body, expected, is_repeatable=False))

    def create_hook(self, target_url: str, event: Mapping[str, Json]) -> Did:
        """A webhook for an event such as {"name": "subscriber.tag_add", "tag_id": 7}."""
        body = {"target_url": target_url, "event": event}
        expected = Expected("rule", ("id", "event"))
        return self._do(Call("POST", "automations/hooks", body, expected, is_repeatable=False))

    def delete_hook(self, hook_id: int) -> Did:
        """Delete a webhook."""
        return self._do(
            Call("DELETE", f"automations/hooks/{hook_id}", {}, Expected("", ("success",), {"success": True}))
        )


def _the(what: str, id_: int, *keys: str) -> Expected:
    """The record with this id."""
    return Expected(what, tuple(dict.fromkeys(("id", *keys))), {"id": id_})


# The calls themselves: nothing is sent.
CALLS: Writes[Call] = Writes(lambda call: call)
