"""The models: views, and tables where a view would be too slow, rebuilt at every publish.

The built-in models are the files below sql/models and `subscribers_wide`; then come the user's own, of `[models] path`.
A model that fails is noted in `_cksync.models` and affects no other. The tables of the mirror are only read.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from cksync.analyze.checks import checked
from cksync.analyze.memory import with_more_memory
from cksync.analyze.model_files import Model, in_order, read_folder, sentence
from cksync.analyze.settings import make_settings, wide_model
from cksync.config import ModelsConfig
from cksync.domain import Analysis, Built, Checked, OnStep, Step, unseen
from cksync.sqltext import commented, identifier, sql_folder

SETTINGS = "model_settings"

_NOTES = {
    "models": (
        "One row per model, built in or your own: its definition, and why it could not be built.",
        {
            "name": "The view or table in main.",
            "kind": "`view` or `table`; `folder` if the folder of your own models does not exist.",
            "file": "The file that contains its select.",
            "grain": "What one row is.",
            "key": "The columns that identify a row, separated by commas.",
            "filter": "The usual filter for queries, as SQL.",
            "unknown": "What the API cannot tell.",
            "seconds": "Build time in seconds.",
            "problem": "Why it could not be built; null if it was.",
        },
    ),
    "checks": (
        "One row per data check, run when the mirror was published.",
        {
            "name": "The file in sql/checks, or the model whose key is checked.",
            "fact": "The expected fact.",
            "rows": "Number of rows that fail the check.",
            "sample": "Some of these rows, as JSON.",
            "problem": "Why the check could not be run; null if it was.",
        },
    ),
}


def build(
    db: duckdb.DuckDBPyConnection, settings: ModelsConfig, tables: Collection[str], on_step: OnStep = unseen
) -> Analysis:
    """Build every model in the current database, whose own tables in `main` are `tables`, and run the checks.

    If the settings disable models, those of an earlier publish are dropped.
    """
    _clear(db, tables)
    if not settings.build:
        _note(db, [], [])
        return Analysis()
    make_settings(db, settings, tables)
    builtin_models = in_order([*read_folder(sql_folder() / "models", "sql/models", "**/*.sql"), wide_model(db)])
    taken = {*tables, SETTINGS, *(model.name.lower() for model in builtin_models)}
    user_models, refused = _user_models(settings.path, taken)
    made = _make_all(db, [*builtin_models, *user_models], on_step)
    good = [model for model, built in made if not built.problem]
    checks = checked(db, good, settings.path)
    analysis = Analysis((*(built for _, built in made), *refused), tuple(checks))
    _note(db, [*made, *((None, built) for built in refused)], analysis.checks)
    return analysis


def noted(db: duckdb.DuckDBPyConnection) -> Analysis:
    """Read back the results of the last model build; empty for a mirror built by an older cksync."""
    there = db.execute(
        "select count(*) from duckdb_tables() where schema_name = '_cksync' and table_name in ('models', 'checks')"
    ).fetchone()
    if there != (2,):
        return Analysis()
    models = db.execute("select name, kind, file, seconds, problem from _cksync.models").fetchall()
    checks = db.execute("select name, fact, rows, sample, problem from _cksync.checks").fetchall()
    return Analysis(tuple(Built(*row) for row in models), tuple(Checked(*row) for row in checks))


def _clear(db: duckdb.DuckDBPyConnection, tables: Collection[str]) -> None:
    """Drop the models of an earlier publish."""
    made = db.execute(
        """
        select 'view', view_name from duckdb_views()
        where database_name = current_database() and schema_name = 'main' and not internal
        union all
        select 'table', table_name from duckdb_tables()
        where database_name = current_database() and schema_name = 'main'
        """
    ).fetchall()
    for kind, name in made:
        if name not in tables:
            db.execute(f"drop {kind} main.{identifier(name)}")


def _user_models(folder: Path | None, taken: Collection[str]) -> tuple[list[Model], list[Built]]:
    """Return the user's models in order, and those that are invalid."""
    if folder is None:
        return [], []
    if not folder.is_dir():
        problem = f"the folder {folder} does not exist; set models.path in config.toml to the folder of your own models"
        return [], [Built("models.path", "folder", str(folder), 0.0, problem)]
    found: dict[str, Model] = {}
    refused = []
    for model in read_folder(folder, str(folder)):
        if (name := model.name.lower()) in taken or name in found:
            problem = f"{model.file}: another table or model is already named {model.name}; rename this one"
            refused.append(Built(model.name, model.kind, model.file, 0.0, problem))
        else:
            found[name] = model
    return in_order([*found.values()]), refused


def _make_all(db: duckdb.DuckDBPyConnection, models: Sequence[Model], on_step: OnStep) -> list[tuple[Model, Built]]:
    """Build models, each after those it reads."""
    made = []
    broken: set[str] = set()
    for done, model in enumerate(models):
        on_step(Step(f"building {model.name}", done, len(models)))
        missing = sorted(model.reads & broken)
        problem = f"{model.file}: reads {', '.join(missing)}, which could not be built" if missing else None
        built = _make(db, replace(model, problem=model.problem or problem))
        if built.problem:
            broken.add(model.name.lower())
        made.append((model, built))
    return made


def _make(db: duckdb.DuckDBPyConnection, model: Model) -> Built:
    began = time.monotonic()
    problem = model.problem
    if problem is None:
        name = f"main.{identifier(model.name)}"
        try:
            with_more_memory(db, f"create {model.kind} {name} as {model.sql}")
        except duckdb.FatalException:
            raise
        except duckdb.Error as error:
            problem = sentence(error, model.file)
        else:
            columns = {row[0] for row in db.execute(f"describe {name}").fetchall()}
            meanings = {column: text for column, text in model.header.comments.items() if column in columns}
            db.execute(commented(model.kind, name, model.header.grain, meanings))
    return Built(model.name, model.kind, model.file, round(time.monotonic() - began, 3), problem)


def _note(db: duckdb.DuckDBPyConnection, made: Sequence[tuple[Model | None, Built]], checks: Sequence[Checked]) -> None:
    """Store in `_cksync` what was built and which checks failed."""
    db.execute(
        "create or replace table _cksync.models (name varchar, kind varchar, file varchar, grain varchar, key varchar,"
        " filter varchar, unknown varchar, seconds double, problem varchar)"
    )
    db.execute(
        "create or replace table _cksync.checks (name varchar, fact varchar, rows bigint, sample json, problem varchar)"
    )
    models = []
    for model, built in made:
        words = model.header.words if model else {}
        described = [
            model.header.grain if model else None,
            words.get("@key"),
            words.get("@filter"),
            words.get("@unknown"),
        ]
        models.append([built.name, built.kind, built.file, *described, built.seconds, built.problem])
    _insert(db, "_cksync.models", models)
    _insert(db, "_cksync.checks", [[each.name, each.fact, each.rows, each.sample, each.problem] for each in checks])
    for name, (grain, meanings) in _NOTES.items():
        db.execute(commented("table", f"_cksync.{name}", grain, meanings))


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        places = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
        db.execute(f"insert into {table} values {places}", [value for row in rows for value in row])
