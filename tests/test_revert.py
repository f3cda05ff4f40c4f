"""Edits that the API cannot express: skipped by a push, or reverted; and reverting any other edit."""

from collections.abc import Sequence

import duckdb
import pytest

from cksync.errors import Rejected
from cksync.pipeline.revert import revert, revert_everything, revert_invalid
from cksync.write.plan import Plan
from kit_sandbox import Sandbox, World
from tests.conftest import Command, some
from tests.support.workspace import EVERYTHING, PROBLEMS, Work, actives, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

JOIN = "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
# Edits of which one is impossible, and the kinds of changes that are pushed nevertheless.
PARTLY: dict[str, tuple[Sequence[str], list[str]]] = {
    "a row": (("update subscribers set state = 'bounced', first_name = 'x' where id = {a}",), []),
    "a tag that others need": (
        (
            "insert into tags (name) select min(name) from tags",
            f"{JOIN} select 'tag', (select min(id) from tags), {{a}}",
            f"{JOIN} select 'form', (select min(id) from forms), {{b}}",
        ),
        ["subscribe"],
    ),
    "a person whom others need": (
        (
            "insert into subscribers (email_address) values ('nobody')",
            f"{JOIN} select 'form', id, (select min(id) from subscribers) from forms order by id limit 2",
        ),
        [],
    ),
    "a field whose values others need": (
        (
            "insert into custom_fields (label, key) values ('Company', 'company_2')",
            "alter table subscribers add column company_2 varchar",
            "update subscribers set company_2 = 'x' where id = {a}",
            "update subscribers set company = 'x' where id = {b}",
        ),
        ["update person"],
    ),
    "a purchase": (
        ("insert into purchases (transaction_id, email_address, currency) values ('t', 'x@example.com', 'USD')",),
        [],
    ),
    "a column": (
        ("alter table subscribers add column nothing varchar", "update subscribers set company = 'x' where id = {a}"),
        [],
    ),
}
GOOD = "update broadcasts set subject = 'pushed' where id = (select max(id) from broadcasts where send_at is null)"


@pytest.mark.parametrize("name", some([*PARTLY], ["a tag that others need"]))
def test_edits_that_cannot_be_pushed_are_left_out_with_all_that_needs_them(
    name: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    edits, wanted = PARTLY[name]
    one, other = actives(work, 2)
    work.edit(*(edit.format(a=one, b=other) for edit in edits), GOOD)
    assert work.plan().problems != ()
    report = work.push(skip_invalid=True)
    assert [action.what for action, _ in report.results] == [*wanted, "update broadcast"]
    assert (report.exit_status, {result.outcome for _, result in report.results}) == (3, {"done"})
    assert " invalid edit" in report.message
    assert len(sandbox.journal.writes()) == len(report.results)
    assert_synced(work, world)
    assert revert_invalid(work.config, work.path) > 0
    assert (work.plan().problems, work.rows("select 1 from broadcasts where subject = 'pushed'")) == ((), [(1,)])


@pytest.mark.heavy
@pytest.mark.parametrize("edit", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_what_cannot_be_pushed_is_taken_back_and_nothing_else(edit: tuple[str, str], work: Work) -> None:
    (other, second, third) = actives(work, 3)
    work.edit(edit[0].format(a=second, b=third), f"update subscribers set last_name = 'kept' where id = {other}")
    revert_invalid(work.config, work.path)
    plan = work.plan()
    assert plan.problems == ()
    assert (str(other), ["last_name"]) in [(a.target, [cell.column for cell in a.cells]) for a in plan.actions]


def test_everything_is_taken_back(work: Work) -> None:
    work.edit(*EVERYTHING, "drop table forms", "alter table tags drop column created_at")
    revert_everything(work.config, work.path)
    assert work.plan() == Plan()
    with work.open() as db:
        assert db.execute("insert into tags (name) values ('x') returning id < 0").fetchone() == (True,)


@pytest.mark.heavy
def test_what_was_pushed_is_not_taken_back(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(*EVERYTHING)
    work.push()
    revert_everything(work.config, work.path)
    assert (work.plan(), work.push().results) == (Plan(), ())
    assert_synced(work, world)


@pytest.mark.heavy
def test_new_row_goes_with_what_names_it(work: Work) -> None:
    work.edit(*EVERYTHING)
    for table in ("subscribers", "tags", "purchases", "custom_fields"):
        for (key,) in work.rows(f"select id from {table} where id < 0"):
            revert(work.config, work.path, table, str(key))
    plan = work.plan()
    assert {action.what for action in plan.actions} == {"update person", "create broadcast", "untag", "unsubscribe"}
    assert plan.problems == ()
    assert all("shoe_size" not in action.args.get("fields", {}) for action in plan.actions)


def test_command_takes_one_edit_back(work: Work, cksync: Command) -> None:
    work.edit("insert into tags (name) values ('one'), ('two')")
    (key,) = work.rows("select id from tags where name = 'one'")[0]
    assert cksync("revert", "work.duckdb", "tags", str(key)).stdout == f"reverted tags {key}\n"
    assert [action.args["name"] for action in work.plan().actions] == ["two"]


@pytest.mark.heavy
def test_membership_is_named_by_its_key(work: Work) -> None:
    row = (
        "select subscribable_id, subscriber_id from subscriptions where subscribable_type = 'tag' order by all limit 1"
    )
    ((tag, who),) = work.rows(row)
    work.edit(f"delete from subscriptions where subscribable_id = {tag} and subscriber_id = {who}")
    assert len(work.plan().actions) == 1
    revert(work.config, work.path, "subscriptions", f"tag,{tag}, {who}")
    assert work.plan() == Plan()


@pytest.mark.parametrize(
    ("table", "key", "reason"),
    [
        ("tags", "1", "tags has no row 1, neither in"),
        ("nothing", "1", "a workspace has no table nothing"),
        ("subscriptions", "1", "the key of subscriptions is subscribable_type, subscribable_id, subscriber_id"),
    ],
)
def test_row_that_is_not_there_is_reported(table: str, key: str, reason: str, work: Work) -> None:
    with pytest.raises(Rejected, match=reason):
        revert(work.config, work.path, table, key)


@pytest.mark.heavy
@pytest.mark.parametrize("call", [(), ("tags",), ("tags", "-1", "--all"), ("--all", "--invalid")], ids=" ".join)
def test_command_wants_one_thing(call: Sequence[str], work: Work, cksync: Command) -> None:
    done = cksync("revert", "work.duckdb", *call, ok=False)
    assert (done.returncode, "or use --invalid or --all" in done.stderr) == (2, True)


@pytest.mark.heavy
def test_workspace_that_is_open_elsewhere_is_not_reverted(work: Work, cksync: Command) -> None:
    with duckdb.connect(str(work.path)):
        done = cksync("revert", "work.duckdb", "--all", ok=False)
    assert (done.returncode, "is open in another program" in done.stderr) == (1, True)
