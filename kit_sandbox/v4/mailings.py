"""Broadcasts with their stats and links, and posts."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

from ..details import mailings as details
from ..lists import has_stats
from ..messages import Answer, Request, as_json
from ..records import Broadcast
from ..routes import id_of
from ..world import World
from . import asked, cursors, shapes
from .cursors import by_id
from .refusals import Refusal, not_found
from .view import View, listed, pagination

STATUSES = ("draft", "scheduled", "sending", "completed", "aborted")
_BY_ID = by_id(attrgetter("id"))
_NO_PRO = "Developer account must be on pro plan or have been approved to use the bulk stats endpoint."


def broadcasts(view: View, request: Request) -> Answer:
    slim = asked.is_on(request.params, "slim")
    rows = _selected(view.world, request)
    return listed(view, request, "broadcasts", rows, _BY_ID, lambda row: shapes.broadcast(view.world, row, slim))


def _selected(world: World, request: Request) -> Iterable[Broadcast]:
    status = asked.choice(request.params, "status", "all", ("all", *STATUSES))
    sent = asked.window(request.params, "sent_after", "sent_before", world.behaviour)
    rows = [row for row in world.broadcasts.values() if status in ("all", row.status)]
    if sent == asked.Window():
        return rows
    return [row for row in rows if (at := details.sent_ms(row)) is not None and at in sent]


def broadcast(view: View, request: Request, broadcast_id: str) -> Answer:
    return as_json({"broadcast": shapes.broadcast(view.current, broadcast_of(view.current, broadcast_id))})


def broadcast_of(world: World, broadcast_id: str) -> Broadcast:
    row = world.broadcasts.get(id_of(broadcast_id))
    if row is None:
        raise not_found()
    return row


def all_stats(view: View, request: Request) -> Answer:
    """The stats of all mails but those too old; 403 where the account may not have the list."""
    refused = view.world.behaviour.v4_bulk_stats
    if refused != "allowed":
        return as_json({"errors": _NO_PRO} if refused == "refused" else {}, 403)
    rows = [row for row in _selected(view.world, request) if is_told(view.world, row)]

    def shape(row: Broadcast) -> dict[str, Any]:
        head = {"id": row.id, "subject": row.subject, "send_at": shapes.cut_text(row.details.get("send_at"))}
        return {**head, "stats": details.stats(view.world, row)}

    return listed(view, request, "broadcasts", rows, _BY_ID, shape)


def is_told(world: World, row: Broadcast) -> bool:
    """Whether the API has stats of a mail, and still gives them."""
    return has_stats(world, row) and details.is_retained(world, row)


def stats(view: View, request: Request, broadcast_id: str) -> Answer:
    row = _with_stats(view.current, broadcast_id)
    return as_json({"broadcast": {"id": row.id, "stats": details.stats(view.current, row)}})


def _with_stats(world: World, broadcast_id: str) -> Broadcast:
    """A mail whose stats are told: 404 where it has none, 400 where they are too old."""
    row = broadcast_of(world, broadcast_id)
    if not has_stats(world, row):
        raise not_found()
    if not details.is_retained(world, row):
        raise Refusal(400, "Stats are only available for the last 5 years")
    return row


def clicks(view: View, request: Request, broadcast_id: str) -> Answer:
    """The links of a mail; one cursor stands for all that a page shows."""
    row, params = _with_stats(view.current, broadcast_id), request.params
    shown = view.world.broadcasts.get(row.id, row)
    order, cut = by_id(lambda link: int(link["id"]), is_ascending=True), asked.cut(params, view.world.behaviour)
    found = cursors.page(cursors.listing(shapes.links(view.world, shown), order), cut)
    place = {**pagination(found, cut, params), "start_cursor": found.end_cursor}
    return as_json({"broadcast": {"id": row.id, "clicks": found.rows}, "pagination": place})


def posts(view: View, request: Request) -> Answer:
    with_content = asked.is_on(request.params, "include_content")
    rows = details.posts(view.world)
    return listed(view, request, "posts", rows, _BY_ID, lambda row: shapes.post(view.world, row, with_content))


def post(view: View, request: Request, post_id: str) -> Answer:
    for row in details.posts(view.current):
        if row.id == id_of(post_id):
            return as_json({"post": shapes.post(view.current, row)})
    raise not_found()
