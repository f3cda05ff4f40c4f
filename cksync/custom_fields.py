"""Subscribers with one column per custom field: the names of the columns, and the select that fills them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cksync.sqltext import identifier, literal, quoted

# Columns of `subscribers` before those of the custom fields.
PERSON = ("id", "email_address", "first_name", "state", "created_at")


@dataclass(frozen=True, slots=True)
class Field:
    """A custom field, and the column of `subscribers` that holds its values."""

    id: int
    key: str
    column: str


def field_columns(fields: Sequence[tuple[int, str]]) -> list[Field]:
    """The columns of custom fields, given as (id, key) in the order of their ids. A key that equals a column
    before it, whatever the case, gets the prefix `field_`."""
    taken = set(PERSON)
    return [Field(id_, key, free_column(key, taken)) for id_, key in fields]


def free_column(key: str, taken: set[str]) -> str:
    """The column name of one more key, which is added to `taken`, the lower-case names already in use."""
    column = key
    while not column or column.lower() in taken:
        column = f"field_{column}"
    taken.add(column.lower())
    return column


def key_of_label(label: str) -> str:
    """The key that the API derives from a label, according to its documentation: ASCII, lower case, underscores;
    '' if nothing is left. The response contains the actual key."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")


def people(fields: Sequence[Field], table: str) -> str:
    """A select of the people in a table, with a column for each field."""
    places = [field.key.replace("~", "~0").replace("/", "~1") for field in fields]
    values = ", ".join(f"values[{n}] as {identifier(field.column)}" for n, field in enumerate(fields, 1))
    paths = ", ".join(literal(f"/{place}") for place in places)
    taken = f", json_extract_string(fields, [{paths}]) as values" if fields else ""
    return f"""
        select {quoted(PERSON)} {"," if fields else ""} {values}
        from (select {quoted(PERSON)} {taken} from {table})
    """
