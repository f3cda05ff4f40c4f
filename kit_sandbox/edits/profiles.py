"""Edits of what v4 alone tells of people, mails and forms."""

from collections.abc import Mapping

from ..extras import Person
from ..records import Json
from ..world import World
from .registry import edit


@edit
def set_attribution(world: World, /, subscriber_id: int, attribution: Mapping[str, Json] | None) -> None:
    """Where a person came from; None: the API knows nothing of it."""
    _put(world, subscriber_id, attribution=attribution, has_attribution=True)


@edit
def set_location(world: World, /, subscriber_id: int, location: Mapping[str, Json] | None) -> None:
    """Where a person lives: city, state, country, latitude, longitude, timezone; None: nobody knows."""
    _put(world, subscriber_id, location=location, has_location=True)


@edit
def open_broadcast(world: World, /, subscriber_id: int, broadcast_id: int) -> None:
    """A person who got this mail opens it."""
    world.extras.opens.add((world.subscribers[subscriber_id].id, world.broadcasts[broadcast_id].id))


@edit
def click_broadcast(world: World, /, subscriber_id: int, broadcast_id: int) -> None:
    """A person who got this mail opens it and follows a link."""
    open_broadcast(world, subscriber_id, broadcast_id)
    world.extras.clicks.add((subscriber_id, broadcast_id))


@edit
def set_broadcast_details(world: World, /, broadcast_id: int, **details: Json) -> None:
    """Sets preview_text or subscriber_filter, of which v3 knows nothing."""
    known = world.extras.broadcasts.get(world.broadcasts[broadcast_id].id, {})
    world.extras.broadcasts[broadcast_id] = {**known, **details}


@edit
def trash_form(world: World, /, form_id: int) -> None:
    """Puts a form into the bin, where v4 alone still lists it; its memberships are gone."""
    world.extras.trashed_forms[form_id] = world.parents["form"].pop(form_id)
    del world.rosters["form", form_id]


def _put(world: World, subscriber_id: int, **changes: Json) -> None:
    world.put_subscriber(world.subscribers[subscriber_id])
    known = world.extras.people.get(subscriber_id, Person())
    world.extras.people[subscriber_id] = known._replace(**changes)
