"""Whether people who cancel leave the lists that they are members of: learned from the account itself. Pure.

The papers say that they stay on tags, and do not know about forms and sequences. What a list shows of the
people who cancelled long ago tells what will become of those who cancel tonight.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# What a list has of its own is weighed against its kind as if the kind had spoken for so many people.
PRIOR_PEOPLE = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """How many active and cancelled people a list of members shows, by its slice and kind."""

    slice: str
    kind: str
    active: int
    cancelled: int


def leaving(lists: Iterable[Shown], active: int, cancelled: int) -> set[str]:
    """The slices of the lists that show fewer than half of the cancelled people they should, if the account's
    `active` and `cancelled` people had joined them alike. None where nothing tells."""
    per_active = cancelled / active if active else 0.0
    lists = list(lists)
    kinds: dict[str, float] = {}
    for kind in {each.kind for each in lists}:
        there = [each for each in lists if each.kind == kind]
        should = per_active * sum(each.active for each in there)
        kinds[kind] = (sum(each.cancelled for each in there) + 0.5) / (should + 1)
    return {
        each.slice
        for each in lists
        if (each.cancelled + PRIOR_PEOPLE * kinds[each.kind]) / (per_active * each.active + PRIOR_PEOPLE) < 0.5
    }
