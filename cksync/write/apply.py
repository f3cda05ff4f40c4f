"""Apply a plan: journal each change, send it, and record its outcome."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb

from cksync.addresses import folded
from cksync.api import Stopped, WritingApi
from cksync.api.http import Call, Reply
from cksync.api.throttle import floor_seconds
from cksync.api.v3.catalog import FINAL, UNSENT, ask_one
from cksync.api.v4.bulk import bulk_call
from cksync.api.v4.bulk_kinds import Item
from cksync.api.v4.catalog import ask_one as ask_one_v4
from cksync.clock import Clock
from cksync.config import ApiConfig
from cksync.domain import BY_ID_V4, STATS, Page, Slice
from cksync.errors import ApiUnavailable, CksyncError, EndpointFailed, Interrupted
from cksync.plural import plural
from cksync.write import journal
from cksync.write.action import Action, Ids, Needed, Result, call_of, item_of, new_key
from cksync.write.batches import Batch, Group, groups
from cksync.write.bulk import BulkReader, Flight
from cksync.write.edits import Edit
from cksync.write.journal import Unresolved
from cksync.write.kinds import kinds_of
from cksync.write.kinds.broadcasts import status_reason
from cksync.write.named import Named, Namesakes, ask, namesakes
from cksync.write.plan import READ_BACK, Plan, is_unseen
from cksync.write.record import Done, Record
from cksync.write.resolve import Resolver
from cksync.write.status import status_of
from cksync.write.taken import owners
from cksync.write.through import V3, Through
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
    through: Through = V3
    statuses: dict[int, str | None] = field(default_factory=dict)
    gone: dict[Needed | None, Result] = field(default_factory=dict)
    repeated: list[Unresolved] = field(default_factory=list)
    namesakes: Namesakes = field(default_factory=Namesakes)
    settle_seconds: float = 0.0

    def __post_init__(self) -> None:
        period = self.limit.rate_period_seconds
        self.resolver = Resolver(
            self.api, self.db, period, self.now, self.stop, self.record, self.through, self.settle_seconds
        )
        self.bulk = BulkReader(self.resolver, self.record)

    def resolve(self, *, is_repeat_allowed: bool = False) -> None:
        """Find the outcomes of changes that were sent and have none. Those that stay unknown are left alone, unless
        they may be repeated."""
        for left in journal.unresolved(self.db, kinds_of(self.through)):
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
                status, pages = status_of(self.api, edit.key[0], self.through.version)
            except EndpointFailed as error:
                said = f"nothing was written, because the status of broadcast {edit.key[0]} could not be read ({error})"
                failed = ApiUnavailable(f"{said}; push again later, or revert that edit")
                failed.attempts = error.attempts
                raise failed from None
            self.statuses[edit.key[0]] = status
            yield from pages

    def _status_conflict(self, action: Action) -> Result | None:
        """Return a conflict if the status of an action's broadcast has changed since the plan. Checked right before a
        change or deletion, because neither can be undone."""
        if not action.kind.is_unsent_only:
            return None
        status, pages = status_of(self.api, int(action.target), self.through.version)
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
        if self.through.version == "v3":
            self.namesakes = namesakes(self.db, plan.actions)
        began, done = self.now(), 0
        seconds = floor_seconds(plan.requests, self.limit.rate_limit, self.limit.rate_period_seconds)
        with ThreadPoolExecutor(self.limit.concurrency) as pool:
            for group in groups(plan.actions, self.through):
                for action, result in self._send_free(group, pool):
                    spent = (self.now() - began).total_seconds()
                    done += 1
                    yield Pushed(action, result, done, total, max(seconds - spent, 0) if done < total else 0)
                if self.stop.is_set():
                    sent = len(self.record.results)
                    raise Interrupted(f"stopped after {sent} of {plural(total, 'change')}; push again to continue")

    def _send_free(self, group: Group, pool: ThreadPoolExecutor) -> Iterator[tuple[Action, Result]]:
        """Send a group, but for new people whose address somebody has (under API v4)."""
        addresses = [
            str(action.args["email_address"])
            for batch in group
            for action in batch.actions
            if action.kind.address == "free" and self.through.version == "v4" and not self._is_repeated(action)
        ]
        taken: dict[str, str] = {}
        for page, why in owners(self.api, addresses, self._known_address() if addresses else None):
            taken |= why
            if page is not None:
                self.record.observe(page)
        if taken:
            refused = [a for batch in group for a in batch.actions if folded(str(a.args["email_address"])) in taken]
            yield from self.record.note(
                [(a, None, None, Result("conflict", taken[folded(str(a.args["email_address"]))])) for a in refused]
            )
            group = [replace(b, actions=tuple(a for a in b.actions if a not in refused)) for b in group]
        yield from self._send(deque(batch for batch in group if batch.actions), pool)

    def _known_address(self) -> str | None:
        """Return the address of somebody who has been in the account for long."""
        row = self.db.execute(
            "select email_address from mirror.main.subscribers where email_address is not null"
            " and not contains(email_address, ',') and state = 'active' order by _synced_at, id limit 1"
        ).fetchone()
        return row[0] if row else None

    def _send(self, waiting: deque[Batch], pool: ThreadPoolExecutor) -> Iterator[tuple[Action, Result]]:
        """Send as many batches at a time as there are connections; store the outcome of one before the next takes its
        slot."""
        ids, keys = journal.new_ids(self.db), self._field_keys()
        flying: dict[Future[_Sent], Flight] = {}
        failure: CksyncError | Stopped | None = None
        while (waiting and not failure and not self.stop.is_set()) or flying:
            done: list[Done] = []
            flights: list[Flight] = []
            while waiting and not failure and len(flying) + len(flights) < self.limit.concurrency:
                if _is_about_same(waiting[0], [*flying.values(), *flights]):
                    break
                flight, settled = self._prepared(waiting.popleft(), ids, keys)
                done += settled
                flights += [flight] if flight else []
            sent_at = self.now()
            sending = [action for flight in flights for action in flight.batch.actions]
            journal.send(self.db, sending, sent_at, self.lifted, self.through.version)
            for flight in flights:
                named = None if flight.bulk else self._named(flight.batch.actions[0])
                flying[pool.submit(_send, self.api, flight.call, named)] = replace(flight, sent_at=sent_at)
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                flight = flying.pop(future)
                try:
                    if flight.bulk:
                        found, again = self.bulk.outcomes(flight, future.result().answer(), ids)
                        done += found
                        waiting.extendleft(again)
                    else:
                        (action,) = flight.batch.actions
                        done.append(self._outcome(action, flight.call, flight.sent_at, future.result()))
                except (CksyncError, Stopped) as error:
                    failure = failure or error
            yield from self.record.note(done)
        if failure is not None:
            raise failure

    def _prepared(self, batch: Batch, ids: Ids, keys: Mapping[str, str]) -> tuple[Flight | None, list[Done]]:
        """Return a batch ready to be sent, and the outcomes of those of its actions that cannot be."""
        ready: list[tuple[Action, Item | Call]] = []
        done: list[Done] = []
        for action in batch.actions:
            try:
                made = item_of(action, ids, keys) if batch.bulk else call_of(action, ids, keys)
            except KeyError:
                done.append((action, None, None, Result("rejected", "what it depends on could not be created")))
                continue
            if isinstance(made, Call) and (
                gone := self.gone.get(action.kind.needed(action, made)) or self._status_conflict(action)
            ):
                done.append((action, None, None, gone))
            else:
                ready.append((action, made))
        if not ready:
            return None, done
        sent = replace(batch, actions=tuple(action for action, _ in ready))
        if batch.bulk:
            bulk = bulk_call(batch.bulk, [made for _, made in ready if not isinstance(made, Call)])
            return Flight(sent, bulk.call, bulk, self.now()), done
        ((_, call),) = ready
        assert isinstance(call, Call)
        return Flight(sent, call, None, self.now()), done

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
        if self.through.version == "v4":
            return None
        return None if self._is_repeated(action) and action.kind.address == "free" else self.namesakes.named(action)

    def _is_repeated(self, action: Action) -> bool:
        return any(action.id == left.action.id for left in self.repeated)

    def _field_keys(self) -> Mapping[str, str]:
        rows = self.db.execute(
            "select ids.local_id, columns.key from _cksync.ids as ids"
            " join _cksync.columns as columns on columns.custom_field_id = ids.id where ids.target = 'custom_fields'"
        ).fetchall()
        return {**{new_key(local_id): key for local_id, key in rows}, **self.record.keys}

    def reread(self) -> None:
        """Read what no reply shows: the figures of broadcasts and the list of custom fields; under API v4 people whose
        fields or state changed, as far as the budget goes. What cannot be read now is left to the next pull."""
        for slice_ in dict.fromkeys(action.kind.reread for action, _ in self.record.results if action.kind.reread):
            if slice_ not in (STATS, BY_ID_V4):
                with self._tolerated():
                    self.record.read_list(self.api, slice_)
                continue
            ask = ask_one if slice_ == STATS else ask_one_v4
            new = journal.new_ids(self.db)
            ids = sorted(_written(self.record.results, slice_, new, self.through))
            for id_ in ids if slice_ == STATS else ids[:READ_BACK]:
                with self._tolerated():
                    self.resolver.fetch(ask(slice_, str(id_), 1))

    @contextlib.contextmanager
    def _tolerated(self) -> Iterator[None]:
        """Note an endpoint that fails, and continue with the rest."""
        try:
            yield
        except EndpointFailed as error:
            self.record.add_attempts(error)
            self.record.unread.append(str(error))


def _written(results: Sequence[tuple[Action, Result]], slice_: Slice, ids: Ids, through: Through) -> set[int]:
    """Return the ids of the rows that were created or changed, and that no reply shows."""
    done = [
        (action, result)
        for action, result in results
        if result.outcome == "done" and action.kind.reread == slice_ and is_unseen(action, through)
    ]
    if slice_ == STATS:
        return {result.ids.get("broadcasts", int(action.target)) for action, result in done}
    return {ids.get((action.kind.about, int(action.target)), int(action.target)) for action, _ in done}


def _is_about_same(batch: Batch, flights: Sequence[Flight]) -> bool:
    """Return True if a request about the same row is under way. Items of bulk calls do not depend on one another."""
    if batch.bulk:
        return False
    return any(batch.actions[0].target == other.batch.actions[0].target for other in flights if not other.bulk)
