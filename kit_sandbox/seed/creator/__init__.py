"""A newsletter about bread: an account as one would meet it, three and a half years old on the day it was made.

It grows with the seasons, had a viral week, a good and a bad lead magnet, and two launches, the second of them two
months before; a letter goes out every week, the last one the day before. All of it is lived through the edits, day by
day, so that the account may live on.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from ...clock import system_clock
from ...world import World
from ..collector import without_collector
from ..life import Life
from . import growth, launches, people, sending
from .story import Story, furnish

PEOPLE = 2_400
FIRST_READERS = 0.03
"""The share of people who were asked before the first day, and came in one import."""


def creator(
    subscribers: int = PEOPLE,
    seed: int = 7,
    *,
    now: Callable[[], datetime] = system_clock,
    made_on: date | None = None,
) -> World:
    """Make the account as it is `now`, with about this many people on the day it was made (default: today, UTC).

    The same number, seed and day give the same account, and `World.advance` lives on. An account that was made some
    days ago lives these days; one that is made in the future is shown as it was before. ValueError where `now` is
    before its first day.
    """
    world, made_on = World(now=now), made_on or now().date()
    begins_on = made_on - timedelta(days=growth.DAYS)
    if now().date() <= begins_on:
        raise ValueError(f"the account begins on {begins_on}")
    world.extras.seed = seed
    life = Life(world, begins_on)
    story = Story(world, life, Random(seed), begins_on, _per_weight(subscribers, begins_on), subscribers)
    life.planner, life.ending = (lambda day: _plan(story, day)), (lambda: sending.count(story))
    life.at(story.day_ms(0) + 33_720_000, lambda: _begin(story, round(subscribers * FIRST_READERS)))
    world.life = life
    with without_collector():
        life(now())
    return world


def _per_weight(subscribers: int, begins_on: date) -> float:
    """How many arrivals one unit of `growth.weight` stands for."""
    whole = sum(growth.weight(age, begins_on + timedelta(days=age)) for age in range(growth.DAYS))
    return subscribers * (1 - FIRST_READERS) / whole


def _begin(story: Story, first_readers: int) -> None:
    furnish(story)
    for _ in range(first_readers):
        people.arrive(story, 0, growth.IMPORT)


def _plan(story: Story, day: date) -> None:
    """What a day brings; called at its midnight."""
    age, midnight_ms = story.age(day), story.world.ms()
    if age <= 0:
        return
    sending.count(story)
    people.plan_arrivals(story, age, midnight_ms, growth.weight(age, day))
    people.plan_changes(story, midnight_ms)
    sending.plan_letter(story, age, growth.DAYS - 1)
    launches.plan_launch(story, age)
    launches.plan_workshop(story, age)
    if age == growth.DAYS - 24:
        story.after(15 * 3_600_000, lambda: sending.keep_draft(story))
    if day.day == 1 and age > 120:
        story.after(7 * 3_600_000, lambda: people.mark_cold(story))
