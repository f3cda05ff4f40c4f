"""Ordinary names, and the places where readers live."""

from random import Random
from typing import NamedTuple

from ...records import Json

DOMAINS = ("example.com", "example.com", "example.org", "example.net", "mail.example.com", "inbox.example.org")
FIRST_NAMES = {
    "en": (  # noqa: SIM905 (a list would be sixty lines)
        "Emma Olivia Sarah Jessica Emily Hannah Rachel Laura Megan Kate Alice Grace Helen Susan Karen Linda Claire "
        "Amy Julia Rebecca Lucy Nicole Diane Joan Beth James David Michael Daniel Tom Ben Matthew Andrew Mark Paul "
        "Peter Chris Sam Jack Will Robert Steven Kevin Brian Eric Adam Simon Luke Oliver George Priya Mei Maria Carlos"
    ).split(),
    "de": (  # noqa: SIM905
        "Anna Julia Katharina Sabine Claudia Lena Sophie Johanna Birgit Martina Petra Lukas Jonas Felix Stefan "
        "Thomas Andreas Martin Michael Tobias Jan Florian Markus"
    ).split(),
    "fr": (  # noqa: SIM905
        "Camille Marie Sophie Claire Isabelle Nathalie Manon Juliette Anne Pierre Julien Nicolas Antoine Luc Thomas "
        "Philippe Guillaume"
    ).split(),
    "no": (  # noqa: SIM905
        "Ingrid Astrid Karin Anna Maja Freja Sofie Linnea Erik Lars Anders Johan Nils Magnus Oskar Mikkel"
    ).split(),
    "nl": "Sanne Lotte Fleur Anouk Marieke Eva Daan Bram Jeroen Sven Maarten Pieter".split(),  # noqa: SIM905
}
LAST_NAMES = {
    "en": (  # noqa: SIM905
        "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Thomas Moore Martin Jackson Thompson "
        "White Harris Clark Lewis Walker Hall Young Allen King Wright Hill Scott Green Baker Adams Nelson Carter "
        "Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards Collins Stewart Morris Murphy Cook Rogers "
        "Cooper Reed Bailey Bell Howard Ward Cox Gray Watson Brooks Kelly Price Bennett Wood Ross Hughes Patel Chen "
        "Garcia Nguyen Lopez Kim"
    ).split(),
    "de": (  # noqa: SIM905
        "Mueller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf "
        "Neumann Schwarz Braun Hofmann Lange Werner Krause"
    ).split(),
    "fr": (  # noqa: SIM905
        "Bernard Dubois Moreau Laurent Simon Michel Lefebvre Leroy Roux Fournier Girard Bonnet Lambert Fontaine "
        "Rousseau Blanc Guerin Morel"
    ).split(),
    "no": (  # noqa: SIM905
        "Hansen Johansen Olsen Larsen Andersen Nilsen Berg Lund Johansson Karlsson Nilsson Eriksson Lindberg Holm "
        "Jensen Nielsen Dahl"
    ).split(),
    "nl": "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer".split(),  # noqa: SIM905
}
BAKERIES = (
    "Corner Street Bakery",
    "Millstone Bread Co.",
    "The Daily Crust",
    "Harbour Cafe",
    "Oak & Rye",
    "Northside Coffee",
    "Field Kitchen",
    "Bluebird Bakehouse",
)


class Place(NamedTuple):
    """A city with the language of its names and the currency in which its people pay."""

    weight: int
    language: str
    currency: str
    city: str
    state: str | None
    country: str
    latitude: float
    longitude: float
    timezone: str


PLACES = (
    Place(9, "en", "USD", "New York", "New York", "United States", 40.7128, -74.006, "America/New_York"),
    Place(6, "en", "USD", "Chicago", "Illinois", "United States", 41.8781, -87.6298, "America/Chicago"),
    Place(5, "en", "USD", "Portland", "Oregon", "United States", 45.5152, -122.6784, "America/Los_Angeles"),
    Place(5, "en", "USD", "Seattle", "Washington", "United States", 47.6062, -122.3321, "America/Los_Angeles"),
    Place(4, "en", "USD", "Austin", "Texas", "United States", 30.2672, -97.7431, "America/Chicago"),
    Place(4, "en", "USD", "Denver", "Colorado", "United States", 39.7392, -104.9903, "America/Denver"),
    Place(4, "en", "USD", "Minneapolis", "Minnesota", "United States", 44.9778, -93.265, "America/Chicago"),
    Place(4, "en", "USD", "Boston", "Massachusetts", "United States", 42.3601, -71.0589, "America/New_York"),
    Place(5, "en", "USD", "Toronto", "Ontario", "Canada", 43.6532, -79.3832, "America/Toronto"),
    Place(3, "en", "USD", "Vancouver", "British Columbia", "Canada", 49.2827, -123.1207, "America/Vancouver"),
    Place(3, "en", "USD", "Melbourne", "Victoria", "Australia", -37.8136, 144.9631, "Australia/Melbourne"),
    Place(2, "en", "USD", "Auckland", None, "New Zealand", -36.8509, 174.7645, "Pacific/Auckland"),
    Place(8, "en", "GBP", "London", "England", "United Kingdom", 51.5074, -0.1278, "Europe/London"),
    Place(4, "en", "GBP", "Manchester", "England", "United Kingdom", 53.4808, -2.2426, "Europe/London"),
    Place(3, "en", "GBP", "Edinburgh", "Scotland", "United Kingdom", 55.9533, -3.1883, "Europe/London"),
    Place(3, "en", "EUR", "Dublin", "Leinster", "Ireland", 53.3498, -6.2603, "Europe/Dublin"),
    Place(5, "de", "EUR", "Berlin", None, "Germany", 52.52, 13.405, "Europe/Berlin"),
    Place(3, "de", "EUR", "Hamburg", None, "Germany", 53.5511, 9.9937, "Europe/Berlin"),
    Place(2, "de", "EUR", "Vienna", None, "Austria", 48.2082, 16.3738, "Europe/Vienna"),
    Place(3, "fr", "EUR", "Paris", "Ile-de-France", "France", 48.8566, 2.3522, "Europe/Paris"),
    Place(2, "fr", "EUR", "Lyon", "Auvergne-Rhone-Alpes", "France", 45.764, 4.8357, "Europe/Paris"),
    Place(3, "nl", "EUR", "Amsterdam", "North Holland", "Netherlands", 52.3676, 4.9041, "Europe/Amsterdam"),
    Place(2, "no", "EUR", "Copenhagen", None, "Denmark", 55.6761, 12.5683, "Europe/Copenhagen"),
    Place(2, "no", "EUR", "Stockholm", None, "Sweden", 59.3293, 18.0686, "Europe/Stockholm"),
)
_WEIGHTS = tuple(place.weight for place in PLACES)


def draw_place(random: Random) -> Place:
    return random.choices(PLACES, _WEIGHTS)[0]


def location_of(place: Place) -> dict[str, Json]:
    """The six values that API v4 shows."""
    return {
        "city": place.city,
        "state": place.state,
        "country": place.country,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "timezone": place.timezone,
    }


def draw_name(random: Random, language: str) -> tuple[str, str]:
    return random.choice(FIRST_NAMES[language]), random.choice(LAST_NAMES[language])


def draw_address(random: Random, first: str, last: str) -> str:
    """An address as people choose them; another draw may give another one."""
    year = random.randrange(60, 100)
    name = random.choice(
        (
            f"{first}.{last}",
            f"{first}.{last}",
            f"{first}{last}",
            f"{first[0]}.{last}",
            f"{first}.{last}{year}",
            f"{first}{year}",
        )
    )
    return f"{name}@{random.choice(DOMAINS)}".lower()
