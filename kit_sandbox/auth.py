"""Access control: the key suffices for what a web page does, the secret for everything."""

from .messages import Answer, Request, error
from .world import World

_ABSENT = error(401, "Authorization Failed", "API Key not present")
_WRONG = error(401, "Authorization Failed", "API Key not valid")
_INSUFFICIENT = error(401, "Authorization Failed", "You do not have sufficient permissions to access this resource")


def refusal(world: World, request: Request, needs_secret: bool) -> Answer | None:
    """Return the refusal of an unauthorized request; None if it is allowed."""
    key, secret = request.params.get("api_key"), request.params.get("api_secret")
    if not key and not secret:
        return _ABSENT
    if secret:
        return None if secret == world.api_secret else _WRONG
    if key not in (world.api_key, world.api_secret):
        return _WRONG
    return _INSUFFICIENT if needs_secret and key != world.api_secret else None


def has_secret(world: World, request: Request) -> bool:
    """Return True if the request may see all of a person; with the key alone it sees only the id."""
    return world.api_secret in (request.params.get("api_key"), request.params.get("api_secret"))
