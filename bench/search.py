"""The cost of finding d removed rows in a list of P pages: people who were deleted, tags that were removed.

    python -m bench.search                  100,000 active people, one tag with 100,000 members: 2,000 pages each
    python -m bench.search --rows 5000      a trial

One pull reads everything; then, a day apart each, rows go and a pull has to find and repair it. The cost of
a pull after a day without changes is subtracted: the rest is the search, to be compared with
d * (log2(P) + 2) + 4 requests, and with reading the P pages again.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from math import log2
from random import Random

from bench.accounts import SEED, long_lists
from bench.clock import RunningClock
from bench.life import DAY_SECONDS
from bench.measure import markdown
from bench.night import Night, Place, served, spend_night, verdict
from bench.sandbox import PAGE_ROWS
from kit_sandbox import World, edits

COUNTS = (1, 5, 50)
HEADER = (
    "removed",
    "requests",
    "of the search",
    "bound",
    "pages of the list",
    "planned",
    "seconds",
    "mirror = account",
)

Removal = Callable[[World, Random, int], object]
Row = tuple[object, ...]


def delete_people(world: World, random: Random, count: int) -> None:
    """Delete active people from anywhere in the list, with their memberships."""
    active = [person.id for person in world.subscribers.values() if person.state == "active"]
    for person in random.sample(active, count):
        edits.delete_subscriber(world, person)


def remove_tags(world: World, random: Random, count: int) -> None:
    """Remove the one tag from people anywhere in its list."""
    (tag_id,) = world.parents["tag"]
    for person in random.sample(list(world.rosters["tag", tag_id].members), count):
        edits.untag(world, person, tag_id)


def remove_both(world: World, random: Random, count: int) -> None:
    """Remove so many of each."""
    delete_people(world, random, count)
    remove_tags(world, random, count)


def nothing(world: World, random: Random, count: int) -> None:
    """Remove nothing, to measure the requests of every pull."""


def cases() -> Iterator[tuple[str, Removal, int, int]]:
    """Yield what is removed: in words, how, how many, and how many searches with a bound of their own it takes."""
    yield "nothing", nothing, 0, 0
    for words, removal in (("deleted people", delete_people), ("removed tags", remove_tags)):
        for count in COUNTS:
            yield f"{count} {words}", removal, count, 1
    yield "5 deleted people and 5 removed tags", remove_both, 5, 2


def bound(removed: int, pages: int) -> float:
    """Return the most requests that a bisection over pages may take."""
    return removed * (log2(pages) + 2) + 4


def search(place: Place, rows: int) -> list[Row]:
    """Measure all cases, one day each, on one mirror."""
    random, pages, base = Random(SEED), -(-rows // PAGE_ROWS), 0
    table: list[Row] = []
    spend_night(place)
    for words, removal, count, searches in cases():
        place.clock.advance(DAY_SECONDS / 2)
        removal(place.world, random, count)
        place.clock.advance(DAY_SECONDS / 2)
        night = spend_night(place)
        base = base or night.total
        allowed = f"{searches * bound(count, pages):.0f}" if searches else "-"
        table.append(_row(words, night, base, allowed, f"{searches * pages:,}", verdict(place)))
        print(*table[-1], sep="  ", file=sys.stderr, flush=True)
    return table


def _row(words: str, night: Night, base: int, allowed: str, pages: str, equal: str) -> Row:
    planned = "-" if night.planned is None else f"{night.planned:,.0f}"
    return (
        words,
        f"{night.total:,}",
        f"{night.total - base:,}",
        allowed,
        pages,
        planned,
        f"{night.seconds:.1f}",
        equal,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="of each of the two lists")
    given = parser.parse_args()
    clock = RunningClock()
    with served(long_lists(given.rows, clock), clock) as place:
        table = search(place, given.rows)
    print(markdown(HEADER, table))


if __name__ == "__main__":
    main()
