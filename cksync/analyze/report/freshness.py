"""The section about the mirror itself: how fresh and complete it is, and what is unknown."""

import duckdb

from cksync.analyze.report.components import Figure, FigureTable, SectionContent, TableColumn, row, rows
from cksync.analyze.report.formatting import many, moment


def sync(db: duckdb.DuckDBPyConnection) -> SectionContent:
    """Can these numbers be trusted?"""
    streams = rows(db, "from sync_health order by stream")
    if not streams:
        return SectionContent(nothing="Nothing yet: nothing was read.")
    glance = row(db, "select as_of, last_pull_at, incomplete_lists from audience_snapshot")
    broken = rows(
        db,
        """
        select name, fact, coalesce(problem, rows || ' rows contradict it') as finding
        from _cksync.checks where rows > 0 or problem is not null
        union all
        select name, 'can be made', problem from _cksync.models where problem is not null
        order by all
        """,
    )
    whole = not glance["incomplete_lists"]
    lead = (
        "The mirror vouches for every list."
        if whole
        else (f"{many(glance['incomplete_lists'], 'list')} cannot be vouched for; the table names why.")
    )
    lead += f" The last whole pull ended {moment(glance['last_pull_at'])}." if glance["last_pull_at"] else ""
    lead += f" {many(len(broken), 'check')} failed." if broken else " Every check of the numbers holds."
    columns = (
        TableColumn("stream", "What", "text"),
        TableColumn("complete_lists", "Lists vouched for"),
        TableColumn("lists", "of"),
        TableColumn("read_to", "Known up to", "moment"),
        TableColumn("added_7d", "Came (7 days)"),
        TableColumn("changed_7d", "Changed"),
        TableColumn("removed_7d", "Gone"),
        TableColumn("requests_7d", "Requests"),
        TableColumn("failed_7d", "Failed"),
        TableColumn("doubt", "Doubt", "text"),
    )
    figures = [Figure("List by list", table=FigureTable("The mirror by stream", columns, streams, is_open=True))]
    if broken:
        shown = (
            TableColumn("name", "Check", "text"),
            TableColumn("fact", "Must hold", "text"),
            TableColumn("finding", "Found", "text"),
        )
        title = many(len(broken), "finding")
        figures.append(Figure("What does not hold", table=FigureTable(title, shown, broken, is_open=True)))
    return SectionContent(lead, figures)
