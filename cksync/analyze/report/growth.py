"""Sections about the list over time: growth and churn."""

from collections.abc import Mapping, Sequence

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
from cksync.analyze.report.periods import BINS, Period, default_of
from cksync.plural import plural

DAYS = 92
_NEW, _LOST = ("c1", "New Leads"), ("c2", "Lost")
_GROWTH_COLUMNS = (
    TableColumn("joined", "New Leads"),
    TableColumn("lost", "Lost"),
    TableColumn("net", "Net", "signed"),
    TableColumn("active", "Active at the end"),
)


def growth(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> SectionContent:
    """Answer "Is the list growing?"."""
    span = row(
        db,
        """
        select coalesce(sum(joined), 0)::bigint as joined, min(day) filter (active_end is not null) as known_from,
            coalesce(max(day) filter (precision = 'at least'), known_from) as pulled_from
        from list_growth_daily
        """,
    )
    glance = row(db, "select active, people, joined_28d, net_28d from audience_snapshot")
    if not periods or (not span.get("joined") and not glance.get("people")):
        return SectionContent(nothing="No one is on the list.")
    lead = f"{people(glance['active'])} {'is' if glance['active'] == 1 else 'are'} active"
    if glance["joined_28d"] is not None:
        lead += f"; {count(glance['joined_28d'])} joined in the last 28 days"
    if glance["net_28d"] is not None:
        lead += f", a net change of {signed(glance['net_28d'])}"
    binned = {period.name: _binned(db, period) for period in periods}
    figures = [_flows(db, span, periods, binned), *_active(periods, span, binned), *_by_month(periods, binned)]
    return SectionContent(f"{lead}.", figures)


def _binned(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    """Each bin of a period, beside the bin of the same place before it."""
    now = _sums(db, period)
    before = _sums(db, period.before) if period.before else [dict.fromkeys(now[0])] * len(now)
    beside = ("joined", "lost", "active")
    return [
        {**each, **{f"before_{name}": past[name] for name in beside}} for each, past in zip(now, before, strict=True)
    ]


def _sums(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    return rows(
        db,
        f"""
        select bin.start, bin.stop, coalesce(sum(joined), 0)::bigint as joined,
            case when count(lost) = count(*) then sum(lost)::bigint end as lost,
            case when count(net) = count(*) then sum(net)::bigint end as net,
            max_by(active_end, day) as active
        from {BINS} as bin
        left join list_growth_daily on day >= bin.start and day < bin.stop
        group by all
        order by bin.start
        """,
        {"starts": period.parameters["starts"], "stops": period.parameters["stops"]},
    )


def _flows(db: duckdb.DuckDBPyConnection, span: Row, periods: Sequence[Period], binned: Mapping[str, Rows]) -> Figure:
    """New people above the line, lost ones below it."""
    names = ("start", "stop", "joined", "lost", "active", "before_joined")
    views = {
        period.name: Chart(
            "growth",
            f"New Leads and lost people by {period.unit}, {day(period.start)} to {day(period.end)}.",
            [{name: each[name] for name in names} for each in binned[period.name]],
            {"unit": period.unit, "knownFrom": span["pulled_from"]},
        )
        for period in periods
    }
    shown = views[default_of(periods).name]
    has_lost = any(each["lost"] for found in binned.values() for each in found)
    key = [_NEW, _LOST] if has_lost else [_NEW]
    chart = Chart(shown.kind, shown.label, shown.rows, shown.options, key, views, can_compare=True)
    found = rows(
        db,
        """
        select day as start, joined, lost, net, active_end as active, precision
        from list_growth_daily
        order by day desc
        limit $days
        """,
        {"days": DAYS},
    )
    columns = (TableColumn("start", "Day", "day"), *_GROWTH_COLUMNS, TableColumn("precision", "Precision", "text"))
    return Figure(
        "New and lost people",
        _losses(span, periods),
        chart,
        FigureTable(f"Day by day, the last {plural(len(found), 'day')}", columns, found, time="start"),
    )


def _losses(span: Row, periods: Sequence[Period]) -> str:
    """Since when losses are known."""
    if span["known_from"] is None:
        return "Losses are unknown until the first pull is complete."
    if span["known_from"] == span["pulled_from"] > periods[-1].start:
        return f"Losses are known from the first pull on, which was on {day(span['known_from'])}."
    if span["pulled_from"] > periods[-1].start:
        return f"Before the first pull, which was on {day(span['pulled_from'])}, losses are cancellations alone."
    return ""


def _active(periods: Sequence[Period], span: Row, binned: Mapping[str, Rows]) -> list[Figure]:
    if not span["known_from"] or (periods[-1].end - span["known_from"]).days < 2:
        return []
    views = {
        period.name: Chart(
            "line",
            f"Active people by {period.unit}, {day(period.start)} to {day(period.end)}.",
            [
                {"day": each["stop"], "active": each["active"], "before": each["before_active"]}
                for each in binned[period.name]
                if each["active"] is not None
            ],
            {"x": "day", "y": "active", "ends": True, "what": "Active people"},
        )
        for period in periods
    }
    shown = views[default_of(periods).name]
    chart = Chart(shown.kind, shown.label, shown.rows, shown.options, (), views, can_compare=True)
    note = "At the end of each day or week. The axis does not start at zero, to show changes."
    if span["pulled_from"] > periods[-1].start and span["pulled_from"] != span["known_from"]:
        note += f" Before the first pull, which was on {day(span['pulled_from'])}, without people who have bounced,"
        note += " complained or been deleted since."
    return [Figure("Active people", note, chart)]


def _by_month(periods: Sequence[Period], binned: Mapping[str, Rows]) -> list[Figure]:
    """All of a list that is older than the days in the first table."""
    whole = periods[-1]
    if whole.unit not in ("month", "year"):
        return []
    title = f"{whole.unit.capitalize()} by {whole.unit}"
    columns = (TableColumn("start", whole.unit.capitalize(), "month"), *_GROWTH_COLUMNS)
    return [Figure("", table=FigureTable(title, columns, binned[whole.name][::-1]))]


def churn(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Who leaves?"."""
    found = rows(db, "from churn_monthly order by month")[-36:]
    if not found:
        return SectionContent(nothing="Churn is available from the second day of pulls.")
    complete = [each for each in found if each["days_covered"] == each["days_in_month"]]
    last = (complete or found)[-1]
    lead = f"In {month(last['month'])}, {count(last['cancelled'])} of {people(last['active_start'])} cancelled"
    lead += f": a churn rate of {percent(last['churn_rate'])}"
    if last["days_covered"] < last["days_in_month"]:
        lead += f", over {plural(last['days_covered'], 'known day')}"
    if last["lost"]:
        lead += f". {count(last['early_lost'])} of the {people(last['lost'])} lost had joined at most 30 days earlier"
    reasons = ("cancelled", "bounced", "complained", "deleted")
    chart = Chart(
        "stack",
        f"People lost by month, from {month(found[0]['month'])} to {month(found[-1]['month'])}, by reason.",
        [{"x": each["month"], "part": reason, "y": each[reason]} for each in found for reason in reasons],
        {"parts": reasons, "unit": "month", "what": "People"},
        (("c2", "cancelled"), ("c5", "bounced"), ("c4", "complained"), ("soft", "deleted")),
        time="x",
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
