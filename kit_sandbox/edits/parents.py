"""Edits of forms, sequences and tags."""

from collections.abc import Mapping
from datetime import datetime

from ..records import Json, Kind, Parent, Roster
from ..world import World
from .registry import edit


def _add(world: World, kind: Kind, name: str, details: Mapping[str, Json], created_at: datetime | None) -> int:
    parent_id = world.next_id(kind)
    world.parents[kind][parent_id] = Parent(parent_id, kind, name, world.ms(created_at), details)
    world.rosters[kind, parent_id] = Roster()
    return parent_id


def _delete(world: World, kind: Kind, parent_id: int) -> None:
    del world.parents[kind][parent_id]
    del world.rosters[kind, parent_id]


@edit
def add_tag(world: World, /, name: str, created_at: datetime | None = None) -> int:
    return _add(world, "tag", name, {}, created_at)


@edit
def rename_tag(world: World, /, tag_id: int, name: str) -> None:
    world.parents["tag"][tag_id] = world.parents["tag"][tag_id]._replace(name=name)


@edit
def delete_tag(world: World, /, tag_id: int) -> None:
    _delete(world, "tag", tag_id)


@edit
def add_form(world: World, /, name: str, created_at: datetime | None = None, **details: Json) -> int:
    """Add a form as created today; further keys in `details` replace or extend the usual ones."""
    uid = f"{world.next_id('uid', 7919):010x}"
    usual = {
        "type": "embed",
        "format": None,
        "embed_js": f"https://acme.ck.page/{uid}/index.js",
        "embed_url": f"https://acme.ck.page/{uid}",
        "archived": False,
        "uid": uid,
    }
    return _add(world, "form", name, {**usual, **details}, created_at)


@edit
def rename_form(world: World, /, form_id: int, name: str) -> None:
    world.parents["form"][form_id] = world.parents["form"][form_id]._replace(name=name)


@edit
def archive_form(world: World, /, form_id: int, archived: bool = True) -> None:
    """Archive a form, which stays in the list, with a flag."""
    form = world.parents["form"][form_id]
    world.parents["form"][form_id] = form._replace(details={**form.details, "archived": archived})


@edit
def delete_form(world: World, /, form_id: int) -> None:
    _delete(world, "form", form_id)


@edit
def add_sequence(world: World, /, name: str, created_at: datetime | None = None, **details: Json) -> int:
    return _add(world, "sequence", name, {"hold": False, "repeat": False, **details}, created_at)


@edit
def rename_sequence(world: World, /, sequence_id: int, name: str) -> None:
    world.parents["sequence"][sequence_id] = world.parents["sequence"][sequence_id]._replace(name=name)
    world.extras.sequence_updated_ms[sequence_id] = world.ms()


@edit
def delete_sequence(world: World, /, sequence_id: int) -> None:
    _delete(world, "sequence", sequence_id)
