"""Expected rows of a query, and their values as a test writes them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.support.log_builder import LogBuilder


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text: str) -> date:
    return date.fromisoformat(text)


def money(*amounts: object) -> list[Decimal | None]:
    return [None if amount is None else Decimal(str(amount)) for amount in amounts]


def expect(log: LogBuilder, query: str, *rows: Sequence[Any]) -> None:
    assert log.rows(query) == [tuple(row) for row in rows]
