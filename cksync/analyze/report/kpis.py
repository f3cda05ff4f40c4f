"""The key figures at the top: each for every period, compared with the one before."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from math import sqrt

import duckdb

from cksync.analyze.report.components import Row, Rows, Tile, TileView, row, rows
from cksync.analyze.report.formatting import NONE, count, money, named, percent, signed
from cksync.analyze.report.periods import BINS, Period
from cksync.plural import plural

# The source of the figures.
NEEDS = frozenset({"audience_snapshot", "list_growth_daily", "broadcast_performance", "revenue_daily", "dim_currency"})
CERTAIN = 1.96  # standard deviations: a change beyond them is chance in at most one of twenty cases
_MINUS = str.maketrans("-", "\N{MINUS SIGN}")


def tiles(db: duckdb.DuckDBPyConnection, periods: Sequence[Period], there: Collection[str]) -> list[Tile]:
    """The account at a glance, with changes where they are known; none without their models."""
    glance = row(db, "from audience_snapshot") if NEEDS.issubset(there) else {}
    if not glance or not periods:
        return []
    growing = {period.name: _growing(db, period) for period in periods}
    mailed = {period.name: _mailed(db, period) for period in periods}
    return [
        _active(periods, growing, glance),
        _leads(periods, growing, {period.name: _growing(db, period.before) for period in periods if period.before}),
        _rate("Open rate", "open", periods, mailed, {p.name: _mailed(db, p.before) for p in periods if p.before}),
        _rate("Click rate", "click", periods, mailed, {p.name: _mailed(db, p.before) for p in periods if p.before}),
        _earned(db, periods),
        _buyers(db, periods, glance),
    ]


def _growing(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    return rows(
        db,
        f"""
        select bin.start, coalesce(sum(joined), 0)::bigint as joined, max_by(active_end, day) as active,
            sum(net)::bigint as net, count(net) = count(*) as is_known, bool_or(precision = 'at least') as is_at_most
        from {BINS} as bin
        left join list_growth_daily on day >= bin.start and day < bin.stop
        group by all
        order by bin.start
        """,
        _bins(period),
    )


def _bins(period: Period) -> Row:
    return {"starts": period.parameters["starts"], "stops": period.parameters["stops"]}


def _active(periods: Sequence[Period], growing: dict[str, Rows], glance: Row) -> Tile:
    views = {}
    for period in periods:
        found = growing[period.name]
        note = f"of {count(glance['people'])} known"
        if not all(each["is_known"] for each in found):
            views[period.name] = TileView(count(glance["active"]), f"{note}; earlier losses are unknown")
            continue
        net = sum(each["net"] or 0 for each in found)
        about = ", at most" if any(each["is_at_most"] for each in found) else ""
        views[period.name] = TileView(count(glance["active"]), period.spoken + about, signed(net), _mood(net))
    return Tile("Active people", views, {name: [each["active"] for each in found] for name, found in growing.items()})


def _mood(change: float, *, is_certain: bool = True) -> str:
    return "flat" if not change or not is_certain else "good" if change > 0 else "bad"


def _counted(period: Period, now: float, before: float | None, note: str = "") -> TileView:
    """A count and its change; a change within chance has no mood."""
    if before is None:
        return TileView(count(now), note or period.spoken)
    change = now - before
    is_certain = abs(change) > CERTAIN * sqrt(now + before)
    said = f"vs {count(before)} before" + ("" if is_certain or not change else ", within chance")
    delta = f"{100 * change / before:+.0f} %" if before >= 20 else f"{change:+,.0f}"
    return TileView(count(now), said, delta.translate(_MINUS), _mood(change, is_certain=is_certain))


def _leads(periods: Sequence[Period], growing: dict[str, Rows], earlier: dict[str, Rows]) -> Tile:
    views = {}
    for period in periods:
        now = sum(each["joined"] for each in growing[period.name])
        before = sum(each["joined"] for each in earlier[period.name]) if period.before else None
        views[period.name] = _counted(period, now, before)
    return Tile("New Leads", views, {name: [each["joined"] for each in found] for name, found in growing.items()})


def _mailed(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    """Opens and clicks by bin, with the recipients of the broadcasts that count them."""
    return rows(
        db,
        f"""
        select bin.start, count(id) as sends,
            coalesce(sum(opens), 0)::bigint as open, sum(recipients) filter (opens is not null)::bigint as open_of,
            coalesce(sum(clickers), 0)::bigint as click,
            sum(recipients) filter (clickers is not null)::bigint as click_of
        from {BINS} as bin
        left join broadcast_performance on sent_on >= bin.start and sent_on < bin.stop
        group by all
        order by bin.start
        """,
        _bins(period),
    )


def _rate(label: str, name: str, periods: Sequence[Period], mailed: dict[str, Rows], earlier: dict[str, Rows]) -> Tile:
    views = {}
    for period in periods:
        part, whole = _total(mailed[period.name], name)
        before = _total(earlier[period.name], name) if period.before else (0, 0)
        views[period.name] = _compared(
            part, whole, *before, plural(sum(e["sends"] for e in mailed[period.name]), "broadcast")
        )
    sparks = {
        period: [100 * each[name] / each[f"{name}_of"] for each in found if each[f"{name}_of"]]
        for period, found in mailed.items()
    }
    return Tile(label, views, sparks)


def _total(found: Rows, name: str) -> tuple[int, int]:
    return sum(each[name] for each in found), sum(each[f"{name}_of"] or 0 for each in found)


def _compared(part: int, whole: int, past: int, past_whole: int, sent: str) -> TileView:
    """A share and its change in points; a change within chance has no mood."""
    if not whole:
        return TileView(NONE, "nothing sent")
    rate = 100 * part / whole
    if not past_whole:
        return TileView(percent(rate), sent)
    change = rate - 100 * past / past_whole
    pooled = (part + past) / (whole + past_whole)
    deviation = 100 * sqrt(pooled * (1 - pooled) * (1 / whole + 1 / past_whole)) if 0 < pooled < 1 else 0.0
    is_certain = abs(change) > CERTAIN * deviation
    note = f"vs {percent(rate - change)} before" + ("" if is_certain else ", within chance")
    return TileView(
        percent(rate), note, f"{change:+.1f} points".translate(_MINUS), _mood(change, is_certain=is_certain)
    )


def _earned(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> Tile:
    """Revenue by currency, the one with most orders of the account first."""
    first = row(db, "select currency from dim_currency order by currency_rank limit 1").get("currency") or ""
    views = {period.name: _takings(db, period, first) for period in periods}
    return Tile("Revenue", views, {period.name: _revenue(db, period, first) for period in periods})


def _takings(db: duckdb.DuckDBPyConnection, period: Period, first: str) -> TileView:
    """The revenue of a period in the first currency, with that in the others in the note."""
    sold = _sold(db, period)
    now = next((each for each in sold if each["currency"] == first), None)
    others = [_amount(each) for each in sold if each["currency"] != first]
    value = _amount(now) if now else NONE if others or not first else f"0 {named(first, 12)}"
    note = plural(sum(each["orders"] for each in sold), "order") if sold else "no orders"
    if unknown := sum(each["unknown"] for each in sold):
        note += f", {count(unknown)} of unknown amount"
    if others:
        note += f"; also {', '.join(others[:3])}" + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    earlier = _sold(db, period.before) if period.before else []
    before = next((each for each in earlier if each["currency"] == first), None)
    if not before or not before["revenue"] or not now or now["revenue"] is None:
        return TileView(value, note)
    change = float(now["revenue"] / before["revenue"] - 1)
    delta = f"{100 * change:+,.0f} %".translate(_MINUS)
    return TileView(value, f"vs {_amount(before)} before; {note}", delta, _mood(change))


def _sold(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    return rows(
        db,
        """
        select revenue_daily.currency, sum(revenue) as revenue, sum(orders_without_amount)::bigint as unknown,
            sum(revenue_daily.orders)::bigint as orders
        from revenue_daily
        join dim_currency using (currency)
        where day between $start and $end
        group by revenue_daily.currency, currency_rank
        order by currency_rank
        """,
        {"start": period.start, "end": period.end},
    )


def _revenue(db: duckdb.DuckDBPyConnection, period: Period, currency: str) -> Sequence[float | None]:
    found = rows(
        db,
        f"""
        select bin.start, coalesce(sum(revenue), 0)::double as revenue
        from {BINS} as bin
        left join revenue_daily on day >= bin.start and day < bin.stop and currency = $currency
        group by all
        order by bin.start
        """,
        {**_bins(period), "currency": currency},
    )
    return [each["revenue"] for each in found] if any(each["revenue"] for each in found) else []


def _amount(sold: Row) -> str:
    amount: Decimal | None = sold["revenue"]
    said = money(amount) if amount is None or abs(amount) < 1000 else count(float(amount))
    return f"{said} {named(sold['currency'], 12)}" if sold["currency"] else said


def _buyers(db: duckdb.DuckDBPyConnection, periods: Sequence[Period], glance: Row) -> Tile:
    """People who bought for the first time."""
    views, sparks = {}, {}
    for period in periods:
        now = _new_buyers(db, period)
        before = sum(_new_buyers(db, period.before)) if period.before else None
        views[period.name] = _counted(period, sum(now), before, f"{count(glance['customers'])} customers ever")
        sparks[period.name] = [float(each) for each in now] if any(now) else []
    return Tile("New Buyers", views, sparks)


def _new_buyers(db: duckdb.DuckDBPyConnection, period: Period) -> Sequence[int]:
    found = rows(
        db,
        f"""
        select bin.start, coalesce(sum(new_orders), 0)::bigint as buyers
        from {BINS} as bin
        left join revenue_daily on day >= bin.start and day < bin.stop
        group by all
        order by bin.start
        """,
        _bins(period),
    )
    return [each["buyers"] for each in found]
