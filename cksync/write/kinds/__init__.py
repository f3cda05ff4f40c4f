"""All kinds of change in execution order, and all tables that take edits."""

from collections.abc import Iterable, Mapping

from cksync.write.action import Action, Kind
from cksync.write.kinds import broadcasts, custom_fields, memberships, people, purchases, tags
from cksync.write.planning import WorkspaceTable

# Prerequisites come first, irreversible changes last. An address changes after its last use in a call, and a field gets
# its new key after the old one was used.
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
TABLES: Mapping[str, WorkspaceTable] = {table.name: table for table in _TABLES}
_PLACES = {kind: place for place, kind in enumerate(_IN_ORDER)}


def in_order(actions: Iterable[Action]) -> list[Action]:
    """Return the actions in the order in which their kinds run."""
    return sorted(actions, key=lambda action: _PLACES[action.kind])
