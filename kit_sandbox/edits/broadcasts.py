"""Edits of broadcasts and their stats."""

from collections.abc import Mapping
from datetime import datetime

from ..codec import milliseconds, timestamp
from ..records import Broadcast, Json
from ..world import World
from .registry import edit

NO_STATS: Mapping[str, Json] = {
    "recipients": 0,
    "open_rate": 0,
    "click_rate": 0,
    "unsubscribes": 0,
    "total_clicks": 0,
    "show_total_clicks": False,
    "progress": 0.0,
    "open_tracking_disabled": False,
    "click_tracking_disabled": False,
}


@edit
def add_broadcast(
    world: World,
    /,
    subject: str | None = None,
    content: str | None = None,
    send_at: datetime | None = None,
    created_at: datetime | None = None,
    **details: Json,
) -> int:
    """Add a draft, or with `send_at` a scheduled broadcast; further keys of the detail are keywords."""
    broadcast_id = world.next_id("broadcast")
    usual = {
        "description": None,
        "content": content,
        "public": False,
        "published_at": None,
        "send_at": send_at,
        "thumbnail_alt": None,
        "thumbnail_url": None,
        "email_address": world.account.primary_email_address,
        "email_layout_template": "Text Only",
    }
    status, shown = "scheduled" if send_at else "draft", _shown({**usual, **details})
    _put(world, Broadcast(broadcast_id, world.ms(created_at), subject, status, shown, NO_STATS))
    return broadcast_id


@edit
def edit_broadcast(world: World, /, broadcast_id: int, **changes: Json) -> None:
    """Change subject, content, or any other key of the detail; `send_at` schedules a draft."""
    old = world.broadcasts[broadcast_id]
    subject, status = changes.pop("subject", old.subject), old.status
    if "send_at" in changes and status in ("draft", "scheduled"):
        status = "scheduled" if changes["send_at"] else "draft"
    details = {**old.details, **_shown(changes)}
    _put(world, old._replace(subject=subject, status=status, details=details))


@edit
def delete_broadcast(world: World, /, broadcast_id: int) -> None:
    del world.broadcasts[broadcast_id]
    world.versions["broadcasts"] += 1


@edit
def send_broadcast(
    world: World, /, broadcast_id: int, recipients: int | None = None, status: str = "completed"
) -> None:
    """Send now, by default to all active people; `published_at` is filled even where `public` is false."""
    old, sent_at = world.broadcasts[broadcast_id], timestamp(world.ms())
    if recipients is None:
        recipients = sum(person.state == "active" for person in world.subscribers.values())
    details = {**old.details, "published_at": sent_at, "send_at": sent_at}
    stats = {**NO_STATS, "recipients": recipients, "progress": 100.0 if status == "completed" else 42.5}
    _put(world, old._replace(status=status, details=details, stats=stats))


@edit
def set_broadcast_status(world: World, /, broadcast_id: int, status: str) -> None:
    """Set draft, scheduled, sending, completed or aborted; only the stats show it."""
    _put(world, world.broadcasts[broadcast_id]._replace(status=status))


@edit
def set_stats(world: World, /, broadcast_id: int, **stats: Json) -> None:
    """Set single numbers of the stats."""
    old = world.broadcasts[broadcast_id]
    _put(world, old._replace(stats={**(old.stats or NO_STATS), **stats}))


@edit
def grow_stats(world: World, /, broadcast_id: int, opens: float = 0.5, clicks: int = 1, unsubscribes: int = 0) -> None:
    """Simulate late readers: add percent points of opens, and clicks and unsubscribes."""
    old = world.broadcasts[broadcast_id].stats or NO_STATS
    set_stats(
        world,
        broadcast_id,
        open_rate=old["open_rate"] + opens,
        total_clicks=old["total_clicks"] + clicks,
        unsubscribes=old["unsubscribes"] + unsubscribes,
    )


def _put(world: World, broadcast: Broadcast) -> None:
    world.broadcasts[broadcast.id] = broadcast
    world.versions["broadcasts"] += 1


def _shown(details: Mapping[str, Json]) -> dict[str, Json]:
    """Return details with moments as the API writes them."""
    return {
        key: timestamp(milliseconds(value)) if isinstance(value, datetime) else value for key, value in details.items()
    }
