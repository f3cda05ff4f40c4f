"""Which walks a pull makes, and in which order: what later walks need is read by earlier ones."""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence, Set
from typing import Protocol

from cksync.api.v3 import ACTIVE, CANCELLED, PARENTS, PURCHASES, STREAMS, members, whole
from cksync.domain import Slice
from cksync.errors import Rejected
from cksync.extract.by_key import KeyWalk
from cksync.extract.level import LevelWalk
from cksync.extract.tail import TailWalk
from cksync.extract.walk import ListWalk, Walk

LISTS = ("custom_fields", "forms", "sequences", "tags")
# What has to be read with a stream that is asked for alone.
NEEDS = {"subscriptions": {"forms", "sequences", "tags"}, "broadcast_stats": {"broadcasts"}}
# A list of at most so many pages that does not add up is read once more.
AGAIN_PAGES = 100

Phases = Iterator[Sequence[Walk]]
# Ids of subscriptions, by slice.
Members = dict[str, set[int]]


class Reader(Protocol):
    """Begins walks, knowing what the mirror and earlier loads of the round know."""

    def is_known(self, slice_: Slice) -> bool:
        """Whether the list was ever read completely, so that what changed since is enough."""

    def whole(self, slice_: Slice, *, is_orphan: bool = False) -> ListWalk:
        """A reading of all of a list; `is_orphan`: of members of what its own list does not show."""

    def changed(self, slice_: Slice) -> ListWalk:
        """A reading of the people of a list who changed since its last complete reading."""

    def level(
        self,
        slice_: Slice,
        *,
        added: Sequence[int] = (),
        left: Collection[int] = (),
        suspects: Collection[int] = (),
        doubt: str | None = None,
        is_orphan: bool = False,
    ) -> LevelWalk:
        """A walk that brings a known list up to date."""

    def lost(self, walk: ListWalk, other: ListWalk) -> tuple[bool, str | None]:
        """Whether a list of people lost so many that it is to be read once more, and why it is then not believed."""

    def known_parents(self, kind: str) -> set[str]:
        """The ids of forms, sequences or tags whose members the mirror knows."""

    @property
    def known_broadcasts(self) -> set[int]:
        """The ids of the broadcasts that the mirror knows."""

    def tail(self) -> TailWalk | ListWalk:
        """The walk of the list of broadcasts."""

    def details(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose detail is due, of those listed now."""

    def stats(self, ids: Collection[int]) -> KeyWalk:
        """A walk of the broadcasts whose figures are due, of those listed now."""

    def by_id(self, people: Collection[int], then: Collection[int] = ()) -> KeyWalk:
        """A walk of people by their ids, the first ones first where there are too many for one night."""

    def left_behind(self, found: Collection[int], listed: Collection[str]) -> set[int]:
        """People to ask for by id: `found` in no list any more, or waiting since an earlier night."""

    def unresolved(self, lists: Sequence[Walk]) -> set[int]:
        """After a reading of all rows: people whom the mirror has and no list shows now."""

    def unsettled(self) -> set[int]:
        """People of whom two answers that were under way together say different things."""

    @property
    def in_turn(self) -> Collection[int]:
        """People whom no list shows and who have their turn."""

    def memberships_of(self, people: Collection[int]) -> dict[str, set[int]]:
        """The subscriptions of some people, by slice."""

    def suspects(self, cancelled: Collection[int], found: Collection[int]) -> dict[str, set[int]]:
        """The subscriptions, by slice, that may have ended because something happened to their people."""


def choose(names: Sequence[str]) -> frozenset[str]:
    """The streams to read: those named with what they need, or all. Raises Rejected for an unknown one."""
    if unknown := sorted(set(names) - STREAMS.keys()):
        raise Rejected(f"there is no stream {', '.join(unknown)}; known are {', '.join(STREAMS)}")
    if not names:
        return frozenset(STREAMS)
    return frozenset(names).union({"account"}, *(NEEDS.get(name, set()) for name in names))


def phases(streams: frozenset[str], reader: Reader, lists_of_members: Collection[str] = ()) -> Phases:
    """The walks, phase by phase; each phase must be driven to its end before the next is asked for.

    Of subscriptions all lists are read where the stream is asked for, else those that are named.
    """
    lists = {name: reader.whole(whole(name)) for name in LISTS if name in streams}
    yield list(lists.values())
    listed: Sequence[Walk] = ()
    left, suspects = Members(), None
    if "subscribers" in streams and reader.is_known(ACTIVE) and reader.is_known(CANCELLED):
        left, suspects = yield from _people_again(reader)
    elif "subscribers" in streams:
        listed = yield from _people(reader)
    if "subscriptions" in streams or lists_of_members:
        listed_by = [(word, _parents(reader, word, lists[name])) for word, name in PARENTS.items() if name in lists]
        slices = [members(word, key) for word, keys in listed_by for key in sorted(keys, key=int)]
        if "subscriptions" not in streams:
            slices = [slice_ for slice_ in slices if slice_.name in lists_of_members]
        suspects = reader.suspects((), ()) if suspects is None else suspects
        shown = {members(word, key).name for word, name in PARENTS.items() if name in lists for key in lists[name].keys}
        walks = [_membership(reader, slice_, left, suspects, is_orphan=slice_.name not in shown) for slice_ in slices]
        yield walks
        yield _again(walks)
    if "broadcasts" in streams:
        broadcasts = reader.tail()
        yield [broadcasts]
        ids = broadcasts.ids | (reader.known_broadcasts if broadcasts.checkpoint.unread else set())
        if "broadcast_stats" in streams:  # before the details: what they say tells which of those are due
            yield [reader.stats(ids)]
        yield [reader.details(ids)]
    if "purchases" in streams:
        purchases = reader.level(PURCHASES) if reader.is_known(PURCHASES) else reader.whole(PURCHASES)
        yield [purchases]
        yield _again([purchases])
    if "subscribers" in streams:
        yield [reader.by_id(reader.unresolved(listed) | reader.unsettled())]


def _people(reader: Reader) -> Generator[Sequence[Walk], None, Sequence[Walk]]:
    """Both lists whole; gives their walks."""
    active, cancelled = reader.whole(ACTIVE), reader.whole(CANCELLED)
    yield [active, cancelled]
    active.explain(cancelled.keys)  # whoever is in both left while the lists were read
    again = _again([active, cancelled])
    yield again
    lists = {walk.slice: walk for walk in (active, cancelled, *again)}
    odd = [walk.again() for walk, other in _pairs(lists) if reader.lost(walk, other)[0]]
    yield odd
    lists |= {walk.slice: walk for walk in odd}
    for walk, other in _pairs(lists):
        if doubt := reader.lost(walk, other)[1]:
            walk.refuse(doubt)
    return list(lists.values())


def _pairs(lists: Mapping[Slice, ListWalk]) -> Sequence[tuple[ListWalk, ListWalk]]:
    """Each list of people that was read to its end without a doubt, with the other one."""
    pairs = ((lists[ACTIVE], lists[CANCELLED]), (lists[CANCELLED], lists[ACTIVE]))
    return [(walk, other) for walk, other in pairs if walk.checkpoint.is_complete]


def _people_again(reader: Reader) -> Generator[Sequence[Walk], None, tuple[Members, Members]]:
    """Who changed in both lists, whether that explains their totals, and by id who is in neither now; gives the
    subscriptions, by slice, that went with deleted people, and those that may have ended otherwise."""
    active, cancelled = reader.changed(ACTIVE), reader.changed(CANCELLED)
    yield [active, cancelled]
    active.explain(cancelled.keys)
    again = {walk.slice: walk for walk in _again([active, cancelled])}
    yield list(again.values())
    active, cancelled = again.get(active.slice, active), again.get(cancelled.slice, cancelled)
    levels = [_level_people(reader, ACTIVE, active, cancelled), _level_people(reader, CANCELLED, cancelled, active)]
    yield levels
    yield _again(levels)
    found = {key for walk in levels for key in walk.absent}
    listed = {*active.keys, *cancelled.keys}
    nowhere = reader.left_behind(found, listed)
    by_id = reader.by_id(nowhere, set(reader.in_turn) - set(map(int, listed)))
    yield [by_id]
    suspects = reader.suspects(set(map(int, cancelled.keys)), nowhere - by_id.missing)
    return reader.memberships_of(by_id.missing), suspects


def _level_people(reader: Reader, slice_: Slice, changed: ListWalk, other: ListWalk) -> LevelWalk:
    added = [int(key) for key in changed.order if key not in other.keys or slice_ == CANCELLED]
    return reader.level(
        slice_, added=added, left=set(map(int, other.keys - changed.keys)), doubt=changed.checkpoint.doubt
    )


def _parents(reader: Reader, word: str, walk: ListWalk) -> Set[str]:
    """The ids of forms, sequences or tags: of a list that could not be read, or is not believed, those that were
    known, too."""
    return walk.keys if walk.checkpoint.is_complete else walk.keys | reader.known_parents(word)


def _membership(
    reader: Reader, slice_: Slice, left: Members, suspects: Members, *, is_orphan: bool
) -> ListWalk | LevelWalk:
    if not reader.is_known(slice_):
        return reader.whole(slice_, is_orphan=is_orphan)
    return reader.level(
        slice_, left=left.get(slice_.name, ()), suspects=suspects.get(slice_.name, ()), is_orphan=is_orphan
    )


def _again(walks: Sequence[Walk]) -> list[ListWalk]:
    """Fresh walks for those that did not add up, where reading all of it once more is cheap."""
    return [
        walk.again()
        for walk in walks
        if isinstance(walk, ListWalk | LevelWalk) and walk.is_worth_repeating and walk.pages <= AGAIN_PAGES
    ]
