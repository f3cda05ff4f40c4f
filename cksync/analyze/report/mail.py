"""The section about broadcasts."""

import duckdb

from cksync.analyze.report.parts import Answer, Chart, Column, Figure, Table, row, rows
from cksync.analyze.report.words import count, day, many, percent

SENDS = 300
_COLUMNS = (
    Column("sent_on", "Sent", "day"),
    Column("subject", "Subject", "text"),
    Column("recipients", "Recipients"),
    Column("open_rate", "Open rate", "percent"),
    Column("baseline_open_rate", "Usual", "percent"),
    Column("click_rate", "Click rate", "percent"),
    Column("click_to_open_rate", "Clicks of opens", "percent"),
    Column("unsubscribe_rate", "Unsubscribed", "percent"),
)


def broadcasts(db: duckdb.DuckDBPyConnection) -> Answer:
    """How do the broadcasts do?"""
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
        return Answer(nothing="Nothing yet: no broadcast was sent.")
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
    lead = f"The last one went to {count(last['recipients'])} people on {day(last['sent_on'])}"
    if last["open_rate"] is not None:
        lead += f"; {percent(last['open_rate'])} opened it"
        if last["baseline_open_rate"] is not None:
            lead += f", usual are {percent(last['baseline_open_rate'])}"
    note = "Each mark is a broadcast; the line is the rate over all recipients of a month, not a mean of rates. "
    note += "A broadcast stands out when it is a standard deviation from the ten before it."
    figures = []
    for rate, name in (("open_rate", "Open rate"), ("click_rate", "Click rate")):
        if any(each[rate] is not None for each in sends):
            verdict = rate.replace("rate", "verdict")
            marks = [
                {
                    "sent_on": each["sent_on"],
                    "subject": each["subject"],
                    "recipients": each["recipients"],
                    "rate": each[rate],
                    "usual": each[f"baseline_{rate}"],
                    "verdict": each[verdict] or "near",
                }
                for each in sends
                if each[rate] is not None
            ]
            line = [{"x": each["starts_on"], "y": each[rate]} for each in trend if each[rate] is not None]
            chart = Chart(
                "sends",
                f"{name} of {many(len(marks), 'broadcast')} from {day(marks[-1]['sent_on'])} to {day(marks[0]['sent_on'])}.",
                marks,
                {"what": name, "line": line},
                (("c1", "▲ above the usual"), ("soft", "● as usual"), ("c2", "▼ below"), ("ink", "by month")),
            )
            figures.append(Figure(name, note, chart, None))
            note = ""
    figures.append(Figure("The latest", table=Table("The latest ten", _COLUMNS, sends[:10], is_open=True)))
    if len(sends) > 10:
        figures.append(Figure("", table=Table(f"All {len(sends)} shown above", _COLUMNS, sends)))
    figures.append(_by_month(trend))
    figures += _alarms(db)
    return Answer(f"{lead}.", figures)


def _by_month(trend: list[dict]) -> Figure:  # type: ignore[type-arg]
    columns = (
        Column("starts_on", "Month", "month"),
        Column("broadcasts", "Sent"),
        Column("recipients", "Recipients"),
        Column("open_rate", "Open rate", "percent"),
        Column("click_rate", "Click rate", "percent"),
        Column("click_to_open_rate", "Clicks of opens", "percent"),
        Column("unsubscribe_rate", "Unsubscribed", "percent"),
        Column("reach_rate", "Reach", "percent"),
    )
    return Figure("", table=Table("Month by month", columns, trend[::-1]))


def _alarms(db: duckdb.DuckDBPyConnection) -> list[Figure]:
    found = rows(
        db,
        """
        select sent_at::date as sent_on, subject, recipients, unsubscribe_rate, open_rate, median_open_rate, bounce_rate,
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
        Column("sent_on", "Sent", "day"),
        Column("subject", "Subject", "text"),
        Column("alarms", "What", "text"),
        Column("recipients", "Recipients"),
        Column("open_rate", "Open rate", "percent"),
        Column("median_open_rate", "Usual (median)", "percent"),
        Column("unsubscribe_rate", "Unsubscribed", "percent"),
    )
    note = (
        f"In the last year: more than {percent(limits['unsubscribe_alarm'])} unsubscribed, opens more than"
        f" {percent(limits['open_rate_drop_alarm'])} below the usual, or more than {percent(limits['bounce_alarm'])}"
        " found bounced or complaining in the week after."
    )
    table = Table("Broadcasts to look at", columns, found, is_open=True)
    return [Figure("Worth a look", note, table=table)]
