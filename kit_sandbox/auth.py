"""Who may ask what: the key for what a web page does, the secret for everything."""

from .messages import Answer, Request, error
from .world import World

_ABSENT = error(401, "Authorization Failed", "API Key not present")
_WRONG = error(401, "Authorization Failed", "API Key not valid")
_INSUFFICIENT = error(401, "Authorization Failed", "You do not have sufficient permissions to access this resource")


def refusal(world: World, request: Request, needs_secret: bool) -> Answer | None:
    """Why this request is not admitted; None if it is."""
    key, secret = request.params.get("api_key"), request.params.get("api_secret")
    if not key and not secret:
        return _ABSENT
    if secret:
        return None if secret == world.api_secret else _WRONG
    if key not in (world.api_key, world.api_secret):
        return _WRONG
    return _INSUFFICIENT if needs_secret and key != world.api_secret else None


def has_secret(world: World, request: Request) -> bool:
    """Whether the request may see a person whole; with the key alone it sees the id only."""
    return world.api_secret in (request.params.get("api_key"), request.params.get("api_secret"))
