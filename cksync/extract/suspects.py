"""Learn from the account if people who cancel leave the lists they are members of. Pure.

The API's documentation says that they keep their tags, and is silent on forms and sequences. The people who cancelled
long ago and are still listed show what will happen to those who cancel tonight.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# A list's own evidence is weighed against its kind as if the kind had this many people.
PRIOR_PEOPLE = 5.0


@dataclass(frozen=True, slots=True)
class Shown:
    """How many active and cancelled people a list of members shows, by slice and kind."""

    slice: str
    kind: str
    active: int
    cancelled: int


def leaving(lists: Iterable[Shown], active: int, cancelled: int) -> set[str]:
    """Return the slices of lists that show fewer than half of the cancelled people expected if the account's `active`
    and `cancelled` people had joined alike. Empty without evidence."""
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
