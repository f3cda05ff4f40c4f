"""The edits of a workspace: its rows compared with the checkout and with the current mirror.

DuckDB does all comparing, so that only differences become Python objects.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import duckdb

from cksync.addresses import folded, folded_sql
from cksync.custom_fields import Field, people
from cksync.sqltext import identifier, literal, quoted
from cksync.write.gone import gone_rows, lost_columns, unseen_rows
from cksync.write.labels import Labels, labels_of
from cksync.write.repeated import repeated_memberships
from cksync.write.workspace import TABLES, column_names, key_of, mirror_fields, new_columns, rows_of

# Holds the keys of edited rows while a table is compared.
EDITED = "_cksync_edited"
EditKind = Literal["insert", "update", "delete"]
Key = tuple[Any, ...]
# The columns of tables with their types, by schema and table.
Schemas = Mapping[tuple[str, str], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One edited value: at the checkout, in the workspace, and in the account now."""

    column: str
    base: str | None
    mine: str | None
    theirs: str | None


@dataclass(frozen=True, slots=True)
class Edit:
    """One edited row. `row` has all its columns (of a deleted row those of the checkout, of an updated row only the
    key); `cells` are the differences; `is_there` is True if the account has the row now."""

    table: str
    kind: EditKind
    key: Key
    row: Mapping[str, Any]
    cells: tuple[Cell, ...] = ()
    is_there: bool = False


def shown_key(key: Key) -> str:
    """Return the key of a row as text, in the form that `cksync revert` takes."""
    return ", ".join(map(str, key))


@dataclass(frozen=True, slots=True)
class Problem:
    """An edit that the API cannot express, and the reason; without a key it concerns the table itself."""

    table: str
    key: Key
    reason: str


@dataclass(frozen=True, slots=True)
class Person:
    """The current state in the account of a person whom an edit concerns."""

    id: int
    email_address: str
    state: str


@dataclass(frozen=True)
class Account:
    """What a plan needs to know of the account besides the edited rows; `addresses` are folded.

    `new_columns` are the columns of custom fields not created yet, by local id. `gone` maps former rows, by table and
    id, to a description; `lost` are the columns whose custom field is gone. `statuses` are those of broadcasts, None if
    it is unknown whether they were sent; `sent` are those already sent at the checkout. `counted` are the people of
    earlier pushes, by safety rule. `names` are the labels of rows, by table and id.
    """

    people: Mapping[int, Person]
    addresses: Mapping[str, int]
    subscribers: int
    tags: Mapping[int, str]
    forms: frozenset[int]
    sequences: frozenset[int]
    fields: tuple[Field, ...]
    labels: Mapping[int, str]
    memberships: frozenset[tuple[str, int, int]]
    statuses: Mapping[int, str | None]
    transactions: frozenset[tuple[str, str]]
    keys: Mapping[int, str] = field(default_factory=dict)
    new_columns: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[tuple[str, int], str | None] = field(default_factory=dict)
    lost: Mapping[str, int] = field(default_factory=dict)
    sent: frozenset[int] = frozenset()
    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: Labels = field(default_factory=dict)


def read_edits(db: duckdb.DuckDBPyConnection) -> tuple[list[Edit], list[Problem], Account]:
    """Return every edit in the workspace `work`, the problems that prevent a comparison, and the account as the mirror
    knows it."""
    edits: list[Edit] = []
    problems: list[Problem] = []
    schemas, unseen = schemas_of(db), unseen_rows(db)
    for table in ("subscribers", *TABLES):
        found = list(schema_errors(db, schemas, table))
        problems += found
        if not found and table == "subscriptions":
            clear, unclear = _memberships(db, schemas)
            edits += clear
            problems += unclear
        elif not found:
            made = [_as_made(edit) if (table, edit.key[0]) in unseen else edit for edit in _edits(db, schemas, table)]
            edits += made
    return edits, problems, _account(db, edits, unseen)


def _memberships(db: duckdb.DuckDBPyConnection, schemas: Schemas) -> tuple[list[Edit], list[Problem]]:
    """Return the edits of memberships, and the problems of those whose key does not name one row."""
    repeated = repeated_memberships(db)
    unclear = {each.key for each in repeated}
    # A mirror made by an older cksync may have several rows of a membership; they are one edit.
    edits = {(e.kind, e.key): e for e in _edits(db, schemas, "subscriptions") if e.key not in unclear}
    problems = [Problem("subscriptions", each.key, each.reason) for each in repeated if each.reason]
    return list(edits.values()), problems


def _as_made(edit: Edit) -> Edit:
    """Return an edit of a row that a push created and the mirror has not seen yet: the account has it as it was
    created."""
    return replace(edit, cells=tuple(replace(cell, theirs=cell.base) for cell in edit.cells), is_there=True)


def schemas_of(db: duckdb.DuckDBPyConnection) -> Schemas:
    """Return the columns of every table of the workspace with their types, by schema and table."""
    rows = db.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns()"
        " where database_name = 'work' order by column_index"
    ).fetchall()
    schemas: dict[tuple[str, str], dict[str, str]] = {}
    for schema, table, name, kind in rows:
        schemas.setdefault((schema, table), {})[name] = kind
    return schemas


def schema_errors(db: duckdb.DuckDBPyConnection, schemas: Schemas, table: str) -> Iterator[Problem]:
    """Yield the differences between a table's shape and the checkout."""
    base, mine = schemas.get(("base", table), {}), schemas.get(("main", table), {})
    if not mine:
        yield Problem(table, (), "the table is missing; create a new workspace with `cksync checkout`")
        return
    for name, kind in base.items():
        if name not in mine:
            yield Problem(table, (), f"the column {name} is missing; only rows can be edited, not columns")
        elif mine[name] != kind:
            yield Problem(table, (), f"the column {name} now has type {mine[name]}, but must be {kind}")
    new = [name for name in mine if name not in base]
    known = {name.lower() for names in (new_columns(db), column_names(db)) for name in names.values()}
    for name in new:
        if table != "subscribers":
            yield Problem(
                table, (), f"the column {name} is new; only subscribers accepts new columns, for custom fields"
            )
        elif mine[name] != "VARCHAR":
            yield Problem(table, (), f"the column {name} has type {mine[name]}, but a custom field needs VARCHAR")
        elif name.lower() not in known:
            yield Problem(
                table,
                (),
                f"the column {name} belongs to no custom field; insert one with this key into custom_fields",
            )
    if table == "subscriptions":  # two rows of one membership concern no other
        return
    key = quoted(key_of(table))
    for doubled in db.execute(f"select {key} from main.{table} group by {key} having count(*) > 1 limit 20").fetchall():
        yield Problem(table, doubled, "several rows have this key")


def _edits(db: duckdb.DuckDBPyConnection, schemas: Schemas, table: str) -> Iterator[Edit]:
    key = key_of(table)
    keys = quoted(key)
    is_there = f"theirs.{identifier(key[0])} is not null"
    theirs = people(_known_fields(db), "mirror.main.subscribers") if table == "subscribers" else rows_of(db, table)
    columns = [name for name in schemas["main", table] if name not in key]
    known = set(schemas["base", table])
    current = [name for name, *_ in db.execute(f"describe {theirs}").fetchall()]
    db.execute(
        f"""
        create or replace temp table {EDITED} as
        select {quoted(key, "mine.")} from main.{table} as mine join base.{table} as base using ({keys})
        where {" or ".join(differs(name, name in known) for name in columns)}
        """
    )
    cells = ", ".join(
        f"""case when {differs(name, name in known)} then {{'column': {literal(name)},
            'base': {_text("base", name) if name in known else "null::varchar"}, 'mine': {_text("mine", name)},
            'theirs': {_text("theirs", name) if name in current else "null::varchar"}}} end"""
        for name in columns
    )
    rows = db.execute(
        f"""
        select {quoted(key, "mine.")}, list_filter([{cells}], lambda cell: cell is not null), {is_there}
        from temp.{EDITED} join main.{table} as mine using ({keys}) join base.{table} as base using ({keys})
        left join (from ({theirs}) semi join temp.{EDITED} using ({keys})) as theirs using ({keys})
        order by {keys}
        """
    ).fetchall()
    for row in rows:
        id_ = tuple(row[: len(key)])
        found = tuple(Cell(cell["column"], cell["base"], cell["mine"], cell["theirs"]) for cell in row[len(key)])
        yield Edit(table, "update", id_, dict(zip(key, id_, strict=True)), found, bool(row[-1]))
    ways: tuple[tuple[EditKind, str, str], ...] = (("insert", "main", "base"), ("delete", "base", "main"))
    for kind, one, other in ways:
        names = list(schemas[one, table])
        for row in db.execute(
            f"""
            select one.*, {is_there}
            from {one}.{table} as one anti join {other}.{table} as other using ({keys})
            left join (select {keys} from ({theirs})) as theirs using ({keys})
            order by {keys}
            """
        ).fetchall():
            values = dict(zip(names, row[:-1], strict=True))
            yield Edit(table, kind, tuple(values[name] for name in key), values, (), bool(row[-1]))


def _known_fields(db: duckdb.DuckDBPyConnection) -> list[Field]:
    """Return the current fields that have a column in the workspace, under its names."""
    columns = column_names(db)
    return [Field(f.id, f.key, columns[f.id]) for f in mirror_fields(db) if f.id in columns]


def _unseen_fields(db: duckdb.DuckDBPyConnection, unseen: Collection[tuple[str, int]]) -> list[Field]:
    """Return the fields that a push created and the mirror has not seen yet."""
    columns = column_names(db)
    rows = db.execute("select custom_field_id, key from _cksync.columns").fetchall()
    return [Field(id_, key, columns[id_]) for id_, key in rows if ("custom_fields", id_) in unseen]


def _text(row: str, name: str) -> str:
    return f"cast({row}.{identifier(name)} as varchar)"


def differs(name: str, is_old: bool) -> str:
    """Return the SQL condition for an edited value; the API treats null and '' as equal."""
    base = f"coalesce({_text('base', name)}, '')" if is_old else "''"
    return f"coalesce({_text('mine', name)}, '') <> {base}"


def _account(
    db: duckdb.DuckDBPyConnection, edits: Sequence[Edit], unseen: Mapping[tuple[str, int], str | None]
) -> Account:
    """Read what the plan needs to know of the account, limited to what the edits concern."""
    ids = {edit.key[0] for edit in edits if edit.table == "subscribers"}
    ids |= {edit.row["subscriber_id"] for edit in edits if edit.table == "subscriptions"}
    known = [id_ for id_ in ids if isinstance(id_, int)]
    addresses = [
        folded(str(value))
        for edit in edits
        if edit.table in ("subscribers", "purchases")
        for value in (edit.row.get("email_address"), *(c.mine for c in edit.cells if c.column == "email_address"))
        if value
    ]
    query = "select id, email_address, coalesce(state, '') from mirror.main.subscribers"
    found = db.execute(
        f"{query} where id in (select unnest(?::bigint[]))"
        f" or {folded_sql('email_address')} in (select unnest(?::varchar[]))",
        [known, addresses],
    ).fetchall()
    persons = {id_: Person(id_, was or "", "active") for (table, id_), was in unseen.items() if table == "subscribers"}
    persons |= {id_: Person(id_, address, state) for id_, address, state in found}
    memberships = db.execute(
        """
        select subscribable_type, subscribable_id, subscriber_id from mirror.main.subscriptions
        where subscriber_id in (select unnest(?::bigint[]))
        """,
        [known],
    ).fetchall()
    counted = db.execute("select count(*) from mirror.main.subscribers").fetchone()
    address = folded_sql("email_address")
    sold = db.execute(f"select transaction_id, {address} from mirror.main.purchases").fetchall()
    fields = db.execute("select id, label, coalesce(key, '') from mirror.main.custom_fields").fetchall()
    lost = {name: id_ for name, id_ in lost_columns(db).items() if ("custom_fields", id_) not in unseen}
    made = {id_: was or "" for (table, id_), was in unseen.items() if table == "tags"}
    return Account(
        people=persons,
        addresses={folded(person.email_address): person.id for person in persons.values() if person.email_address},
        subscribers=counted[0] if counted else 0,
        tags={**made, **dict(db.execute("select id, name from mirror.main.tags").fetchall())},
        forms=frozenset(row[0] for row in db.execute("select id from mirror.main.forms").fetchall()),
        sequences=frozenset(row[0] for row in db.execute("select id from mirror.main.sequences").fetchall()),
        fields=(*_known_fields(db), *_unseen_fields(db, unseen)),
        labels={id_: label for id_, label, _ in fields},
        memberships=frozenset(memberships),
        statuses=_statuses(db, unseen),
        transactions=frozenset(sold) if any(edit.table == "purchases" for edit in edits) else frozenset(),
        keys={id_: key for id_, _, key in fields},
        new_columns={name: id_ for id_, name in new_columns(db).items()},
        gone=gone_rows(db, _named(edits, lost) - set(unseen)),
        lost=lost,
        sent=_sent_at_checkout(db),
        names=labels_of(db, known),
    )


def _statuses(db: duckdb.DuckDBPyConnection, unseen: Collection[tuple[str, int]]) -> dict[int, str | None]:
    """Return the status of each broadcast. Without a status from the API, a broadcast without any time counts as a
    draft."""
    rows = db.execute(
        """
        select id, coalesce(broadcast_stats.status, case when send_at is null and published_at is null then 'draft' end)
        from mirror.main.broadcasts left join mirror.main.broadcast_stats on broadcast_id = id
        """
    ).fetchall()
    made = db.execute("select id, if(send_at is null, 'draft', 'scheduled') from base.broadcasts").fetchall()
    return {**{id_: status for id_, status in made if ("broadcasts", id_) in unseen}, **dict(rows)}


def _sent_at_checkout(db: duckdb.DuckDBPyConnection) -> frozenset[int]:
    """Return the broadcasts that were neither drafts nor scheduled at the checkout."""
    rows = db.execute(
        """
        select broadcast_id from mirror.history.broadcast_stats, _cksync.checkout
        where change <> 'delete' and status not in ('draft', 'scheduled')
            and valid_from <= made_at and (valid_to is null or valid_to > made_at)
        """
    ).fetchall()
    return frozenset(id_ for (id_,) in rows)


def _named(edits: Sequence[Edit], lost: Mapping[str, int]) -> set[tuple[str, int]]:
    """Return the rows of the account that the edits need, by table and id."""
    named = {(edit.table, edit.key[0]) for edit in edits if edit.kind == "update"}
    for edit in edits:
        if edit.table == "subscriptions" and edit.kind != "delete":
            named |= {("subscribers", edit.row["subscriber_id"])}
            named |= {(f"{edit.row['subscribable_type']}s", edit.row["subscribable_id"])}
        elif edit.table == "purchase_products":
            named |= {("purchases", edit.row["purchase_id"])}
    named |= {("custom_fields", id_) for id_ in lost.values()}
    return {(table, id_) for table, id_ in named if isinstance(id_, int)}
