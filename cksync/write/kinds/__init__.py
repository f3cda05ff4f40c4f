"""All kinds of change in execution order, and all tables that take edits."""

from collections.abc import Iterable, Mapping

from cksync.write.action import Action, Kind
from cksync.write.kinds import broadcasts, custom_fields, memberships, people, purchases, tags
from cksync.write.kinds.v4 import broadcasts as broadcasts_v4
from cksync.write.kinds.v4 import custom_fields as custom_fields_v4
from cksync.write.kinds.v4 import memberships as memberships_v4
from cksync.write.kinds.v4 import people as people_v4
from cksync.write.kinds.v4 import purchases as purchases_v4
from cksync.write.kinds.v4 import tags as tags_v4
from cksync.write.planning import WorkspaceTable
from cksync.write.through import V3, Through

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
_IN_ORDER_V4 = (
    custom_fields_v4.CREATE,
    tags_v4.CREATE,
    people_v4.CREATE,
    memberships_v4.SUBSCRIBE,
    memberships_v4.UNTAG,
    people_v4.UNSUBSCRIBE,
    people_v4.SET_FIELD,
    people_v4.UPDATE,
    purchases_v4.CREATE,
    broadcasts_v4.CREATE,
    broadcasts_v4.UPDATE,
    tags_v4.RENAME,
    custom_fields_v4.RENAME,
    broadcasts_v4.DELETE,
    tags_v4.DELETE,
    custom_fields_v4.DELETE,
)
_KINDS_V4 = {kind.name: kind for kind in _IN_ORDER_V4}
_PURCHASES_V3 = {purchases.CREATE.name: purchases.CREATE}
# Those of API v3, and below of any version.
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _IN_ORDER}
EVERY_KIND: Mapping[str, Kind] = {**_KINDS_V4, **KINDS}
_PLACES = {name: place for place, name in enumerate(_KINDS_V4)}
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
_TABLES_V4 = {table.name: table for table in (people_v4.TABLE, tags_v4.TABLE, broadcasts_v4.TABLE)}


def kinds_of(through: Through = V3) -> Mapping[str, Kind]:
    """Return the kinds of change by name, as they are made through a version of the API."""
    if through.version == "v3":
        return KINDS
    return {**_KINDS_V4, **_PURCHASES_V3} if through.purchases == "v3" else _KINDS_V4


def tables_of(through: Through = V3) -> Mapping[str, WorkspaceTable]:
    """Return the tables that take edits, as they are planned for a version of the API."""
    return TABLES if through.version == "v3" else {**TABLES, **_TABLES_V4}


def in_order(actions: Iterable[Action]) -> list[Action]:
    """Return the actions in the order in which their kinds run."""
    return sorted(actions, key=lambda action: _PLACES[action.what])
