"""POST /subscribers/filter: the read that is asked for in a JSON body, cursors too."""

import json
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from ..details import engagement
from ..details.engagement import Mailings
from ..messages import Answer, Request, as_json
from ..params import flat
from ..records import Subscriber
from ..world import World
from . import asked, cursors, people, shapes
from .asked import Window
from .conditions import test_of
from .cursors import Order, by_id, by_second
from .refusals import Refusal, invalid
from .view import View, minute, pagination

_INCLUDES = ("tags", "attribution", "location", "canceled_at", "custom_fields", "stats")
_SORTS = ("id", "created_at", *people.ENGAGEMENT)


def subscribers_filter(view: View, request: Request) -> Answer:
    """The people who meet every condition; without any, everybody. What makes no sense breaks the server."""
    try:
        return _answer(view, request)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refusal(500) from None


def _answer(view: View, request: Request) -> Answer:
    body: Mapping[str, Any] = request.body if isinstance(request.body, dict) else {}
    params = flat(body)
    asked.choice(params, "counting_mode", "raw", ("raw", "unique_email"))
    include = _includes(view.world, body)
    key = ("filter", json.dumps([body.get("all"), params.get("sort_field"), params.get("sort_order")]))
    version = _version(view.world)
    shown = view.keep(key, version, lambda: cursors.listing(_selected(view.world, body), _order(view.world, params)))
    cut = asked.cut(params, view.world.behaviour)
    found = cursors.page(shown, cut)
    place = pagination(found, cut, params)
    if cut.before is not None:  # seen so in life: backwards, the two have changed places
        place.update(has_previous_page=found.has_next, has_next_page=found.has_previous)
    shape = _shape(view, include)
    return as_json({"subscribers": [shape(row) for row in found.rows], "pagination": place})


def _version(world: World) -> tuple[object, ...]:
    """What changes with whatever a condition looks at; opens come with time, here by the minute."""
    rosters = sum(roster.version for roster in world.rosters.values())
    by_hand = (len(world.extras.opens), len(world.extras.clicks))
    return (*sorted(world.versions.items()), rosters, by_hand, minute(world))


def _order(world: World, params: Mapping[str, str]) -> Order:
    sort = asked.choice(params, "sort_field", "created_at", _SORTS)
    is_ascending = asked.choice(params, "sort_order", "desc", ("asc", "desc")) == "asc"
    if sort == "id":
        return by_id(attrgetter("id"), is_ascending=is_ascending)
    if sort == "created_at":
        return by_second(attrgetter("created_ms"), is_ascending=is_ascending)
    return people.order_of(world, sort, is_ascending)


def _selected(world: World, body: Mapping[str, Any]) -> list[Subscriber]:
    conditions = body.get("all") or []
    if not isinstance(conditions, list) or not all(isinstance(each, dict) for each in conditions):
        raise Refusal(500)
    if not any(each.get("type") == "subscriber_state" for each in conditions):
        conditions = [{"type": "subscriber_state", "states": world.behaviour.v4_filter_states}, *conditions]
    tests = [test_of(world, each) for each in conditions]
    return [person for person in world.subscribers.values() if all(test(person) for test in tests)]


def _includes(world: World, body: Mapping[str, Any]) -> Mapping[str, Window]:
    """What shall be told besides, each with its range: for stats the last 90 days unless it has one."""
    found: dict[str, Window] = {}
    for each in body.get("include") or []:
        kind, given = str(each.get("type")), each.get("range") or {}
        if kind not in _INCLUDES:
            raise invalid(f"Include is not supported: {kind}")
        window = asked.window(given, "start", "end", world.behaviour)
        usual = Window(people.days_ago(world, people.ENGAGEMENT_DAYS))
        found[kind] = people.retained(world, window) if window != Window() else usual
    return found


def _shape(view: View, include: Mapping[str, Window]) -> Callable[[Subscriber], dict[str, Any]]:
    """How this request wants its people; what all of them need is worked out once."""
    window, tagged = include.get("stats", Window()), people.taggings(view)
    sent = engagement.mailings(view.world, window.start_ms, window.end_ms)

    def shape(person: Subscriber) -> dict[str, Any]:
        tags = people.tags_of(view.world, tagged, person.id)
        return _person(view.world, person, tags, include, sent)

    return shape


def _person(
    world: World, person: Subscriber, tags: list[dict[str, Any]], include: Mapping[str, Window], sent: Mailings
) -> dict[str, Any]:
    """A person without a state, the tags twice; `sent` is what counts for the stats."""
    shown: dict[str, Any] = {
        "id": person.id if world.behaviour.v4_filter_ids == "integer" else str(person.id),
        "first_name": person.first_name,
        "email_address": person.email_address,
        "created_at": shapes.created_at(person),
        "tag_names": [each["name"] for each in tags],
        "tag_ids": [str(each["id"]) for each in tags],
    }
    shown.update(shapes.details(world, person, frozenset(include)))
    if "canceled_at" in include and world.behaviour.v4_filter_canceled_at == "latest":
        shown["canceled_at"] = _changed_at(person)
    if "tags" in include:
        shown["tags"] = tags
    if "stats" in include:
        shown["stats"] = shapes.engagement(sent, person)
    return {**shown, "fields": shapes.fields(world, person)} if "custom_fields" in include else shown


def _changed_at(person: Subscriber) -> str | None:
    """The latest change of state, as far as the account knows it."""
    changed_ms = person.cancelled_ms if person.state == "cancelled" else person.updated_ms
    return None if person.state == "active" else shapes.whole(changed_ms)
