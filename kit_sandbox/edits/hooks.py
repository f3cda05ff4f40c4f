"""Edits of webhooks."""

from collections.abc import Mapping

from ..records import Hook, Json
from ..world import World
from .registry import edit


@edit
def add_hook(world: World, /, target_url: str, event: Mapping[str, Json]) -> int:
    """Add a rule, even where the same one exists; the event's name with its prefix, `subscriber.tag_add`."""
    hook_id = world.next_id("hook")
    world.hooks[hook_id] = Hook(hook_id, target_url, dict(event))
    return hook_id


@edit
def delete_hook(world: World, /, hook_id: int) -> None:
    del world.hooks[hook_id]
