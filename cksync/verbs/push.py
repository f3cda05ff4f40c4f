"""Push: the edits of a workspace -> the account -> the log -> the mirror. Wires write, extract and load.

It pulls what changed meanwhile, plans, asks, and then for each change notes that it is sent, sends it, and
notes what became of it. Whatever interrupts it, the same command goes on: what was sent and has no outcome is
looked up, what is done is not planned again.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from cksync.api import Stopped, connect, credentials
from cksync.api.v3 import members
from cksync.clock import Clock, steady_clock, wall_clock
from cksync.config import Config
from cksync.domain import Page
from cksync.errors import CksyncError, Failed, Interrupted, Refused
from cksync.folder import Folder
from cksync.load.known import known
from cksync.load.log import newest_observation
from cksync.secrets import environment
from cksync.verbs.events import Event, Report, Verdict
from cksync.verbs.pull import pull
from cksync.verbs.sending import Pushed, PushReport, Sending
from cksync.verbs.unreadable import check_read
from cksync.write import journal
from cksync.write.counted import counted
from cksync.write.diff import diff
from cksync.write.edits import read_edits
from cksync.write.journal import Unresolved
from cksync.write.plan import Plan
from cksync.write.unknown import held, put_back, set_apart
from cksync.write.workspace import check, opened, unopened

# What a plan touches -> the streams that are pulled before.
STREAMS = {
    "subscribers": ("subscribers", "custom_fields"),
    "subscriptions": ("subscribers", "tags", "forms", "sequences"),
    "tags": ("tags",),
    "custom_fields": ("custom_fields",),
    "broadcasts": ("broadcasts",),
    "purchases": ("purchases",),
}
PushEvent = Event | Plan | Pushed | PushReport


def plan_push(config: Config, path: Path, allow: Sequence[str] = (), *, retry_rejected: bool = False) -> Plan:
    """The edits of a workspace as a plan, from what the mirror knows; writes nothing. Raises Rejected when it is no
    workspace, Locked when somebody writes it, Failed when it cannot be read."""
    with workspace(config, path, read_only=True) as db:
        _check_origin(db, path)
        return _plan(db, allow, retry_rejected=retry_rejected)


@contextlib.contextmanager
def workspace(config: Config, path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A workspace and the mirror: see `opened`. Whatever DuckDB finds wrong with it meanwhile is said as Failed."""
    check(path)
    try:
        with opened(path, Folder(config.data_dir), read_only=read_only) as db:
            yield db
    except duckdb.Error as error:
        raise unopened(path, error) from None


def _check_origin(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise Refused when the workspace came from another account than the mirror's."""
    (origin,) = db.execute("select account from _cksync.checkout").fetchone() or (None,)
    known_as = {row[0] for row in db.execute("select distinct account from mirror._cksync.loads").fetchall()}
    if origin not in known_as:
        raise Refused(f"{path} was checked out from the account of {origin}, and the mirror is another one's")


def _plan(
    db: duckdb.DuckDBPyConnection,
    allow: Sequence[str],
    *,
    retry_rejected: bool,
    repeated: Sequence[Unresolved] = (),
    statuses: Mapping[int, str | None] | None = None,
    skip_invalid: bool = False,
) -> Plan:
    """The plan of today. `repeated` are creations whose outcome nobody knows, and which may be sent again; `statuses`
    are those of broadcasts that were just asked for."""
    edits, problems, account = read_edits(db)
    account = replace(account, counted=counted(db), statuses={**account.statuses, **(statuses or {})})
    left = {} if retry_rejected else journal.rejected(db)
    unknown = held(journal.unresolved(db))
    if "repeat-unknown" in allow:
        plan = diff(edits, problems, account, allow, left, skip_invalid=skip_invalid)
        return put_back(plan, [*repeated, *unknown])
    left |= {each.action.id: (each.state, each.message) for each in unknown}
    return set_apart(diff(edits, problems, account, allow, left, skip_invalid=skip_invalid), unknown)


def _plan_now(
    db: duckdb.DuckDBPyConnection, allow: Sequence[str], run: Sending, *, retry_rejected: bool, skip_invalid: bool
) -> tuple[Plan, list[Page]]:
    """The plan by the status that each broadcast in it has at this moment, and what was read for that."""
    edits, _, account = read_edits(db)
    pages = list(run.read_statuses(edits, account.statuses))
    plan = _plan(
        db,
        allow,
        retry_rejected=retry_rejected,
        repeated=run.repeated,
        statuses=run.statuses,
        skip_invalid=skip_invalid,
    )
    return plan, pages


def push(
    config: Config,
    path: Path,
    *,
    allow: Sequence[str] = (),
    checksum: str | None = None,
    retry_rejected: bool = False,
    confirm: Callable[[Plan], bool] = lambda plan: True,
    redact: bool = False,
    skip_invalid: bool = False,
    environ: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    wall: Clock = wall_clock,
) -> Iterator[PushEvent]:
    """Take the edits of a workspace to the account; the last event is the PushReport.

    `allow` are the safety rules to lift; `retry_rejected` sends again what was turned down earlier; `confirm` is asked
    once the plan stands; `checksum` is the plan's that the user has seen; with `redact` no message has a value of
    anybody; with `skip_invalid` edits that the API cannot express are left out with all that needs them. Raises
    Refused (a safety rule, another plan than the one seen), Failed (an edit that cannot be expressed, or what the plan
    touches could not be read: nothing is written; or no answer), Interrupted, and what `pull` raises.
    """
    stop = stop or threading.Event()
    given, redactor = credentials(config, environment() if environ is None else environ)
    folder = Folder(config.data_dir)
    with workspace(config, path) as db:
        _check_origin(db, path)
        first = _plan(db, allow, retry_rejected=retry_rejected)
        has_unread_fields = journal.has_unread_fields(db)  # an earlier push was killed before it read them
    touched = {table for action in first.actions for table, _ in action.settles}
    touched |= {conflict.table for conflict in first.conflicts} | {problem.table for problem in first.problems}
    touched |= {noop.table for noop in first.noops}
    touched |= {table for parked in first.parked for table, _ in parked.action.settles}
    if has_unread_fields:
        touched.add("custom_fields")
    streams = sorted({stream for table in touched for stream in STREAMS.get(table, ())})
    verdicts: Sequence[Verdict] = ()
    if streams:
        for event in pull(
            config, streams=streams, lists=_lists(first), environ=environ, stop=stop, wall=wall, analyze=False
        ):
            if isinstance(event, Report):
                verdicts = event.verdicts
            yield event
    with folder.lock("push"), workspace(config, path) as db, known(folder) as before:
        now = steady_clock(newest_observation(folder.log), wall)
        account = before.account or ""
        with connect(config, given, redactor, now, stop) as api:
            run = Sending(config, folder, db, api, now, stop, account, bool(streams), allow)
            try:
                journal.upgrade(db)
                run.resolve(is_repeat_allowed="repeat-unknown" in allow)
                plan, read = _plan_now(db, allow, run, retry_rejected=retry_rejected, skip_invalid=skip_invalid)
                yield plan
                _check(plan, checksum, redact=redact, skip_invalid=skip_invalid)
                check_read(plan, verdicts)
                if not retry_rejected:
                    journal.forget_unwished(db, plan)
                if plan.actions and not confirm(plan):
                    raise Refused("nothing was written: the plan was not accepted")
                run.keep(read)
                yield from run.carry_out(plan)
                run.read_the_rest()
            except Stopped:
                run.close(Interrupted("stopped; `cksync push` goes on from there"))
                raise Interrupted("stopped; `cksync push` goes on from there") from None
            except CksyncError as error:
                run.close(error)
                raise
            except duckdb.Error as error:
                failed = Failed(f"{path} cannot be written ({str(error).splitlines()[0]}); push again when it can be")
                run.close(failed)
                raise failed from None
            yield run.finish(plan)


def _lists(plan: Plan) -> set[str]:
    """The lists of members that a plan puts people into or takes them out of, as far as they are there."""
    there = [noop.key[:2] for noop in plan.noops if noop.table == "subscriptions"]
    for action in plan.actions:
        if action.what == "subscribe":
            there.append((action.args["parent"], action.args["parent_id"]))
        elif action.what == "untag":
            there.append(("tag", action.args["tag_id"]))
    return {members(kind, str(id_)).name for kind, id_ in there if id_ > 0}


def _check(plan: Plan, checksum: str | None, *, redact: bool, skip_invalid: bool) -> None:
    """Raise when the plan must not be carried out."""
    if plan.problems and not skip_invalid:
        listed = "; ".join(f"{p.table} {p.key}: {'(hidden)' if redact else p.reason}" for p in plan.problems[:5])
        more = f"; and {len(plan.problems) - 5} more" if len(plan.problems) > 5 else ""
        how = "`cksync revert` takes them back, `push --skip-invalid` leaves them out"
        raise Failed(f"nothing was written: {listed}{more}; {how}")
    if plan.held:
        rules = "; ".join(
            f"{held.count:,} {held.reason} ({', '.join(held.examples)}): --allow {held.rule}" for held in plan.held
        )
        raise Refused(f"nothing was written: {rules}")
    if checksum is not None and checksum != plan.checksum:
        raise Refused(f"nothing was written: the plan is not the one you saw (its checksum is {plan.checksum} now)")
