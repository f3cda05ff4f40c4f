"""Which walks a pull makes, and in which order: what later walks need is read by earlier ones."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence, Set

from cksync.api.v3.catalog import STREAMS
from cksync.domain import ACTIVE, BROADCASTS, CANCELLED, PARENTS, PURCHASES, Slice, members, whole
from cksync.errors import Rejected
from cksync.extract.context import Progress, PullContext
from cksync.extract.level import LevelWalk
from cksync.extract.readings import (
    bring_up_to_date,
    known_parents,
    left_behind,
    lists_left_by_cancelled,
    lost_people,
    read_broadcasts,
    read_by_id,
    read_changed,
    read_details,
    read_stats,
    read_whole,
    suspected,
    unresolved,
    unsettled,
)
from cksync.extract.walk import ListWalk, Walk

LISTS = ("custom_fields", "forms", "sequences", "tags")
# What has to be read with a stream that is asked for alone.
NEEDS = {"subscriptions": {"forms", "sequences", "tags"}, "broadcast_stats": {"broadcasts"}}
# A list of at most so many pages that does not add up is read once more.
AGAIN_PAGES = 100

Phases = Iterator[Sequence[Walk]]
# Ids of subscriptions, by slice.
Members = dict[str, set[int]]


def choose(names: Sequence[str]) -> frozenset[str]:
    """The streams to read: those named with what they need, or all. Raises Rejected for an unknown one."""
    if unknown := sorted(set(names) - STREAMS.keys()):
        raise Rejected(f"there is no stream {', '.join(unknown)}; known are {', '.join(STREAMS)}")
    if not names:
        return frozenset(STREAMS)
    return frozenset(names).union({"account"}, *(NEEDS.get(name, set()) for name in names))


def phases(context: PullContext, progress: Progress, lists_of_members: Collection[str] = ()) -> Phases:
    """The walks, phase by phase; each phase must be driven to its end before the next is asked for.

    Of subscriptions all lists are read where the stream is asked for, else those that are named.
    """
    streams, agenda = context.streams, context.agenda
    lists = {name: read_whole(context, whole(name)) for name in LISTS if name in streams}
    yield list(lists.values())
    listed: Sequence[Walk] = ()
    left, suspects = Members(), None
    if "subscribers" in streams and agenda.is_known(ACTIVE) and agenda.is_known(CANCELLED):
        left, suspects = yield from _people_again(context, progress)
    elif "subscribers" in streams:
        listed = yield from _people(context)
    if "subscriptions" in streams or lists_of_members:
        suspects = suspected(context.known, (), ()) if suspects is None else suspects
        walks = _memberships(context, lists, lists_of_members, left, suspects)
        yield walks
        yield _again(walks)
    if "broadcasts" in streams:
        broadcasts = read_broadcasts(context)
        yield [broadcasts]
        ids = broadcasts.ids | (set(context.known.listing(BROADCASTS).keys) if broadcasts.checkpoint.unread else set())
        if "broadcast_stats" in streams:  # before the details: what they say tells which of those are due
            yield [read_stats(context, ids)]
        yield [read_details(context, progress, ids)]
    if "purchases" in streams:
        is_known = agenda.is_known(PURCHASES)
        purchases = bring_up_to_date(context, PURCHASES) if is_known else read_whole(context, PURCHASES)
        yield [purchases]
        yield _again([purchases])
    if "subscribers" in streams:
        yield [read_by_id(context, progress, unresolved(context, progress, listed) | unsettled(progress))]


def _people(context: PullContext) -> Generator[Sequence[Walk], None, Sequence[Walk]]:
    """Both lists whole; gives their walks."""
    active, cancelled = read_whole(context, ACTIVE), read_whole(context, CANCELLED)
    yield [active, cancelled]
    active.explain(cancelled.keys)  # whoever is in both left while the lists were read
    again = _again([active, cancelled])
    yield again
    lists = {walk.slice: walk for walk in (active, cancelled, *again)}
    odd = [walk.again() for walk, other in _pairs(lists) if lost_people(context, walk, other)[0]]
    yield odd
    lists |= {walk.slice: walk for walk in odd}
    for walk, other in _pairs(lists):
        if doubt := lost_people(context, walk, other)[1]:
            walk.refuse(doubt)
    return list(lists.values())


def _pairs(lists: Mapping[Slice, ListWalk]) -> Sequence[tuple[ListWalk, ListWalk]]:
    """Each list of people that was read to its end without a doubt, with the other one."""
    pairs = ((lists[ACTIVE], lists[CANCELLED]), (lists[CANCELLED], lists[ACTIVE]))
    return [(walk, other) for walk, other in pairs if walk.checkpoint.is_complete]


def _people_again(context: PullContext, progress: Progress) -> Generator[Sequence[Walk], None, tuple[Members, Members]]:
    """Who changed in both lists, whether that explains their totals, and by id who is in neither now; gives the
    subscriptions, by slice, that went with deleted people, and those that may have ended otherwise."""
    active, cancelled = read_changed(context, ACTIVE), read_changed(context, CANCELLED)
    yield [active, cancelled]
    active.explain(cancelled.keys)
    again = {walk.slice: walk for walk in _again([active, cancelled])}
    yield list(again.values())
    active, cancelled = again.get(active.slice, active), again.get(cancelled.slice, cancelled)
    levels = [_level_people(context, ACTIVE, active, cancelled), _level_people(context, CANCELLED, cancelled, active)]
    yield levels
    yield _again(levels)
    found = {key for walk in levels for key in walk.absent}
    listed = {*active.keys, *cancelled.keys}
    nowhere = left_behind(context, found, listed)
    in_turn = set(context.agenda.people_in_turn) - set(map(int, listed))
    by_id = read_by_id(context, progress, nowhere, in_turn)
    yield [by_id]
    suspects = suspected(context.known, set(map(int, cancelled.keys)), nowhere - by_id.missing)
    return context.known.memberships_of(by_id.missing), suspects


def _level_people(context: PullContext, slice_: Slice, changed: ListWalk, other: ListWalk) -> LevelWalk:
    added = [int(key) for key in changed.order if key not in other.keys or slice_ == CANCELLED]
    left = set(map(int, other.keys - changed.keys))
    return bring_up_to_date(context, slice_, added=added, left=left, doubt=changed.checkpoint.doubt)


def _memberships(
    context: PullContext,
    lists: Mapping[str, ListWalk],
    named: Collection[str],
    left: Members,
    suspects: Members,
) -> list[ListWalk | LevelWalk]:
    """The walks of all lists of members where the stream is asked for, else of those that are `named`."""
    is_left = lists_left_by_cancelled(context.known) if any(suspects.values()) else set()
    walks: list[ListWalk | LevelWalk] = []
    for word, name in PARENTS.items():
        if name not in lists:
            continue
        for key in sorted(_parents(context, word, lists[name]), key=int):
            slice_, is_orphan = members(word, key), key not in lists[name].keys
            if "subscriptions" not in context.streams and slice_.name not in named:
                continue
            if not context.agenda.is_known(slice_):
                walks.append(read_whole(context, slice_, is_orphan=is_orphan))
                continue
            walks.append(
                bring_up_to_date(
                    context,
                    slice_,
                    left=left.get(slice_.name, ()),
                    suspects=suspects.get(slice_.name, ()),
                    is_left_by_cancelled=slice_.name in is_left,
                    is_orphan=is_orphan,
                )
            )
    return walks


def _parents(context: PullContext, word: str, walk: ListWalk) -> Set[str]:
    """The ids of forms, sequences or tags: of a list that could not be read, or is not believed, those that were
    known, too."""
    return walk.keys if walk.checkpoint.is_complete else walk.keys | known_parents(context.known, word)


def _again(walks: Sequence[Walk]) -> list[ListWalk]:
    """Fresh walks for those that did not add up, where reading all of it once more is cheap."""
    return [
        walk.again()
        for walk in walks
        if isinstance(walk, ListWalk | LevelWalk) and walk.is_worth_repeating and walk.pages <= AGAIN_PAGES
    ]
