"""Format numbers, days and names for people, the same on every machine."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

NONE = "\N{EN DASH}"


def count(value: float | None) -> str:
    """1,234."""
    return NONE if value is None else f"{value:,.0f}"


def signed(value: float | None) -> str:
    """+12 or -3, with a real minus."""
    return NONE if value is None else f"{value:+,.0f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    """12.3 %; more digits below one."""
    if value is None:
        return NONE
    return f"{value:.2f} %" if 0 < abs(value) < 1 else f"{value:.1f} %"


def decimal(value: float | None) -> str:
    """1.44."""
    return NONE if value is None else f"{value:,.2f}"


def money(value: Decimal | float | None) -> str:
    """1,234.50, without a currency."""
    return NONE if value is None else f"{value:,.2f}".replace("-", "\N{MINUS SIGN}")


def day(value: date | None) -> str:
    """3 Nov 2026."""
    return NONE if value is None else f"{value.day} {value:%b} {value.year}"


def month(value: date | None) -> str:
    """Nov 2026."""
    return NONE if value is None else f"{value:%b} {value.year}"


def moment(value: datetime | None) -> str:
    """3 Nov 2026, 02:17 UTC; the connection gives times in UTC."""
    return NONE if value is None else f"{day(value)}, {value:%H:%M} UTC"


def text(value: str | None) -> str:
    """The text itself."""
    return NONE if value is None or not value.strip() else value


def yes(value: bool | None) -> str:
    """yes or no."""
    return NONE if value is None else "yes" if value else "no"


FORMS: Mapping[str, Callable[[Any], str]] = {
    "count": count,
    "signed": signed,
    "percent": percent,
    "decimal": decimal,
    "money": money,
    "day": day,
    "month": month,
    "moment": moment,
    "text": text,
    "yes": yes,
}
TEXTS = frozenset({"text", "day", "month", "moment", "yes"})


def people(value: int) -> str:
    """1 person, 2 people."""
    return f"{value:,} {'person' if value == 1 else 'people'}"


def named(name: str | None, length: int = 60) -> str:
    """A name inside a sentence: shortened, and isolated in its own text direction."""
    known = (name or "").strip() or "no name"
    return f"\u2068{known if len(known) <= length else known[: length - 1] + '…'}\u2069"
