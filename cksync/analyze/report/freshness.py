"""The section about the mirror itself: how fresh and whole it is, and what nobody knows."""

import duckdb

from cksync.analyze.report.components import Answer, Column, Figure, Table, row, rows
from cksync.analyze.report.formatting import moment
from cksync.plural import plural


def sync(db: duckdb.DuckDBPyConnection) -> Answer:
    """Can these numbers be trusted?"""
    streams = rows(db, "from sync_health order by stream")
    if not streams:
        return Answer(nothing="Nothing read yet.")
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
        Column("stream", "Stream", "text"),
        Column("complete_lists", "Complete lists"),
        Column("lists", "of"),
        Column("read_to", "Current to", "moment"),
        Column("added_7d", "Added (7 days)"),
        Column("changed_7d", "Changed"),
        Column("removed_7d", "Removed"),
        Column("requests_7d", "Requests"),
        Column("failed_7d", "Failed"),
        Column("doubt", "Incomplete because", "text"),
    )
    figures = [Figure("List by list", table=Table("The mirror by stream", columns, streams, is_open=True))]
    if broken:
        told = (
            Column("name", "Check", "text"),
            Column("fact", "Expected", "text"),
            Column("finding", "Found", "text"),
        )
        title = plural(len(broken), "finding")
        figures.append(Figure("Failed checks", table=Table(title, told, broken, is_open=True)))
    return Answer(lead, figures)
