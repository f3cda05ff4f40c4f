"""The sending of a plan: each change is noted, sent, and noted again with what became of it."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb
import msgspec

from cksync.api import Stopped, WritingApi
from cksync.api.client import Call, Reply
from cksync.api.salvage import readable
from cksync.api.throttle import floor_seconds
from cksync.api.v3 import DETAILS, STATS, ask_one, whole
from cksync.clock import Clock
from cksync.config import Config
from cksync.domain import LoadEnd, Page, Slice
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, Interrupted
from cksync.extract.walk import ListWalk
from cksync.folder import Folder
from cksync.load.known import known
from cksync.load.log import LOSE_PAGES, PUSH, Start, Writer, load_id_at, was_cut_off
from cksync.verbs.agenda import FINAL
from cksync.verbs.outcomes import LATER, Outcomes
from cksync.verbs.publishing import publish
from cksync.write import journal
from cksync.write.diff import UNSENT, status_reason
from cksync.write.edits import Edit
from cksync.write.journal import Result, Unresolved
from cksync.write.named import Named, Namesakes, ask, namesakes
from cksync.write.plan import Action, Plan
from cksync.write.replies import call_of, field_key, missed, observation
from cksync.write.unknown import held

# Actions that do not depend on one another: as many at a time as the configuration has connections.
SIDE_BY_SIDE = frozenset({"update person", "unsubscribe", "subscribe", "untag"})


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
# Actions whose answer shows the person that they were done to.
_SHOWING = frozenset({"create person", "subscribe", "unsubscribe", "update person"})


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came of one write: the answers to what was asked before it, and its own, or why there is none."""

    seen: Sequence[Page]
    came: Reply | Result | CksyncError | Stopped

    def answer(self) -> Reply | Result:
        """Its reply, or what it comes to without being sent. Raises what the write raised."""
        if isinstance(self.came, CksyncError | Stopped):
            raise self.came
        return self.came


def _send(api: WritingApi, call: Call, named: Named | None) -> _Sent:
    """Ask for whom a write names, then send it."""
    seen: Sequence[Page] = ()
    try:
        if named is not None:
            seen, verdict = ask(api, named)
            if verdict is not None:
                return _Sent(seen, verdict)
        return _Sent(seen, api.write(call))
    except (CksyncError, Stopped) as error:
        return _Sent(seen, error)


@dataclass
class Sending:
    """One push, and what it has done so far. `is_stale`: the models are behind the tables of the mirror; `lifted` are
    safety rules, `statuses` those of the broadcasts in the plan; `gone`: rows that turned out to be gone, and what that
    means to whatever needs them; `repeated` what may be sent again although nobody knows; `unread` is why something of
    what was written could not be read afterwards."""

    config: Config
    folder: Folder
    db: duckdb.DuckDBPyConnection
    api: WritingApi
    now: Clock
    stop: threading.Event
    account: str
    is_stale: bool
    lifted: Sequence[str] = ()
    statuses: dict[int, str | None] = field(default_factory=dict)
    results: list[tuple[Action, Result]] = field(default_factory=list)
    requests: int = 0
    keys: dict[str, str] = field(default_factory=dict)
    gone: dict[object, Result] = field(default_factory=dict)
    writer: Writer | None = None
    unread: list[str] = field(default_factory=list)
    repeated: list[Unresolved] = field(default_factory=list)
    named: Namesakes = field(default_factory=Namesakes)

    def __post_init__(self) -> None:
        period = self.config.api.rate_period_seconds
        self.outcomes = Outcomes(self.api, self.db, period, self.now, self.stop, self._observe, self._read_list)

    def resolve(self, *, is_repeat_allowed: bool = False) -> None:
        """Find out what became of changes that were sent and have no outcome. What nobody knows is left as it is,
        unless it may be made twice."""
        for left in journal.unresolved(self.db):
            found = self.outcomes.of_sent(left, is_allowed=is_repeat_allowed)
            if found is None:  # the plan has it if it is still wanted
                journal.forget(self.db, left.action)
                self.repeated += held([left])
            elif (found.outcome, found.message) != (left.state, left.message):
                self._note([(left.action, None, None, found)])

    def _observe(self, page: Page) -> None:
        self.requests += len(page.attempts)
        self._writer().observe(page)

    def read_statuses(self, edits: Sequence[Edit], known: Mapping[int, str | None]) -> Iterator[Page]:
        """Ask for the status of each broadcast that was edited, unless it is `known` that nothing changes it any more:
        what was a draft at the checkout, or in the last night, may be on its way by now. What was read is the caller's
        to keep. Raises ApiUnavailable when that is not possible: then nothing may be written."""
        for edit in edits:
            if edit.table != "broadcasts" or edit.kind == "insert" or not edit.is_there:
                continue
            if known.get(edit.key[0]) in FINAL:
                continue
            try:
                status, pages = self._status(edit.key[0])
            except EndpointFailed as error:
                said = f"nothing was written, for the status of the broadcast {edit.key[0]} could not be read ({error})"
                failed = ApiUnavailable(f"{said}: push again when it can be, or take that edit back")
                failed.attempts = error.attempts
                raise failed from None
            self.statuses[edit.key[0]] = status
            yield from pages

    def _status(self, id_: int) -> tuple[str | None, list[Page]]:
        """The status of a broadcast now, and what was read for it. Where the API gives none, one without any time is a
        draft; None when nobody can tell."""
        pages = [self.api.fetch(ask_one(STATS, str(id_), 1))]
        values = _decoded(pages[0])
        stats = values.get("stats") or {}
        stats = stats[0] if isinstance(stats, list) else stats
        if status := stats.get("status"):
            return str(status), pages
        pages.append(self.api.fetch(ask_one(DETAILS, str(id_), 1)))
        detail = _decoded(pages[1])
        has_no_time = bool(detail) and not detail.get("send_at") and not detail.get("published_at")
        return ("draft" if has_no_time else None), pages

    def keep(self, pages: Sequence[Page]) -> None:
        """What was read is an observation like any other."""
        for page in pages:
            self._observe(page)

    def _stays(self, action: Action) -> Result | None:
        """Why a broadcast is not what it was in the plan: asked right before it is changed or deleted, for that cannot
        be taken back. None when it is."""
        if action.what not in ("update broadcast", "delete broadcast"):
            return None
        status, pages = self._status(int(action.target))
        self.keep(pages)
        planned = self.statuses.get(int(action.target))
        if any(record.text is None for page in pages for record in page.records) or status == planned:
            return None  # what is gone says so itself
        if status in UNSENT:
            return Result("conflict", f"this broadcast is {status} now, and was {planned} in the plan: push again")
        return Result("conflict", status_reason(status))

    def carry_out(self, plan: Plan) -> Iterator[Pushed]:
        """Every action of the plan, in its order."""
        total = len(plan.actions)
        self.named = namesakes(self.db, plan.actions)
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
        flying: dict[Future[_Sent], tuple[Action, Call, datetime]] = {}
        failure: CksyncError | Stopped | None = None
        while (waiting and not failure and not self.stop.is_set()) or flying:
            done: list[Done] = []
            calls: list[tuple[Action, Call]] = []
            while waiting and not failure and len(flying) + len(calls) < self.config.api.concurrency:
                targets = {action.target for action, *_ in flying.values()} | {action.target for action, _ in calls}
                if waiting[0].target in targets:
                    break
                action = waiting.popleft()
                try:
                    call = call_of(action, ids, keys)
                except KeyError:
                    done.append((action, None, None, Result("rejected", "what it needs could not be made")))
                    continue
                if gone := self.gone.get(missed(action, call)) or self._stays(action):
                    done.append((action, None, None, gone))
                else:
                    calls.append((action, call))
            sent_at = self.now()
            journal.send(self.db, [action for action, _ in calls], sent_at, self.lifted)
            for action, call in calls:
                flying[pool.submit(_send, self.api, call, self._named(action))] = (action, call, sent_at)
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                action, call, sent_at = flying.pop(future)
                try:
                    sent = future.result()
                    for page in sent.seen:
                        self._observe(page)
                    reply, result = self.outcomes.of_call(action, call, sent_at, sent.answer)
                    if (
                        result.outcome == "conflict"
                        and (needed := missed(action, call))
                        and reply
                        and not reply.is_done
                    ):
                        self.gone[needed] = result
                    done.append((action, call, reply, result))
                except (CksyncError, Stopped) as error:
                    failure = failure or error
            yield from self._note(done)
        if failure is not None:
            raise failure

    def _named(self, action: Action) -> Named | None:
        """Whom to ask for before a write: not for those who may be there already, by the user's word."""
        is_repeated = any(action.id == left.action.id for left in self.repeated)
        return None if is_repeated and action.what == "create person" else self.named.named(action)

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
            is_seen = result.outcome == "done" or action.what in _SHOWING  # somebody else than was meant, too
            if is_seen and reply.is_done and reply.status != LATER and (seen := observation(action, call, reply)):
                writer.observe(*seen)
        if result.outcome == "done" and action.what == "untag" and call is not None and not (reply and reply.is_done):
            gone = observation(action, call, Reply(204, b"", at, at, ()))  # as the account was asked
            if gone is not None:
                writer.observe(*gone)
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

    def read_the_rest(self) -> None:
        """Read what no reply shows: the figures of broadcasts that were made or changed, the list of fields. What
        cannot be read now is left to the next pull."""
        for id_ in sorted(_written_broadcasts(self.results)):
            with self._going_on():
                self.outcomes.fetch(ask_one(STATS, str(id_), 1))
        if any(action.what.endswith("field") for action, _ in self.results):
            with self._going_on():
                self._read_list(whole("custom_fields"))

    def _read_list(self, slice_: Slice) -> Page:
        """Read an unpaged list as a pull does: what is not in it is gone, unless that is too much to be believed."""
        with known(self.folder) as mirror:
            held = mirror.held(slice_)
            deleted = {int(a.target) for a, _ in self.results if a.what == "delete field"}
            walk = ListWalk(slice_, held=replace(held, keys=[key for key in held.keys if key not in deleted]))
            while request := walk.ask():
                page = self.api.fetch(request)
                walk.tell(page)
                self._writer().add(page, walk.checkpoint)
                self.requests += len(page.attempts)
        if walk.checkpoint.doubt:
            self.unread.append(f"{slice_.name}: {walk.checkpoint.doubt}")
        return page

    @contextlib.contextmanager
    def _going_on(self) -> Iterator[None]:
        """An endpoint that fails is noted, and is no reason to stop."""
        try:
            yield
        except EndpointFailed as error:
            self._writer().add_attempts(error.attempts)
            self.requests += len(error.attempts)
            self.unread.append(str(error))

    def finish(self, plan: Plan) -> PushReport:
        """Close the load, publish, and say how it went."""
        bad = [(action, result) for action, result in self.results if result.outcome != "done"]
        left = len(bad) + len(plan.conflicts) + len(plan.parked) + len(plan.problems)
        message = f"{len(self.results) - len(bad):,} of {len(self.results):,} changes are in the account"
        if conflicts := len(plan.conflicts) + sum(result.outcome == "conflict" for _, result in bad):
            message += f"; {conflicts:,} in conflict"
        unknown = sum(parked.outcome == "unknown" for parked in plan.parked)
        if turned_down := len(plan.parked) - unknown:
            message += f"; {turned_down:,} turned down earlier and not edited since"
        if unknown := unknown + sum(result.outcome == "unknown" for _, result in bad):
            message += f"; of {unknown:,} nobody knows whether they were made (--allow repeat-unknown sends them again)"
        if plan.problems:
            message += f"; left out, with what needs them: {len(plan.problems):,} that cannot be pushed"
        if self.unread:
            message += f"; could not be read afterwards: {'; '.join(self.unread)} (the next pull does)"
        exit_status = 3 if left or self.unread else 0
        journal.agree(self.db, plan.noops)
        if self.writer is not None:
            self._end(exit_status, message)
        elif self.is_stale or was_cut_off(self.folder.log):  # what was done is in the log, and not in the mirror yet
            publish(self.config, self.folder)
        return PushReport(exit_status, message, plan, tuple(self.results), self.requests)


def _decoded(page: Page) -> dict[str, Any]:
    """The record of a page that was asked for by id; empty when there is none."""
    return next((values for _, values in readable(page)), {})


def _written_broadcasts(results: Sequence[tuple[Action, Result]]) -> set[int]:
    """The ids of broadcasts that were made or changed."""
    done = [(action, result) for action, result in results if result.outcome == "done"]
    made = {result.ids["broadcasts"] for action, result in done if action.what == "create broadcast"}
    return made | {int(action.target) for action, _ in done if action.what == "update broadcast"}


def _side_by_side(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """Runs of actions that do not depend on one another; all others alone."""
    for what, run in groupby(actions, key=lambda action: action.what):
        if what in SIDE_BY_SIDE:
            yield list(run)
        else:
            yield from ([action] for action in run)
