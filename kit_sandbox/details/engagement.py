"""Who was sent, opened and clicked which broadcast.

A mail went to those who were there when it was sent and had not cancelled; who opened it, and when, is drawn from both
ids, so that the filter and each person's figures agree. The totals of a broadcast (`stats`) are drawn apart from this
and do not add up with it. Opens by an edit count from the moment the mail was sent.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..records import Broadcast, Json, Subscriber
from ..world import World
from .draws import mixed
from .mailings import YEAR_MS, is_retained, sent_ms

_OPEN_WITHIN_MS = 86_400_000


class Sent(NamedTuple):
    """A mail to a person: moments in milliseconds, None for what did not happen."""

    broadcast: Broadcast
    sent_ms: int
    opened_ms: int | None
    clicked_ms: int | None
    is_bounced: bool


Mailing = tuple[int, Broadcast]


def mailings(world: World, start_ms: int | None, end_ms: int | None) -> list[Mailing]:
    """The mails that went out from the start on and before the end, the oldest first, as far as stats are kept."""
    rows = [(at, row) for row in world.broadcasts.values() if (at := sent_ms(row)) is not None]
    kept = ((at, row) for at, row in rows if is_retained(world, row))
    return sorted(
        ((at, row) for at, row in kept if (start_ms is None or at >= start_ms) and (end_ms is None or at < end_ms)),
        key=lambda each: (each[0], each[1].id),
    )


def sent_to(world: World, person: Subscriber, rows: Iterable[Mailing]) -> Iterator[Sent]:
    """What a person got of these mails."""
    extras, now = world.extras, world.ms()
    if person.state == "inactive":
        return
    left_ms = person.cancelled_ms
    for at, row in rows:
        if at <= person.created_ms or (left_ms is not None and at >= left_ms):
            continue
        draw, pair = mixed(person.id, row.id), (person.id, row.id)
        is_bounced = draw % 211 == 0
        is_opened = not is_bounced and draw % 100 < 15 + person.id % 60
        opened = at + draw % _OPEN_WITHIN_MS // 1000 * 1000
        has_opened = (is_opened and opened <= now) or pair in extras.opens
        opened_ms = (opened if is_opened else at) if has_opened else None
        has_clicked = (has_opened and draw % 7 == 0) or pair in extras.clicks
        yield Sent(row, at, opened_ms, (opened_ms or at) if has_clicked else None, is_bounced)


def figures(sent: Iterable[Sent]) -> dict[str, Json]:
    """Counts, rates as fractions of three digits, and the last moments (in milliseconds)."""
    rows = list(sent)
    opens = [place for place, each in enumerate(rows) if each.opened_ms is not None]
    clicks = [place for place, each in enumerate(rows) if each.clicked_ms is not None]
    return {
        "sent": len(rows),
        "opened": len(opens),
        "clicked": len(clicks),
        "bounced": sum(each.is_bounced for each in rows),
        "open_rate": _share(len(opens), len(rows)),
        "click_rate": _share(len(clicks), len(rows)),
        "last_sent": rows[-1].sent_ms if rows else None,
        "last_opened": max((each.opened_ms for each in rows if each.opened_ms is not None), default=None),
        "last_clicked": max((each.clicked_ms for each in rows if each.clicked_ms is not None), default=None),
        "sends_since_last_open": len(rows) - 1 - opens[-1] if opens else len(rows),
        "sends_since_last_click": len(rows) - 1 - clicks[-1] if clicks else len(rows),
    }


def oldest_ms(world: World) -> int | None:
    """From when on there are stats; None: from the beginning."""
    years = world.behaviour.v4_stats_years
    return int(world.ms() - years * YEAR_MS) if years > 0 else None


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0
