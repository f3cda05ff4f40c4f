"""Edits of the account itself."""

from collections.abc import Iterable

from ..extras import Zone
from ..world import World
from .registry import edit


@edit
def change_account_email(world: World, /, primary_email_address: str) -> None:
    world.account = world.account._replace(primary_email_address=primary_email_address)


@edit
def change_account_name(world: World, /, name: str) -> None:
    world.account = world.account._replace(name=name)


@edit
def set_colors(world: World, /, colors: Iterable[str]) -> None:
    """Replace the colors of the account, which v4 alone shows."""
    world.extras.colors = tuple(colors)


@edit
def set_time_zone(world: World, /, name: str, friendly_name: str, utc_offset: str) -> None:
    """Move the account to a zone, whose offset today is like `-05:00`; v3 tells nothing of it."""
    world.extras.zone = Zone(name, friendly_name, utc_offset)
