"""The routes of API v4."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ..messages import Answer


@dataclass(frozen=True)
class Route:
    """One endpoint; the pattern's groups are the handler's further arguments, after the view and the request."""

    method: str
    pattern: re.Pattern[str]
    handle: Callable[..., Answer]
    is_oauth_only: bool = False


def route(method: str, path: str, handle: Callable[..., Answer], is_oauth_only: bool = False) -> Route:
    """Return a route for paths that match a regular expression as a whole, after `/v4`."""
    return Route(method, re.compile(path), handle, is_oauth_only)
