"""The marts of the shop, row by row, computed by hand."""

from pathlib import Path
from typing import Any

import pytest

from cksync.config import Config
from cksync.domain import ACTIVE, BROADCASTS, DETAILS, STATS, members, whole
from cksync.pipeline.publishing import publish
from tests.support.accounts.shop import ANN, BOB, CYD, DEE, GUIDE, person, shop
from tests.support.accounts.small import figures, membership, pulled
from tests.support.expected_rows import day, expect, money, utc
from tests.support.log_builder import LogBuilder

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    return shop(tmp_path_factory.mktemp("shop") / "data")


def near(*numbers: float | None) -> list[Any]:
    return [None if number is None else pytest.approx(number, abs=1e-3) for number in numbers]


def test_every_fact_holds_and_every_model_is_made(log: LogBuilder) -> None:
    expect(log, "select name, fact, rows, sample from _cksync.checks where rows > 0 or problem is not null")
    expect(log, "select name, problem from _cksync.models where problem is not null")


def test_revenue_daily(log: LogBuilder) -> None:
    expect(
        log,
        "select day, orders, units, gross, discount, revenue, tax, average_order_value, buyers, new_buyers,"
        " repeat_buyers, new_orders, new_revenue, repeat_orders, repeat_revenue"
        " from revenue_daily where currency = 'USD' order by day",
        (day("2025-11-11"), 1, 3, *money(100, 10, 90, 5, 90), 1, 1, 0, 1, *money(90), 0, *money(0)),
        (day("2025-12-01"), 1, None, *money(-5, None, -5, None, -5), 1, 1, 0, 1, *money(-5), 0, *money(0)),
        (day("2026-03-10"), 1, 1, *money(30, None, 30, None, 30), 1, 1, 0, 1, *money(30), 0, *money(0)),
        (day("2026-03-13"), 1, 1, *money(20, None, 20, None, 20), 1, 1, 0, 1, *money(20), 0, *money(0)),
        (day("2026-03-15"), 2, 2, *money(60, None, 60, None, 30), 1, 0, 1, 0, *money(0), 2, *money(60)),
    )
    expect(
        log,
        "select currency, day, orders, orders_without_amount, revenue, average_order_value, repeat_revenue"
        " from revenue_daily where currency <> 'USD' order by all",
        ("EUR", day("2026-02-21"), 1, 0, *money(40, 40, 0)),
        ("JPY", day("2026-01-03"), 1, 0, *money(1200, 1200, 0)),
        ("JPY", day("2026-04-01"), 1, 1, *money(None, None, None)),
        ("XTS", None, 1, 0, *money(7, 7, 0)),
    )


def test_revenue_by_product(log: LogBuilder) -> None:
    """Half of the discount of ten is the course's, half the book's."""
    expect(
        log,
        "select product_key, product, orders, units, gross, discount, revenue, buyers, new_buyers, last_sold_on,"
        " revenue_share_rate from revenue_by_product where currency = 'USD' order by revenue desc",
        ("pid:c", "Course II", 3, 3, *money(130, 5, 125), 2, 2, day("2026-03-15"), *near(100 * 125 / 195)),
        ("pid:b", "Book", 1, 2, *money(50, 5, 45), 1, 1, day("2025-11-11"), *near(100 * 45 / 195)),
        ("name:Gift", "Gift", 2, 2, *money(30, None, 30), 2, 1, day("2026-03-15"), *near(100 * 30 / 195)),
        ("none", None, 1, None, *money(-5, None, -5), 1, 1, day("2025-12-01"), *near(-100 * 5 / 195)),
    )
    expect(
        log,
        "select currency, product_key, revenue, average_unit_price from revenue_by_product"
        " where currency <> 'USD' order by all",
        ("EUR", "pid:c", *money(40, 40)),
        ("JPY", "none", *money(None, None)),
        ("JPY", "sku:jp", *money(1200, 1200)),
        ("XTS", "none", *money(7, None)),
    )


def test_customer_value(log: LogBuilder) -> None:
    expect(
        log,
        "select buyer, subscriber_id, orders, revenue, days_since_last, recency_band, frequency_band, monetary_band,"
        " segment from customer_value where currency = 'USD' order by revenue",
        ("cyd@example.com", CYD, 1, *money(-5), 130, 3, 1, 1, "waning"),
        ("nobody@example.com", None, 1, *money(20), 27, 5, 1, 2, "new"),
        ("dee@example.com", DEE, 1, *money(30), 31, 4, 1, 4, "new"),
        ("ann@example.com", ANN, 3, *money(150), 25, 5, 3, 5, "champion"),
    )
    expect(
        log,
        "select distinct currency, customers, repeat_customers, repeat_rate, valued_customers, currency_revenue,"
        " customer_value from customer_value order by currency",
        ("EUR", 1, 0, 0.0, 1, *money(40, 40)),
        ("JPY", 2, 0, 0.0, 1, *money(1200, 1200)),
        ("USD", 4, 1, 25.0, 4, *money(195, "48.75")),
        ("XTS", 1, 0, 0.0, 1, *money(7, 7)),
    )
    expect(
        log,
        "select buyer, last_purchase_at, recency_band, monetary_band, segment from customer_value"
        " where currency = 'XTS'",
        ("purchase 211", None, None, 1, None),
    )


def test_velocity(log: LogBuilder) -> None:
    """Days to buy: Ann 10, Bob 2, Dee 0, Cyd before signing up; tenure: 160, 99, 31 and 85, and 68 of Fay."""
    expect(
        log,
        "select stretch, customers, cumulative_customers, purchase_rate, old_enough_subscribers, old_enough_customers,"
        " old_enough_purchase_rate from velocity order by place",
        ("before sign-up", 1, 1, 20.0, 5, 1, 20.0),
        ("same day", 1, 2, 40.0, 5, 2, 40.0),
        ("day 1 to 6", 1, 3, 60.0, 5, 3, 60.0),
        ("day 7 to 29", 1, 4, 80.0, 5, 4, 80.0),
        ("day 30 to 89", 0, 4, 80.0, 2, 2, 100.0),
        ("day 90 to 179", 0, 4, 80.0, 0, 0, None),
        ("day 180 to 364", 0, 4, 80.0, 0, 0, None),
        ("a year or later", 0, 4, 80.0, 0, 0, None),
        ("unknown", 0, 4, 80.0, None, None, None),
    )
    expect(
        log,
        "select distinct subscribers, all_customers, later_customers, average_time_to_purchase, median_time_to_purchase"
        " from velocity",
        (5, 4, 3, 4.0, 2.0),
    )


def test_tag_overlap(log: LogBuilder) -> None:
    """Tag 9 has one person, fewer than the setting requires."""
    expect(
        log,
        "select * exclude (jaccard_rate, other_share_rate, tag_share_rate, lift, lift_low, lift_high) from tag_overlap",
        (7, "VIP", 8, "VIP", 2, 3, 2, 3, 5),
    )
    expect(
        log,
        "select jaccard_rate, tag_share_rate, other_share_rate, lift from tag_overlap",
        near(200 / 3, 200 / 3, 100, 5 / 3),
    )
    # Wilson for 2 of 2 with 1.96: from 2 / 5.8416; of all, three in five have the other tag
    expect(log, "select lift_low, lift_high from tag_overlap", near(2 / 5.8416 * 5 / 3, 5 / 3))


def test_a_person_who_leaves_and_joins_again_has_two_stays(log: LogBuilder) -> None:
    expect(
        log,
        f"select stay, subscription_id, joined_at, is_current, left_before from bridge_membership"
        f" where subscribable_id = 70 and subscriber_id = {ANN} order by stay",
        (1, 101, utc("2025-11-01"), False, utc("2026-03-21T09:04")),
        (2, 109, utc("2026-03-18"), True, None),
    )
    expect(log, "select members, members_ever from dim_form where id = 70", (4, 5))


def test_lead_magnet_conversion(log: LogBuilder) -> None:
    """Ann, Bob, Cyd, Dee and Eve joined the guide. After 30 days Eve was deleted, and Cyd's state is unknown; after 90
    Bob had cancelled. Buyers took 10, 2.5 and 0.25 days; Cyd bought before joining, Eve's address is gone."""
    columns = (
        "name, joins, members, joins_30_days, active_after_30_days, unknown_after_30_days, active_after_30_days_rate,"
        " active_after_30_days_rate_at_most, joins_90_days, active_after_90_days, unknown_after_90_days,"
        " active_after_90_days_rate, buyers, conversion_rate, median_days_to_buy, precision"
    )
    expect(
        log,
        f"select {columns} from lead_magnet_conversion where subscribable_type = 'form' order by subscribable_id",
        (GUIDE, 5, 4, 5, 3, 1, 60.0, 80.0, 2, 1, 0, 50.0, 3, 60.0, 2.5, "interval"),
        ("Nobody's", 0, 0, 0, 0, 0, None, None, 0, 0, 0, None, 0, None, None, "exact"),
    )
    # Wilson for 3 of 5 with 1.96
    expect(
        log,
        "select conversion_low, conversion_high from lead_magnet_conversion where subscribable_type = 'form'"
        " order by joins",
        (None, None),
        near(23.072, 88.2382),
    )
    expect(
        log,
        "select subscribable_id, joins, buyers, median_days_to_buy from lead_magnet_conversion"
        " where subscribable_type = 'tag' order by subscribable_id",
        (7, 3, 2, (9 + 1.5) / 2),
        (8, 2, 2, (8 + 0.5) / 2),
        (9, 1, 1, pytest.approx(8 / 24)),
    )


def test_lead_magnet_revenue(log: LogBuilder) -> None:
    """The amount of Ann's order in JPY is unknown."""
    expect(
        log,
        "select currency, currency_rank, currency_buyers, orders, orders_without_amount, revenue, signup_value"
        " from lead_magnet_revenue where subscribable_id = 70 order by currency_rank",
        ("USD", 1, 2, 4, 0, *money(180, 36)),
        ("JPY", 2, 2, 2, 1, *money(1200, 240)),
        ("EUR", 3, 0, 0, 0, *money(0, 0)),
        ("XTS", 4, 0, 0, 0, *money(0, 0)),
    )
    expect(
        log,
        "select subscribable_id, orders, revenue from lead_magnet_revenue"
        " where subscribable_type = 'tag' and currency = 'USD' order by subscribable_id",
        (7, 3, *money(150)),
        (8, 3, *money(150)),
        (9, 1, *money(10)),
    )


def test_people_are_counted_once_however_many_currencies_there_are(log: LogBuilder) -> None:
    """Of the six people, five exist, and four of those bought."""
    expect(log, "select count(distinct currency) from fct_purchase where is_counted", (4,))
    expect(
        log,
        "select dimension, sum(new_leads), sum(new_buyers) from ltv_by_source group by all order by all",
        *(
            (dimension, 5, 4)
            for dimension in sorted(
                (
                    "first_form",
                    "first_tag",
                    "acquisition_source",
                    "referrer_host",
                    "utm_source",
                    "utm_medium",
                    "utm_campaign",
                    "signup_month",
                )
            )
        ),
    )
    expect(log, "select sum(buyers) from lead_magnet_conversion where subscribable_type = 'form'", (3,))


def test_sequence_funnel(log: LogBuilder) -> None:
    """Ann, Bob and Cyd entered; Ann bought after ten days, Bob was seen cancelled after twenty, Cyd from the start."""
    expect(
        log,
        "select * exclude (sequence, unsubscribed_within_30_days_rate, unsubscribed_within_30_days_rate_at_most,"
        " active_rate, bought_within_30_days_rate, emails, published_emails, first_recipients, last_recipients,"
        " reach_rate, email_recipients, email_opens, email_open_rate, email_clickers, email_click_rate,"
        " email_unsubscribes) from sequence_funnel order by sequence_id",
        (90, 3, 3, 1, 3, 1, 1, 1, 1, 1, 100.0, 0, 0, 0.0, 0.0, "interval"),
        (91, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, 0, 0, None, None, "exact"),
    )
    expect(
        log,
        "select active_rate, bought_within_30_days_rate, unsubscribed_within_30_days_rate,"
        " unsubscribed_within_30_days_rate_at_most from sequence_funnel where sequence_id = 90",
        near(100 / 3, 100 / 3, 100 / 3, 200 / 3),
    )


def test_ltv_by_source(log: LogBuilder) -> None:
    expect(
        log,
        "select source, new_leads, new_buyers, conversion_rate, leads_30_days, leads_90_days, leads_180_days"
        " from ltv_by_source where dimension = 'first_form' order by new_leads desc",
        (GUIDE, 4, 4, 100.0, 4, 2, 0),
        (None, 1, 0, 0.0, 1, 0, 0),
    )
    expect(
        log,
        "select source_key, new_leads from ltv_by_source where dimension = 'signup_month' order by all",
        ("2025-11", 1),
        ("2026-01", 2),
        ("2026-02", 1),
        ("2026-03", 1),
    )
    expect(
        log,
        "select source_key, source, new_leads from ltv_by_source where dimension = 'first_tag' order by all",
        ("", None, 2),
        ("7", "VIP", 3),
    )


def test_revenue_by_source(log: LogBuilder) -> None:
    """Of Ann 150 (90 in the first 90 days), of Dee 30, of Cyd -5 before signing up; Fay joined no form."""
    expect(
        log,
        "select source, orders, new_lead_revenue, new_lead_value, currency_customers, customer_value, revenue_30_days,"
        " value_30_days, revenue_90_days, value_90_days, revenue_180_days, value_180_days"
        " from revenue_by_source where dimension = 'first_form' and currency = 'USD' order by orders desc",
        (GUIDE, 5, *money(175, "43.75"), 3, *money("58.3333", 115, "28.75", 90, 45, 0, None)),
        (None, 0, *money(0, 0), 0, *money(None, 0, 0, 0, None, 0, None)),
    )
    expect(
        log,
        "select source_key, orders, orders_without_amount, new_lead_revenue from revenue_by_source"
        " where dimension = 'signup_month' and currency = 'JPY' order by all",
        ("2025-11", 1, 1, None),
        ("2026-01", 1, 0, *money(1200)),
        ("2026-02", 0, 0, *money(0)),
        ("2026-03", 0, 0, *money(0)),
    )


def test_attribution_last_touch(log: LogBuilder) -> None:
    columns = "purchase_id, subscriber_id, touch_type, touch_id, touched_at, hours_before, exposure, precision"
    expect(
        log,
        f"select {columns} from attribution_last_touch where is_attributed order by purchase_id",
        (202, ANN, "broadcast", 302, utc("2026-03-13T10:00"), 48.0, "assumed", "interval"),
        (203, BOB, "tag", 8, utc("2026-01-03T00:00"), 12.0, "known", "exact"),
        (205, DEE, "form", 70, utc("2026-03-10T00:00"), 6.0, "known", "exact"),
        (210, ANN, "tag", 9, utc("2026-03-15T12:00"), 8.0, "known", "exact"),
    )
    expect(
        log,
        f"select {columns} from attribution_last_touch where not is_attributed order by purchase_id",
        (201, ANN, None, None, None, None, None, "exact"),
        (204, None, None, None, None, None, None, "exact"),
        (206, None, None, None, None, None, None, "exact"),
        (208, CYD, None, None, None, None, None, "exact"),
        (209, ANN, None, None, None, None, None, "exact"),
        (211, None, None, None, None, None, None, "unknown"),
    )


def test_attribution_first_touch(log: LogBuilder) -> None:
    """The earliest within the same 120 hours: an order of Ann's is 82 hours after the first of two broadcasts."""
    expect(
        log,
        "select purchase_id, touch_type, touch_id, touch, hours_before from attribution_first_touch"
        " where is_attributed order by purchase_id",
        (202, "broadcast", 301, "<script>alert(1)</script>", 72.0),
        (203, "form", 70, GUIDE, 60.0),
        (205, "form", 70, GUIDE, 6.0),
        (210, "broadcast", 301, "<script>alert(1)</script>", 82.0),
    )


def test_organic_vs_attributed(log: LogBuilder) -> None:
    expect(
        log,
        "select day, orders, attributed_orders, organic_orders, attributed_revenue, organic_revenue,"
        " attributed_revenue_rate, broadcast_revenue, form_revenue, sequence_revenue, tag_revenue,"
        " new_attributed_revenue from organic_vs_attributed where currency = 'USD' and day > '2026-01-01' order by day",
        (day("2026-03-10"), 1, 1, 0, *money(30, 0), 100.0, *money(0, 30, 0, 0, 30)),
        (day("2026-03-13"), 1, 0, 1, *money(0, 20), 0.0, *money(0, 0, 0, 0, 0)),
        (day("2026-03-15"), 2, 2, 0, *money(60, 0), 100.0, *money(50, 0, 0, 10, 0)),
    )


def test_broadcast_performance(log: LogBuilder) -> None:
    """Weighted: of 500 recipients 28 % opened, with a deviation of the root of 96; 6.4 % clicked, root of 8.64. That
    ten of a hundred clicked, or none of twenty, may be chance."""
    expect(
        log,
        "select id, weekday, hour, baseline_sends, baseline_recipients, baseline_opens, baseline_open_rate,"
        " baseline_click_rate, baseline_unsubscribe_rate, open_rate_rank, click_rate_rank, open_rate_z, click_rate_z,"
        " open_verdict, click_verdict from broadcast_performance order by sent_at",
        (310, 1, 10, 0, *[None] * 11),
        (311, 1, 10, 0, *[None] * 5, 1, 1, *[None] * 4),
        (312, 2, 10, 1, 100, 40, 40.0, 10.0, 1.0, 2, 2, *[None] * 4),
        (313, 2, 10, 2, 400, 100, 25.0, 5.5, 0.25, 1, 1, *[None] * 4),
        (301, 4, 10, 3, 500, 140, *near(28, 6.4, 0.2), 4, 1, *near(-18 / 96**0.5, 3.6 / 8.64**0.5), "below", "near"),
        (302, 5, 10, 4, 600, 150, *near(25, 7, 1 / 3), 1, 5, *near(25 / 125**0.5, -7 / 3), "above", "near"),
    )
    # Wilson for 10 of 20 and 0 of 20, with 1.96
    expect(
        log,
        "select open_rate_low, open_rate_high, click_rate_low, click_rate_high from broadcast_performance"
        " where id = 302",
        near(29.9295, 70.0705, 0, 16.113),
    )


def test_an_account_without_sales_and_a_baseline_of_ten_sends(tmp_path: Path) -> None:
    """Twelve broadcasts to ten people each; the open rate of the first, 100 %, is in the baselines of ten after it."""
    log = LogBuilder(tmp_path / "data")
    sends = range(1, 13)
    broadcasts = [{"id": key, "created_at": f"2026-01-{key:02}T10:00:00Z"} for key in sends]
    pulled(
        log,
        0,
        {
            whole("forms"): [{"id": 70, "name": "Guide"}],
            ACTIVE: [person(ANN)],
            members("form", "70"): [membership(101, ANN, "2025-11-01T00:00:00Z")],
            BROADCASTS: broadcasts,
            DETAILS: broadcasts,
            STATS: [figures(key, 10, 100.0 if key == 1 else 20.0, 10.0, 1, 0) for key in sends],
        },
    )
    publish(Config(log.folder.root, "the test"), log.folder)
    expect(log, "select name, rows from _cksync.checks where rows > 0 or problem is not null")
    expect(
        log,
        "select id, baseline_sends, baseline_recipients, baseline_open_rate, open_rate_rank, open_rate_z"
        " from broadcast_performance where id > 10 order by id",
        (11, 10, 100, 28.0, 2, *near(-8 / 24)),
        (12, 10, 100, 20.0, 1, None),
    )
    expect(log, "select count(*) from revenue_daily union all select count(*) from attribution_last_touch", (0,), (0,))
    expect(
        log,
        "select joins, buyers, conversion_rate, currency, currency_rank, revenue"
        " from lead_magnet_conversion join lead_magnet_revenue using (subscribable_type, subscribable_id)",
        (1, 0, 0.0, "", 1, *money(0)),
    )
    expect(
        log,
        "select source, new_leads, currency, new_lead_value, customer_value"
        " from ltv_by_source join revenue_by_source using (dimension, source_key, source)"
        " where dimension = 'first_form'",
        ("Guide", 1, "", *money(0), None),
    )
    expect(log, "select max(purchase_rate), max(customer_share_rate) from velocity", (0.0, None))


def test_engagement_trend(log: LogBuilder) -> None:
    """At the end of March Ann and Dee were active; 60 people per broadcast are thirty times as many."""
    columns = (
        "starts_on, ends_on, broadcasts, recipients, opens, open_rate, clickers, click_rate, click_to_open_rate,"
        " total_clicks, unsubscribes, unsubscribe_rate, active, reach_rate, precision"
    )
    expect(
        log,
        f"select {columns} from engagement_trend where period = 'month' order by starts_on",
        (day("2025-12-01"), day("2025-12-31"), 1, 0, 0, None, 0, None, None, 0, 0, None, None, None, "unknown"),
        (day("2026-02-01"), day("2026-02-28"), 3, 500, 140, *near(28), 32, *near(6.4, 3200 / 140), 47, 1, *near(0.2),
         None, None, "unknown"),
        (day("2026-03-01"), day("2026-03-31"), 2, 120, 20, *near(2000 / 120), 10, *near(1000 / 120, 50), 11, 1,
         *near(100 / 120), 2, 3000.0, "interval"),
    )  # fmt: skip
    expect(
        log,
        "select starts_on, ends_on, broadcasts, recipients, open_rate, active, precision from engagement_trend"
        " where period = 'week' and starts_on >= '2026-02-01' order by starts_on",
        (day("2026-02-02"), day("2026-02-08"), 2, 400, 25.0, None, "unknown"),
        (day("2026-02-09"), day("2026-02-15"), 1, 100, 40.0, None, "unknown"),
        (day("2026-03-09"), day("2026-03-15"), 2, 120, *near(2000 / 120), 4, "interval"),
    )


def test_deliverability_watch(log: LogBuilder) -> None:
    """Fay was found bounced after the broadcast to twenty."""
    expect(
        log,
        "select id, unsubscribe_rate, sends_before, median_open_rate, open_rate_drop, is_unsubscribe_alarm,"
        " is_open_rate_alarm, is_bounce_alarm, new_bounced, new_complained, bounce_rate, watched_to, alarms, precision"
        " from deliverability_watch order by sent_at",
        (310, None, 0, None, None, False, False, False, None, None, None, None, 0, "unknown"),
        (311, 1.0, 0, None, None, True, False, False, None, None, None, None, 1, "unknown"),
        (312, 0.0, 1, None, None, False, False, False, None, None, None, None, 0, "unknown"),
        (313, 0.0, 2, None, None, False, False, False, None, None, None, None, 0, "unknown"),
        (301, 1.0, 3, 40.0, 75.0, True, True, False, 0, 0, 0.0, utc("2026-03-13T10:00"), 2, "interval"),
        (302, 0.0, 4, 30.0, *near(-200 / 3), False, False, True, 1, 0, 5.0, utc("2026-03-20T10:00"), 1, "interval"),
    )
