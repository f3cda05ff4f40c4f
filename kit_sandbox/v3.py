"""API v3 over a world: its routes, and the bodies of reads (the writes have their own folder).

Pages are joined from JSON texts that are cached for each person until the person changes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from . import serializers
from .auth import refusal
from .codec import encode, timestamp
from .lists import Lists, Order, has_stats
from .messages import MALFORMED, NOT_FOUND, Answer, Request, as_json, error
from .records import Subscriber, Subscription
from .routes import KIND_OF, UNKNOWN_PARENT, Route, id_of
from .world import World
from .writes import WRITES

PAGE_ROWS = 50

Row = TypeVar("Row")

_BAD_SORT = error(422, "Invalid parameter", "sort_order must be asc or desc")


class V3:
    """Answers requests from a world; hold the world's lock while calling."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lists = Lists(world)
        self.texts: dict[int, tuple[Subscriber, int, bytes]] = {}

    def answer(self, request: Request) -> Answer:
        """Return the API's response at this moment, after applying accepted writes that are due."""
        self.world.settle()
        if request.is_malformed:
            return MALFORMED
        for route in ROUTES:
            match = route.method == request.method and route.pattern.fullmatch(request.path)
            if match:
                refused = refusal(self.world, request, route.needs_secret)
                return refused or route.handle(self._side(request), request, *match.groups())
        return NOT_FOUND

    def _side(self, request: Request) -> "V3":
        """Return the world to use: writes go to the account itself; reads may see a lagging one."""
        if request.is_write:
            self.world.remember()
            return self
        seen = self.world.seen()
        return self if seen is self.world else V3(seen)

    # -- account and unpaged lists

    def account(self, request: Request) -> Answer:
        return as_json(serializers.account(self.world.account))

    def custom_fields(self, request: Request) -> Answer:
        rows = [serializers.custom_field(row) for row in self.lists.custom_fields()]
        return self._unpaged(request, "custom_fields", rows)

    def forms(self, request: Request) -> Answer:
        return self._unpaged(request, "forms", [serializers.parent(row) for row in self.lists.parents("form")])

    def sequences(self, request: Request) -> Answer:
        """Served under the old name `courses`, whichever name was requested."""
        rows = [serializers.parent(row) for row in self.lists.parents("sequence")]
        return self._unpaged(request, "courses", rows)

    def tags(self, request: Request) -> Answer:
        return self._unpaged(request, "tags", [serializers.parent(row) for row in self.lists.parents("tag")])

    def _unpaged(self, request: Request, name: str, rows: list[dict[str, Any]]) -> Answer:
        is_empty = self.world.behaviour.unpaged_page == "empty" and request.page > 1
        return as_json({name: [] if is_empty else rows})

    def hooks(self, request: Request) -> Answer:
        """A bare array, each rule in a wrapper of its own."""
        return as_json([serializers.hook_row(row) for row in self.world.hooks.values()])

    # -- people

    def subscribers(self, request: Request) -> Answer:
        """A wrong sort_order is silently ignored here."""
        sort_field = request.params.get("sort_field", "cancelled_at")
        if sort_field != "cancelled_at" and self.world.behaviour.other_sort_field == "rejected":
            return error(422, "Invalid parameter", "sort_field is not supported")
        rows = self.lists.subscribers(request.params, _order(request) or "asc")
        return self._page(request, "subscribers", rows, self._person)

    def subscriber(self, request: Request, subscriber_id: str) -> Answer:
        """Finds people in every state."""
        person = self.world.subscribers.get(id_of(subscriber_id))
        return NOT_FOUND if person is None else Answer(200, b'{"subscriber":%b}' % self._person(person))

    def subscriber_tags(self, request: Request, subscriber_id: str) -> Answer:
        person_id = id_of(subscriber_id)
        if person_id not in self.world.subscribers:
            return NOT_FOUND
        rosters = ((tag, self.world.rosters["tag", tag.id].members) for tag in self.lists.parents("tag"))
        rows = [serializers.person_tag(tag, members[person_id]) for tag, members in rosters if person_id in members]
        return as_json({"tags": rows})

    def _person(self, person: Subscriber) -> bytes:
        version = self.world.versions["fields"]
        kept = self.texts.get(person.id)
        if kept is not None and kept[0] is person and kept[1] == version:
            return kept[2]
        text = encode(serializers.subscriber(person, self.lists.custom_fields()))
        self.texts[person.id] = (person, version, text)
        return text

    # -- memberships

    def subscriptions(self, request: Request, plural: str, parent_id: str) -> Answer:
        """Here a wrong sort_order is an error."""
        kind, order = KIND_OF[plural], _order(request)
        if id_of(parent_id) not in self.world.parents[kind]:
            return UNKNOWN_PARENT[kind]
        if order is None:
            return _BAD_SORT
        state = request.params.get("subscriber_state")
        rows = self.lists.subscriptions(kind, id_of(parent_id), state, order)
        return self._page(request, "subscriptions", rows, self._subscription)

    def _subscription(self, row: Subscription) -> bytes:
        head = (
            f'{{"id":{row.id},"state":"{row.state}",'
            f'"created_at":"{row.created_text or timestamp(row.created_ms)}",'
            f'"source":{_optional(row.source)},"referrer":{_optional(row.referrer)},'
            f'"subscribable_id":{row.parent_id},"subscribable_type":"{serializers.SUBSCRIBABLE[row.kind]}",'
            '"subscriber":'
        )
        return head.encode() + self._person(self.world.subscribers[row.subscriber_id]) + b"}"

    # -- broadcasts

    def broadcasts(self, request: Request) -> Answer:
        """Pages of 50 without any totals."""
        rows = self.lists.broadcasts(_order(request) or "asc")
        page = self._page_number(request, "broadcasts")
        shown = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        return as_json({"broadcasts": [serializers.broadcast_row(row) for row in shown]})

    def broadcast(self, request: Request, broadcast_id: str) -> Answer:
        row = self.world.broadcasts.get(id_of(broadcast_id))
        return NOT_FOUND if row is None else as_json({"broadcast": serializers.broadcast(row)})

    def stats(self, request: Request, broadcast_id: str) -> Answer:
        row = self.world.broadcasts.get(id_of(broadcast_id))
        if row is None or not has_stats(self.world, row):
            return NOT_FOUND
        stats = serializers.stats(row)
        return as_json({"broadcast": [stats] if self.world.behaviour.stats_shape == "array" else stats})

    # -- purchases

    def purchases(self, request: Request) -> Answer:
        rows = self.lists.purchases()
        return self._page(request, "purchases", rows, lambda row: encode(serializers.purchase(row)))

    def purchase(self, request: Request, purchase_id: str) -> Answer:
        """Bare, without a wrapper."""
        row = self.world.purchases.get(id_of(purchase_id))
        return NOT_FOUND if row is None else as_json(serializers.purchase(row))

    # -- paging

    def _page_number(self, request: Request, name: str) -> int:
        return 1 if name in self.world.behaviour.page_ignored_on else request.page

    def _page(self, request: Request, name: str, rows: Sequence[Row], text: Callable[[Row], bytes]) -> Answer:
        """Return one page with totals; past the end it is empty, with the requested page number."""
        page = self._page_number(request, name)
        pages = -(-len(rows) // PAGE_ROWS) or self.world.behaviour.total_pages_when_empty
        shown = rows[(page - 1) * PAGE_ROWS : page * PAGE_ROWS]
        head = f'{{"total_{name}":{len(rows)},"page":{page},"total_pages":{pages},"{name}":['
        return Answer(200, head.encode() + b",".join([text(row) for row in shown]) + b"]}")


def _order(request: Request) -> Order | None:
    """Return the requested order; None if it is neither of the two."""
    match request.params.get("sort_order", "asc"):
        case "asc":
            return "asc"
        case "desc":
            return "desc"
    return None


def _optional(text: str | None) -> str:
    return "null" if text is None else encode(text).decode()


def _get(path: str, handle: Callable[..., Answer], needs_secret: bool = True) -> Route:
    return Route("GET", re.compile(path), handle, needs_secret)


ROUTES: tuple[Route, ...] = (
    _get(r"/(forms|sequences|courses|tags)/([^/]+)/subscriptions", V3.subscriptions),
    _get(r"/subscribers", V3.subscribers),
    _get(r"/subscribers/([^/]+)", V3.subscriber),
    _get(r"/subscribers/([^/]+)/tags", V3.subscriber_tags, needs_secret=False),
    _get(r"/broadcasts", V3.broadcasts),
    _get(r"/broadcasts/([^/]+)", V3.broadcast),
    _get(r"/broadcasts/([^/]+)/stats", V3.stats),
    _get(r"/purchases", V3.purchases),
    _get(r"/purchases/([^/]+)", V3.purchase),
    _get(r"/account", V3.account),
    _get(r"/forms", V3.forms, needs_secret=False),
    _get(r"/(?:sequences|courses)", V3.sequences, needs_secret=False),
    _get(r"/tags", V3.tags, needs_secret=False),
    _get(r"/custom_fields", V3.custom_fields, needs_secret=False),
    _get(r"/automations/hooks", V3.hooks),
    *WRITES,
)
