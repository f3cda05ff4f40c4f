"""What v4 tells of broadcasts beyond their records: when they went out, to whom, with which links; and their posts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ..codec import milliseconds
from ..extras import EmailTemplate
from ..records import Broadcast, Json
from ..world import World
from .draws import mixed, random_of

EVERYBODY: Sequence[Json] = ({"all": [{"type": "all_subscribers"}]},)
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
_SENT = ("completed", "sending", "aborted")
_RATE_KEYS = ("open_rate", "click_rate")
POST_OFFSET = 9_000_000


class Link(NamedTuple):
    """An address inside a mail, and how many people followed it."""

    id: int
    url: str
    unique_clicks: int


def sent_ms(row: Broadcast) -> int | None:
    """When a mail went out; None for one that did not."""
    return moment_ms(row.details.get("send_at")) if row.status in _SENT else None


def moment_ms(text: Any) -> int | None:
    """The moment that a text of the API means; None for what is no time."""
    try:
        return milliseconds(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return None


def is_retained(world: World, row: Broadcast) -> bool:
    """Whether the API still has the stats of a mail."""
    years, at = world.behaviour.v4_stats_years, sent_ms(row)
    return years <= 0 or at is None or at >= world.ms() - years * YEAR_MS


def publication_id(row: Broadcast) -> int:
    """The number of a mail among the posts; no id of the mail."""
    return int((row.extra or {}).get("publication_id", row.id + 1_000_000))


def set_details(world: World, row: Broadcast) -> Mapping[str, Json]:
    """What v3 does not tell: preview_text, subscriber_filter and whatever else an edit set."""
    random = random_of(world.extras.seed, "broadcast", row.id)
    segments = sorted(world.extras.segments)
    targets = [{"all": [{"type": "segment", "ids": segments[:1]}], "any": [], "none": []}]
    is_targeted = random.random() < 0.2 and bool(segments)
    drawn = {
        "preview_text": "What this is about" if random.random() < 0.4 else None,
        "subscriber_filter": targets if is_targeted else list(EVERYBODY),
    }
    given = {key: value for key, value in (row.extra or {}).items() if key in drawn}
    return {**drawn, **given, **world.extras.broadcasts.get(row.id, {})}


def template_of(world: World, row: Broadcast) -> EmailTemplate | None:
    """The layout that v3 names; None where it names none, id 0 for a name that no template has (any more)."""
    name = row.details.get("email_layout_template")
    if name is None:
        return None
    found = (each for each in world.extras.email_templates.values() if each.name == name)
    return next(found, EmailTemplate(0, str(name)))


def stats(world: World, row: Broadcast) -> dict[str, Json]:
    """The figures of v3, with those that only v4 has; rates in percent."""
    given = {"recipients": 0, **dict.fromkeys(_RATE_KEYS, 0), "unsubscribes": 0, "total_clicks": 0, **(row.stats or {})}
    recipients = given["recipients"] or 0
    opened = given.get("emails_opened", round(recipients * float(given["open_rate"] or 0) / 100))
    left = given.get("unsubscribe_rate", 100 * given["unsubscribes"] / recipients if recipients else 0)
    return {
        "recipients": recipients,
        "open_rate": given["open_rate"],
        "emails_opened": opened,
        "click_rate": given["click_rate"],
        "unsubscribe_rate": left,
        "unsubscribes": given["unsubscribes"],
        "total_clicks": given["total_clicks"],
        "show_total_clicks": given.get("show_total_clicks", False),
        "status": row.status,
        "progress": given.get("progress", 0.0),
        "open_tracking_disabled": given.get("open_tracking_disabled", False),
        "click_tracking_disabled": given.get("click_tracking_disabled", False),
    }


def links(world: World, row: Broadcast) -> list[Link]:
    """The links of a mail that is out; their clicks stand still while its total_clicks does."""
    if sent_ms(row) is None:
        return []
    if row.id in world.extras.links:
        return _given_links(world.extras.links[row.id], row)
    count = mixed(row.id, world.extras.seed) % 5
    total = int((row.stats or {}).get("total_clicks", 0) or 0)
    return [
        Link(row.id * 8 + place, f"https://www.example.com/read/{row.id}/{place}?utm_source=kit", total // (place + 2))
        for place in range(count)
    ]


def _given_links(urls: Sequence[str], row: Broadcast) -> list[Link]:
    """The links that an account gives to a mail: the first is followed most, each next one half as often."""
    given = row.stats or {}
    clickers = round(given.get("recipients", 0) * float(given.get("click_rate", 0)) / 100)
    return [Link(row.id * 8 + place, url, clickers * 7 // (10 << place)) for place, url in enumerate(urls)]


class Post(NamedTuple):
    """A mail on the creator's site."""

    id: int
    broadcast: Broadcast
    status: str


def posts(world: World) -> Iterator[Post]:
    """A post for every public mail."""
    states = {"draft": "draft", "scheduled": "scheduled"}
    for row in world.broadcasts.values():
        if row.details.get("public"):
            yield Post(row.id - POST_OFFSET, row, states.get(row.status, "published"))
