"""Whom the earlier pushes of a workspace concerned, as the safety rules count them."""

from collections.abc import Mapping

import duckdb

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
        select kind, actions.body ->> '$.parent', {"lifted" if known else "null"},
            case when kind = 'create purchase'
                then coalesce(cast(buyers.id as varchar), lower(actions.body ->> '$.purchase.email_address'))
                else coalesce(cast(ids.id as varchar), actions.target) end
        from work._cksync.actions as actions
        left join work._cksync.ids as ids on ids.target = 'subscribers' and cast(ids.local_id as varchar) = actions.target
        left join (
            select lower(email_address) as address, max(id) as id from mirror.main.subscribers group by all
        ) as buyers on kind = 'create purchase' and buyers.address = lower(actions.body ->> '$.purchase.email_address')
        where state in ('sent', 'done', 'unknown')
        """
    ).fetchall()
    found: dict[str, set[str]] = {}
    for what, parent, lifted, person in rows:
        for rule in counted_by(what, parent):
            if rule not in (lifted or "").split():
                found.setdefault(rule, set()).add(person)
    return {rule: frozenset(people) for rule, people in found.items()}
