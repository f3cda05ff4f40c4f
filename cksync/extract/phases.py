"""Choose the scans of a pull and their order: earlier scans read what later ones need."""

from collections.abc import Collection, Generator, Mapping, Sequence, Set

from cksync.domain import ACTIVE, BROADCASTS, CANCELLED, DETAILS, PARENTS, PURCHASES, STATS, Slice, members, whole
from cksync.extract.context import Progress, PullContext
from cksync.extract.first_pages import FirstPages, LengthProbe
from cksync.extract.scan.full import FullScan, OptionalScan, Scan
from cksync.extract.scan.incremental import IncrementalScan
from cksync.extract.scans import (
    broadcasts_scan,
    by_id_scan,
    changed_scan,
    details_scan,
    full_scan,
    held_by,
    incremental_scan,
    known_parents,
    left_behind,
    lists_left_by_cancelled,
    lost_people,
    stats_scan,
    suspected,
    unresolved,
    unsettled,
)

LISTS = ("custom_fields", "forms", "sequences", "tags")
# Streams to read along with one that is requested alone.
NEEDS = {"subscriptions": {"forms", "sequences", "tags"}, "broadcast_stats": {"broadcasts"}}
# From this many requests on, one more is worth it to learn how many purchases there are.
WORTH_A_PROBE = 100
# A list of at most this many pages whose count does not match is read once more.
AGAIN_PAGES = 100

Phases = Generator[Sequence[Scan] | FirstPages, None, None]
Scans = Generator[Sequence[Scan] | FirstPages, None, dict[str, FullScan]]
# Ids of subscriptions, by slice.
Members = dict[str, set[int]]


def phases(context: PullContext, progress: Progress, lists_of_members: Collection[str] = ()) -> Phases:
    """Yield the scans, phase by phase; each phase must finish before the next is requested.

    If the subscriptions stream is requested, all lists of members are read; else only the named ones.
    """
    streams, schedule = context.streams, context.schedule
    lists = {name: full_scan(context, whole(name)) for name in LISTS if name in streams}
    yield [*lists.values(), *_webhooks(context)]
    begun = yield from _measured(context, progress, lists, lists_of_members)
    listed: Sequence[Scan] = ()
    left, suspects = Members(), None
    if "subscribers" in streams and schedule.is_known(ACTIVE) and schedule.is_known(CANCELLED):
        left, suspects = yield from _people_again(context, progress)
    elif "subscribers" in streams:
        listed = yield from _people(context, begun)
    if "subscriptions" in streams or lists_of_members:
        suspects = suspected(context.state, (), ()) if suspects is None else suspects
        scans = _memberships(context, lists, lists_of_members, left, suspects, begun)
        yield scans
        yield _again(scans)
    if "broadcasts" in streams:
        broadcasts = begun.get(BROADCASTS.name) or broadcasts_scan(context)
        yield [broadcasts]
        ids = broadcasts.ids | (set(context.state.listing(BROADCASTS).keys) if broadcasts.checkpoint.unread else set())
        if "broadcast_stats" in streams:  # before the details: the figures decide which of those are due
            yield [stats_scan(context, ids)]
        yield [details_scan(context, progress, ids)]
    if "purchases" in streams:
        is_known = schedule.is_known(PURCHASES)
        purchases = incremental_scan(context, PURCHASES) if is_known else _begun(context, PURCHASES, begun)
        yield [purchases]
        yield _again([purchases])
    if "subscribers" in streams:
        yield [by_id_scan(context, progress, unresolved(context, progress, listed) | unsettled(progress))]


def _webhooks(context: PullContext) -> list[FullScan]:
    """Return a scan of the webhooks. Their list is not documented, so that the API may not have it."""
    slice_ = whole("webhooks")
    return [OptionalScan(slice_, held=held_by(context, slice_))] if "webhooks" in context.streams else []


def _measured(context: PullContext, progress: Progress, lists: Mapping[str, FullScan], named: Collection[str]) -> Scans:
    """Read the first page of each list that was never read, which tells how long it is, and the whole list of
    broadcasts, which tells nothing. Return their scans, by slice; nothing if a plan says what there is to read."""
    if context.is_planned:
        return {}
    streams, schedule = context.streams, context.schedule
    has_people = schedule.is_known(ACTIVE) and schedule.is_known(CANCELLED)
    wanted = [ACTIVE, CANCELLED] if "subscribers" in streams and not has_people else []
    scans = [full_scan(context, slice_) for slice_ in wanted]
    has_members = "subscriptions" in streams or named
    found = _memberships(context, lists, named, {}, {}, {}) if has_members else []
    members_of = [scan for scan in found if isinstance(scan, FullScan)]
    begun = {scan.slice.name: scan for scan in (*scans, *members_of)}
    progress.measure(members_of)
    yield FirstPages([scan for scan in scans if not scan.has_begun])
    if "broadcasts" in streams:
        broadcasts = broadcasts_scan(context)
        yield [broadcasts]
        if isinstance(broadcasts, FullScan):
            begun[BROADCASTS.name] = broadcasts
        progress.expect(DETAILS, len(schedule.due(broadcasts.ids)[0]))
        if "broadcast_stats" in streams:
            progress.expect(STATS, len(schedule.due(broadcasts.ids)[1]))
    progress.is_measured = True
    yield FirstPages([scan for scan in members_of if not scan.has_begun])
    if "purchases" in streams and not schedule.is_known(PURCHASES):
        probe = LengthProbe(PURCHASES)  # they must be read after people, from whom they get their ids
        yield FirstPages([probe] if progress.remaining().total() > WORTH_A_PROBE else [])
        progress.expect(PURCHASES, probe.pages)
    return begun


def _begun(context: PullContext, slice_: Slice, begun: Mapping[str, FullScan], *, is_orphan: bool = False) -> FullScan:
    """Return the scan of a list whose first page was read, else a new one."""
    return begun.get(slice_.name) or full_scan(context, slice_, is_orphan=is_orphan)


def _people(
    context: PullContext, begun: Mapping[str, FullScan]
) -> Generator[Sequence[Scan] | FirstPages, None, Sequence[Scan]]:
    """Read both lists in full; return their scans."""
    active, cancelled = _begun(context, ACTIVE, begun), _begun(context, CANCELLED, begun)
    yield [active, cancelled]
    active.explain(cancelled.keys)  # people in both lists left while the lists were read
    again = _again([active, cancelled])
    yield again
    lists = {scan.slice: scan for scan in (active, cancelled, *again)}
    odd = [scan.again() for scan, other in _pairs(lists) if lost_people(context, scan, other)[0]]
    yield odd
    lists |= {scan.slice: scan for scan in odd}
    for scan, other in _pairs(lists):
        if doubt := lost_people(context, scan, other)[1]:
            scan.refuse(doubt)
    return list(lists.values())


def _pairs(lists: Mapping[Slice, FullScan]) -> Sequence[tuple[FullScan, FullScan]]:
    """Return each list of people that was read to its end without a problem, paired with the other one."""
    pairs = ((lists[ACTIVE], lists[CANCELLED]), (lists[CANCELLED], lists[ACTIVE]))
    return [(scan, other) for scan, other in pairs if scan.checkpoint.is_complete]


def _people_again(
    context: PullContext, progress: Progress
) -> Generator[Sequence[Scan] | FirstPages, None, tuple[Members, Members]]:
    """Read the changes of both lists, check that they explain the totals, and read by id the people now in neither.
    Return the subscriptions, by slice, that went with deleted people, and those that may have ended otherwise."""
    active, cancelled = changed_scan(context, ACTIVE), changed_scan(context, CANCELLED)
    yield [active, cancelled]
    active.explain(cancelled.keys)
    again = {scan.slice: scan for scan in _again([active, cancelled])}
    yield list(again.values())
    active, cancelled = again.get(active.slice, active), again.get(cancelled.slice, cancelled)
    levels = [_level_people(context, ACTIVE, active, cancelled), _level_people(context, CANCELLED, cancelled, active)]
    yield levels
    yield _again(levels)
    found = {key for scan in levels for key in scan.absent}
    listed = {*active.keys, *cancelled.keys}
    nowhere = left_behind(context, found, listed)
    in_rotation = set(context.schedule.people_in_rotation) - set(map(int, listed))
    by_id = by_id_scan(context, progress, nowhere, in_rotation)
    yield [by_id]
    suspects = suspected(context.state, set(map(int, cancelled.keys)), nowhere - by_id.missing)
    return context.state.memberships_of(by_id.missing), suspects


def _level_people(context: PullContext, slice_: Slice, changed: FullScan, other: FullScan) -> IncrementalScan:
    added = [int(key) for key in changed.order if key not in other.keys or slice_ == CANCELLED]
    left = set(map(int, other.keys - changed.keys))
    return incremental_scan(context, slice_, added=added, left=left, doubt=changed.checkpoint.doubt)


def _memberships(
    context: PullContext,
    lists: Mapping[str, FullScan],
    named: Collection[str],
    left: Members,
    suspects: Members,
    begun: Mapping[str, FullScan],
) -> list[FullScan | IncrementalScan]:
    """Return the scans of all lists of members if the stream is requested, else of the `named` ones."""
    is_left = lists_left_by_cancelled(context.state) if any(suspects.values()) else set()
    scans: list[FullScan | IncrementalScan] = []
    for word, name in PARENTS.items():
        if name not in lists:
            continue
        for key in sorted(_parents(context, word, lists[name]), key=int):
            slice_, is_orphan = members(word, key), key not in lists[name].keys
            if "subscriptions" not in context.streams and slice_.name not in named:
                continue
            if not context.schedule.is_known(slice_):
                scans.append(_begun(context, slice_, begun, is_orphan=is_orphan))
                continue
            scans.append(
                incremental_scan(
                    context,
                    slice_,
                    left=left.get(slice_.name, ()),
                    suspects=suspects.get(slice_.name, ()),
                    is_left_by_cancelled=slice_.name in is_left,
                    is_orphan=is_orphan,
                )
            )
    return scans


def _parents(context: PullContext, word: str, scan: FullScan) -> Set[str]:
    """Return the ids of forms, sequences or tags. If their list could not be read or is implausible, include those
    known before."""
    return scan.keys if scan.checkpoint.is_complete else scan.keys | known_parents(context.state, word)


def _again(scans: Sequence[Scan]) -> list[FullScan]:
    """Return fresh scans for incomplete ones that are cheap to repeat in full."""
    return [
        scan.again()
        for scan in scans
        if isinstance(scan, FullScan | IncrementalScan) and scan.is_worth_repeating and scan.pages <= AGAIN_PAGES
    ]
