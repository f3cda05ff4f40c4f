"""The section about the mirror itself: how fresh and whole it is, and what nobody knows."""

import duckdb

from cksync.analyze.report.components import Answer, Column, Figure, Table, row, rows
from cksync.analyze.report.formatting import many, moment


def sync(db: duckdb.DuckDBPyConnection) -> Answer:
    """Can these numbers be trusted?"""
    streams = rows(db, "from sync_health order by stream")
    if not streams:
        return Answer(nothing="Nothing yet: nothing was read.")
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
        Column("stream", "What", "text"),
        Column("complete_lists", "Lists vouched for"),
        Column("lists", "of"),
        Column("read_to", "Known up to", "moment"),
        Column("added_7d", "Came (7 days)"),
        Column("changed_7d", "Changed"),
        Column("removed_7d", "Gone"),
        Column("requests_7d", "Requests"),
        Column("failed_7d", "Failed"),
        Column("doubt", "Doubt", "text"),
    )
    figures = [Figure("List by list", table=Table("The mirror by stream", columns, streams, is_open=True))]
    if broken:
        told = (
            Column("name", "Check", "text"),
            Column("fact", "Must hold", "text"),
            Column("finding", "Found", "text"),
        )
        title = many(len(broken), "finding")
        figures.append(Figure("What does not hold", table=Table(title, told, broken, is_open=True)))
    return Answer(lead, figures)
