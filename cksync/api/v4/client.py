"""API v4 for scripts: every endpoint as a method."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from cksync.api.http import Call, Reply
from cksync.api.v4.bulk import ITEMS_AT_ONCE, BulkWrites, bulk_call, outcomes, unknown
from cksync.api.v4.bulk_kinds import Bulk, Item
from cksync.api.v4.outcomes import ItemOutcome
from cksync.api.v4.reads import Reading, Reads
from cksync.api.v4.writes import Writes
from cksync.errors import OutcomeUnknown, TurnedDown


class Writing(Reading, Protocol):
    """The part of an Api that reads and writes; see WritingApi."""

    def write(self, call: Call) -> Reply:
        """Send a write."""


class V4Client(Reads, Writes[Any], BulkWrites[Sequence[ItemOutcome]]):
    """Every endpoint of API v4. A write returns the API's decoded answer (None if it has no body); a bulk call returns
    the outcome of each item, in their order, and is sent in parts of 100.

    Raises TurnedDown when the API refuses a write, OutcomeUnknown when one may or may not have been executed, and as
    `pull` does.
    """

    def __init__(self, api: Writing) -> None:
        self._api = api
        Reads.__init__(self, api)
        Writes.__init__(self, self._send)
        BulkWrites.__init__(self, self._send_bulk)

    def _send(self, call: Call) -> Any:
        return answer_of(call, self._api.write(call))

    def _send_bulk(self, kind: Bulk, items: Sequence[Item]) -> Sequence[ItemOutcome]:
        parts = [items[start : start + ITEMS_AT_ONCE] for start in range(0, len(items), ITEMS_AT_ONCE)]
        calls = [bulk_call(kind, part) for part in parts]  # all are valid before the first is sent
        found: list[ItemOutcome] = []
        for call in calls:
            try:
                found += outcomes(call, self._api.write(call.call))
            except OutcomeUnknown as error:
                found += unknown(call, str(error))
        return found


def answer_of(call: Call, reply: Reply) -> Any:
    """Return the decoded answer to a write, None without a body. Raises TurnedDown."""
    if not reply.is_done:
        raise TurnedDown(f"{call.method} {call.path}: {reply.message} ({reply.status})")
    return msgspec.json.decode(reply.body) if reply.body.strip() else None
