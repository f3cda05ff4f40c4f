"""The tables that people want in a spreadsheet: a contents sheet, people with a column per custom field, purchases,
broadcasts; without technical columns."""

from collections.abc import Sequence

import duckdb

from cksync.analyze.export.source import ExportTable, answer
from cksync.sqltext import identifier, literal

NEEDED = {"subscribers", "custom_fields", "purchases", "broadcasts", "broadcast_stats"}
_PURCHASES = """
    select transaction_time, email_address, total, currency, subtotal, tax, discount, status, transaction_id, id
    from mirror.main.purchases order by transaction_time desc nulls last, id
"""
_BROADCASTS = """
    select mail.subject, coalesce(mail.send_at, mail.published_at) as sent_at, stats.recipients, stats.open_rate,
        stats.click_rate, stats.unsubscribes, stats.total_clicks, stats.status, mail.id
    from mirror.main.broadcasts as mail
    left join mirror.main.broadcast_stats as stats on stats.broadcast_id = mail.id
    order by sent_at desc nulls last, mail.id
"""
_MEANINGS = {
    "people": "one row per person, with a column per custom field",
    "purchases": "one row per purchase, newest first",
    "broadcasts": "one row per broadcast with its statistics, newest first; rates are percentages",
}


def has_preset(db: duckdb.DuckDBPyConnection) -> bool:
    """Return True if the mirror has the tables that the preset reads."""
    rows = db.execute("select table_name from duckdb_tables() where database_name = 'mirror' and schema_name = 'main'")
    return {name for (name,) in rows.fetchall()} >= NEEDED


def preset(db: duckdb.DuckDBPyConnection) -> list[ExportTable]:
    """Return the tables, the contents first."""
    queries = {"people": _people(db), "purchases": _PURCHASES, "broadcasts": _BROADCASTS}
    tables = [answer(db, query, name) for name, query in queries.items()]
    return [answer(db, _contents(tables), "contents"), *tables]


def _people(db: duckdb.DuckDBPyConnection) -> str:
    taken = {"email_address", "first_name", "state", "created_at", "id"}
    columns = []
    for key, label in db.execute("select key, label from mirror.main.custom_fields order by id").fetchall():
        name = next(
            each for each in (label, key, f"field {key}", f"field {key} 2") if each and each.lower() not in taken
        )
        taken.add(name.lower())
        path = '$."' + str(key).replace('"', '\\"') + '"'
        columns.append(f", json_extract_string(fields, {literal(path)}) as {identifier(name)}")
    return (
        f"select email_address, first_name, state, created_at{''.join(columns)}, id"
        " from mirror.main.subscribers order by created_at desc nulls last, id"
    )


def _contents(tables: Sequence[ExportTable]) -> str:
    rows = [f"({literal(each.name)}, {each.rows}, {literal(_MEANINGS[each.name])})" for each in tables]
    return f'select * from (values {", ".join(rows)}) as contents(sheet, "rows", meaning)'
