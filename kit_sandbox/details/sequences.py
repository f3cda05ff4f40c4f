"""What v4 tells of sequences and their mails beyond their records."""

from collections.abc import Iterable, Mapping
from operator import attrgetter

from ..extras import SequenceEmail
from ..records import Json, Parent
from ..world import World
from .draws import random_of

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
COUNTS = ("recipients", "opens", "clicks", "email_unsubscribes", "bounces", "complaints")


def settings(world: World, row: Parent) -> dict[str, Json]:
    """When and from whom a sequence sends, and whether it does."""
    random = random_of(world.extras.seed, "sequence", row.id)
    drawn = {
        "hold": row.details.get("hold"),
        "repeat": row.details.get("repeat"),
        "email_address": random.choice((None, world.account.primary_email_address)),
        "email_template_id": random.choice((None, 4, 6)),
        "send_days": list(random.choice((DAYS, DAYS[:5], DAYS[1:4]))),
        "send_hour": random.randrange(24),
        "time_zone": random.choice(("America/Bogota", "Europe/Stockholm")),
        "active": row.details.get("active", True),
        "exclude_subscriber_sources": random.choice(([], [{"type": "tag", "ids": [4_100_001]}])),
    }
    return {**drawn, **world.extras.sequences.get(row.id, {})}


def emails(world: World, sequence_id: int) -> list[SequenceEmail]:
    """The mails of a sequence in the order of their sending."""
    rows = (each for each in world.extras.sequence_emails.values() if each.sequence_id == sequence_id)
    return sorted(rows, key=attrgetter("position", "id"))


def email_stats(world: World, row: SequenceEmail) -> dict[str, Json]:
    """The figures of a mail in percent; they change by an edit alone. Zeros for one that was never sent."""
    counts: dict[str, Json] = {**dict.fromkeys(COUNTS, 0), **_drawn(world, row)}
    counts.update(world.extras.sequence_email_stats.get(row.id, {}))
    return {**counts, **rates(counts, empty=0)}


def _drawn(world: World, row: SequenceEmail) -> Mapping[str, int]:
    random = random_of(world.extras.seed, "sequence mail", row.id)
    recipients = random.randrange(1, 2_000) if row.published and random.random() < 0.8 else 0
    opens = int(recipients * random.uniform(0.2, 0.6))
    numbers = (recipients, opens, opens // 9, recipients // 120, recipients // 200, recipients // 900)
    return dict(zip(COUNTS, numbers, strict=True))


def sequence_stats(rows: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """The figures of a sequence from those of its mails; rates are null where nothing was sent."""
    counts = dict.fromkeys(COUNTS, 0)
    for each in rows:
        counts = {name: counts[name] + each[name] for name in COUNTS}
    return {"unsubscribers": counts["email_unsubscribes"], **counts, **rates(counts, empty=None)}


def rates(counts: Mapping[str, Json], empty: int | None) -> dict[str, Json]:
    """Shares of the recipients (clicks: of the opens, too) in percent."""

    def percent(part: str, whole: str) -> Json:
        return round(100 * counts[part] / counts[whole], 2) if counts[whole] else empty

    return {
        "open_rate": percent("opens", "recipients"),
        "click_rate": percent("clicks", "recipients"),
        "click_to_open_rate": percent("clicks", "opens"),
        "unsubscribe_rate": percent("email_unsubscribes", "recipients"),
        "bounce_rate": percent("bounces", "recipients"),
        "complaint_rate": percent("complaints", "recipients"),
    }
