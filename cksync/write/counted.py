"""Count the people whom earlier pushes of a workspace affected, for the safety rules."""

from collections.abc import Mapping

import duckdb

from cksync.addresses import folded_sql
from cksync.write.kinds import EVERY_KIND
from cksync.write.rules import counted_by


def counted(db: duckdb.DuckDBPyConnection) -> Mapping[str, frozenset[str]]:
    """Return the people affected by earlier pushes, by the rule that counts them: every write that may have been
    executed, except those of a push that lifted the rule."""
    # A workspace of cksync 0.1.0 has no record of lifted rules until it is pushed again.
    known = db.execute(
        "select 1 from duckdb_columns() where database_name = 'work' and schema_name = '_cksync'"
        " and table_name = 'actions' and column_name = 'lifted'"
    ).fetchone()
    rows = db.execute(
        f"""
        with sent as (
            select kind, target, body ->> '$.parent' as parent, {"lifted" if known else "null"} as lifted,
                {folded_sql("body ->> '$.purchase.email_address'")} as buyer
            from work._cksync.actions where state in ('sent', 'done', 'unknown')
        ),
        buyers as (
            select {folded_sql("email_address")} as buyer, max(id) as id from mirror.main.subscribers
            where {folded_sql("email_address")} in (select buyer from sent) group by all
        ),
        made as (
            select cast(local_id as varchar) as target, max(id) as id from work._cksync.ids
            where target = 'subscribers' group by all
        )
        select kind, parent, lifted, coalesce(cast(buyers.id as varchar), buyer, cast(made.id as varchar), target)
        from sent left join buyers using (buyer) left join made using (target)
        """
    ).fetchall()
    found: dict[str, set[str]] = {}
    for what, parent, lifted, person in rows:
        for rule in counted_by(EVERY_KIND[what], parent) if what in EVERY_KIND else ():
            if rule not in (lifted or "").split():
                found.setdefault(rule, set()).add(person)
    return {rule: frozenset(people) for rule, people in found.items()}
