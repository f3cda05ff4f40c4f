"""The section about the mirror itself: how fresh and complete it is, and what is unknown."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.report.components import Figure, FigureTable, SectionContent, TableColumn, row, rows
from cksync.analyze.report.formatting import moment
from cksync.analyze.report.periods import Period
from cksync.plural import plural


def sync(db: duckdb.DuckDBPyConnection, _: Sequence[Period]) -> SectionContent:
    """Can these numbers be trusted?"""
    streams = rows(db, "from sync_health order by stream")
    if not streams:
        return SectionContent(nothing="Nothing read yet.")
    glance = row(db, "select as_of, last_pull_at, incomplete_lists from audience_snapshot")
    broken = rows(
        db,
        """
        select name, fact, coalesce(problem, rows || if(rows = 1, ' row fails', ' rows fail')) as finding
        from _cksync.checks where rows > 0 or problem is not null
        union all
        select name, 'can be built', problem from _cksync.models where problem is not null
        order by all
        """,
    )
    whole = not glance["incomplete_lists"]
    lead = (
        "Every list is complete."
        if whole
        else f"{plural(glance['incomplete_lists'], 'list')} incomplete; the table shows why."
    )
    lead += f" The last complete pull ended {moment(glance['last_pull_at'])}." if glance["last_pull_at"] else ""
    lead += f" {plural(len(broken), 'check')} failed." if broken else " Every data check passed."
    columns = (
        TableColumn("stream", "Stream", "text"),
        TableColumn("complete_lists", "Complete lists"),
        TableColumn("lists", "of"),
        TableColumn("read_to", "Current to", "moment"),
        TableColumn("added_7d", "Added (7 days)"),
        TableColumn("changed_7d", "Changed"),
        TableColumn("removed_7d", "Removed"),
        TableColumn("requests_7d", "Requests"),
        TableColumn("failed_7d", "Failed"),
        TableColumn("doubt", "Incomplete because", "text"),
    )
    figures = [Figure("List by list", table=FigureTable("The mirror by stream", columns, streams, is_open=True))]
    if broken:
        shown = (
            TableColumn("name", "Check", "text"),
            TableColumn("fact", "Expected", "text"),
            TableColumn("finding", "Found", "text"),
        )
        title = plural(len(broken), "finding")
        figures.append(Figure("Failed checks", table=FigureTable(title, shown, broken, is_open=True)))
    return SectionContent(lead, figures)
