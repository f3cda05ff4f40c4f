"""Every kind of change, in the order in which they run, and every table that takes edits."""

from collections.abc import Iterable, Mapping

from cksync.write.action import Action, Kind
from cksync.write.kinds import broadcasts, custom_fields, memberships, people, purchases, tags
from cksync.write.planning import Table

# What others need comes first, what cannot be undone last. Whoever is named by an address gets a new one after
# that, and a field its new key after its old one was used.
_IN_ORDER = (
    custom_fields.CREATE,
    tags.CREATE,
    people.CREATE,
    memberships.SUBSCRIBE,
    memberships.UNTAG,
    people.UNSUBSCRIBE,
    people.UPDATE,
    purchases.CREATE,
    broadcasts.CREATE,
    broadcasts.UPDATE,
    custom_fields.RENAME,
    broadcasts.DELETE,
    custom_fields.DELETE,
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _IN_ORDER}
_TABLES = (
    people.TABLE,
    memberships.TABLE,
    tags.TABLE,
    custom_fields.TABLE,
    broadcasts.TABLE,
    purchases.TABLE,
    purchases.PRODUCTS,
)
TABLES: Mapping[str, Table] = {table.name: table for table in _TABLES}
_PLACES = {kind: place for place, kind in enumerate(_IN_ORDER)}


def in_order(actions: Iterable[Action]) -> list[Action]:
    """Actions in the order in which their kinds run."""
    return sorted(actions, key=lambda action: _PLACES[action.kind])
