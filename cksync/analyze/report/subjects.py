"""Figures about what was sent when: the best and worst subjects, weekdays and hours."""

from collections.abc import Sequence
from statistics import median

import duckdb

from cksync.analyze.report.components import Chart, Figure, FigureTable, Row, Rows, TableColumn, rows
from cksync.analyze.report.formatting import count, named, percent
from cksync.plural import plural

SHOWN, LATEST = 6, 100
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Slots of sends: fewer sends than this are too few to say anything about.
FEW = 3
# A broadcast to fewer people, or to less than this share of the median, is out of the scale.
TINY, TINY_SHARE = 20, 0.05


def smallest(sends: Rows) -> float:
    """The number of recipients below which the rates of a broadcast say little."""
    sizes = [each["recipients"] for each in sends if each["recipients"]]
    return max(TINY, TINY_SHARE * median(sizes)) if sizes else TINY


def subjects(db: duckdb.DuckDBPyConnection, sends: Rows) -> list[Figure]:
    """The broadcasts that were opened most and least, with the range of each rate."""
    found = rows(
        db,
        """
        with recent as (
            select subject, sent_on, recipients, open_rate, open_rate_low as low, open_rate_high as high, click_rate,
                baseline_open_rate as normal, id
            from broadcast_performance
            where sent_on is not null and open_rate is not null and recipients >= $least
            order by sent_at desc, id desc
            limit $latest
        )
        select *, row_number() over (order by open_rate desc, id) as place
        from recent
        order by place
        """,
        {"least": smallest(sends), "latest": LATEST},
    )
    if len(found) < 2 * FEW:
        return []
    shown = min(SHOWN, len(found) // 2)
    ranges = [_range(each, "best") for each in found[:shown]] + [_range(each, "worst") for each in found[-shown:]]
    label = "Open rates of subjects: "
    label += ", ".join(f"{named(each['name'])} {percent(each['value'])}" for each in ranges[:3])
    label += ", down to " + ", ".join(f"{named(each['name'])} {percent(each['value'])}" for each in ranges[-2:]) + "."
    columns = (
        TableColumn("place", "Place"),
        TableColumn("subject", "Subject", "text"),
        TableColumn("sent_on", "Sent", "day"),
        TableColumn("recipients", "Recipients"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("low", "At least", "percent"),
        TableColumn("high", "At most", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
    )
    chart = Chart("ranges", label, ranges, {"what": "Open rate"}, (("c1", "opened most"), ("c2", "opened least")))
    scope = f"the latest {count(len(found))} broadcasts"
    table = FigureTable("All of them", columns, found)
    return [Figure("Best and worst subjects", _verdict(found), chart, table, scope=scope)]


def _range(each: Row, group: str) -> Row:
    return {
        "name": each["subject"], "value": each["open_rate"], "low": each["low"], "high": each["high"], "group": group,
        "recipients": each["recipients"], "sent_on": each["sent_on"],
    }  # fmt: skip


def _verdict(found: Rows) -> str:
    """How many of the first are as good as the best, given the ranges."""
    ties = sum(each["high"] >= found[0]["low"] for each in found[1:])
    line = "The line is the 95 % range of each rate, given the number of recipients."
    if not ties:
        return f"{line} “{named(found[0]['subject'])}” is clearly the best."
    return f"{line} The first and {plural(ties, 'other')} overlap: their order may be chance."


def hours(db: duckdb.DuckDBPyConnection) -> list[Figure]:
    """Open rates by weekday and hour of sending."""
    found = rows(
        db,
        """
        select weekday, hour, count(*) as sends, sum(recipients)::bigint as recipients,
            100.0 * sum(opens) / nullif(sum(recipients) filter (opens is not null), 0) as open_rate,
            100.0 * sum(clickers) / nullif(sum(recipients) filter (clickers is not null), 0) as click_rate
        from broadcast_performance
        where weekday is not null and hour is not null and recipients > 0
        group by all
        having open_rate is not null
        order by weekday, hour
        """,
    )
    if not found:
        return []
    slots: Sequence[Row] = [{**each, "name": _slot(each)} for each in found]
    label = "Open rate by weekday and hour of sending: "
    label += ", ".join(f"{each['name']} {percent(each['open_rate'])}" for each in slots[:5]) + "."
    columns = (
        TableColumn("name", "Sent", "text"),
        TableColumn("sends", "Broadcasts"),
        TableColumn("recipients", "Recipients"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
    )
    note = f"Weighted by recipients; slots with fewer than {FEW} broadcasts are pale. {_often(slots)}"
    chart = Chart("slots", label, slots, {"few": FEW, "days": WEEKDAYS})
    return [Figure("Weekday and hour", note, chart, FigureTable("The numbers", columns, slots), scope="all time")]


def _slot(each: Row) -> str:
    return f"{WEEKDAYS[each['weekday'] - 1]}, {each['hour']:02}:00"


def _often(slots: Sequence[Row]) -> str:
    """Whether the slots can be compared at all."""
    enough = [each for each in slots if each["sends"] >= FEW]
    if len(enough) >= 2:
        return "Slots differ in what is sent, too: compare them only with care."
    if not enough:
        return "No slot has enough broadcasts to compare."
    return f"Only {enough[0]['name']} has enough broadcasts, so there is nothing to compare it with."
