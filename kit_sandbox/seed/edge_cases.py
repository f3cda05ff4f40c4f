"""Edge cases from real accounts, planted into a generated one: one table per kind of record, one entry each.

Nothing is added or removed, so the requested sizes stay. The generator itself makes the cases that no table has: null
first names, null and empty referrers, import batches with one created_at, ids beyond 2^31, field keys with hyphens,
with a capital, and equal to a built-in column.
"""

from collections.abc import Callable, Iterable, MutableMapping
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from ..codec import timestamp
from ..edits.broadcasts import NO_STATS
from ..records import Broadcast, Json, Parent, Purchase, Subscriber, Subscription
from ..world import World

Row = TypeVar("Row", Subscriber, Subscription, Parent, Broadcast, Purchase)
Person = Callable[[World, Subscriber], Subscriber]

IMPOSSIBLE_SECOND = "T11:11:566Z"
NO_SUCH_DAY = "2014-02-29T08:21:18.000Z"
LONG_VALUE = "0123456789abcdef" * 4096


def plant(world: World, random: Random) -> None:
    """Give one record to each entry of the tables, as far as there are records."""
    _change(world.subscribers, _drawn_people(world, random), [_of(world, change) for change in PEOPLE])
    world.by_email = {person.email_address.lower(): person.id for person in world.subscribers.values()}
    for kind, changes in (("form", _forms(world)), ("sequence", SEQUENCES), ("tag", TAGS)):
        parents = world.parents[kind]  # type: ignore[index]  # kinds, seen by mypy as plain text
        _change(parents, list(parents.values()), changes)
    for (kind, _), roster in world.rosters.items():
        _change(roster.members, list(roster.members.values())[2::5], MEMBERSHIPS if kind == "form" else [])
    sent = [row for row in world.broadcasts.values() if row.status == "completed"]
    drafts = [row for row in world.broadcasts.values() if row.status == "draft"]
    _change(world.broadcasts, sent, SENT)
    _change(world.broadcasts, drafts, DRAFTS)
    _change(world.purchases, list(world.purchases.values())[1:], PURCHASES)
    _share_transaction_id(world)


def _drawn_people(world: World, random: Random) -> list[Subscriber]:
    """Draw people for the edge cases, spread over the list, most of them in states that a list shows."""
    shown = [person for person in world.subscribers.values() if person.state in ("active", "cancelled")]
    return random.sample(shown, min(len(PEOPLE), len(shown)))


def _of(world: World, change: Person) -> Callable[[Subscriber], Subscriber]:
    return lambda person: change(world, person)


def _change(rows: MutableMapping[int, Row], chosen: Iterable[Row], changes: Iterable[Callable[[Row], Row]]) -> None:
    for row, change in zip(chosen, changes, strict=False):
        key = row.subscriber_id if isinstance(row, Subscription) else row.id
        rows[key] = change(row)


# -- people


def _named(first_name: str) -> Person:
    return lambda world, person: person._replace(first_name=first_name)


def _mailed(pattern: str) -> Person:
    return lambda world, person: person._replace(email_address=pattern.format(person.id))


def _valued(key: str, value: Json) -> Person:
    """Set a custom field, if the account has it."""

    def valued(world: World, person: Subscriber) -> Subscriber:
        ids = [each.id for each in world.custom_fields.values() if each.key == key]
        return person._replace(values={**person.values, **dict.fromkeys(ids, value)})

    return valued


def _more(**extra: Json) -> Person:
    return lambda world, person: person._replace(extra=extra)


def _stray(**fields: Json) -> Person:
    return lambda world, person: person._replace(stray_fields=fields)


def _impossible_second(world: World, person: Subscriber) -> Subscriber:
    return person._replace(created_text=timestamp(person.created_ms)[:10] + IMPOSSIBLE_SECOND)


def _no_such_day(world: World, person: Subscriber) -> Subscriber:
    return person._replace(created_text=NO_SUCH_DAY)


def _other_precision(world: World, person: Subscriber) -> Subscriber:
    """Add a fraction where the year has none, or remove it."""
    usual = timestamp(person.created_ms)
    return person._replace(created_text=usual[:19] + ("Z" if "." in usual else ".250Z"))


PEOPLE: tuple[Person, ...] = (
    _impossible_second,
    _impossible_second,
    _no_such_day,
    _other_precision,
    _other_precision,
    _other_precision,
    _named(""),
    _named("Nu\x00l"),
    _named("Zoë 🚀"),
    _named("نور الدين"),
    _named("\u202egnp.tac\u202c"),
    _named("Tom &amp; Ana"),
    _named("O\"Neil 'the' \\ back"),
    _named("  Ana "),
    _named("line\nbreak\tand tab"),
    _named("null"),
    _named("None"),
    _named("<b>Bo</b>"),
    _named("e\u0301 and \u200b zero width"),
    _mailed("Rosa.UPPER.{}@Example.COM"),
    _mailed("kai+news.{}@example.org"),
    _mailed("KIRA+Big.{}@EXAMPLE.NET"),
    _mailed("o'brien.{}@example.com"),
    _mailed("müller.{}@bücher.example"),
    _valued("notes", LONG_VALUE),
    _valued("notes", ""),
    _valued("company", ""),
    _valued("company", "None"),
    _valued("company", "null"),
    _valued("country", "Unknown"),
    _valued("interest", ["writing"]),
    _valued("interest", ["design", "music"]),
    _valued("interest", {"first": "music"}),
    _valued("plan", True),
    _valued("plan", 3),
    _valued("plan", Decimal("1234567890123456.789")),
    _valued("state", "Bahia"),
    _valued("email_address", "another@example.com"),
    _valued("Zip_Code", "00501"),
    _valued("birthday", "2000-02-30"),
    _valued("last_name", "'; drop table subscribers; --"),
    _valued("last_name", "{{ subscriber.first_name }}"),
    _valued("t-shirt_size", " L "),
    _stray(old_field="kept by the server"),
    _stray(**{"Lead opt-in": "label as key"}),
    _more(available=True),
    _more(location={"city": "Umeå", "time_zone": "Europe/Stockholm"}),
)


# -- memberships


MEMBERSHIPS: tuple[Callable[[Subscription], Subscription], ...] = (
    lambda row: row._replace(state="inactive"),
    lambda row: row._replace(referrer=""),
    lambda row: row._replace(created_text=timestamp(row.created_ms)[:10] + IMPOSSIBLE_SECOND),
    lambda row: row._replace(referrer="https://example.com/?q=a%20b&utm_term=ünïcode#frag"),
)


# -- forms, sequences, tags


def _forms(world: World) -> list[Callable[[Parent], Parent]]:
    """Return old shapes, landing pages, every format, and an archived form."""
    return [
        lambda form: _legacy(world, form, "embed"),
        lambda form: _legacy(world, form, "hosted"),
        _detail(archived=True),
        _detail(type="hosted"),
        _detail(format="modal"),
        _detail(format="inline", name_="  Blanks around  "),
        _detail(format="slide in"),
        _detail(format="sticky bar", name_="Formulário 🎁 &amp; café"),
    ]


def _legacy(world: World, form: Parent, kind: str) -> Parent:
    """Return a form from before 2018, with the account's public key in its script address."""
    script = f"https://api.convertkit.com/v3/forms/{form.id}"
    details = {
        "type": kind,
        "url": f"https://app.convertkit.com/landing_pages/{form.id}",
        "embed_js": f"{script}.js?api_key={world.api_key}",
        "embed_url": f"{script}.html?api_key={world.api_key}",
        "title": "Join the newsletter",
        "description": "<p>Weekly notes &amp; drafts. <strong>No spam</strong>, says “Ana”.</p>",
        "sign_up_button_text": "Subscribe",
        "success_message": "Success! Now check your email to confirm your subscription.",
    }
    return form._replace(details=details, created_ms=1_456_646_820_000)


def _detail(name_: str | None = None, **details: Json) -> Callable[[Parent], Parent]:
    return lambda row: row._replace(name=name_ or row.name, details={**row.details, **details})


SEQUENCES: tuple[Callable[[Parent], Parent], ...] = (
    _detail(available=True),
    _detail(active=False, hold=True),
    _detail(repeat=None, name_="Réveil ☕ sequence"),
)

TAGS: tuple[Callable[[Parent], Parent], ...] = (
    lambda tag: tag._replace(name=" padded tag "),
    lambda tag: tag._replace(name="🔥 Hot leads", created_text=timestamp(tag.created_ms)[:10] + IMPOSSIBLE_SECOND),
    lambda tag: tag._replace(name="Q&amp;A עברית"),
    lambda tag: tag._replace(name='The "Inner" Circle, \'24'),
    lambda tag: tag._replace(
        name="VIP",
        details={"account_id": 4321, "state": "available", "deleted_at": None, "updated_at": NO_SUCH_DAY},
    ),
    lambda tag: tag._replace(name="vip"),
)


# -- broadcasts


def _stats(**numbers: Json) -> Callable[[Broadcast], Broadcast]:
    return lambda row: row._replace(stats={**(row.stats or NO_STATS), **numbers})


def _old_stats(row: Broadcast) -> Broadcast:
    """Return stats from before 2023, without the tracking switches."""
    stats = {key: value for key, value in (row.stats or NO_STATS).items() if "tracking" not in key}
    return row._replace(stats=stats)


def _titled(subject: str) -> Callable[[Broadcast], Broadcast]:
    return lambda row: row._replace(subject=subject)


SENT: tuple[Callable[[Broadcast], Broadcast], ...] = (
    lambda row: row._replace(created_text=NO_SUCH_DAY),
    lambda row: row._replace(stats=None),
    _old_stats,
    _stats(open_rate=61, click_rate=0, progress=100),
    _stats(emails_opened=50, emails_clicked=19, unsubscribe_rate=0.5),
    _stats(open_rate=60.97560975609756, click_rate=23.170731707317074, recipients=82),
    _titled("🎉 We did it &mdash; 50% off"),
    _titled("שבוע טוב, {{ subscriber.first_name }}"),
    _titled('Say "no" \\ it\'s <em>fine</em>'),
    lambda row: row._replace(extra={"publication_id": 77, "subscriber_filter": []}),
    lambda row: row._replace(details={**row.details, "content": "<p>" + "long read " * 12_000 + "</p>"}),
    lambda row: row._replace(details={**row.details, "email_layout_template": None, "email_address": None}),
)

DRAFTS: tuple[Callable[[Broadcast], Broadcast], ...] = (
    lambda row: row._replace(subject=None, details={**row.details, "content": None, "description": None}),
    lambda row: row._replace(details={**row.details, "content": None}),
    lambda row: row._replace(subject=""),
)


# -- purchases


def _amounts(**amounts: Any) -> Callable[[Purchase], Purchase]:
    return lambda row: row._replace(amounts={**row.amounts, **amounts})


def _line(**changes: Json) -> Callable[[Purchase], Purchase]:
    """Change the first product."""
    return lambda row: row._replace(products=({**row.products[0], **changes}, *row.products[1:]))


def _without_shipping(row: Purchase) -> Purchase:
    return row._replace(amounts={key: value for key, value in row.amounts.items() if key != "shipping"})


PURCHASES: tuple[Callable[[Purchase], Purchase], ...] = (
    _amounts(subtotal="20.0", discount="0.0", tax="1.0", shipping="0.0", total="21.0"),
    _amounts(total=Decimal("19.9999"), subtotal=Decimal("19.9999")),
    _amounts(total=Decimal("12345678901234.5678"), subtotal=Decimal("12345678901234.5678")),
    _amounts(total=21, subtotal=20, discount=0, tax=1, shipping=0),
    _amounts(total=-29.0, subtotal=-29.0),
    _amounts(tax=None, shipping=None),
    _without_shipping,
    lambda row: row._replace(currency="JPY", amounts={**row.amounts, "subtotal": 5000, "total": 5000}),
    lambda row: row._replace(currency="XTS"),
    lambda row: row._replace(currency="usd"),
    lambda row: row._replace(transaction_text="2018-03-20 12:38"),
    lambda row: row._replace(transaction_text=row.transaction_text[:10] + IMPOSSIBLE_SECOND),
    lambda row: row._replace(status="refunded"),
    lambda row: row._replace(status="complete"),
    lambda row: row._replace(email_address=row.email_address.upper()),
    lambda row: row._replace(email_address=f"moved.away.{row.id}@example.com"),
    lambda row: row._replace(products=()),
    _line(pid=9001, lid=7777),
    _line(sku=None, name="Stickers ✨ &amp; more", vendor="Acme"),
    _line(unit_price=Decimal("0.05"), quantity=100),
    _line(unit_price="5.00", quantity="2"),
)


def _share_transaction_id(world: World) -> None:
    """Give the last two orders the same transaction_id, because it is not unique."""
    rows = list(world.purchases.values())[-2:]
    for row in rows:
        world.purchases[row.id] = row._replace(transaction_id="99999")
