"""Read the response to a bulk call: an outcome for each of its actions, whatever became of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from cksync.api.http import Call, Reply
from cksync.api.v4.bulk import BulkCall, outcomes
from cksync.api.v4.bulk_kinds import Item
from cksync.api.v4.outcomes import ItemOutcome
from cksync.errors import EndpointFailed
from cksync.write.action import Action, Ids, Result, SeenRow, with_ids
from cksync.write.batches import Batch
from cksync.write.record import Done, Record
from cksync.write.resolve import Resolver


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch under way: its request, and the call that it is if it is a bulk call."""

    batch: Batch
    call: Call
    bulk: BulkCall | None
    sent_at: datetime


@dataclass(frozen=True)
class BulkReader:
    """Reads the responses of one push."""

    resolver: Resolver
    record: Record

    def outcomes(self, flight: Flight, reply: Reply | Result, ids: Ids) -> tuple[list[Done], list[Batch]]:
        """Return the outcomes of a flight, and the actions to send again, one in a request: the response does not tell
        what became of them, and their kinds may be repeated."""
        assert flight.bulk is not None
        assert isinstance(reply, Reply)
        self.record.count(reply)
        done: list[Done] = []
        again: list[Batch] = []
        shown: list[SeenRow] = []
        actions = flight.batch.actions
        only = _only_row(flight.bulk, reply) if len(actions) == 1 else None
        for action, item in zip(actions, outcomes(flight.bulk, reply), strict=True):
            row = item.row if item.row is not None else only
            meant = with_ids(action, ids)
            result = self._result(meant, item, row)
            if result is None and len(actions) > 1:
                again.append(Batch((action,), flight.bulk.kind))
                continue
            result = result or Result("unknown", item.message or "the response does not show it")
            if result.outcome == "done" and action.kind.observe_row and (seen := action.kind.observe_row(meant, row)):
                shown.append(seen)
            done.append((action, None, None, result))
        self.record.observe_shown(shown, flight.call.path, reply)
        return done, again

    def _result(self, action: Action, item: ItemOutcome, row: Item | None) -> Result | None:
        """Return the outcome of one action; None if the response does not tell."""
        kind = action.kind
        if item.outcome == "refused":
            return Result("rejected", item.message)
        try:
            if item.outcome != "done" and kind.is_removal and kind.is_done:
                is_gone = kind.is_done(self.resolver, None, action, self.resolver.read_list)
                return Result("done", "already deleted") if is_gone else _not_done(item)
            if item.outcome == "failed":
                gone = kind.find_gone(self.resolver, action) if kind.find_gone else None
                return Result("conflict", f"{gone} is no longer in the account") if gone else _not_done(item)
        except EndpointFailed as error:
            return Result("unknown", f"{item.message}; could not check the account: {error.reason}")
        if item.outcome == "unknown" or (row is None and kind.makes):
            return None
        if row is None or kind.row_of is None:
            return Result("done")
        try:
            return self.resolver.if_new(action, kind.row_of(action, row))
        except (KeyError, TypeError, ValueError):
            return None


def _not_done(item: ItemOutcome) -> Result | None:
    return Result("rejected", item.message) if item.outcome == "failed" else None


def _only_row(bulk: BulkCall, reply: Reply) -> Item | None:
    """Return the record of a response with a single one, even if the API wrote its name in another way."""
    if not bulk.kind.rows or not reply.is_done or reply.status == 202:
        return None
    rows: Sequence[Item] = msgspec.json.decode(reply.body)[bulk.kind.rows]
    return rows[0] if len(rows) == 1 else None
