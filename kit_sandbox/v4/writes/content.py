"""Create and change snippets, and replace the colors of the account."""

import re
from collections.abc import Mapping
from typing import Any

from ... import edits
from ...messages import Answer, Request, as_json
from ...routes import id_of
from ...world import World
from ...writes.params import mapping, rows, text
from .. import shapes
from ..refusals import invalid, not_found
from ..view import View

COLORS_LIMIT = 10
_COLOR = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_TYPES = ("inline", "block")


def set_colors(view: View, request: Request) -> Answer:
    """Replace all colors."""
    colors = [text(each) for each in rows(request.given.get("colors"))]
    problems = [f"Colors {each} is not a valid hex color code." for each in colors if not _COLOR.fullmatch(each)]
    if len(colors) > COLORS_LIMIT:
        problems.append(f"Colors must not be more than {COLORS_LIMIT}")
    if problems:
        raise invalid(*problems)
    edits.set_colors(view.current, colors)
    return as_json({"colors": colors})


def create_snippet(view: View, request: Request) -> Answer:
    """Create a snippet of a type that it keeps."""
    world, given = view.current, request.given
    name, kind = text(given.get("name")).strip(), text(given.get("snippet_type"))
    if not name:
        raise invalid("Name can't be blank")
    if kind not in _TYPES:
        raise invalid("Snippet type is not included in the list")
    snippet_id = edits.add_snippet(world, name, _content(given) or "", kind)
    return _shown(world, snippet_id, 201)


def update_snippet(view: View, request: Request, snippet_id: str) -> Answer:
    """Change name, content or whether it is archived."""
    world, given = view.current, request.given
    row = world.extras.snippets.get(id_of(snippet_id))
    if row is None:
        raise not_found()
    if text(given.get("snippet_type")) not in ("", row.snippet_type):
        raise invalid("Snippet type cannot be changed")
    changes: dict[str, Any] = {"content": _content(given), "name": text(given.get("name")).strip() or None}
    if "archived" in given:
        changes["archived"] = text(given["archived"]) in ("true", "1")
    edits.edit_snippet(world, row.id, **{key: value for key, value in changes.items() if value is not None})
    return _shown(world, row.id, 200)


def _content(given: Mapping[str, Any]) -> str | None:
    """Return the text of an inline snippet, or the HTML of a block."""
    found = given.get("content", mapping(given.get("document_attributes")).get("value_html"))
    return None if found is None else text(found)


def _shown(world: World, snippet_id: int, status: int) -> Answer:
    return as_json({"snippet": shapes.snippet(world.extras.snippets[snippet_id])}, status)
