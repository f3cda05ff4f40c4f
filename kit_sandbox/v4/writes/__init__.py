"""Every write of API v4 as routes; each handler takes the view, the request and the path's ids."""

from ..routes import Route, route
from . import broadcasts, bulk_items, content, custom_fields, members, people, purchases, sequences, tags, webhooks

__all__ = ["WRITES"]

_LISTS = r"/(tags|forms|sequences)/([^/]+)/subscribers"
_EMAIL = r"/sequences/([^/]+)/emails/([^/]+)"
_ENDPOINT = r"/webhook_endpoints/([^/]+)"

BULK: tuple[Route, ...] = (
    route("POST", r"/bulk/subscribers", bulk_items.CREATE_PEOPLE.answer, is_oauth_only=True),
    route("POST", r"/bulk/tags", bulk_items.CREATE_TAGS.answer, is_oauth_only=True),
    route("DELETE", r"/bulk/tags", bulk_items.DELETE_TAGS.answer, is_oauth_only=True),
    route("POST", r"/bulk/tags/subscribers", bulk_items.TAG.answer, is_oauth_only=True),
    route("DELETE", r"/bulk/tags/subscribers", bulk_items.UNTAG.answer, is_oauth_only=True),
    route("POST", r"/bulk/forms/subscribers", bulk_items.ADD_TO_FORMS.answer, is_oauth_only=True),
    route("POST", r"/bulk/custom_fields", bulk_items.CREATE_FIELDS.answer, is_oauth_only=True),
    route("POST", r"/bulk/custom_fields/subscribers", bulk_items.SET_VALUES.answer, is_oauth_only=True),
)
WRITES: tuple[Route, ...] = (
    route("POST", r"/subscribers", people.create),
    route("PUT", r"/subscribers/([^/]+)", people.update),
    route("POST", r"/subscribers/([^/]+)/unsubscribe", people.unsubscribe),
    route("POST", r"/subscribers/([^/]+)/location", people.pin),
    route("PATCH", r"/subscribers/([^/]+)/location", people.repin),
    route("DELETE", r"/subscribers/([^/]+)/location", people.unpin),
    route("POST", r"/tags", tags.create),
    route("PUT", r"/tags/([^/]+)", tags.rename),
    route("POST", _LISTS, members.add),
    route("POST", rf"{_LISTS}/([^/]+)", members.add),
    route("DELETE", r"/tags/([^/]+)/subscribers", members.remove),
    route("DELETE", r"/tags/([^/]+)/subscribers/([^/]+)", members.remove),
    route("POST", r"/custom_fields", custom_fields.create),
    route("PUT", r"/custom_fields/([^/]+)", custom_fields.rename),
    route("DELETE", r"/custom_fields/([^/]+)", custom_fields.delete),
    route("POST", r"/broadcasts", broadcasts.create),
    route("PUT", r"/broadcasts/([^/]+)", broadcasts.update),
    route("DELETE", r"/broadcasts/([^/]+)", broadcasts.delete),
    route("POST", r"/purchases", purchases.create, is_oauth_only=True),
    route("POST", r"/sequences", sequences.create),
    route("PUT", r"/sequences/([^/]+)", sequences.update),
    route("DELETE", r"/sequences/([^/]+)", sequences.delete),
    route("POST", r"/sequences/([^/]+)/emails", sequences.create_email),
    route("PUT", _EMAIL, sequences.update_email),
    route("DELETE", _EMAIL, sequences.delete_email),
    route("POST", r"/snippets", content.create_snippet),
    route("PUT", r"/snippets/([^/]+)", content.update_snippet),
    route("PUT", r"/account/colors", content.set_colors),
    route("POST", r"/webhooks", webhooks.create_hook),
    route("DELETE", r"/webhooks/([^/]+)", webhooks.delete_hook),
    route("POST", r"/webhook_endpoints", webhooks.create_endpoint),
    route("PATCH", _ENDPOINT, webhooks.update_endpoint),
    route("DELETE", _ENDPOINT, webhooks.delete_endpoint),
    route("POST", rf"{_ENDPOINT}/rotate_secret", webhooks.rotate_secret),
    route("POST", rf"{_ENDPOINT}/revoke_previous_secret", webhooks.revoke_previous_secret),
    *BULK,
)
