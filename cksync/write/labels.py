"""What people call the rows of a plan: names and addresses beside ids."""

from collections.abc import Collection, Mapping
from contextlib import suppress

import duckdb

# The columns of a row's label, by table of the workspace.
_LABELS = {
    "tags": "name",
    "forms": "name",
    "sequences": "name",
    "custom_fields": "label",
    "broadcasts": "subject",
    "purchases": "transaction_id",
}
# "Ana Lima <ana@example.com>", or what there is of it.
_PERSON = """
    case when coalesce(trim(first_name), '') = '' then coalesce(email_address, '')
        else trim(first_name) || ' <' || coalesce(email_address, '') || '>' end
"""

# The label of a row, by table and id.
Labels = Mapping[tuple[str, int], str]


def labels_of(db: duckdb.DuckDBPyConnection, people: Collection[int]) -> Labels:
    """Return the labels of some people, and of everything else, in the workspace `work`: as they were at the checkout,
    or as a new row has them."""
    found: dict[tuple[str, int], str] = {}
    for table, column in {"subscribers": _PERSON, **_LABELS}.items():
        some = "and id in (select unnest(?::bigint[]))" if table == "subscribers" else ""
        for schema, which in (("main", "id < 0"), ("main", "id > 0"), ("base", "id > 0")):
            query = f"select id, {column} from {schema}.{table} where {which} {some}"
            with suppress(duckdb.Error):  # a table or a column that the user has dropped: its rows have ids only
                rows = db.execute(query, [list(people)] if some else []).fetchall()
                found |= {(table, id_): str(label) for id_, label in rows if label}
    return found
