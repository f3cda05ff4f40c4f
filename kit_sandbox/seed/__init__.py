"""A realistic account of any size, the same for the same seed and day."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from random import Random

from .. import edits
from ..behaviour import Behaviour
from ..clock import system_clock
from ..codec import milliseconds
from ..records import Kind, Subscription
from ..world import World
from . import samples
from .collector import without_collector
from .content import make_content
from .edge_cases import plant
from .everyday import give_life
from .mailings import make_broadcasts, make_purchases
from .people import Span, make_people
from .sizes import sizes_for, spread

YEARS = 8
Joined = tuple[int, Kind, int, int]


def generate(
    subscribers: int = 5_000,
    seed: int = 0,
    *,
    now: Callable[[], datetime] = system_clock,
    ends_at: datetime | None = None,
    behaviour: Behaviour | None = None,
    with_edge_cases: bool = True,
    **sizes: int,
) -> World:
    """Generate an account that grew for eight years until `ends_at` (default: this morning by `now`, UTC).

    `sizes` override the usual proportions: tags, tag_memberships, forms, form_memberships, sequences,
    sequence_memberships, broadcasts, drafts, purchases, custom_fields. The same arguments give the same account, if
    `ends_at` is given or on the same day. `World.advance` lives on from there.
    """
    numbers, random = sizes_for(subscribers, **sizes), Random(seed)
    end = ends_at or now().replace(hour=0, minute=0, second=0, microsecond=0)
    span = Span(milliseconds(end - timedelta(days=365 * YEARS)), milliseconds(end))
    world = World(now=now, behaviour=behaviour)
    with without_collector():
        _add_fields(world, numbers.custom_fields)
        make_people(world, random, span, subscribers)
        _add_parents(world, random, span, "tag", numbers.tags)
        _add_parents(world, random, span, "form", numbers.forms)
        _add_parents(world, random, span, "sequence", numbers.sequences)
        totals: dict[Kind, int] = {
            "tag": numbers.tag_memberships,
            "form": numbers.form_memberships,
            "sequence": numbers.sequence_memberships,
        }
        _fill_rosters(world, random, span, totals)
        make_broadcasts(world, random, span, numbers.broadcasts, numbers.drafts)
        make_purchases(world, random, span, numbers.purchases)
        if with_edge_cases:
            plant(world, random)
        make_content(world, seed, span)
    give_life(world, seed, end.date())
    return world


def _add_fields(world: World, count: int) -> None:
    generic = ((f"Field {number}", f"field_{number}") for number in range(1, count + 1))
    for (label, key), _ in zip(chain(samples.FIELDS, generic), range(count), strict=False):
        edits.add_custom_field(world, label, key)


NAMES: dict[Kind, list[str]] = {
    "tag": samples.TAG_NAMES,
    "form": samples.FORM_NAMES,
    "sequence": samples.SEQUENCE_NAMES,
}


def _add_parents(world: World, random: Random, span: Span, kind: Kind, count: int) -> None:
    add = {"tag": edits.add_tag, "form": edits.add_form, "sequence": edits.add_sequence}[kind]
    names = NAMES[kind]
    moments = sorted(span.at(random.random() * 0.7) for _ in range(count))
    for index, created_ms in enumerate(moments):
        lap = index // len(names)
        parent_id = add(world, names[index % len(names)] + (f" {lap + 1}" if lap else ""))
        world.parents[kind][parent_id] = world.parents[kind][parent_id]._replace(created_ms=created_ms)


def _fill_rosters(world: World, random: Random, span: Span, totals: dict[Kind, int]) -> None:
    """Draw all memberships, then number them by time, as a real account would."""
    drawn: list[Joined] = []
    for kind, total in totals.items():
        parents = list(world.parents[kind])
        random.shuffle(parents)
        sizes = spread(total, len(parents), len(world.subscribers)) if parents else []
        for parent_id, size in zip(parents, sizes, strict=True):
            drawn += _members(world, random, span, kind, parent_id, size)
    drawn.sort()
    for joined in drawn:
        _enrol(world, random, *joined)


def _members(world: World, random: Random, span: Span, kind: Kind, parent_id: int, size: int) -> Iterator[Joined]:
    """Yield people who joined this list and when: soon after both exist, some in one bulk action at one instant."""
    people, opened_ms = world.subscribers, world.parents[kind][parent_id].created_ms
    bulk_ms = span.at(0.5 + random.random() / 2) if random.random() < 0.3 else 0
    for subscriber_id in random.sample(list(people), size):
        begin = max(people[subscriber_id].created_ms, opened_ms)
        if begin < bulk_ms and random.random() < 0.4:
            yield bulk_ms, kind, parent_id, subscriber_id
        else:
            yield begin + int((span.end_ms - begin) * random.random() ** 4), kind, parent_id, subscriber_id


def _enrol(world: World, random: Random, created_ms: int, kind: Kind, parent_id: int, person_id: int) -> None:
    state = "inactive" if world.subscribers[person_id].state == "inactive" else "active"
    source = samples.SOURCE if random.random() < 0.2 else None
    referrer = random.choice(samples.REFERRERS) if kind == "form" else None
    made = Subscription(
        world.next_id("subscription", 3), kind, parent_id, person_id, state, created_ms, source, referrer
    )
    world.rosters[kind, parent_id].members[person_id] = made
