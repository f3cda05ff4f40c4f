"""The marts against numbers computed in Python from the sandbox's world, pulled once. No SQL is involved.

The account is the usual one without edge cases, with refunds, orphans, other currencies and buyers who write their
address in capitals.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from random import Random
from statistics import median
from typing import Any, TypeVar

import duckdb
import pytest

from cksync.config import ApiConfig, Config, ModelsConfig
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import World, edits, generate, serve
from kit_sandbox.codec import milliseconds, timestamp
from kit_sandbox.records import Purchase, Subscription

PEOPLE, HOURS, SUPPORT = 250, 72, 12
DAY_MS = 86_400_000

Key = TypeVar("Key")


def shown(at_ms: int) -> int:
    """Return a moment as the API shows it: old ones have whole seconds only."""
    return milliseconds(datetime.fromisoformat(timestamp(at_ms)))


@dataclass(frozen=True)
class Sale:
    """A counted order of the world."""

    id: int
    person: int | None
    buyer: str
    currency: str
    at_ms: int
    revenue: Decimal
    purchase: Purchase


@dataclass(frozen=True)
class Shop:
    """The world, and the mirror pulled from it."""

    world: World
    folder: Folder

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder.mirror), read_only=True) as db:
            db.execute("set TimeZone = 'UTC'")
            return db.execute(query).fetchall()

    @property
    def now_ms(self) -> float:
        ((as_of,),) = self.rows("select as_of from model_settings")
        return float(as_of.timestamp() * 1000)

    def sales(self) -> list[Sale]:
        people = {person.email_address.lower(): person.id for person in self.world.subscribers.values()}
        found = []
        for each in self.world.purchases.values():
            if each.status == "paid":
                buyer = each.email_address.lower()
                net = Decimal(str(each.amounts["subtotal"])) - Decimal(str(each.amounts["discount"]))
                moment = shown(each.transaction_ms)
                found.append(Sale(each.id, people.get(buyer), buyer, each.currency, moment, net, each))
        return sorted(found, key=lambda sale: (sale.at_ms, sale.id))

    @cached_property
    def joins(self) -> list[Subscription]:
        """Return every membership, with the moment that the API shows."""
        rows = [row for roster in self.world.rosters.values() for row in roster.members.values()]
        return [row._replace(created_ms=shown(row.created_ms)) for row in rows]

    @cached_property
    def joins_of(self) -> dict[int, list[Subscription]]:
        """Return the memberships by person."""
        found: dict[int, list[Subscription]] = defaultdict(list)
        for row in self.joins:
            found[row.subscriber_id].append(row)
        return found

    @cached_property
    def sent(self) -> dict[int, int]:
        """Return when each broadcast was sent, by id."""
        done = [each for each in self.world.broadcasts.values() if each.status == "completed"]
        return {each.id: milliseconds(datetime.fromisoformat(each.details["send_at"])) for each in done}

    def first_joins(self, kind: str, parent: int) -> dict[int, int]:
        """Return when each member joined, by person."""
        return {row.subscriber_id: row.created_ms for row in self.joins if (row.kind, row.parent_id) == (kind, parent)}


def made() -> World:
    world = generate(
        PEOPLE, 5, with_edge_cases=False, purchases=300, broadcasts=150, drafts=5, tag_memberships=900, tags=9
    )
    random = Random(5)
    joins = [row for roster in world.rosters.values() for row in roster.members.values()]
    for row in random.sample(joins, 40):
        address, later_ms = world.subscribers[row.subscriber_id].email_address, row.created_ms + 3_600_000
        edits.add_purchase(world, address, 10.0, transaction_time=datetime.fromtimestamp(later_ms / 1000, UTC))
    for each in list(world.purchases.values()):
        if random.random() < 0.1:
            edits.set_purchase_status(world, each.id, random.choice(("refunded", "Voided", "PENDING")))
        elif random.random() < 0.2:
            world.purchases[each.id] = each._replace(email_address=each.email_address.upper())
        elif random.random() < 0.1:
            world.purchases[each.id] = each._replace(email_address=f"nobody{each.id}@example.com")
    return world


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root, world = tmp_path_factory.mktemp("marts"), made()
    with serve(world, rate_limit=None) as running:
        secret = SecretRef(running.api_secret, "api.api_secret", root)
        api = ApiConfig(running.url, secret, rate_limit=100_000, rate_period_seconds=1.0, timeout_seconds=5.0)
        settings = ModelsConfig(attribution_hours=HOURS, minimum_support=SUPPORT)
        config = Config(root / "data", "the test", api=api, models=settings)
        list(pull(config))
        yield Shop(world, Folder(config.data_dir))


def on(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def summed(sales: list[Sale], key: Callable[[Sale], Key]) -> dict[Key, Decimal]:
    found: dict[Key, Decimal] = defaultdict(Decimal)
    for sale in sales:
        found[key(sale)] += sale.revenue
    return dict(found)


def test_every_fact_holds(shop: Shop) -> None:
    assert (
        shop.rows("select name, rows, sample, problem from _cksync.checks where rows > 0 or problem is not null") == []
    )


def test_revenue_of_each_day(shop: Shop) -> None:
    sales = shop.sales()
    first = {sale.buyer: sale.id for sale in reversed(sales)}
    expected = summed(sales, lambda sale: (on(sale.at_ms), sale.currency))
    new = summed([sale for sale in sales if first[sale.buyer] == sale.id], lambda sale: (on(sale.at_ms), sale.currency))
    found = shop.rows("select day, currency, revenue, new_revenue from revenue_daily")
    assert {(day, currency): revenue for day, currency, revenue, _ in found} == expected
    assert {(day, currency): revenue for day, currency, _, revenue in found if revenue} == new
    assert len(expected) > 200


def test_revenue_of_each_product(shop: Shop) -> None:
    """Each line's share of its order's net equals its share of the order's gross."""
    expected: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    units: dict[tuple[str, str], int] = defaultdict(int)
    for sale in shop.sales():
        lines = sale.purchase.products
        gross = sum(Fraction(line["unit_price"]) * line["quantity"] for line in lines)
        for line in lines:
            key = (f"pid:{line['pid']}", sale.currency)
            expected[key] += Fraction(sale.revenue) * Fraction(line["unit_price"]) * line["quantity"] / gross
            units[key] += line["quantity"]
    found = shop.rows("select product_key, currency, revenue, units from revenue_by_product")
    assert {(key, currency): sold for key, currency, _, sold in found} == units
    # every line is rounded to four digits
    for key, currency, revenue, _ in found:
        assert float(revenue) == pytest.approx(float(expected[key, currency]), abs=0.05)


def test_tag_overlap(shop: Shop) -> None:
    tags = {parent: set(shop.first_joins("tag", parent)) for parent in shop.world.parents["tag"]}
    expected = {
        (a, b): (len(tags[a] & tags[b]), len(tags[a] | tags[b]))
        for a, b in combinations(sorted(tags), 2)
        if len(tags[a] & tags[b]) >= SUPPORT
    }
    found = shop.rows("select tag_id, other_tag_id, people, either_people, jaccard_rate, lift from tag_overlap")
    assert {(a, b): (both, either) for a, b, both, either, _, _ in found} == expected
    assert 0 < len(expected) < len(list(combinations(tags, 2)))
    for a, b, both, either, jaccard, lift in found:
        assert jaccard == pytest.approx(100 * both / either)
        assert lift == pytest.approx((both / PEOPLE) / (len(tags[a]) / PEOPLE * len(tags[b]) / PEOPLE))


def touches(shop: Shop, sale: Sale) -> list[tuple[int, int, str, int]]:
    """Return (when, rank at the same instant, kind, id) of everything in the hours before a sale."""
    if sale.person is None:
        return []
    since, created_ms = sale.at_ms - HOURS * 3_600_000, shown(shop.world.subscribers[sale.person].created_ms)
    ranks = {"form": 3, "sequence": 2, "tag": 1}
    found: list[tuple[int, int, str, int]] = [
        (row.created_ms, ranks[row.kind], row.kind, row.parent_id)
        for row in shop.joins_of[sale.person]
        if since <= row.created_ms <= sale.at_ms
    ]
    found += [
        (at_ms, 0, "broadcast", key)
        for key, at_ms in shop.sent.items()
        if max(since, created_ms) <= at_ms <= sale.at_ms
    ]
    return found


def test_attribution_last_touch(shop: Shop) -> None:
    expected = {}
    for sale in shop.sales():
        before = touches(shop, sale)
        expected[sale.id] = max(before)[2:] if before else (None, None)
    found = shop.rows("select purchase_id, touch_type, touch_id from attribution_last_touch")
    assert {key: (kind, touch) for key, kind, touch in found} == expected
    assert {kind for kind, _ in expected.values()} >= {None, "broadcast", "tag", "form"}


def test_attribution_first_touch(shop: Shop) -> None:
    expected = {}
    for sale in shop.sales():
        before = touches(shop, sale)
        # at the same instant a form precedes, then the larger id, as with the last touch
        expected[sale.id] = (
            min(before, key=lambda touch: (touch[0], -touch[1], -touch[3]))[2:] if before else (None,) * 2
        )
    found = shop.rows("select purchase_id, touch_type, touch_id from attribution_first_touch")
    assert {key: (kind, touch) for key, kind, touch in found} == expected


def test_organic_and_attributed_revenue(shop: Shop) -> None:
    sales = shop.sales()
    organic = summed([sale for sale in sales if not touches(shop, sale)], lambda sale: sale.currency)
    attributed = summed([sale for sale in sales if touches(shop, sale)], lambda sale: sale.currency)
    found = shop.rows(
        "select currency, sum(organic_revenue), sum(attributed_revenue) from organic_vs_attributed group by currency"
    )
    assert {currency: revenue for currency, revenue, _ in found} == organic
    assert {currency: revenue for currency, _, revenue in found if revenue} == attributed


def test_lead_magnet_conversion(shop: Shop) -> None:
    found = shop.rows(
        "select subscribable_type, subscribable_id, joins, joins_30_days, active_after_30_days, unknown_after_30_days,"
        " buyers, median_days_to_buy, revenue from lead_magnet_conversion"
        " join lead_magnet_revenue using (subscribable_type, subscribable_id) where currency = 'USD'"
    )
    assert len(found) == len(shop.world.parents["form"]) + len(shop.world.parents["tag"])
    sales, now_ms = shop.sales(), shop.now_ms
    for kind, parent, joins, old_enough, active, unknown, buyers, days, revenue in found:
        members = shop.first_joins(kind, parent)
        old = [person for person, joined_ms in members.items() if joined_ms + 30 * DAY_MS <= now_ms]
        # one pull: people active now count as active before, the others are unknown
        still = [person for person in old if shop.world.subscribers[person].state == "active"]
        bought = [s for s in sales if s.person in members and s.at_ms >= members[s.person]]
        first: dict[int | None, float] = {}
        for sale in bought:
            first.setdefault(sale.person, (sale.at_ms - members[sale.person or 0]) / DAY_MS)
        assert (joins, old_enough, active, unknown) == (len(members), len(old), len(still), len(old) - len(still))
        assert buyers == len(first)
        assert days == (pytest.approx(median(first.values())) if first else None)
        assert revenue == sum(sale.revenue for sale in bought if sale.currency == "USD")


@pytest.mark.parametrize("days", [30, 90, 180])
def test_value_of_a_sign_up_by_its_month(shop: Shop, days: int) -> None:
    created = {person.id: shown(person.created_ms) for person in shop.world.subscribers.values()}
    now_ms = shop.now_ms
    leads: dict[str, int] = defaultdict(int)
    revenue: dict[str, Decimal] = defaultdict(Decimal)
    old = {key: f"{on(at_ms):%Y-%m}" for key, at_ms in created.items() if at_ms + days * DAY_MS <= now_ms}
    for month in old.values():
        leads[month] += 1
    for sale in shop.sales():
        if sale.currency == "USD" and sale.person in old and sale.at_ms < created[sale.person] + days * DAY_MS:
            revenue[old[sale.person]] += sale.revenue
    found = shop.rows(
        f"select source_key, leads_{days}_days, revenue_{days}_days, new_lead_revenue"
        " from ltv_by_source join revenue_by_source using (dimension, source_key)"
        " where dimension = 'signup_month' and currency = 'USD'"
    )
    assert {month: count for month, count, _, _ in found if count} == leads
    assert {month: amount for month, _, amount, _ in found if amount} == {m: r for m, r in revenue.items() if r}
    ever = summed([s for s in shop.sales() if s.currency == "USD" and s.person], lambda sale: "")
    assert sum(amount for _, _, _, amount in found) == ever[""]


def test_value_by_first_form(shop: Shop) -> None:
    first: dict[int, tuple[int, int]] = {}
    for row in shop.joins:
        if row.kind == "form":
            joined = (row.created_ms, row.parent_id)
            first[row.subscriber_id] = min(first.get(row.subscriber_id, joined), joined)
    leads: dict[str, int] = defaultdict(int)
    for person in shop.world.subscribers:
        leads[str(first[person][1]) if person in first else ""] += 1
    revenue = summed(
        [sale for sale in shop.sales() if sale.currency == "USD" and sale.person],
        lambda sale: str(first[sale.person][1]) if sale.person in first else "",
    )
    found = shop.rows(
        "select source_key, new_leads, new_lead_revenue"
        " from ltv_by_source join revenue_by_source using (dimension, source_key)"
        " where dimension = 'first_form' and currency = 'USD'"
    )
    assert {key: count for key, count, _ in found} == leads
    assert {key: amount for key, _, amount in found if amount} == {key: r for key, r in revenue.items() if r}
