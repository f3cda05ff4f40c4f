"""Whether and when somebody opens a mail, and whether a link of it is followed: drawn from both ids."""

from math import log

from ..extras import Appeal, Reader
from ..world import World
from .draws import mixed
from .mailings import DAY_MS

_HOUR_MS = 3_600_000
_USUAL = Appeal(1_000, 100)
_COLD = 15
"""How many mails (per mille) are opened by people who have lost interest."""


def reading(world: World, person_id: int, mail_id: int, at: int) -> tuple[int | None, bool]:
    """When the mail is opened (None: never), and whether a link is followed then."""
    reader = world.extras.readers.get(person_id)
    if reader is not None:
        return _read(reader, world.extras.appeals.get(mail_id, _USUAL), person_id, mail_id, at)
    draw = mixed(person_id, mail_id)
    is_opened = draw % 100 < 15 + person_id % 60
    return at + draw % DAY_MS // 1000 * 1000 if is_opened else None, draw % 7 == 0


def _read(reader: Reader, appeal: Appeal, person_id: int, mail_id: int, at: int) -> tuple[int | None, bool]:
    """Most opens come within hours, a fifth within days."""
    draw = mixed(person_id, mail_id)
    openness = reader.openness if at < reader.cold_from_ms else _COLD
    if draw % 1_000 >= min(openness * appeal.opens // 1_000, 960):
        return None, False
    other = mixed(mail_id, person_id)
    mean_ms = 3 * DAY_MS if other % 5 == 0 else 5 * _HOUR_MS
    delay_ms = int(-log((other // 5 % 65_536 + 1) / 65_537) * mean_ms)
    return at + 60_000 + delay_ms // 1000 * 1000, draw // 1_000 % 1_000 < appeal.clicks
