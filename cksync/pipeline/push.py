"""Push: the edits of a workspace -> the account -> the log -> the mirror. Connects write, extract and load.

A push pulls recent changes, plans and asks for confirmation. For each change, it records that it is sent, sends it, and
records the outcome. After an interruption, the same command continues: changes without an outcome are looked up, and
completed changes are not planned again.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from cksync.api import Stopped, connect, credentials
from cksync.clock import Clock, steady_clock, wall_clock
from cksync.config import Config, with_version
from cksync.domain import Page, members
from cksync.errors import CksyncError, Failed, Interrupted, Refused
from cksync.folder import Folder
from cksync.load.log import newest_observation, was_cut_off
from cksync.load.state import mirror_state
from cksync.pipeline.events import Event, PullReport, Verdict
from cksync.pipeline.publishing import publish
from cksync.pipeline.pull import pull
from cksync.pipeline.unreadable import check_read
from cksync.plural import plural
from cksync.secrets import environment
from cksync.write import journal
from cksync.write.action import Action, Result
from cksync.write.apply import Applier, Pushed
from cksync.write.counted import counted
from cksync.write.diff import diff
from cksync.write.edits import read_edits, shown_key
from cksync.write.journal import Unresolved
from cksync.write.kinds import EVERY_KIND, TABLES, kinds_of
from cksync.write.plan import Plan
from cksync.write.record import Record
from cksync.write.through import Through, through
from cksync.write.unknown import unsafe_to_repeat, with_repeated, without_unknown
from cksync.write.workspace import check, opened, unopened


@dataclass(frozen=True)
class PushReport:
    """The result of a push. `results` lists those of this run, in order."""

    exit_status: int
    message: str
    plan: Plan
    results: Sequence[tuple[Action, Result]]
    requests: int


PushEvent = Event | Plan | Pushed | PushReport


def plan_push(config: Config, path: Path, allow: Sequence[str] = (), *, retry_rejected: bool = False) -> Plan:
    """Plan the edits of a workspace, based on the mirror; writes nothing. Raises Rejected if it is not a workspace,
    Locked if another program is writing it, Failed if it cannot be read."""
    way = _planned_through(config)
    with workspace(config, path, read_only=True) as db:
        _check_origin(db, path)
        return _plan(db, allow, way, retry_rejected=retry_rejected)


def _planned_through(config: Config) -> Through:
    """Through what the configuration writes; a secret is read only if nothing else tells the version."""
    api = config.api
    if api.decided_version is None:
        return through(credentials(config, environment())[0])
    return Through(api.decided_version, api.oauth is not None, api.api_secret is not None)


@contextlib.contextmanager
def workspace(config: Config, path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a workspace and the mirror: see `opened`. Raises DuckDB errors as Failed."""
    check(path)
    try:
        with opened(path, Folder(config.data_dir), read_only=read_only) as db:
            yield db
    except duckdb.Error as error:
        raise unopened(path, error) from None


def _check_origin(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raise Refused if the workspace belongs to another account than the mirror."""
    (origin,) = db.execute("select account from _cksync.checkout").fetchone() or (None,)
    known_as = {row[0] for row in db.execute("select distinct account from mirror._cksync.loads").fetchall()}
    if origin not in known_as:
        raise Refused(f"{path} was checked out from the account {origin}, but this mirror belongs to another account")


def _plan(
    db: duckdb.DuckDBPyConnection,
    allow: Sequence[str],
    way: Through,
    *,
    retry_rejected: bool,
    repeated: Sequence[Unresolved] = (),
    statuses: Mapping[int, str | None] | None = None,
    skip_invalid: bool = False,
) -> Plan:
    """The current plan. `way` says how the API is written; `repeated` lists creations with an unknown outcome that may
    be sent again; `statuses` contains the just requested statuses of broadcasts."""
    edits, problems, account = read_edits(db)
    account = replace(account, counted=counted(db), statuses={**account.statuses, **(statuses or {})})
    left = {} if retry_rejected else journal.rejected(db)
    unknown = unsafe_to_repeat(journal.unresolved(db, {**EVERY_KIND, **kinds_of(way)}))
    if "repeat-unknown" in allow:
        plan = diff(edits, problems, account, allow, left, skip_invalid=skip_invalid, through=way)
        return with_repeated(plan, [*repeated, *unknown])
    left |= {each.action.id: (each.state, each.message) for each in unknown}
    return without_unknown(diff(edits, problems, account, allow, left, skip_invalid=skip_invalid, through=way), unknown)


def _plan_now(
    db: duckdb.DuckDBPyConnection, applier: Applier, *, retry_rejected: bool, skip_invalid: bool
) -> tuple[Plan, list[Page]]:
    """The plan with the current status of each of its broadcasts, and the pages read for it."""
    edits, _, account = read_edits(db)
    pages = list(applier.read_statuses(edits, account.statuses))
    plan = _plan(
        db,
        applier.lifted,
        applier.through,
        retry_rejected=retry_rejected,
        repeated=applier.repeated,
        statuses=applier.statuses,
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
    """Apply the edits of a workspace to the account; the last event is the PushReport.

    `allow` names the safety rules to lift; `retry_rejected` retries edits rejected earlier; `confirm` is called with
    the final plan; `checksum` is that of the plan the user has seen; `redact` hides personal data in messages;
    `skip_invalid` skips edits that the API does not support, with all that depend on them. Raises Refused (a safety
    rule, or a changed plan), Failed (an invalid edit, something the plan depends on could not be read, or the API does
    not respond), Interrupted, and what `pull` raises.
    """
    stop = stop or threading.Event()
    given, redactor = credentials(config, environment() if environ is None else environ)
    config, way = with_version(config, given.version), through(given)
    folder = Folder(config.data_dir)
    with workspace(config, path) as db:
        _check_origin(db, path)
        journal.check_version(db, way.version)
        first = _plan(db, allow, way, retry_rejected=retry_rejected)
        has_unread_fields = journal.has_unread_fields(db)  # an earlier push was killed before it read them
    streams = _streams(first, has_unread_fields=has_unread_fields)
    verdicts: Sequence[Verdict] = ()
    if streams:
        lists = _lists(first)
        for event in pull(config, streams=streams, lists=lists, environ=environ, stop=stop, wall=wall, analyze=False):
            if isinstance(event, PullReport):
                verdicts = event.verdicts
            yield event
    with folder.lock("push"), workspace(config, path) as db, mirror_state(folder) as before:
        now = steady_clock(newest_observation(folder.log), wall)
        record = Record(folder, db, now, before.account or "", version=way.version)
        with connect(config, given, redactor, now, stop) as api, _closing(config, record, path, is_stale=bool(streams)):
            applier = Applier(
                config.api, db, api, now, stop, record, allow, way, settle_seconds=config.pull.settle_seconds
            )
            journal.upgrade(db)
            applier.resolve(is_repeat_allowed="repeat-unknown" in allow)
            plan, read = _plan_now(db, applier, retry_rejected=retry_rejected, skip_invalid=skip_invalid)
            yield plan
            _check(plan, checksum, redact=redact, skip_invalid=skip_invalid)
            check_read(plan, verdicts)
            if not retry_rejected:
                journal.forget_unwished(db, plan)
            if plan.actions and not confirm(plan):
                raise Refused(f"nothing was written: the plan was not confirmed; the edits stay in {path}")
            for page in read:
                record.observe(page)
            yield from applier.apply(plan)
            applier.reread()
        yield _finish(config, record, plan, is_stale=bool(streams))


def _streams(plan: Plan, *, has_unread_fields: bool) -> list[str]:
    """The streams to pull before applying a plan."""
    touched = {table for action in plan.actions for table, _ in action.settles}
    touched |= {table for skipped in plan.skipped for table, _ in skipped.action.settles}
    touched |= {conflict.table for conflict in plan.conflicts} | {problem.table for problem in plan.problems}
    touched |= {noop.table for noop in plan.noops}
    if has_unread_fields:
        touched.add("custom_fields")
    return sorted({stream for table in touched if table in TABLES for stream in TABLES[table].streams})


def _lists(plan: Plan) -> set[str]:
    """The existing member lists that a plan changes; a new person is in none of them."""
    there = [slice_ for a in plan.actions if not a.kind.makes and (slice_ := a.kind.list_of(a))]
    there += [
        members(noop.key[0], str(noop.key[1]), plan.through.version)
        for noop in plan.noops
        if noop.table == "subscriptions"
    ]
    return {slice_.name for slice_ in there if not slice_.name.rpartition("/")[2].startswith("-")}


@contextlib.contextmanager
def _closing(config: Config, record: Record, path: Path, *, is_stale: bool) -> Iterator[None]:
    """Log and publish the results of a push, even if it fails."""
    try:
        yield
    except Stopped:
        error: CksyncError = Interrupted("stopped; run `cksync push` again to continue")
        _close(config, record, error, is_stale=is_stale)
        raise error from None
    except CksyncError as error:
        _close(config, record, error, is_stale=is_stale)
        raise
    except duckdb.Error as error:
        failed = Failed(f"{path} cannot be written ({str(error).splitlines()[0]}); fix that and push again")
        _close(config, record, failed, is_stale=is_stale)
        raise failed from None


def _close(config: Config, record: Record, error: CksyncError, *, is_stale: bool) -> None:
    if not record.is_empty:
        record.add_attempts(error)
        record.end(error.exit_status, str(error))
    elif not is_stale:
        return
    publish(config, record.folder)


def _finish(config: Config, record: Record, plan: Plan, *, is_stale: bool) -> PushReport:
    """Close the load, publish, and report. `is_stale`: the models are older than the tables of the mirror."""
    bad = [(action, result) for action, result in record.results if result.outcome != "done"]
    left = len(bad) + len(plan.conflicts) + len(plan.skipped) + len(plan.problems)
    exit_status, message = 3 if left or record.unread else 0, _message(record, plan)
    journal.agree(record.db, plan.noops)
    if not record.is_empty:
        record.end(exit_status, message)
        publish(config, record.folder)
    elif is_stale or was_cut_off(record.folder.log):  # its results are in the log, but not in the mirror yet
        publish(config, record.folder)
    return PushReport(exit_status, message, plan, tuple(record.results), record.requests)


def _message(record: Record, plan: Plan) -> str:
    bad = [result for _, result in record.results if result.outcome != "done"]
    message = f"{len(record.results) - len(bad):,} of {plural(len(record.results), 'change')} pushed"
    if conflicts := len(plan.conflicts) + sum(result.outcome == "conflict" for result in bad):
        message += f"; {plural(conflicts, 'conflict')}"
    unknown = sum(skipped.outcome == "unknown" for skipped in plan.skipped)
    if turned_down := len(plan.skipped) - unknown:
        message += f"; {turned_down:,} rejected earlier and not edited since"
    if unknown := unknown + sum(result.outcome == "unknown" for result in bad):
        message += f"; {unknown:,} with unknown outcome (--allow repeat-unknown sends them again)"
    if plan.problems:
        message += f"; skipped, including dependent edits: {plural(len(plan.problems), 'invalid edit')}"
    if record.unread:
        message += f"; could not be read back: {'; '.join(record.unread)} (the next pull reads them)"
    return message


def _check(plan: Plan, checksum: str | None, *, redact: bool, skip_invalid: bool) -> None:
    """Raise if the plan must not be applied."""
    if plan.problems and not skip_invalid:
        listed = "; ".join(
            f"{p.table} {shown_key(p.key)}: {'(hidden)' if redact else p.reason}" for p in plan.problems[:5]
        )
        more = f"; and {len(plan.problems) - 5} more" if len(plan.problems) > 5 else ""
        how = "undo them with `cksync revert`, or skip them with `push --skip-invalid`"
        raise Failed(f"nothing was written: {listed}{more}; {how}")
    if plan.blocked:
        rules = "; ".join(
            f"{held.count:,} {held.reason} ({', '.join(held.examples)}): --allow {held.rule}" for held in plan.blocked
        )
        raise Refused(f"nothing was written: {rules}")
    if checksum is not None and checksum != plan.checksum:
        raise Refused(
            f"nothing was written: the plan has changed since you saw it (its checksum is now {plan.checksum})"
        )
