"""Every write of API v3 as routes; each handler takes the world, the request and the path's ids."""

import re
from collections.abc import Callable

from ..messages import Answer
from ..routes import Route
from . import broadcasts, custom_fields, hooks, people, purchases, tags

__all__ = ["WRITES"]


def _write(method: str, path: str, handle: Callable[..., Answer], needs_secret: bool = True) -> Route:
    return Route(method, re.compile(path), lambda api, request, *ids: handle(api.world, request, *ids), needs_secret)


WRITES: tuple[Route, ...] = (
    _write("POST", r"/(forms|sequences|courses|tags)/([^/]+)/subscribe", people.subscribe, needs_secret=False),
    _write("PUT", r"/subscribers/([^/]+)", people.update),
    _write("PUT", r"/unsubscribe", people.unsubscribe),
    _write("POST", r"/tags", tags.create, needs_secret=False),
    _write("DELETE", r"/subscribers/([^/]+)/tags/([^/]+)", tags.remove),
    _write("POST", r"/tags/([^/]+)/unsubscribe", tags.remove_by_email),
    _write("POST", r"/custom_fields", custom_fields.create),
    _write("PUT", r"/custom_fields/([^/]+)", custom_fields.rename),
    _write("DELETE", r"/custom_fields/([^/]+)", custom_fields.delete),
    _write("POST", r"/broadcasts", broadcasts.create),
    _write("PUT", r"/broadcasts/([^/]+)", broadcasts.update),
    _write("DELETE", r"/broadcasts/([^/]+)", broadcasts.delete),
    _write("POST", r"/purchases", purchases.create),
    _write("POST", r"/automations/hooks", hooks.create),
    _write("DELETE", r"/automations/hooks/([^/]+)", hooks.delete),
)
