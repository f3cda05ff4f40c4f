"""Who may ask v4 what: a key for most, OAuth for everything. The credentials of v3 are worth nothing here."""

import re

from ..messages import Request
from ..world import World
from .oauth import INVALID, OAuth
from .refusals import Refusal

KEY_HEADER, BEARER_HEADER = "x-kit-api-key", "authorization"


def key_of(request: Request) -> str | None:
    return request.headers.get(KEY_HEADER)


def bearer_of(request: Request) -> str | None:
    """The OAuth token of a request; None if it has none."""
    found = re.fullmatch(r"Bearer\s+(\S+)\s*", request.headers.get(BEARER_HEADER, ""), re.IGNORECASE)
    return found[1] if found else None


def admit(world: World, oauth: OAuth, request: Request, is_oauth_only: bool) -> None:
    """Raises the refusal of a request that may not be answered; a token counts before a key."""
    token = bearer_of(request)
    if token is not None:
        problem = oauth.problem_of(token)
        if problem is not None:
            raise Refusal(401, problem)
    elif key_of(request) != world.v4_key:
        raise Refusal(401, INVALID)
    elif is_oauth_only:
        raise Refusal(world.behaviour.v4_key_on_oauth, INVALID)
