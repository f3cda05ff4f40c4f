"""The account itself, and what it sums up."""

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from ..codec import milliseconds
from ..details import mailings
from ..messages import Answer, Request, as_json
from ..world import World
from . import shapes
from .people import ENGAGEMENT_DAYS
from .refusals import invalid, not_found
from .view import View

_COUNTED = ("recipients", "emails_opened", "total_clicks", "unsubscribes")


def account(view: View, request: Request) -> Answer:
    return as_json(shapes.account(view.current))


def colors(view: View, request: Request) -> Answer:
    return as_json({"colors": list(view.current.extras.colors)})


def creator_profile(view: View, request: Request) -> Answer:
    if view.current.extras.profile is None:
        raise not_found()
    return as_json({"profile": dict(view.current.extras.profile)})


def email_stats(view: View, request: Request) -> Answer:
    """The mails of the last 90 days together, rates in percent."""
    end_ms, start_ms = view.world.ms(), view.world.ms() - ENGAGEMENT_DAYS * mailings.DAY_MS
    sent, opened, clicked, left = _sums(view.world, start_ms)
    known = {
        "sent": sent,
        "clicked": clicked,
        "opened": opened,
        "email_stats_mode": "last_90",
        "open_tracking_enabled": True,
        "click_tracking_enabled": True,
        "starting": shapes.whole(start_ms),
        "ending": shapes.whole(end_ms),
        "open_rate": _percent(opened, sent),
        "click_rate": _percent(clicked, sent),
        "unsubscribe_rate": _percent(left, sent),
        "bounce_rate": 0.0,
    }
    return as_json({"stats": known})


def _sums(world: World, start_ms: int) -> list[int]:
    rows = [row for row in world.broadcasts.values() if (mailings.sent_ms(row) or 0) >= start_ms]
    stats = [mailings.stats(world, row) for row in rows]
    return [sum(each[name] for each in stats) for name in _COUNTED]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def growth_stats(view: View, request: Request) -> Answer:
    """Who came and went in a window of days of the sending zone; 90 days unless told otherwise.

    Both ends have the offset of today, whatever the season of either (so in Kit's own tests of its PHP SDK).
    """
    zone = _zone(view.world)
    starting, ending = _days(request, view.world.now().astimezone(zone).date())
    start = datetime.combine(starting, time.min, zone)
    end = datetime.combine(ending, time(23, 59, 59), zone)
    return as_json({"stats": {**_growth(view.world, start, end), "starting": _text(start), "ending": _text(end)}})


def _zone(world: World) -> tzinfo | None:
    return datetime.strptime(world.extras.zone.utc_offset, "%z").tzinfo


def _days(request: Request, today: date) -> tuple[date, date]:
    problems, found = [], {"starting": today - timedelta(days=ENGAGEMENT_DAYS), "ending": today}
    for name in found:
        try:
            found[name] = date.fromisoformat(request.params.get(name) or found[name].isoformat())
        except ValueError:
            problems.append(f"{name.capitalize()} date is incorrectly formatted. Use YYYY-MM-DD.")
    if not problems and found["starting"] > found["ending"]:
        problems.append("Starting date must be before the ending date.")
    if problems:
        raise invalid(*problems)
    return found["starting"], found["ending"]


def _growth(world: World, start: datetime, end: datetime) -> dict[str, Any]:
    first, last = milliseconds(start), milliseconds(end) + 999
    people = world.subscribers.values()
    came = sum(first <= row.created_ms <= last for row in people)
    left = sum(first <= (row.cancelled_ms or 0) <= last for row in people)
    there = sum(row.state == "active" and row.created_ms <= last for row in people)
    counts = {"cancellations": left, "net_new_subscribers": came - left, "new_subscribers": came}
    return {**counts, "subscribers": there}


def _text(moment: datetime) -> str:
    return moment.isoformat()
