"""The cost of a night: the reference account R50, a first pull, and a week of nights on a virtual clock.

    python -m bench.nights                   50,000 people, 300 of them changed each night
    python -m bench.nights --people 2000     a trial: everything scaled

After the week comes a quiet night (the same without removed tags and deleted people), and one on which
nothing happened. A pull right after another is a night without rotation: nothing is due by age again.
Requests are counted by the sandbox; after every pull the mirror is compared with the sandbox's world.

All of it runs under two behaviours: people who cancel stay in every list and few broadcasts are drafts, or they
leave all sequences and nine in ten of their forms, and a tenth of the broadcasts are drafts.
"""

import argparse
import sys
from random import Random

from bench.accounts import LEAVING, REFERENCE_PEOPLE, SEED, YOUNG_DRAFTS, full_read, reference
from bench.clock import RunningClock
from bench.life import DAY_SECONDS, NIGHT, QUIET, Mix, live, scaled
from bench.measure import markdown
from bench.night import GROUPS, Night, Place, served, spend_night, verdict
from kit_sandbox import Behaviour
from kit_sandbox.seed.sizes import sizes_for

# Any full refresh of R50, which Airbyte and dlt make every night (peers.md, section 5).
FULL_REFRESH = 10_134
HEADER = ("night", "changed people", "requests", "planned", *GROUPS, "seconds", "mirror = account")
# So soon after a pull that nothing is in rotation.
SOON_SECONDS = 60
# The two accounts: their description, True if a tenth of the broadcasts are drafts, and the behaviour.
ACCOUNTS = {
    "stay": ("People who cancel stay in their lists; two drafts", False, Behaviour()),
    "leave": (
        "People who cancel leave all sequences and nine in ten of their forms; a tenth of the broadcasts are drafts",
        True,
        LEAVING,
    ),
}

Row = tuple[object, ...]


def row(name: str, changed: int, night: Night, equal: str) -> Row:
    """Return a line of the table."""
    planned = "-" if night.planned is None else f"{night.planned:,.0f}"
    groups = [f"{night.requests[group]:,}" for group in GROUPS]
    return (name, f"{changed:,}", f"{night.total:,}", planned, *groups, f"{night.seconds:.1f}", equal)


def spend(place: Place, name: str, changed: int) -> Row:
    """Run one pull, and return its line."""
    made = row(name, changed, spend_night(place), verdict(place))
    print(*made, sep="  ", file=sys.stderr, flush=True)
    return made


def spend_all(place: Place, mix: Mix, quiet: Mix, nights: int) -> list[Row]:
    """Run the first pull, the nights, the quiet one, and the one without changes; then the last two again without a
    night in between."""
    random, rows = Random(SEED), [spend(place, "first pull", 0)]
    for day in range(1, nights + 1):
        changed = live(place.world, place.clock, random, mix, day)
        rows.append(spend(place, str(day), changed))
    changed = live(place.world, place.clock, random, quiet, nights + 1)
    rows.append(spend(place, "quiet", changed))
    place.clock.advance(DAY_SECONDS)
    rows.append(spend(place, "nothing", 0))
    place.clock.advance(SOON_SECONDS)
    rows.append(spend(place, "nothing, no rotation", 0))
    changed = live(place.world, place.clock, random, mix, nights + 2, seconds=SOON_SECONDS)
    rows.append(spend(place, "as 1, no rotation", changed))
    return rows


def measured(name: str, given: argparse.Namespace) -> str:
    """Return the table of one account."""
    title, has_drafts, behaviour = ACCOUNTS[name]
    clock, share = RunningClock(), given.people / REFERENCE_PEOPLE
    drafts = max(YOUNG_DRAFTS, sizes_for(given.people).broadcasts // 10) if has_drafts else YOUNG_DRAFTS
    world = reference(given.people, clock, drafts, behaviour)
    full = full_read(world)
    mix, quiet = (scaled({**each, "finish": given.finish}, share) for each in (NIGHT, QUIET))
    with served(world, clock) as place:
        rows = spend_all(place, mix, quiet, given.nights)
    return f"{title}. A full refresh is {full:,} requests:\n\n{markdown(HEADER, rows)}\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.nights", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=REFERENCE_PEOPLE, help="everything else is scaled with them")
    parser.add_argument("--nights", type=int, default=7)
    parser.add_argument("--finish", type=int, default=0, help="people who finish a sequence each night (R50 scale)")
    parser.add_argument("--only", choices=ACCOUNTS, help="one of the two behaviours")
    given = parser.parse_args()
    for name in ACCOUNTS if given.only is None else [given.only]:
        print(measured(name, given), flush=True)
    print(f"A full refresh of R50 is what Airbyte and dlt make every night: {FULL_REFRESH:,} requests.")


if __name__ == "__main__":
    main()
