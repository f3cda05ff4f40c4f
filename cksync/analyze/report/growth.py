"""Sections about the list: growth, churn, health, cohorts."""

import duckdb

from cksync.analyze.report.parts import Answer, Chart, Column, Figure, Row, Rows, Table, row, rows
from cksync.analyze.report.words import count, day, many, month, named, people, percent, signed

RECENT_DAYS = 90
COHORTS = 24

_GROWTH = """
    select
        date_trunc($grain, day)::date as start,
        sum(joined)::bigint as joined,
        case when count(lost) = count(*) then sum(lost)::bigint end as lost,
        case when count(net) = count(*) then sum(net)::bigint end as net,
        max_by(active_end, day) as active
    from list_growth_daily
    group by all
    order by start
"""
_KEY = (("c1", "New Leads"), ("c2", "Lost"))
_GROWTH_COLUMNS = (
    Column("joined", "New Leads"),
    Column("lost", "Lost"),
    Column("net", "Net", "signed"),
    Column("active", "Active at the end"),
)


def growth(db: duckdb.DuckDBPyConnection) -> Answer:
    """Is the list growing?"""
    span = row(
        db,
        """
        select min(day) as first, max(day) as last, count(*) as days, coalesce(sum(joined), 0)::bigint as joined,
            min(day) filter (active_end is not null) as known_from
        from list_growth_daily
        """,
    )
    glance = row(db, "select active, people, joined_28d, net_28d from audience_snapshot")
    if not span.get("joined") and not glance.get("people"):
        return Answer(nothing="Nobody is on the list.")
    lead = f"{people(glance['active'])} {'is' if glance['active'] == 1 else 'are'} active"
    if glance["joined_28d"] is not None:
        lead += f"; {count(glance['joined_28d'])} joined in the last 28 days"
    if glance["net_28d"] is not None:
        lead += f", and with those who left that makes {signed(glance['net_28d'])}"
    return Answer(f"{lead}.", [_recent(db, span), *_whole(db, span)])


def _recent(db: duckdb.DuckDBPyConnection, span: Row) -> Figure:
    found = rows(
        db,
        """
        select day as start, joined, lost, net, joined_average_7d as average, active_end as active,
            precision
        from list_growth_daily
        where day > (select max(day) from list_growth_daily) - $days
        order by day
        """,
        {"days": RECENT_DAYS},
    )
    note = "A day's New Leads above the line, the active people lost below it. The curve is the mean of seven days."
    if span["known_from"] is None:
        note += " Who left is not known before the first pull has ended."
    elif span["known_from"] > found[0]["start"]:
        note += f" Who left is known from the day after the first pull on; that was on {day(span['known_from'])}."
    chart = Chart(
        "growth",
        f"New Leads and lost people by day, from {day(found[0]['start'])} to {day(found[-1]['start'])}.",
        found,
        {"unit": "day", "knownFrom": span["known_from"]},
        (*_KEY, ("ink", "Mean of seven days")),
    )
    table = Table(
        "Day by day",
        (Column("start", "Day", "day"), *_GROWTH_COLUMNS, Column("precision", "Precision", "text")),
        list(reversed(found)),
    )
    return Figure(f"The last {many(len(found), 'day')}", note, chart, table)


def _whole(db: duckdb.DuckDBPyConnection, span: Row) -> list[Figure]:
    """All years, in at most a few hundred points; and the number of active people, where several pulls know it."""
    if span["days"] <= RECENT_DAYS:
        return _active(db, span)
    unit = "week" if span["days"] <= 3 * 365 else "month"
    found = rows(db, _GROWTH, {"grain": unit})
    chart = Chart(
        "growth",
        f"New Leads and lost people by {unit}, since {day(span['first'])}.",
        found,
        {"unit": unit, "knownFrom": span["known_from"]},
        _KEY if any(each["lost"] for each in found) else _KEY[:1],
    )
    start = Column("start", unit.capitalize(), "month" if unit == "month" else "day")
    table = Table(f"By {unit}", (start, *_GROWTH_COLUMNS), list(reversed(found)))
    note = f"People who joined in each {unit}, whatever became of them, since {day(span['first'])}."
    return [*_active(db, span), Figure("From the beginning", note, chart, table)]


def _active(db: duckdb.DuckDBPyConnection, span: Row) -> list[Figure]:
    if not span["known_from"] or (span["last"] - span["known_from"]).days < 2:
        return []
    unit = "day" if (span["last"] - span["known_from"]).days <= 400 else "week"
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
    table = Table("Active people", (Column("day", "Day", "day"), Column("active", "Active")), list(reversed(found)))
    note = "At the end of the day. The axis does not begin at zero, so that changes show."
    return [Figure("Active people since the first pull", note, chart, table)]


def churn(db: duckdb.DuckDBPyConnection) -> Answer:
    """Who leaves?"""
    found = rows(db, "from churn_monthly order by month")[-36:]
    if not found:
        return Answer(nothing="Nothing yet: churn is known from the second day of pulls on.")
    last = found[-1]
    lead = f"In {month(last['month'])}, {count(last['cancelled'])} of {people(last['active_start'])} cancelled"
    lead += f": a churn rate of {percent(last['churn_rate'])}"
    if last["days_covered"] < last["days_in_month"]:
        lead += f", over the {many(last['days_covered'], 'day')} that are known"
    if last["lost"]:
        lead += f". {count(last['early_lost'])} of {count(last['lost'])} who left had joined at most 30 days before"
    reasons = ("cancelled", "bounced", "complained", "deleted")
    chart = Chart(
        "stack",
        f"People lost by month, from {month(found[0]['month'])} to {month(last['month'])}, by what became of them.",
        [{"x": each["month"], "part": reason, "y": each[reason]} for each in found for reason in reasons],
        {"parts": reasons, "unit": "month", "what": "People"},
        (("c2", "cancelled"), ("c4", "bounced"), ("c3", "complained"), ("c5", "deleted")),
    )
    columns = (
        Column("month", "Month", "month"),
        Column("days_covered", "Days known"),
        Column("active_start", "Active at the start"),
        *(Column(reason, reason.capitalize()) for reason in reasons),
        Column("churn_rate", "Churn rate", "percent"),
        Column("lost_rate", "Lost rate", "percent"),
        Column("early_lost", "Lost within 30 days"),
    )
    table = Table("Month by month", columns, list(reversed(found)), is_open=len(found) <= 6)
    return Answer(f"{lead}.", [Figure("People lost by month", "", chart, table)])


def health(db: duckdb.DuckDBPyConnection) -> Answer:
    """How healthy is the list?"""
    found = rows(db, "from list_health order by people desc, name")
    states = [each for each in found if each["kind"] == "state"]
    if not states:
        return Answer(nothing="Nobody is on the list.")
    problem = next(each for each in found if each["kind"] == "problem")
    untagged = next(each for each in found if each["kind"] == "tag")
    lead = f"{percent(problem['people_rate'])} bounced or complained"
    lead += ", which is above the alarm" if problem["is_alarming"] else ""
    lead += f"; {percent(untagged['people_rate'])} of the active people carry no tag." if untagged["of_people"] else "."
    figures = [
        _shares("People by state", "", states, "State", "c1"),
    ]
    fields = [each for each in found if each["kind"] == "field" and each["of_people"]][:15]
    if fields:
        note = "Of the active people, how many have a value in each custom field."
        figures.append(_shares("Custom fields that are filled", note, fields, "Field", "c3"))
    return Answer(lead, figures)


def _shares(title: str, note: str, found: Rows, what: str, color: str) -> Figure:
    bars = [
        {
            "name": each["name"],
            "value": each["people_rate"],
            "text": percent(each["people_rate"]),
            "people": each["people"],
        }
        for each in found
    ]
    label = (
        f"{title}: " + ", ".join(f"{named(each['name'])} {percent(each['people_rate'])}" for each in found[:5]) + "."
    )
    chart = Chart("bars", label, bars, {"color": color, "tips": {"people": "People"}, "max": 100})
    columns = (Column("name", what, "text"), Column("people", "People"), Column("people_rate", "Share", "percent"))
    return Figure(title, note, chart, Table("The numbers", columns, found))


def cohorts(db: duckdb.DuckDBPyConnection) -> Answer:
    """Do people stay?"""
    found = rows(
        db,
        """
        select cohort, month, months_since, size, active, retention_rate, retention_low, retention_high, is_supported,
            precision
        from cohort_retention
        where variant = 'all' and cohort > (
            select max(cohort) - to_months($cohorts::integer) from cohort_retention where variant = 'all'
        )
        order by cohort, month
        """,
        {"cohorts": COHORTS},
    )
    if not found:
        return Answer(nothing="Nothing yet: nobody has joined.")
    latest = max(each["month"] for each in found)
    now = [each for each in found if each["month"] == latest]
    kept, joined = sum(each["active"] for each in now), sum(each["size"] for each in now)
    lead = (
        f"Of the {people(joined)} known from the last {many(len(now), 'month')} of joining, {count(kept)} are active."
    )
    chart = Chart(
        "retention",
        f"Share of each month's New Leads that is active now, {month(now[0]['cohort'])} to {month(now[-1]['cohort'])}.",
        now,
        {"least": 0},
        (("c1", "Share still active"), ("soft", "May be so by chance (95 %)")),
    )
    columns = (
        Column("cohort", "Joined in", "month"),
        Column("size", "People"),
        Column("active", "Active now"),
        Column("retention_rate", "Still active", "percent"),
        Column("retention_low", "At least", "percent"),
        Column("retention_high", "At most", "percent"),
        Column("precision", "Precision", "text"),
    )
    figures = [Figure("Still active, by month of joining", "", chart, Table("The numbers", columns, now[::-1]))]
    months = len({each["month"] for each in found})
    if months >= 3:
        heat = Chart(
            "cohorts",
            f"Share still active by month of joining and months since, for {months} months that pulls cover.",
            found,
            {},
        )
        by_month = (
            Column("cohort", "Joined in", "month"),
            Column("month", "At the end of", "month"),
            Column("months_since", "Months since"),
            Column("size", "People"),
            Column("active", "Active"),
            Column("retention_rate", "Still active", "percent"),
        )
        note = "Each row is a month of joining, each column the end of a month; before the first pull nothing is known."
        figures.append(Figure("Month after month", note, heat, Table("The numbers", by_month, found[::-1])))
    return Answer(lead, figures)
