"""Whom the earlier pushes of a workspace concerned, as the safety rules count them."""

from collections.abc import Mapping

import duckdb

from cksync.addresses import folded_sql
from cksync.write.kinds import KINDS
from cksync.write.rules import counted_by


def counted(db: duckdb.DuckDBPyConnection) -> Mapping[str, frozenset[str]]:
    """People by the rule that counts them, whatever became of the write as long as it may have been made; not those
    whom a push concerned that had the rule lifted."""
    # A workspace of cksync 0.1.0 does not say what was lifted, as long as it was not pushed again.
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
        for rule in counted_by(KINDS[what], parent) if what in KINDS else ():
            if rule not in (lifted or "").split():
                found.setdefault(rule, set()).add(person)
    return {rule: frozenset(people) for rule, people in found.items()}
