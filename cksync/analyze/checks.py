"""Checks: selects of sql/checks, or of a user's folder `checks`, that must return no row.

The first line of a file states what must hold. The `@key` of a model is a check, too.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from cksync.analyze.memory import with_more_memory
from cksync.analyze.model_files import Model, read_folder, sentence
from cksync.domain import Checked
from cksync.sqltext import Header, identifier, quoted, sql_folder

SAMPLE_ROWS = 3


def checked(db: duckdb.DuckDBPyConnection, models: Sequence[Model], models_path: Path | None) -> Iterator[Checked]:
    """Run every check of the models that were built."""
    files = read_folder(sql_folder() / "checks", "sql/checks")
    files += read_folder(models_path / "checks", f"{models_path}/checks") if models_path else []
    for fact in (*files, *(_key_fact(each) for each in models if each.key)):
        yield _checked(db, fact)


def _key_fact(of: Model) -> Model:
    """Return the check that a model's key identifies its rows."""
    key = quoted(of.key)
    missing = " or ".join(f"{identifier(column)} is null" for column in of.key)
    fact = f"{', '.join(of.key)} is never null and identifies a row of {of.name}."
    sql = f"select {key} from main.{identifier(of.name)} group by all having count(*) > 1 or {missing}"
    return Model(f"{of.name}_key", sql, of.file, Header(fact, {}, {}))


def _checked(db: duckdb.DuckDBPyConnection, fact: Model) -> Checked:
    name, text = fact.name, fact.header.grain
    if fact.problem:
        return Checked(name, text, 0, problem=fact.problem)
    select = fact.sql.rstrip().rstrip(";")
    try:
        (rows,) = with_more_memory(db, f"select count(*) from ({select}\n)").fetchone() or (0,)
        if not rows:
            return Checked(name, text, 0)
        (sample,) = db.execute(
            f"select to_json(list(found)) from (select found from ({select}\n) as found limit {SAMPLE_ROWS})"
        ).fetchone() or (None,)
    except duckdb.FatalException:
        raise
    except duckdb.Error as error:
        return Checked(name, text, 0, problem=sentence(error, fact.file))
    return Checked(name, text, rows, sample)
