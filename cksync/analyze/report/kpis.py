"""The key figures at the top."""

from decimal import Decimal

import duckdb

from cksync.analyze.report.components import Row, Tile, row, rows
from cksync.analyze.report.formatting import NONE, count, day, money, named, people, percent, signed
from cksync.plural import plural


def tiles(db: duckdb.DuckDBPyConnection) -> list[Tile]:
    """The account at a glance, with changes where they are known."""
    glance = row(db, "from audience_snapshot")
    if not glance:
        return []
    return [_active(glance), _leads(db, glance), _sent(db, glance), _earned(db, glance), _buyers(glance)]


def _active(glance: Row) -> Tile:
    net, days = (glance["net_28d"], 28) if glance["net_28d"] is not None else (glance["net_7d"], 7)
    note = f"of {people(glance['people'])} known"
    if net is None:
        return Tile("Active people", count(glance["active"]), note)
    return Tile("Active people", count(glance["active"]), f"in {days} days", signed(net), net >= 0)


def _leads(db: duckdb.DuckDBPyConnection, glance: Row) -> Tile:
    before = row(
        db,
        """
        select sum(joined)::bigint as joined, count(*) as days
        from list_growth_daily
        where day <= (select max(day) from list_growth_daily) - 28
            and day > (select max(day) from list_growth_daily) - 56
        """,
    )
    label, value = "New Leads, 28 days", count(glance["joined_28d"] or 0)
    if before["days"] < 28 or glance["joined_28d"] is None:
        return Tile(label, value, "people who joined")
    more = glance["joined_28d"] - before["joined"]
    return Tile(label, value, "vs the 28 days before", signed(more), more >= 0)


def _sent(db: duckdb.DuckDBPyConnection, glance: Row) -> Tile:
    last = row(
        db,
        "select sent_on, open_rate, baseline_open_rate, recipients from broadcast_performance where id = $id",
        {"id": glance["last_broadcast_id"]},
    )
    label = "Open rate of the last broadcast"
    if not last or last["open_rate"] is None:
        return Tile(label, NONE, f"sent {day(last['sent_on'])}, opens not counted" if last else "nothing sent yet")
    if last["baseline_open_rate"] is None:
        return Tile(label, percent(last["open_rate"]), f"sent {day(last['sent_on'])}")
    more = last["open_rate"] - last["baseline_open_rate"]
    delta = f"{more:+.1f} points".replace("-", "\N{MINUS SIGN}")
    return Tile(label, percent(last["open_rate"]), f"vs the ten before · {day(last['sent_on'])}", delta, more >= 0)


def _earned(db: duckdb.DuckDBPyConnection, glance: Row) -> Tile:
    """Revenue of 28 days, by currency, the one with most orders first."""
    label, orders = "Revenue, 28 days", glance["orders_28d"]
    if not orders:
        return Tile(label, NONE, "no orders")
    sold = rows(
        db,
        """
        select revenue_daily.currency, sum(revenue) as revenue, sum(orders_without_amount)::bigint as unknown
        from revenue_daily
        join dim_currency on dim_currency.currency = revenue_daily.currency
        where day > (select max(day) from list_growth_daily) - 28
        group by revenue_daily.currency, currency_rank
        order by sum(revenue_daily.orders) desc, currency_rank
        """,
    )
    found = [f"{_short(each['revenue'])} {named(each['currency'], 12) if each['currency'] else ''}" for each in sold]
    value, *others = (each.strip() for each in found)
    note = plural(orders, "order")
    if unknown := sum(each["unknown"] for each in sold):
        note += f", {count(unknown)} of unknown amount"
    if others:
        note += f"; also {', '.join(others[:3])}" + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return Tile(label, value, note)


def _short(amount: Decimal | None) -> str:
    return money(amount) if amount is None or abs(amount) < 1000 else count(float(amount))


def _buyers(glance: Row) -> Tile:
    return Tile("Customers", count(glance["customers"]), "buyers ever")
