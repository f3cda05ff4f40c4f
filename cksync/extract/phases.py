"""Which walks a pull makes, and in which order: what later walks need is read by earlier ones."""

from collections.abc import Callable, Iterator, Sequence

from cksync.api.v3 import (
    ACTIVE,
    BROADCASTS,
    BY_ID,
    CANCELLED,
    DETAILS,
    PARENTS,
    PURCHASES,
    STATS,
    STREAMS,
    members,
    whole,
)
from cksync.domain import Slice
from cksync.errors import Rejected
from cksync.extract.walk import KeyWalk, ListWalk, Walk

LISTS = ("custom_fields", "forms", "sequences", "tags")
# What has to be read with a stream that is asked for alone.
NEEDS = {"subscriptions": {"forms", "sequences", "tags"}, "broadcast_stats": {"broadcasts"}}
# A list of at most so many pages that does not add up is read once more.
AGAIN_PAGES = 100

BeginList = Callable[[Slice], ListWalk]
BeginKeys = Callable[[Slice, Sequence[str]], KeyWalk]
Unresolved = Callable[[Sequence[ListWalk]], Sequence[str]]


def choose(names: Sequence[str]) -> frozenset[str]:
    """The streams to read: those named with what they need, or all. Raises Rejected for an unknown one."""
    if unknown := sorted(set(names) - STREAMS.keys()):
        raise Rejected(f"there is no stream {', '.join(unknown)}; known are {', '.join(STREAMS)}")
    if not names:
        return frozenset(STREAMS)
    return frozenset(names).union({"account"}, *(NEEDS.get(name, set()) for name in names))


def phases(
    streams: frozenset[str], begin: BeginList, begin_keys: BeginKeys, unresolved: Unresolved
) -> Iterator[Sequence[Walk]]:
    """The walks, phase by phase; each phase must be driven to its end before the next is asked for."""
    lists = {name: begin(whole(name)) for name in LISTS if name in streams}
    yield list(lists.values())
    listed: list[ListWalk] = []
    if "subscribers" in streams:
        listed = [begin(ACTIVE), begin(CANCELLED)]
        yield listed
        active, cancelled = listed
        active.explain(cancelled.keys)  # whoever is in both left while the lists were read
        again = _again(listed)
        yield again
        listed = list({walk.slice: walk for walk in (*listed, *again)}.values())
    if "subscriptions" in streams:
        parents = [(word, key) for word, stream in PARENTS.items() for key in sorted(lists[stream].keys, key=int)]
        memberships = [begin(members(word, key)) for word, key in parents]
        yield memberships
        yield _again(memberships)
    if "broadcasts" in streams:
        broadcasts = begin(BROADCASTS)
        yield [broadcasts]
        newest_first = sorted(broadcasts.keys, key=int, reverse=True)
        yield [begin_keys(DETAILS, newest_first)]
        if "broadcast_stats" in streams:
            yield [begin_keys(STATS, newest_first)]
    if "purchases" in streams:
        purchases = begin(PURCHASES)
        yield [purchases]
        yield _again([purchases])
    if listed:
        yield [begin_keys(BY_ID, unresolved(listed))]


def _again(walks: Sequence[ListWalk]) -> list[ListWalk]:
    """Fresh walks for those that did not add up, where reading all of it once more is cheap."""
    return [ListWalk(walk.slice) for walk in walks if walk.is_worth_repeating and walk.pages <= AGAIN_PAGES]
