"""Custom fields whose keys are cksync's own names: in no query do the two share a namespace."""

import shutil
from pathlib import Path

import duckdb
import pytest

from cksync.analyze.settings import wide_model
from cksync.config import ApiConfig, Config
from cksync.custom_fields import field_columns
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from cksync.sqltext import identifier, literal
from cksync.write.plan import Plan
from cksync.write.refresh import refresh
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, edits, expected_mirror, generate, serve
from tests.conftest import BARE
from tests.support.workspace import Work, actives, assert_synced

# Aliases, columns, tables and schemas of cksync's queries, SQL keywords, and names that must be quoted.
KEYS = (
    *("Theirs", "mine", "Base", "one", "other", "edited", "_cksync_edited", "kept", "new", "old", "cell", "values"),
    *("rowid", "_at", "_extra", "_synced_at", "work", "main", "mirror", "fresh", "memory", "temp", "_cksync"),
    *("Id", "field_state", "fields", "key", "column", "place", "subscribers", "subscriber_id", "is_there"),
    *("select", "null", "true", "order", "mine.id", 'a "quoted" one', "it's", "a/b~c", "%s", "{}", "$1", "two words"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of an account with these fields, and a workspace."""
    folder = tmp_path_factory.mktemp("names")
    with serve(account(), rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        api = ApiConfig(sandbox.url, secret, rate_limit=100_000)
        list(pull(Config(folder / "data", "the test", api, models=BARE), environ={}))
    checkout(Folder(folder / "data"), folder / "work.duckdb")
    return folder


def account() -> World:
    """The same each time."""
    world = generate(20, 7, with_edge_cases=False)
    for number, key in enumerate(KEYS):
        edits.add_custom_field(world, f"Field {number}", key)
    return world


@pytest.fixture
def world() -> World:
    return account()


@pytest.fixture
def work(config: Config, tmp_path: Path, folder: Path) -> Work:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return Work(config, tmp_path / "work.duckdb")


def columns(world: World) -> list[str]:
    """Return their columns in the workspace."""
    fields = sorted((field.id, field.key) for field in world.custom_fields.values())
    return [field.column for field in field_columns(fields) if field.key in KEYS]


@pytest.mark.heavy
def test_fields_with_names_of_ours_are_compared_pushed_and_refreshed(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    """Edits of all, an edit on both sides, a new person with all of them, a refresh in between."""
    first, second = actives(work, 2)
    names = columns(world)
    sets = ", ".join(f"{identifier(name)} = {literal(name)}" for name in names)
    theirs = next(field for field in world.custom_fields.values() if field.key == "Theirs")
    edits.set_field(world, second, theirs.key, "there")
    work.edit(
        f"update subscribers set {sets} where id = {first}",
        f"update subscribers set theirs = 'here' where id = {second}",
        f"insert into subscribers (email_address, {', '.join(map(identifier, names))})"
        f" values ('neo@example.com', {', '.join(map(literal, names))})",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )
    assert sorted(cell.column for action in work.plan().actions for cell in action.cells) == sorted(
        [*names, *names, "Theirs"]
    )
    refresh(Folder(work.config.data_dir), work.path)
    report = work.push()
    assert (report.exit_status, {result.outcome for _, result in report.results}) == (3, {"done"})
    (conflict,) = report.plan.conflicts
    assert conflict.cell is not None
    assert (conflict.cell.column, conflict.cell.mine, conflict.cell.theirs) == ("Theirs", "here", "there")
    assert_synced(work, world)
    (neo,) = (person.id for person in world.subscribers.values() if person.email_address == "neo@example.com")
    for who in (first, neo):
        given = {key: value for key, value in expected_mirror(world).subscribers[who]["fields"].items() if key in KEYS}
        assert given == dict(zip(KEYS, names, strict=True))
    refresh(Folder(work.config.data_dir), work.path)
    work.edit(f"update subscribers set theirs = 'there' where id = {second}")
    assert (work.push().exit_status, work.plan()) == (0, Plan())


@pytest.mark.heavy
def test_new_column_may_have_a_name_of_ours(work: Work, world: World) -> None:
    """And so may tables and views that the user creates in the workspace."""
    (person,) = actives(work, 1)
    work.edit(
        "insert into custom_fields (label) values ('Fresh base')",
        "alter table subscribers add column fresh_base varchar",
        f"update subscribers set fresh_base = 'x', mine = 'y' where id = {person}",
        *(f"create table main.{name} (id int)" for name in ("edited", "kept", "_cksync_edited", "_cksync_kept")),
    )
    refresh(Folder(work.config.data_dir), work.path)
    assert work.push().exit_status == 0
    assert work.plan() == Plan()
    assert_synced(work, world)


def test_view_of_people_has_every_field_under_its_column(work: Work, world: World) -> None:
    (person,) = actives(work, 1)
    with duckdb.connect(str(work.config.data_dir / "mirror.duckdb")) as db:
        values = ", ".join(f"{identifier(key)} := {literal(key)}" for key in KEYS)
        db.execute(f"update subscribers set fields = to_json(struct_pack({values})) where id = {person}")
        db.execute(f"create or replace view wide as {wide_model(db).sql}")
        names = ", ".join(map(identifier, columns(world)))
        assert db.execute(f"select {names} from wide where id = {person}").fetchone() == KEYS
