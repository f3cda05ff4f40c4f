"""Memberships whose key does not name one row of a workspace.

Either someone inserted one that is there, or the workspace was made by an older cksync, which also kept what has no key
since the key is a list and a person: a second row of the same person in the same list, and a row without a person.
"""

from typing import Any, NamedTuple

import duckdb

from cksync.sqltext import quoted
from cksync.write.workspace import key_of


class Repeated(NamedTuple):
    """A key, and how many rows have it in the workspace and at the checkout."""

    key: tuple[Any, ...]
    mine: int
    base: int

    @property
    def reason(self) -> str | None:
        """The reason why its rows cannot be pushed; None if nobody edited them."""
        if self.mine == self.base:
            return None
        if self.mine > max(self.base, 1):
            return f"{self.mine} rows are this one subscription; keep one of them"
        return "the checkout has this subscription several times; run `cksync checkout --refresh`, then edit it again"


def repeated_memberships(db: duckdb.DuckDBPyConnection) -> list[Repeated]:
    """Return the keys of subscriptions in the current workspace that do not name one row."""
    key = quoted(key_of("subscriptions"))
    rows = db.execute(
        f"""
        select {key}, count(*) filter (place = 'main') as mine, count(*) filter (place = 'base') as base
        from (
            select {key}, 'main' as place from main.subscriptions
            union all
            select {key}, 'base' from base.subscriptions
        )
        group by {key}
        having mine > 1 or base > 1 or (base > 0 and subscriber_id is null)
        order by {key}
        """
    ).fetchall()
    return [Repeated(tuple(key), mine, base) for *key, mine, base in rows]
