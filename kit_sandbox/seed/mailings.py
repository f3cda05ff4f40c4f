"""Broadcasts and purchases of a generated account."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random

from ..codec import timestamp
from ..edits.broadcasts import NO_STATS
from ..records import Broadcast, Json, Purchase
from ..world import World
from . import samples
from .people import Span

_CONTENT = (
    "<h1>{subject}</h1><p>Hi {{{{ subscriber.first_name | default: 'there' }}}},</p><p>Mail {number}. "
    '<a href="https://www.example.com/read/{number}?utm_source=newsletter">Read on</a> &amp; reply.</p>'
    '<p><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></p>'
)


def make_broadcasts(world: World, random: Random, span: Span, count: int, drafts: int) -> None:
    """Create broadcasts spread evenly over the years; the newest few are drafts and scheduled."""
    places = _draft_places(count, drafts)
    for number in range(count):
        created_ms = span.at((number + random.random()) / count)
        broadcast_id = world.next_id("broadcast", 1 + random.randrange(900))
        world.broadcasts[broadcast_id] = _broadcast(
            world, random, broadcast_id, number, created_ms, _status(number, count, places), span
        )


def _draft_places(count: int, drafts: int) -> frozenset[int]:
    """Return the numbers of the broadcasts that stayed drafts, spread evenly over the years."""
    drafts = min(drafts, count)
    step = count // drafts if drafts else 0
    return frozenset(step * place + min(7, step - 1) for place in range(drafts))


def _status(number: int, count: int, drafts: frozenset[int]) -> str:
    """Return a status: nearly all are sent; some stayed drafts, the last ones are scheduled."""
    left = count - 1 - number
    if left < 6:
        return ("scheduled", "draft", "scheduled", "sending", "draft", "aborted")[left]
    return "draft" if number in drafts else "completed"


def _broadcast(
    world: World, random: Random, broadcast_id: int, number: int, created_ms: int, status: str, span: Span
) -> Broadcast:
    subject = f"{random.choice(samples.SUBJECT_STARTS)} {random.choice(samples.SUBJECT_ENDS)}"
    sent_at = timestamp(created_ms + 3_600_000) if status in ("completed", "sending", "aborted") else None
    planned_at = timestamp(span.end_ms + 86_400_000 * (1 + number % 7)) if status == "scheduled" else None
    details: dict[str, Json] = {
        "description": f"Issue {number}" if number % 3 else None,
        "content": _CONTENT.format(subject=subject, number=number),
        "public": number % 4 == 0,
        "published_at": sent_at,
        "send_at": sent_at or planned_at,
        "thumbnail_alt": None,
        "thumbnail_url": f"https://images.example.com/{number}.png" if number % 4 == 0 else None,
        "email_address": world.account.primary_email_address,
        "email_layout_template": "Text Only" if number % 2 else "Modern",
    }
    recipients = int(len(world.subscribers) * span.share(created_ms) ** 2)
    stats = _stats(random, recipients, status) if sent_at else NO_STATS
    return Broadcast(broadcast_id, created_ms, subject, status, details, stats)


def _stats(random: Random, recipients: int, status: str) -> Mapping[str, Json]:
    opened = int(recipients * random.uniform(0.25, 0.55))
    clicked = int(opened * random.uniform(0.02, 0.2))
    of_all = 100 / recipients if recipients else 0
    return {
        **NO_STATS,
        "recipients": recipients,
        "open_rate": opened * of_all,
        "click_rate": clicked * of_all,
        "unsubscribes": int(recipients * random.uniform(0, 0.006)),
        "total_clicks": int(clicked * random.uniform(1, 2)),
        "show_total_clicks": random.random() < 0.5,
        "progress": {"completed": 100.0, "sending": 42.5}.get(status, 0),
    }


def make_purchases(world: World, random: Random, span: Span, count: int) -> None:
    """Create orders over the years, with growing frequency; a few people buy often."""
    people = list(world.subscribers.values())
    for number in range(count if people else 0):
        moment = span.at(((number + random.random()) / count) ** 0.6)
        buyer = people[int(len(people) * random.random() ** 2)]
        purchase_id = world.next_id("purchase", 1 + random.randrange(400))
        world.purchases[purchase_id] = _purchase(random, purchase_id, number, buyer.email_address, moment)


def _purchase(random: Random, purchase_id: int, number: int, email: str, moment: int) -> Purchase:
    lines = [_line(random, place) for place in range(random.choice((1, 1, 1, 2, 3)))]
    subtotal = sum(line["unit_price"] * line["quantity"] for line in lines)
    discount = 10.0 if number % 9 == 0 and subtotal > 20 else 0.0
    tax = float(round(Decimal(subtotal - discount) * Decimal("0.05"), 2))
    return Purchase(
        purchase_id,
        str(70_000 + number) if number % 3 else f"ord-{number:06d}-{random.randrange(16**6):06x}",
        "paid",
        email,
        random.choice(samples.CURRENCIES),
        moment,
        timestamp(moment),
        {
            "subtotal": subtotal,
            "discount": discount,
            "tax": tax,
            "shipping": 0.0,
            "total": round(subtotal - discount + tax, 2),
        },
        tuple(lines),
    )


def _line(random: Random, place: int) -> dict[str, Json]:
    index = random.randrange(len(samples.PRODUCTS))
    name, sku, price = samples.PRODUCTS[index]
    pid: Json = str(9000 + index)
    return {
        "unit_price": price,
        "quantity": random.choice((1, 1, 1, 2)),
        "sku": sku,
        "name": name,
        "pid": pid,
        "lid": str(place + 1),
    }
