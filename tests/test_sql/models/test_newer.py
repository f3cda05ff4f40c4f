"""What v3 could not know, row by row, computed by hand: dates of cancellations, opens and clicks, links, emails of
sequences, sources and places."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, CANCELLED, whole
from cksync.pipeline.publishing import publish
from cksync.sqltext import sql_folder
from tests.support.accounts.newer import ANN, BOB, DEE, EVE, FAY, GUS, HAL, IDA, JON, KIM, everybody, newer_account
from tests.support.accounts.small import pulled
from tests.support.expected_rows import day, expect, money, utc
from tests.support.log_builder import LogBuilder

pytestmark = pytest.mark.heavy

FIRST, SECOND, THIRD = (utc(f"2026-03-0{number} 09:00") for number in (1, 4, 8))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogBuilder:
    return newer_account(tmp_path_factory.mktemp("newer") / "data")


def near(*numbers: float | None) -> list[Any]:
    return [None if number is None else pytest.approx(number, abs=1e-3) for number in numbers]


def test_every_fact_holds_and_every_model_is_made(log: LogBuilder) -> None:
    expect(log, "select name, fact, rows, sample from _cksync.checks where rows > 0 or problem is not null")
    expect(log, "select name, problem from _cksync.models where problem is not null")


# -- dates of cancellations


def test_fct_state_change(log: LogBuilder) -> None:
    """Gus's second date shows that he had come back; Eve's deletion has no date."""
    bob, gus, dee = utc("2026-01-10"), utc("2026-02-01"), utc("2026-03-02 12:00")
    again, came, went = utc("2026-03-03 06:00"), utc("2026-03-02 08:00"), utc("2026-03-03 10:00")
    expect(
        log,
        "select subscriber_id, from_state, to_state, changed_after, changed_before, precision, happened_on,"
        " is_entering, is_leaving, is_before_first_pull from fct_state_change"
        " order by changed_before, subscriber_id, is_leaving",
        (BOB, "active", "cancelled", bob, bob, "exact", day("2026-01-10"), False, True, True),
        (GUS, "active", "cancelled", gus, gus, "exact", day("2026-02-01"), False, True, True),
        (HAL, None, "active", came, came, "exact", day("2026-03-02"), True, False, False),
        (DEE, "active", "cancelled", dee, dee, "exact", day("2026-03-02"), False, True, False),
        (GUS, "cancelled", "active", FIRST, again, "interval", day("2026-03-03"), True, False, False),
        (GUS, "active", "cancelled", again, again, "exact", day("2026-03-03"), False, True, False),
        (HAL, "active", "cancelled", went, went, "exact", day("2026-03-03"), False, True, False),
        (EVE, "active", "deleted", SECOND, utc("2026-03-08 09:03"), "interval", day("2026-03-08"), False, True, False),
    )


def test_a_state_has_the_date_of_its_cancellation(log: LogBuilder) -> None:
    expect(
        log,
        "select id, state_precision, state_since from dim_subscriber where state = 'cancelled' order by id",
        (BOB, "exact", utc("2026-01-10")),
        (DEE, "exact", utc("2026-03-02 12:00")),
        (GUS, "exact", utc("2026-03-03 06:00")),
        (HAL, "exact", utc("2026-03-03 10:00")),
    )


def test_list_growth_reaches_back_to_the_first_sign_up(log: LogBuilder) -> None:
    """Cyd, who has bounced at an unknown time, is among the New Leads and never among the active."""
    expect(
        log,
        "select day, joined, new, lost, active_start, active_end, precision from list_growth_daily"
        " where joined + new + lost > 0 or day = '2026-03-01' order by day",
        (day("2024-01-01"), 1, 1, 0, 0, 1, "at least"),
        (day("2024-02-01"), 1, 1, 0, 1, 2, "at least"),
        (day("2025-06-01"), 1, 1, 0, 2, 3, "at least"),
        (day("2025-10-01"), 1, 1, 0, 3, 4, "at least"),
        (day("2025-11-01"), 1, 1, 0, 4, 5, "at least"),
        (day("2025-12-01"), 1, 1, 0, 5, 6, "at least"),
        (day("2025-12-05"), 1, 1, 0, 6, 7, "at least"),
        (day("2025-12-15"), 1, 0, 0, 7, 7, "at least"),
        (day("2026-01-10"), 0, 0, 1, 7, 6, "at least"),
        (day("2026-01-20"), 1, 1, 0, 6, 7, "at least"),
        (day("2026-02-01"), 0, 0, 1, 7, 6, "at least"),
        (day("2026-02-20"), 1, 1, 0, 6, 7, "at least"),
        (day("2026-03-01"), 0, 0, 0, 7, 7, "at least"),
        (day("2026-03-02"), 1, 1, 1, 7, 7, "exact"),
        (day("2026-03-03"), 0, 1, 2, 7, 6, "interval"),
        (day("2026-03-08"), 0, 0, 1, 6, 5, "interval"),
    )


def test_churn_reaches_back_to_the_first_sign_up(log: LogBuilder) -> None:
    """In March Dee left after ten days, Hal after one, Gus and Eve later."""
    expect(log, "select min(month), count(*) from churn_monthly", (day("2024-01-01"), 27))
    expect(
        log,
        "select month, days_covered, active_start, cancelled, deleted, lost, churn_rate, early_lost, precision"
        " from churn_monthly where month >= '2025-12-01' order by month",
        (day("2025-12-01"), 31, 5, 0, 0, 0, 0.0, 0, "at least"),
        (day("2026-01-01"), 31, 7, 1, 0, 1, *near(100 / 7), 0, "at least"),
        (day("2026-02-01"), 28, 7, 1, 0, 1, *near(100 / 7), 0, "at least"),
        (day("2026-03-01"), 8, 7, 3, 1, 4, *near(300 / 7), 2, "at least"),
    )


def test_cohorts_of_everyone_reach_back_to_the_first_sign_up(log: LogBuilder) -> None:
    """Bob, Gus and Cyd joined in December; the groups begin with the month of the first pull."""
    expect(
        log,
        "select month, months_since, size, active, precision from cohort_retention"
        " where variant = 'all' and cohort = '2025-12-01' order by month",
        (day("2025-12-01"), 0, 3, 2, "at least"),
        (day("2026-01-01"), 1, 3, 1, "at least"),
        (day("2026-02-01"), 2, 3, 0, "at least"),
        (day("2026-03-01"), 3, 3, 0, "at least"),
    )
    expect(log, "select min(month) from cohort_retention where variant <> 'all'", (day("2026-03-01"),))


def test_unsubscribed_from_a_sequence_by_date(log: LogBuilder) -> None:
    """Bob cancelled 39 days after entering, Gus 17; Jon is there."""
    expect(
        log,
        "select sequence_id, entered_30_days, unsubscribed_within_30_days, unknown_within_30_days, entered_90_days,"
        " unsubscribed_within_90_days, unknown_within_90_days, precision from sequence_funnel order by sequence_id",
        (90, 3, 1, 0, 2, 1, 0, "exact"),
        (91, 0, 0, 0, 0, 0, 0, "exact"),
    )


def test_an_average_of_active_people_before_the_first_pull_is_at_least(log: LogBuilder) -> None:
    expect(
        log,
        "select starts_on, broadcasts, active, reach_rate, precision from engagement_trend where period = 'month'"
        " order by starts_on",
        (day("2020-01-01"), 1, None, None, "unknown"),
        (day("2026-02-01"), 2, 7, *near(900 / 7), "at least"),
    )


def test_a_folder_that_v4_goes_on_with_gets_the_dates_of_the_past(tmp_path: Path) -> None:
    """Bob had cancelled before the first pull, which v3 made; v4 tells when."""
    log, past = LogBuilder(tmp_path / "data"), {BOB: "2026-01-10T00:00:00Z"}
    shown = everybody([ANN, BOB], past)
    ann, bob = ({"id": each["id"], **each} for each in next(iter(shown.values())))
    for each in (ann, bob):
        del each["attribution"], each["location"]
    pulled(log, 0, {ACTIVE: [ann], CANCELLED: [bob]})
    publish(Config(log.folder.root, "the test"), log.folder)
    expect(log, "select count(*), max(precision), max(lost) from list_growth_daily", (121, "unknown", None))
    expect(log, "select count(*) from churn_monthly union all select count(*) from fct_state_change", (0,), (0,))
    pulled(log, 1, shown)
    publish(Config(log.folder.root, "the test"), log.folder)
    expect(log, "select name, rows, sample from _cksync.checks where rows > 0 or problem is not null")
    expect(
        log,
        "select subscriber_id, happened_on, seen_at, precision, is_before_first_pull from fct_state_change",
        (BOB, day("2026-01-10"), utc("2026-03-01 09:02"), "exact", True),
    )
    expect(
        log,
        "select day, lost, active_end, precision from list_growth_daily where lost > 0 or day > '2026-03-01'"
        " order by day",
        (day("2026-01-10"), 1, 1, "at least"),
        (day("2026-03-02"), 0, 1, "exact"),
    )


def test_a_person_who_is_tagged_again_has_two_stays_without_ids(log: LogBuilder) -> None:
    expect(
        log,
        f"select stay, subscription_id, joined_at, is_current, left_after, left_before from bridge_membership"
        f" where subscriber_id = {IDA} order by stay",
        (1, None, utc("2025-07-01"), False, FIRST, utc("2026-03-04 09:03")),
        (2, None, utc("2026-03-05"), True, None, None),
    )


# -- opens and clicks


def test_subscriber_engagement(log: LogBuilder) -> None:
    """On 8 March Fay, who joined 47 days before, had opened nothing for 42."""
    read_at = utc("2026-03-08 09:05")
    columns = (
        "subscriber_id, read_at, window_days, sent, opened, open_rate, click_rate, days_since_engaged, recency,"
        " cold_after_days, is_cold, precision"
    )
    expect(
        log,
        f"select {columns} from subscriber_engagement order by subscriber_id",
        (ANN, read_at, 90, 9, 4, *near(400 / 9, 100 / 9), 3, "within 7 days", 90, False, "exact"),
        (FAY, read_at, 90, 3, 1, *near(100 / 3, 0), 42, "31 to 60 days ago", 30, True, "exact"),
        (IDA, read_at, 90, 5, 0, *near(0, 0), None, "longer ago", 90, True, "exact"),
        (JON, read_at, 90, 4, 0, *near(0, 0), None, "longer ago", 90, True, "exact"),
        (KIM, read_at, 90, 0, 0, None, None, None, "not mailed", 90, True, "exact"),
    )
    expect(
        log,
        "select name, people, of_people, people_rate from list_health where kind = 'engagement'",
        ("cold", 4, 5, 80.0),
    )


def test_reengagement_candidates(log: LogBuilder) -> None:
    """Ida's open of December is known from the first reading; Kim was not mailed."""
    expect(
        log,
        "select place, subscriber_id, reason, email_address, order_count, revenue, sent, last_engaged_at,"
        " days_since_engaged, precision from reengagement_candidates order by place",
        (1, FAY, "customer", "Fay@Example.com", 1, *money(30), 3, utc("2026-01-25"), 42, "exact"),
        (2, IDA, "once engaged", "Ida@Example.com", 0, None, 5, utc("2025-12-05"), 93, "exact"),
        (3, JON, "never engaged", "Jon@Example.com", 0, None, 4, None, None, "unknown"),
    )


@pytest.mark.parametrize(
    ("window", "joined_days", "opened_days", "is_cold"),
    [
        (90, 90, None, True),
        (90, 89, None, True),
        (90, 29, None, False),
        (90, 90, 90, False),
        (90, 90, 91, True),
        (90, 89, 31, True),
        (90, 30, 30, False),
        (30, 90, None, None),  # it may have been between the two
        (30, 89, None, True),
        (365, 400, 100, True),
        (90, None, None, None),
    ],
)
def test_who_is_cold(
    tmp_path: Path, window: int, joined_days: int | None, opened_days: int | None, is_cold: bool | None
) -> None:
    """Kit's definition: no open and click for 90 days, or for 30 of people who joined 30 to 89 days before."""
    with duckdb.connect(str(tmp_path / "mirror.duckdb")) as db:
        db.execute("set TimeZone = 'UTC'; create schema _cksync")
        now, ago = "timestamptz '2026-03-01 09:00:00+00'", "({} - to_hours(24 * {}::integer))"
        joined, opened = ("null" if n is None else ago.format(now, n) for n in (joined_days, opened_days))
        db.execute(
            f"create table _cksync.slices as select 'v4/subscriber_stats?days={window}' as slice,"
            f" 'subscriber_stats' as stream, {now} as cursor_at;"
            f" create table dim_subscriber as select 1 as id, 'active' as state, {joined}::timestamptz as created_at;"
            f" create table subscriber_stats as select 1 as subscriber_id, 4 as sent, 0 as opened, 0 as clicked,"
            f" 0 as bounced, null::timestamptz as last_sent, {opened}::timestamptz as last_opened,"
            f" null::timestamptz as last_clicked, 0 as sends_since_last_open, 0 as sends_since_last_click,"
            f" {window} as window_days, {now} as _synced_at"
        )
        sql = (sql_folder() / "models" / "marts" / "subscriber_engagement.sql").read_text()
        (found,) = db.execute(f"select is_cold, precision from ({sql}\n)").fetchall()
        assert found == (is_cold, "unknown" if is_cold is None else "exact")


def test_link_performance(log: LogBuilder) -> None:
    expect(
        log,
        "select broadcast_id, link_id, sent_on, recipients, host, page, unique_clicks, click_rate, click_to_open_rate,"
        " delivery_click_rate, click_share_rate, place, precision from link_performance order by broadcast_id, place",
        (301, 32, day("2026-02-27"), 10, "shop.example", "https://Shop.example/b", 3, 30.0, 60.0, *near(30), 75.0, 1,
         "exact"),
        (301, 31, day("2026-02-27"), 10, "shop.example", "https://www.shop.example/a", 1, 10.0, 20.0, *near(10), 25.0,
         2, "exact"),
        (302, 33, day("2026-02-21"), 8, "shop.example", "https://shop.example/a", None, None, None, *near(0), None, 1,
         "unknown"),
    )  # fmt: skip


def test_the_status_of_a_broadcast_is_known_without_figures(log: LogBuilder) -> None:
    """Those of 2020 have left the API."""
    expect(
        log,
        "select id, status, is_sent, sent_at, recipients from fct_broadcast order by id",
        (301, "completed", True, utc("2026-02-27 10:00"), 10),
        (302, "completed", True, utc("2026-02-21 10:00"), 8),
        (303, "completed", True, utc("2020-01-02 10:00"), None),
        (304, "scheduled", False, None, None),
    )


def test_sequence_email_performance(log: LogBuilder) -> None:
    """The second email is not published; the third comes half a day after the first."""
    expect(
        log,
        "select email_id, place, subject, is_published, days_after_entry, recipients, reach_rate, fewer_recipients,"
        " open_rate, click_rate, click_to_open_rate, unsubscribe_rate, is_unsubscribe_alarm, problem_rate, precision"
        " from sequence_email_performance order by place",
        (91, 1, "Part 1", True, 1.0, 10, 100.0, None, 50.0, 20.0, 40.0, 10.0, True, 10.0, "exact"),
        (92, 2, "Part 2", False, 6.0, 0, 0.0, 10, None, None, None, None, False, None, "exact"),
        (93, 3, "Part 3", True, 1.5, 4, 40.0, 6, 25.0, 0.0, 0.0, 0.0, False, 0.0, "exact"),
    )
    # Wilson for 5 of 10, with 1.96
    expect(
        log,
        "select open_rate_low, open_rate_high from sequence_email_performance where email_id = 91",
        near(23.6585, 76.3415),
    )
    expect(
        log,
        "select sequence_id, emails, published_emails, first_recipients, last_recipients, reach_rate, email_recipients,"
        " email_opens, email_open_rate, email_clickers, email_click_rate, email_unsubscribes from sequence_funnel"
        " order by sequence_id",
        (90, 3, 2, 10, 4, 40.0, 14, 6, *near(600 / 14), 2, *near(200 / 14), 1),
        (91, *[None] * 11),
    )


# -- sources and places


def test_sources_are_kits_where_it_tells_them(log: LogBuilder) -> None:
    """Ann's form named a blog, her attribution a search; Fay has a form alone; of Bob only the page is known."""
    expect(
        log,
        "select id, acquisition_source, referrer_host, utm_source, source_type, source_name, source_mechanism,"
        f" source_precision, country, region, city from dim_subscriber where id in ({ANN}, {BOB}, {FAY}, {KIM})"
        " order by id",
        (ANN, "search.example", "search.example", None, "form_subscription", None, None, "exact", "Japan", "Kyoto",
         "Kyoto"),
        (BOB, "landing_page", None, None, "form_subscription", "Guide", "landing_page", "exact", "Japan", None, None),
        (FAY, "letter", "blog.example", "letter", None, None, None, "assumed", "Brazil", "Bahia", None),
        (KIM, "unknown", None, None, None, None, None, "unknown", None, None, None),
    )  # fmt: skip
    expect(
        log,
        "select dimension, source_key, new_leads, precision from ltv_by_source"
        " where dimension in ('source_mechanism', 'source_type') order by all",
        ("source_mechanism", "", 9, "unknown"),
        ("source_mechanism", "landing_page", 1, "exact"),
        ("source_type", "", 8, "unknown"),
        ("source_type", "form_subscription", 2, "exact"),
    )
    expect(
        log,
        "select source_key, customer_value, precision from revenue_by_source"
        " where dimension = 'acquisition_source' and orders > 0",
        ("letter", *money(30), "assumed"),
    )


def test_list_quality_by_source(log: LogBuilder) -> None:
    """Gus and Jon, who is cold, entered a sequence first, Ida has a tag; of Cyd, Dee, Hal and Kim nothing is known."""
    columns = (
        "source_key, new_leads, active, active_rate, cancelled, troubled, early_lost, measured, cold, cold_rate, sent,"
        " open_rate, new_buyers, is_supported, source_precision, precision"
    )
    expect(
        log,
        f"select {columns} from list_quality_by_source where dimension = 'acquisition_source' order by source_key",
        ("landing_page", 1, 0, 0.0, 1, 0, 0, 0, 0, None, None, None, 0, False, "exact", "unknown"),
        ("letter", 1, 1, 100.0, 0, 0, 0, 1, 1, 100.0, 3, *near(100 / 3), 1, False, "assumed", "exact"),
        ("search.example", 1, 1, 100.0, 0, 0, 0, 1, 0, 0.0, 9, *near(400 / 9), 0, False, "exact", "exact"),
        ("sequence", 2, 1, 50.0, 1, 0, 0, 1, 1, 100.0, 4, 0.0, 0, True, "assumed", "exact"),
        ("tag", 1, 1, 100.0, 0, 0, 0, 1, 1, 100.0, 5, 0.0, 0, False, "assumed", "exact"),
        ("unknown", 4, 1, 25.0, 2, 1, 0, 1, 1, 100.0, 0, None, 0, True, "unknown", "exact"),
    )


def test_geography(log: LogBuilder) -> None:
    expect(
        log,
        "select level, country, region, people, active, measured, cold, open_rate, customers, precision from geography"
        " order by all",
        ("country", "", "", 7, 3, 3, 3, *near(0), 0, "unknown"),
        ("country", "Brazil", "", 1, 1, 1, 1, *near(100 / 3), 1, "assumed"),
        ("country", "Japan", "", 2, 1, 1, 0, *near(400 / 9), 0, "assumed"),
        ("region", "", "", 7, 3, 3, 3, *near(0), 0, "unknown"),
        ("region", "Brazil", "Bahia", 1, 1, 1, 1, *near(100 / 3), 1, "assumed"),
        ("region", "Japan", "", 1, 0, 0, 0, None, 0, "assumed"),
        ("region", "Japan", "Kyoto", 1, 1, 1, 0, *near(400 / 9), 0, "assumed"),
    )


def test_under_v3_the_models_of_v4_are_empty(tmp_path: Path) -> None:
    log = LogBuilder(tmp_path / "data")
    bob = {"id": 1, "email_address": "bob@example.com", "state": "active", "created_at": "2025-01-01T00:00:00Z"}
    pulled(log, 0, {whole("forms"): [{"id": 70, "name": "Guide"}], ACTIVE: [bob], CANCELLED: []})
    publish(Config(log.folder.root, "the test", models=ModelsConfig()), log.folder)
    for name in (
        "subscriber_engagement", "reengagement_candidates", "link_performance", "sequence_email_performance",
        "geography",
    ):  # fmt: skip
        assert log.rows(f"from {name}") == [], name
    expect(
        log,
        "select new_leads, active, measured, cold, sent, precision from list_quality_by_source"
        " where dimension = 'acquisition_source'",
        (1, 1, None, None, None, "unknown"),
    )
