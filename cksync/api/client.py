"""The account without a mirror, for scripts: what both versions of the API can do, and all of API v4 as `v4`.

with cksync.connect() as client:
    client.subscribe("form", 1234, "ada@example.com", fields={"company": "Acme"})
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Unpack

from cksync.api import WritingApi, credentials
from cksync.api import connect as connect_api
from cksync.api.http import Call
from cksync.api.v3.writes import CALLS as V3_CALLS
from cksync.api.v3.writes import Broadcast, Fields, HookEvent, Parent, Purchase
from cksync.api.v4.client import V4Client, answer_of
from cksync.api.v4.writes import CALLS as V4_CALLS
from cksync.clock import wall_clock
from cksync.config import Config, load_config
from cksync.errors import Rejected, TurnedDown
from cksync.folder import Folder
from cksync.secrets import environment
from cksync.versions import Version


class Client:
    """Reads and writes that mean the same in both versions of the API; `v4` has every endpoint of API v4.

    A write returns the API's decoded answer (None if it has no body), which differs between the versions. Raises
    TurnedDown when the API refuses, OutcomeUnknown when a write may or may not have been executed, and as `pull` does.
    All requests share the budget of the data folder with a concurrent pull.
    """

    def __init__(self, api: WritingApi, version: Version = "v3", *, purchases: Version = "v3") -> None:
        """`purchases` is the version through which purchases are created."""
        self.version, self._purchases, self._api = version, purchases, api
        self._v4 = V4Client(api)
        self._calls = V4_CALLS if version == "v4" else V3_CALLS

    @property
    def v4(self) -> V4Client:
        """Every endpoint of API v4. Raises Rejected under API v3."""
        if self.version != "v4":
            raise Rejected('client.v4 needs API v4; set api.version = "v4", and a key of API v4 or `cksync login`')
        return self._v4

    def _send(self, call: Call) -> Any:
        return answer_of(call, self._api.write(call))

    # -- reads

    def account(self) -> Any:
        """Return the account that the credentials open."""
        return self._v4.account()["account"] if self.version == "v4" else self._api.read("account", "account")

    def broadcast_stats(self, broadcast_id: int) -> Any:
        """Return the figures of a broadcast; None if there are none."""
        return self._api.read(f"broadcasts/{broadcast_id}/stats", "broadcast_stats")

    def hooks(self) -> Any:
        """Return the webhooks."""
        return list(self._v4.webhooks()) if self.version == "v4" else self._api.read("automations/hooks", "webhooks")

    # -- people

    def subscribe(
        self,
        parent: Parent,
        parent_id: int,
        email_address: str,
        *,
        first_name: str | None = None,
        fields: Fields | None = None,
        tags: Sequence[int] = (),
    ) -> Any:
        """Add a person to a form, sequence or tag, creating them if necessary. Under API v4 these are several requests,
        and someone who has unsubscribed does not become active again."""
        if self.version == "v3":
            given = {"first_name": first_name, "fields": fields, "tags": tags}
            return self._send(V3_CALLS.subscribe(parent, parent_id, email_address, **given))  # type: ignore[arg-type]  # a mix
        person = self._v4.create_subscriber(email_address, first_name=first_name, fields=fields)["subscriber"]
        for tag_id in tags:
            self._v4.add("tag", tag_id, person["id"])
        return self._v4.add(parent, parent_id, person["id"])

    def untag(self, subscriber_id: int, tag_id: int) -> Any:
        """Remove a tag from a person."""
        return self._send(self._calls.untag(subscriber_id, tag_id))

    def untag_address(self, tag_id: int, email_address: str) -> Any:
        """Remove a tag from the person with that address."""
        return self._send(self._calls.untag_address(tag_id, email_address))

    def update_subscriber(
        self,
        subscriber_id: int,
        *,
        email_address: str | None = None,
        first_name: str | None = None,
        fields: Fields | None = None,
    ) -> Any:
        """Change the given values."""
        call = self._calls.update_subscriber(
            subscriber_id, email_address=email_address, first_name=first_name, fields=fields
        )
        return self._send(call)

    def unsubscribe(self, email_address: str) -> Any:
        """Unsubscribe a person from every form and sequence. API v4 needs their id, so the address is found first."""
        if self.version == "v3":
            return self._send(V3_CALLS.unsubscribe(email_address))
        people = list(self._v4.subscribers(email_address=email_address, status="all"))
        if not people:
            raise TurnedDown(f"POST subscribers/unsubscribe: the account has no {email_address}")
        return self._v4.unsubscribe(people[0]["id"])

    # -- tags and custom fields

    def create_tag(self, name: str) -> Any:
        """Create a tag, and return it. API v3 refuses a name that exists, API v4 returns that tag."""
        made = self._send(self._calls.create_tag(name))
        return made["tag"] if self.version == "v4" else made

    def create_custom_field(self, label: str) -> Any:
        """Create a custom field, and return it. API v3 refuses a label that exists, API v4 returns that field."""
        made = self._send(self._calls.create_custom_field(label))
        return made["custom_field"] if self.version == "v4" else made

    def rename_custom_field(self, field_id: int, label: str) -> Any:
        """Give a custom field another label, and with it another key."""
        return self._send(self._calls.rename_custom_field(field_id, label))

    def delete_custom_field(self, field_id: int) -> Any:
        """Delete a custom field with all its values."""
        return self._send(self._calls.delete_custom_field(field_id))

    # -- broadcasts, purchases and webhooks

    def create_broadcast(self, **values: Unpack[Broadcast]) -> Any:
        """Create a draft, or with `send_at` a scheduled broadcast."""
        if self.version == "v3":
            return self._send(V3_CALLS.create_broadcast(**values))
        return self._v4.create_broadcast(**_of_both(values))

    def update_broadcast(self, broadcast_id: int, **values: Unpack[Broadcast]) -> Any:
        """Change a draft or a scheduled broadcast."""
        if self.version == "v3":
            return self._send(V3_CALLS.update_broadcast(broadcast_id, **values))
        return self._v4.update_broadcast(broadcast_id, **_of_both(values))

    def delete_broadcast(self, broadcast_id: int) -> Any:
        """Delete a draft or a scheduled broadcast."""
        return self._send(self._calls.delete_broadcast(broadcast_id))

    def create_purchase(self, purchase: Purchase, integration_key: str | None = None) -> Any:
        """Create a purchase with its `products`: with OAuth through API v4, with a key through API v3, whose secret is
        then needed."""
        if self._purchases == "v3":
            return self._send(V3_CALLS.create_purchase(purchase, integration_key))
        if integration_key is not None:
            raise Rejected("integration_key is of API v3; purchases are created through API v4")
        return self._send(V4_CALLS.create_purchase(purchase))

    def create_hook(self, target_url: str, event: HookEvent) -> Any:
        """Create a webhook for an event."""
        if self.version == "v4":
            return self._v4.create_webhook(target_url, event)
        return self._send(V3_CALLS.create_hook(target_url, event))

    def delete_hook(self, hook_id: int) -> Any:
        """Delete a webhook."""
        return self._v4.delete_webhook(hook_id) if self.version == "v4" else self._send(V3_CALLS.delete_hook(hook_id))


def _of_both(values: Broadcast) -> Any:
    """Return values that API v4 takes, too. Raises Rejected for another."""
    if "email_layout_template" in values:
        raise Rejected("email_layout_template is of API v3; use client.v4 with email_template_id")
    return values


# The name up to 0.1.0.
Kit = Client


@contextlib.contextmanager
def connect(config: Config | None = None, *, environ: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Yield a client for the configured account. Raises BadConfig if none is configured."""
    config = config or load_config(None)
    given, redactor = credentials(config, environment() if environ is None else environ)
    Folder(config.data_dir).prepare()
    with connect_api(config, given, redactor, wall_clock, threading.Event()) as api:
        is_v3 = given.version == "v3" or (given.oauth is None and given.purchases is not None)
        yield Client(api, given.version, purchases="v3" if is_v3 else "v4")
