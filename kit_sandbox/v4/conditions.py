"""The conditions of POST /subscribers/filter, each as a function of the person."""

from collections.abc import Callable, Iterable, Mapping
from math import asin, cos, radians, sin, sqrt
from operator import ge, gt, le, lt
from typing import Any

from ..details import engagement, mailings, people
from ..details.draws import mixed
from ..details.engagement import Sent
from ..records import STATES, Subscriber
from ..world import World
from . import asked
from .refusals import Refusal, invalid

Test = Callable[[Subscriber], bool]
Condition = Mapping[str, Any]

_COUNTS = {
    "count_greater_than": gt,
    "count_greater_than_or_equal": ge,
    "count_less_than": lt,
    "count_less_than_or_equal": le,
}
_MATCHING: Mapping[str, Callable[[str, str], bool]] = {
    "exact": lambda url, text: url == text,
    "contains": lambda url, text: text in url,
    "starts_with": lambda url, text: url.startswith(text),
    "ends_with": lambda url, text: url.endswith(text),
}
_HAPPENED: Mapping[str, Callable[[Sent], bool]] = {
    "sent": lambda each: True,
    "delivered": lambda each: not each.is_bounced,
    "opens": lambda each: each.opened_ms is not None,
    "clicks": lambda each: each.clicked_ms is not None,
}
_EARTH_MILES = 3958.8


def test_of(world: World, condition: Condition) -> Test:
    """Whom a condition lets pass; an unknown type breaks the server, as it does in life."""
    kind = condition.get("type")
    if kind in _HAPPENED:
        return _happened(world, str(kind), condition)
    made = _TESTS.get(str(kind))
    if made is None:
        raise Refusal(500)
    return made(world, condition)


def _happened(world: World, kind: str, condition: Condition) -> Test:
    """How often a person was sent, opened or clicked, at the least once unless a count is named."""
    window = asked.window(condition, "after", "before", world.behaviour)
    rows = engagement.mailings(world, window.start_ms, window.end_ms).only(_broadcast_ids(condition))
    counts = [(_COUNTS[name], int(condition[name])) for name in _COUNTS if name in condition] or [(gt, 0)]
    follows, has_happened = _follows(world, kind, condition), _HAPPENED[kind]

    def test(person: Subscriber) -> bool:
        count = sum(has_happened(each) and follows(person, each) for each in rows.to(person))
        return all(holds(count, number) for holds, number in counts)

    return test


def _broadcast_ids(condition: Condition) -> frozenset[int] | None:
    """The mails that count; None: all of them."""
    any_of = [each for each in condition.get("any") or [] if each.get("type") == "broadcasts"]
    return frozenset(int(each) for part in any_of for each in part.get("ids", [])) if any_of else None


def _follows(world: World, kind: str, condition: Condition) -> Callable[[Subscriber, Sent], bool]:
    """Whether a click was on one of the links asked for; who clicks a mail clicks one link of it."""
    wanted = [each for each in condition.get("any") or [] if each.get("type") == "urls"]
    if kind != "clicks" or not wanted:
        return lambda person, sent: True

    def follows(person: Subscriber, sent: Sent) -> bool:
        row = world.broadcasts.get(sent.mail_id)
        links = mailings.links(world, row) if row else []
        link = links[mixed(sent.mail_id, person.id) % len(links)] if links else None
        return link is not None and any(_is_link(each, link) for each in wanted)

    return follows


def _is_link(wanted: Condition, link: mailings.Link) -> bool:
    matches = _MATCHING[wanted.get("matching") or "exact"]
    return link.id in wanted.get("ids", []) or any(matches(link.url, text) for text in wanted.get("urls", []))


def _subscribed(world: World, condition: Condition) -> Test:
    window = asked.window(condition, "after", "before", world.behaviour)
    return lambda person: person.created_ms in window


def _state(world: World, condition: Condition) -> Test:
    states = frozenset(condition.get("states") or ())
    if not states <= frozenset(STATES):
        raise invalid("States is not included in the list")
    return lambda person: person.state in states


def _tags(world: World, condition: Condition) -> Test:
    ids = _numbers(each for part in condition.get("any") or [] for each in part.get("matching", []))
    rosters = [world.rosters["tag", each].members for each in ids if ("tag", each) in world.rosters]
    return lambda person: any(person.id in members for members in rosters)


def _attribution(world: World, condition: Condition) -> Test:
    parts = condition.get("any") or []
    forms = _numbers(each for part in parts if part.get("type") == "forms" for each in part.get("ids", []))
    rosters = [world.rosters["form", each].members for each in forms if ("form", each) in world.rosters]
    sources = [part for part in parts if part.get("type") == "kit_source"]

    def test(person: Subscriber) -> bool:
        known = people.attribution(world, person.id) or {}
        return any(person.id in members for members in rosters) or any(_came(known, each) for each in sources)

    return test


def _came(known: Mapping[str, Any], source: Condition) -> bool:
    """Whether somebody came by a source; what it does not name may be anything."""
    names = {"source_type": [source.get("source_type")], "source_name": source.get("source_names")}
    names["source_mechanism"] = [source.get("mechanism")]
    given = {name: values for name, values in names.items() if values and values != [None]}
    return bool(known) and all(known[name] in values for name, values in given.items())


def _custom_field(world: World, condition: Condition) -> Test:
    field_id, value = int(condition.get("subscriber_custom_field_id", 0)), str(condition.get("value", ""))
    holds = _COMPARISONS.get(str(condition.get("comparison")))
    if holds is None:
        raise Refusal(500)
    return lambda person: holds(str(person.values.get(field_id) or ""), value)


_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "is": lambda have, value: have == value,
    "contains": lambda have, value: value in have,
    "has_value": lambda have, value: have != "",
    "greater_than": lambda have, value: have > value,
    "less_than": lambda have, value: have < value,
}


def _location(world: World, condition: Condition) -> Test:
    here = (float(condition["latitude"]), float(condition["longitude"]))

    def test(person: Subscriber) -> bool:
        place = people.location(world, person.id) or {}
        if place.get("latitude") is None or place.get("longitude") is None:
            return False
        return _miles(here, (place["latitude"], place["longitude"])) <= float(condition.get("radius", 0))

    return test


def _miles(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The way between two places along the globe."""
    (lat, long), (lat2, long2) = map(radians, one), map(radians, other)
    half = sin((lat2 - lat) / 2) ** 2 + cos(lat) * cos(lat2) * sin((long2 - long) / 2) ** 2
    return 2 * _EARTH_MILES * asin(sqrt(half))


def _numbers(values: Iterable[Any]) -> list[int]:
    return [int(each) for each in values if str(each).isdecimal()]


_TESTS: Mapping[str, Callable[[World, Condition], Test]] = {
    "subscribed": _subscribed,
    "subscriber_state": _state,
    "tags": _tags,
    "attribution": _attribution,
    "custom_field": _custom_field,
    "location": _location,
}
