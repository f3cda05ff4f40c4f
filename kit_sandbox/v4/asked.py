"""Parameters as v4 reads them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..behaviour import Behaviour
from ..codec import milliseconds
from ..messages import Request
from ..records import STATES
from .cursors import Cut
from .refusals import invalid

DEFAULT_ROWS = 500
Texts = Mapping[str, str]


@dataclass(frozen=True)
class Window:
    """Moments from the start on and before the end; None: open."""

    start_ms: int | None = None
    end_ms: int | None = None

    def __contains__(self, ms: int) -> bool:
        return (self.start_ms is None or ms >= self.start_ms) and (self.end_ms is None or ms < self.end_ms)


def cut(params: Texts, behaviour: Behaviour) -> Cut:
    """The page asked for; a number of rows that cannot be is the usual one, too many are the most there are."""
    text = params.get("per_page", "")
    rows = int(text) if text.isdecimal() and text.isascii() and int(text) > 0 else DEFAULT_ROWS
    return Cut(min(rows, int(behaviour.v4_page_limit)), params.get("after") or None, params.get("before") or None)


def is_on(params: Texts, name: str) -> bool:
    return params.get(name, "").lower() in ("true", "1")


def choice(params: Texts, name: str, default: str, allowed: Iterable[str]) -> str:
    """One word of several; 422 for another."""
    value = params.get(name) or default
    if value not in allowed:
        raise invalid(f"{name.capitalize()} is not included in the list")
    return value


def states(params: Texts) -> frozenset[str]:
    """Whose rows are asked for."""
    status = choice(params, "status", "active", (*STATES, "all"))
    return frozenset(STATES if status == "all" else {status})


def includes(request: Request, allowed: Iterable[str]) -> frozenset[str]:
    """What shall be told besides, as a list with commas or as `include[]`; 422 for what there is not."""
    given = request.given.get("include", "")
    words = given if isinstance(given, list) else str(given).split(",")
    wanted = frozenset(str(each).strip() for each in words if str(each).strip())
    unknown = wanted - frozenset(allowed)
    if unknown:
        raise invalid(f"Include is not supported: {', '.join(sorted(unknown))}")
    return wanted


def window(params: Mapping[str, Any], after: str, before: str, behaviour: Behaviour) -> Window:
    """From the beginning of a day, or after a moment; before a day begins, or before a moment."""
    start, end = params.get(after), params.get(before)
    return Window(
        None if not start else _bound(after, start, behaviour, past=1),
        None if not end else _bound(before, end, behaviour, past=0),
    )


def _bound(name: str, text: Any, behaviour: Behaviour, past: int) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise invalid(f"{name.replace('_', ' ').capitalize()} is not a valid date") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if len(text) > 10 and not behaviour.times_cut_to_day:
        return milliseconds(moment) + past
    return milliseconds(moment.replace(hour=0, minute=0, second=0, microsecond=0))
