"""The line at the top: the whole list over the years, with launches and broadcasts."""

from collections.abc import Collection, Sequence

import duckdb

from cksync.analyze.report.components import Chart, Rows, row, rows
from cksync.analyze.report.embed import columnar
from cksync.analyze.report.formatting import count, day, people
from cksync.analyze.report.periods import BINS, Period
from cksync.plural import plural

NEEDS = frozenset({"list_growth_daily"})
POINTS, SENDS, LAUNCHES, PEAKS = 1500, 1000, 8, 24
# A product's first two weeks are a launch with this many orders, and a later week of it is a peak of sales with as
# many if they are this many times those of its usual week.
ORDERS, TIMES = 8, 2.5


def hero(db: duckdb.DuckDBPyConnection, periods: Sequence[Period], there: Collection[str]) -> Chart | None:
    """The chart; None if no one has ever joined."""
    if not periods or not NEEDS.issubset(there):
        return None
    whole = periods[-1]
    points = _points(db, whole)
    if len(points) < 2:
        return None
    is_known = sum(point["active"] is not None for point in points) * 2 > len(points)
    what = "Active people" if is_known else "People who joined"
    line = [{"day": each["day"], "value": each["active" if is_known else "joined"]} for each in points]
    line = [point for point in line if point["value"] is not None]
    sends = _sends(db, there)
    has_sales = {"fct_purchase_item", "fct_purchase"}.issubset(there)
    launches, peaks = (_launches(db, whole), _peaks(db, whole)) if has_sales else ([], [])
    last = line[-1]
    label = f"{what} from {day(line[0]['day'])} to {day(last['day'])}: {count(line[0]['value'])} to"
    label += f" {count(last['value'])}, with {plural(len(launches), 'launch', 'launches')} and"
    label += f" {plural(len(sends), 'broadcast')}."
    key = [("c1 wave", what)]
    key += [("c4 flag", "Launch")] * bool(launches) + [("c4 ring", "Peak of sales")] * bool(peaks)
    key += [("soft stroke", "Broadcast")] * bool(sends) + [("band", "The chosen period")]
    packed = {"sends": columnar(sends), "launches": columnar(launches), "peaks": columnar(peaks)}
    options = {"what": what, "note": _note(is_known, has_peaks=bool(launches or peaks)), **packed}
    return Chart("hero", label, line, options, key)


def _note(is_known: bool, *, has_peaks: bool) -> str:
    """Why the line is not that of active people, and what the marks are."""
    reason = "API v3 does not tell when people left before the first pull, so the line counts everyone who joined."
    marks = f"Launch: the first two weeks of a product, if it had {ORDERS} orders or more. Peak of sales: a week of a"
    marks += f" product with {ORDERS} orders or more, and {TIMES:g} times those of its usual week."
    return " ".join([reason] * (not is_known) + [marks] * has_peaks)


def _points(db: duckdb.DuckDBPyConnection, whole: Period) -> Rows:
    """Active people and everyone who joined, at the end of each day, or of each so many of a long list."""
    return rows(
        db,
        """
        with growing as (
            select day, active_end as active, sum(joined) over (order by day)::bigint as joined
            from list_growth_daily
        )
        select day, active, joined
        from growing
        where ($end - day) % $step = 0
        order by day
        """,
        {"end": whole.end, "step": max(1, -(-whole.days // POINTS))},
    )


def _sends(db: duckdb.DuckDBPyConnection, there: Collection[str]) -> Rows:
    if "broadcast_performance" not in there:
        return []
    return rows(
        db,
        """
        select sent_on as day, subject, recipients, open_rate
        from broadcast_performance
        where sent_on is not null
        order by sent_at desc, id desc
        limit $sends
        """,
        {"sends": SENDS},
    )


def _launches(db: duckdb.DuckDBPyConnection, whole: Period) -> Rows:
    """The products with the best first two weeks, by day."""
    found = rows(
        db,
        """
        with sold as (
            select product as name, purchased_on, purchase_id,
                min(purchased_on) over (partition by product) as day
            from fct_purchase_item
            where is_counted and trim(product) <> '' and purchased_on is not null
        )
        select name, day, count(distinct purchase_id) as orders
        from sold
        where purchased_on < day + 14 and day between $start and $end
        group by all
        having orders >= $orders
        order by orders desc, day, name
        limit $launches
        """,
        {"start": whole.start, "end": whole.end, "orders": ORDERS, "launches": LAUNCHES},
    )
    return sorted(found, key=lambda each: (each["day"], each["name"]))


def _peaks(db: duckdb.DuckDBPyConnection, whole: Period) -> Rows:
    """The weeks in which a product sold far more than usual, from the third week of the product on."""
    found = rows(
        db,
        """
        with sold as (
            select product as name, purchased_on, purchase_id,
                min(purchased_on) over (partition by product) as first_on
            from fct_purchase_item
            where is_counted and trim(product) <> '' and purchased_on is not null
        ),
        weekly as (
            select name, date_trunc('week', purchased_on)::date as week, min(purchased_on) as day,
                any_value(first_on) as first_on, count(distinct purchase_id) as orders
            from sold
            group by all
        ),
        -- weeks without a sale count: a product that sells in less than half of its weeks usually sells nothing
        usual as (
            select name, if(2 * count(*) < 1 + ($end - min(first_on)) / 7, 0, median(orders)) as usual
            from weekly
            group by name
        )
        select name, day, orders
        from weekly
        join usual using (name)
        where orders >= greatest($orders, $times * usual) and day >= first_on + 14 and day between $start and $end
        order by orders desc, day, name
        limit $peaks
        """,
        {"start": whole.start, "end": whole.end, "orders": ORDERS, "times": TIMES, "peaks": PEAKS},
    )
    return sorted(found, key=lambda each: (each["day"], each["name"]))


def sentence(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> str:
    """The list in a sentence: how many, since when, and the busiest stretch."""
    whole = periods[-1]
    bins = rows(
        db,
        f"""
        select bin.start, sum(joined)::bigint as joined
        from {BINS} as bin
        join list_growth_daily on day >= bin.start and day < bin.stop
        group by all
        order by joined desc, bin.start
        """,
        {name: value for name, value in whole.parameters.items() if name in ("starts", "stops")},
    )
    total = sum(each["joined"] for each in bins)
    first = row(db, "select min(day) as day from list_growth_daily")["day"]
    said = f"{people(total)} joined since {day(first)}"
    if len(bins) > 2 and whole.unit == "month" and bins[0]["joined"] > 2 * total / len(bins):
        busiest = f"{bins[0]['start']:%B %Y}"
        return f"{said}; {busiest} was the busiest month, with {count(bins[0]['joined'])}."
    return f"{said}."
