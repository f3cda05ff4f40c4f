"""The models of the small account, row by row, computed by hand."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from tests.support.accounts.small import ANN, BLOG, BOB, CYD, DEE, EVE, FAY, GUS, HAL, IDA, SOCIAL, small_account
from tests.support.expected_rows import day, expect, money, utc
from tests.support.log_builder import LogBuilder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    return small_account(tmp_path_factory.mktemp("small") / "data")


def night(number: int, minutes: int = 0) -> datetime:
    """Return a moment of a pull, from 0."""
    return datetime(2026, 3, 1 + number, 9, tzinfo=UTC) + timedelta(minutes=minutes)


def test_every_fact_holds_and_every_model_is_made(log: LogBuilder) -> None:
    expect(log, "select name, rows, problem from _cksync.checks where rows > 0 or problem is not null")
    expect(log, "select name, problem from _cksync.models where problem is not null")


def test_dim_pull(log: LogBuilder) -> None:
    expect(
        log,
        "select load_id, ended_at, is_first from dim_pull order by all",
        *((log.ids[number], night(number, 30), number == 0) for number in range(4)),
    )


def test_fct_state_change(log: LogBuilder) -> None:
    fay, gus, hal = utc("2026-03-02 03:00"), utc("2026-03-02 06:00"), utc("2026-03-02 20:00")
    before = "select started_at from _cksync.loads order by load_id"
    samples = [began_at for (began_at,) in log.rows(before)]
    expect(
        log,
        "select subscriber_id, from_state, to_state, happened_on, precision, changed_after, changed_before,"
        " is_entering, is_leaving from fct_state_change order by seen_at, subscriber_id, precision",
        (FAY, None, "active", day("2026-03-01"), "exact", fay, fay, True, False),
        (GUS, None, "active", day("2026-03-02"), "exact", gus, gus, True, False),
        (BOB, "active", "cancelled", day("2026-03-02"), "interval", samples[0], night(1, 3), False, True),
        (HAL, None, "active", day("2026-03-02"), "exact", hal, hal, True, False),
        (HAL, "active", "cancelled", day("2026-03-03"), "interval", hal, night(2, 2), False, True),
        (DEE, "active", "bounced", day("2026-03-03"), "interval", samples[1], night(2, 3), False, True),
        (EVE, "active", "deleted", day("2026-03-03"), "interval", samples[1], night(2, 3), False, True),
        (CYD, "cancelled", "active", day("2026-03-04"), "interval", samples[2], night(3, 1), True, False),
        (IDA, None, "active", day("2026-03-04"), "interval", samples[2], night(3, 1), True, False),
    )  # fmt: skip


def test_list_growth_daily(log: LogBuilder) -> None:
    """On 1 March four were seen active, and Fay joined that day, as the next pull shows."""
    columns = "day, joined, new, lost, net, active_start, active_end, precision"
    expect(
        log,
        f"select {columns} from list_growth_daily where day >= '2026-02-28' order by day",
        (day("2026-02-28"), 0, 0, None, None, None, None, "unknown"),
        (day("2026-03-01"), 1, 1, None, None, None, 5, "unknown"),
        (day("2026-03-02"), 2, 2, 1, 1, 5, 6, "interval"),
        (day("2026-03-03"), 0, 0, 3, -3, 6, 3, "interval"),
        (day("2026-03-04"), 0, 2, 0, 2, 3, 5, "interval"),
    )
    joined = log.rows("select day, joined from list_growth_daily where joined > 0 and day < '2026-03-01' order by day")
    assert joined == [
        (day("2025-12-01"), 1),
        (day("2026-01-10"), 1),
        (day("2026-01-20"), 1),
        (day("2026-01-31"), 1),
        (day("2026-02-15"), 1),
        (day("2026-02-20"), 1),
    ]
    expect(log, "select count(*), min(day) from list_growth_daily", (94, day("2025-12-01")))


def test_rates_and_averages_of_list_growth_daily(log: LogBuilder) -> None:
    expect(
        log,
        "select growth_rate, joined_average_7d, joined_average_28d, net_average_7d from list_growth_daily"
        " where day >= '2026-03-01' order by day",
        (None, 1 / 7, 3 / 28, None),  # Eve is ten days ago, Dee fifteen
        (20.0, 3 / 7, 5 / 28, None),
        (-50.0, 3 / 7, 5 / 28, None),
        (100 * 2 / 3, 3 / 7, 5 / 28, None),
    )
    expect(log, "select max(joined_average_7d) from list_growth_daily where day < '2025-12-07'", (None,))


def test_churn_monthly(log: LogBuilder) -> None:
    """Of the four who left, Bob joined 29.2 days before it was seen, Dee 16 and Eve 11, Hal one."""
    expect(
        log,
        "select * from churn_monthly",
        (day("2026-03-01"), 31, 3, 5, 2, 1, 0, 1, 4, 40.0, 80.0, 4, 100.0, "interval"),
    )


def test_cohort_retention(log: LogBuilder) -> None:
    columns = "cohort, months_since, is_complete, size, active, round(retention_rate, 3), is_supported, precision"
    expect(
        log,
        f"select {columns} from cohort_retention where variant = 'all' order by cohort",
        (day("2025-12-01"), 3, False, 1, 1, 100.0, False, "unknown"),
        (day("2026-01-01"), 2, False, 3, 2, 66.667, False, "unknown"),  # Bob has left, Ann and Cyd are there
        (day("2026-02-01"), 1, False, 2, 0, 0.0, False, "unknown"),
        (day("2026-03-01"), 0, False, 3, 2, 66.667, False, "unknown"),
    )
    expect(
        log,
        "select variant, value, sum(size), sum(active) from cohort_retention where variant <> 'all'"
        " group by all order by all",
        ("form", "Guide", 2, 1),
        ("form", "deleted", 1, 0),
        ("form", "none", 6, 4),
        ("source", "deleted", 1, 0),
        ("source", "news letter", 1, 1),
        ("source", "sequence", 1, 0),
        ("source", "social.example.net", 1, 0),
        ("source", "tag", 1, 1),
        ("source", "unknown", 4, 3),
        ("tag", "Buyer", 1, 1),
        ("tag", "V.I.P.", 1, 1),
        ("tag", "deleted", 1, 0),
        ("tag", "none", 6, 3),
    )
    # Wilson for 2 of 3, with 1.96: the centre is (2/3 + 0.6403) / 2.2805 = 57.3 %, half the width 36.5 %
    expect(
        log,
        "select round(retention_low, 1), round(retention_high, 1) from cohort_retention"
        " where variant = 'all' and cohort = '2026-01-01'",
        (20.8, 93.9),
    )


def test_dim_subscriber(log: LogBuilder) -> None:
    expect(
        log,
        "select id, state, created_on, tenure_days, first_form, first_tag, acquisition_source, referrer_host,"
        " utm_source, utm_medium, utm_campaign, form_count, tag_count, sequence_count, order_count, is_customer,"
        " days_to_first_purchase, revenue, revenue_currency, orders_without_amount from dim_subscriber where id <= 4"
        " order by id",
        (ANN, "active", day("2026-01-10"), 53, "Guide", "Buyer", "news letter", "blog.example.org", "news letter",
         "email", "spring sale", 1, 2, 0, 2, True, 21, *money("115.0000"), "USD", 0),
        (BOB, "cancelled", day("2026-01-31"), 32, "Guide", None, "social.example.net", "social.example.net", None,
         None, None, 1, 0, 0, 1, True, 31, *money("10.0000"), "EUR", 0),
        (CYD, "active", day("2026-01-20"), 43, None, "V.I.P.", "tag", None, None, None, None, 0, 0, 0, 0, False, None,
         None, None, 0),
        (DEE, "bounced", day("2026-02-15"), 17, None, None, "sequence", None, None, None, None, 0, 0, 1, 0, False,
         None, None, None, 0),
    )  # fmt: skip
    expect(
        log,
        f"select email_domain, email_hash, first_form_id, first_tag_id, first_purchase_at from dim_subscriber"
        f" where id = {BOB}",
        ("example.com", sha256(b"bob@example.com").hexdigest(), 70, None, utc("2026-03-03 12:00")),
    )
    expect(
        log,
        "select id, state_precision, state_since from dim_subscriber order by id",
        (ANN, "unknown", None),
        (BOB, "interval", night(1, 3)),
        (CYD, "interval", night(3, 1)),
        (DEE, "interval", night(2, 3)),
        (FAY, "exact", utc("2026-03-02 03:00")),
        (GUS, "exact", utc("2026-03-02 06:00")),
        (HAL, "interval", night(2, 2)),
        (IDA, "interval", night(3, 1)),
    )


def test_hist_subscriber(log: LogBuilder) -> None:
    expect(
        log,
        f"select id, valid_from, change, changed_columns, is_current, state from hist_subscriber"
        f" where id in ({ANN}, {BOB}, {EVE}) order by id, valid_from, change desc",
        (ANN, night(0, 5), "insert", None, False, "active"),
        (ANN, night(3, 1), "update", "email_address", True, "active"),
        (BOB, night(0, 5), "insert", None, False, "active"),
        (BOB, night(1, 3), "update", "state", True, "cancelled"),
        (EVE, night(0, 5), "insert", None, False, "active"),
        (EVE, night(2, 3), "delete", None, False, "active"),
    )


def test_bridge_membership(log: LogBuilder) -> None:
    columns = (
        "subscription_id, subscribable_type, name, subscriber_id, stay, referrer, is_current, left_before,"
        " left_precision"
    )
    expect(
        log,
        f"select {columns} from bridge_membership order by subscription_id",
        (101, "form", "Guide", ANN, 1, BLOG, True, None, None),
        (102, "form", "Guide", BOB, 1, SOCIAL, True, None, None),
        (103, "tag", "V.I.P.", ANN, 1, None, True, None, None),
        (104, "tag", "V.I.P.", CYD, 1, None, False, night(2, 4), "interval"),
        (105, "tag", "Buyer", ANN, 1, None, True, None, None),
        (106, "sequence", "Welcome", DEE, 1, None, True, None, None),
    )
    ((after, began_at),) = log.rows(
        f"select left_after, (select started_at from _cksync.loads where load_id = '{log.ids[1]}')"
        " from bridge_membership where subscription_id = 104"
    )
    assert after == began_at


def test_dimensions_of_what_people_are_in(log: LogBuilder) -> None:
    """Five are active: Ann, Cyd, Fay, Gus and Ida."""
    columns = "id, name, former_names, members, active_members, members_ever, share_of_list_rate"
    expect(
        log,
        f"select {columns} from dim_tag order by id",
        (7, "V.I.P.", "VIP", 1, 1, 2, 20.0),
        (8, "Buyer", None, 1, 1, 1, 20.0),
    )
    expect(log, f"select {columns}, type from dim_form", (70, "Guide", None, 2, 1, 2, 20.0, "embed"))
    expect(log, f"select {columns}, hold from dim_sequence", (90, "Welcome", None, 1, 0, 1, 0.0, False))
    expect(
        log,
        "select subscribable_type, subscribable_id, first_joined_at, last_joined_at from membership_totals"
        " where subscribable_id = 7",
        ("tag", 7, utc("2026-01-11 12:00"), utc("2026-01-20 12:00")),
    )


def test_dim_custom_field(log: LogBuilder) -> None:
    """Bob's plan does not count, because he has cancelled, nor does Gus's, which is empty."""
    expect(
        log,
        "select id, key, filled, distinct_values, active_subscribers, fill_rate from dim_custom_field order by id",
        (1, "plan", 1, 1, 5, 20.0),
        (2, "state", 1, 1, 5, 20.0),
    )


def test_subscribers_wide(log: LogBuilder) -> None:
    expect(
        log,
        f"select id, first_name, state, plan, field_state from subscribers_wide where id in ({ANN}, {GUS}) order by id",
        (ANN, "Ann", "active", "pro", "NY"),
        (GUS, "Gus", "active", "", None),
    )


def test_fct_purchase(log: LogBuilder) -> None:
    columns = (
        "id, is_counted, subscriber_id, is_orphan, currency, purchased_on, net, units, order_number, is_first_order"
    )
    expect(
        log,
        f"select {columns} from fct_purchase order by id",
        (201, True, ANN, False, "USD", day("2026-01-31"), *money("90.0000"), 3, 1, True),
        (202, True, ANN, False, "USD", day("2026-03-02"), *money("25.0000"), 3, 2, False),
        (203, False, ANN, False, "EUR", day("2026-01-15"), *money("50.0000"), 1, None, False),
        (204, True, None, True, "EUR", day("2026-02-10"), *money("20.0000"), 1, 1, True),
        (205, True, BOB, False, "EUR", day("2026-03-03"), *money("10.0000"), None, 1, True),
    )


def test_fct_purchase_item(log: LogBuilder) -> None:
    """The third of 25 is 8.3333; the rounding error goes to the first line."""
    expect(
        log,
        "select purchase_id, position, product, is_counted, quantity, gross, discount_share, net"
        " from fct_purchase_item order by all",
        (201, 1, "Course", True, 1, *money("50.0000", "5.0000", "45.0000")),
        (201, 2, "Book", True, 2, *money("50.0000", "5.0000", "45.0000")),
        (202, 1, "A", True, 1, *money("1.0000", None, "8.3334")),
        (202, 2, "B", True, 1, *money("1.0000", None, "8.3333")),
        (202, 3, "C", True, 1, *money("1.0000", None, "8.3333")),
        (203, 1, "Course", False, 1, *money("50.0000", None, "50.0000")),
        (204, 1, "Gift", True, 1, *money("0.0000", None, "20.0000")),
    )


def test_fct_broadcast(log: LogBuilder) -> None:
    """Sent on 28 February at 21:00 in New York; three of four opened it, one clicked."""
    expect(
        log,
        "select id, is_sent, sent_at, sent_on, recipients, opens, clickers, total_clicks, unsubscribes,"
        " unsubscribe_rate, round(click_to_open_rate, 3), stats_seen_at from fct_broadcast order by id",
        (301, True, utc("2026-03-01 02:00"), day("2026-02-28"), 4, 3, 1, 3, 1, 25.0, 33.333, night(1, 4)),
        (302, False, None, None, 0, None, None, None, None, None, None, night(0, 13)),
    )


def test_fct_broadcast_daily(log: LogBuilder) -> None:
    expect(
        log,
        "select broadcast_id, day, days_since_sent, opens, new_opens, new_clickers, new_total_clicks,"
        " new_unsubscribes, seen_before_at, precision from fct_broadcast_daily order by day",
        (301, day("2026-03-01"), 1, 2, 2, 1, 2, 0, None, "unknown"),
        (301, day("2026-03-02"), 2, 3, 1, 0, 1, 1, night(0, 13), "interval"),
    )


def test_list_health(log: LogBuilder) -> None:
    expect(
        log,
        "select kind, name, people, of_people, people_rate, is_alarming from list_health order by all",
        ("field", "Plan", 1, 5, 20.0, None),
        ("field", "State", 1, 5, 20.0, None),
        ("problem", "bounced or complained", 1, 8, 12.5, True),
        ("state", "active", 5, 8, 62.5, None),
        ("state", "bounced", 1, 8, 12.5, None),
        ("state", "cancelled", 2, 8, 25.0, None),
        ("tag", "never tagged", 4, 5, 80.0, None),
    )


def test_audience_snapshot(log: LogBuilder) -> None:
    expect(
        log,
        "select active, people, joined_7d, joined_28d, net_7d, last_subject, last_sent_at, last_recipients,"
        " customers, orders_28d, revenue_28d, revenue_currency, orders_without_amount_28d, last_pull_at,"
        " hours_since_pull, incomplete_lists from audience_snapshot",
        (5, 8, 3, 5, None, "Hello", utc("2026-03-01 02:00"), 4, 3, 3, *money("30.0000"), "EUR", 0, night(3, 30),
         0.0, 0),
    )  # fmt: skip


def test_sync_health(log: LogBuilder) -> None:
    expect(
        log,
        "select stream, lists, is_complete, read_to, lag_hours, added_7d, changed_7d, removed_7d, last_success_at"
        " from sync_health where stream in ('subscribers', 'subscriptions', 'tags') order by stream",
        ("subscribers", 3, True, night(2, 3), 24.0, 9, 4, 1, night(3, 30)),
        ("subscriptions", 4, True, night(0, 7), 71.9, 6, 0, 1, night(3, 30)),
        ("tags", 1, True, night(1, 1), 48.0, 2, 1, 0, night(3, 30)),
    )
