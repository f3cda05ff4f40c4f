"""A mirror that other SQL built: a newer cksync's, or that of an edited file of sql/tables."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from cksync.config import Config
from cksync.domain import whole
from cksync.errors import Failed
from cksync.load import tables as catalogue
from cksync.load.drift import ADVICE, REBUILT
from cksync.load.publish import publish, rebuild, together
from cksync.pipeline.pull import pull
from cksync.pipeline.status import status
from cksync.sqltext import sql_folder
from tests.conftest import Command
from tests.support.log_builder import LogBuilder

TAGS = whole("tags")
Edit = Callable[[str, str, str], None]


def forget() -> None:
    """Clear the caches of sql/."""
    for remembered in (catalogue.tables, catalogue.casts, catalogue.fingerprint):
        remembered.cache_clear()


@pytest.fixture
def edit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Replace text in a file of a copy of sql/, which is used from then on."""
    folder = tmp_path / "sql"
    shutil.copytree(sql_folder(), folder)
    monkeypatch.setattr("cksync.load.tables.sql_folder", lambda: folder)

    def replace(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))
        forget()

    forget()
    yield replace
    monkeypatch.undo()
    forget()


@pytest.fixture
def log(tmp_path: Path) -> LogBuilder:
    """A log of one tag with a colour, published."""
    log = LogBuilder(tmp_path / "data")
    log.write(TAGS, 1, [{"id": 1, "name": "a", "colour": "red"}], is_complete=True)
    publish(log.folder)
    return log


def add_colour(edit: Edit) -> None:
    edit("tables/tags.sql", "given.name,", "given.name,\n    record ->> 'colour' as colour,")


def test_mirror_of_the_same_sql_is_not_outdated(log: LogBuilder) -> None:
    assert publish(log.folder).advice is None
    assert status(log.folder.root).advice is None


def test_changed_expression_is_reported_and_works_for_new_rows(edit: Edit, log: LogBuilder) -> None:
    edit("tables/tags.sql", "given.name,", "upper(given.name) as name,")
    log.write(TAGS, 2, [{"id": 2, "name": "b"}])
    assert publish(log.folder).advice == ADVICE
    assert log.rows("select name from tags order by id") == [("a",), ("B",)]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("casts.sql", "-- ", "-- To repeat: "), ("tables/tags.sql", "-- name: ", "-- name: In short, ")],
)
def test_changed_comment_changes_no_fingerprint(edit: Edit, name: str, old: str, new: str) -> None:
    before = catalogue.fingerprint()
    edit(name, old, new)
    assert catalogue.fingerprint() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("casts.sql", "when 'true' then true", "when 'true' then not false"),
        ("tables/tags.sql", "given.name,", "upper(given.name) as name,"),
        ("tables/tags.sql", "-- @slice: tags", "-- @slice: forms"),
    ],
)
def test_changed_statement_or_rule_changes_the_fingerprint(edit: Edit, name: str, old: str, new: str) -> None:
    before = catalogue.fingerprint()
    edit(name, old, new)
    assert catalogue.fingerprint() != before


def test_it_is_reported_until_the_mirror_is_rebuilt(edit: Edit, log: LogBuilder) -> None:
    edit("casts.sql", "when 'true' then true", "when 'true' then not false")
    publish(log.folder)
    assert publish(log.folder).advice == status(log.folder.root).advice == ADVICE
    assert rebuild(log.folder).advice is None
    assert publish(log.folder).advice is status(log.folder.root).advice is None


def test_model_that_changed_is_replaced_without_a_word(edit: Edit, log: LogBuilder) -> None:
    edit("models/core/subscriber_fields.sql", "custom_fields.label,", "upper(custom_fields.label) as label,")
    assert publish(log.folder).advice is None


def test_new_column_rebuilds_the_mirror_with_what_the_log_has_for_it(edit: Edit, log: LogBuilder) -> None:
    add_colour(edit)
    assert publish(log.folder).advice == REBUILT
    assert log.rows("select name, colour, _extra from tags") == [("a", "red", None)]
    assert log.rows("select colour from history.tags") == log.rows("select colour from as_of.tags(now())") == [("red",)]
    assert publish(log.folder).advice is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("    given.name,\n", "", marks=pytest.mark.heavy),
        pytest.param("given.name,", "as_bigint(given.name) as name,", marks=pytest.mark.heavy),
        ("given.name,", "given.name as title,"),
    ],
)
def test_any_other_columns_do_not_stop_a_publish(edit: Edit, log: LogBuilder, old: str, new: str) -> None:
    edit("tables/tags.sql", "-- name: The tag's name, unique within the account.\n", "")
    edit("tables/tags.sql", old, new)
    log.write(TAGS, 2, [{"id": 2, "name": "b"}])
    assert publish(log.folder).advice == REBUILT
    assert log.rows("select id from tags order by id") == [(1,), (2,)]


def test_new_table_is_filled_from_the_log(edit: Edit, log: LogBuilder, tmp_path: Path) -> None:
    folder = tmp_path / "sql" / "tables"
    tags = (folder / "tags.sql").read_text()
    (folder / "labels.sql").write_text(tags.replace("-- @slice: tags\n", ""))
    forget()
    assert publish(log.folder).advice == REBUILT
    assert log.rows("select id from labels") == [(1,)]


def test_mirror_of_an_older_cksync_that_noted_nothing_is_outdated(log: LogBuilder) -> None:
    with duckdb.connect(str(log.folder.mirror)) as db:
        db.execute("drop table _cksync.made")
    assert status(log.folder.root).advice == ADVICE
    assert publish(log.folder).advice == REBUILT  # one of cksync's tables is missing
    assert publish(log.folder).advice is None


def test_without_a_log_a_mirror_with_other_columns_stays_as_it_is(edit: Edit, log: LogBuilder) -> None:
    add_colour(edit)
    shutil.rmtree(log.folder.log)
    before = log.folder.mirror.read_bytes()
    with pytest.raises(Failed, match="there is no log to rebuild it from"):
        publish(log.folder)
    assert log.folder.mirror.read_bytes() == before


def test_pull_says_what_any_of_its_publishes_said(edit: Edit, log: LogBuilder) -> None:
    add_colour(edit)
    assert together([publish(log.folder), publish(log.folder)]).advice == REBUILT


@pytest.mark.heavy
def test_pull_and_status_say_it_in_a_line(config: Config, cksync: Command) -> None:
    list(pull(config))
    with duckdb.connect(str(config.data_dir / "mirror.duckdb")) as db:
        db.execute("update _cksync.made set sql_sha256 = 'another'")
    assert ADVICE in cksync("status").stdout.splitlines()
    assert ADVICE in cksync("pull", "tags").stderr.splitlines()
