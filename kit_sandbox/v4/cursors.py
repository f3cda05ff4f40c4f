"""Lists in a fixed order, and the pages that opaque cursors cut out of them.

A cursor is base64 of what the row is sorted by. A sort by time has no more than the second, so that rows of one second
are lost where a page ends among them.
"""

import base64
import binascii
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ..codec import milliseconds
from .refusals import invalid

Row = TypeVar("Row")
Key = tuple[float, ...]


@dataclass(frozen=True)
class Order:
    """What a list is sorted by, numbers all of it, and how a cursor spells that."""

    key: Callable[[Any], Key]
    spell: Callable[[Key], str]
    read: Callable[[str], Key]
    is_ascending: bool = False

    def rank(self, key: Key) -> Key:
        """The key as a number that grows along the list."""
        return key if self.is_ascending else tuple(-each for each in key)

    def cursor(self, row: Any) -> str:
        return base64.b64encode(self.spell(self.key(row)).encode()).decode()

    def rank_of(self, cursor: str) -> Key:
        """Where in the list a cursor points to; 422 for one that nobody gave out."""
        try:
            return self.rank(self.read(base64.b64decode(cursor, validate=True).decode()))
        except (ValueError, TypeError, binascii.Error):
            raise invalid("Cursor is invalid") from None


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """Rows in their order, with the rank of each."""

    rows: list[Row]
    ranks: list[Key]
    order: Order


@dataclass(frozen=True)
class Cut:
    """Which page is asked for."""

    per_page: int
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A part of a list, and whether there is more on either side."""

    rows: list[Row]
    has_previous: bool
    has_next: bool
    total: int
    start_cursor: str | None
    end_cursor: str | None


def listing(rows: Iterable[Row], order: Order) -> Listing[Row]:
    """Sorts rows; where the order knows no difference, they stay as they came."""
    ranked = [(order.rank(order.key(row)), row) for row in rows]
    ranked.sort(key=lambda each: each[0])
    return Listing([row for _, row in ranked], [rank for rank, _ in ranked], order)


def page(shown: Listing[Row], cut: Cut) -> Page[Row]:
    """The rows behind one cursor, or the last ones before the other."""
    begin, end = _bounds(shown, cut)
    if cut.before is not None and cut.after is None:
        begin = max(begin, end - cut.per_page)
    else:
        end = min(end, begin + cut.per_page)
    rows = shown.rows[begin:end]
    cursor = shown.order.cursor
    return Page(
        rows,
        begin > 0,
        end < len(shown.rows),
        len(shown.rows),
        cursor(rows[0]) if rows else None,
        cursor(rows[-1]) if rows else None,
    )


def _bounds(shown: Listing[Row], cut: Cut) -> tuple[int, int]:
    begin = bisect_right(shown.ranks, shown.order.rank_of(cut.after)) if cut.after is not None else 0
    end = bisect_left(shown.ranks, shown.order.rank_of(cut.before)) if cut.before is not None else len(shown.ranks)
    return begin, max(begin, end)


# -- the orders


def _spelled(key: Key) -> str:
    return json.dumps(list(key), separators=(",", ":"))


def _read(length: int) -> Callable[[str], Key]:
    def read(text: str) -> Key:
        value = json.loads(text)
        if (
            not isinstance(value, list)
            or len(value) != length
            or not all(isinstance(each, int | float) for each in value)
        ):
            raise ValueError("not such a list")
        return tuple(value)

    return read


def _second(key: Key) -> str:
    return f"{datetime.fromtimestamp(key[0], UTC):%Y-%m-%d %H:%M:%S} UTC"


def _read_second(text: str) -> Key:
    moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    return (milliseconds(moment) // 1000,)


def _tagged(key: Key) -> str:
    at_ms, tagging_id = key
    moment = datetime.fromtimestamp(int(at_ms) // 1000, UTC)
    return f'["{moment:%Y-%m-%dT%H:%M:%S}.{int(at_ms) % 1000:03d}Z",{tagging_id}]'


def _read_tagged(text: str) -> Key:
    at, tagging_id = json.loads(text)
    return milliseconds(datetime.fromisoformat(at)), int(tagging_id)


def by_id(key: Callable[[Any], int], *, is_ascending: bool = False) -> Order:
    """The order of most lists: the newest id first, `[17]`."""
    return Order(lambda row: (key(row),), _spelled, _read(1), is_ascending)


def by_bare_id(key: Callable[[Any], int]) -> Order:
    """The order of tags: the newest id first, the cursor a bare number."""
    return Order(lambda row: (key(row),), lambda key: str(key[0]), lambda text: (int(text),))


def by_tagging(key: Callable[[Any], tuple[int, int]]) -> Order:
    """The order of those who have a tag: the latest tagging first."""
    return Order(key, _tagged, _read_tagged)


def by_pair(key: Callable[[Any], Key], *, is_ascending: bool = False) -> Order:
    """A number and an id: mails by position, people by engagement."""
    return Order(key, _spelled, _read(2), is_ascending)


def by_second(key: Callable[[Any], int], *, is_ascending: bool = False) -> Order:
    """A moment in milliseconds, of which the order and the cursor know the second alone."""
    return Order(lambda row: (key(row) // 1000,), _second, _read_second, is_ascending)
