"""What a request may look at: the account as lists show it, the account itself, and what was worked out from it."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..messages import Answer, Request, as_json
from ..world import World
from . import asked, cursors
from .cursors import Listing, Order, Page

Row = TypeVar("Row")
_KEPT = 128


@dataclass
class View:
    """`world` lags where lists lag, `current` is the account at this moment. Handlers look at one or the other."""

    world: World
    current: World
    _kept: dict[Hashable, tuple[Hashable, Any]] = field(default_factory=dict)

    def keep(self, key: Hashable, version: Hashable, build: Callable[[], Row]) -> Row:
        """What `build` gives, made again only when the version of what it is made of changed."""
        version = (version, self.world.behaviour)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == version:
            made: Row = kept[1]
            return made
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        built = build()
        self._kept[key] = (version, built)
        return built


def minute(world: World) -> int:
    """The time as far as it matters for what is kept."""
    return world.ms() // 60_000


def listed(
    view: View, request: Request, name: str, rows: Iterable[Row], order: Order, shape: Callable[[Row], Any]
) -> Answer:
    """One page of a list that is sorted now."""
    return paged(view, request, name, cursors.listing(rows, order), shape)


def paged(view: View, request: Request, name: str, shown: Listing[Row], shape: Callable[[Row], Any]) -> Answer:
    """One page of a sorted list, under its name, with its cursors."""
    cut = asked.cut(request.params, view.world.behaviour)
    found = cursors.page(shown, cut)
    return as_json({name: [shape(row) for row in found.rows], "pagination": pagination(found, cut, request.params)})


def pagination(found: Page[Row], cut: cursors.Cut, params: Mapping[str, str]) -> dict[str, Any]:
    """What a page tells of its place in the list; the total only where it is asked for."""
    return {
        "has_previous_page": found.has_previous,
        "has_next_page": found.has_next,
        "start_cursor": found.start_cursor,
        "end_cursor": found.end_cursor,
        "per_page": cut.per_page,
        **({"total_count": found.total} if asked.is_on(params, "include_total_count") else {}),
    }
