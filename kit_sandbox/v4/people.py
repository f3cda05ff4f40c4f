"""People: the list, one of them, their tags and their engagement."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from ..details import engagement
from ..messages import Answer, Request, as_json
from ..records import Subscriber, Subscription
from ..routes import id_of
from ..world import World
from ..writes.params import is_email
from . import asked, shapes
from .asked import Window
from .cursors import Order, by_id, by_pair, by_second, listing
from .refusals import Refusal, invalid, not_found
from .view import View, listed, minute, paged

INCLUDES = ("attribution", "tags", "location", "canceled_at")
ENGAGEMENT_DAYS = 90
ENGAGEMENT = {
    "engagement__sent": "sent",
    "engagement__opens": "opened",
    "engagement__clicks": "clicked",
    "engagement__open_rate": "open_rate",
    "engagement__click_rate": "click_rate",
}
Taggings = Mapping[int, list[Subscription]]
_TIMES: Mapping[str, Callable[[Subscriber], Any]] = {
    "created_at": attrgetter("created_ms"),
    "updated_at": attrgetter("updated_ms"),
    "cancelled_at": lambda person: person.cancelled_ms or 0,
}
_SORTS = ("id", *_TIMES, "canceled_at", *ENGAGEMENT)
_ASKED = ("status", "email_address", "created_after", "created_before", "updated_after", "updated_before")


def subscribers(view: View, request: Request) -> Answer:
    """Active people unless told otherwise, the newest id first."""
    include, sort = asked.includes(request, INCLUDES), _sort_field(request)
    is_cancelled = request.params.get("status") == "cancelled"
    if sort == "cancelled_at" and not is_cancelled:
        raise invalid("The status param must be `cancelled` if sort_field is `cancelled_at`")
    if "canceled_at" in include and not is_cancelled:
        raise invalid("The status param must be `cancelled` if include contains `canceled_at`")
    is_ascending = asked.choice(request.params, "sort_order", "desc", ("asc", "desc")) == "asc"
    order = order_of(view.world, sort, is_ascending)
    key = ("people", sort, is_ascending, *(request.params.get(name) for name in _ASKED))
    version = (view.world.versions["people"], minute(view.world) if sort in ENGAGEMENT else 0)
    shown = view.keep(key, version, lambda: listing(_selected(view.world, request), order))
    slim, tagged = asked.is_on(request.params, "slim"), taggings(view) if "tags" in include else None

    def shape(row: Subscriber) -> dict[str, Any]:
        person = shapes.subscriber(view.world, row, include, slim)
        return person if tagged is None else {**person, "tags": tags_of(view.world, tagged, row.id)}

    return paged(view, request, "subscribers", shown, shape)


def _sort_field(request: Request) -> str:
    sort = asked.choice(request.params, "sort_field", "id", _SORTS)
    if sort in ENGAGEMENT and "email_address" in request.params:
        raise invalid("Engagement sort fields cannot be combined with email_address")
    return "cancelled_at" if sort == "canceled_at" else sort


def order_of(world: World, sort: str, is_ascending: bool) -> Order:
    """The order for a sort_field; a time has no more than its second."""
    if sort in _TIMES:
        return by_second(_TIMES[sort], is_ascending=is_ascending)
    if sort not in ENGAGEMENT:
        return by_id(attrgetter("id"), is_ascending=is_ascending)
    name, rows = ENGAGEMENT[sort], engagement.mailings(world, days_ago(world, ENGAGEMENT_DAYS), None)

    def key(person: Subscriber) -> tuple[float, int]:
        return engagement.figures(rows.to(person))[name], person.id

    return by_pair(key, is_ascending=is_ascending)


def days_ago(world: World, days: float) -> int:
    """The beginning of the day so many days ago, UTC."""
    day_ms = 86_400_000
    return int(world.ms() - days * day_ms) // day_ms * day_ms


def _selected(world: World, request: Request) -> list[Subscriber]:
    params, wanted = request.params, asked.states(request.params)
    created = asked.window(params, "created_after", "created_before", world.behaviour)
    updated = asked.window(params, "updated_after", "updated_before", world.behaviour)
    rows = _named(world, params.get("email_address"))
    return [row for row in rows if row.state in wanted and row.created_ms in created and row.updated_ms in updated]


def _named(world: World, addresses: str | None) -> Iterable[Subscriber]:
    """Everybody, or those with one of these addresses (with commas between them); 422 for what is no address."""
    if addresses is None:
        return world.subscribers.values()
    given = [each.strip() for each in addresses.split(",") if each.strip()]
    if not all(is_email(each) for each in given):
        raise invalid("Email address is invalid")
    ids = {world.by_email.get(each.lower(), -1) for each in given}
    return [world.subscribers[each] for each in ids if each in world.subscribers]


def subscriber(view: View, request: Request, subscriber_id: str) -> Answer:
    """Finds people in every state, and where they live."""
    person = person_of(view.current, subscriber_id)
    return as_json({"subscriber": shapes.subscriber(view.current, person, frozenset({"location"}))})


def person_of(world: World, subscriber_id: str) -> Subscriber:
    """The person with this id, as the account is; 404 for nobody."""
    found = world.subscribers.get(id_of(subscriber_id))
    if found is None:
        raise not_found()
    return found


# -- tags


def taggings(view: View) -> Taggings:
    """Everybody's taggings, the latest id first."""
    rosters = [(key, roster) for key, roster in view.world.rosters.items() if key[0] == "tag"]

    def build() -> Taggings:
        found: dict[int, list[Subscription]] = {}
        for _, roster in rosters:
            for person_id, row in roster.members.items():
                found.setdefault(person_id, []).append(row)
        return {key: sorted(rows, key=attrgetter("id"), reverse=True) for key, rows in found.items()}

    return view.keep("taggings", tuple((key[1], roster.version) for key, roster in rosters), build)


def tags_of(world: World, tagged: Taggings, subscriber_id: int) -> list[dict[str, Any]]:
    """The tags of a person, as id and name."""
    names = world.parents["tag"]
    return [{"id": row.parent_id, "name": names[row.parent_id].name} for row in tagged.get(subscriber_id, [])]


def subscriber_tags(view: View, request: Request, subscriber_id: str) -> Answer:
    """A person's tags, the latest tagging first."""
    person, is_current = person_of(view.current, subscriber_id), view.world.behaviour.v4_person_tags == "current"
    world = view.current if is_current else view.world
    tags, rosters = world.parents["tag"], (world.rosters["tag", tag_id] for tag_id in world.parents["tag"])
    rows = [roster.members[person.id] for roster in rosters if person.id in roster.members]
    order = by_id(attrgetter("id"))
    return listed(view, request, "tags", rows, order, lambda row: shapes.person_tag(tags[row.parent_id], row))


# -- engagement


def subscriber_stats(view: View, request: Request, subscriber_id: str) -> Answer:
    """One person's figures, over five years or whatever the behaviour says."""
    person = person_of(view.current, subscriber_id)
    sent = asked.window(request.params, "email_sent_after", "email_sent_before", view.world.behaviour)
    if sent == Window() and view.world.behaviour.v4_person_stats_days:
        sent = Window(days_ago(view.world, view.world.behaviour.v4_person_stats_days))
    rows = engagement.mailings(view.world, sent.start_ms, sent.end_ms)
    return as_json({"subscriber": {"id": person.id, "stats": shapes.engagement(rows, person)}})


def retained(world: World, sent: Window) -> Window:
    """The window, if there are stats for all of it; 400 if it begins too long ago."""
    oldest = engagement.oldest_ms(world)
    if oldest is not None and sent.start_ms is not None and sent.start_ms < oldest:
        raise Refusal(400, "Stats are only available for the last 5 years")
    return sent
