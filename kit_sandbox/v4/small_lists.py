"""Custom fields, segments, templates, snippets, webhooks and purchases: lists without anything peculiar."""

from operator import attrgetter

from ..messages import Answer, Request, as_json
from ..routes import id_of
from . import asked, shapes
from .cursors import by_id
from .refusals import not_found
from .view import View, listed

_BY_ID = by_id(attrgetter("id"))


def custom_fields(view: View, request: Request) -> Answer:
    rows = view.world.custom_fields.values()
    return listed(view, request, "custom_fields", rows, _BY_ID, shapes.custom_field)


def segments(view: View, request: Request) -> Answer:
    return listed(view, request, "segments", view.world.extras.segments.values(), _BY_ID, shapes.segment)


def email_templates(view: View, request: Request) -> Answer:
    rows = view.world.extras.email_templates.values()
    return listed(view, request, "email_templates", rows, _BY_ID, shapes.email_template)


def snippets(view: View, request: Request) -> Answer:
    """Those in use, or with `archived=true` those that are not; of one type, if it is asked for."""
    with_content, is_archived = asked.is_on(request.params, "include_content"), asked.is_on(request.params, "archived")
    kind = asked.choice(request.params, "snippet_type", "all", ("all", "inline", "block"))
    is_every = view.world.behaviour.v4_snippets == "all" and "archived" not in request.params
    kept = [row for row in view.world.extras.snippets.values() if is_every or row.archived == is_archived]
    rows = [row for row in kept if kind in ("all", row.snippet_type)]
    return listed(view, request, "snippets", rows, _BY_ID, lambda row: shapes.snippet(row, with_content))


def snippet(view: View, request: Request, snippet_id: str) -> Answer:
    row = view.current.extras.snippets.get(id_of(snippet_id))
    if row is None:
        raise not_found()
    return as_json({"snippet": shapes.snippet(row)})


def webhooks(view: View, request: Request) -> Answer:
    return listed(view, request, "webhooks", view.world.hooks.values(), _BY_ID, shapes.hook)


def webhook_endpoints(view: View, request: Request) -> Answer:
    status = asked.choice(request.params, "status", "all", ("all", "active", "disabled"))
    rows = [row for row in view.world.extras.webhook_endpoints.values() if status in ("all", row.status)]
    return listed(view, request, "webhook_endpoints", rows, _BY_ID, shapes.webhook_endpoint)


def webhook_endpoint(view: View, request: Request, endpoint_id: str) -> Answer:
    row = view.current.extras.webhook_endpoints.get(id_of(endpoint_id))
    if row is None:
        raise not_found()
    return as_json({"webhook_endpoint": shapes.webhook_endpoint(row)})


def purchases(view: View, request: Request) -> Answer:
    rows = view.world.purchases.values()
    return listed(view, request, "purchases", rows, _BY_ID, lambda row: shapes.purchase(view.world, row))


def purchase(view: View, request: Request, purchase_id: str) -> Answer:
    row = view.current.purchases.get(id_of(purchase_id))
    if row is None:
        raise not_found()
    return as_json({"purchase": shapes.purchase(view.current, row)})
