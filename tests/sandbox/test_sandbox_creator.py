"""The seed `creator`: the same for its arguments, believable, and alive."""

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from kit_sandbox import Clock, World, creator, expected_mirror, expected_v4
from kit_sandbox.details import engagement
from kit_sandbox.records import Broadcast
from kit_sandbox.seed.creator import growth
from kit_sandbox.seed.creator.shop import PRODUCTS
from kit_sandbox.seed.life import Life
from tests.support.asking import Serving
from tests.support.asking_v4 import AskV4

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
DAY_MS = 86_400_000
MOST = {"USD": 410, "EUR": 410, "GBP": 410}


def made(at: datetime = NOON, people: int = 500, seed: int = 7, made_on: date | None = None) -> World:
    return creator(people, seed, now=Clock(at), made_on=made_on)


def sent_at(row: Broadcast) -> str:
    return str(row.details["send_at"] or "")


@pytest.fixture(scope="module")
def world() -> World:
    return made(people=1_500)


def test_the_same_seed_and_day_make_the_same_account() -> None:
    one, other = made(), made()
    assert expected_mirror(one) == expected_mirror(other)
    assert expected_v4(one) == expected_v4(other)
    assert expected_mirror(one) != expected_mirror(made(seed=8))


def test_an_account_lives_the_same_at_once_and_in_parts() -> None:
    whole, parts = made(), made(NOON - timedelta(days=40), made_on=NOON.date())
    for days in (0.01, 6, 7.5, 26.49):
        parts.advance(days)
    assert expected_mirror(whole) == expected_mirror(parts)
    assert expected_v4(whole) == expected_v4(parts)


@pytest.mark.parametrize("today", [NOON, NOON + timedelta(days=3), datetime(2028, 3, 1, 0, 0, tzinfo=UTC)])
def test_the_last_letter_is_of_the_day_before_whatever_the_day(today: datetime) -> None:
    world = made(today, people=100)
    sent = [sent_at(row) for row in world.broadcasts.values() if row.status == "completed"]
    last = max(datetime.fromisoformat(text) for text in sent)
    assert last.date() == today.date() - timedelta(days=1)
    assert {row.status for row in world.broadcasts.values()} == {"completed", "scheduled", "draft"}


def test_letters_go_out_every_week(world: World) -> None:
    days = sorted(sent_at(row)[:10] for row in world.broadcasts.values() if row.details["public"] and sent_at(row))
    gaps = {date.fromisoformat(after) - date.fromisoformat(before) for before, after in pairwise(days)}
    assert gaps == {timedelta(days=7)}


def test_there_are_about_as_many_people_as_asked_for(world: World) -> None:
    assert 1_350 < len(world.subscribers) < 1_650


def test_addresses_and_names_are_ordinary(world: World) -> None:
    for person in world.subscribers.values():
        assert re.fullmatch(r"[a-z]+(\.[a-z]+)?\d*@(mail\.|inbox\.)?example\.(com|org|net)", person.email_address)
        assert person.first_name is None or re.fullmatch(r"[A-Z][a-z]+", person.first_name)


def test_prices_are_those_of_the_shop_in_three_currencies(world: World) -> None:
    prices = {(product.name, product.prices[each]) for product in PRODUCTS for each in product.prices}
    for order in world.purchases.values():
        assert all((line["name"], line["unit_price"]) in prices for line in order.products)
        assert sum(line["unit_price"] for line in order.products) == order.amounts["subtotal"]
        assert 5 < float(str(order.amounts["total"])) < MOST[order.currency]
        assert all(round(float(str(amount)), 2) == amount for amount in order.amounts.values())
    assert {order.currency for order in world.purchases.values()} == {"USD", "EUR", "GBP"}
    assert {order.status for order in world.purchases.values()} == {"paid", "refunded"}
    assert Counter(order.email_address for order in world.purchases.values()).most_common(1)[0][1] > 1


def test_nothing_happens_before_somebody_joins_or_after_now(world: World) -> None:
    now, people = world.ms(), world.subscribers
    for roster in world.rosters.values():
        for row in roster.members.values():
            assert people[row.subscriber_id].created_ms <= row.created_ms <= now
    for order in world.purchases.values():
        buyer = people.get(world.by_email.get(order.email_address, 0))
        assert order.transaction_ms <= now
        assert buyer is None or buyer.created_ms <= order.transaction_ms


def test_every_event_of_an_undisturbed_life_happens(world: World) -> None:
    assert isinstance(world.life, Life)
    assert world.life.missed == 0


def test_most_people_came_in_the_viral_week(world: World) -> None:
    begins_ms = min(person.created_ms for person in world.subscribers.values()) // DAY_MS * DAY_MS
    weeks = Counter(
        (person.created_ms - begins_ms) // DAY_MS // 7
        for person in world.subscribers.values()
        if person.created_ms >= begins_ms + DAY_MS
    )
    assert weeks.most_common(1)[0][0] in (growth.VIRAL // 7, growth.VIRAL // 7 + 1)


def test_most_money_comes_on_the_days_of_the_launches(world: World) -> None:
    begins_ms = min(person.created_ms for person in world.subscribers.values()) // DAY_MS * DAY_MS
    earned: Counter[int] = Counter()
    for order in world.purchases.values():
        earned[(order.transaction_ms - begins_ms) // DAY_MS] += round(float(str(order.amounts["total"])))
    best = [day for day, _ in earned.most_common(3)]
    assert all(any(0 <= day - launch <= 8 for launch in growth.LAUNCHES) for day in best)


def test_the_giveaway_brings_fewer_buyers_than_the_checklist(world: World) -> None:
    forms = {form.name: form.id for form in world.parents["form"].values()}
    tags = {tag.name: tag.id for tag in world.parents["tag"].values()}
    buyers = world.rosters["tag", tags["Customer"]].members.keys()

    def share(name: str) -> float:
        members = world.rosters["form", forms[name]].members.keys()
        return len(members & buyers) / len(members)

    assert share("Stand mixer giveaway") < share("Starter rescue checklist") / 3
    assert world.parents["form"][forms["Stand mixer giveaway"]].details["archived"]


def test_rates_vary_with_the_subject_and_fall_as_the_list_grows(world: World) -> None:
    rates = [row.stats["open_rate"] for row in world.broadcasts.values() if row.stats and row.stats["recipients"]]
    assert all(10 < rate < 85 for rate in rates)
    assert max(rates[-20:]) > 1.3 * min(rates[-20:])
    assert sum(rates[:20]) > 1.3 * sum(rates[-20:])


def test_figures_of_a_letter_are_those_of_its_readers(world: World) -> None:
    """The filter and the statistics of a letter agree, but for the few who bounced or were deleted since."""
    for row in [row for row in world.broadcasts.values() if row.status == "completed"][-30:-25]:
        mailings = engagement.mailings(world, None, None).only([row.id])
        sent = [each for person in world.subscribers.values() for each in mailings.to(person)]
        opened = sum(each.opened_ms is not None for each in sent)
        assert row.stats is not None
        assert abs(opened - row.stats["emails_opened"]) <= 0.05 * row.stats["emails_opened"] + 3


def test_people_leave_and_some_are_cold(world: World) -> None:
    states = Counter(person.state for person in world.subscribers.values())
    assert set(states) == {"active", "inactive", "cancelled", "bounced", "complained"}
    assert 0.1 < states["cancelled"] / states.total() < 0.3
    cold = next(tag.id for tag in world.parents["tag"].values() if tag.name.startswith("Cold"))
    assert 0.1 < len(world.rosters["tag", cold].members) / states["active"] < 0.5


def test_every_mail_of_a_sequence_has_its_figures(world: World) -> None:
    for mail in world.extras.sequence_emails.values():
        counts = world.extras.sequence_email_stats[mail.id]
        assert counts["recipients"] > counts["opens"] > counts["clicks"] > 0


def test_it_is_served_under_both_versions(serving: Serving) -> None:
    world = made(people=150)
    ask = serving(world)
    people = AskV4(ask).walk("subscribers", status="all", include="location,attribution")
    assert {row["id"] for row in people} == set(world.subscribers)
    assert all(row["attribution"]["source_type"] in ("form_subscription", "manual") for row in people)
    listed = ask.all("subscribers") + ask.all("subscribers", sort_field="cancelled_at")
    states = Counter(person.state for person in world.subscribers.values())
    assert len(listed) == states["active"] + states["cancelled"]
    assert AskV4(ask).json("account")["account"]["name"] == "The Slow Loaf"


def test_an_account_before_its_first_day_is_refused() -> None:
    with pytest.raises(ValueError, match="the account begins on 2023-05-30"):
        made(NOON - timedelta(days=1_400), made_on=NOON.date())
