"""The account without a mirror: every write of the API as a method, for scripts.

with cksync.connect() as client:
    client.subscribe("form", 1234, "ada@example.com", fields={"company": "Acme"})
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cksync.api import WritingApi, credentials, refuse_v4_writes
from cksync.api import connect as connect_api
from cksync.api.http import Call
from cksync.api.v3.writes import Writes
from cksync.clock import wall_clock
from cksync.config import Config, load_config
from cksync.errors import TurnedDown
from cksync.folder import Folder
from cksync.secrets import environment


class Client(Writes[Any]):
    """The writes of API v3. Each returns the API's decoded answer (None if it has no body).

    Raises TurnedDown when the API refuses, OutcomeUnknown when a write may or may not have been executed, and as `pull`
    does. All share the request budget of the data folder with a concurrent pull.
    """

    def __init__(self, api: WritingApi) -> None:
        super().__init__(self._send)
        self._api = api

    def _send(self, call: Call) -> Any:
        reply = self._api.write(call)
        if not reply.is_done:
            raise TurnedDown(f"{call.method} {call.path}: {reply.message} ({reply.status})")
        return msgspec.json.decode(reply.body) if reply.body.strip() else None

    def account(self) -> Any:
        """Return the account that the credentials open."""
        return self._api.read("account", "account")

    def broadcast_stats(self, broadcast_id: int) -> Any:
        """Return the figures of a broadcast; None if there are none."""
        return self._api.read(f"broadcasts/{broadcast_id}/stats", "broadcast_stats")

    def hooks(self) -> Any:
        """Return the webhooks."""
        return self._api.read("automations/hooks", "webhooks")


# The name up to 0.1.0.
Kit = Client


@contextlib.contextmanager
def connect(config: Config | None = None, *, environ: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Yield a client for the configured account. Raises BadConfig if none is configured, Rejected for API v4."""
    config = config or load_config(None)
    given, redactor = credentials(config, environment() if environ is None else environ)
    refuse_v4_writes(given)
    Folder(config.data_dir).prepare()
    with connect_api(config, given, redactor, wall_clock, threading.Event()) as api:
        yield Client(api)
