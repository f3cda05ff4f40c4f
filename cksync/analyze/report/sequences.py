"""The section about sequences: who entered and bought, and with API v4 how far the emails reach."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import Chart, Figure, FigureTable, Row, Rows, SectionContent, TableColumn, rows
from cksync.analyze.report.formatting import count, named, people, percent
from cksync.analyze.report.periods import Period
from cksync.analyze.report.readers import bar
from cksync.plural import plural

EMAILS, OPEN_SEQUENCES, SEQUENCES = 12, 2, 12


def sequences(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Answer "Do sequences hold people?"."""
    funnels = rows(db, "from sequence_funnel where entered > 0 order by entered desc, sequence_id")
    if not funnels:
        return SectionContent(nothing="No one has entered a sequence yet.")
    emails = rows(
        db,
        """
        from sequence_email_performance
        where is_published and first_recipients > 0
        order by first_recipients desc, sequence_id, place
        """,
    )
    each_sequence: dict[int, list[Row]] = {}
    for email in emails:
        each_sequence.setdefault(email["sequence_id"], []).append(email)
    steps = [
        _steps(found, None if place < OPEN_SEQUENCES else f"{named(found[0]['sequence'])}")
        for place, found in enumerate(each_sequence.values())
    ]
    return SectionContent(
        _lead(funnels, list(each_sequence.values())), [_funnels(funnels, has_emails=bool(steps)), *steps]
    )


def _lead(funnels: Rows, each_sequence: Sequence[Rows]) -> str:
    largest = funnels[0]
    lead = f"{people(largest['entered'])} entered “{named(largest['sequence'])}”, the largest of"
    lead += f" {plural(len(funnels), 'sequence')}"
    if largest["bought_within_30_days_rate"] is not None:
        lead += f"; {percent(largest['bought_within_30_days_rate'])} bought within 30 days"
    longest = next((found for found in each_sequence if len(found) > 1 and found[-1]["reach_rate"] is not None), None)
    if longest:
        lead += (
            f". The last email of “{named(longest[0]['sequence'])}” reached {percent(longest[-1]['reach_rate'])} of the"
        )
        lead += " recipients of its first"
    return f"{lead}."


def _funnels(found: Rows, *, has_emails: bool) -> Figure:
    bars = [
        {
            "name": each["sequence"],
            "value": each["entered"],
            "text": f"{count(each['entered'])}{_bought(each)}",
            "active": each["active"],
        }
        for each in found[:SEQUENCES]
    ]
    label = "People who entered each sequence: "
    label += ", ".join(f"{named(each['name'])} {each['text']}" for each in bars[:5]) + "."
    columns = (
        TableColumn("sequence", "Sequence", "text"),
        TableColumn("entered", "Entered"),
        TableColumn("active_rate", "Members and active", "percent"),
        TableColumn("bought_within_30_days", "Bought within 30 days"),
        TableColumn("bought_within_30_days_rate", "of those who could", "percent"),
        TableColumn("bought_within_90_days_rate", "within 90 days", "percent"),
        TableColumn("unsubscribed_within_30_days_rate", "Left within 30 days, at least", "percent"),
        TableColumn("unsubscribed_within_30_days_rate_at_most", "at most", "percent"),
        TableColumn("precision", "Precision", "text"),
    )
    note = "People who ever entered, and the share that bought within 30 days of entering."
    if not has_emails:
        note += " API v3 does not tell the emails of a sequence; API v4 does."
    chart = Chart("bars", label, bars, {"color": "c5", "tips": {"active": "Members and active"}})
    return Figure("Entered and bought", note, chart, FigureTable("The numbers", columns, found), scope="all time")


def _bought(of: Row) -> str:
    rate = of["bought_within_30_days_rate"]
    return "" if rate is None else f" · {percent(rate)} bought"


def _steps(found: Rows, fold: str | None) -> Figure:
    """The emails of a sequence, and how many people each reached."""
    name = named(found[0]["sequence"])
    bars = [
        bar(
            f"{each['place']}. {each['subject'] or '(no subject)'}", each["reach_rate"] or 0, each["recipients"],
            "recipients", f" · opened {percent(each['open_rate'])}",
        )
        for each in [email for email in found if email["recipients"] is not None][:EMAILS]
    ]  # fmt: skip
    label = f"Reach of the emails of {name}: "
    label += ", ".join(f"{named(bar['name'])} {bar['text']}" for bar in bars[:5]) + "."
    columns = (
        TableColumn("subject", "Email", "text"),
        TableColumn("days_after_entry", "Days after entry", "decimal"),
        TableColumn("recipients", "Recipients"),
        TableColumn("reach_rate", "Reach", "percent"),
        TableColumn("open_rate", "Open rate", "percent"),
        TableColumn("click_rate", "Click rate", "percent"),
        TableColumn("unsubscribe_rate", "Unsubscribed", "percent"),
        TableColumn("problem_rate", "Bounced or complained", "percent"),
    )
    chart = Chart("bars", label, bars, {"color": "c4", "tips": {"recipients": "Recipients"}})
    return Figure(name, "", chart, FigureTable("Email by email", columns, found), fold, "all time")
