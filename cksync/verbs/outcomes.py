"""What became of a write whose answer proves nothing: the account is asked, nothing is guessed.

That is no answer at all, or somebody else's; "later" (202); and a 404: for something that was made a moment ago, for
what a write needs and is gone, and for what it was to take away.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from cksync.addresses import folded, folded_sql
from cksync.api import Stopped, WritingApi
from cksync.api.client import Call, Reply
from cksync.api.v3 import ask_one, whole
from cksync.clock import Clock
from cksync.domain import Page, Request, Slice
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, OutcomeUnknown
from cksync.write import journal
from cksync.write.gone import ONE_OF
from cksync.write.journal import Result, Unresolved
from cksync.write.lookup import LOOKED_UP, LOOKS, REFUSED_TWICE, Sought, is_done, look_up
from cksync.write.plan import Action
from cksync.write.replies import missed, result_of
from cksync.write.unknown import is_held
from cksync.write.workspace import column_names

# The wait before the second look at an unknown outcome, as a share of the limit's period; then doubled.
LOOK_SHARE = 1 / 60
# How often what the API refuses the second time is sent, as long as it is not found in the account.
SENDS = 3
# Writes that take something away, so that a 404 may mean that it was gone.
TAKEN_AWAY = frozenset({"untag", "delete broadcast", "delete field"})
# What an action makes, by the table of its row.
_MADE = {"tags": "tag", "subscribers": "person", "broadcasts": "broadcast", "purchases": "purchase"}
# The status that says: accepted, and not done yet.
LATER = 202

Known = Mapping[str, frozenset[int]]


@dataclass(frozen=True)
class Outcomes:
    """Finds outcomes for one push. What is seen on the way is an observation like any other: `observe` keeps it;
    `read_list` reads an unpaged list whole, and keeps it, too."""

    api: WritingApi
    db: duckdb.DuckDBPyConnection
    period_seconds: float
    now: Clock
    stop: threading.Event
    observe: Callable[[Page], None]
    read_list: Callable[[Slice], Page]

    def fetch(self, request: Request) -> Page:
        """Ask for one page, and keep it."""
        page = self.api.fetch(request)
        self.observe(page)
        return page

    def of_sent(self, left: Unresolved, *, is_allowed: bool) -> Result | None:
        """The outcome of an action that was sent by an earlier push; None: it was not executed, or is as good twice as
        once, or may be made twice (`is_allowed`)."""
        action = self._with_ids(left.action)
        if action.what not in LOOKED_UP or action.args.get("parent_id", 0) < 0:  # the tag was never made
            return None
        found = self._in_mirror(action) or self._found(action, left.sent_at, self._looks(left.sent_at))
        is_open = found is None or found.outcome == "unknown"
        if is_open and (is_allowed or not is_held(action)):
            return None
        return Result("unknown", left.message) if found is None and left.state == "unknown" else found

    def of_call(
        self, action: Action, call: Call, sent_at: datetime, answer: Callable[[], Reply | Result]
    ) -> tuple[Reply | None, Result]:
        """What a write came to, and its reply (None: the account was asked instead). `answer` gives the reply, or what
        it comes to without being sent, or raises, as `WritingApi.write` does; raises what nothing can be made of."""
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
            later = "the API accepted it and has not done it yet"
            return came, self._after_silence_for_good(action, call, sent_at, later)
        if came.status == 404 and action.what in TAKEN_AWAY:
            return came, self._taken_away(action, call, came)
        if came.status == 404 and (gone := self._gone(action, call)):
            return came, gone
        result = result_of(action, call, came, self._who(action))
        if result is None:
            said = f"the API answered {came.status}, and not with what was meant"
            return None, self._after_silence_for_good(action, call, sent_at, said)
        result = self._if_new(action, result)
        return came, self._lost_field(action) or result if result.outcome == "rejected" and came.is_done else result

    def _taken_away(self, action: Action, call: Call, came: Reply) -> Result:
        """After a 404: whether what was to be taken away is gone."""
        try:
            is_gone = is_done(self, call, action, self.read_list)
        except EndpointFailed as error:
            return Result("unknown", f"{came.message}; whether it is gone could not be read: {error.reason}")
        return Result("done", "it was gone already") if is_gone else Result("rejected", came.message)

    def read(self, path: str) -> Any:
        """What stands at a path."""
        return self.api.read(path)

    def write(self, call: Call) -> Reply:
        """Send a write."""
        return self.api.write(call)

    def _who(self, action: Action) -> int | None:
        """The person whom an action is about."""
        who = int(action.target)
        return journal.new_ids(self.db).get(("subscribers", who)) if who < 0 else who

    def _if_new(self, action: Action, result: Result) -> Result:
        """Whether what was made is new: an API may answer with what it has, by the name of a tag or a transaction."""
        for table, id_ in result.ids.items():
            query = f"select 1 from base.{table} where id = ?"
            if action.what == f"create {_MADE.get(table)}" and self.db.execute(query, [id_]).fetchone():
                return Result("rejected", f"the API answers with {ONE_OF[table]} {id_}, which was there before")
        return result

    def _after_silence(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Reply | Result:
        """Nobody can say whether it was executed: look it up. What the API refuses the second time is sent again if it
        is not there; nothing else is."""
        if action.what not in REFUSED_TWICE:
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
            result = self._looked_for(action, sent_at, f"sent again, the API says: {reply.message}")
        return result

    def _after_silence_for_good(self, action: Action, call: Call, sent_at: datetime, reason: str) -> Result:
        if action.what in LOOKED_UP:
            return self._looked_for(action, sent_at, reason)
        return self._read_back(action, call, f"{reason}; it is not in the account")

    def _looked_for(self, action: Action, sent_at: datetime, reason: str) -> Result:
        """The outcome of what is to be made: what is found, else unknown."""
        found = self._found(self._with_ids(action), sent_at, LOOKS)
        if found is None or found.outcome == "unknown":
            return Result("unknown", f"{reason}; {found.message if found else 'it is not to be found in the account'}")
        return found

    def _found(self, action: Action, sent_at: datetime, looks: int) -> Result | None:
        sought = Sought(action, sent_at, self._known(sent_at), self._wishes(action))
        try:
            return look_up(self, sought, looks, self._wait)
        except EndpointFailed as error:
            return Result("unknown", f"it cannot be looked up: {error.reason}")

    def _in_mirror(self, action: Action) -> Result | None:
        """A membership that the mirror has since: the plan had none, so this is it."""
        if action.what not in ("create person", "subscribe"):
            return None
        args = action.args
        is_it = "person.id = ?" if action.what == "subscribe" else f"{folded_sql('person.email_address')} = ?"
        who = int(action.target) if action.what == "subscribe" else folded(str(args["email_address"]))
        query = f"""
            select joined.id, person.id from mirror.main.subscriptions as joined
            join mirror.main.subscribers as person on person.id = joined.subscriber_id
            where joined.subscribable_type = ? and joined.subscribable_id = ? and {is_it}
        """
        row = self.db.execute(query, [args["parent"], args["parent_id"], who]).fetchone()
        if row is None:
            return None
        made = {"subscribers": row[1]} if action.what == "create person" else {}
        return Result("done", ids={"subscriptions": row[0], **made})

    def _looks(self, sent_at: datetime) -> int:
        """How often to look: once when all reads have had the time to see it."""
        waited = self.period_seconds * LOOK_SHARE * 2**LOOKS
        return 1 if (self.now() - sent_at).total_seconds() > waited else LOOKS

    def _wishes(self, action: Action) -> int:
        """How many wishes without an outcome are like this one."""
        alike = [each for each in journal.unresolved(self.db) if each.action.what == action.what]
        return max(sum(self._with_ids(each.action).args == action.args for each in alike), 1)

    def _once_more(self, call: Call, came: Reply) -> Reply:
        """What was just made may not be seen everywhere yet: wait as for a look-up."""
        for number in range(1, LOOKS):
            self._wait(number)
            came = self.api.write(call)
            if came.status != 404:
                break
        return came

    def _gone(self, action: Action, call: Call) -> Result | None:
        """After a 404: whether the row that a write needs is gone from the account. Asked for itself, for the API says
        404 for an address that nobody has, too."""
        needed = missed(action, call)
        if needed is None:
            return None
        slice_, key, what = needed
        if slice_ == whole(slice_.stream):
            is_gone = all(record.key != key for record in self.read_list(slice_).records)
        else:
            is_gone = any(record.text is None for record in self.fetch(ask_one(slice_, key, 1)).records)
        return Result("conflict", f"{what} {key} is gone from the account") if is_gone else None

    def _lost_field(self, action: Action) -> Result | None:
        """After an update that the API did not take all of: whether a custom field is gone. The list of today is for
        the next plan, too, should it be renamed."""
        columns = {name: id_ for id_, name in column_names(self.db).items()}
        wanted = [str(columns[cell.column]) for cell in action.cells if cell.column in columns]
        there = {record.key for record in self.read_list(whole("custom_fields")).records} if wanted else set()
        gone = next((id_ for id_ in wanted if id_ not in there), None)
        return Result("conflict", f"{ONE_OF['custom_fields']} {gone} is gone from the account") if gone else None

    def _read_back(self, action: Action, call: Call, reason: str) -> Result:
        """What became of a write that makes nothing: what it changes is read."""
        try:
            for number in range(1, LOOKS):
                self._wait(number)
                if is_done(self, call, action, self.read_list):
                    return Result("done")
        except EndpointFailed as error:
            reason = f"{reason}, and could not be read: {error.reason}"
        return Result("unknown", reason)

    def _with_ids(self, action: Action) -> Action:
        """With the real ids of a tag and a person that were made in the same push."""
        ids = journal.new_ids(self.db)
        parent, who = action.args.get("parent_id"), int(action.target)
        args = dict(action.args)
        if isinstance(parent, int):
            args["parent_id"] = ids.get(("tags", parent), parent)
        target = str(ids.get(("subscribers", who), who)) if action.what == "subscribe" else action.target
        return Action(action.what, target, args, action.settles)

    def _known(self, at: datetime) -> Known:
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
            self.stop.wait(self.period_seconds * LOOK_SHARE * 2 ** (number - 1))


def _needs_what_was_made(action: Action) -> bool:
    """Whether it is about a row that this push has made."""
    return any(isinstance(id_, int) and id_ < 0 for id_ in (action.args.get("parent_id"), int(action.target)))
