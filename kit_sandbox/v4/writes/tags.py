"""Create and rename tags; only a bulk call deletes them."""

from typing import Any

from ... import edits
from ...messages import Answer, Request, as_json
from ...world import World
from ...writes.params import text
from .. import shapes
from ..members import parent_of
from ..refusals import invalid
from ..view import View

BLANK = "Name can't be blank"


def create(view: View, request: Request) -> Answer:
    """Create a tag (201), or return the one that has this name in any case (200)."""
    tag_id, is_new = upsert(view.current, request.given.get("name"))
    return as_json(_shown(view.current, tag_id), 201 if is_new else 200)


def upsert(world: World, name: Any) -> tuple[int, bool]:
    """Return the id of the tag with a name, and whether it is new."""
    wanted = text(name).strip()
    if not wanted:
        raise invalid(BLANK)
    found = _with_name(world, wanted)
    return (edits.add_tag(world, wanted), True) if found is None else (found, False)


def rename(view: View, request: Request, tag_id: str) -> Answer:
    """Change the name; the id and the people stay."""
    world, tag, name = view.current, parent_of(view.current, "tag", tag_id), text(request.given.get("name")).strip()
    if not name:
        raise invalid(BLANK)
    if _with_name(world, name) not in (None, tag.id):
        raise invalid("Name has already been taken")
    edits.rename_tag(world, tag.id, name)
    return as_json(_shown(world, tag.id))


def _with_name(world: World, name: str) -> int | None:
    """Return the tag with this name, exactly so if there is one, else in any case."""
    same = [tag for tag in world.parents["tag"].values() if tag.name.lower() == name.lower()]
    same.sort(key=lambda tag: tag.name != name)
    return same[0].id if same else None


def _shown(world: World, tag_id: int) -> dict[str, Any]:
    return {"tag": shapes.named(world.parents["tag"][tag_id])}
