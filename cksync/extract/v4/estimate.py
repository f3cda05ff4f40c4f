"""Estimate the requests of a pull through API v4 from the state of the mirror."""

from dataclasses import dataclass
from math import ceil

from cksync.api.v4.catalog import PAGE_ROWS, PEOPLE, engagement
from cksync.api.v4.catalog import STREAMS as CATALOG
from cksync.extract.schedule import Schedule
from cksync.extract.v4.lists import LISTS
from cksync.extract.v4.mails import LINKS_IN_ROTATION
from cksync.extract.v4.people import COUNTS
from cksync.load.known import Known


@dataclass(frozen=True, slots=True)
class Estimate:
    """The requests for one stream; None if it was never read."""

    stream: str
    lists: int
    requests: int | None
    reason: str


def estimates(schedule: Schedule) -> list[Estimate]:
    """Return the estimate for each stream."""
    known = Known(schedule.state, schedule.at)
    is_known = PEOPLE.name in schedule.state.cursors
    is_full = schedule.depth == "full"
    rows = dict(
        schedule.state.rows("""
        select 'subscribers', count(*) from main.subscribers union all
        select 'active', count(*) from main.subscribers where state = 'active' union all
        select 'broadcasts', count(*) from main.broadcasts union all
        select 'purchases', count(*) from main.purchases
    """)
    )
    pages = {name: max(1, ceil(count / PAGE_ROWS)) for name, count in rows.items()}
    found = [Estimate("account", 1, 1, "the whole list")]
    found += [Estimate(name, 1, len(CATALOG[name].legs), "the whole list") for name in LISTS]
    if not is_known:
        others = (
            "subscribers",
            "subscriptions",
            "broadcasts",
            "broadcast_stats",
            "broadcast_links",
            "sequence_emails",
            "subscriber_stats",
            "purchases",
        )
        return found + [Estimate(name, 1, None, "") for name in others]
    lists = schedule.state.membership_slices()
    in_v4 = [name for name in lists if name.startswith("v4/")]
    whole = sum(max(1, ceil(schedule.state.cursors[name].rows / PAGE_ROWS)) for name in in_v4)
    tags = [name for name in in_v4 if "/tag/" in name]
    everybody = is_full or schedule.depth == "verify" or pages["subscribers"] <= COUNTS + len(tags)
    people = 1 + (pages["subscribers"] if everybody else COUNTS)
    tags_in_turn = ceil(len(tags) * min(1.0, schedule.share))
    members = whole if is_full else len(in_v4) - (len(tags) - tags_in_turn if everybody else 0)
    if schedule.depth == "verify":  # every list is read whole but for tags, which come with people
        of_tags = sum(max(1, ceil(schedule.state.cursors[name].rows / PAGE_ROWS)) for name in tags)
        members = whole - of_tags + tags_in_turn
    cursor = schedule.state.cursors.get(engagement(schedule.settings.engagement_window_days).name)
    days = schedule.settings.engagement_days
    is_due = bool(days) and (
        is_full or cursor is None or cursor.read_to is None or (schedule.at - cursor.read_to).days >= days
    )
    links = len(known.sent()) if is_full else LINKS_IN_ROTATION
    is_whole = schedule.depth != "nightly"
    return [
        *found,
        Estimate("subscribers", 1, people, "everybody, with their tags" if everybody else "changed people, and counts"),
        Estimate("subscriptions", len(in_v4), members, "new members of each list; tags come with people"),
        Estimate("broadcasts", 1, pages["broadcasts"], "the whole list"),
        Estimate("broadcast_stats", 1, pages["broadcasts"], "the whole list"),
        Estimate("broadcast_links", 1, links if schedule.settings.links else 0, "broadcasts with new clicks"),
        Estimate(
            "sequence_emails",
            len(known.sequences()),
            len(known.sequences()) if is_whole else ceil(len(known.sequences()) * schedule.share),
            "changed sequences, and a share of the others",
        ),
        Estimate("subscriber_stats", 1, pages["active"] if is_due else 0, f"every {days:g} days"),
        Estimate("purchases", 1, pages["purchases"] if is_whole else 1, "the newest page"),
    ]
