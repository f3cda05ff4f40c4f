"""The section about buyers: their segments, and how long people take to buy."""

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
    rows,
)
from cksync.analyze.report.formatting import count, money, named, percent
from cksync.analyze.report.periods import Period
from cksync.plural import plural

CURRENCIES = 3
SEGMENTS = {
    "champion": "repeat, within 90 days, much revenue",
    "loyal": "repeat, within 180 days",
    "at risk": "repeat, longer ago",
    "new": "one order, within 90 days",
    "waning": "one order, within 180 days",
    "lost": "one order, longer ago",
}


def customers(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Who buys, and when?"."""
    found = rows(
        db,
        """
        select currency, segment, count(*) as customers, sum(orders)::bigint as orders, sum(revenue) as revenue,
            100.0 * count(*) / any_value(customers) as share_rate,
            try_cast(sum(revenue)::double / count(*) filter (revenue is not null) as decimal(18, 2)) as value,
            any_value(repeat_rate) as repeat_rate, any_value(customers) as all_customers
        from customer_value
        group by all
        order by all_customers desc, currency, customers desc, segment
        """,
    )
    if not found:
        return SectionContent(nothing="No one has bought anything yet.")
    velocity = rows(db, "from velocity order by place")
    first = found[0]
    code = f" in {named(first['currency'], 12)}" if first["currency"] else ""
    lead = (
        f"{percent(first['repeat_rate'])} of {plural(first['all_customers'], 'customer')}{code} bought more than once"
    )
    median = velocity[0]["median_time_to_purchase"] if velocity else None
    if median is not None:
        lead += f"; half of those who buy do so within {plural(round(median), 'day')} of joining"
    currencies = list(dict.fromkeys(each["currency"] for each in found))[:CURRENCIES]
    segments = [_segments([each for each in found if each["currency"] == currency]) for currency in currencies]
    return SectionContent(f"{lead}.", [segments[0], *_time_to_purchase(velocity), *segments[1:]])


def _segments(found: Rows) -> Figure:
    order = list(SEGMENTS)
    found = sorted(found, key=lambda each: order.index(each["segment"]) if each["segment"] in order else len(order))
    shown = [{**each, "means": SEGMENTS.get(each["segment"], "")} for each in found]
    bars = [_bar(each) for each in shown]
    code = named(found[0]["currency"], 12) if found[0]["currency"] else "(no currency)"
    label = f"Customers in {code} by segment: " + ", ".join(f"{bar['name']} {bar['text']}" for bar in bars) + "."
    columns = (
        TableColumn("segment", "Segment", "text"),
        TableColumn("means", "Last order", "text"),
        TableColumn("customers", "Customers"),
        TableColumn("share_rate", "Share", "percent"),
        TableColumn("orders", "Orders"),
        TableColumn("revenue", f"Revenue {code}", "money"),
        TableColumn("value", "Customer Value", "money"),
    )
    chart = Chart("bars", label, bars, {"color": "c3", "tips": {"orders": "Orders"}})
    table = FigureTable("The numbers", columns, shown)
    return Figure(
        f"Segments, {code}", "By number, age and revenue of orders.", chart, table, scope="today", is_half=True
    )


def _bar(each: Row) -> Row:
    text = f"{count(each['customers'])} · {money(each['value'])} each" if each["value"] else count(each["customers"])
    return {"name": each["segment"], "value": each["customers"], "text": text, "orders": each["orders"]}


def _time_to_purchase(velocity: Rows) -> list[Figure]:
    """How long after joining people first bought."""
    known = [each for each in velocity if each["customers"] or each["stretch"] != "unknown"]
    if not any(each["customers"] for each in known):
        return []
    bars = [
        {
            "name": each["stretch"],
            "value": each["customers"],
            "text": f"{count(each['customers'])} · {percent(each['customer_share_rate'])}",
            "buyers": each["cumulative_customers"],
        }
        for each in known
    ]
    label = "First purchases by days since joining: " + ", ".join(f"{bar['name']} {bar['text']}" for bar in bars) + "."
    columns = (
        TableColumn("stretch", "After joining", "text"),
        TableColumn("customers", "First purchases"),
        TableColumn("customer_share_rate", "Share", "percent"),
        TableColumn("cumulative_customers", "By then"),
        TableColumn("old_enough_purchase_rate", "Purchase Rate by then", "percent"),
    )
    note = "Purchase Rate by then: of people who joined long enough ago."
    chart = Chart("bars", label, bars, {"color": "c1", "tips": {"buyers": "Bought by then"}})
    table = FigureTable("The numbers", columns, known)
    return [Figure("Time to first purchase", note, chart, table, scope="all time", is_half=True)]
