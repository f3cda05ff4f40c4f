"""The data dictionary of the published mirror: tables and models, their rows, columns and meaning.

Comments, types and `_cksync.models` come from the file; keys of tables, and what v3 cannot tell of them, from
sql/tables.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

from cksync.errors import Rejected
from cksync.sqltext import Header, header, identifier, names, sql_folder

GROUPS = ("tables", "models", "your own", "history", "cksync's own")
# Models without a file below sql/models.
_MADE = ("subscribers_wide", "model_settings")
_TYPES = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A table, view or macro of the mirror; `group` is one of GROUPS.

    `rows` is None if they would have to be computed, `filter` is a reader's usual one, `unknown` what v3 cannot tell,
    `file` the model's. `problem` says why a model is missing.
    """

    group: str
    schema: str
    name: str
    kind: str
    rows: int | None
    grain: str
    key: tuple[str, ...] = ()
    filter: str | None = None
    unknown: str | None = None
    file: str | None = None
    problem: str | None = None

    @property
    def label(self) -> str:
        """The display name."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"

    @property
    def relation(self) -> str:
        """The name in SQL; a macro is as of now."""
        name = f"{identifier(self.schema)}.{identifier(self.name)}"
        return f"{name}(now())" if self.kind == "macro" else name


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its type as DuckDB writes it (times with a zone as TIMESTAMPTZ), and its meaning, if described."""

    name: str
    type: str
    meaning: str | None


def entries(db: duckdb.DuckDBPyConnection) -> list[Entry]:
    """Return everything that can be queried, by group and name, and the models that could not be built."""
    found = db.execute(
        """
        with everything as (
            select database_name, schema_name, table_name as name, 'table' as kind, comment
            from duckdb_tables()
            where not internal and not temporary
            union all
            select database_name, schema_name, view_name, 'view', comment
            from duckdb_views()
            where not internal and not temporary
            union all
            select distinct database_name, schema_name, function_name, 'macro', comment
            from duckdb_functions()
            where not internal and function_type = 'table_macro'
        )

        select schema_name, name, kind, coalesce(comment, '') as grain
        from everything
        where database_name = current_database()
        """
    ).fetchall()
    noted_models = _model_rows(db)
    made = {row["name"]: row for row in noted_models if not row["problem"]}
    rows = _rows(db, [(schema, name) for schema, name, kind, _ in found if kind == "table"])
    there = [_entry(schema, name, kind, grain, rows.get((schema, name)), made) for schema, name, kind, grain in found]
    missing = [_missing(row) for row in noted_models if row["problem"]]
    return sorted([*there, *missing], key=lambda entry: (GROUPS.index(entry.group), entry.schema, entry.name))


def find(known: Sequence[Entry], name: str) -> Entry:
    """Return the entry that a name means. Raises Rejected with close names if there is none."""
    wanted = name.strip().split("(")[0].replace('"', "").removeprefix("main.").lower()
    for each in (name.lower(), wanted):
        for entry in sorted(known, key=lambda entry: entry.problem is not None):
            if entry.label.lower() == each:
                return entry
    raise Rejected(f"unknown table or model {name}; {advice(wanted, [entry.label for entry in known])}")


def advice(wanted: str, known: Iterable[str]) -> str:
    """Suggest alternatives to an unknown name."""
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wanted, names, n=3, cutoff=0.6)
    close += [name for name in names if len(wanted) > 2 and wanted.lstrip("@") in name and name not in close][
        : 3 - len(close)
    ]
    if not close:
        return "`cksync sql --list` lists them"
    *others, last = (names[name] for name in close)
    return f"did you mean {', '.join(others)} or {last}?" if others else f"did you mean {last}?"


def columns(db: duckdb.DuckDBPyConnection, entry: Entry) -> list[Column]:
    """Return an entry's columns in order. Raises Rejected with DuckDB's message if a view cannot be read."""
    if entry.problem:
        return []
    try:
        described = db.execute(f"describe from {entry.relation}").fetchall()
    except duckdb.Error as error:
        raise Rejected(f"{entry.label}: {error}") from None
    schema = "main" if entry.kind == "macro" else entry.schema
    meanings = dict(
        db.execute(
            "select column_name, comment from duckdb_columns()"
            " where database_name = current_database() and schema_name = ? and table_name = ?",
            [schema, entry.name],
        ).fetchall()
    )
    return [Column(name, _TYPES.get(kind, kind), meanings.get(name)) for name, kind, *_ in described]


def sample(db: duckdb.DuckDBPyConnection, entry: Entry, limit: int) -> duckdb.DuckDBPyRelation | None:
    """Return any few rows; None for a missing model."""
    return None if entry.problem else db.sql(f"from {entry.relation} limit {limit}")


@cache
def table_headers() -> Mapping[str, Header]:
    """Return the headers of sql/tables by table."""
    return {
        path.stem: header(path.read_text(encoding="utf-8")) for path in sorted((sql_folder() / "tables").glob("*.sql"))
    }


@cache
def _builtin_models() -> frozenset[str]:
    return frozenset([*(path.stem for path in (sql_folder() / "models").rglob("*.sql")), *_MADE])


def _model_rows(db: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of `_cksync.models`; none if an older cksync, or another program, made the file."""
    try:
        answer = db.execute("from _cksync.models")
    except duckdb.CatalogException:
        return []
    columns = [column[0] for column in answer.description]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _rows(db: duckdb.DuckDBPyConnection, tables: Sequence[tuple[str, str]]) -> dict[tuple[str, str], int]:
    counts = ", ".join(
        f"(select count(*) from {identifier(schema)}.{identifier(name)})" for schema, name in tables
    )  # DuckDB knows them without reading a row
    counted = db.execute(f"select {counts}").fetchall() if tables else [()]
    return dict(zip(tables, counted[0], strict=True))


def _entry(
    schema: str, name: str, kind: str, grain: str, rows: int | None, made: Mapping[str, Mapping[str, Any]]
) -> Entry:
    model = made.get(name, {}) if schema == "main" else {}
    of_table = table_headers().get(name) if schema != "_cksync" else None
    words = of_table.words if of_table else {}
    key = names(model.get("key") or words.get("@key", ""))
    return Entry(
        group=_group(schema, name, bool(model)),
        schema=schema,
        name=name,
        kind=kind,
        rows=rows,
        grain=grain or model.get("grain") or "",
        key=(*key, "valid_from", "change") if schema == "history" else key,
        filter=model.get("filter"),
        unknown=model.get("unknown") or words.get("@unknown"),
        file=model.get("file") or (f"sql/tables/{name}.sql" if of_table and schema == "main" else None),
    )


def _missing(row: Mapping[str, Any]) -> Entry:
    described = {name: row[name] for name in ("name", "kind", "filter", "unknown", "file", "problem")}
    is_builtin = row["name"] in _builtin_models() and str(row["file"]).startswith("sql/models/")
    group = "models" if is_builtin else "your own"
    return Entry(group, "main", rows=None, grain=row["grain"] or "", key=names(row["key"] or ""), **described)


def _group(schema: str, name: str, is_model: bool) -> str:
    if schema in ("history", "as_of"):
        return "history"
    if schema == "_cksync":
        return "cksync's own"
    if name in _builtin_models():
        return "models"
    return "your own" if is_model else "tables"
