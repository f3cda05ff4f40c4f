"""Sections about the list over time: growth and churn."""

from datetime import timedelta

import duckdb

from cksync.analyze.report.components import (
    Chart,
    Figure,
    FigureTable,
    Row,
    Rows,
    SectionContent,
    TableColumn,
    row,
    rows,
)
from cksync.analyze.report.formatting import count, day, month, people, percent, signed
from cksync.plural import plural

RECENT_DAYS, RECENT_WEEKS = 90, 52
# With fewer New Leads in these days, days are only noise, and weeks are shown.
ENOUGH = 180

_GROWTH = """
    select
        date_trunc($grain, day)::date as start,
        sum(joined)::bigint as joined,
        case when count(lost) = count(*) then sum(lost)::bigint end as lost,
        case when count(net) = count(*) then sum(net)::bigint end as net,
        max_by(active_end, day) as active
    from list_growth_daily
    where day >= $since
    group by all
    order by start
"""
_NEW, _LOST, _MEAN = ("c1", "New Leads"), ("c2", "Lost"), ("ink", "Seven-day average")
_GROWTH_COLUMNS = (
    TableColumn("joined", "New Leads"),
    TableColumn("lost", "Lost"),
    TableColumn("net", "Net", "signed"),
    TableColumn("active", "Active at the end"),
)


def growth(db: duckdb.DuckDBPyConnection) -> SectionContent:
    """Answer "Is the list growing?"."""
    span = row(
        db,
        """
        select min(day) as first, max(day) as last, count(*) as days, coalesce(sum(joined), 0)::bigint as joined,
            min(day) filter (active_end is not null) as known_from,
            coalesce(max(day) filter (precision = 'at least'), known_from) as pulled_from,
            sum(joined) filter (day > (select max(day) from list_growth_daily) - $days)::bigint as joined_lately
        from list_growth_daily
        """,
        {"days": RECENT_DAYS},
    )
    glance = row(db, "select active, people, joined_28d, net_28d from audience_snapshot")
    if not span.get("joined") and not glance.get("people"):
        return SectionContent(nothing="No one is on the list.")
    lead = f"{people(glance['active'])} {'is' if glance['active'] == 1 else 'are'} active"
    if glance["joined_28d"] is not None:
        lead += f"; {count(glance['joined_28d'])} joined in the last 28 days"
    if glance["net_28d"] is not None:
        lead += f", a net change of {signed(glance['net_28d'])}"
    figures = [_days(db, span) if _is_daily(span) else _weeks(db, span), *_active(db, span)]
    if span["days"] > RECENT_DAYS:
        figures.append(_whole(db, span))
    return SectionContent(f"{lead}.", figures)


def _is_daily(span: Row) -> bool:
    return bool(span["days"] <= RECENT_DAYS or span["joined_lately"] >= ENOUGH)


def _days(db: duckdb.DuckDBPyConnection, span: Row) -> Figure:
    found = rows(
        db,
        """
        select day as start, joined, lost, net, joined_average_7d as average, active_end as active, precision
        from list_growth_daily
        where day > (select max(day) from list_growth_daily) - $days
        order by day
        """,
        {"days": RECENT_DAYS},
    )
    table = FigureTable(
        "Day by day",
        (TableColumn("start", "Day", "day"), *_GROWTH_COLUMNS, TableColumn("precision", "Precision", "text")),
        found[::-1],
    )
    note = "The curve is the seven-day average."
    return _figure(span, found, "day", f"The last {plural(len(found), 'day')}", note, table)


def _weeks(db: duckdb.DuckDBPyConnection, span: Row) -> Figure:
    monday = span["last"] - timedelta(days=span["last"].weekday())
    found = rows(db, _GROWTH, {"grain": "week", "since": monday - timedelta(weeks=RECENT_WEEKS - 1)})
    table = FigureTable("Week by week", (TableColumn("start", "Week from", "day"), *_GROWTH_COLUMNS), found[::-1])
    note = "Weeks begin on Monday; the current week is incomplete."
    return _figure(span, found, "week", f"The last {plural(len(found), 'week')}", note, table)


def _whole(db: duckdb.DuckDBPyConnection, span: Row) -> Figure:
    """All years, in at most a few hundred points."""
    years = span["days"] / 365
    unit = "week" if years <= 3 and _is_daily(span) else "month" if years <= 30 else "year"
    found = rows(db, _GROWTH, {"grain": unit, "since": span["first"]})
    start = TableColumn("start", unit.capitalize(), "day" if unit == "week" else "month")
    table = FigureTable(f"{unit.capitalize()} by {unit}", (start, *_GROWTH_COLUMNS), found[::-1])
    return _figure(span, found, unit, "All time", f"Since {day(span['first'])}, by {unit}.", table)


def _figure(span: Row, found: Rows, unit: str, title: str, note: str, table: FigureTable) -> Figure:
    """New people above the line, lost ones below it; `found` has a row for each day, week or month."""
    key = [_NEW]
    if any(each["lost"] for each in found):
        key.append(_LOST)
    if "average" in found[0]:
        key.append(_MEAN)
    if span["known_from"] is None:
        note += " Losses are unknown until the first pull is complete."
    elif span["known_from"] == span["pulled_from"] > found[0]["start"]:
        note += f" Losses are known from the first pull on, which was on {day(span['known_from'])}."
    elif span["pulled_from"] > found[0]["start"]:
        note += f" Before the first pull, which was on {day(span['pulled_from'])}, losses are cancellations alone."
    label = f"New Leads and lost people by {unit}, {day(found[0]['start'])} to {day(found[-1]['start'])}."
    chart = Chart("growth", label, found, {"unit": unit, "knownFrom": span["pulled_from"]}, key)
    return Figure(title, note, chart, table)


def _active(db: duckdb.DuckDBPyConnection, span: Row) -> list[Figure]:
    if not span["known_from"] or (span["last"] - span["known_from"]).days < 2:
        return []
    known = (span["last"] - span["known_from"]).days
    unit = "day" if known < 400 else "week" if known < 2500 else "month"
    found = rows(
        db,
        """
        select max(day) as day, max_by(active_end, day) as active
        from list_growth_daily
        where active_end is not null
        group by date_trunc($unit, day)
        order by 1
        """,
        {"unit": unit},
    )
    chart = Chart("line", f"Active people by {unit} since {day(found[0]['day'])}.", found, {"x": "day", "y": "active"})
    table = FigureTable(
        "Active people", (TableColumn("day", "Day", "day"), TableColumn("active", "Active")), found[::-1]
    )
    note = "At the end of each day. The axis does not start at zero, to show changes."
    if span["pulled_from"] == span["known_from"]:
        return [Figure("Active people since the first pull", note, chart, table)]
    note += f" Before the first pull, which was on {day(span['pulled_from'])}, without people who have bounced,"
    note += " complained or been deleted since."
    return [Figure("Active people", note, chart, table)]


def churn(db: duckdb.DuckDBPyConnection) -> SectionContent:
    """Answer "Who leaves?"."""
    found = rows(db, "from churn_monthly order by month")[-36:]
    if not found:
        return SectionContent(nothing="Churn is available from the second day of pulls.")
    last = found[-1]
    lead = f"In {month(last['month'])}, {count(last['cancelled'])} of {people(last['active_start'])} cancelled"
    lead += f": a churn rate of {percent(last['churn_rate'])}"
    if last["days_covered"] < last["days_in_month"]:
        lead += f", over {plural(last['days_covered'], 'known day')}"
    if last["lost"]:
        lead += f". {count(last['early_lost'])} of the {people(last['lost'])} lost had joined at most 30 days earlier"
    reasons = ("cancelled", "bounced", "complained", "deleted")
    chart = Chart(
        "stack",
        f"People lost by month, from {month(found[0]['month'])} to {month(last['month'])}, by reason.",
        [{"x": each["month"], "part": reason, "y": each[reason]} for each in found for reason in reasons],
        {"parts": reasons, "unit": "month", "what": "People"},
        (("c2", "cancelled"), ("c5", "bounced"), ("c4", "complained"), ("soft", "deleted")),
    )
    columns = (
        TableColumn("month", "Month", "month"),
        TableColumn("days_covered", "Known days"),
        TableColumn("active_start", "Active at the start"),
        *(TableColumn(reason, reason.capitalize()) for reason in reasons),
        TableColumn("churn_rate", "Churn rate", "percent"),
        TableColumn("lost_rate", "Lost rate", "percent"),
        TableColumn("early_lost", "Lost within 30 days"),
    )
    note = ""
    if any(each["precision"] == "at least" for each in found):
        columns = (*columns, TableColumn("precision", "Precision", "text"))
        note = "In months before the end of the first pull, only cancellations are known."
    table = FigureTable("Month by month", columns, found[::-1], is_open=len(found) <= 6)
    return SectionContent(f"{lead}.", [Figure("People lost by month", note, chart, table)])
