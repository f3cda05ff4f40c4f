"""Resolve the outcome of a write whose reply proves nothing: ask the account, never guess.

That is no reply at all, or somebody else's; "later" (202); and a 404: for something created a moment ago, for what a
write needs and is gone, and for what it was to remove.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from cksync.api import Stopped, WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v3.catalog import ask_one
from cksync.clock import Clock
from cksync.domain import Page, Request, Slice, whole
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, OutcomeUnknown
from cksync.write import journal
from cksync.write.action import Action, Result, Sought
from cksync.write.gone import ONE_OF
from cksync.write.journal import Unresolved
from cksync.write.record import Record
from cksync.write.reply import LATER, result_of
from cksync.write.unknown import is_unsafe_to_repeat
from cksync.write.workspace import column_names

# How many look-ups find nothing before that is believed: reads lag behind writes by seconds.
LOOKUPS = 6
# The wait before the second look-up of an unknown outcome, as a share of the limit's period; then doubled.
LOOKUP_SHARE = 1 / 60
# How often an action that the API refuses the second time is sent, as long as it is not found in the account.
SENDS = 3

MirrorState = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Resolver:
    """Finds the outcomes of one push. Whatever it reads goes into the record."""

    api: WritingApi
    db: duckdb.DuckDBPyConnection
    period_seconds: float
    now: Clock
    stop: threading.Event
    record: Record

    def fetch(self, request: Request) -> Page:
        """Ask for one page, and record it."""
        page = self.api.fetch(request)
        self.record.observe(page)
        return page

    def read_list(self, slice_: Slice) -> Page:
        """Read an unpaged list whole, and record it."""
        return self.record.read_list(self.api, slice_)

    def of_sent(self, left: Unresolved, *, is_allowed: bool) -> Result | None:
        """The outcome of an action sent by an interrupted push. None if it was not executed, or is safe to repeat, or
        may be repeated (`is_allowed`)."""
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
        """The reply to a write (None: the account was asked instead) and its outcome. `answer` gives the reply, or the
        outcome of what need not be sent, or raises as `WritingApi.write` does. Raises what leaves the outcome open to
        the next push."""
        came: Reply | Result
        try:
            came = answer()
        except OutcomeUnknown as error:
            came = self._after_silence(action, call, sent_at, str(error))
        except (CksyncError, Stopped) as error:
            if isinstance(error, ApiUnavailable) and call.is_repeatable:
                came = self._after_silence(action, call, sent_at, str(error))
            else:  # it was never sent, or turned away
                if not call.is_repeatable:
                    journal.forget(self.db, action)
                raise
        if isinstance(came, Reply) and came.status == 404 and _needs_what_was_made(action):
            try:
                came = self._once_more(call, came)
            except OutcomeUnknown as error:
                came = self._after_silence(action, call, sent_at, str(error))
        if isinstance(came, Result):
            return None, came
        if came.status == LATER:
            later = "the API accepted it but has not applied it yet"
            return came, self._after_silence_for_good(action, call, sent_at, later)
        if came.status == 404 and action.kind.is_removal:
            return came, self._removed(action, call, came)
        if came.status == 404 and (gone := self._gone(action, call)):
            return came, gone
        result = result_of(action, call, came, self._who(action))
        if result is None:
            said = f"the API responded with {came.status}, but not with what was requested"
            return None, self._after_silence_for_good(action, call, sent_at, said)
        result = self._if_new(action, result)
        return came, self._lost_field(action) or result if result.outcome == "rejected" and came.is_done else result

    def _removed(self, action: Action, call: Call, came: Reply) -> Result:
        """After a 404: whether what was to be removed is gone."""
        assert action.kind.is_done is not None
        try:
            is_gone = action.kind.is_done(self, call, action, self.read_list)
        except EndpointFailed as error:
            return Result("unknown", f"{came.message}; could not check whether it is gone: {error.reason}")
        return Result("done", "already deleted") if is_gone else Result("rejected", came.message)

    def read(self, path: str, stream: str) -> Any:
        """What stands at a path."""
        return self.api.read(path, stream)

    def write(self, call: Call) -> Reply:
        """Send a write."""
        return self.api.write(call)

    def _who(self, action: Action) -> int | None:
        """The person whom an action is about."""
        who = int(action.target)
        return journal.new_ids(self.db).get(("subscribers", who)) if who < 0 else who

    def _if_new(self, action: Action, result: Result) -> Result:
        """Reject what is not new: an API may answer with what it has, by the name of a tag or a transaction."""
        table = action.kind.makes
        if table is None or table not in result.ids:
            return result
        id_ = result.ids[table]
        if self.db.execute(f"select 1 from base.{table} where id = ?", [id_]).fetchone():
            return Result("rejected", f"the API returned {ONE_OF[table]} {id_}, which already existed")
        return result

    def _after_silence(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Reply | Result:
        """Nobody can say whether it was executed: look it up. What the API refuses the second time is sent again if it
        is not there; nothing else is."""
        if not action.kind.is_refused_twice:
            return self._after_silence_for_good(action, call, sent_at, reason)
        result = self._looked_for(action, sent_at, reason)
        for _ in range(SENDS - 1):
            if result.outcome != "unknown":
                break
            try:
                reply = self.api.write(call)
            except OutcomeUnknown:
                continue
            if reply.is_done:
                return reply
            result = self._looked_for(action, sent_at, f"sent again, and the API responded: {reply.message}")
        return result

    def _after_silence_for_good(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Result:
        if action.kind.find is not None:
            return self._looked_for(action, sent_at, reason)
        return self._read_back(action, call, f"{reason}; it is not in the account")

    def _looked_for(self, action: Action, sent_at: datetime, reason: str) -> Result:
        """The outcome of what is to be made: what is found, else unknown."""
        found = self._found(self._with_ids(action), sent_at, LOOKUPS)
        if found is None or found.outcome == "unknown":
            return Result("unknown", f"{reason}; {found.message if found else 'it was not found in the account'}")
        return found

    def _found(self, action: Action, sent_at: datetime, samples: int) -> Result | None:
        sought = Sought(action, sent_at, self._known(sent_at), self._wishes(action))
        try:
            return self._look_up(sought, samples)
        except EndpointFailed as error:
            return Result("unknown", f"could not check the account: {error.reason}")

    def _look_up(self, sought: Sought, samples: int) -> Result | None:
        """What became of an action that creates something; None: it was not executed."""
        find = sought.action.kind.find
        assert find is not None
        doubt = ""
        for number in range(samples):
            self._wait(number)
            found = find(self, sought, number + 1 == samples)
            if len(found.rows) > sought.wishes:
                many = f"{len(found.rows)} rows in the account match it, and it is unclear which one it is"
                return Result("unknown", many)
            if found.rows:
                return found.rows[0]
            doubt = found.doubt
        return Result("unknown", doubt) if doubt else None

    def _lookups(self, sent_at: datetime) -> int:
        """How often to look: once when all reads have had the time to see it."""
        waited = self.period_seconds * LOOKUP_SHARE * 2**LOOKUPS
        return 1 if (self.now() - sent_at).total_seconds() > waited else LOOKUPS

    def _wishes(self, action: Action) -> int:
        """How many wishes without an outcome are like this one."""
        alike = [each for each in journal.unresolved(self.db) if each.action.kind is action.kind]
        return max(sum(self._with_ids(each.action).args == action.args for each in alike), 1)

    def _once_more(self, call: Call, came: Reply) -> Reply:
        """What was just made may not be seen everywhere yet: wait as for a look-up."""
        for number in range(1, LOOKUPS):
            self._wait(number)
            came = self.api.write(call)
            if came.status != 404:
                break
        return came

    def _gone(self, action: Action, call: Call) -> Result | None:
        """After a 404: whether the row that a write needs is gone from the account. Asked for itself, for the API says
        404 for an address that nobody has, too."""
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
        """After an update that the API did not take all of: whether a custom field is gone. The list of today is for
        the next plan, too, should it be renamed."""
        columns = {name: id_ for id_, name in column_names(self.db).items()}
        wanted = [str(columns[cell.column]) for cell in action.cells if cell.column in columns]
        there = {record.key for record in self.read_list(whole("custom_fields")).records} if wanted else set()
        gone = next((id_ for id_ in wanted if id_ not in there), None)
        return Result("conflict", f"{ONE_OF['custom_fields']} {gone} is no longer in the account") if gone else None

    def _read_back(self, action: Action, call: Call, reason: str) -> Result:
        """What became of a write that creates nothing: read what it changes."""
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
        """With the real ids of a tag and a person that were made in the same push."""
        ids = journal.new_ids(self.db)
        parent, who = action.args.get("parent_id"), int(action.target)
        args = dict(action.args)
        if isinstance(parent, int):
            args["parent_id"] = ids.get(("tags", parent), parent)
        target = action.target if action.kind.makes else str(ids.get((action.kind.about, who), who))
        return Action(action.kind, target, args, action.settles)

    def _known(self, at: datetime) -> MirrorState:
        """What the account had then, or has from this workspace since, of the things that are told apart by nothing
        but their ids."""
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


def _needs_what_was_made(action: Action) -> bool:
    """Whether it is about a row that this push has made."""
    return any(isinstance(id_, int) and id_ < 0 for id_ in (action.args.get("parent_id"), int(action.target)))
