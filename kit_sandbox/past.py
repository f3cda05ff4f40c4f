"""The account as it was a while ago, for the lists of v4, which lag behind its edits."""

from copy import copy

from .records import Kind, Roster
from .world import World

_STEPS = 60
"""How many states a lag holds at most; between them a change may show earlier by that share of the lag."""


def keep(world: World) -> None:
    """Keeps the account before an edit; what did not change since the last time is shared with it."""
    lag_ms, now = world.behaviour.v4_lag_seconds * 1000, world.ms()
    if lag_ms <= 0:
        return
    last = world.past[-1] if world.past else None
    world.past = [each for each in world.past if each[0] > now - lag_ms]
    if last is None or now - last[0] > lag_ms / _STEPS:
        world.past.append((now, _copied(world, last[1] if last else None)))


def seen(world: World) -> World:
    """What lists show now: the account before the first edit that they cannot know of yet, or the account itself."""
    horizon = world.ms() - world.behaviour.v4_lag_seconds * 1000
    world.past = [each for each in world.past if each[0] > horizon]
    if not world.past:
        return world
    shown = world.past[0][1]
    shown.behaviour = world.behaviour
    return shown


def _copied(world: World, last: World | None) -> World:
    """A world that no later edit touches."""
    made, versions = copy(world), copy(world.versions)
    is_same_people = last is not None and last.versions["people"] == versions["people"]
    for name in ("subscribers", "by_email"):
        setattr(made, name, getattr(last, name) if is_same_people else copy(getattr(world, name)))
    for name in ("custom_fields", "broadcasts", "purchases", "hooks"):
        setattr(made, name, copy(getattr(world, name)))
    made.parents = {kind: dict(parents) for kind, parents in world.parents.items()}
    made.rosters = {key: _roster(key, roster, last) for key, roster in world.rosters.items()}
    made.extras, made.versions = world.extras.copied(), versions
    made.pending, made.snapshots, made.past = [], [], []
    return made


def _roster(key: tuple[Kind, int], roster: Roster, last: World | None) -> Roster:
    before = last.rosters.get(key) if last else None
    if before is not None and before.version == roster.version:
        return before
    return Roster(dict(roster.members), dict(roster.former), roster.version)
