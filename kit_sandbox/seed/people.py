"""People of a generated account: the growth of the list, who leaves it, and their values."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ..records import Json, State, Subscriber
from ..world import World
from . import samples

SHARES: tuple[tuple[State, float], ...] = (
    ("cancelled", 0.10),
    ("inactive", 0.04),
    ("bounced", 0.03),
    ("complained", 0.005),
)
FIRST_ID, LAST_ID = 412_000_000, 2_700_000_000
IMPORTED = 130
"""People who came in one import and have one created_at: enough for ties across the border of a page."""


@dataclass(frozen=True)
class Span:
    """The years in which an account grew."""

    start_ms: int
    end_ms: int

    def at(self, share: float) -> int:
        """Return the moment at which this share of the time has passed, to the second."""
        return (self.start_ms + int((self.end_ms - self.start_ms) * share)) // 1000 * 1000

    def share(self, moment_ms: int) -> float:
        return (moment_ms - self.start_ms) / (self.end_ms - self.start_ms)


def make_people(world: World, random: Random, span: Span, count: int) -> None:
    """Add people, more each year, with ids growing over time."""
    states, last_id = _states(random, count), FIRST_ID
    field_ids = {field.key: field.id for field in world.custom_fields.values()}
    for number, created_ms in enumerate(_arrivals(random, span, count)):
        last_id = max(last_id + 1, _id_at(span, created_ms))
        first, last = random.choice(samples.FIRST_NAMES), random.choice(samples.LAST_NAMES)
        email = f"{first}.{last}.{number}@{random.choice(samples.DOMAINS)}".lower()
        cancelled_ms = _later(random, span, created_ms) if states[number] == "cancelled" else None
        edited_ms = _later(random, span, created_ms) if random.random() < 0.3 else created_ms
        world.subscribers[last_id] = Subscriber(
            last_id,
            email,
            first if random.random() < 0.9 else None,
            states[number],
            created_ms,
            max(cancelled_ms or 0, edited_ms),
            cancelled_ms,
            _values(random, field_ids, last),
        )
        world.by_email[email] = last_id
    world.last_ids["subscriber"] = max(last_id, 2**31)


def _states(random: Random, count: int) -> list[State]:
    """A state for each person, in exact shares."""
    states: list[State] = []
    for state, share in SHARES:
        states += [state] * max(round(count * share), 1 if count >= 20 else 0)
    states += ["active"] * (count - len(states))
    random.shuffle(states)
    return states


def _arrivals(random: Random, span: Span, count: int) -> Iterator[int]:
    """Yield moments of joining, oldest first; one block has the same instant (an import)."""
    import_begin = count // 3
    import_end = import_begin + min(IMPORTED, count // 3)
    for number in range(count):
        place = import_begin if import_begin <= number < import_end else number
        moment = span.at(((place + 0.5) / count) ** 0.5)
        yield moment + random.choice((0, 0, 0, 913)) * (place == number)


def _id_at(span: Span, moment_ms: int) -> int:
    return FIRST_ID + int((LAST_ID - FIRST_ID) * span.share(moment_ms))


def _later(random: Random, span: Span, moment_ms: int) -> int:
    return moment_ms + int((span.end_ms - moment_ms) * random.random() ** 2)


def _values(random: Random, field_ids: dict[str, int], last_name: str) -> dict[int, Json]:
    """Draw the values of a person: a name often, the rest now and then."""
    known = {
        "last_name": last_name if random.random() < 0.6 else None,
        "company": random.choice(samples.COMPANIES) if random.random() < 0.2 else None,
        "country": random.choice(samples.COUNTRIES) if random.random() < 0.4 else None,
        "plan": random.choice(samples.PLANS) if random.random() < 0.5 else None,
        "lead_opt-in": "true" if random.random() < 0.3 else None,
        "Zip_Code": f"{random.randrange(100_000):05d}" if random.random() < 0.2 else None,
    }
    return {field_ids[key]: value for key, value in known.items() if value is not None and key in field_ids}
