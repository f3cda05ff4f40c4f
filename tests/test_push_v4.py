"""Pushing edits through API v4: in bulk calls with OAuth, one by one with a key, each change once."""

import atexit
import re
import shutil
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from cksync.config import ApiConfig, Config
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, edits, effects, generate, serve
from tests.conftest import BARE
from tests.support.comparison_v4 import LEFT_TO_THE_CYCLE, differences_v4
from tests.support.connecting import with_key, with_oauth
from tests.support.runs import pulled
from tests.support.workspace import PEOPLE, Work


def account() -> World:
    return generate(PEOPLE, 7, with_edge_cases=False, broadcasts=12, purchases=20)


@pytest.fixture
def world() -> World:
    """A small account, the same each time."""
    return account()


@cache
def checked_out_v4() -> Path:
    """Pull the account through API v4 and check it out, once for all files of tests."""
    folder = Path(tempfile.mkdtemp(prefix="cksync-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with serve(account(), rate_limit=None) as sandbox:
        api = ApiConfig(sandbox.url, rate_limit=100_000)
        list(pull(with_oauth(Config(folder / "data", "the test", api, models=BARE), sandbox), environ={}))
    checkout(Folder(folder / "data"), folder / "work.duckdb")
    return folder


@pytest.fixture(scope="module")
def first_v4() -> Path:
    """The data folder and the workspace of the account."""
    return checked_out_v4()


@pytest.fixture
def work(config: Config, sandbox: Sandbox, tmp_path: Path, first_v4: Path) -> Work:
    """A workspace pushed with OAuth."""
    shutil.copytree(first_v4, tmp_path, dirs_exist_ok=True)
    settings = replace(config.pull, settle_seconds=0.0)
    return Work(with_oauth(replace(config, pull=settings), sandbox), tmp_path / "work.duckdb")


@pytest.fixture
def keyed(work: Work, sandbox: Sandbox) -> Work:
    """The same, pushed with a key."""
    return Work(with_key(replace(work.config, api=replace(work.config.api, oauth=None)), sandbox), work.path)


def tag_everybody(work: Work, count: int) -> None:
    work.edit(
        f"""
        insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)
        select 'tag', (select min(id) from tags), id from subscribers
        where id not in (
            select subscriber_id from subscriptions
            where subscribable_type = 'tag' and subscribable_id = (select min(id) from tags)
        ) and state = 'active' order by id limit {count}
        """
    )


def assert_same(work: Work, world: World) -> None:
    list(pull(work.config, environ={}))
    assert differences_v4(work.config.data_dir / "mirror.duckdb", world, LEFT_TO_THE_CYCLE) == []


def test_tags_go_in_bulk_calls_with_oauth(work: Work, sandbox: Sandbox, world: World) -> None:
    tag_everybody(work, 60)
    sandbox.journal.clear()
    plan = work.plan()
    assert (len(plan.actions), plan.requests) == (60, 1)
    report = work.push(allow=["bulk"])
    assert (report.exit_status, [r.outcome for _, r in report.results]) == (0, ["done"] * 60)
    assert [entry.path for entry in sandbox.journal.writes()] == ["/v4/bulk/tags/subscribers"]
    assert work.plan().actions == ()
    assert work.push().results == ()
    assert len(sandbox.journal.writes()) == 1
    assert_same(work, world)


# One of every change that API v4 takes through OAuth.
EVERYTHING = (
    "insert into tags (name) values ('bought twice')",
    "insert into custom_fields (label, key) values ('Shoe size', 'shoe_size')",
    "alter table subscribers add column shoe_size varchar",
    "update subscribers set shoe_size = '44', first_name = 'Zed' where id in"
    " (select id from subscribers where state = 'active' order by id limit 3)",
    "update subscribers set company = 'Acme' where id in"
    " (select id from subscribers where state = 'active' order by id limit 3 offset 3)",
    "insert into subscribers (email_address, first_name, shoe_size) values ('neo@example.com', 'Neo', '41')",
    "insert into subscribers (email_address) values ('loner@example.com')",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', (select id from tags where id < 0), id from subscribers where email_address = 'neo@example.com'",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'form', (select min(id) from forms), id from subscribers where email_address = 'neo@example.com'",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'sequence', (select min(id) from sequences where active), id from subscribers"
    " where email_address = 'neo@example.com'",
    "insert into purchases (transaction_id, email_address, currency, total, transaction_time)"
    " values ('T-1', 'neo@example.com', 'USD', 19.99, '2026-01-02 03:04:05+00')",
    "insert into purchase_products (purchase_id, position, name, sku, pid, lid, unit_price, quantity)"
    " select id, 1, 'Book', 's', 'p1', 'l1', 19.99, 1 from purchases where id < 0",
    "insert into broadcasts (subject, content, preview_text, subscriber_filter)"
    """ select 'Hello <you>', '<p>hi</p>', 'psst', '[{"all":[{"type":"tag","ids":[' || min(id) || ']}]}]' from tags"""
    " where id > 0",
    "update subscribers set state = 'cancelled' where id = (select max(id) from subscribers where state = 'active')",
    "delete from subscriptions where (subscribable_type, subscribable_id, subscriber_id) in"
    " (select (subscribable_type, subscribable_id, subscriber_id) from subscriptions"
    " where subscribable_type = 'tag' and subscribable_id > 0 order by 1 limit 1)",
    "update tags set name = 'renamed' where id = (select min(id) from tags where id > 0)",
    "delete from tags where id = (select max(id) from tags)",
)


def test_everything_that_api_v4_can_do_is_done_once_and_seen(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(*EVERYTHING)
    sandbox.journal.clear()
    plan = work.plan(["delete-tag"])
    assert plan.problems == ()
    report = work.push(allow=["delete-tag"])
    assert {
        (action.what, result.outcome, result.message) for action, result in report.results if result.outcome != "done"
    } == set()
    writes = len(sandbox.journal.writes())
    assert writes < report.plan.requests == report.requests  # and addresses looked up, and people read back
    assert work.plan().actions == ()
    assert_same(work, world)
    assert work.push().results == ()
    assert len(sandbox.journal.writes()) == writes
    assert world.mails == []


# What no reply shows: figures, and details that only lists give.
LATER = re.compile(r": (canceled_at|attribution_\w+|location_\w+) is ")


def differences_now(work: Work, world: World) -> list[str]:
    found = differences_v4(work.config.data_dir / "mirror.duckdb", world, (*LEFT_TO_THE_CYCLE, "broadcast_stats"))
    return [each for each in found if not LATER.search(each)]


@pytest.mark.heavy
def test_lagging_lists_do_not_undo_what_was_pushed(work: Work, sandbox: Sandbox, world: World) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, v4_lag_seconds=3600.0)
    kept = [each for each in EVERYTHING if "custom_fields" not in each and "alter table" not in each]
    work.edit(*(each.replace("shoe_size", "company") for each in kept))
    assert work.push(allow=["delete-tag"]).exit_status == 0
    assert differences_now(work, world) == []
    assert work.plan().actions == ()
    list(pull(work.config, environ={}))
    assert differences_now(work, world) == []
    assert (work.plan().actions, work.plan().conflicts) == ((), ())


@pytest.mark.heavy
def test_changes_made_right_after_a_push_are_read_by_the_next_pull(work: Work, sandbox: Sandbox, world: World) -> None:
    """A list may lag behind a push, but an answer by id, another label and a later time say that it does not."""
    (one, two) = (row[0] for row in work.rows("select id from subscribers where state = 'active' order by id limit 2"))
    tag, other = (row[0] for row in work.rows("select id from tags order by id limit 2"))
    (draft,) = (row[0] for row in work.rows("select max(id) from broadcasts"))
    edits.edit_broadcast(world, draft, send_at=None, published_at=None)
    work.edit(
        f"update subscribers set first_name = 'Pushed' where id in ({one}, {two})",
        f"update tags set name = 'pushed' where id = {tag}",
        f"delete from subscriptions where subscribable_type = 'tag' and subscribable_id = {other}",
        "insert into tags (name) values ('made by the push')",
        "insert into custom_fields (label, key) values ('Shoe size', 'shoe_size')",
    )
    left = [key for key in world.rosters["tag", other].members if world.subscribers[key].state == "active"]
    assert work.push().exit_status == 0
    edits.set_first_name(world, one, "Changed since")
    edits.cancel(world, two)
    edits.rename_tag(world, tag, "changed since")
    edits.tag(world, left[0], other)
    edits.delete_custom_field(
        world, max(field.id for field in world.custom_fields.values() if field.key != "shoe_size")
    )
    for _ in range(2):
        assert pulled(work.config, environ={}).exit_status == 0
        assert differences_v4(work.config.data_dir / "mirror.duckdb", world, LEFT_TO_THE_CYCLE) == []


@pytest.mark.heavy
def test_key_sends_one_request_for_each_row(keyed: Work, sandbox: Sandbox, world: World) -> None:
    keyed.edit(*[each for each in EVERYTHING if "purchase" not in each and "delete from tags" not in each])
    sandbox.journal.clear()
    plan = keyed.plan()
    assert plan.problems == ()
    report = keyed.push()
    assert {(a.what, r.outcome, r.message) for a, r in report.results if r.outcome != "done"} == set()
    writes = sandbox.journal.writes()
    assert len(writes) == len(report.results) < plan.requests == report.requests
    assert not [entry for entry in writes if "bulk" in entry.path]
    assert keyed.plan().actions == ()
    assert_same(keyed, world)


def test_what_needs_oauth_is_an_error_of_the_plan_with_a_key(keyed: Work) -> None:
    keyed.edit(*EVERYTHING)
    reasons = {problem.table: problem.reason for problem in keyed.plan().problems}
    assert set(reasons) == {"purchases", "tags"}
    assert "cksync login" in reasons["purchases"]
    assert "api.api_secret" in reasons["purchases"]
    assert "cksync login" in reasons["tags"]


def test_purchases_go_through_v3_with_a_secret_beside_the_key(keyed: Work, sandbox: Sandbox, world: World) -> None:
    secret = SecretRef(sandbox.api_secret, "api.api_secret", keyed.path.parent)
    api = replace(keyed.config.api, api_secret=secret, v3_base_url=sandbox.url, version="v4")
    both = Work(replace(keyed.config, api=api), keyed.path)
    both.edit(*[each for each in EVERYTHING if "purchase" in each])
    sandbox.journal.clear()
    assert both.push().exit_status == 0
    assert [entry.path for entry in sandbox.journal.writes()] == ["/purchases"]
    assert [purchase.transaction_id for purchase in world.purchases.values()].count("T-1") == 1


def test_failed_item_holds_up_no_other(work: Work, sandbox: Sandbox, world: World) -> None:
    tag_everybody(work, 30)
    sandbox.faults.add(effects.failed_items([3], "Something went wrong"), path="/v4/bulk/tags/subscribers", nth=1)
    report = work.push()
    assert sorted(r.outcome for _, r in report.results) == ["done"] * 29 + ["rejected"]
    assert [r.message for _, r in report.results if r.outcome == "rejected"] == ["Something went wrong"]
    assert report.exit_status == 3
    assert work.push(retry_rejected=True).exit_status == 0
    assert_same(work, world)


def test_address_that_is_taken_by_now_is_a_conflict(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(
        "insert into subscribers (email_address, first_name)"
        " select 'new' || n || '@example.com', 'Mine' from range(70) as numbers(n)"
    )
    theirs: list[int] = []
    sandbox.faults.add(
        effects.edit_before(
            lambda: theirs.append(edits.add_subscriber(world, "New5@example.com", "Theirs", "cancelled"))
        ),
        where=lambda asked: "email_address" in asked.params,
        nth=1,
    )
    report = work.push()
    assert sorted(r.outcome for _, r in report.results) == ["conflict"] + ["done"] * 69
    assert [r.message for _, r in report.results if r.outcome == "conflict"] == [
        f"not sent: person {theirs[0]} has that address now"
    ]
    assert world.subscribers[theirs[0]].first_name == "Theirs"


@pytest.mark.heavy
def test_workspace_of_v3_is_pushed_through_v4_and_back(
    config: Config, sandbox: Sandbox, world: World, tmp_path: Path
) -> None:
    list(pull(config, environ={}))
    checkout(Folder(config.data_dir), tmp_path / "work.duckdb")
    old = Work(config, tmp_path / "work.duckdb")
    settled = replace(config, pull=replace(config.pull, settle_seconds=0.0))
    new = Work(with_oauth(settled, sandbox), old.path)
    tag_everybody(new, 5)
    new.edit("update subscribers set first_name = 'Zed' where id = (select max(id) from subscribers)")
    assert new.push().exit_status == 0
    new.edit("update tags set name = 'renamed' where id = (select min(id) from tags)")
    assert [problem.reason for problem in old.plan().problems] == ["the API cannot rename tags"]
    assert new.push().exit_status == 0
    new.edit(
        "delete from subscriptions where subscribable_type = 'tag' and subscriber_id = (select max(id) from"
        " subscribers)",
        "update subscribers set first_name = 'Yma' where id = (select max(id) from subscribers)",
    )
    assert old.push().exit_status == 0
    assert old.plan().actions == new.plan().actions == ()
    list(pull(new.config, environ={}))
    assert differences_now(new, world) == []
