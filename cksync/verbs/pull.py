"""Pull: the account -> the log -> the mirror. Wires extract and load; what a pull does can be read here."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cksync.api import Api, connect, credentials
from cksync.api.v3 import BY_ID, PARENTS, members, whole
from cksync.clock import Clock, steady_clock, wall_clock
from cksync.config import Config
from cksync.domain import Checkpoint, LoadEnd, Page, Slice
from cksync.errors import CksyncError, Interrupted, Refused
from cksync.extract.drive import drive
from cksync.extract.phases import choose, phases
from cksync.extract.walk import KeyWalk, ListWalk, Walk
from cksync.folder import Folder
from cksync.load.log import (
    LOSE_PAGES,
    Load,
    Start,
    Writer,
    keys_by_slice,
    newest_observation,
    open_round,
    pinned_account,
    segment_files,
    was_ever_finished,
)
from cksync.load.people import known_memberships, known_people, unresolved
from cksync.load.publish import Published, publish, together
from cksync.secrets import environment
from cksync.verbs.account import address, check_pin
from cksync.verbs.events import Event, Note, PageRead, Report, Verdict

# What was read is not asked for again within this time; later its pages have moved.
KEEP = timedelta(days=1)
# A pull that goes on later than this (pages of one pull may be as far apart) looks back first.
STALE = timedelta(minutes=1)
# A first pull takes long: people can begin to look while it runs, after every stream (but not for what
# takes a moment) and every few minutes.
PUBLISH_EVERY = timedelta(minutes=2)
PUBLISH_SELDOM = timedelta(seconds=10)
# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200
# The machine's clock may differ from the API's, or from the log's, by so much without a word.
CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass
class _Run:
    """What one pull holds open, what earlier loads of its round left, and what it has read so far."""

    config: Config
    folder: Folder
    api: Api
    now: Clock
    stop: threading.Event
    writer: Writer
    account: str
    began_at: datetime
    streams: frozenset[str]
    loads: Sequence[Load]
    is_first: bool
    is_stale: bool
    earlier: Mapping[str, Checkpoint] = field(default_factory=dict)
    keys: Mapping[str, set[str]] = field(default_factory=dict)
    walks: dict[str, Walk] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    published_at: datetime | None = None
    published: list[Published] = field(default_factory=list)

    def begin(self, slice_: Slice) -> ListWalk:
        """A walk of a list, going on where an earlier load of this round was stopped."""
        earlier, keys = self.earlier.get(slice_.name), self.keys.get(slice_.name, ())
        return ListWalk(slice_, earlier, keys, is_stale=self.is_stale)

    def begin_keys(self, slice_: Slice, wanted: Sequence[str]) -> KeyWalk:
        """A walk of single records, without those that an earlier load of this round has read."""
        budget = BY_ID_BUDGET if slice_ == BY_ID else None
        return KeyWalk(slice_, wanted, self.earlier.get(slice_.name), self.keys.get(slice_.name, ()), budget)

    def unresolved(self, listed: Sequence[ListWalk]) -> list[str]:
        """People who were in a list and are in none now; only when both lists are whole."""
        if not all(walk.checkpoint.is_complete for walk in listed):
            return []
        self.writer.flush()
        ids = [*(load.load_id for load in self.loads), self.writer.load_id]
        segments = [path for load_id in ids for path in segment_files(self.folder.log, load_id)]
        return unresolved(self.folder, set().union(*(walk.keys for walk in listed)), segments)


def pull(
    config: Config,
    *,
    streams: Sequence[str] = (),
    max_minutes: float | None = None,
    accept_account: bool = False,
    environ: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    wall: Clock = wall_clock,
) -> Iterator[Event]:
    """Bring the mirror up to date; the last event is the Report.

    `streams` names what to read (all when empty). Setting `stop` ends the pull cleanly: it raises
    Interrupted, and the next pull goes on from there. Raises Locked, Unauthorized, Refused (another
    account's secret), ApiUnavailable, Failed; whatever was read is then in the log.
    """
    chosen = choose(streams)
    given, redactor = credentials(config, environment() if environ is None else environ)
    folder, stop = Folder(config.data_dir), stop or threading.Event()
    with folder.lock("pull"):
        newest = newest_observation(folder.log)
        now = steady_clock(newest, wall)
        yield from _notes_on_clock(newest, wall(), "the newest observation in the log")
        with connect(config, given, redactor, now, stop) as api:
            walk = ListWalk(whole("account"))
            began_at = now()
            page = _identify(config, folder, api, walk, began_at, accept_account)
            yield from _notes_on_clock(page.server_at, page.received_at, "the API")
            is_stale = newest is not None and began_at - newest > STALE
            run = _begin(config, folder, api, now, stop, address(page), began_at, chosen, is_stale)
            walk.tell(page)
            try:
                yield from _take(run, walk, page)
                yield from _read(run, max_minutes)
            except CksyncError as error:
                _end(run.writer, now(), error.exit_status, str(error), error)
                raise


def _notes_on_clock(right: datetime | None, ours: datetime, whose: str) -> Iterator[Note]:
    gap = ours - right if right else timedelta(0)
    is_log = whose != "the API"
    if gap < -CLOCK_TOLERANCE or (gap > CLOCK_TOLERANCE and not is_log):
        direction = "behind" if gap < timedelta(0) else "ahead of"
        minutes = round(abs(gap).total_seconds() / 60)
        yield Note(f"this machine's clock is {minutes} minutes {direction} {whose}; nothing is lost, set it right")


def _identify(
    config: Config, folder: Folder, api: Api, walk: ListWalk, began_at: datetime, accept_account: bool
) -> Page:
    """Ask who answers, and refuse another account than the pinned one before anything is written."""
    request = walk.ask()
    assert request is not None
    try:
        page = api.fetch(request)
        check_pin(api, address(page), pinned_account(folder.log), accept_account, lambda: known_people(folder, 5))
    except Refused:
        raise
    except CksyncError as error:
        _end(_writer(config, folder, "", began_at, "pull"), began_at, error.exit_status, str(error), error)
        raise
    return page


def _writer(config: Config, folder: Folder, account: str, began_at: datetime, command: str) -> Writer:
    load_id = began_at.strftime("%Y%m%dT%H%M%S.%fZ")
    return Writer(folder.log, load_id, Start(began_at, account, command), LOSE_PAGES - config.api.concurrency)


def _begin(
    config: Config,
    folder: Folder,
    api: Api,
    now: Clock,
    stop: threading.Event,
    account: str,
    began_at: datetime,
    streams: frozenset[str],
    is_stale: bool,
) -> _Run:
    loads = [load for load in open_round(folder.log) if load.start.account.lower() == account.lower()]
    fresh = {
        name: checkpoint
        for load in loads
        for name, checkpoint in load.checkpoints.items()
        if checkpoint.began_at > began_at - KEEP
    }
    return _Run(
        config=config,
        folder=folder,
        api=api,
        now=now,
        stop=stop,
        writer=_writer(config, folder, account, began_at, "pull"),
        account=account,
        began_at=began_at,
        streams=streams,
        loads=loads,
        is_first=not was_ever_finished(folder.log),
        is_stale=is_stale,
        earlier=fresh,
        keys=keys_by_slice(folder.log, loads, fresh),
    )


def _take(run: _Run, walk: Walk, page: Page) -> Iterator[Event]:
    """A page -> its walk -> the log."""
    run.walks[walk.slice.name] = walk
    run.writer.add(page, walk.checkpoint)
    run.requests[walk.slice.stream] += len(page.attempts)
    left = sum(other.pages_left or 0 for other in run.walks.values())
    yield PageRead(walk.slice, len(page.records), left, run.requests.total())


def _read(run: _Run, max_minutes: float | None) -> Iterator[Event]:
    """Drive every phase, publish as it goes on a first pull, and at the end for everybody."""
    is_time_up = threading.Event()

    def time_is_up() -> None:
        is_time_up.set()
        run.stop.set()

    timer = threading.Timer(60 * (max_minutes or 0), time_is_up)
    timer.daemon = True
    if max_minutes is not None:
        timer.start()
    try:
        if run.loads and run.earlier:
            yield Note(f"going on with the pull of {run.loads[0].start.started_at:%Y-%m-%d %H:%M} UTC")
        for walks in phases(run.streams, run.begin, run.begin_keys, run.unresolved):
            yield from _drive(run, walks)
            if run.stop.is_set():
                break
            _publish_early(run, PUBLISH_SELDOM)
    finally:
        timer.cancel()
    if run.stop.is_set() and not is_time_up.is_set():
        raise Interrupted(
            f"stopped after {run.requests.total()} requests; all is kept: `cksync pull` within a day goes on from there"
        )
    yield _finish(run, is_time_up=is_time_up.is_set())


def _drive(run: _Run, walks: Sequence[Walk]) -> Iterator[Event]:
    for walk in walks:
        if walk.slice.name in run.earlier:
            run.walks[walk.slice.name] = walk
    with closing(drive(walks, run.api, run.config.api.concurrency, run.stop)) as pages:
        for item in pages:
            if item is None:
                run.writer.flush_if_due()
            else:
                yield from _take(run, *item)
            _publish_early(run, PUBLISH_EVERY)
    run.writer.flush()


def _publish_early(run: _Run, after: timedelta) -> None:
    """Let people look at a first pull while it runs."""
    if run.is_first and run.now() - (run.published_at or run.began_at) > after:
        run.writer.flush()
        run.published.append(publish(run.folder))
        run.published_at = run.now()


def _finish(run: _Run, *, is_time_up: bool) -> Report:
    """Note what ended, close the load in the log, publish, and say how it went."""
    checkpoints = {name: walk.checkpoint for name, walk in run.walks.items()}
    checkpoints |= {c.slice.name: c for c in _ended_memberships(run)}
    run.writer.mark(checkpoints.values())
    verdicts = [_verdict(c) for c in checkpoints.values() if not c.is_gone]
    doubts = [verdict for verdict in verdicts if not verdict.is_complete]
    # A pull of some streams must not close a round that others are still to be read in.
    is_finished = not is_time_up and (not run.loads or "subscribers" in run.streams)
    message = "out of time; the next pull goes on from there" if is_time_up else _message(doubts)
    exit_status = 3 if doubts or is_time_up else 0
    run.writer.flush(LoadEnd(run.now(), exit_status, message, is_finished))
    try:
        run.published.append(publish(run.folder))
    except CksyncError as error:
        run.writer.flush(LoadEnd(run.now(), error.exit_status, str(error), is_finished=False))
        raise
    published = together(run.published)
    late = published.merged.doubts
    verdicts = [
        Verdict(v.slice, v.stream, False, v.rows, v.total, late[v.slice]) if v.slice in late else v for v in verdicts
    ]
    if late:
        exit_status, message = 3, _message([verdict for verdict in verdicts if not verdict.is_complete])
    return Report(
        load_id=run.writer.load_id,
        account=run.account,
        exit_status=exit_status,
        message=message,
        requests=run.requests,
        seconds=(run.now() - run.began_at).total_seconds(),
        published=published,
        verdicts=tuple(verdicts),
    )


def _verdict(checkpoint: Checkpoint) -> Verdict:
    slice_ = checkpoint.slice
    doubt = None if checkpoint.is_complete else checkpoint.doubt or "not read to the end"
    return Verdict(slice_.name, slice_.stream, checkpoint.is_complete, checkpoint.rows, checkpoint.total, doubt)


def _message(doubts: Sequence[Verdict]) -> str:
    if not doubts:
        return "complete"
    named = "; ".join(f"{verdict.slice}: {verdict.doubt}" for verdict in doubts[:5])
    more = f"; and {len(doubts) - 5} more" if len(doubts) > 5 else ""
    return f"incomplete: {named}{more}"


def _ended_memberships(run: _Run) -> Iterator[Checkpoint]:
    """The lists of forms, sequences and tags that are no more: their memberships are gone with them."""
    for parent, stream in PARENTS.items():
        walk = run.walks.get(stream)
        if walk is None or not walk.checkpoint.is_complete:
            continue
        for name in known_memberships(run.folder):
            _, kind, key = name.split("/")
            if kind == parent and key not in walk.keys:
                at = run.now()
                yield Checkpoint(members(kind, key), at, at, is_done=True, is_complete=True, is_gone=True)


def _end(writer: Writer, at: datetime, exit_status: int, message: str, error: CksyncError) -> None:
    """Close a load that failed: its requests and its reason are kept, its round stays open."""
    writer.add_attempts(error.attempts)
    writer.flush(LoadEnd(at, exit_status, message, is_finished=False))
