"""The statements of a merge: each file of sql/merge is one statement that documents its effect and its placeholders."""

import re
from pathlib import Path

import duckdb
import pytest

from cksync.domain import DETAILS, MEMBERSHIPS, members_sql
from cksync.load.steps import step
from cksync.load.tables import tables
from cksync.sqltext import header, sql_folder

FOLDER = sql_folder() / "merge"
FILES = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.rglob("*.sql"))}
LOAD = Path(__file__).parent.parent / "cksync" / "load"


# Text that parses where `x` would not.
SAMPLES = {
    "in_complete_lists": "where true",
    "is_shown": "true",
    "finds": "select 1",
    "slices": "('a')",
    "sets": "a = 1",
}


@pytest.mark.parametrize("name", FILES)
def test_header_says_what_the_step_does_and_describes_each_placeholder(name: str) -> None:
    text = FILES[name].read_text()
    told = header(text)
    statement = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    assert told.grain.startswith(("Creates ", "Changes ", "Returns ", "Adds ", "Deletes ", "Inserts "))
    assert set(told.comments) == set(re.findall(r"\{(\w+)\}", statement))
    assert told.words == {}


@pytest.mark.parametrize("name", FILES)
def test_step_is_one_statement(name: str) -> None:
    given = {word: SAMPLES.get(word, "x") for word in header(FILES[name].read_text()).comments}
    assert len(duckdb.extract_statements(step(name, **given))) == 1


def test_every_step_is_taken() -> None:
    code = "".join(path.read_text() for path in LOAD.glob("*.py"))
    assert {name for name in FILES if f'step("{name}"' not in code.replace("step(\n        ", "step(")} == set()


def test_placeholder_that_nothing_is_given_for_is_refused() -> None:
    with pytest.raises(KeyError, match="table"):
        step("tombstones")


def test_tables_name_their_slices_as_the_rest_does() -> None:
    (memberships,) = [table for table in tables() if table.name == MEMBERSHIPS]
    assert memberships.slice == members_sql("subscribable_type", "subscribable_id")
    assert f"slice = '{DETAILS.name}'" in (sql_folder() / "tables/broadcasts.sql").read_text()
