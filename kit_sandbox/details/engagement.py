"""Who was sent, opened and clicked which mail.

A broadcast went to those who were there when it was sent and had not cancelled; the mails of a sequence went to those
who joined it, each after its delay. Who opened a mail, and when, is drawn from both ids, so that the filter and each
person's figures agree. The totals of a broadcast (`mailings.stats`) are drawn apart from this and do not add up with
it. Opens by an edit count from the moment the mail was sent.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from ..records import Json, Roster, Subscriber
from ..world import World
from .draws import mixed
from .mailings import DAY_MS, YEAR_MS, is_retained, sent_ms
from .reading import reading
from .sequences import emails

_HOUR_MS = 3_600_000


class Sent(NamedTuple):
    """A mail to a person, a broadcast or one of a sequence: moments in milliseconds, None for what did not happen."""

    mail_id: int
    sent_ms: int
    opened_ms: int | None
    clicked_ms: int | None
    is_bounced: bool


@dataclass(frozen=True)
class Mailings:
    """What may have gone out from the start on and before the end: broadcasts with their moment, sequences with the
    mails of each and how long after joining they come."""

    world: World
    start_ms: int
    end_ms: int
    broadcasts: list[tuple[int, int]]
    sequences: list[tuple[Roster, list[tuple[int, int]]]]

    def only(self, broadcast_ids: Collection[int] | None) -> "Mailings":
        """These broadcasts alone, without sequences; None: all there is."""
        if broadcast_ids is None:
            return self
        kept = [each for each in self.broadcasts if each[1] in broadcast_ids]
        return replace(self, broadcasts=kept, sequences=[])

    def to(self, person: Subscriber) -> list[Sent]:
        """What a person got, the oldest first."""
        left_ms = person.cancelled_ms or self.end_ms
        if person.state == "inactive":
            return []
        rows = sorted(chain(self._broadcasts(person, left_ms), self._mails(person, left_ms)))
        return [_sent(self.world, person, mail_id, at) for at, mail_id in rows]

    def _broadcasts(self, person: Subscriber, left_ms: int) -> Iterator[tuple[int, int]]:
        return ((at, row_id) for at, row_id in self.broadcasts if person.created_ms < at < left_ms)

    def _mails(self, person: Subscriber, left_ms: int) -> Iterator[tuple[int, int]]:
        for roster, delays in self.sequences:
            joined = roster.members.get(person.id) or roster.former.get(person.id)
            if joined is not None:
                moments = ((joined.created_ms + delay_ms, mail_id) for delay_ms, mail_id in delays)
                yield from ((at, mail_id) for at, mail_id in moments if self.start_ms <= at < min(self.end_ms, left_ms))


def mailings(world: World, start_ms: int | None, end_ms: int | None) -> Mailings:
    """The mails of a window, as far as it has begun and stats are kept."""
    start = max(start_ms or 0, oldest_ms(world) or 0)
    end = min(world.ms() + 1, end_ms if end_ms is not None else world.ms() + 1)
    kept = ((sent_ms(row), row) for row in world.broadcasts.values() if is_retained(world, row))
    broadcasts = sorted((at, row.id) for at, row in kept if at is not None and start <= at < end)
    sequences = [(world.rosters["sequence", each], _delays(world, each)) for each in world.parents["sequence"]]
    return Mailings(world, start, end, broadcasts, [each for each in sequences if each[1]])


def _delays(world: World, sequence_id: int) -> list[tuple[int, int]]:
    """How long after joining each published mail comes."""
    found, passed_ms = [], 0
    for row in emails(world, sequence_id):
        passed_ms += row.delay_value * (DAY_MS if row.delay_unit == "days" else _HOUR_MS)
        if row.published:
            found.append((passed_ms, row.id))
    return found


def _sent(world: World, person: Subscriber, mail_id: int, at: int) -> Sent:
    """Some mails bounce; some are opened, within a day, and of those some are followed."""
    draw, pair = mixed(person.id, mail_id), (person.id, mail_id)
    is_bounced = draw % 211 == 0
    opened, is_clicked = reading(world, person.id, mail_id, at)
    is_opened = opened is not None and not is_bounced and opened <= world.ms()
    is_by_hand = pair in world.extras.opens
    opened_ms = (opened if is_opened else at) if is_opened or is_by_hand else None
    has_clicked = (is_opened and is_clicked) or pair in world.extras.clicks
    return Sent(mail_id, at, opened_ms, opened_ms if has_clicked else None, is_bounced)


def figures(rows: Iterable[Sent]) -> dict[str, Json]:
    """Counts, rates as fractions of three digits, and the last moments (in milliseconds)."""
    sent = list(rows)
    opens = [place for place, each in enumerate(sent) if each.opened_ms is not None]
    clicks = [place for place, each in enumerate(sent) if each.clicked_ms is not None]
    return {
        "sent": len(sent),
        "opened": len(opens),
        "clicked": len(clicks),
        "bounced": sum(each.is_bounced for each in sent),
        "open_rate": _share(len(opens), len(sent)),
        "click_rate": _share(len(clicks), len(sent)),
        "last_sent": sent[-1].sent_ms if sent else None,
        "last_opened": max((each.opened_ms for each in sent if each.opened_ms is not None), default=None),
        "last_clicked": max((each.clicked_ms for each in sent if each.clicked_ms is not None), default=None),
        "sends_since_last_open": len(sent) - 1 - opens[-1] if opens else len(sent),
        "sends_since_last_click": len(sent) - 1 - clicks[-1] if clicks else len(sent),
    }


def oldest_ms(world: World) -> int | None:
    """From when on there are stats; None: from the beginning."""
    years = world.behaviour.v4_stats_years
    return int(world.ms() - years * YEAR_MS) if years > 0 else None


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0
