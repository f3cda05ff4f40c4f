"""What a right mirror of v4 shows, table by table, as plain values with the mirror's own names of columns.

Times are texts in whole seconds, as v4 writes them. Where a value is JSON it is a list or a dictionary.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .details import engagement, mailings, people, sequences
from .lists import is_shown
from .records import STATES, Kind, Subscriber, Subscription
from .v4 import shapes
from .v4.mailings import is_told
from .v4.people import ENGAGEMENT_DAYS, days_ago
from .world import World

Row = Mapping[str, Any]
MembershipKey = tuple[str, int, int]
_ATTRIBUTION = ("referrer", *(f"utm_{name}" for name in people.UTM))
_SOURCE = ("source_type", "source_name", "source_mechanism", "source_mechanism_id")
_LOCATION = ("city", "state", "country", "latitude", "longitude", "timezone")


@dataclass(frozen=True)
class ExpectedV4:
    """Every row of the account by key, current whatever the lag.

    `subscriptions` is keyed (subscribable_type, subscribable_id, subscriber_id), `broadcast_links` (broadcast_id, id).
    `broadcast_stats` and `broadcast_links` lack mails whose stats the API no longer gives: what a mirror has of them
    from before stays. `subscriber_stats` has every active person, over the last 90 days from the beginning of a day.
    """

    account: Row
    custom_fields: Mapping[int, Row]
    forms: Mapping[int, Row]
    sequences: Mapping[int, Row]
    sequence_emails: Mapping[int, Row]
    sequence_email_stats: Mapping[int, Row]
    tags: Mapping[int, Row]
    subscribers: Mapping[int, Row]
    subscriber_stats: Mapping[int, Row]
    subscriptions: Mapping[MembershipKey, Row]
    broadcasts: Mapping[int, Row]
    broadcast_stats: Mapping[int, Row]
    broadcast_links: Mapping[tuple[int, int], Row]
    segments: Mapping[int, Row]
    email_templates: Mapping[int, Row]
    posts: Mapping[int, Row]
    snippets: Mapping[int, Row]
    webhooks: Mapping[int, Row]
    purchases: Mapping[int, Row]


def expected_v4(world: World) -> ExpectedV4:
    """What a right mirror shows at this moment, after the changes that are due."""
    with world.lock:
        world.settle()
        return _expected(world)


def _expected(world: World) -> ExpectedV4:
    extras, told = world.extras, [row for row in world.broadcasts.values() if is_told(world, row)]
    emails = [row for each in world.parents["sequence"] for row in sequences.emails(world, each)]
    return ExpectedV4(
        account=_account(world),
        custom_fields=_by_id(shapes.custom_field(row) for row in world.custom_fields.values()),
        forms=_by_id(shapes.form(row) for row in world.parents["form"].values()),
        sequences=_by_id(shapes.sequence(world, row) for row in world.parents["sequence"].values()),
        sequence_emails=_by_id(shapes.sequence_email(row, with_content=True) for row in emails),
        sequence_email_stats={row.id: _email_stats(world, row) for row in emails},
        tags=_by_id(shapes.named(row) for row in world.parents["tag"].values()),
        subscribers={row.id: _person(world, row) for row in world.subscribers.values()},
        subscriber_stats=_engagement(world),
        subscriptions=_memberships(world),
        broadcasts=_by_id(_broadcast(world, row) for row in world.broadcasts.values()),
        broadcast_stats={row.id: {"broadcast_id": row.id, **mailings.stats(world, row)} for row in told},
        broadcast_links={
            (row.id, link["id"]): {"broadcast_id": row.id, **link} for row in told for link in shapes.links(world, row)
        },
        segments=_by_id(shapes.segment(row) for row in extras.segments.values()),
        email_templates=_by_id(shapes.email_template(row) for row in extras.email_templates.values()),
        posts=_by_id(shapes.post(world, row) for row in mailings.posts(world)),
        snippets=_by_id(_snippet(shapes.snippet(row)) for row in extras.snippets.values()),
        webhooks=_by_id(shapes.hook(row) for row in world.hooks.values()),
        purchases=_by_id(shapes.purchase(world, row) for row in world.purchases.values()),
    )


def _account(world: World) -> Row:
    """The account with the name of its zone alone, as the mirror has it."""
    known = shapes.account(world)["account"]
    return {**known, "timezone": known["timezone"]["name"]}


def _by_id(rows: Iterable[Row]) -> dict[int, Row]:
    return {row["id"]: row for row in rows}


def _person(world: World, row: Subscriber) -> Row:
    """A person with the columns for the attribution, the location and the time of cancelling."""
    came, lives = people.attribution(world, row.id) or {}, people.location(world, row.id) or {}
    return {
        **shapes.subscriber(world, row),
        "canceled_at": shapes.canceled_at(row),
        **{f"attribution_{name}": came.get(name) for name in (*_ATTRIBUTION, *_SOURCE)},
        **{f"location_{name}": lives.get(name) for name in _LOCATION},
    }


def _engagement(world: World) -> dict[int, Row]:
    rows = engagement.mailings(world, days_ago(world, ENGAGEMENT_DAYS), None)
    return {
        person.id: {
            "subscriber_id": person.id,
            **shapes.engagement(rows, person),
            "window_days": ENGAGEMENT_DAYS,
        }
        for person in world.subscribers.values()
        if person.state == "active"
    }


def _memberships(world: World) -> dict[MembershipKey, Row]:
    states, behaviour, everybody = world.subscribers, world.behaviour, frozenset(STATES)
    return {
        (row.kind, row.parent_id, row.subscriber_id): _membership(row.kind, row)
        for roster in world.rosters.values()
        for row in roster.members.values()
        if is_shown(behaviour, row, states[row.subscriber_id].state, everybody)
    }


def _membership(kind: Kind, row: Subscription) -> Row:
    """Without an id and a state; where somebody came from is told of forms alone."""
    campaign = people.utm(row.referrer) if kind == "form" else dict.fromkeys(people.UTM)
    return {
        "subscribable_type": kind,
        "subscribable_id": row.parent_id,
        "subscriber_id": row.subscriber_id,
        "created_at": shapes.created_at(row),
        "referrer": row.referrer if kind == "form" else None,
        **{f"utm_{name}": value for name, value in campaign.items()},
    }


def _broadcast(world: World, row: Any) -> Row:
    """The template in two columns: its id, and its name under the name that v3 has for it."""
    shown = shapes.broadcast(world, row)
    template = shown.pop("email_template") or {}
    return {**shown, "email_template_id": template.get("id"), "email_layout_template": template.get("name")}


def _email_stats(world: World, row: Any) -> Row:
    return {"email_id": row.id, "sequence_id": row.sequence_id, **sequences.email_stats(world, row)}


def _snippet(shown: Mapping[str, Any]) -> Row:
    return {key: value for key, value in shown.items() if key != "document"}
