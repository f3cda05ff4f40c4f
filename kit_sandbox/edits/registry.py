"""Register functions as edits of the world."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ..past import keep
from ..world import World

P = ParamSpec("P")
R = TypeVar("R")

EDITS: dict[str, Callable[..., Any]] = {}
"""Every edit by its name, for those who ask over HTTP."""


def edit(
    function: Callable[Concatenate[World, P], R],
) -> Callable[Concatenate[World, P], R]:
    """Run the function under the world's lock, and register it by name."""

    @wraps(function)
    def locked(world: World, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with world.lock:
            keep(world)
            return function(world, *args, **kwargs)

    EDITS[function.__name__] = locked
    return locked
