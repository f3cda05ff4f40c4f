"""Unknown amounts are not zero, impossible dates are not dates, and neither loses a person."""

from datetime import date
from pathlib import Path

import pytest

from cksync.analyze.report import write_report
from tests.conftest import some
from tests.support.accounts.nasty import ANN, BOB, CYD, DEE, EVE, FAY, HAL, nasty_account
from tests.support.expected_rows import expect, money, utc
from tests.support.log_builder import LogBuilder

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    return nasty_account(tmp_path_factory.mktemp("nasty") / "data")


@pytest.fixture(params=some(["Pacific/Kiritimati", "Etc/GMT+12"], ["Pacific/Kiritimati"]))
def anywhere(request: pytest.FixtureRequest, log: LogBuilder, tmp_path: Path) -> LogBuilder:
    """The account, with its days in zones a day apart."""
    return log if request.param == "Pacific/Kiritimati" else nasty_account(tmp_path / "data", request.param)


def test_every_fact_holds_and_every_model_is_made_and_answers(anywhere: LogBuilder, tmp_path: Path) -> None:
    log = anywhere
    expect(log, "select name, fact, rows, sample, problem from _cksync.checks where rows > 0 or problem is not null")
    expect(log, "select name, problem from _cksync.models where problem is not null")
    for (name,) in log.rows("select name from _cksync.models"):
        assert log.rows(f"from {name}") is not None
    assert write_report(log.folder, tmp_path / "report.html").size > 0


# -- amounts


def test_an_unknown_amount_is_in_no_sum_and_divides_no_average(log: LogBuilder) -> None:
    expect(
        log,
        "select currency, orders, orders_without_amount, revenue, average_order_value from revenue_daily"
        " where currency in ('AAA', 'BBB') order by currency",
        ("AAA", 2, 1, *money(10, 10)),
        ("BBB", 1, 1, *money(None, None)),
    )
    expect(
        log,
        "select currency, orders, orders_without_amount, revenue, average_order_value, valued_customers,"
        " customer_value, monetary_band from customer_value where currency in ('AAA', 'BBB') order by currency",
        ("AAA", 2, 1, *money(10, 10), 1, *money(10), 1),
        ("BBB", 1, 1, *money(None, None), 0, None, None),
    )
    expect(
        log,
        "select currency, lines, lines_without_amount, revenue, revenue_per_order from revenue_by_product"
        " where currency in ('AAA', 'BBB') order by currency",
        ("AAA", 2, 1, *money(10, 10)),
        ("BBB", 1, 1, *money(None, None)),
    )
    expect(
        log,
        "select currency, orders_without_amount, revenue, organic_revenue, attributed_revenue"
        " from organic_vs_attributed where currency in ('AAA', 'BBB') order by currency",
        ("AAA", 1, *money(10, 10, 0)),
        ("BBB", 1, *money(None, None, 0)),
    )
    expect(log, "select revenue from attribution_last_touch where purchase_id in (201, 203)", (None,), (None,))


def test_a_discount_that_cannot_be_read_is_not_zero(log: LogBuilder) -> None:
    """The total determines the net of the first; of the second, nothing does."""
    expect(
        log,
        "select id, gross, discount, net from fct_purchase where currency = 'CCC' order by id",
        (204, *money(20, None, 15)),
        (205, *money(30, None, None)),
    )


def test_a_quantity_or_price_that_is_not_known_makes_units_and_gross_unknown(log: LogBuilder) -> None:
    expect(
        log,
        "select product, units, lines_without_units, gross, discount, revenue, average_unit_price"
        " from revenue_by_product where currency = 'DDD' order by product",
        ("back", -2, 0, *money(-10, None, -10, 5)),
        ("free", 3, 0, *money(None, None, 6, None)),
        ("half", None, 1, *money(None, None, 30, None)),
        ("none", 0, 0, *money(0, None, 0, None)),
        ("null", None, 1, *money(None, None, 5, None)),
    )
    expect(
        log,
        "select units, orders_without_units, gross, revenue from revenue_daily where currency = 'DDD'",
        (1, 2, *money(31, 31)),
    )
    expect(
        log,
        "select id, units from fct_purchase where currency = 'DDD' order by id",
        (211, None),
        (212, 0),
        (213, -2),
        (214, None),
        (215, 3),
    )


def test_an_order_that_cannot_be_split_is_in_a_row_of_its_own(log: LogBuilder) -> None:
    """One of two lines has an unreadable price: of 45, it is unknown what each earned."""
    expect(
        log,
        "select product_key, orders, units, gross, discount, revenue, lines_without_amount, average_unit_price,"
        " revenue_per_order from revenue_by_product where currency = 'EEE' order by product_key",
        ("pid:known", 2, 6, *money(60, 4, 36), 1, *money(10, 36)),
        ("pid:unknown", 1, 1, *money(None, None, None), 1, None, None),
        ("unsplit", 1, None, *money(None, 5, 45), 0, *money(None, 45)),
    )


def test_a_product_of_price_and_quantity_that_is_too_large_stops_no_model(log: LogBuilder) -> None:
    expect(log, "select gross, net from fct_purchase_item where currency = 'FFF'", money(None, 1))


def test_opens_of_an_impossible_rate_are_not_known(log: LogBuilder) -> None:
    expect(log, "select opens, clickers from fct_broadcast where id = 301", (None, 2))
    expect(
        log,
        "select broadcasts, recipients, average_recipients, open_recipients, opens, unsubscribe_recipients"
        " from engagement_trend where period = 'month'",
        (3, 200, 100.0, 100, 20, 200),
    )


def test_a_currency_is_one_however_it_is_written(log: LogBuilder) -> None:
    expect(
        log,
        "select currency, orders, revenue from customer_value where buyer = 'x7@example.com'",
        ("USD", 3, *money(7)),
    )
    expect(
        log,
        "select currency from purchases where id in (221, 222, 223) order by id",
        ("usd",),
        ("USD",),
        (" usd ",),
    )
    ((many, distinct),) = log.rows("select count(*), count(distinct upper(trim(currency))) from dim_currency")
    assert many == distinct


# -- dates


def test_days_begin_with_the_first_plausible_one(log: LogBuilder) -> None:
    """The first pull is on 1 March, the second on 2 March at 23:00 there."""
    expect(
        log,
        "select min(day), max(day), count(*), sum(joined), sum(undated) from list_growth_daily",
        (date(2026, 1, 11), date(2026, 3, 2), 51, 2, 6),
    )
    expect(
        log,
        "select day, joined, undated from list_growth_daily where joined + undated > 0 order by day",
        (date(2026, 1, 11), 2, 0),
        (date(2026, 3, 1), 0, 6),
    )


def test_who_joined_on_no_plausible_day_is_in_a_group_of_the_cohorts(log: LogBuilder) -> None:
    expect(
        log,
        "select variant, value, cohort, size, active from cohort_retention where value in ('all', 'undated')"
        " order by all",
        ("all", "all", date(2026, 1, 1), 2, 2),
        ("all", "undated", date(2026, 3, 1), 6, 3),
        ("form", "undated", date(2026, 3, 1), 6, 3),
        ("source", "undated", date(2026, 3, 1), 6, 3),
        ("tag", "undated", date(2026, 3, 1), 6, 3),
    )


def test_an_impossible_sign_up_is_of_no_month_and_of_no_window(log: LogBuilder) -> None:
    expect(
        log,
        "select id, created_on, tenure_days from dim_subscriber order by id",
        (ANN, date(2026, 1, 11), 50),
        *((key, None, None) for key in (BOB, CYD, DEE, EVE, FAY)),
        (HAL, date(2026, 1, 11), 50),
    )
    expect(
        log,
        "select source_key, new_leads, leads_30_days, leads_180_days from ltv_by_source"
        " where dimension = 'signup_month' order by source_key",
        ("", 5, 0, 0),
        ("2026-01", 2, 2, 0),
    )


def test_a_customer_whose_days_are_not_known_has_a_row_in_velocity(log: LogBuilder) -> None:
    """Ann bought after 40 days, Hal after 21, Bob at an unknown time."""
    expect(
        log,
        "select stretch, customers, cumulative_customers from velocity where customers > 0 order by place",
        ("day 7 to 29", 1, 1),
        ("day 30 to 89", 1, 2),
        ("unknown", 1, 3),
    )


def test_a_join_on_an_impossible_day_is_not_the_first(log: LogBuilder) -> None:
    expect(
        log,
        "select id, first_form, first_tag, acquisition_source from dim_subscriber where first_form is not null"
        f" or id in ({BOB}, {CYD}, {HAL}) order by id",
        (ANN, "Guide", None, "form"),
        (BOB, None, None, "unknown"),
        (CYD, None, None, "unknown"),
        (HAL, None, None, "unknown"),
    )
    expect(
        log,
        "select subscribable_id, joins, joins_30_days, buyers from lead_magnet_conversion"
        " where subscribable_type = 'form' order by subscribable_id",
        (70, 3, 1, 1),
        (71, 1, 0, 0),
    )
    expect(log, "select id, last_joined_at from dim_form order by id", (70, utc("2026-01-10 12:00")), (71, None))


def test_an_order_of_an_impossible_day_is_in_the_row_without_a_day(log: LogBuilder) -> None:
    expect(
        log,
        "select day, orders, revenue from revenue_daily where currency = 'GGG' order by day",
        (date(2026, 2, 20), 2, *money(96)),
        (None, 2, *money(24)),
    )
    expect(
        log,
        "select orders, revenue, first_purchase_at, last_purchase_at, days_since_last from customer_value"
        " where currency = 'GGG' and buyer = 'ann@example.com'",
        (3, *money(56), utc("2026-02-20 00:00"), utc("2026-02-20 00:00"), 10),
    )
    expect(log, "select id from fct_purchase where buyer = 'ann@example.com' and is_first_order", (233,))


def test_orders_of_the_future_are_not_of_the_last_28_days(log: LogBuilder) -> None:
    """It includes 233 and 234, and three of Hal's of which one was refunded; 211 to 218 and others are older."""
    expect(log, "select orders_28d, revenue_28d, revenue_currency from audience_snapshot", (4, *money(96), "GGG"))


def test_a_broadcast_was_sent_at_the_first_of_its_times_that_can_be(log: LogBuilder) -> None:
    expect(
        log,
        "select id, sent_at from fct_broadcast order by id",
        (301, utc("2026-02-10 10:00")),
        (302, utc("2026-02-01 10:00")),
        (303, utc("2026-02-11 10:00")),
    )


# -- one customer


def test_a_person_who_changed_the_address_is_one_customer(log: LogBuilder) -> None:
    """Of four orders under two addresses one was refunded; one arrived late, under the old address."""
    expect(
        log,
        "select id, subscriber_id, buyer, is_counted, order_number from fct_purchase where currency = 'HHH'"
        " order by id",
        (241, HAL, "hal.new@example.com", True, 1),
        (242, HAL, "hal.new@example.com", True, 3),
        (243, HAL, "hal.new@example.com", True, 2),
        (244, HAL, "hal.new@example.com", False, None),
    )
    expect(
        log,
        "select buyer, subscriber_id, orders, revenue, is_repeat from customer_value where currency = 'HHH'",
        ("hal.new@example.com", HAL, 3, *money(15), True),
    )
