"""Edits of the account itself."""

from ..world import World
from .registry import edit


@edit
def change_account_email(world: World, /, primary_email_address: str) -> None:
    world.account = world.account._replace(primary_email_address=primary_email_address)


@edit
def change_account_name(world: World, /, name: str) -> None:
    world.account = world.account._replace(name=name)
