"""Apply a plan: journal each change, send it, and record its outcome."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb

from cksync.api import Stopped, WritingApi
from cksync.api.http import Call, Reply
from cksync.api.salvage import readable
from cksync.api.throttle import floor_seconds
from cksync.api.v3.catalog import FINAL, UNSENT, ask_one
from cksync.clock import Clock
from cksync.config import ApiConfig
from cksync.domain import DETAILS, STATS, Page
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, Interrupted
from cksync.plural import plural
from cksync.write import journal
from cksync.write.action import Action, Needed, Result, call_of, new_key
from cksync.write.edits import Edit
from cksync.write.journal import Unresolved
from cksync.write.kinds.broadcasts import status_reason
from cksync.write.named import Named, Namesakes, ask, namesakes
from cksync.write.plan import Plan
from cksync.write.record import Done, Record
from cksync.write.resolve import Resolver
from cksync.write.unknown import unsafe_to_repeat


@dataclass(frozen=True, slots=True)
class Pushed:
    """A change has an outcome. `done` of `total` have one; `left_seconds` is the least time the rate limit leaves for
    the rest."""

    action: Action
    result: Result
    done: int
    total: int
    left_seconds: float


@dataclass(frozen=True, slots=True)
class _Sent:
    """The result of one write: the pages read before it, and its reply or the reason there is none."""

    seen: Sequence[Page]
    reply: Reply | Result | CksyncError | Stopped

    def answer(self) -> Reply | Result:
        """Return the reply, or the outcome reached without sending. Raises what the write raised."""
        if isinstance(self.reply, CksyncError | Stopped):
            raise self.reply
        return self.reply


def _send(api: WritingApi, call: Call, named: Named | None) -> _Sent:
    """Look up the person whom a write names, then send it."""
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
class Applier:
    """Applies one plan. `lifted` are safety rules; `statuses` are those of the broadcasts in the plan; `gone` maps rows
    found to be gone to the outcome of whatever needs them; `repeated` may be sent again although its outcome is
    unknown."""

    limit: ApiConfig
    db: duckdb.DuckDBPyConnection
    api: WritingApi
    now: Clock
    stop: threading.Event
    record: Record
    lifted: Sequence[str] = ()
    statuses: dict[int, str | None] = field(default_factory=dict)
    gone: dict[Needed | None, Result] = field(default_factory=dict)
    repeated: list[Unresolved] = field(default_factory=list)
    namesakes: Namesakes = field(default_factory=Namesakes)

    def __post_init__(self) -> None:
        period = self.limit.rate_period_seconds
        self.resolver = Resolver(self.api, self.db, period, self.now, self.stop, self.record)

    def resolve(self, *, is_repeat_allowed: bool = False) -> None:
        """Find the outcomes of changes that were sent and have none. Those that stay unknown are left alone, unless
        they may be repeated."""
        for left in journal.unresolved(self.db):
            found = self.resolver.of_sent(left, is_allowed=is_repeat_allowed)
            if found is None:  # the plan still has it if it is still wanted
                journal.forget(self.db, left.action)
                self.repeated += unsafe_to_repeat([left])
            elif (found.outcome, found.message) != (left.state, left.message):
                self.record.note([(left.action, None, None, found)])

    def read_statuses(self, edits: Sequence[Edit], known: Mapping[int, str | None]) -> Iterator[Page]:
        """Read the status of each edited broadcast, unless the `known` one is final: a draft at the checkout or at the
        last pull may be on its way by now. The caller records the pages. Raises ApiUnavailable when a status cannot be
        read; then nothing may be written."""
        for edit in edits:
            if edit.table != "broadcasts" or edit.kind == "insert" or not edit.is_there:
                continue
            if known.get(edit.key[0]) in FINAL:
                continue
            try:
                status, pages = self._status(edit.key[0])
            except EndpointFailed as error:
                said = f"nothing was written, because the status of broadcast {edit.key[0]} could not be read ({error})"
                failed = ApiUnavailable(f"{said}; push again later, or revert that edit")
                failed.attempts = error.attempts
                raise failed from None
            self.statuses[edit.key[0]] = status
            yield from pages

    def _status(self, id_: int) -> tuple[str | None, list[Page]]:
        """Return the current status of a broadcast and the pages read for it. Without a status from the API, a
        broadcast without any time counts as a draft; None if undecided."""
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

    def _status_conflict(self, action: Action) -> Result | None:
        """Return a conflict if the status of an action's broadcast has changed since the plan. Checked right before a
        change or deletion, because neither can be undone."""
        if not action.kind.is_unsent_only:
            return None
        status, pages = self._status(int(action.target))
        for page in pages:
            self.record.observe(page)
        planned = self.statuses.get(int(action.target))
        if any(record.text is None for page in pages for record in page.records) or status == planned:
            return None  # the write itself will show that it is gone
        if status in UNSENT:
            return Result("conflict", f"this broadcast was {planned} in the plan and is now {status}; push again")
        return Result("conflict", status_reason(status))

    def apply(self, plan: Plan) -> Iterator[Pushed]:
        """Send every action of the plan, in order."""
        total = len(plan.actions)
        self.namesakes = namesakes(self.db, plan.actions)
        began, done = self.now(), 0
        with ThreadPoolExecutor(self.limit.concurrency) as pool:
            for group in _in_parallel(plan.actions):
                for action, result in self._send(deque(group), pool):
                    spent = (self.now() - began).total_seconds()
                    done += 1
                    seconds = floor_seconds(total, self.limit.rate_limit, self.limit.rate_period_seconds)
                    yield Pushed(action, result, done, total, max(seconds - spent, 0) if done < total else 0)
                if self.stop.is_set():
                    sent = len(self.record.results)
                    raise Interrupted(f"stopped after {sent} of {plural(total, 'change')}; push again to continue")

    def _send(self, waiting: deque[Action], pool: ThreadPoolExecutor) -> Iterator[tuple[Action, Result]]:
        """Send as many actions at a time as there are connections; store the outcome of one before the next takes its
        slot."""
        ids, keys = journal.new_ids(self.db), self._field_keys()
        flying: dict[Future[_Sent], tuple[Action, Call, datetime]] = {}
        failure: CksyncError | Stopped | None = None
        while (waiting and not failure and not self.stop.is_set()) or flying:
            done: list[Done] = []
            calls: list[tuple[Action, Call]] = []
            while waiting and not failure and len(flying) + len(calls) < self.limit.concurrency:
                targets = {action.target for action, *_ in flying.values()} | {action.target for action, _ in calls}
                if waiting[0].target in targets:
                    break
                action = waiting.popleft()
                try:
                    call = call_of(action, ids, keys)
                except KeyError:
                    done.append((action, None, None, Result("rejected", "what it depends on could not be created")))
                    continue
                if gone := self.gone.get(action.kind.needed(action, call)) or self._status_conflict(action):
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
                    done.append(self._outcome(action, call, sent_at, future.result()))
                except (CksyncError, Stopped) as error:
                    failure = failure or error
            yield from self.record.note(done)
        if failure is not None:
            raise failure

    def _outcome(self, action: Action, call: Call, sent_at: datetime, sent: _Sent) -> Done:
        """Return the outcome of a write, and remember a row found to be gone. Raises what leaves the outcome open."""
        for page in sent.seen:
            self.record.observe(page)
        reply, result = self.resolver.of_call(action, call, sent_at, sent.answer)
        needed = action.kind.needed(action, call)
        if result.outcome == "conflict" and needed and reply and not reply.is_done:
            self.gone[needed] = result
        return action, call, reply, result

    def _named(self, action: Action) -> Named | None:
        """Return the person to look up before a write; None for a permitted repeat whose person may already exist."""
        is_repeated = any(action.id == left.action.id for left in self.repeated)
        return None if is_repeated and action.kind.address == "free" else self.namesakes.named(action)

    def _field_keys(self) -> Mapping[str, str]:
        rows = self.db.execute(
            "select ids.local_id, columns.key from _cksync.ids as ids"
            " join _cksync.columns as columns on columns.custom_field_id = ids.id where ids.target = 'custom_fields'"
        ).fetchall()
        return {**{new_key(local_id): key for local_id, key in rows}, **self.record.keys}

    def reread(self) -> None:
        """Read what no reply shows: the figures of broadcasts and the list of custom fields. What cannot be read now is
        left to the next pull."""
        for slice_ in dict.fromkeys(action.kind.reread for action, _ in self.record.results if action.kind.reread):
            if slice_ != STATS:
                with self._tolerated():
                    self.record.read_list(self.api, slice_)
                continue
            for id_ in sorted(_written(self.record.results)):
                with self._tolerated():
                    self.resolver.fetch(ask_one(STATS, str(id_), 1))

    @contextlib.contextmanager
    def _tolerated(self) -> Iterator[None]:
        """Note an endpoint that fails, and continue with the rest."""
        try:
            yield
        except EndpointFailed as error:
            self.record.add_attempts(error)
            self.record.unread.append(str(error))


def _decoded(page: Page) -> dict[str, Any]:
    """Return the record of a page fetched by id; empty if there is none."""
    return next((values for _, values in readable(page)), {})


def _written(results: Sequence[tuple[Action, Result]]) -> set[int]:
    """Return the ids of broadcasts that were created or changed."""
    done = [(action, result) for action, result in results if result.outcome == "done" and action.kind.reread == STATS]
    return {result.ids.get("broadcasts", int(action.target)) for action, result in done}


def _in_parallel(actions: Sequence[Action]) -> Iterator[list[Action]]:
    """Group consecutive independent actions; every other action stands alone."""
    for kind, run in groupby(actions, key=lambda action: action.kind):
        if kind.is_parallel:
            yield list(run)
        else:
            yield from ([action] for action in run)
