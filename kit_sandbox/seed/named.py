"""The seeds by their names: `creator`, a believable newsletter, and `oddities`, every oddity of the API."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ..behaviour import Behaviour
from ..clock import ShiftedClock
from ..world import World
from . import generate
from .creator import PEOPLE, creator

SEEDS = ("creator", "oddities")


def seeded(
    name: str = "creator",
    subscribers: int | None = None,
    *,
    days: int = 0,
    days_ago: float = 0.0,
    behaviour: Behaviour | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> World:
    """Make an account by the name of its seed, on the machine's clock.

    The name may be followed by a number for another account of the kind: `oddities:3`. `days`: the account was made so
    many days ago, and has lived since. `days_ago`: its clock is so many days behind, and the account what it was then.
    `sizes` are those of `generate`. ValueError for an unknown name, or sizes of a newsletter.
    """
    kind, _, number = name.partition(":")
    if kind.isdecimal():
        kind, number = "oddities", kind
    if kind not in SEEDS or not (number or "0").isdecimal():
        raise ValueError(
            f"no seed is named {name}: choose creator or oddities, or one with a number, such as oddities:3"
        )
    now = ShiftedClock(days_ago)
    if kind == "oddities":
        made = now() - timedelta(days=days)
        midnight = made.replace(hour=0, minute=0, second=0, microsecond=0)
        world = generate(subscribers or 5_000, int(number or 7), now=now, ends_at=midnight, **(sizes or {}))
        if days and world.life is not None:
            world.life(now())
    elif sizes:
        raise ValueError(f"the seed creator has its own proportions; choose another seed for {', '.join(sizes)}")
    else:
        made_on = (ShiftedClock()() - timedelta(days=days)).date()
        world = creator(subscribers or PEOPLE, int(number or 7), now=now, made_on=made_on)
    world.behaviour = behaviour or world.behaviour
    return world
