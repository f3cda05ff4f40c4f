"""The bulk calls of API v4: what each sends, and how its response names the items."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cksync.domain import MEMBERSHIPS

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bulk:
    """A kind of bulk call: its request, the name of its list of items, and that of an item in a failure.

    `key` are the values that tell items apart, `rows` is the list of records in the response ('': none), `row` the keys
    of a record that identify its item, each with the name of the item's value. `is_renamed`: the API may write a value
    in its own way, such as a name without blanks at its end; `is_removal`: what is gone is a failure.
    """

    method: str
    path: str
    items: str
    item: str
    key: tuple[str, ...]
    rows: str = ""
    row: tuple[tuple[str, str], ...] = ()
    stream: str = ""
    is_renamed: bool = False
    is_removal: bool = False

    def key_of(self, item: Item) -> tuple[str, ...]:
        """Return what tells an item apart."""
        return tuple(folded(item.get(name)) for name in self.key)

    def row_key(self, row: Item) -> tuple[str, ...]:
        """Return what a record shows of its item."""
        return tuple(folded(row.get(name)) for name, _ in self.row)

    def item_key(self, item: Item) -> tuple[str, ...]:
        """Return what the record of an item would show of it."""
        return tuple(folded(item.get(name)) for _, name in self.row)


def folded(value: object) -> str:
    """Return a value to compare: the API ignores the case of names and addresses, and trims them."""
    return " ".join(str(value).split()).casefold()


TAG = Bulk(
    "POST",
    "bulk/tags/subscribers",
    "taggings",
    "tagging",
    ("tag_id", "subscriber_id"),
    "subscribers",
    (("id", "subscriber_id"),),
    MEMBERSHIPS,
)
UNTAG = Bulk(
    "DELETE",
    "bulk/tags/subscribers",
    "taggings",
    "tagging",
    ("tag_id", "subscriber_id"),
    stream=MEMBERSHIPS,
    is_removal=True,
)
ADD_TO_FORMS = Bulk(
    "POST",
    "bulk/forms/subscribers",
    "additions",
    "subscription",
    ("form_id", "subscriber_id"),
    "subscribers",
    (("id", "subscriber_id"),),
    MEMBERSHIPS,
)
CREATE_SUBSCRIBERS = Bulk(
    "POST",
    "bulk/subscribers",
    "subscribers",
    "subscriber",
    ("email_address",),
    "subscribers",
    (("email_address", "email_address"),),
    "subscribers",
)
CREATE_TAGS = Bulk("POST", "bulk/tags", "tags", "tag", ("name",), "tags", (("name", "name"),), "tags", is_renamed=True)
DELETE_TAGS = Bulk("DELETE", "bulk/tags", "tags", "tag", ("id",), stream="tags", is_removal=True)
CREATE_CUSTOM_FIELDS = Bulk(
    "POST",
    "bulk/custom_fields",
    "custom_fields",
    "custom_field",
    ("label",),
    "custom_fields",
    (("label", "label"),),
    "custom_fields",
    is_renamed=True,
)
SET_FIELD_VALUES = Bulk(
    "POST",
    "bulk/custom_fields/subscribers",
    "custom_field_values",
    "custom_field_value",
    ("subscriber_id", "subscriber_custom_field_id"),
    "custom_field_values",
    (("subscriber_id", "subscriber_id"), ("subscriber_custom_field_id", "subscriber_custom_field_id")),
    "subscribers",
)
