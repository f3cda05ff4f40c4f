"""Rows that are gone from the account but still known from the checkout or the mirror's history."""

from collections.abc import Collection

import duckdb

from cksync.write.workspace import column_names

# The column that identifies a row to a reader.
NAMED_BY = {
    "subscribers": "email_address",
    "tags": "name",
    "forms": "name",
    "sequences": "name",
    "custom_fields": "label",
    "broadcasts": "subject",
    "purchases": "transaction_id",
}
# Names of tables in messages.
ONE_OF = {
    "subscribers": "person",
    "tags": "tag",
    "forms": "form",
    "sequences": "sequence",
    "custom_fields": "custom field",
    "broadcasts": "broadcast",
    "purchases": "purchase",
}


def gone_rows(db: duckdb.DuckDBPyConnection, rows: Collection[tuple[str, int]]) -> dict[tuple[str, int], str | None]:
    """Return those of the given rows, by table and id, that the account no longer has, with their description."""
    found: dict[tuple[str, int], str | None] = {}
    for table, name in NAMED_BY.items():
        if ids := [id_ for of, id_ in rows if of == table]:
            query = f"""
                select id, arg_max({name}, seen)
                from (
                    select id, {name}, 0 as seen from base.{table}
                    union all
                    select id, {name}, epoch_us(valid_from) from mirror.history.{table}
                )
                anti join mirror.main.{table} using (id)
                where id in (select unnest(?::bigint[]))
                group by id
            """
            found |= {(table, id_): was for id_, was in db.execute(query, [ids]).fetchall()}
    return found


def lost_columns(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the columns of `subscribers` whose custom field is gone, with its id."""
    rows = db.execute("select id from mirror.main.custom_fields").fetchall()
    there = {id_ for (id_,) in rows}
    return {name: id_ for id_, name in column_names(db).items() if id_ not in there}


def unseen_rows(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, int], str | None]:
    """Return the rows that a push created and the mirror has not seen yet (the push was killed before it published), by
    table and id, with their description."""
    found: dict[tuple[str, int], str | None] = {}
    for table, name in NAMED_BY.items():
        query = f"""
            select id, {name} from base.{table}
            semi join (select id from _cksync.ids where target = ?) using (id)
            anti join mirror.history.{table} using (id)
        """
        found |= {(table, id_): was for id_, was in db.execute(query, [table]).fetchall()}
    return found
