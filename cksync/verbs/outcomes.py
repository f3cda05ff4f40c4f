"""What became of a write whose answer proves nothing: the account is asked, nothing is guessed.

That is no answer at all, "later" (202), and a 404: for something that was made a moment ago, and for what a
write needs and is gone.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb
import msgspec

from cksync.api import WritingApi
from cksync.api.answers import is_json
from cksync.api.client import Call, Reply
from cksync.api.salvage import NO_JSON
from cksync.api.v3 import BY_ID, ask_one, whole
from cksync.domain import Page, Request, Slice
from cksync.errors import OutcomeUnknown
from cksync.write import journal
from cksync.write.gone import ONE_OF
from cksync.write.journal import Result
from cksync.write.lookup import LOOKED_UP, LOOKS, look_up
from cksync.write.plan import Action
from cksync.write.replies import checked, missed, result_of
from cksync.write.workspace import column_names

# The wait before the second look at an unknown outcome, as a share of the limit's period; then doubled.
LOOK_SHARE = 1 / 60
# How often a write is sent whose outcome nobody knows, and which is not found in the account.
SENDS = 3
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
    stop: threading.Event
    observe: Callable[[Page], None]
    read_list: Callable[[Slice], Page]

    def fetch(self, request: Request) -> Page:
        """Ask for one page, and keep it."""
        page = self.api.fetch(request)
        self.observe(page)
        return page

    def of_sent(self, action: Action, sent_at: datetime) -> Result | None:
        """The outcome of an action that was sent before somebody died; None: it was not executed, or is as good
        twice as once."""
        return self._look_up(action, self._known(sent_at)) if action.what in LOOKED_UP else None

    def of_call(
        self, action: Action, call: Call, sent_at: datetime, answer: Callable[[], Reply]
    ) -> tuple[Reply | None, Result]:
        """What a write came to, and its reply (None: the account was asked instead). `answer` gives the reply, or
        raises, as `WritingApi.write` does; raises what nothing can be made of."""
        try:
            came: Reply | Result = answer()
        except OutcomeUnknown:
            came = self._after_silence(action, call, sent_at)
        if isinstance(came, Reply) and came.status == 404 and _needs_what_was_made(action):
            came = self._once_more(call, came)
        if isinstance(came, Result):
            return None, came
        if came.status == LATER and action.what == "update person":
            return came, self._read_back(call)
        if came.status == 404 and is_json(came.body) and (gone := self._gone(action, call)):
            return came, gone
        result = self._if_new(action, result_of(action, call, came))
        return came, self._lost_field(action) or result if result.outcome == "rejected" and came.is_done else result

    def _if_new(self, action: Action, result: Result) -> Result:
        """Whether what was made is new: an API may answer with what it has, by the name of a tag or a transaction."""
        for table, id_ in result.ids.items():
            query = f"select 1 from base.{table} where id = ?"
            if action.what == f"create {_MADE.get(table)}" and self.db.execute(query, [id_]).fetchone():
                return Result("rejected", f"the API answers with {ONE_OF[table]} {id_}, which was there before")
        return result

    def _after_silence(self, action: Action, call: Call, sent_at: datetime) -> Reply | Result:
        """Nobody can say whether it was executed: look it up, and repeat it if it is not there."""
        before = self._known(sent_at)
        for number in range(SENDS):
            if found := self._look_up(action, before):
                return found
            if number + 1 < SENDS:
                try:
                    return self.api.write(call)
                except OutcomeUnknown:
                    continue
        return Result("unknown", f"sent {SENDS} times without an answer, and not to be found in the account")

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

    def _read_back(self, call: Call) -> Result:
        """What became of the update of a person that the API accepted, to be done later."""
        for number in range(1, LOOKS):
            self._wait(number)
            for record in self.fetch(ask_one(BY_ID, call.path.rpartition("/")[2], number)).records:
                if record.text is None or record.text.startswith(NO_JSON):
                    continue
                if checked(call, msgspec.json.decode(record.text)).outcome == "done":
                    return Result("done")
        return Result("unknown", "the API accepted it and has not done it yet")

    def _look_up(self, action: Action, before: Known) -> Result | None:
        action = self._with_ids(action)
        if action.args.get("parent_id", 0) < 0:  # the tag was never made
            return None
        return look_up(self, action, before, self._wait)

    def _with_ids(self, action: Action) -> Action:
        """With the real id of a tag that was made in the same push."""
        ids = journal.new_ids(self.db)
        parent = action.args.get("parent_id")
        if not isinstance(parent, int) or ("tags", parent) not in ids:
            return action
        return Action(action.what, action.target, {**action.args, "parent_id": ids["tags", parent]}, action.settles)

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
