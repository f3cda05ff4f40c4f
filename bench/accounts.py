"""The accounts for measuring nights, created in this process for a clock that can be advanced."""

from collections import Counter

from bench.clock import RunningClock
from kit_sandbox import Behaviour, World, expected_mirror, generate

SEED = 7
# The reference account R50.
REFERENCE_PEOPLE = 50_000
CUSTOM_FIELDS = 5
# Of the sandbox's people, 17.5 % are not active.
ACTIVE_SHARE = 0.825


# Two of the newest broadcasts are always drafts (see `kit_sandbox.seed.sizes`).
YOUNG_DRAFTS = 2
# Another behaviour: people who cancel leave all sequences and nine in ten of their forms for good.
LEAVING = Behaviour(cancelled_leave=("sequence", "form:0.9"), cancelled_return=False)


def reference(
    people: int, clock: RunningClock, drafts: int = YOUNG_DRAFTS, behaviour: Behaviour | None = None
) -> World:
    """Return R50 at 50,000 people, of which 5,000 have cancelled; smaller accounts keep its proportions.

    60 tags with 300,000 memberships, 30 forms with 50,000, 15 sequences with 60,000, 400 broadcasts (of which two are
    scheduled, and `drafts` are drafts, over the years), 5,000 purchases.
    """
    old = drafts - YOUNG_DRAFTS
    return generate(people, SEED, now=clock, drafts=old, custom_fields=CUSTOM_FIELDS, behaviour=behaviour)


def long_lists(rows: int, clock: RunningClock) -> World:
    """Return an account of two long lists: so many active people, and one tag with so many members."""
    return generate(
        round(rows / ACTIVE_SHARE),
        SEED,
        now=clock,
        custom_fields=CUSTOM_FIELDS,
        tags=1,
        tag_memberships=rows,
        forms=0,
        form_memberships=0,
        sequences=0,
        sequence_memberships=0,
        broadcasts=0,
        drafts=0,
        purchases=0,
    )


def full_read(world: World) -> int:
    """Return the requests of a full read: the account, 4 lists, all pages of all others, and each broadcast's detail
    and stats. At R50 it is `peers.md`'s sum of 10,134 except for the lists' half-filled last pages."""
    active = sum(person.state == "active" for person in world.subscribers.values())
    cancelled = sum(person.state == "cancelled" for person in world.subscribers.values())
    lists = [active, cancelled, len(world.purchases), len(world.broadcasts)]
    shown = Counter((kind, parent_id) for kind, parent_id, _ in expected_mirror(world).subscriptions)
    lists += [shown[key] for key in world.rosters]
    return 5 + sum(-(-rows // 50) or 1 for rows in lists) + 2 * len(world.broadcasts)
