"""The models: built at every publish in dependency order, built-in ones and the user's, and checks that must hold."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from cksync.analyze.model_files import in_order, model
from cksync.analyze.models import noted
from cksync.analyze.query import ask
from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, Analysis, whole
from cksync.load.publish import Published
from cksync.load.tables import tables
from cksync.pipeline.publishing import publish, rebuild
from cksync.pipeline.status import status
from cksync.sqltext import sql_folder
from tests.conftest import BARE, Command
from tests.support.log_builder import LogBuilder, at

TAGS, FIELDS = whole("tags"), whole("custom_fields")
OURS = sorted([*(path.stem for path in (sql_folder() / "models").rglob("*.sql")), "subscribers_wide"])
Write = Callable[[str, str], Path]


@pytest.fixture
def log(tmp_path: Path) -> LogBuilder:
    """A log of one tag."""
    log = LogBuilder(tmp_path / "data")
    log.write(TAGS, 1, [{"id": 1, "name": "a", "created_at": "2024-01-01T00:00:00Z"}], is_complete=True)
    return log


@pytest.fixture
def config(log: LogBuilder, tmp_path: Path) -> Config:
    """A configuration with a folder for the user's models."""
    (tmp_path / "mine").mkdir()
    return Config(log.folder.root, "the test", models=ModelsConfig(tmp_path / "mine"))


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the user's models."""

    def to(name: str, text: str) -> Path:
        path = tmp_path / "mine" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return to


def problems(published: Published) -> dict[str, str]:
    """Return failed models and checks, by name."""
    found = {made.name: made.problem for made in published.analysis.models if made.problem}
    return found | {check.name: check.problem or str(check.rows) for check in published.analysis.checks if check.rows}


def kinds(log: LogBuilder) -> dict[str, str]:
    """Return views and tables of `main` that are not tables of the mirror."""
    found = log.rows("select table_name, lower(table_type) from information_schema.tables where table_schema = 'main'")
    return {name: kind for name, kind in found if name not in {table.name for table in tables()}}


# -- the order


def status_analysis(log: LogBuilder) -> Analysis:
    """Return what the mirror notes of its models."""
    with duckdb.connect(str(log.folder.mirror), read_only=True) as db:
        return noted(db)


def graph(**texts: str) -> dict[str, str | None]:
    """Return names in build order, with their problems."""
    return {each.name: each.problem for each in in_order([model(n, t, f"{n}.sql") for n, t in texts.items()])}


def test_models_come_after_those_they_read() -> None:
    assert list(graph(a="from c", b="select 1", c="select * from b where 1 in (select x from B)")) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("sql", "reads"),
    [
        ("select * from a join main.b using (x)", {"a", "b"}),
        ("with a as (select 1) select * from a", set()),
        ("with a as (select * from a) select * from a", {"a"}),
        ("with recursive a as (select 1 as n union all select n + 1 from a) select * from a", set()),
        ("with a as (select 1), b as (select * from a) select * from b, (with c as (from d) from c), c", {"d", "c"}),
        ("select (select max(x) from a) from history.b, _cksync.loads -- from c\n", {"a"}),
        ("select * from a union all select * from \"B b\" order by (select 'from c')", {"a", "b b"}),
        ("from A pivot (count(*) for x in (1, 2))", {"a"}),
    ],
)
def test_what_a_model_reads_is_what_duckdb_reads(sql: str, reads: set[str]) -> None:
    assert model("x", sql, "x.sql").reads == reads


def test_models_that_read_one_another_say_so_and_break_no_other() -> None:
    found = graph(a="from b", b="from c", c="from a", d="select 1", e="from e")
    assert found == {
        "a": "a.sql: circular dependency: a reads b reads c reads a",
        "b": "b.sql: circular dependency: a reads b reads c reads a",
        "c": "c.sql: circular dependency: a reads b reads c reads a",
        "d": None,
        "e": "e.sql: circular dependency: e reads e",
    }


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "select 1; drop table tags",
        "drop table tags",
        "insert into tags select 1",
        "select 1; select 2",
    ],
)
def test_a_model_is_one_select_and_nothing_else(sql: str) -> None:
    assert model("x", sql, "x.sql").problem == "x.sql: must contain exactly one select"


# -- built-in models


def test_all_of_ours_can_be_made_even_of_an_empty_mirror(tmp_path: Path) -> None:
    log = LogBuilder(tmp_path / "data")
    published = publish(Config(log.folder.root, "the test"), log.folder)
    assert published.analysis.complaints == ()
    assert sorted(kinds(log)) == sorted([*OURS, "model_settings"])


def test_no_two_of_ours_have_the_same_name_whatever_their_folder() -> None:
    assert len(OURS) == len({name.lower() for name in OURS})


def test_every_column_of_every_model_has_a_description_and_no_other_has(log: LogBuilder, config: Config) -> None:
    publish(config, log.folder)
    given = {
        (name, column): comment
        for name, column, comment in log.rows(
            "select table_name, column_name, comment from duckdb_columns() where schema_name = 'main' and not internal"
        )
    }
    assert [place for place, comment in given.items() if not comment] == []
    for path in sorted((sql_folder() / "models").rglob("*.sql")):
        told = model(path.stem, path.read_text(), path.name)
        columns = {column for name, column in given if name == path.stem}
        assert told.header.grain.startswith("One row"), path.stem
        assert told.header.comments.keys() == columns, path.stem
        assert told.header.words.keys() <= {"@key", "@stored", "@filter", "@unknown"}, path.stem
        assert told.header.words["@unknown"], path.stem


@pytest.mark.heavy
def test_columns_of_models_have_types_that_every_tool_knows(log: LogBuilder, config: Config) -> None:
    publish(config, log.folder)
    odd = log.rows(
        "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'main' and not internal"
        " and (data_type in ('HUGEINT', 'UBIGINT', 'INTERVAL', 'TIMESTAMP', 'NULL') or data_type like '%[]'"
        " or data_type like 'STRUCT%' or data_type like 'MAP%')"
    )
    assert odd == []


@pytest.mark.heavy
def test_every_model_reads_its_own_tables_whatever_the_file_is_called(log: LogBuilder, config: Config) -> None:
    publish(config, log.folder)
    with duckdb.connect() as db:
        db.execute(f"attach '{log.folder.mirror}' as m (read_only)")
        for name in kinds(log):
            db.execute(f"from m.{name}").fetchall()


def test_settings_are_those_of_the_configuration(log: LogBuilder, config: Config) -> None:
    models = replace(config.models, timezone="Europe/Berlin", attribution_hours=48)
    publish(replace(config, models=models), log.folder)
    assert log.rows("select timezone, attribution_hours, minimum_support, as_of from model_settings") == [
        ("Europe/Berlin", 48, 20, at(1))
    ]


def test_sync_health_counts_the_changes_of_every_table_that_is_read() -> None:
    text = (sql_folder() / "models" / "marts" / "sync_health.sql").read_text()
    counted = re.findall(r"select '(\w+)'(?: as stream)?, change, valid_from from history\.(\w+)", text)
    # rows inside another table's records are read with it
    assert {table: stream for stream, table in counted} == {
        table.name: table.name if table.name in table.streams else table.streams[0]
        for table in tables()
        if not table.part_of
    }


@pytest.mark.heavy
def test_status_counts_the_rows_of_the_mirror_alone(log: LogBuilder, config: Config) -> None:
    publish(config, log.folder)
    assert status(log.folder.root).tables.keys() == {table.name for table in tables()}


@pytest.mark.heavy
def test_people_have_a_column_for_each_field_of_today(log: LogBuilder, config: Config) -> None:
    person = {"id": 1, "email_address": "a@example.com", "state": "active", "fields": {"plan": "pro", "State": "BW"}}
    log.write(ACTIVE, 2, [person], is_complete=True)
    log.write(FIELDS, 3, [{"id": 1, "key": "plan", "label": "Plan"}, {"id": 2, "key": "State"}], is_complete=True)
    publish(config, log.folder)
    assert log.rows("select id, plan, field_State from subscribers_wide") == [(1, "pro", "BW")]
    log.write(FIELDS, 4, [{"id": 2, "key": "State", "label": "State"}], is_complete=True)
    publish(config, log.folder)
    assert [name for name, *_ in log.rows("describe subscribers_wide")][-2:] == ["created_at", "field_State"]
    assert log.rows("select comment from duckdb_columns() where column_name = 'field_State'") == [("State",)]


# -- user models


def test_the_users_models_are_made_of_ours(log: LogBuilder, config: Config, write: Write) -> None:
    write("b.sql", "-- One row per name.\n-- name: The name.\nselect name from A;\n")
    write(
        "a.sql", "-- One row per tag.\n-- @key: id\n-- @stored: table\nselect tags.id, name from tags, model_settings"
    )
    assert problems(publish(config, log.folder)) == {}
    assert log.rows("from b") == [("a",)]
    made = {name: kind for name, kind in kinds(log).items() if name in "ab"}
    assert made == {"a": "base table", "b": "view"}
    assert log.rows("select kind, key, grain from _cksync.models where name = 'a'") == [
        ("table", "id", "One row per tag.")
    ]
    assert log.rows("select comment from duckdb_columns() where table_name = 'b'") == [("The name.",)]
    assert log.rows("select rows, problem from _cksync.checks where name = 'a_key'") == [(0, None)]


def test_what_is_wrong_with_a_model_is_reported_and_breaks_no_other(
    log: LogBuilder, config: Config, write: Write
) -> None:
    given = {
        "typo": "-- One row.\nselect id,\n  nme from tags",
        "broken": "select\n from where",
        "two": "select 1; drop table tags",
        "tags": "select 1",
        "Model_Settings": "select 1",
        "subscriber_fields": "select 1",
        "odd": "-- One row.\n-- @stored: file\nselect 1",
        "late": "-- One row.\n-- @stored: table\nselect cast(name as integer) as number from tags",
        "after": "select * from typo, tags",
        "good": "select 1 as one",
    }
    for name, text in given.items():
        write(f"{name}.sql", text)
    published = publish(config, log.folder)
    folder = config.models.path
    found = {name: text.replace(f"{folder}/", "") for name, text in problems(published).items()}
    taken = "another table or model is already named {}; rename this one"
    assert found == {
        "typo": 'typo.sql:3: Binder Error: Referenced column "nme" not found in FROM clause!',
        "broken": 'broken.sql:2: Parser Error: syntax error at or near "where"',
        "two": "two.sql: must contain exactly one select",
        "tags": f"tags.sql: {taken.format('tags')}",
        "Model_Settings": f"Model_Settings.sql: {taken.format('Model_Settings')}",
        "subscriber_fields": f"subscriber_fields.sql: {taken.format('subscriber_fields')}",
        "odd": "odd.sql: @stored must be view or table, not file",
        "late": found["late"],
        "after": "after.sql: reads typo, which could not be built",
    }
    assert found["late"].startswith("late.sql:3: Conversion Error: Could not convert string 'a' to INT32")
    assert log.rows("select one from good") == [(1,)]
    assert log.rows("select id from tags") == [(1,)]
    assert set(status(log.folder.root).complaints) == set(published.analysis.complaints)
    assert len(published.analysis.complaints) == len(found)


def test_a_model_may_read_files_and_is_asked_without_them(
    log: LogBuilder, config: Config, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "costs.csv").write_text("cost\n1.5\n")
    write("spent.sql", f"-- One row per cost.\nselect cost from '{tmp_path}/costs.csv'")
    assert problems(publish(config, log.folder)) == {}
    (tmp_path / "costs.csv").unlink()
    with ask(log.folder.root, "from spent") as answer:
        assert answer.relation is not None
        assert answer.relation.fetchall() == [(1.5,)]


@pytest.mark.heavy
def test_models_are_dropped_changed_and_moved(log: LogBuilder, config: Config, write: Write, tmp_path: Path) -> None:
    for name, text in (("a", "-- One row.\n-- @stored: table\nselect 1 as x"), ("b", "select 2 as x"), ("c", "from b")):
        write(f"{name}.sql", text)
    publish(config, log.folder)
    write("a.sql", "select 3 as x")
    write("b.sql", "-- One row.\n-- @stored: table\nselect 4 as x")
    (tmp_path / "mine" / "c.sql").unlink()
    assert problems(publish(config, log.folder)) == {}
    assert {name: kind for name, kind in kinds(log).items() if name in "abc"} == {"a": "view", "b": "base table"}
    assert log.rows("select a.x, b.x from a, b") == [(3, 4)]

    gone = replace(config, models=ModelsConfig(tmp_path / "nowhere"))
    assert problems(publish(gone, log.folder)) == {
        "models.path": f"the folder {tmp_path / 'nowhere'} does not exist; set models.path in config.toml to the folder"
        " of your own models"
    }
    assert sorted(kinds(log)) == sorted([*OURS, "model_settings"])


@pytest.mark.heavy
def test_a_publish_without_models_drops_them(log: LogBuilder, config: Config, write: Write) -> None:
    write("a.sql", "-- One row.\n-- @stored: table\nselect 1 as x")
    publish(config, log.folder)
    published = publish(replace(config, models=BARE), log.folder)
    assert published.analysis == status_analysis(log) == Analysis()
    assert kinds(log) == {}


@pytest.mark.heavy
def test_a_rebuild_makes_the_models_too(log: LogBuilder, config: Config, write: Write) -> None:
    write("a.sql", "select name from tags")
    rebuild(config, log.folder)
    assert log.rows("from a") == [("a",)]


@pytest.mark.heavy
def test_a_stored_model_is_no_reason_to_rebuild_the_mirror(log: LogBuilder, config: Config, write: Write) -> None:
    from cksync.load.drift import has_other_columns

    write("a.sql", "-- One row.\n-- @stored: table\nselect 1 as x")
    publish(config, log.folder)
    with duckdb.connect(str(log.folder.mirror), read_only=True) as db:
        assert not has_other_columns(db)


# -- checks


def test_a_fact_that_does_not_hold_is_reported_with_a_sample(log: LogBuilder, config: Config, write: Write) -> None:
    write("checks/short_names.sql", "-- Names of tags are long.\nselect id, name from tags where length(name) < 5;\n")
    write("checks/wrong.sql", "-- This is SQL.\nselect id\nfrom nowhere")
    write("twice.sql", "-- One row per tag.\n-- @key: id\nselect id from tags, range(2)")
    published = publish(config, log.folder)
    assert published.analysis.complaints[0] == "short_names: check failed (1 row): Names of tags are long."
    told = log.rows("select name, rows, sample, problem from _cksync.checks where rows > 0 or problem is not null")
    (short, wrong, twice) = sorted(told)
    assert (short[:2], json.loads(short[2])) == (("short_names", 1), [{"id": 1, "name": "a"}])
    assert twice[:3] == ("wrong", 0, None) or wrong[0] == "twice_key"


@pytest.mark.heavy
def test_complaints_are_in_the_report_and_the_exit_status_stays(
    cksync: Command, environ: dict[str, str], write: Write
) -> None:
    write("bad.sql", "select nothing from tags")
    settings = Path(environ["CKSYNC_CONFIG"])
    settings.write_text(settings.read_text().replace("build = false", 'path = "mine"'))
    pulled = cksync("pull")
    (complaint,) = (line for line in pulled.stderr.splitlines() if line.startswith("bad: "))
    assert complaint.endswith('bad.sql:1: Binder Error: Referenced column "nothing" not found in FROM clause!')
    assert complaint in cksync("status").stdout
    assert json.loads(cksync("rebuild", "--format", "json").stdout)["complaints"] == [complaint]
