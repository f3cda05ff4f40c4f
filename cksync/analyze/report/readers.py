"""Sections that API v4 answers: who still reads, and where the people come from."""

from collections.abc import Sequence

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
from cksync.analyze.report.formatting import NONE, count, moment, named, people, percent
from cksync.analyze.report.periods import Period

SOURCES, COUNTRIES = 12, 12
_RANGE = (("ink", "95 % range of the share"),)
_NOTHING = SectionContent(nothing="Only API v4 tells this, and the mirror has not read it through API v4.")


def engagement(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Who still reads?"."""
    total = row(
        db,
        """
        select count(*) as people, count(is_cold) as measured, count(*) filter (is_cold) as cold,
            (select count(*) from reengagement_candidates) as candidates, max(read_at) as read_at,
            max(window_days) as window_days
        from subscriber_engagement
        """,
    )
    if not total["measured"]:
        return _NOTHING
    share = 100 * total["cold"] / total["measured"]
    lead = f"{percent(share)} of active people are cold: {count(total['cold'])} of {count(total['measured'])}"
    lead += f"; {count(total['candidates'])} of them received email in the last {total['window_days']} days."
    return SectionContent(lead, [_recency(db, total), *_candidates(db)])


def _recency(db: duckdb.DuckDBPyConnection, total: Row) -> Figure:
    shown = rows(
        db,
        """
        select recency, count(*) as people, count(*) filter (is_cold) as cold, sum(sent)::bigint as sent,
            100.0 * sum(opened) / nullif(sum(sent), 0) as open_rate,
            100.0 * sum(clicked) / nullif(sum(sent), 0) as click_rate
        from subscriber_engagement
        group by recency
        order by min(coalesce(days_since_engaged, 100000)), recency
        """,
    )
    bars = [bar(each["recency"], 100 * each["people"] / total["people"], each["people"]) for each in shown]
    label = "Last open or click of active people: " + ", ".join(f"{bar['name']} {bar['text']}" for bar in bars) + "."
    columns = (
        TableColumn("recency", "Last open or click", "text"),
        TableColumn("people", "People"),
        TableColumn("cold", "Cold"),
        TableColumn("sent", "Emails sent"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
    )
    chart = Chart("bars", label, bars, {"color": "c1", "tips": {"people": "People"}})
    note = f"As read on {moment(total['read_at'])}. “Longer ago” includes people who never opened or clicked."
    return Figure("Last open or click", note, chart, FigureTable("The numbers", columns, shown), scope="today")


def _candidates(db: duckdb.DuckDBPyConnection) -> list[Figure]:
    """People to win back, without names."""
    found = rows(
        db,
        """
        select reason, count(*) as people, sum(order_count)::bigint as orders, sum(sent)::bigint as sent,
            median(tenure_days)::bigint as tenure_days
        from reengagement_candidates
        group by reason
        order by min(place)
        """,
    )
    if not found:
        return []
    columns = (
        TableColumn("reason", "Cold people", "text"),
        TableColumn("people", "People"),
        TableColumn("orders", "Orders"),
        TableColumn("sent", "Emails sent"),
        TableColumn("tenure_days", "Median days on the list"),
    )
    note = "Cold people who were mailed; `cksync sql @reengage` names them."
    return [
        Figure("People to win back", note, table=FigureTable("By reason", columns, found, is_open=True), scope="today")
    ]


def sources(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Where do people come from?"."""
    places = rows(db, "from geography where level = 'country' order by people desc, country")
    found = rows(
        db,
        """
        select *, coalesce(source, '(none)') as name
        from list_quality_by_source
        where dimension = 'acquisition_source'
        order by new_leads desc, source_key
        """,
    )
    if not places and not any(each["measured"] for each in found):
        return _NOTHING
    known = [each for each in found if each["source_key"] != "unknown"]
    if known:
        largest = known[0]
        lead = f"{people(largest['new_leads'])} came from {named(largest['name'])}, the largest source"
        lead += f"; {percent(largest['active_rate'])} of them are active"
        lead += f"; {percent(largest['cold_rate'])} of these are cold." if largest["cold_rate"] is not None else "."
    else:
        lead = "The source of no one is known."
    return SectionContent(lead, [_by_source(found), *_by_country(places)])


def _by_source(found: Rows) -> Figure:
    bars = [
        {
            **bar(
                each["name"], each["active_rate"], each["new_leads"], "leads", f" · cold {percent(each['cold_rate'])}"
            ),
            "low": each["active_low"],
            "high": each["active_high"],
        }
        for each in found[:SOURCES]
    ]
    label = "Share of people still active by source: "
    label += ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    columns = (
        TableColumn("name", "Source", "text"),
        TableColumn("new_leads", "New Leads"),
        TableColumn("active", "Active"),
        TableColumn("active_rate", "Still active", "percent"),
        TableColumn("active_low", "At least", "percent"),
        TableColumn("active_high", "At most", "percent"),
        TableColumn("early_lost_rate", "Left within 30 days", "percent"),
        TableColumn("cold_rate", "Cold", "percent"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
        TableColumn("conversion_rate", "Conversion Rate", "percent"),
        TableColumn("source_precision", "Source is", "text"),
    )
    note = "People still active, the largest sources first. The line at the end of a bar is the range of chance."
    chart = Chart("bars", label, bars, {"color": "c3", "tips": {"leads": "New Leads"}, "max": 100}, _RANGE)
    title = "All sources" if len(found) <= 100 else "The 100 largest sources"
    return Figure("Quality by source", note, chart, FigureTable(title, columns, found[:100]), scope="all time")


def _by_country(places: Rows) -> list[Figure]:
    if not places:
        return []
    named_places = [{**each, "name": each["country"] or "(unknown)"} for each in places]
    bars = [bar(each["name"], each["people_share_rate"], each["people"]) for each in named_places[:COUNTRIES]]
    label = "People by country: " + ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    columns = (
        TableColumn("name", "Country", "text"),
        TableColumn("people", "People"),
        TableColumn("active_rate", "Still active", "percent"),
        TableColumn("cold_rate", "Cold", "percent"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
        TableColumn("conversion_rate", "Purchase Rate", "percent"),
    )
    chart = Chart("bars", label, bars, {"color": "c1", "tips": {"people": "People"}})
    table = FigureTable("The numbers", columns, named_places[:100])
    return [Figure("Countries", "By IP address, in any state.", chart, table, scope="today")]


def bar(name: str, value: float, number: int | None, key: str = "people", more: str = "") -> Row:
    """A bar of a share; its text has the share, the number, and something more if that is known."""
    text = f"{percent(value)} · {count(number)}" + ("" if more.endswith(NONE) else more)
    return {"name": name, "value": value, "text": text, key: number}
