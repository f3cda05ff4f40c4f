"""Divide the actions of a plan into batches: what one request carries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cksync.api.v4.bulk import ITEMS_AT_ONCE
from cksync.api.v4.bulk_kinds import Bulk
from cksync.write.action import Action
from cksync.write.plan import ADDRESSES_AT_ONCE
from cksync.write.through import Through

Group = Sequence["Batch"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The actions that one request carries: one, or with `bulk` those of a bulk call."""

    actions: tuple[Action, ...]
    bulk: Bulk | None = None


def groups(actions: Sequence[Action], through: Through) -> Iterator[Group]:
    """Yield groups of batches, in order; the batches of a group do not depend on one another."""
    for kind, run in groupby(actions, key=lambda action: action.kind):
        alone: list[Action] = []
        together: dict[Bulk, list[Action]] = {}
        for action in run:
            bulk = kind.bulk(action) if through.is_bulk else None
            alone.append(action) if bulk is None else together.setdefault(bulk, []).append(action)
        if kind.is_parallel and alone:
            yield from _asked_together([Batch((action,)) for action in alone], through)
        elif alone:
            yield from ([Batch((action,))] for action in alone)
        for bulk, many in together.items():
            batches = [Batch(tuple(part), bulk) for part in _parts(many, bulk)]
            yield from ([batch] for batch in batches) if kind.address else [batches]


def _asked_together(batches: Sequence[Batch], through: Through) -> Iterator[Group]:
    """Divide batches whose addresses are looked up before they are sent."""
    step = ADDRESSES_AT_ONCE if through.version == "v4" and batches[0].actions[0].kind.address else len(batches)
    yield from (batches[start : start + step] for start in range(0, len(batches), step))


def _parts(actions: Sequence[Action], bulk: Bulk) -> list[list[Action]]:
    """Divide actions into as few parts as possible. The response to a call that adds one person to two lists does not
    say which row is of which list, so if possible a person is in a part only once."""
    if bulk.row != (("id", "subscriber_id"),):
        return [list(actions[start : start + ITEMS_AT_ONCE]) for start in range(0, len(actions), ITEMS_AT_ONCE)]
    parts: list[list[Action]] = []
    places: dict[str, int] = {}  # the first part that has not got the person yet
    first = 0
    for action in actions:
        place = max(places.get(action.target, 0), first)
        while place < len(parts) and len(parts[place]) == ITEMS_AT_ONCE:
            place += 1
        if place == len(parts):
            parts.append([])
        parts[place].append(action)
        places[action.target] = place + 1
        while first < len(parts) and len(parts[first]) == ITEMS_AT_ONCE:
            first += 1
    return _merged(parts)


def _merged(parts: Sequence[list[Action]]) -> list[list[Action]]:
    """Put small parts together, even if a person is then in one twice."""
    merged: list[list[Action]] = []
    for part in sorted(parts, key=len, reverse=True):
        place = next((each for each in merged if len(each) + len(part) <= ITEMS_AT_ONCE), None)
        if place is None:
            merged.append(list(part))
        else:
            place += part
    return merged
