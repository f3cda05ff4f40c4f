"""A workspace of a small account, pulled and checked out; import its fixtures `world`, `first` and `work` to use it."""

import atexit
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cksync.config import ApiConfig, Config
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.pipeline.push import PushReport, plan_push, push
from cksync.secrets import SecretRef
from cksync.write.plan import Plan
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison import differences

PEOPLE = 150

# One of every change that the API supports.
EVERYTHING = (
    "insert into tags (name) values ('bought twice')",
    "insert into custom_fields (label, key) values ('Shoe size', 'shoe_size')",
    "alter table subscribers add column shoe_size varchar",
    "update subscribers set shoe_size = '44', first_name = 'Zed' where id in"
    " (select id from subscribers where state = 'active' order by id limit 3)",
    "insert into subscribers (email_address, first_name, shoe_size) values ('neo@example.com', 'Neo', '41')",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', (select id from tags where id < 0), id from subscribers where id < 0",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'sequence', (select min(id) from sequences), id from subscribers where id < 0",
    "insert into purchases (transaction_id, email_address, currency, total, transaction_time)"
    " values ('T-1', 'neo@example.com', 'USD', 19.99, '2026-01-02 03:04:05+00')",
    "insert into purchase_products (purchase_id, position, name, sku, pid, lid, unit_price, quantity)"
    " select id, 1, 'Book', 's', 'p1', 'l1', 19.99, 1 from purchases where id < 0",
    "insert into broadcasts (subject, content) values ('Hello <you>', '<p>hi</p>')",
    "update subscribers set state = 'cancelled' where id = (select max(id) from subscribers where state = 'active')",
    "delete from subscriptions where subscribable_type = 'tag' and id ="
    " (select min(id) from subscriptions where subscribable_type = 'tag' and id > 0)",
)


PROBLEMS = {
    "more fields than an account may have": (
        "insert into custom_fields (label, key) select 'L' || n, 'l' || n from range(129) as numbers(n)",
        "an account can have at most 140 custom fields, and this one has 12",
    ),
    "a read-only column": ("update subscribers set created_at = now() where id = {a}", "created_at cannot be changed"),
    "no address": ("update subscribers set email_address = 'nobody' where id = {a}", "is not an email address"),
    "no address at all": ("update subscribers set email_address = null where id = {a}", "needs an address"),
    "a taken address": (
        "update subscribers set email_address = (select upper(email_address) from subscribers where id = {b})"
        " where id = {a}",
        "already belongs to person",
    ),
    "one address for two": (
        "update subscribers set email_address = 'both@example.com' where id in ({a}, {b})",
        "given to several people",
    ),
    "another state": (
        "update subscribers set state = 'bounced' where id = {a}",
        "state can only be changed to 'cancelled'",
    ),
    "a deleted person": ("delete from subscribers where id = {a}", "the API cannot delete people"),
    "a person without subscription": (
        "insert into subscribers (email_address) values ('x@example.com')",
        "needs a row in subscriptions",
    ),
    "a subscription to nothing": (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) values ('tag', 1, {a})",
        "tag 1 does not exist",
    ),
    "a subscription of nobody": (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'tag', min(id), 1 from tags",
        "person 1 does not exist",
    ),
    "out of a form": (
        "delete from subscriptions where id = (select min(id) from subscriptions where subscribable_type = 'form')",
        "cannot remove people from forms",
    ),
    "an id of its own": ("insert into tags (id, name) values (5, 'x')", "leave id out"),
    "no id": ("insert into tags (id, name) values (null, 'x')", "leave id out"),
    "a subscription twice": (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', min(forms.id), {a} from forms, range(2) group by range",
        "rows are this one subscription; keep one of them",
    ),
    "a renamed tag": ("update tags set name = 'x' where id = (select min(id) from tags)", "the API cannot rename tags"),
    "a tag that is there": ("insert into tags (name) select min(name) from tags", "there is already a tag"),
    "a new column of nothing": ("alter table subscribers add column nothing varchar", "belongs to no custom field"),
    "a column of another type": (
        "alter table subscribers alter column company type blob using encode(company)",
        "has type BLOB",
    ),
    "a changed purchase": ("update purchases set total = 1", "the API cannot change purchases"),
    "a purchase of nothing": (
        "insert into purchases (transaction_id, email_address, currency) values ('t', 'x@example.com', 'USD')",
        "needs rows in purchase_products",
    ),
    "a changed form": ("update forms set name = 'x'", "cannot update a row of forms"),
    "a sent broadcast": (
        "update broadcasts set subject = 'x' where published_at is not null and published_at < '2026-01-01'",
        "only drafts and scheduled broadcasts",
    ),
    "a key of a field": ("update custom_fields set key = 'x' where key = 'company'", "key cannot be changed"),
}


class Work:
    """A workspace of the pulled account, to edit in SQL."""

    def __init__(self, config: Config, path: Path) -> None:
        self.config, self.path = config, path

    @contextmanager
    def open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self.path)) as db:
            yield db

    def edit(self, *statements: str) -> None:
        with self.open() as db:
            for statement in statements:
                db.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with self.open() as db:
            return db.execute(query).fetchall()

    def plan(self, allow: Sequence[str] = ()) -> Plan:
        return plan_push(self.config, self.path, allow)

    def push(self, **given: Any) -> PushReport:
        *_, report = push(self.config, self.path, environ={}, **given)
        assert isinstance(report, PushReport)
        return report


@pytest.fixture
def world() -> World:
    """A small account with every edge case, the same each time."""
    return generate(PEOPLE, 7)


@cache
def checked_out() -> Path:
    """Pull that account and check it out, once for all files of tests."""
    folder = Path(tempfile.mkdtemp(prefix="cksync-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with serve(generate(PEOPLE, 7), rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        api = ApiConfig(sandbox.url, secret, rate_limit=100_000)
        list(pull(Config(folder / "data", "the test", api, models=BARE), environ={}))
    checkout(Folder(folder / "data"), folder / "work.duckdb")
    return folder


@pytest.fixture(scope="module")
def first() -> Path:
    """The data folder and the workspace of that account."""
    return checked_out()


@pytest.fixture
def work(config: Config, tmp_path: Path, first: Path) -> Work:
    shutil.copytree(first, tmp_path, dirs_exist_ok=True)
    return Work(config, tmp_path / "work.duckdb")


def actives(work: Work, count: int) -> list[int]:
    """Return the ids of active people."""
    return [row[0] for row in work.rows(f"select id from subscribers where state = 'active' order by id limit {count}")]


def assert_synced(work: Work, world: World) -> None:
    """Assert that the mirror equals the account."""
    assert differences(work.config.data_dir / "mirror.duckdb", world) == []


def killed_push(
    environ: dict[str, str], folder: Path, sandbox: Sandbox, request: int, *, after: bool, reads: bool = False
) -> int:
    """Run a push that is killed at its `request`th write (with `reads`: request), just before the API makes it, or just
    `after`."""
    command = [sys.executable, "-m", "cksync", "push", "work.duckdb", "--yes", "--quiet"]
    command += ["--allow", "bulk", "--allow", "send"]
    process = subprocess.Popen(command, env=environ, cwd=folder, stderr=subprocess.PIPE, text=True)

    def kill(asked: Any, handle: Callable[[Any], Any]) -> Any:
        answer = handle(asked) if after else None
        process.kill()
        process.wait()
        return answer or effects.reset()(asked, handle)

    fault = sandbox.faults.add(kill, where=lambda asked: reads or asked.method != "GET", nth=request)
    process.communicate()
    sandbox.faults.rules.remove(fault)
    return process.returncode
