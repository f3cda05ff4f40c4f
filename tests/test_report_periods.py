"""Periods of the report, the figures of each, the line at the top, and the brand of `[report]`."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.analyze.report import write_report
from cksync.analyze.report.hero import hero
from cksync.analyze.report.kpis import NEEDS, tiles
from cksync.analyze.report.periods import Period, default_of, periods_of
from cksync.analyze.report.subjects import smallest
from cksync.branding import CONTRAST, ReportConfig, contrast, data_url, readable
from cksync.config import load_config
from cksync.errors import BadConfig
from tests.support.accounts.small import small_account

LAST = date(2026, 1, 1)
GROUNDS = ("#f6f5f2", "#1d2026")
PICTURE = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty mirror, in which a test creates the models it needs."""
    with duckdb.connect() as db:
        yield db


def days(db: duckdb.DuckDBPyConnection, joined: str, active: str = "1000 - n", count: int = 400) -> None:
    """Create a list of `count` days; `n` is the number of days before the last one."""
    db.execute(
        f"""
        create table list_growth_daily as
        select date '2026-01-01' - n::integer as day, ({joined})::bigint as joined, 0 as lost, 1 as net,
            ({active})::bigint as active_end, 'exact' as precision
        from range({count}) as t(n)
        """
    )


# -- periods


@given(st.integers(min_value=0, max_value=150_000))
def test_bins_cover_every_day_of_a_period_once(length: int) -> None:
    first = LAST - timedelta(length)
    for period in periods_of(first, LAST):
        for each in filter(None, (period, period.before)):
            assert each.bins[0][0] == each.start
            assert each.bins[-1][1] == each.end + timedelta(1)
            assert all(one[1] == other[0] for one, other in zip(each.bins, each.bins[1:], strict=False))
            assert len(each.bins) <= 450


@given(st.integers(min_value=0, max_value=2000))
def test_the_period_before_is_as_long_and_lies_within_the_list(length: int) -> None:
    first = LAST - timedelta(length)
    for period in periods_of(first, LAST):
        if period.before:
            assert period.before.days == period.days
            assert first <= period.before.start
            assert period.before.end == period.start - timedelta(1)
            assert len(period.before.bins) == len(period.bins)


@pytest.mark.parametrize(
    ("length", "names", "default"),
    [(1, ["all"], "all"), (29, ["28", "all"], "all"), (366, ["28", "90", "365", "all"], "365")],
)
def test_periods_are_those_that_the_list_is_old_enough_for(length: int, names: list[str], default: str) -> None:
    periods = periods_of(LAST - timedelta(length - 1), LAST)
    assert [period.name for period in periods] == names
    assert default_of(periods).name == default


# -- figures


def figures(db: duckdb.DuckDBPyConnection, periods: tuple[Period, ...]) -> dict[str, dict[str, tuple[str | None, str]]]:
    """Return the change and the mood of each tile for each period."""
    db.execute("create table audience_snapshot as select 1000 as active, 1200 as people, 7 as customers")
    db.execute("create table dim_currency as select 'USD' as currency, 1 as currency_rank, 1 as orders")
    db.execute(
        """
        create table broadcast_performance as
        select n as id, date '2026-01-01' - n::integer as sent_on, 1000 as recipients,
            case when n < 28 then 300 when n < 56 then 200 else 305 end as opens, 20 as clickers
        from range(400) as t(n);
        create table revenue_daily as
        select date '2026-01-01' - n::integer as day, 'USD' as currency, 1 as orders, 10.0::decimal(18, 4) as revenue,
            0 as orders_without_amount, 1 as new_orders
        from range(400) as t(n)
        """
    )
    return {
        tile.label: {name: (view.delta, view.mood) for name, view in tile.views.items()}
        for tile in tiles(db, periods, NEEDS)
    }


def test_a_change_within_chance_has_no_mood(db: duckdb.DuckDBPyConnection) -> None:
    days(db, "case when n < 28 then 10 when n < 56 then 5 when n < 90 then 10 else 9 end")
    found = figures(db, tuple(periods_of(LAST - timedelta(399), LAST)))
    assert found["New Leads"]["28"] == ("+100 %", "good")
    assert found["New Leads"]["90"][1] == "flat"
    assert found["New Leads"]["all"] == (None, "flat")
    assert found["Open rate"]["28"] == ("+10.0 points", "good")
    assert found["Click rate"]["28"] == ("+0.0 points", "flat")
    assert found["Revenue"]["28"] == ("+0 %", "flat")


def test_tiny_broadcasts_are_those_far_below_the_median() -> None:
    assert smallest([]) == 20
    assert smallest([{"recipients": each} for each in (3, 1000, 1200)]) == 50


# -- the line at the top


def test_the_line_is_of_active_people_where_they_are_known(db: duckdb.DuckDBPyConnection) -> None:
    days(db, "2")
    chart = hero(db, periods_of(LAST - timedelta(399), LAST), {"list_growth_daily"})
    assert chart is not None
    assert chart.options["what"] == "Active people"
    assert chart.rows[-1]["value"] == 1000


def test_the_line_says_why_it_counts_everyone_who_joined(db: duckdb.DuckDBPyConnection) -> None:
    days(db, "2", "case when n = 0 then 9 end")
    chart = hero(db, periods_of(LAST - timedelta(399), LAST), {"list_growth_daily"})
    assert chart is not None
    assert chart.options["what"] == "People who joined"
    assert chart.rows[-1]["value"] == 800
    assert "API v3 does not tell when people left" in chart.options["note"]


def test_launches_are_first_weeks_and_peaks_far_above_the_usual_week(db: duckdb.DuckDBPyConnection) -> None:
    days(db, "2")
    db.execute("create table fct_purchase (id bigint)")
    db.execute(
        """
        create table fct_purchase_item as
        -- every week one, and nine in one week a year later: no launch, one peak
        select 'guide' as product, n as purchase_id, date '2025-01-06' + (7 * n)::integer as purchased_on,
            true as is_counted
        from range(50) as t(n)
        union all
        select 'guide', 100 + n, date '2025-09-01', true from range(9) as t(n)
        union all
        -- sold for a week alone: a launch, no peak
        select 'course', 200 + n, date '2025-06-02' + (n % 5)::integer, true from range(20) as t(n)
        union all
        -- refunded
        select 'book', 300 + n, date '2025-07-01', false from range(20) as t(n)
        """
    )
    there = {"list_growth_daily", "fct_purchase_item", "fct_purchase"}
    chart = hero(db, periods_of(LAST - timedelta(399), LAST), there)
    assert chart is not None
    assert chart.options["launches"]["columns"] == [["course"], [date(2025, 6, 2)], [20]]
    assert chart.options["peaks"]["columns"] == [["guide"], [date(2025, 9, 1)], [10]]


# -- the brand


@given(st.integers(min_value=0, max_value=0xFFFFFF).map("#{:06x}".format))
def test_any_colour_becomes_readable_in_light_and_dark(color: str) -> None:
    for found, ground in zip(readable(color), GROUNDS, strict=True):
        assert contrast(found, ground) >= CONTRAST


def test_the_report_has_the_title_logo_and_colour_of_the_configuration(tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(PICTURE)
    brand = ReportConfig("Bread & <Butter>", logo, "#0a5c36")
    path = tmp_path / "report.html"
    write_report(small_account(tmp_path / "data").folder, path, brand)
    html = path.read_text()
    assert "<title>Bread &amp; &lt;Butter&gt; · report</title>" in html
    assert f'<img class="logo" src="{data_url(logo)}" alt="">' in html
    assert "--c1: #0a5c36;" in html


def test_the_configuration_names_what_is_wrong(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[report]\ntitle = "Weekly"\nlogo = "logo.png"\ncolor = "#0A5C36"\n')
    assert load_config(config, {}).report == ReportConfig("Weekly", tmp_path / "logo.png", "#0a5c36")
    config.write_text('[report]\ntitle = 3\ncolor = "green"\nlogos = "a"\n')
    with pytest.raises(BadConfig) as caught:
        load_config(config, {})
    said = str(caught.value)
    assert "report.title: must be one line" in said
    assert 'report.color: must be a colour such as "#0b62a8"' in said
    assert "report.logos: unknown key" in said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<html>", "is not a PNG, JPEG, GIF, WebP or SVG picture"),
        (PICTURE + bytes(400_000), "is larger than 300 kB"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_logo_that_is_no_picture_is_refused(tmp_path: Path, data: bytes | None, said: str) -> None:
    logo = tmp_path / "logo"
    if data is not None:
        logo.write_bytes(data)
    with pytest.raises(BadConfig, match=said):
        data_url(logo)
