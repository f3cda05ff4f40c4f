"""The section about revenue: one group of figures per currency, never a sum of several."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import Chart, Figure, FigureTable, Row, Rows, SectionContent, TableColumn, rows
from cksync.analyze.report.formatting import count, money, month, named
from cksync.analyze.report.periods import BINS, Period, default_of
from cksync.plural import plural

CURRENCIES, BARS, SOURCES = 5, 12, 50
WAYS = (
    ("referrer_host", "Referrer"),
    ("utm_source", "utm_source"),
    ("source_name", "Source in Kit"),
    ("source_mechanism", "Way of joining"),
    ("first_tag", "First tag"),
)


def revenue(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> SectionContent:
    """Answer "What earns the money?"."""
    totals = rows(
        db,
        """
        select currency, sum(orders)::bigint as orders, sum(orders_without_amount)::bigint as orders_without_amount,
            sum(units)::bigint as units, sum(revenue) as revenue, sum(discount) as discount,
            sum(new_revenue) as new_revenue, sum(repeat_revenue) as repeat_revenue,
            try_cast(
                sum(revenue)::double / nullif(sum(orders - orders_without_amount), 0) as decimal(18, 2)
            ) as average_order_value,
            date_trunc('month', min(day))::date as first, date_trunc('month', max(day))::date as last
        from revenue_daily
        group by currency
        order by orders desc, currency
        """,
    )
    if not totals:
        return SectionContent(nothing="No purchases yet.")
    lead = "; ".join(map(_earned, totals[:4]))
    if len(totals) > 4:
        lead += f"; and {plural(len(totals) - 4, 'more currency', 'more currencies')}"
    columns = (
        TableColumn("currency", "Currency", "text"),
        TableColumn("orders", "Orders"),
        TableColumn("orders_without_amount", "Of unknown amount"),
        TableColumn("units", "Units"),
        TableColumn("revenue", "Revenue", "money"),
        TableColumn("discount", "Discount given", "money"),
        TableColumn("average_order_value", "AOV", "money"),
        TableColumn("new_revenue", "First orders", "money"),
        TableColumn("repeat_revenue", "Repeat orders", "money"),
    )
    figures = [Figure("By currency", table=FigureTable("All currencies", columns, totals, is_open=len(totals) <= 8))]
    for place, total in enumerate(totals[:CURRENCIES]):
        figures += _of_currency(db, total, periods, is_open=place == 0)
    return SectionContent(f"{lead}.", figures)


def _code(total: Row) -> str:
    return named(total["currency"], 12) if total["currency"] else "(no currency)"


def _earned(total: Row) -> str:
    """The total of a currency's orders, and the number without a known amount."""
    said = f"{_code(total)} {money(total['revenue'])} from {plural(total['orders'], 'order')}"
    unknown = total["orders_without_amount"]
    return f"{said}, {count(unknown)} of unknown amount" if unknown else said


def _of_currency(
    db: duckdb.DuckDBPyConnection, total: Row, periods: Sequence[Period], *, is_open: bool
) -> list[Figure]:
    fold = None if is_open else _earned(total)
    figures = [_over_time(db, total, periods, fold), _by_product(db, total, fold), _by_form(db, total, fold)]
    figures += [_by_source(db, total, fold, *way) for way in WAYS]
    return [figure for figure in figures if figure]


def _over_time(db: duckdb.DuckDBPyConnection, total: Row, periods: Sequence[Period], fold: str | None) -> Figure | None:
    if total["first"] is None or not periods:
        return None
    binned = {period.name: _binned(db, total, period) for period in periods}
    code = _code(total)
    views = {period.name: _sales(code, period, binned[period.name]) for period in periods}
    shown = views[default_of(periods).name]
    key = (("c1", "First orders"), ("c4", "Repeat orders"), ("ink compare", "the period before"))
    chart = Chart(shown.kind, shown.label, shown.rows, shown.options, key, views, can_compare=True)
    unit = periods[-1].unit
    columns = (
        TableColumn("start", unit.capitalize(), "day" if unit in ("day", "week") else "month"),
        TableColumn("orders", "Orders"),
        TableColumn("revenue", "Revenue", "money"),
        TableColumn("new_revenue", "First orders", "money"),
        TableColumn("repeat_revenue", "Repeat orders", "money"),
    )
    sold = [each for each in binned[periods[-1].name] if each["orders"]]
    table = FigureTable(f"{unit.capitalize()} by {unit}", columns, sold[::-1], time="start")
    return Figure(f"{code} over time", "", chart, table, fold)


def _sales(code: str, period: Period, found: Rows) -> Chart:
    parts = (("first orders", "new_revenue"), ("repeat orders", "repeat_revenue"))
    names = [part for part, _ in parts]
    label = f"Revenue in {code} by {period.unit}, {month(period.start)} to {month(period.end)}."
    empty = "" if any(each["orders"] for each in found) else f"No orders in {code} in this period."
    bars = [
        {"x": each["start"], "stop": each["stop"], "part": part, "y": each[name], "before": each["before"]}
        for each in found
        for part, name in parts
    ]
    options = {"parts": names, "unit": period.unit, "what": f"Revenue {code}", "colors": ["c1", "c4"], "empty": empty}
    return Chart("stack", label, bars, options)


def _binned(db: duckdb.DuckDBPyConnection, total: Row, period: Period) -> Rows:
    """The revenue of each bin, beside that of the bin of the same place in the period before."""
    now = _sums(db, total, period)
    before = _sums(db, total, period.before) if period.before else [{"revenue": None}] * len(now)
    return [{**each, "before": past["revenue"]} for each, past in zip(now, before, strict=True)]


def _sums(db: duckdb.DuckDBPyConnection, total: Row, period: Period) -> Rows:
    return rows(
        db,
        f"""
        select bin.start, bin.stop, coalesce(sum(orders), 0)::bigint as orders, coalesce(sum(revenue), 0) as revenue,
            coalesce(sum(new_revenue), 0) as new_revenue, coalesce(sum(repeat_revenue), 0) as repeat_revenue
        from {BINS} as bin
        left join revenue_daily on day >= bin.start and day < bin.stop and currency = $currency
        group by all
        order by bin.start
        """,
        {
            "starts": period.parameters["starts"],
            "stops": period.parameters["stops"],
            "currency": total["currency"],
        },
    )


def _by_product(db: duckdb.DuckDBPyConnection, total: Row, fold: str | None) -> Figure | None:
    found = rows(
        db,
        """
        select coalesce(
                product,
                case product_key when 'unsplit' then '(several, unknown prices)' else '(no product)' end
            ) as product,
            orders, units, gross, discount, revenue,
            revenue_share_rate, buyers, new_buyers
        from revenue_by_product
        where currency = $currency
        order by revenue desc nulls last, product_key
        """,
        {"currency": total["currency"]},
    )
    if not found:
        return None
    code = _code(total)
    bars = [
        {"name": each["product"], "value": each["revenue"], "text": money(each["revenue"]), "units": each["units"]}
        for each in found[:BARS]
        if each["revenue"] is not None
    ]
    label = (
        f"Revenue in {code} by product: " + ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    )
    chart = Chart("bars", label, bars, {"color": "c1", "tips": {"units": "Units"}})
    columns = (
        TableColumn("product", "Product", "text"),
        TableColumn("orders", "Orders"),
        TableColumn("units", "Units"),
        TableColumn("gross", "Before discount", "money"),
        TableColumn("revenue", "Revenue", "money"),
        TableColumn("revenue_share_rate", "Share", "percent"),
        TableColumn("buyers", "Buyers"),
        TableColumn("new_buyers", "New Buyers"),
    )
    note = "" if len(found) <= BARS else f"The top {BARS} of {count(len(found))}."
    return Figure(f"{code} by product", note, chart, FigureTable("The numbers", columns, found[:100]), fold, "all time")


def _by_form(db: duckdb.DuckDBPyConnection, total: Row, fold: str | None) -> Figure | None:
    found = _sources(db, total, "first_form")
    if not found:
        return None
    code = _code(total)
    bars = [
        {
            "name": each["source"] if each["source_key"] else "(no form)",
            "value": each["new_lead_revenue"],
            "text": f"{money(each['new_lead_revenue'])} · {money(each['new_lead_value'])} per lead",
            "leads": each["new_leads"],
        }
        for each in found[:BARS]
        if each["new_lead_revenue"] is not None
    ]
    label = f"New Lead Revenue in {code} by first form: "
    label += ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    chart = Chart("bars", label, bars, {"color": "c3", "tips": {"leads": "New Leads"}})
    note = "All-time revenue from people, by the form they joined first."
    return Figure(f"{code} by source", note, chart, _source_table(found, "First form"), fold, "all time")


def _by_source(db: duckdb.DuckDBPyConnection, total: Row, fold: str | None, dimension: str, name: str) -> Figure | None:
    """Another source of people, as a table."""
    found = _sources(db, total, dimension)
    if all(each["source_key"] == "" for each in found):
        return None
    return Figure("", table=_source_table(found, name), fold=fold)


def _sources(db: duckdb.DuckDBPyConnection, total: Row, dimension: str) -> Rows:
    """The sources of the buyers of a currency."""
    return rows(
        db,
        """
        select source_key, coalesce(earned.source, '(none)') as source, new_leads, currency_customers, new_lead_revenue,
            new_lead_value, customer_value, value_90_days
        from revenue_by_source as earned
        join ltv_by_source using (dimension, source_key)
        where dimension = $dimension and currency = $currency and currency_customers > 0
        order by new_lead_revenue desc nulls last, new_leads desc, source_key
        limit $sources
        """,
        {"dimension": dimension, "currency": total["currency"], "sources": SOURCES},
    )


def _source_table(found: Rows, name: str) -> FigureTable:
    columns = (
        TableColumn("source", name, "text"),
        TableColumn("new_leads", "New Leads"),
        TableColumn("currency_customers", "Customers"),
        TableColumn("new_lead_revenue", "New Lead Revenue", "money"),
        TableColumn("new_lead_value", "New Lead Value", "money"),
        TableColumn("customer_value", "Customer Value", "money"),
        TableColumn("value_90_days", "Value after 90 days", "money"),
    )
    return FigureTable(f"By {name[0].lower()}{name[1:]}", columns, found)
