"""The order of lists: who is in which list, and at which position. The next pull expects and compares it.

`_cksync.listings` holds the rows of every paged list in the API's order, and for single records when they were
requested by id. It is merged beside the tables, from the same segments, by the files of sql/merge/listings.
"""

from collections.abc import Collection, Iterator

import duckdb

from cksync.load.steps import step
from cksync.sqltext import literal

# The streams with paged lists, and the slices whose single records are requested by id.
LISTED = ("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
SINGLE = ("subscribers/by_id", "broadcasts/detail", "broadcast_stats")
# Ends the name of a slice that shows only rows that changed.
CHANGED_ONLY = "/changed"
# The position of a row: counted from the front, or (negative) from the newest row.
PLACE = "case when page > 0 then page * 1000 + position else page * 1000 - position end"

_SINGLE = ", ".join(map(literal, SINGLE))


# The slices whose order loses a row of a table when it is deleted.
_SLICES_OF = {
    "subscribers": "('subscribers/active', 'subscribers/cancelled', 'subscribers/by_id')",
    "subscriptions": "('subscriptions/' || gone.subscribable_type || '/' || gone.subscribable_id)",
    "broadcasts": "('broadcasts', 'broadcasts/detail', 'broadcast_stats')",
    "purchases": "('purchases')",
}
_KEYS = {"subscriptions": "subscribable_type, subscribable_id, id"}


def note_list_order(
    db: duckdb.DuckDBPyConnection, tables: Collection[str], doubted: Collection[tuple[int, str]]
) -> None:
    """Update `_cksync.listings` from `present`, `stood` and `gone_<table>` of the merged tables.

    A list that lost implausibly many rows in a round (`doubted`) keeps its rows.
    """
    for statement in _steps(tables, doubted):
        db.execute(statement)


def _steps(tables: Collection[str], doubted: Collection[tuple[int, str]]) -> Iterator[str]:
    named = ", ".join(f"({number}, {literal(slice_)})" for number, slice_ in doubted) or "(-1, '')"
    yield step("listings/whole", doubted=named, listed=", ".join(map(literal, LISTED)))
    yield step("listings/renewed")
    yield step("listings/drop_renewed")
    yield step("listings/put_renewed")
    yield step("listings/newest")
    yield step("listings/drop_absent")
    for table in _SLICES_OF.keys() & tables:
        yield step("listings/drop_gone", table=table, key=_KEYS.get(table, "id"), slices=_SLICES_OF[table])
    yield step("listings/added", single=_SINGLE)
    yield step("listings/put_first")
    yield step("listings/drop_put_first")
    yield step("listings/put_behind")
    yield step("listings/drop_asked", single=_SINGLE)
    yield step("listings/put_asked", single=_SINGLE)
    if {"subscribers", "subscriptions"} <= set(tables):
        yield step("listings/met")
        yield step("listings/drop_met")
        yield step("listings/put_met")
    if "subscribers" in tables:
        yield step("listings/drop_of_other_state")
        yield step("listings/drop_listed_again")
