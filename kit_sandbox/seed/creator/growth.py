"""How many people sign up on a day, and where they come from: seasons, a viral week, a giveaway, two launches."""

from datetime import date
from math import exp
from random import Random
from typing import NamedTuple

DAYS = 1281
"""The age of the account on the day on which it was made: three and a half years, in whole weeks."""
VIRAL = 842
VIRAL_SHAPE = (6.0, 16.0, 13.0, 8.0, 5.0, 3.0, 2.0)
GIVEAWAY, GIVEAWAY_DAYS = 463, 12
CHECKLIST, NETWORK = 92, 540
LAUNCHES = (700, DAYS - 58)
WAITLIST_DAYS = 14
_SEASONS = (1.4, 1.15, 1.0, 0.95, 0.8, 0.65, 0.6, 0.7, 1.0, 1.15, 1.35, 1.15)


class Source(NamedTuple):
    """A way to the list: the form, where its visitors come from, and how good they are.

    `openness` is the mean chance (per mille) that a newcomer opens a mail, `fades_days` how long they stay interested
    on average, `buys` how likely they buy compared with others.
    """

    form: str
    referrer: str | None
    utm: tuple[str, str, str | None] | None
    openness: int
    fades_days: int
    buys: float
    mechanism: str = "landing_page"


SEARCH = Source("Home page", "https://www.google.com/", None, 500, 900, 1.0)
DIRECT = Source("Home page", None, None, 540, 1000, 1.2)
RECIPES = Source("Recipe pages", "https://www.google.com/", None, 440, 700, 0.8)
PINTEREST = Source("Recipe pages", "https://www.pinterest.com/", ("pinterest", "social", None), 380, 600, 0.6)
INSTAGRAM = Source("Home page", "https://www.instagram.com/", ("instagram", "social", "profile"), 460, 700, 0.9)
CHECKLIST_PAGE = Source(
    "Starter rescue checklist", "https://www.instagram.com/", ("instagram", "social", "checklist"), 580, 1000, 1.9
)
RECOMMENDED = Source("Creator Network", None, None, 330, 450, 0.5, "recommendations")
VIDEO = Source("Home page", "https://www.youtube.com/", ("youtube", "video", "no-knead"), 410, 500, 0.6)
CONTEST = Source("Stand mixer giveaway", "https://www.facebook.com/", ("facebook", "paid", "giveaway"), 210, 100, 0.12)
IMPORT = Source("", None, None, 600, 1400, 1.5, "import")


def weight(age: int, day: date) -> float:
    """How much of the growth falls on a day that is so many days after the first."""
    trend: float = 0.22 + min(age / DAYS, 1.0) ** 1.25
    weekend = 1.2 if day.weekday() >= 5 else 1.0
    base = trend * _SEASONS[day.month - 1] * weekend
    waiting = any(start - WAITLIST_DAYS <= age < start + 7 for start in LAUNCHES)
    return base * (1.5 if waiting else 1.0) + viral(age) + contest(age)


def viral(age: int) -> float:
    return VIRAL_SHAPE[age - VIRAL] if VIRAL <= age < VIRAL + len(VIRAL_SHAPE) else 0.0


def contest(age: int) -> float:
    return 3.2 if GIVEAWAY <= age < GIVEAWAY + GIVEAWAY_DAYS else 0.0


def draw_source(random: Random, age: int, day: date) -> Source:
    """Where somebody came from who signed up on this day."""
    whole = weight(age, day)
    if random.random() < viral(age) / whole:
        return VIDEO
    if random.random() < contest(age) / whole:
        return CONTEST
    found = (
        (SEARCH, 24),
        (DIRECT, 16),
        (RECIPES, 18),
        (PINTEREST, 9),
        (INSTAGRAM, 14),
        (CHECKLIST_PAGE, 22 if age >= CHECKLIST else 0),
        (RECOMMENDED, 12 if age >= NETWORK else 0),
    )
    return random.choices([source for source, _ in found], [share for _, share in found])[0]


def draw_count(random: Random, mean: float) -> int:
    """A number of arrivals (Poisson)."""
    if mean > 40:
        return max(0, round(random.gauss(mean, mean**0.5)))
    limit, number, product = exp(-mean), 0, random.random()
    while product > limit:
        number, product = number + 1, product * random.random()
    return number
