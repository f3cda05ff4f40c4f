"""Where people came from, and where they live."""

from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from ..extras import Person
from ..records import Json
from ..world import World
from .draws import random_of

UTM = ("source", "medium", "campaign", "term", "content")
_NOBODY = Person()
_KEPT = 200_000
_SOURCES = (
    ("form_subscription", "Footer sign-up", "landing_page", 5_000_001),
    ("form_subscription", "Quiz result", "recommendations", 5_000_006),
    ("api_subscription", "Acme shop", "api", None),
    ("manual", None, "import", None),
)
_REFERRERS = (
    None,
    "https://www.example.com/",
    "https://blog.example.org/post?utm_source=newsletter&utm_medium=email&utm_campaign=spring",
    "https://social.example.net/?utm_source=social&utm_medium=cpc&utm_campaign=b%C3%BCcher&utm_term=a&utm_content=b",
)
_PLACES = (
    ("Umeå", "Västerbotten", "Sweden", 63.8258, 20.263, "Europe/Stockholm"),
    ("Salvador", "Bahia", "Brazil", -12.9714, -38.5014, "America/Bahia"),
    ("Ōsaka", None, "Japan", 34.6937, 135.5023, "Asia/Tokyo"),
    ("Null Island", None, None, 0.0, 0, None),
    (None, None, "Canada", None, None, "America/Toronto"),
)
_PLACE_KEYS = ("city", "state", "country", "latitude", "longitude", "timezone")


def attribution(world: World, subscriber_id: int) -> Mapping[str, Json] | None:
    """The first contact with a person: ten values, any of which may be null, or null for all of it."""
    set_by_hand = world.extras.people.get(subscriber_id, _NOBODY)
    if set_by_hand.has_attribution:
        return set_by_hand.attribution
    return _drawn_attribution(world.extras.seed, subscriber_id)


@lru_cache(_KEPT)
def _drawn_attribution(seed: int, subscriber_id: int) -> Mapping[str, Json] | None:
    random = random_of(seed, "attribution", subscriber_id)
    if random.random() < 0.15:
        return None
    referrer, source = random.choice(_REFERRERS), random.choice(_SOURCES)
    named = zip(("source_type", "source_name", "source_mechanism", "source_mechanism_id"), source, strict=True)
    return {"referrer": referrer, **{f"utm_{key}": value for key, value in utm(referrer).items()}, **dict(named)}


def location(world: World, subscriber_id: int) -> Mapping[str, Json] | None:
    """Six values, or null; of some people all six are null."""
    set_by_hand = world.extras.people.get(subscriber_id, _NOBODY)
    if set_by_hand.has_location:
        return set_by_hand.location
    return _drawn_location(world.extras.seed, subscriber_id)


@lru_cache(_KEPT)
def _drawn_location(seed: int, subscriber_id: int) -> Mapping[str, Json] | None:
    random = random_of(seed, "location", subscriber_id)
    known = random.random()
    if known < 0.3:
        return None
    place = random.choice(_PLACES) if known > 0.4 else (None,) * 6
    return dict(zip(_PLACE_KEYS, place, strict=True))


def utm(referrer: str | None) -> dict[str, str | None]:
    """The five campaign parameters of an address, without their prefix."""
    found = dict(parse_qsl(urlsplit(referrer or "").query))
    return {name: found.get(f"utm_{name}") for name in UTM}
