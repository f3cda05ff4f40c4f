"""The order of lists: who is in which list, and at which position. The next pull expects and compares it.

`_cksync.listings` holds the rows of every paged list in the API's order, and for single records when they were
requested by id. It is merged beside the tables, from the same segments, by the files of sql/merge/listings.
"""

from collections.abc import Collection, Iterator

import duckdb

from cksync.domain import (
    ACTIVE,
    BROADCASTS,
    BY_ID,
    CANCELLED,
    DETAILS,
    PURCHASES,
    SINGLE,
    STATS,
    Slice,
    members_sql,
)
from cksync.load.steps import same_key, step
from cksync.load.tables import Table
from cksync.sqltext import literal

# The streams with paged lists.
LISTED = ("subscribers", "subscriptions", "broadcasts", "broadcast_stats", "purchases")
# The position of a row: counted from the front, or (negative) from the newest row.
PLACE = "case when page > 0 then page * 1000 + position else page * 1000 - position end"


def _named(*slices: Slice) -> str:
    """SQL for the names of some slices."""
    return ", ".join(literal(slice_.name) for slice_ in slices)


_SINGLE = _named(*SINGLE)
# The slices whose order loses a row of a table when it is deleted.
_SLICES_OF = {
    "subscribers": f"({_named(ACTIVE, CANCELLED, BY_ID)})",
    "subscriptions": f"({members_sql('gone.subscribable_type', 'gone.subscribable_id')})",
    "broadcasts": f"({_named(BROADCASTS, DETAILS, STATS)})",
    "purchases": f"({_named(PURCHASES)})",
}


def note_list_order(
    db: duckdb.DuckDBPyConnection, tables: Collection[Table], doubted: Collection[tuple[int, str]]
) -> None:
    """Update `_cksync.listings` from `present`, `stood` and `gone_<table>` of the merged tables.

    A list that lost implausibly many rows in a round (`doubted`) keeps its rows.
    """
    for statement in _steps(tables, doubted):
        db.execute(statement)


def _steps(tables: Collection[Table], doubted: Collection[tuple[int, str]]) -> Iterator[str]:
    named = ", ".join(f"({number}, {literal(slice_)})" for number, slice_ in doubted) or "(-1, '')"
    yield step("listings/whole", doubted=named, listed=", ".join(map(literal, LISTED)))
    yield step("listings/renewed")
    yield step("listings/drop_renewed")
    yield step("listings/put_renewed")
    yield step("listings/newest", single=_SINGLE)
    yield step("listings/drop_absent")
    for table in (each for each in tables if each.name in _SLICES_OF):
        is_same = same_key(table, "ended", "version")
        slices = _SLICES_OF[table.name]
        yield step("listings/drop_gone", table, same_key=is_same, listed_key=table.listed_by, slices=slices)
    yield step("listings/added", single=_SINGLE)
    yield step("listings/put_first")
    yield step("listings/drop_put_first")
    yield step("listings/put_behind")
    yield step("listings/drop_asked", single=_SINGLE)
    yield step("listings/put_asked", single=_SINGLE)
    names = {table.name for table in tables}
    if {"subscribers", "subscriptions"} <= names:
        yield step("listings/met")
        yield step("listings/drop_met")
        yield step("listings/put_met")
    if "subscribers" in names:
        yield step("listings/drop_of_other_state")
        yield step("listings/drop_listed_again")
