"""Sections about the people on the list: their health, and how long they stay."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import Chart, Figure, FigureTable, Rows, SectionContent, TableColumn, rows
from cksync.analyze.report.formatting import count, month, named, people, percent
from cksync.analyze.report.periods import Period
from cksync.plural import plural

COHORTS, BARS = 24, 15


def health(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "How healthy is the list?"."""
    found = rows(db, "from list_health order by people desc, name")
    states = [each for each in found if each["kind"] == "state"]
    if not states:
        return SectionContent(nothing="No one is on the list.")
    problem = next(each for each in found if each["kind"] == "problem")
    untagged = next(each for each in found if each["kind"] == "tag")
    lead = f"{percent(problem['people_rate'])} bounced or complained"
    lead += ", above the alarm threshold" if problem["is_alarming"] else ""
    lead += f"; {percent(untagged['people_rate'])} of active people have no tag." if untagged["of_people"] else "."
    figures = [
        _shares("People by state", "", states, "State", "c1"),
    ]
    fields = [each for each in found if each["kind"] == "field" and each["of_people"]]
    if fields:
        note = "Share of active people with a value in each custom field."
        figures.append(_shares("Custom fields in use", note, fields, "Field", "c3"))
    return SectionContent(lead, figures)


def _shares(title: str, note: str, found: Rows, what: str, color: str) -> Figure:
    bars = [
        {
            "name": each["name"],
            "value": each["people_rate"],
            "text": percent(each["people_rate"]),
            "people": each["people"],
        }
        for each in found[:BARS]
    ]
    label = (
        f"{title}: " + ", ".join(f"{named(each['name'])} {percent(each['people_rate'])}" for each in found[:5]) + "."
    )
    chart = Chart("bars", label, bars, {"color": color, "tips": {"people": "People"}, "max": 100})
    columns = (
        TableColumn("name", what, "text"),
        TableColumn("people", "People"),
        TableColumn("people_rate", "Share", "percent"),
    )
    return Figure(title, note, chart, FigureTable("The numbers", columns, found), scope="today")


def cohorts(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Do people stay?"."""
    found = rows(
        db,
        """
        select cohort, month, months_since, size, active, retention_rate, retention_low, retention_high, is_supported,
            precision
        from cohort_retention
        where variant = 'all' and value = 'all' and cohort > (
            select max(cohort) - to_months($cohorts::integer)
            from cohort_retention
            where variant = 'all' and value = 'all'
        )
        order by cohort, month
        """,
        {"cohorts": COHORTS},
    )
    if not found:
        return SectionContent(nothing="No one has joined yet.")
    latest = max(each["month"] for each in found)
    now = [each for each in found if each["month"] == latest]
    kept, joined = sum(each["active"] for each in now), sum(each["size"] for each in now)
    lead = (
        f"Of {people(joined)} who joined in the last {plural(len(now), 'month')} with data, {count(kept)} are active."
    )
    chart = Chart(
        "retention",
        f"Share of each month's New Leads still active, {month(now[0]['cohort'])} to {month(now[-1]['cohort'])}.",
        now,
        {"least": 0},
        (("c1", "Share still active"), ("soft", "95 % confidence interval")),
    )
    columns = (
        TableColumn("cohort", "Joined in", "month"),
        TableColumn("size", "People"),
        TableColumn("active", "Active now"),
        TableColumn("retention_rate", "Still active", "percent"),
        TableColumn("retention_low", "At least", "percent"),
        TableColumn("retention_high", "At most", "percent"),
        TableColumn("precision", "Precision", "text"),
    )
    figures = [
        Figure(
            "Still active, by month of joining",
            "",
            chart,
            FigureTable("The numbers", columns, now[::-1]),
            scope="today",
        )
    ]
    months = len({each["month"] for each in found})
    is_past_known = any(each["precision"] == "at least" for each in found)
    if months >= 3:
        heat = Chart(
            "cohorts",
            f"Share still active by month of joining and months since, for {plural(months, 'month')}.",
            found,
            {},
        )
        by_month = (
            TableColumn("cohort", "Joined in", "month"),
            TableColumn("month", "At the end of", "month"),
            TableColumn("months_since", "Months since"),
            TableColumn("size", "People"),
            TableColumn("active", "Active"),
            TableColumn("retention_rate", "Still active", "percent"),
        )
        note = "Each row is a month of joining, each column the end of a month; "
        note += "before the first pull only cancellations are known." if is_past_known else ""
        note += "" if is_past_known else "nothing is known before the first pull."
        figures.append(
            Figure("Month after month", note, heat, FigureTable("The numbers", by_month, found[::-1]), scope="all time")
        )
    return SectionContent(lead, figures)
