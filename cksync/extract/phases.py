"""Choose the scans of a pull and their order: earlier scans read what later ones need."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence, Set

from cksync.domain import ACTIVE, BROADCASTS, CANCELLED, PARENTS, PURCHASES, Slice, members, whole
from cksync.extract.context import Progress, PullContext
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
# A list of at most this many pages whose count does not match is read once more.
AGAIN_PAGES = 100

Phases = Iterator[Sequence[Scan]]
# Ids of subscriptions, by slice.
Members = dict[str, set[int]]


def phases(context: PullContext, progress: Progress, lists_of_members: Collection[str] = ()) -> Phases:
    """Yield the scans, phase by phase; each phase must finish before the next is requested.

    If the subscriptions stream is requested, all lists of members are read; else only the named ones.
    """
    streams, schedule = context.streams, context.schedule
    lists = {name: full_scan(context, whole(name)) for name in LISTS if name in streams}
    yield [*lists.values(), *_webhooks(context)]
    listed: Sequence[Scan] = ()
    left, suspects = Members(), None
    if "subscribers" in streams and schedule.is_known(ACTIVE) and schedule.is_known(CANCELLED):
        left, suspects = yield from _people_again(context, progress)
    elif "subscribers" in streams:
        listed = yield from _people(context)
    if "subscriptions" in streams or lists_of_members:
        suspects = suspected(context.state, (), ()) if suspects is None else suspects
        scans = _memberships(context, lists, lists_of_members, left, suspects)
        yield scans
        yield _again(scans)
    if "broadcasts" in streams:
        broadcasts = broadcasts_scan(context)
        yield [broadcasts]
        ids = broadcasts.ids | (set(context.state.listing(BROADCASTS).keys) if broadcasts.checkpoint.unread else set())
        if "broadcast_stats" in streams:  # before the details: the figures decide which of those are due
            yield [stats_scan(context, ids)]
        yield [details_scan(context, progress, ids)]
    if "purchases" in streams:
        is_known = schedule.is_known(PURCHASES)
        purchases = incremental_scan(context, PURCHASES) if is_known else full_scan(context, PURCHASES)
        yield [purchases]
        yield _again([purchases])
    if "subscribers" in streams:
        yield [by_id_scan(context, progress, unresolved(context, progress, listed) | unsettled(progress))]


def _webhooks(context: PullContext) -> list[FullScan]:
    """Return a scan of the webhooks. Their list is not documented, so that the API may not have it."""
    slice_ = whole("webhooks")
    return [OptionalScan(slice_, held=held_by(context, slice_))] if "webhooks" in context.streams else []


def _people(context: PullContext) -> Generator[Sequence[Scan], None, Sequence[Scan]]:
    """Read both lists in full; return their scans."""
    active, cancelled = full_scan(context, ACTIVE), full_scan(context, CANCELLED)
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


def _people_again(context: PullContext, progress: Progress) -> Generator[Sequence[Scan], None, tuple[Members, Members]]:
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
                scans.append(full_scan(context, slice_, is_orphan=is_orphan))
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
