"""Names that must be unique in an account: tags, custom fields, addresses and purchases. Each check raises ValueError
if an existing or another new row has the name."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from cksync.addresses import folded
from cksync.custom_fields import key_of_label
from cksync.write.edits import Account, Edit

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Names:
    """The names that the account has, and those that the edits request."""

    def __init__(self, account: Account, edits: Sequence[Edit]) -> None:
        self._account = account
        self._tags = {_folded(name): (id_, name) for id_, name in account.tags.items()}
        self._new_addresses = Counter(
            folded(str(address)) for address in _requested(edits, "subscribers", "email_address") if address
        )
        self._new_tags = Counter(map(_folded, _requested(edits, "tags", "name")))
        self._new_keys = Counter(map(_folded, _requested(edits, "custom_fields", "key")))
        self._new_labels = [str(name or "").strip() for name in _requested(edits, "custom_fields", "label")]
        self._new_transactions = Counter(_requested(edits, "purchases", "transaction_id"))

    def address(self, given: str, id_: int | None = None) -> None:
        """Check that a person may have this address."""
        if not given:
            raise ValueError("a person needs an address")
        if not _ADDRESS.fullmatch(given):
            raise ValueError(f"{given!r} is not an email address")
        owner = self._account.addresses.get(folded(given))
        if owner is not None and owner != id_:
            raise ValueError(f"{given} already belongs to person {owner}")
        if self._new_addresses[folded(given)] > 1:
            raise ValueError(f"{given} is given to several people")

    def tag(self, given: object, id_: int | None = None) -> str:
        """Return the name of a new tag, or of the tag `id_`. Whether the API ignores case is undocumented; assume that
        it does."""
        name = str(given or "").strip()
        if not name:
            raise ValueError("a tag needs a name")
        there = self._tags.get(_folded(name))
        if there and there[0] != id_:
            raise ValueError(f"there is already a tag {there[1]!r} ({there[0]}); use that one")
        if self._new_tags[_folded(name)] > 1:
            raise ValueError(f"several tags would be named {name!r} (ignoring case and spaces)")
        return name

    def label(self, given: object, id_: int) -> str:
        """Return the trimmed label for the custom field `id_`; its key must be free, too."""
        label = str(given or "").strip()
        if not label:
            raise ValueError("a custom field needs a label")
        key = key_of_label(label)
        for other, there in self._account.labels.items():
            if other != id_ and _is_one(label, there):
                raise ValueError(f"there is already a custom field {there!r} ({other})")
            if other != id_ and key and key_of_label(self._account.keys.get(other, "")) == key:
                raise ValueError(f"the custom field {there!r} ({other}) already has the key of {label!r}, {key}")
        twins = [other for other in self._new_labels if _is_one(label, other)]
        if len(twins) > 1 and (others := [twin for twin in twins if twin != label]):
            raise ValueError(f"{label!r} and {others[0]!r} would be the same custom field: both get the key {key}")
        if len(twins) > 1:
            raise ValueError(f"several custom fields would have the label {label!r}")
        return label

    def key(self, given: object) -> None:
        """Check that a new custom field may have this key, which names its column."""
        for field in self._account.fields:
            if given and _folded(given) in (_folded(field.key), _folded(field.column)):
                raise ValueError(
                    f"the key {given} belongs to another field; leave it out, the API derives it from the label"
                )
        if given and self._new_keys[_folded(given)] > 1:
            raise ValueError(f"several new fields have the key {given}")

    def purchase(self, given: str, address: str) -> None:
        """Check that a purchase with this transaction_id and buyer's address may be created."""
        if not _ADDRESS.fullmatch(address):
            raise ValueError(f"{address!r} is not an email address")
        if (given, folded(address)) in self._account.transactions:
            raise ValueError(f"there is already a purchase {given} by {address}")
        if self._new_transactions[given] > 1:
            raise ValueError(f"several new purchases have the transaction_id {given}")


def _requested(edits: Iterable[Edit], table: str, column: str) -> list[object]:
    """Return the values requested for a column, by new and by updated rows."""
    mine = [edit for edit in edits if edit.table == table]
    new = [edit.row.get(column) for edit in mine if edit.kind == "insert"]
    return new + [cell.mine for edit in mine if edit.kind == "update" for cell in edit.cells if cell.column == column]


def _folded(name: object) -> str:
    return " ".join(str(name or "").split()).casefold()


def _is_one(label: str, other: str | None) -> bool:
    """Return True if the API would treat two labels as equal: it trims them and derives the key from them."""
    return label == (other or "").strip() or (
        key_of_label(label) != "" and key_of_label(label) == key_of_label(other or "")
    )
