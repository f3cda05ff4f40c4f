"""Who stands in which list, and where: what the next pull expects to find, and compares.

`_cksync.listings` holds the rows of every paged list in the API's order, and for single records asked for
by id when that was. It is merged beside the tables, from the same segments, by the files of sql/merge/listings.
"""

from collections.abc import Collection, Iterator

import duckdb

from cksync.load.steps import step
from cksync.sqltext import literal

# The streams with paged lists, and the slices in which single records are asked for one by one.
LISTED = ("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
SINGLE = ("subscribers/by_id", "broadcasts/detail", "broadcast_stats")
# The end of a slice's name that shows only those of its rows that changed.
CHANGED_ONLY = "/changed"
# Where a row stands: on pages from the front, or (below zero) from the newest row.
PLACE = "case when page > 0 then page * 1000 + position else page * 1000 - position end"

_SINGLE = ", ".join(map(literal, SINGLE))


# Where a row of a table stands: the slices whose listings lose it when it is gone.
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
    """Bring `_cksync.listings` up to date from `present`, `stood` and `gone_<table>` of the tables merged.

    A list that lost too much to be believed in a round (`doubted`) keeps its rows.
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
