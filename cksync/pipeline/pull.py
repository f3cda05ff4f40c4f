"""Pull: the account -> the log -> the mirror. Connects extract and load."""

import contextlib
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cksync.api import Credentials, LimitedApi, Stopped, connect, credentials
from cksync.api.connections import MOST_CONNECTIONS, usable_rate
from cksync.api.v4.catalog import LAG
from cksync.clock import REAL_TIME, Clock, Time, steady_clock
from cksync.config import Config, with_version
from cksync.domain import Miss, Page
from cksync.errors import ApiUnavailable, CksyncError, Interrupted, Refused
from cksync.extract.context import Progress, PullContext
from cksync.extract.fetch import fetch_all
from cksync.extract.first_pages import FirstPages, LengthProbe
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.cursor import CursorScan
from cksync.extract.scan.full import STALE, Scan
from cksync.extract.schedule import Depth, Schedule
from cksync.extract.streams import AFRESH, account_scan, choose, phases
from cksync.extract.v4.leavers import LeaversScan
from cksync.extract.v4.recent import recent
from cksync.extract.v4.settling import Pause
from cksync.folder import Folder
from cksync.load.log import (
    LOSE_PAGES,
    Load,
    Start,
    Writer,
    is_published,
    keys_by_slice,
    load_id_at,
    newest_observation,
    open_round,
    pinned_account,
    read_load,
    was_ever_finished,
)
from cksync.load.misdated import CLOCK_LIMIT, misdated
from cksync.load.publish import must_rebuild, stage
from cksync.load.state import MirrorState, mirror_state
from cksync.pipeline.account import address, check_clock, check_pin
from cksync.pipeline.ending import close, fail, finish
from cksync.pipeline.events import Event, Merging, Note, PageRead, Waiting
from cksync.pipeline.forecast import expected, forecast
from cksync.pipeline.plan import priced
from cksync.pipeline.publishing import publish
from cksync.pipeline.run import Run
from cksync.plural import plural
from cksync.secrets import environment
from cksync.versions import Version

# Data is not requested again within this time; later, its pages have moved.
KEEP = timedelta(days=1)
# A first pull takes long, so it publishes while it runs: every few minutes, during waits for the rate limit (but not
# all of them), and after every stream (but not very short ones).
PUBLISH_SELDOM = timedelta(seconds=10)
PUBLISH_WHEN_IDLE = timedelta(seconds=30)
PUBLISH_EVERY = timedelta(minutes=5)
# Tolerated difference between the machine's clock and the API's or the log's.
CLOCK_TOLERANCE = timedelta(minutes=5)
# A scan can be reused by a pull of the same or a lesser depth: a nightly scan does not read every row.
DEPTHS: Sequence[Depth] = ("nightly", "verify", "full")
# Give up after this many slices if nothing could be read.
SLICES_IN_VAIN = 5
NO_PURCHASES = (
    "purchases are not read: API v4 gives them to OAuth only; run `cksync login`, or also set api.api_secret to the"
    " secret of API v3, to read them through v3"
)


def pull(
    config: Config,
    *,
    streams: Sequence[str] = (),
    lists: Collection[str] = (),
    depth: Depth = "nightly",
    max_minutes: float | None = None,
    accept_account: bool = False,
    allow: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    wall: Clock | None = None,
    is_dry: bool = False,
    analyze: bool = True,
    time: Time = REAL_TIME,
) -> Iterator[Event]:
    """Bring the mirror up to date; the last event is the PullReport.

    `streams` names the streams to read (all by default), `lists` limits which member lists are read, `depth` how much
    is read (see Schedule), `allow` the safety rules to lift (`vanish`). `is_dry` keeps nothing: the PullReport says
    what would have changed. Without `analyze` the models are left to the next publish.

    Setting `stop` ends the pull cleanly: it raises Interrupted, and the next pull continues. Raises Locked,
    Unauthorized, Refused (the secret of another account), ApiUnavailable, Failed; everything read is then in the log.
    """
    wall = wall or time.wall
    given, redactor = credentials(config, environment() if environ is None else environ)
    config = with_version(config, given.version)
    chosen = choose(streams, given.version)
    folder, stop = Folder(config.data_dir), stop or threading.Event()
    with contextlib.ExitStack() as held:
        held.enter_context(folder.lock("pull"))
        if not folder.mirror.exists() and was_ever_finished(folder.log):
            yield Note("the mirror is missing; rebuilding it from the log, without API requests")
            publish(config, folder)
        mirror = held.enter_context(contextlib.ExitStack())
        before = mirror.enter_context(mirror_state(folder))  # an unreadable mirror is reported before the first request
        target = held.enter_context(_target(folder, is_dry=is_dry))
        is_behind = not is_published(target.log, before.finished_loads())  # a process died before publishing
        if is_behind or must_rebuild(folder) or (given.version == "v4" and open_round(target.log)):
            mirror.close()
            before = mirror.enter_context(_ahead(folder))
        newest = newest_observation(folder.log)
        now = steady_clock(newest, wall, time.ticks)
        yield from _notes_on_clock(newest, wall(), "the newest observation in the log")
        with connect(config, given, redactor, now, stop, time=time) as api:
            scan = account_scan(given.version)
            began_at = now()
            start = Start(began_at, "", tuple(streams), tuple(allow), version=given.version)
            page = _identify(config, target, before, api, scan, start, accept_account)
            check_clock(wall(), page.server_at)
            _check_times(folder, before, newest, page.server_at)
            yield from _notes_on_clock(page.server_at, page.received_at, "the API")
            is_stale = newest is not None and began_at - newest > STALE
            start = replace(start, account=address(page), **_foreseen(before, config, chosen, depth, began_at))
            run = _begin(config, target, before, api, now, stop, start, chosen, is_stale, depth, time)
            run.analyze = analyze and not is_dry
            if given.version == "v4":
                known_better = recent(before, began_at - LAG)
                run.context = replace(run.context, purchases_by=_purchases_by(given), recent=known_better)
                if run.context.purchases_by is None and "purchases" in chosen:
                    yield Note(NO_PURCHASES)
            is_time_up = held.enter_context(_time_limit(stop, max_minutes))
            scan.tell(page)
            try:
                yield from _take(run, scan, page)
                if run.planned is not None and (found := forecast(run)):
                    run.is_announced = True
                    yield found
                if run.since:
                    yield Note(_going_on(run.since, depth))
                yield from _read(run, lists, is_time_up)
                verdicts = close(run, {}, is_time_up=is_time_up.is_set())
                if run.read_before() and not is_time_up.is_set():
                    yield Note(f"updating {plural(len(run.read_before()), 'list')} read before the interruption")
                    run = _catch_up(run, mirror, start)
                    yield from _read(run, lists, is_time_up)
                    verdicts = close(run, verdicts, is_time_up=is_time_up.is_set())
                yield Merging()
                yield finish(run, verdicts, began_at, is_time_up=is_time_up.is_set())
            except CksyncError as error:
                fail(run.progress.writer, now(), error)
                raise


def _purchases_by(given: Credentials) -> Version | None:
    """The version that gives purchases to these credentials, if any does."""
    if given.oauth is not None:
        return "v4"
    return "v3" if given.purchases is not None else None


@contextlib.contextmanager
def _target(folder: Folder, *, is_dry: bool) -> Iterator[Folder]:
    """The folder to write to: for a dry run, a temporary copy with the mirror and without a log."""
    if not is_dry:
        yield folder
        return
    copy = Folder(folder.state / "dry")
    shutil.rmtree(copy.root, ignore_errors=True)
    try:
        copy.prepare()
        if must_rebuild(folder):  # the copy has no log to rebuild it from
            shutil.move(stage(folder).mirror, copy.mirror)
        else:
            shutil.copyfile(folder.mirror, copy.mirror)
        yield copy
    finally:
        shutil.rmtree(copy.root, ignore_errors=True)
        shutil.rmtree(folder.state / "staged", ignore_errors=True)


def _foreseen(
    before: MirrorState, config: Config, streams: frozenset[str], depth: Depth, at: datetime
) -> Mapping[str, Any]:
    """The estimate, to be compared with the actual requests."""
    plan = priced(before, config, streams, depth, at, None)
    return {
        "depth": depth,
        "planned": plan.requests,
        "base": {line.group: line.base for line in plan.lines} if plan.requests is not None else None,
    }


def _notes_on_clock(right: datetime | None, ours: datetime, whose: str) -> Iterator[Note]:
    gap = ours - right if right else timedelta(0)
    is_log = whose != "the API"
    if gap < -CLOCK_TOLERANCE or (gap > CLOCK_TOLERANCE and not is_log):
        direction = "behind" if gap < timedelta(0) else "ahead of"
        minutes = round(abs(gap).total_seconds() / 60)
        yield Note(
            f"this machine's clock is {plural(minutes, 'minute')} {direction} {whose}; nothing is lost, but set"
            " the clock"
        )


def _check_times(folder: Folder, before: MirrorState, newest: datetime | None, server: datetime | None) -> None:
    """Raise Refused if the log has loads dated in the future by a wrong clock, which a rebuild would correct: new data
    would be dated after them."""
    if server is None:
        return
    in_mirror = before.newest_load_at
    late = [at for at in (newest, in_mirror) if at is not None and at > server + CLOCK_LIMIT]
    if late and (newest not in late or misdated(folder.log, server)):  # otherwise the right time is unknown
        raise Refused(
            f"the log has observations from {max(late):%Y-%m-%d}, but the API's clock shows {server:%Y-%m-%d}:"
            " they were recorded with a wrong clock; nothing was read; `cksync rebuild` corrects their times"
        )


def _identify(
    config: Config, folder: Folder, before: MirrorState, api: LimitedApi, scan: Scan, start: Start, accept_account: bool
) -> Page:
    """Request the account, and refuse one other than the pinned account before anything is written."""
    request = scan.ask()
    assert request is not None
    try:
        page = api.fetch(request)
        check_pin(
            api,
            address(page),
            pinned_account(folder.log) or before.account,
            accept_account,
            lambda: before.people(5),
            start.version,
        )
    except Stopped:
        raise Interrupted("stopped before anything was read") from None
    except Refused:
        raise
    except CksyncError as error:
        fail(_writer(config, folder, start), start.started_at, error)
        raise
    return page


def _writer(config: Config, folder: Folder, start: Start) -> Writer:
    return Writer(folder.log, load_id_at(start.started_at), start, LOSE_PAGES - config.api.concurrency)


def _begin(
    config: Config,
    folder: Folder,
    before: MirrorState,
    api: LimitedApi,
    now: Clock,
    stop: threading.Event,
    start: Start,
    streams: frozenset[str],
    is_stale: bool,
    depth: Depth,
    time: Time,
) -> Run:
    loads = [load for load in open_round(folder.log) if load.start.account.lower() == start.account.lower()]
    useful = [load for load in loads if DEPTHS.index(_depth(load)) >= DEPTHS.index(depth)]
    fresh = {
        name: checkpoint
        for load in useful
        for name, checkpoint in load.checkpoints.items()
        if checkpoint.began_at > start.started_at - KEEP and checkpoint.slice.stream not in AFRESH
    }
    keys, absent = keys_by_slice(useful, fresh)
    oldest = min((checkpoint.began_at for checkpoint in fresh.values()), default=None)
    writer = _writer(config, folder, start)
    return Run(
        config=config,
        folder=folder,
        api=api,
        now=now,
        stop=stop,
        account=start.account,
        context=PullContext(
            state=before,
            schedule=Schedule(before, config.pull, start.started_at, depth),
            streams=streams,
            began_at=start.started_at,
            seed=writer.load_id,
            may_vanish="vanish" in start.allowed,
            is_stale=is_stale,
            earlier=fresh,
            keys=keys,
            absent=absent,
            version=start.version,
            is_planned=not fresh and start.planned is not None,
        ),
        progress=Progress(folder, writer, loads),
        time=time,
        is_first=before.last_load_at is None and not was_ever_finished(folder.log),
        planned=None if fresh else start.planned,
        since=oldest,
    )


def _depth(load: Load) -> Depth:
    return next((depth for depth in DEPTHS if depth == load.start.depth), "nightly")


def _going_on(since: datetime, depth: Depth) -> str:
    if depth != "full":
        return f"continuing the pull of {since:%Y-%m-%d %H:%M} UTC"
    return (
        f"continuing the full pull of {since:%Y-%m-%d %H:%M} UTC: rows read then are kept, and later changes are"
        " requested at the end"
    )


def _catch_up(run: Run, mirror: contextlib.ExitStack, start: Start) -> Run:
    """Start a nightly pull, in its own round, of the slices that a closed load took from earlier ones; slices it read
    itself are carried over, but for small lists of API v4. The intermediate mirror is published only during the first
    pull of an account. `mirror` holds the open mirror, which is closed here: DuckDB cannot open a newer file of the
    same path meanwhile."""
    stale, now = run.read_before(), run.now()
    mirror.close()
    scans = run.progress.scans
    carried = {name: scan for name, scan in scans.items() if name not in stale and not _is_read_again(scan)}
    if run.is_first:
        run.published.append(publish(run.config, run.folder, analyze=False))
        before = mirror.enter_context(mirror_state(run.folder))
    else:
        before = mirror.enter_context(_ahead(run.folder))
    start = replace(start, started_at=now, depth="nightly", planned=None, base=None)
    writer = _writer(run.config, run.folder, start)
    mine = read_load(run.folder.log, run.progress.writer.load_id)
    fresh = replace(
        run,
        context=PullContext(
            state=before,
            schedule=Schedule(before, run.config.pull, now, "nightly"),
            streams=run.context.streams,
            began_at=now,
            seed=writer.load_id,
            may_vanish=run.context.may_vanish,
            version=run.context.version,
            purchases_by=run.context.purchases_by,
            earlier={name: scan.checkpoint for name, scan in carried.items()},
            keys={name: scan.keys for name, scan in carried.items()},
        ),
        progress=Progress(
            run.folder,
            writer,
            [] if run.is_finished else [*run.progress.loads, mine],
            requests=run.progress.requests,
        ),
        is_first=False,
        planned=None,
        carried=carried.keys(),
        is_finished=False,
    )
    run.forget()
    return fresh


def _is_read_again(scan: Scan) -> bool:
    """Return True for the small lists of API v4: which emails and members to read depends on what each row says, which
    no checkpoint keeps."""
    return scan.slice.version == "v4" and scan.slice.stream in AFRESH


@contextlib.contextmanager
def _ahead(folder: Folder) -> Iterator[MirrorState]:
    """The state of a mirror that includes the whole log."""
    try:
        with mirror_state(stage(folder)) as mirror:
            yield mirror
    finally:
        shutil.rmtree(folder.state / "staged", ignore_errors=True)


@contextlib.contextmanager
def _time_limit(stop: threading.Event, max_minutes: float | None) -> Iterator[threading.Event]:
    """Set `stop` after a number of minutes; the yielded event distinguishes this from a signal."""
    is_time_up = threading.Event()

    def time_is_up() -> None:
        is_time_up.set()
        stop.set()

    timer = threading.Timer(60 * (max_minutes or 0), time_is_up)
    timer.daemon = True
    if max_minutes is not None:
        timer.start()
    try:
        yield is_time_up
    finally:
        timer.cancel()


def _take(run: Run, scan: Scan, came: Page | Miss) -> Iterator[Event]:
    """Record a page, or a missing response, in its scan and the log."""
    progress = run.progress
    if isinstance(scan, LengthProbe):
        progress.writer.add_attempts(came.attempts)
        progress.requests[scan.slice.stream] += len(came.attempts)
        yield PageRead(scan.slice, 0, progress.requests.total(), expected(run), forecast(run))
        return
    checkpoint = scan.checkpoint
    progress.scans[scan.slice.name] = scan
    if isinstance(came, Miss):
        progress.writer.miss(came.attempts, checkpoint)
        is_expected = isinstance(scan, CursorScan | ByIdScan) and scan.expects(came)
        if not is_expected and scan.slice.stream not in progress.failing:
            progress.failing.add(scan.slice.stream)
            yield Note(f"{came.request.path} could not be read: {came.reason}; continuing with the rest")
    else:
        progress.together.add(came, progress.writer.segments + 1, 2 * max(run.config.api.concurrency, MOST_CONNECTIONS))
        has_absent = checkpoint.is_done and checkpoint.proof != "content" and scan.slice.version == "v3"
        news = scan.news(came) if isinstance(scan, CursorScan | LeaversScan) else came
        progress.writer.add(run.context.recent.news(news), checkpoint, scan.absent if has_absent else ())
    progress.requests[scan.slice.stream] += len(came.attempts)
    progress.note_left(scan)
    rows = 0 if isinstance(came, Miss) else len(came.records)
    progress.rows += rows
    yield PageRead(scan.slice, rows, progress.requests.total(), expected(run), forecast(run))


def _check_use(run: Run) -> None:
    """Raise ApiUnavailable if only the account endpoint works."""
    read = [scan.checkpoint for scan in run.progress.scans.values() if scan.slice.stream != "account"]
    if len(read) < SLICES_IN_VAIN or any(each.rows or each.is_complete or not each.unread for each in read):
        return
    raise ApiUnavailable(
        f"only the account itself can be read ({read[-1].slice.name} {read[-1].doubt}): the API is down, or the"
        " account has lost access to it; the mirror is unchanged"
    )


def _read(run: Run, lists: Collection[str], is_time_up: threading.Event) -> Iterator[Event]:
    """Run all phases; a first pull publishes while it runs. Raises Interrupted if a signal stopped it."""
    for scans in phases(run.context, run.progress, lists):
        if isinstance(scans, Pause):
            yield Note(f"some counts of the API lag behind; checking them again in {scans.seconds:.0f} s")
            run.progress.writer.flush()
            yield Waiting(scans.seconds, "lag", forecast(run))
            run.time.wait(run.stop, scans.seconds)
            continue
        if isinstance(scans, FirstPages):
            yield from _drive(run, scans.scans, first_pages_only=True)
            if run.stop.is_set():
                break
            continue
        if not run.is_announced and (found := forecast(run)):
            run.is_announced = True
            yield found
        if any(scan.pages_left != 0 for scan in scans):
            yield from _publish_early(run, PUBLISH_SELDOM if run.has_waited else PUBLISH_EVERY)
        yield from _drive(run, scans)
        _check_use(run)
        if run.stop.is_set():
            break
    if run.stop.is_set() and not is_time_up.is_set():
        made = run.progress.requests.total()
        raise Interrupted(
            f"stopped after {plural(made, 'request')}; everything read is kept, run `cksync pull` within a day to"
            " continue"
        )


def _drive(run: Run, scans: Sequence[Scan], *, first_pages_only: bool = False) -> Iterator[Event]:
    for scan in scans:
        if scan.slice.name in run.context.earlier:
            run.progress.scans[scan.slice.name] = scan
        if scan.slice.name in run.context.earlier or scan.pages_left == 0:
            run.progress.note_left(scan)
    limits = run.config.api
    rate = usable_rate(limits.version, limits.rate_limit, limits.rate_period_seconds)
    fetched = fetch_all(
        scans,
        run.api,
        limits.concurrency,
        run.stop,
        rate,
        latency=run.latency,
        time=run.time,
        first_pages_only=first_pages_only,
    )
    with contextlib.closing(fetched) as pages:
        for item in pages:
            if item is None:
                run.has_waited = True
                run.progress.writer.flush_if_due()
                yield from _waiting(run)
                yield from _publish_early(run, max(PUBLISH_WHEN_IDLE, 20 * run.publishing))
            else:
                yield from _take(run, *item)
                yield from _publish_early(run, PUBLISH_EVERY)
    run.progress.writer.flush()


def _waiting(run: Run) -> Iterator[Waiting]:
    """Say that requests wait for the rate limit, if they do."""
    waits = [wait for throttle in run.api.throttles().values() if (wait := throttle.wait) is not None]
    if waits:
        longest = max(waits, key=lambda wait: wait.seconds)
        yield Waiting(longest.seconds, "refused" if longest.is_refused else "limit", forecast(run))


def _publish_early(run: Run, after: timedelta) -> Iterator[Merging]:
    """Publish during a first pull, so that it can be queried while it runs."""
    if run.config.api.version == "v4":  # read within minutes, so that each merge would only hold it up
        after = max(after, PUBLISH_EVERY)
    has_read = any(scan.keys for scan in run.progress.scans.values() if scan.slice.stream != "account")
    if run.is_first and has_read and run.now() - (run.published_at or run.context.began_at) > after:
        began_at = run.now()
        yield Merging(is_early=True)
        run.progress.writer.flush()
        run.published.append(publish(run.config, run.folder, analyze=run.analyze))
        run.published_at, run.rows_published = run.now(), run.progress.rows
        run.publishing = run.published_at - began_at
