"""The section about broadcasts."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import (
    Chart,
    Figure,
    FigureTable,
    Rows,
    SectionContent,
    TableColumn,
    row,
    rows,
)
from cksync.analyze.report.formatting import count, day, named, percent
from cksync.analyze.report.periods import Period, default_of
from cksync.analyze.report.subjects import hours, smallest, subjects
from cksync.plural import plural

SENDS, LINKS, BARS = 300, 50, 10
_KEY = (
    ("c1 up", "above normal"),
    ("soft dot", "normal"),
    ("c2 down", "below normal"),
    ("ink", "normal: the ten before"),
    ("hollow", "too small to compare"),
    ("ghost compare", "the period before"),
)

_COLUMNS = (
    TableColumn("sent_on", "Sent", "day"),
    TableColumn("subject", "Subject", "text"),
    TableColumn("recipients", "Recipients"),
    TableColumn("open_rate", "Open rate", "percent"),
    TableColumn("baseline_open_rate", "Normal", "percent"),
    TableColumn("click_rate", "Click rate", "percent"),
    TableColumn("click_to_open_rate", "Click-to-open rate", "percent"),
    TableColumn("unsubscribe_rate", "Unsubscribed", "percent"),
)


def broadcasts(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> SectionContent:
    """Answer "How do the broadcasts do?"."""
    sends = rows(
        db,
        """
        select id, subject, sent_on, recipients, open_rate, baseline_open_rate, open_verdict, click_rate,
            baseline_click_rate, click_verdict, click_to_open_rate, unsubscribe_rate
        from broadcast_performance
        where sent_on is not null
        order by sent_at desc, id desc
        limit $sends
        """,
        {"sends": SENDS},
    )
    if not sends:
        return SectionContent(nothing="No broadcasts sent yet.")
    trend = rows(
        db,
        """
        select starts_on, ends_on, broadcasts, recipients, open_rate, click_rate, click_to_open_rate, unsubscribe_rate,
            reach_rate
        from engagement_trend
        where period = 'month' and ends_on >= $since
        order by starts_on
        """,
        {"since": sends[-1]["sent_on"]},
    )
    last = sends[0]
    lead = f"The latest went to {count(last['recipients'])} people on {day(last['sent_on'])}"
    if last["open_rate"] is not None:
        lead += f"; {percent(last['open_rate'])} opened it"
        if last["baseline_open_rate"] is not None:
            lead += f", where {percent(last['baseline_open_rate'])} is normal"
    figures = [_rate(sends, "open_rate", "Open rate"), _rate(sends, "click_rate", "Click rate")]
    figures += [*subjects(db, sends), *hours(db)]
    table = FigureTable("Broadcasts", _COLUMNS, sends, is_open=True, time="sent_on")
    figures.append(Figure("Every broadcast" if len(sends) < SENDS else f"The latest {SENDS}", table=table))
    figures += _links(db, periods)
    figures.append(_by_month(trend))
    figures += _alarms(db)
    return SectionContent(f"{lead}.", [figure for figure in figures if figure])


def _rate(sends: Rows, rate: str, name: str) -> Figure | None:
    """A rate of every broadcast; None if it is available for none."""
    least = smallest(sends)
    marks = [
        {
            "sent_on": each["sent_on"],
            "subject": each["subject"],
            "recipients": each["recipients"],
            "rate": each[rate],
            "usual": each[f"baseline_{rate}"],
            "verdict": each[rate.replace("rate", "verdict")] or "near",
            "tiny": (each["recipients"] or 0) < least,
        }
        for each in sends
        if each[rate] is not None
    ]
    if not marks:
        return None
    first, last = marks[-1]["sent_on"], marks[0]["sent_on"]
    label = f"{name} of {plural(len(marks), 'broadcast')}, {day(first)} to {day(last)}."
    note = "Each mark is a broadcast; the line is the rate across all recipients of the ten before it. Those that stand"
    note += " out differ by at least a standard deviation, and significantly."
    if tiny := sum(mark["tiny"] for mark in marks):
        sent = plural(tiny, "broadcast")
        note += (
            f" {sent} to fewer than {count(least)} people {'is' if tiny == 1 else 'are'} hollow and out of the scale."
        )
    options = {"what": name, "empty": "No broadcasts in this period."}
    key = tuple(each for each in _KEY if each[0] != "hollow" or tiny)
    chart = Chart("sends", label, marks, options, key, time="sent_on", can_compare=True)
    return Figure(name, note if rate == "open_rate" else "", chart)


def _links(db: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> list[Figure]:
    """The pages that broadcasts brought most people to; none where links are not known."""
    found = {period.name: _clicked(db, period) for period in periods}
    if not any(found.values()):
        return []
    every = found[periods[-1].name]
    sites = {each["site"] for each in every}
    earlier = {period.name: _clicked(db, period.before) for period in periods if period.before}
    views = {name: _link_bars(clicked, earlier.get(name), is_single=len(sites) == 1) for name, clicked in found.items()}
    shown = views[default_of(periods).name]
    columns = (
        TableColumn("link", "Link", "text"),
        TableColumn("broadcasts", "Broadcasts"),
        TableColumn("clicks", "Clicks"),
        TableColumn("click_rate", "Of recipients", "percent"),
    )
    note = "People who clicked, and their share of the recipients of the broadcasts with the link."
    title = "All time" if len(every) < LINKS else f"The {LINKS} most clicked of all time"
    where = f" on {named(every[0]['site'])}" if len(sites) == 1 else ""
    chart = Chart("bars", shown.label, shown.rows, shown.options, (), views, can_compare=True)
    return [Figure(f"Most clicked links{where}", note, chart, FigureTable(title, columns, every))]


def _link_bars(clicked: Rows, earlier: Rows | None, *, is_single: bool) -> Chart:
    """The most clicked links, each beside its clicks in the period before, which are null without one."""
    before = {each["link"]: each["clicks"] for each in earlier or ()}
    bars = [
        {
            "name": each["path"] or each["link"] if is_single else each["link"],
            "value": each["clicks"],
            "text": f"{count(each['clicks'])} · {percent(each['click_rate'])}",
            "broadcasts": each["broadcasts"],
            "before": None if earlier is None else before.get(each["link"], 0),
        }
        for each in clicked[:BARS]
    ]
    label = "Clicks by link: " + ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    options = {"color": "c1", "tips": {"broadcasts": "Broadcasts"}, "empty": "No clicks in this period."}
    return Chart("bars", label, bars, options)


def _clicked(db: duckdb.DuckDBPyConnection, period: Period) -> Rows:
    return rows(
        db,
        """
        select
            -- no query, which may name someone, and nothing of an address
            coalesce(host, nullif(regexp_extract(page, '^[a-zA-Z]+:'), ''), '(other)') as site,
            case when host is not null then regexp_extract(page, '://[^/]*(/.*)', 1) end as path,
            site || coalesce(nullif(path, '/'), '') as link,
            count(distinct broadcast_id) as broadcasts, sum(unique_clicks)::bigint as clicks,
            sum(recipients) filter (unique_clicks is not null)::bigint as sent,
            100.0 * sum(unique_clicks) / nullif(sum(recipients) filter (unique_clicks is not null), 0) as click_rate
        from link_performance
        where sent_at >= $start::date and sent_at < $end::date + 1
        group by all
        having sum(unique_clicks) > 0
        order by clicks desc, link
        limit $links
        """,
        {"start": period.start, "end": period.end, "links": LINKS},
    )


def _by_month(trend: Rows) -> Figure:
    columns = (
        TableColumn("starts_on", "Month", "month"),
        TableColumn("broadcasts", "Sent"),
        TableColumn("recipients", "Recipients"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
        TableColumn("click_to_open_rate", "Click-to-open rate", "percent"),
        TableColumn("unsubscribe_rate", "Unsubscribed", "percent"),
        TableColumn("reach_rate", "Reach", "percent"),
    )
    return Figure("", table=FigureTable("Month by month", columns, trend[::-1], time="starts_on"))


def _alarms(db: duckdb.DuckDBPyConnection) -> list[Figure]:
    found = rows(
        db,
        """
        select sent_at::date as sent_on, subject, recipients, unsubscribe_rate, open_rate, median_open_rate,
            concat_ws(', ', case when is_open_rate_alarm then 'fewer opens' end,
                case when is_unsubscribe_alarm then 'many unsubscribed' end,
                case when is_bounce_alarm then 'bounces or complaints' end) as alarms
        from deliverability_watch
        where alarms > 0 and sent_at > (select as_of from model_settings) - to_days(365)
        order by sent_at desc, id desc
        limit 20
        """,
    )
    if not found:
        return []
    limits = row(db, "select unsubscribe_alarm, open_rate_drop_alarm, bounce_alarm from model_settings")
    columns = (
        TableColumn("sent_on", "Sent", "day"),
        TableColumn("subject", "Subject", "text"),
        TableColumn("alarms", "Reason", "text"),
        TableColumn("recipients", "Recipients"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("median_open_rate", "Normal (median)", "percent"),
        TableColumn("unsubscribe_rate", "Unsubscribed", "percent"),
    )
    note = (
        f"In the last year: more than {percent(limits['unsubscribe_alarm'])} unsubscribed, opens more than"
        f" {percent(limits['open_rate_drop_alarm'])} below normal, or more than {percent(limits['bounce_alarm'])}"
        " bounced or complained in the week after."
    )
    table = FigureTable("Broadcasts to review", columns, found, is_open=True)
    return [Figure("Worth reviewing", note, table=table, scope="the last year")]
