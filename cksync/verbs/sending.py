"""The sending of a plan: each change is noted, sent, and noted again with what became of it."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

import duckdb
import msgspec

from cksync.api import Stopped, WritingApi
from cksync.api.client import Call, Reply
from cksync.api.throttle import floor_seconds
from cksync.api.v3 import BY_ID, STATS, ask_one, ask_page, whole
from cksync.clock import Clock
from cksync.config import Config
from cksync.domain import LoadEnd, Page, Request
from cksync.errors import CksyncError, Interrupted, OutcomeUnknown
from cksync.extract.walk import ListWalk
from cksync.folder import Folder
from cksync.load.log import LOSE_PAGES, PUSH, Start, Writer, load_id_at, was_cut_off
from cksync.verbs.publishing import publish
from cksync.write import journal
from cksync.write.journal import Result
from cksync.write.lookup import LOOKED_UP, LOOKS, look_up
from cksync.write.plan import Action, Plan
from cksync.write.replies import call_of, checked, field_key, observation, result_of

# Actions that do not depend on one another: as many at a time as the configuration has connections.
SIDE_BY_SIDE = frozenset({"update person", "unsubscribe", "subscribe", "untag"})
# The wait before the second look at an unknown outcome, as a share of the limit's period; then doubled.
LOOK_SHARE = 1 / 60
# How often a write is sent whose outcome nobody knows, and which is not found in the account.
SENDS = 3
# The status that says: accepted, and not done yet.
LATER = 202


@dataclass(frozen=True, slots=True)
class Pushed:
    """A change has an outcome; how many have one, of how many, and the seconds that the limit alone takes for
    the rest."""

    action: Action
    result: Result
    done: int
    total: int
    left_seconds: float


@dataclass(frozen=True)
class PushReport:
    """What a push did. `results` are those of this run, in order."""

    exit_status: int
    message: str
    plan: Plan
    results: Sequence[tuple[Action, Result]]
    requests: int


Done = tuple[Action, Call | None, Reply | None, Result]


def _known(db: duckdb.DuckDBPyConnection, at: datetime) -> Mapping[str, frozenset[int]]:
    """What the account had then of the things that are told apart by nothing but their ids."""
    query = "select id from mirror.main.{} where _first_seen_at < ?"
    return {
        name: frozenset(row[0] for row in db.execute(query.format(name), [at]).fetchall())
        for name in ("broadcasts", "purchases")
    }


class _Watched:
    """An Api whose answers are kept: what a look-up sees is an observation like any other."""

    def __init__(self, api: WritingApi) -> None:
        self._api = api
        self.pages: list[Page] = []

    def fetch(self, request: Request) -> Page:
        """Ask for one page."""
        page = self._api.fetch(request)
        self.pages.append(page)
        return page


@dataclass
class Sending:
    """One push, and what it has done so far. `is_stale`: the models are behind the tables of the mirror."""

    config: Config
    folder: Folder
    db: duckdb.DuckDBPyConnection
    api: WritingApi
    now: Clock
    stop: threading.Event
    account: str
    is_stale: bool
    results: list[tuple[Action, Result]] = field(default_factory=list)
    requests: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    writer: Writer | None = None

    def resolve(self) -> None:
        """Find out what became of changes that were sent and have no outcome."""
        for action, sent_at in journal.unresolved(self.db):
            found = self._look_up(action, _known(self.db, sent_at)) if action.what in LOOKED_UP else None
            if found is None:  # not executed, or as good twice as once: the plan has it if it is still wanted
                journal.forget(self.db, action)
            else:
                self._note([(action, None, None, found)])

    def _look_up(self, action: Action, before: Mapping[str, frozenset[int]]) -> Result | None:
        action = self._with_ids(action)
        if action.args.get("parent_id", 0) < 0:  # the tag was never made
            return None
        watched = _Watched(self.api)
        found = look_up(watched, action, before, self._wait)
        self._observe(watched.pages)
        return found

    def _observe(self, pages: Sequence[Page]) -> None:
        for page in pages:
            self.requests += len(page.attempts)
            self._writer().observe(page)

    def _with_ids(self, action: Action) -> Action:
        """With the real id of a tag that was made in the same push."""
        ids = journal.new_ids(self.db)
        parent = action.args.get("parent_id")
        if not isinstance(parent, int) or ("tags", parent) not in ids:
            return action
        return Action(action.what, action.target, {**action.args, "parent_id": ids["tags", parent]}, action.settles)

    def _wait(self, number: int) -> None:
        if number:
            self.stop.wait(self.config.api.rate_period_seconds * LOOK_SHARE * 2 ** (number - 1))

    def carry_out(self, plan: Plan) -> Iterator[Pushed]:
        """Every action of the plan, in its order."""
        total = len(plan.actions)
        rate = self.config.api.rate_limit, self.config.api.rate_period_seconds
        began, done = self.now(), 0
        with ThreadPoolExecutor(self.config.api.concurrency) as pool:
            for group in _side_by_side(plan.actions):
                for action, result in self._send(deque(group), pool):
                    spent = (self.now() - began).total_seconds()
                    done += 1
                    left = max(floor_seconds(total, *rate) - spent, 0) if done < total else 0
                    yield Pushed(action, result, done, total, left)
                if self.stop.is_set():
                    raise Interrupted(f"stopped after {len(self.results)} of {total} changes; push again to go on")

    def _send(self, waiting: deque[Action], pool: ThreadPoolExecutor) -> Iterator[tuple[Action, Result]]:
        """Some actions, as many at a time as there are connections; what became of one is stored before the next
        one takes its place."""
        ids, keys = journal.new_ids(self.db), self._field_keys()
        flying: dict[Future[Reply | Exception], tuple[Action, Call, datetime]] = {}
        failure: Exception | None = None
        while (waiting and not failure and not self.stop.is_set()) or flying:
            done: list[Done] = []
            calls: list[tuple[Action, Call]] = []
            while waiting and not failure and len(flying) + len(calls) < self.config.api.concurrency:
                targets = {action.target for action, *_ in flying.values()} | {action.target for action, _ in calls}
                if waiting[0].target in targets:
                    break
                action = waiting.popleft()
                try:
                    calls.append((action, call_of(action, ids, keys)))
                except KeyError:
                    done.append((action, None, None, Result("rejected", "what it needs could not be made")))
            sent_at = self.now()
            journal.send(self.db, [action for action, _ in calls], sent_at)
            flying |= {pool.submit(self._write, call): (action, call, sent_at) for action, call in calls}
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                failure = self._take(*flying.pop(future), future.result(), done) or failure
            yield from self._note(done)
        if failure is not None:
            raise failure

    def _take(
        self, action: Action, call: Call, sent_at: datetime, answer: Reply | Exception, done: list[Done]
    ) -> Exception | None:
        """What an answer means is `done`; a failure that nothing can be made of is returned."""
        came: Reply | Exception | None = answer
        if isinstance(answer, OutcomeUnknown):
            came = self._after_silence(action, call, sent_at, done)
        if isinstance(came, Reply) and came.status == 404 and _needs_what_was_made(action):
            came = self._once_more(call, came)
        if isinstance(came, Reply):
            result = self._read_back(call) if came.status == LATER else result_of(action, call, came)
            done.append((action, call, came, result))
            return None
        return came

    def _write(self, call: Call) -> Reply | Exception:
        try:
            return self.api.write(call)
        except (CksyncError, Stopped) as error:
            return error

    def _after_silence(
        self, action: Action, call: Call, sent_at: datetime, done: list[Done]
    ) -> Reply | Exception | None:
        """Nobody can say whether it was executed: look it up, and repeat it if it is not there. None: it is `done`."""
        before = _known(self.db, sent_at)
        came: Reply | Exception = OutcomeUnknown()
        for number in range(SENDS):
            found = self._look_up(action, before)
            if found is None and number + 1 == SENDS:
                found = Result("unknown", f"sent {SENDS} times without an answer, and not to be found in the account")
            if found is not None:
                done.append((action, None, None, found))
                return None
            came = self._write(call)
            if not isinstance(came, OutcomeUnknown):
                break
        return came

    def _once_more(self, call: Call, came: Reply | Exception) -> Reply | Exception:
        """What was just made may not be seen everywhere yet: wait as for a look-up."""
        for number in range(1, LOOKS):
            self._wait(number)
            came = self._write(call)
            if not (isinstance(came, Reply) and came.status == 404):
                break
        return came

    def _read_back(self, call: Call) -> Result:
        """What became of an update that the API accepted, to be done later: its answer proves nothing."""
        watched = _Watched(self.api)
        result = Result("unknown", "the API accepted it and has not done it yet")
        for number in range(1, LOOKS):
            self._wait(number)
            (record,) = watched.fetch(ask_one(BY_ID, call.path.rpartition("/")[2], number)).records
            if record.text is not None and checked(call, msgspec.json.decode(record.text)).outcome == "done":
                result = Result("done")
                break
        self._observe(watched.pages)
        return result

    def _field_keys(self) -> Mapping[str, str]:
        rows = self.db.execute(
            "select '@' || ids.local_id, columns.key from _cksync.ids as ids"
            " join _cksync.columns as columns on columns.custom_field_id = ids.id where ids.target = 'custom_fields'"
        ).fetchall()
        return {**dict(rows), **self.keys}

    def _note(self, done: Sequence[Done]) -> list[tuple[Action, Result]]:
        """Outcomes -> the journal of the workspace, and the log."""
        if not done:
            return []
        at = self.now()
        settled = [(action, result) for action, _, _, result in done]
        for action, call, reply, result in done:
            if action.what == "create field" and result.outcome == "done":
                self.keys.update([field_key(action, result)])
            self._log(action, call, reply, result, at)
        self._writer().flush()  # before the journal: what it calls done is in the log
        journal.settle(self.db, settled, at)
        self.results += settled
        return settled

    def _log(self, action: Action, call: Call | None, reply: Reply | None, result: Result, at: datetime) -> None:
        writer = self._writer()
        if call is not None and reply is not None:
            self.requests += len(reply.attempts)
            writer.add_attempts(reply.attempts)
            if (
                result.outcome == "done"
                and reply.is_done
                and reply.status != LATER
                and (seen := observation(action, call, reply))
            ):
                writer.observe(*seen)
        cells = [{"column": c.column, "from": c.base, "to": c.mine} for c in action.cells]
        said = {"action": action.id, "what": action.what, "target": action.target, "cells": cells}
        writer.note_push(at, msgspec.json.encode({**said, "outcome": result.outcome, "message": result.message}))

    def _writer(self) -> Writer:
        if self.writer is None:
            at = self.now()
            start = Start(at, self.account, PUSH)
            self.writer = Writer(self.folder.log, load_id_at(at), start, LOSE_PAGES)
        return self.writer

    def close(self, error: CksyncError) -> None:
        """Keep in the log what was done before it ended."""
        if self.writer is not None:
            self.writer.add_attempts(error.attempts)
            self._end(error.exit_status, str(error))
        elif self.is_stale:
            publish(self.config, self.folder)

    def _end(self, exit_status: int, message: str) -> None:
        assert self.writer is not None
        self.writer.flush(LoadEnd(self.now(), exit_status, message, is_finished=True))
        publish(self.config, self.folder)

    def finish(self, plan: Plan) -> PushReport:
        """Read the field list again if it changed, close the load, publish, and say how it went."""
        bad = [(action, result) for action, result in self.results if result.outcome != "done"]
        left = len(bad) + len(plan.conflicts) + len(plan.parked)
        message = f"{len(self.results) - len(bad):,} of {len(self.results):,} changes are in the account"
        if plan.conflicts:
            message += f"; {len(plan.conflicts):,} in conflict"
        if plan.parked:
            message += f"; {len(plan.parked):,} turned down earlier and not edited since"
        exit_status = 3 if left else 0
        for id_ in sorted(_written_broadcasts(self.results)):  # their figures are not in the replies
            page = self.api.fetch(ask_one(STATS, str(id_), 1))
            self._observe([page])
        if any(action.what.endswith("field") for action, _ in self.results):
            walk = ListWalk(whole("custom_fields"))
            walk.ask()
            page = self.api.fetch(ask_page(whole("custom_fields"), 1))
            walk.tell(page)
            self._writer().add(page, walk.checkpoint)
            self.requests += len(page.attempts)
        journal.agree(self.db, plan.noops)
        if self.writer is not None:
            self._end(exit_status, message)
        elif self.is_stale or was_cut_off(self.folder.log):  # what was done is in the log, and not in the mirror yet
            publish(self.config, self.folder)
        return PushReport(exit_status, message, plan, tuple(self.results), self.requests)


def _written_broadcasts(results: Sequence[tuple[Action, Result]]) -> set[int]:
    """The ids of broadcasts that were made or changed."""
    done = [(action, result) for action, result in results if result.outcome == "done"]
    made = {result.ids["broadcasts"] for action, result in done if action.what == "create broadcast"}
    return made | {int(action.target) for action, _ in done if action.what == "update broadcast"}


def _needs_what_was_made(action: Action) -> bool:
    """Whether it is about a row that this push has made."""
    return any(isinstance(id_, int) and id_ < 0 for id_ in (action.args.get("parent_id"), int(action.target)))


def _side_by_side(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """Runs of actions that do not depend on one another; all others alone."""
    for what, run in groupby(actions, key=lambda action: action.what):
        if what in SIDE_BY_SIDE:
            yield list(run)
        else:
            yield from ([action] for action in run)
