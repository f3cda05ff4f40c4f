"""Resolve the outcome of a write whose reply proves nothing: ask the account, never guess.

This covers no reply at all, a reply for another person, "later" (202), and a 404: for something just created, for a row
that a write needs, and for a row to be removed.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from cksync.api import Stopped, WritingApi
from cksync.api.http import NO_PARAMS, Call, Reply
from cksync.api.v3.catalog import ask_one
from cksync.clock import Clock
from cksync.domain import Page, Request, Slice, whole
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, OutcomeUnknown
from cksync.write import journal
from cksync.write.action import Action, Result, Sought, with_ids
from cksync.write.gone import ONE_OF
from cksync.write.journal import Unresolved
from cksync.write.record import Record
from cksync.write.reply import LATER, result_of
from cksync.write.unknown import is_unsafe_to_repeat
from cksync.write.workspace import column_names

# Lookups that must find nothing before absence is believed: reads lag behind writes by seconds.
LOOKUPS = 6
# The wait before the second lookup, as a share of the rate limit's period; doubled each time.
LOOKUP_SHARE = 1 / 60
# How often an action that the API refuses to repeat is sent while it is not found in the account.
SENDS = 3

MirrorState = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Resolver:
    """Finds the outcomes of one push, and records whatever it reads."""

    api: WritingApi
    db: duckdb.DuckDBPyConnection
    period_seconds: float
    now: Clock
    stop: threading.Event
    record: Record

    def fetch(self, request: Request) -> Page:
        """Fetch one page, and record it."""
        page = self.api.fetch(request)
        self.record.observe(page)
        return page

    def read_list(self, slice_: Slice) -> Page:
        """Read an unpaged list in full, and record it."""
        return self.record.read_list(self.api, slice_)

    def of_sent(self, left: Unresolved, *, is_allowed: bool) -> Result | None:
        """Return the outcome of an action sent by an interrupted push. None if it was not executed, is safe to repeat,
        or may be repeated (`is_allowed`)."""
        action = self._with_ids(left.action)
        if action.kind.find is None or action.args.get("parent_id", 0) < 0:  # the tag was never created
            return None
        found = action.kind.find_in_mirror(self.db, action) if action.kind.find_in_mirror else None
        found = found or self._found(action, left.sent_at, self._lookups(left.sent_at))
        is_open = found is None or found.outcome == "unknown"
        if is_open and (is_allowed or not is_unsafe_to_repeat(action)):
            return None
        return Result("unknown", left.message) if found is None and left.state == "unknown" else found

    def of_call(
        self, action: Action, call: Call, sent_at: datetime, answer: Callable[[], Reply | Result]
    ) -> tuple[Reply | None, Result]:
        """Return the reply to a write (None: the account was asked instead) and its outcome. `answer` returns the
        reply, or the outcome of an action that need not be sent, or raises as `WritingApi.write` does. Raises what
        leaves the outcome to the next push."""
        reply: Reply | Result
        try:
            reply = answer()
        except OutcomeUnknown as error:
            reply = self._after_silence(action, call, sent_at, str(error))
        except (CksyncError, Stopped) as error:
            if isinstance(error, ApiUnavailable) and call.is_repeatable:
                reply = self._after_silence(action, call, sent_at, str(error))
            else:  # it was never sent, or was refused
                if not call.is_repeatable:
                    journal.forget(self.db, action)
                raise
        if isinstance(reply, Reply) and reply.status == 404 and _needs_created_row(action):
            try:
                reply = self._retry(call, reply)
            except OutcomeUnknown as error:
                reply = self._after_silence(action, call, sent_at, str(error))
        if isinstance(reply, Result):
            return None, reply
        if reply.status == LATER:
            later = "the API accepted it but has not applied it yet"
            return reply, self._after_silence_for_good(action, call, sent_at, later)
        if reply.status == 404 and action.kind.is_removal:
            return reply, self._removed(action, call, reply)
        if reply.status == 404 and (gone := self._gone(action, call)):
            return reply, gone
        result = result_of(action, call, reply, self._person_of(action))
        if result is None:
            said = f"the API responded with {reply.status}, but not with what was requested"
            return None, self._after_silence_for_good(action, call, sent_at, said)
        result = self._if_new(action, result)
        return reply, self._lost_field(action) or result if result.outcome == "rejected" and reply.is_done else result

    def _removed(self, action: Action, call: Call, reply: Reply) -> Result:
        """Decide, after a 404, whether the row to be removed is gone."""
        assert action.kind.is_done is not None
        try:
            is_gone = action.kind.is_done(self, call, action, self.read_list)
        except EndpointFailed as error:
            return Result("unknown", f"{reply.message}; could not check whether it is gone: {error.reason}")
        return Result("done", "already deleted") if is_gone else Result("rejected", reply.message)

    def read(
        self,
        path: str,
        stream: str,
        params: Mapping[str, str] = NO_PARAMS,
        body: Mapping[str, Any] | None = None,
        root: str = "",
    ) -> Any:
        """Read a path of the API."""
        return self.api.read(path, stream, params, body, root)

    def write(self, call: Call) -> Reply:
        """Send a write."""
        return self.api.write(call)

    def _person_of(self, action: Action) -> int | None:
        """Return the person whom an action is about."""
        who = int(action.target)
        return journal.new_ids(self.db).get(("subscribers", who)) if who < 0 else who

    def _if_new(self, action: Action, result: Result) -> Result:
        """Reject a row that is not new: an API may return an existing one with the same name or transaction."""
        table = action.kind.makes
        if table is None or table not in result.ids:
            return result
        id_ = result.ids[table]
        if self.db.execute(f"select 1 from base.{table} where id = ?", [id_]).fetchone():
            return Result("rejected", f"the API returned {ONE_OF[table]} {id_}, which already existed")
        return result

    def _after_silence(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Reply | Result:
        """Look up a write that may have been executed. If it is absent, send it again only if the API refuses
        duplicates."""
        if not action.kind.is_refused_twice:
            return self._after_silence_for_good(action, call, sent_at, reason)
        result = self._found_or_unknown(action, sent_at, reason)
        for _ in range(SENDS - 1):
            if result.outcome != "unknown":
                break
            try:
                reply = self.api.write(call)
            except OutcomeUnknown:
                continue
            if reply.is_done:
                return reply
            result = self._found_or_unknown(action, sent_at, f"sent again, and the API responded: {reply.message}")
        return result

    def _after_silence_for_good(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Result:
        if action.kind.find is not None:
            return self._found_or_unknown(action, sent_at, reason)
        return self._read_back(action, call, f"{reason}; it is not in the account")

    def _found_or_unknown(self, action: Action, sent_at: datetime, reason: str) -> Result:
        """Return the outcome of a creation: what is found, or unknown."""
        found = self._found(self._with_ids(action), sent_at, LOOKUPS)
        if found is None or found.outcome == "unknown":
            return Result("unknown", f"{reason}; {found.message if found else 'it was not found in the account'}")
        return found

    def _found(self, action: Action, sent_at: datetime, samples: int) -> Result | None:
        sought = Sought(action, sent_at, self._known(sent_at), self._alike_count(action))
        try:
            return self._look_up(sought, samples)
        except EndpointFailed as error:
            return Result("unknown", f"could not check the account: {error.reason}")

    def _look_up(self, sought: Sought, samples: int) -> Result | None:
        """Look up the result of a creation; None if it was not executed."""
        find = sought.action.kind.find
        assert find is not None
        doubt = ""
        for number in range(samples):
            self._wait(number)
            found = find(self, sought, number + 1 == samples)
            if len(found.rows) > sought.requested:
                many = f"{len(found.rows)} rows in the account match it, and it is unclear which one it is"
                return Result("unknown", many)
            if found.rows:
                return found.rows[0]
            doubt = found.doubt
        return Result("unknown", doubt) if doubt else None

    def _lookups(self, sent_at: datetime) -> int:
        """Return the number of lookups: one, once every read has had time to see the write."""
        waited = self.period_seconds * LOOKUP_SHARE * 2**LOOKUPS
        return 1 if (self.now() - sent_at).total_seconds() > waited else LOOKUPS

    def _alike_count(self, action: Action) -> int:
        """Return the number of like actions without an outcome."""
        alike = [each for each in journal.unresolved(self.db) if each.action.kind is action.kind]
        return max(sum(self._with_ids(each.action).args == action.args for each in alike), 1)

    def _retry(self, call: Call, reply: Reply) -> Reply:
        """Send a write again after a delay, since a new row may not be visible everywhere yet."""
        for number in range(1, LOOKUPS):
            self._wait(number)
            reply = self.api.write(call)
            if reply.status != 404:
                break
        return reply

    def _gone(self, action: Action, call: Call) -> Result | None:
        """Decide, after a 404, whether the row that a write needs is gone. Ask for the row itself, because the API also
        returns 404 for an unknown address."""
        needed = action.kind.needed(action, call)
        if needed is None:
            return None
        if needed.slice == whole(needed.slice.stream):
            is_gone = all(record.key != needed.key for record in self.read_list(needed.slice).records)
        else:
            request = ask_one(needed.slice, needed.key, 1)
            is_gone = any(record.text is None for record in self.fetch(request).records)
        return Result("conflict", f"{needed.what} {needed.key} is no longer in the account") if is_gone else None

    def _lost_field(self, action: Action) -> Result | None:
        """Decide, after a partly ignored update, whether a custom field is gone. The list it reads also serves the next
        plan, in case the field was renamed."""
        columns = {name: id_ for id_, name in column_names(self.db).items()}
        wanted = [str(columns[cell.column]) for cell in action.cells if cell.column in columns]
        there = {record.key for record in self.read_list(whole("custom_fields")).records} if wanted else set()
        gone = next((id_ for id_ in wanted if id_ not in there), None)
        return Result("conflict", f"{ONE_OF['custom_fields']} {gone} is no longer in the account") if gone else None

    def _read_back(self, action: Action, call: Call, reason: str) -> Result:
        """Read the outcome of a write that creates nothing from the row it changes."""
        assert action.kind.is_done is not None
        try:
            for number in range(1, LOOKUPS):
                self._wait(number)
                if action.kind.is_done(self, call, action, self.read_list):
                    return Result("done")
        except EndpointFailed as error:
            reason = f"{reason}, and could not be read back: {error.reason}"
        return Result("unknown", reason)

    def _with_ids(self, action: Action) -> Action:
        """Replace the ids of a tag and a person created in the same push by their real ones."""
        return with_ids(action, journal.new_ids(self.db))

    def _known(self, at: datetime) -> MirrorState:
        """Return the ids of things that only their ids distinguish: those the account had then, or has from this
        workspace since."""
        query = """
            select id from mirror.main.{} where _first_seen_at < ?
            union all
            select id from _cksync.ids where target = ?
        """
        return {
            name: frozenset(row[0] for row in self.db.execute(query.format(name), [at, name]).fetchall())
            for name in ("broadcasts", "purchases")
        }

    def _wait(self, number: int) -> None:
        if number:
            self.stop.wait(self.period_seconds * LOOKUP_SHARE * 2 ** (number - 1))


def _needs_created_row(action: Action) -> bool:
    """Return True if the action is about a row that this push created."""
    return any(isinstance(id_, int) and id_ < 0 for id_ in (action.args.get("parent_id"), int(action.target)))
