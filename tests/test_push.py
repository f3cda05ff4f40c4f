"""Pushing edits: what is planned, what is refused, and that each change is made once, whatever happens."""

import csv
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sized
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from cksync.config import Config
from cksync.errors import Failed, Refused, Rejected
from cksync.folder import Folder
from cksync.pipeline.events import PageRead
from cksync.pipeline.pull import pull
from cksync.pipeline.push import plan_push
from cksync.pipeline.status import status
from cksync.secrets import SecretRef
from cksync.write.plan import Plan
from cksync.write.refresh import refresh
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror, generate, serve
from tests.conftest import Command, some
from tests.support.comparison import differences
from tests.support.workspace import EVERYTHING, PROBLEMS, Work, actives, assert_synced, first, killed_push, work, world

__all__ = ["first", "work", "world"]  # fixtures

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "push.md").read_text()


@pytest.mark.heavy
def test_worked_example_of_the_page_does_what_it_says(
    cksync: Command, config: Config, sandbox: Sandbox, world: World, environ: dict[str, str], tmp_path: Path
) -> None:
    """As written; except `duckdb work.duckdb < edits.sql`, which DuckDB's Python runs."""
    settings_file = Path(environ["CKSYNC_CONFIG"])
    settings_file.write_text(settings_file.read_text().replace("build = false", "build = true"))
    (sql,) = re.findall(r"```sql\n(.*?)```", PAGE[PAGE.index("## An example") :].split("\n## ")[0], re.DOTALL)
    *buyers, refunded = [person for person in world.subscribers.values() if person.state == "active"][-3:]
    for number in range(4):
        edits.add_purchase(world, buyers[number % 2].email_address)
        edits.add_purchase(world, refunded.email_address, status="refunded")
    companies = "email_address,company\n" + "".join(f"{each.email_address},Acme {each.id}\n" for each in buyers)
    (tmp_path / "companies.csv").write_text(companies)
    cksync("pull")
    cksync("checkout", "work.duckdb")
    script = "import duckdb, sys; duckdb.connect('work.duckdb').execute(sys.stdin.read())"
    subprocess.run([sys.executable, "-c", script], input=sql, text=True, check=True, cwd=tmp_path)
    shown = cksync("diff", "work.duckdb").stdout
    assert {"+ create tag: 1", "+ create broadcast: 1"} <= set(shown.splitlines())
    twice = list(csv.DictReader(cksync("sql", "@bought_twice", "--format", "csv").stdout.splitlines()))
    assert f"+ subscribe: {len(twice)}" in shown.splitlines()
    addresses = {row["email_address"] for row in twice}
    assert {person.email_address for person in buyers} <= addresses
    assert refunded.email_address not in addresses
    assert "'Acme " in shown
    refused = cksync("push", "work.duckdb", ok=False)
    assert (refused.returncode, len(sandbox.journal.writes())) == (2, 0)  # nobody to confirm
    pushed = cksync("push", "work.duckdb", "--yes")
    assert re.search(r"(\d+) of \1 changes pushed", pushed.stdout)
    assert cksync("diff", "work.duckdb").stdout == "nothing to push\n"
    told = cksync("sql", "select distinct outcome from _cksync.pushes", "--format", "csv").stdout
    assert told.split() == ["outcome", "done"]
    companies = cksync("sql", "select count(*) from subscribers where fields ->> 'company' like 'Acme %'").stdout
    assert "2" in companies
    assert differences(config.data_dir / "mirror.duckdb", world) == []


def test_everything_that_the_api_can_do_is_done_once_and_seen(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(*EVERYTHING)
    sandbox.journal.clear()
    report = work.push()
    assert (report.exit_status, [r.outcome for _, r in report.results]) == (0, ["done"] * 12)
    assert len(sandbox.journal.writes()) == 12
    assert work.plan().actions == ()
    assert_synced(work, world)
    list(pull(work.config, environ={}))
    assert differences(work.config.data_dir / "mirror.duckdb", world) == []
    assert work.push().results == ()
    assert len(sandbox.journal.writes()) == 12
    assert work.rows("select count(*) from subscribers where id < 0") == [(0,)]
    assert world.mails == []


# -- the plan


@pytest.mark.heavy
def test_person_gets_one_request_for_up_to_ten_fields(work: Work, sandbox: Sandbox, world: World) -> None:
    with work.open() as db:
        columns = [name for (name,) in db.execute("select name from _cksync.columns order by 1").fetchall()]
    (person,) = actives(work, 1)
    work.edit(
        f"update subscribers set {', '.join(f'{chr(34)}{c}{chr(34)} = {chr(39)}v{chr(39)}' for c in columns)}"
        f" where id = {person}"
    )
    assert len(columns) == 12
    report = work.push()
    assert [len(action.args["fields"]) for action, _ in report.results] == [10, 2]
    assert {entry.status for entry in sandbox.journal.writes()} == {200}
    assert_synced(work, world)


@pytest.mark.heavy
def test_null_and_empty_are_the_same_to_the_api(work: Work) -> None:
    first, second = actives(work, 2)
    work.edit(f"update subscribers set company = null where id in ({first}, {second})")
    work.push()
    work.edit(f"update subscribers set company = '' where id = {first}")
    assert work.plan().actions == ()


@pytest.mark.heavy
def test_cleared_field_is_empty_in_the_account(work: Work, world: World) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set company = 'x' where id = {person}")
    work.push()
    work.edit(f"update subscribers set company = null where id = {person}")
    assert work.push().exit_status == 0
    assert_synced(work, world)


def test_same_edit_on_both_sides_is_no_request(work: Work, sandbox: Sandbox, world: World) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed' where id = {person}")
    edits.set_first_name(world, person, "Zed")
    report = work.push()
    assert (report.exit_status, len(report.plan.noops), sandbox.journal.writes()) == (0, 1, [])
    edits.set_first_name(world, person, "Zoe")  # a value that both sides agree on is no edit any more
    assert (work.push().plan, sandbox.journal.writes()) == (Plan(), [])


@pytest.mark.heavy
def test_membership_made_or_ended_on_both_sides_is_no_edit_any_more(work: Work, sandbox: Sandbox, world: World) -> None:
    (person,) = actives(work, 1)
    tags = sorted(world.parents["tag"])
    has = [tag for tag in tags if person in world.rosters["tag", tag].members]
    mine = next(tag for tag in tags if tag not in has)
    work.edit(
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        f" values ('tag', {mine}, {person})",
        f"delete from subscriptions where subscribable_type = 'tag' and subscribable_id = {has[0]}"
        f" and subscriber_id = {person}",
    )
    edits.tag(world, person, mine)
    edits.untag(world, person, has[0])
    report = work.push()
    assert (report.exit_status, len(report.plan.noops), sandbox.journal.writes()) == (0, 2, [])
    edits.untag(world, person, mine)
    edits.tag(world, person, has[0])
    assert (work.push().plan, sandbox.journal.writes()) == (Plan(), [])
    assert work.rows("select count(*) from subscriptions where id < 0") == [(0,)]


@pytest.mark.heavy
def test_membership_removed_and_added_again_is_kept(work: Work, sandbox: Sandbox, world: World) -> None:
    """Of a tag, and of a form, from which the API removes nobody."""
    for kind in ("tag", "form"):
        (row,) = work.rows(
            "select subscribable_type, subscribable_id, subscriber_id, id from subscriptions"
            f" where subscribable_type = '{kind}' order by id limit 1"
        )
        work.edit(
            f"delete from subscriptions where subscribable_type = '{kind}' and id = {row[3]}",
            f"insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) values {row[:3]}",
        )
    assert (work.plan().actions, work.plan().problems) == ((), ())
    assert (work.push().exit_status, sandbox.journal.writes(), work.push().plan) == (0, [], Plan())
    assert_synced(work, world)


@pytest.mark.heavy
def test_new_person_with_many_fields_gets_them_ten_at_a_time(work: Work, sandbox: Sandbox, world: World) -> None:
    with work.open() as db:
        columns = [name for (name,) in db.execute("select name from _cksync.columns order by 1").fetchall()]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f"'v{number}'" for number in range(len(columns)))
    work.edit(
        f"insert into subscribers (email_address, {names}) values ('neo@example.com', {values})",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )
    report = work.push()
    assert [(a.what, len(a.args["fields"]), r.outcome) for a, r in report.results] == [
        ("create person", 10, "done"),
        ("update person", len(columns) - 10, "done"),
    ]
    (neo,) = (person for person in world.subscribers.values() if person.email_address == "neo@example.com")
    assert sorted(expected_mirror(world).subscribers[neo.id]["fields"].values()) == sorted(
        values.replace("'", "").split(", ")
    )
    assert work.push().plan == Plan()
    assert_synced(work, world)


@pytest.mark.heavy
def test_new_person_whose_second_request_is_lost_gets_the_rest_later(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    with work.open() as db:
        columns = [name for (name,) in db.execute("select name from _cksync.columns order by 1").fetchall()]
    values = ", ".join(f"'v{number}'" for number in range(len(columns)))
    work.edit(
        f"insert into subscribers (email_address, {', '.join(f'{chr(34)}{c}{chr(34)}' for c in columns)})"
        f" values ('neo@example.com', {values})",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )
    sandbox.faults.add(
        effects.status(422, '{"error": "x", "message": "no"}', "application/json"), method="PUT", count=1
    )
    assert work.push().exit_status == 3
    report = work.push()
    assert [(a.what, a.target.startswith("-"), r.outcome) for a, r in report.results] == [
        ("update person", False, "done")
    ]
    assert_synced(work, world)


@pytest.mark.heavy
def test_update_that_is_accepted_for_later_is_read_back(work: Work, sandbox: Sandbox, world: World) -> None:
    first, second = actives(work, 2)
    work.edit(f"update subscribers set company = 'Acme' where id in ({first}, {second})")

    def accepted(asked: Any, handle: Callable[[Any], Any]) -> Any:
        return replace(handle(asked), status=202)

    def only_accepted(asked: Any, handle: Callable[[Any], Any]) -> Any:
        return effects.status(202, '{"subscriber": {}}', "application/json")(asked, handle)

    sandbox.faults.add(accepted, path=f"/subscribers/{first}", method="PUT")
    sandbox.faults.add(only_accepted, path=f"/subscribers/{second}", method="PUT")
    report = work.push()
    assert {a.target: r.outcome for a, r in report.results} == {str(first): "done", str(second): "unknown"}
    again = work.push()
    assert [(a.target, r.outcome) for a, r in again.results] == [(str(second), "done")]
    assert_synced(work, world)


@pytest.mark.heavy
def test_person_who_is_accepted_for_later_is_made_once(work: Work, sandbox: Sandbox, world: World) -> None:
    """A status that the documentation mentions only for updates."""
    work.edit(*EVERYTHING)

    def accepted(asked: Any, handle: Callable[[Any], Any]) -> Any:
        return replace(handle(asked), status=202)

    sandbox.faults.add(accepted, path="/(forms|sequences|tags)/[0-9]+/subscribe", method="POST", count=None)
    people = len(world.subscribers)
    assert work.push().exit_status == 0
    assert (len(world.subscribers), work.plan().actions) == (people + 1, ())
    list(pull(work.config, environ={}))
    assert differences(work.config.data_dir / "mirror.duckdb", world) == []


@pytest.mark.heavy
def test_figures_that_cannot_be_read_after_the_last_write_lose_nothing(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    work.edit(*EVERYTHING)
    sandbox.faults.add(effects.status(503), path="/broadcasts/[0-9]+/stats", count=None)
    report = work.push()
    assert (report.exit_status, "could not be read back: GET broadcasts/" in report.message) == (3, True)
    names = duckdb.connect(str(work.config.data_dir / "mirror.duckdb"), read_only=True)
    with closing(names):  # what was done is published all the same
        assert names.execute("select count(*) from tags where name = 'bought twice'").fetchone() == (1,)
    sandbox.faults.clear()
    sandbox.journal.clear()
    assert (work.push().exit_status, sandbox.journal.writes()) == (0, [])
    list(pull(work.config, environ={}))
    assert differences(work.config.data_dir / "mirror.duckdb", world) == []


def test_value_changed_on_both_sides_is_a_conflict_and_the_others_merge(work: Work, world: World) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Here', company = 'Acme' where id = {person}")
    edits.set_first_name(world, person, "There")
    report = work.push()
    assert report.exit_status == 3
    (conflict,) = report.plan.conflicts
    assert conflict.cell is not None
    assert (conflict.cell.column, conflict.cell.mine, conflict.cell.theirs) == ("first_name", "Here", "There")
    assert world.subscribers[person].first_name == "There"
    assert expected_mirror(world).subscribers[person]["fields"]["company"] == "Acme"
    assert_synced(work, world)


@pytest.mark.parametrize("edit", some([*PROBLEMS], [*PROBLEMS][::3]))
def test_edit_that_the_api_cannot_express_is_reported(edit: str, work: Work) -> None:
    statement, reason = PROBLEMS[edit]
    first, second = actives(work, 2)
    work.edit(statement.format(a=first, b=second))
    assert any(reason in problem.reason for problem in work.plan().problems), work.plan().problems


def test_edit_that_the_api_cannot_express_stops_everything(work: Work, sandbox: Sandbox) -> None:
    first, second = actives(work, 2)
    work.edit(
        f"delete from subscribers where id = {first}", f"update subscribers set company = 'x' where id = {second}"
    )
    with pytest.raises(Failed, match=f"nothing was written: subscribers {first}: the API cannot delete people"):
        work.push()
    assert sandbox.journal.writes() == []


RULES = {
    "send": "insert into broadcasts (subject, content, send_at) values ('now', 'x', '2030-01-01 00:00:00+00')",
    "unsubscribe": "update subscribers set state = 'cancelled' where id in"
    " (select id from subscribers where state = 'active' order by id limit 11)",
    "resubscribe": "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', tags.id, person.id from tags cross join subscribers as person anti join subscriptions as old"
    " on old.subscribable_type = 'tag' and old.subscribable_id = tags.id and old.subscriber_id = person.id"
    " where person.state = 'cancelled' order by all limit 1",
    "delete-field": "delete from custom_fields where key = 'company'",
    "delete-broadcast": "delete from broadcasts where id = (select max(broadcast_id) from drafts)",
    "bulk": "update subscribers set company = 'all of them' where state = 'active'",
}


@pytest.mark.parametrize("rule", some([*RULES], ["send", "bulk"]))
def test_safety_rule_is_named_by_the_plan(rule: str, work: Work, world: World) -> None:
    drafts = [broadcast.id for broadcast in world.broadcasts.values() if broadcast.status == "draft"]
    work.edit(RULES[rule].replace("(select max(broadcast_id) from drafts)", str(max(drafts))))
    assert [held.rule for held in work.plan().blocked] == [rule]
    assert work.plan(allow=[rule]).blocked == ()


@pytest.mark.heavy
@pytest.mark.parametrize("rule", some([*RULES], ["send"]))
def test_safety_rule_holds_back_everything_until_it_is_lifted(
    rule: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    drafts = [broadcast.id for broadcast in world.broadcasts.values() if broadcast.status == "draft"]
    work.edit(RULES[rule].replace("(select max(broadcast_id) from drafts)", str(max(drafts))))
    with pytest.raises(Refused, match=f"nothing was written: .*--allow {rule}") as refused:
        work.push()
    assert (refused.value.exit_status, sandbox.journal.writes(), world.mails) == (4, [], [])
    report = work.push(allow=[rule])
    assert report.exit_status == 0
    assert sandbox.journal.writes() != []


@pytest.mark.heavy
def test_new_address_and_what_goes_by_the_address_concern_the_same_person(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    """By the old address while it is valid; a wrong order would create a second person."""
    first, second = actives(work, 2)
    people = len(world.subscribers)
    work.edit(
        "insert into tags (name) values ('new')",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        f" select 'tag', tags.id, person.id from tags, subscribers as person where tags.id < 0 and person.id = {first}",
        f"update subscribers set email_address = 'moved' || id || '@example.com' where id in ({first}, {second})",
        f"update subscribers set state = 'cancelled' where id = {second}",
    )
    assert work.push().exit_status == 0
    assert (len(world.subscribers), world.subscribers[second].state) == (people, "cancelled")
    assert [world.subscribers[id_].email_address for id_ in (first, second)] == [
        f"moved{id_}@example.com" for id_ in (first, second)
    ]
    assert_synced(work, world)


@pytest.mark.heavy
def test_field_takes_values_under_its_old_key_before_it_is_renamed(work: Work, world: World) -> None:
    (person,) = actives(work, 1)
    work.edit(
        f"update subscribers set company = 'Acme' where id = {person}",
        "update custom_fields set label = 'Employer' where key = 'company'",
    )
    assert work.push().exit_status == 0
    assert expected_mirror(world).subscribers[person]["fields"]["employer"] == "Acme"
    assert_synced(work, world)


@pytest.mark.heavy
def test_tag_that_is_not_seen_everywhere_yet_is_waited_for(work: Work, sandbox: Sandbox, world: World) -> None:
    work.edit(*EVERYTHING)
    missing = effects.status(404, json.dumps({"error": "Tag not found", "message": ""}), "application/json")
    sandbox.faults.add(missing, path="/tags/[0-9]+/subscribe", method="POST", count=2)
    assert work.push().exit_status == 0
    assert_synced(work, world)


def test_workspace_of_another_account_is_refused(work: Work, sandbox: Sandbox) -> None:
    work.edit("insert into tags (name) values ('x')", "update _cksync.checkout set account = 'other@example.com'")
    with pytest.raises(Refused, match=r"checked out from the account other@example\.com"):
        work.push()
    assert sandbox.journal.writes() == []


def test_redacted_plan_has_no_value_and_no_address(work: Work, cksync: Command) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed', email_address = 'zed@example.com' where id = {person}")
    for form in ("table", "json"):
        shown = cksync("diff", str(work.path), "--redact", "--format", form).stdout
        assert str(person) in shown
        assert re.search(r"zed|@example", shown, re.IGNORECASE) is None


def test_problem_is_shown_without_values_when_redacted(work: Work, cksync: Command) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set email_address = 'no-address-of-zed' where id = {person}")
    refused = cksync("push", str(work.path), "--yes", "--redact", ok=False)
    assert (refused.returncode, "zed" in refused.stdout + refused.stderr) == (1, False)
    assert f"subscribers {person}" in refused.stderr


@pytest.mark.heavy
def test_new_person_costs_no_read_of_a_member_list(work: Work, sandbox: Sandbox) -> None:
    work.edit(
        "insert into subscribers (email_address) values ('neo@example.com')",
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    )
    sandbox.journal.clear()
    assert work.push().exit_status == 0
    assert sandbox.journal.count("/forms/[0-9]+/subscriptions") == 0


@pytest.mark.heavy
def test_diff_of_one_table_lists_its_edits_and_prices_all(work: Work, cksync: Command) -> None:
    work.edit(*EVERYTHING)
    shown = cksync("diff", str(work.path), "--only", "tags").stdout
    said = r"\+ create tag: 1\n  \+ bought twice \(new\)\nall tables together: [^:]*: 14 requests, .*; checksum \w+\n"
    assert re.fullmatch(said, shown)
    part = json.loads(cksync("diff", str(work.path), "--only", "tags", "--format", "json").stdout)
    assert ([action["what"] for action in part["actions"]], part["requests"]) == (["create tag"], 14)
    assert part["checksum"] == work.plan().checksum


def test_json_of_a_plan_is_as_the_documentation_says(work: Work, cksync: Command, sandbox: Sandbox) -> None:
    """Every key in docs/push.md, and nothing else."""
    (person,) = actives(work, 1)
    work.edit(*EVERYTHING, f"update subscribers set created_at = now() where id = {person}")
    plan = json.loads(cksync("diff", str(work.path), "--format", "json", ok=False).stdout)
    told = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "push.md").read_text(), re.MULTILINE))
    parts = [each for name in ("actions", "problems") for each in plan[name]]
    parts += [part for action in plan["actions"] for name in ("rows", "cells") for part in action[name]]
    keys = {*plan, *(key for part in parts for key in part)}
    assert keys <= told
    others = {"rule", "count", "examples", "outcome", "message", "gone", "was"}  # keys that this plan does not have
    assert told - keys - {*RULES} == others


@pytest.mark.heavy
def test_scheduled_time_can_be_changed_when_sending_is_allowed(work: Work, world: World) -> None:
    drafts = [broadcast.id for broadcast in world.broadcasts.values() if broadcast.status == "draft"]
    work.edit(f"update broadcasts set send_at = '2031-02-03 04:05:06+00' where id = {max(drafts)}")
    with pytest.raises(Refused, match="--allow send"):
        work.push()
    assert work.push(allow=["send"]).exit_status == 0
    assert [mail.send_at for mail in world.mails] == ["2031-02-03T04:05:06.000Z"]


@pytest.mark.heavy
def test_plan_that_is_not_the_one_seen_is_refused(work: Work, sandbox: Sandbox) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set first_name = 'Zed' where id = {person}")
    seen = work.plan().checksum
    work.edit(f"update subscribers set first_name = 'Zoe' where id = {person}")
    with pytest.raises(Refused, match="has changed since you saw it"):
        work.push(checksum=seen)
    assert sandbox.journal.writes() == []
    assert work.push(checksum=work.plan().checksum).exit_status == 0


# -- the workspace


@pytest.mark.heavy
def test_refreshed_workspace_has_the_account_of_today_and_keeps_what_is_not_pushed(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    first, second, third = actives(work, 3)
    work.edit(*EVERYTHING)
    edits.set_first_name(world, third, "Theirs too late")
    other = next(p.id for p in world.subscribers.values() if p.state == "active" and p.id not in (first, second, third))
    edits.set_first_name(world, other, "Today")
    edits.add_tag(world, "of today")
    list(pull(work.config, environ={}))
    before = work.plan()
    refresh(Folder(work.config.data_dir), work.path)
    assert [action.id for action in work.plan().actions] == [action.id for action in before.actions]
    assert work.rows(f"select first_name from subscribers where id = {other}") == [("Today",)]
    assert work.rows("select count(*) from tags where name = 'of today'") == [(1,)]
    assert work.rows("select min(id) from tags union all select nextval('ids')")[1][0] < -8
    assert work.push().exit_status == 3  # the conflict remains
    assert sandbox.journal.count(method="POST") > 0


@pytest.mark.heavy
def test_refresh_after_a_push_leaves_nothing_to_push(work: Work) -> None:
    work.edit(*EVERYTHING)
    work.push()
    refresh(Folder(work.config.data_dir), work.path)
    assert work.plan().actions == ()


@pytest.mark.parametrize("content", [None, b"", b"no database", "another"], ids=["none", "empty", "text", "another"])
def test_file_that_is_no_workspace_is_reported(work: Work, tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.duckdb"
    if content == "another":
        duckdb.connect(str(path)).close()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(Rejected, match="is not a workspace; create one with `cksync checkout"):
        plan_push(work.config, path)


def test_workspace_that_is_open_elsewhere_is_reported(work: Work, cksync: Command, tmp_path: Path) -> None:
    with work.open() as db:
        db.execute("select 1")
        done = cksync("diff", str(work.path), ok=False)
    assert (done.returncode, "is open in another program" in done.stderr) == (1, True)


def test_checkout_writes_over_nothing(work: Work) -> None:
    before = work.path.read_bytes()
    with pytest.raises(Rejected, match="already exists"):
        checkout(Folder(work.config.data_dir), work.path)
    assert work.path.read_bytes() == before


@pytest.mark.heavy
def test_every_field_has_a_column_of_its_own_whatever_its_key(work: Work, world: World) -> None:
    for label in ("id", "First name", "Created at", "Lead opt-in?", 'a "quoted" key', "ÄÖÜ"):
        edits.add_custom_field(world, label)
    list(pull(work.config, environ={}))
    refresh(Folder(work.config.data_dir), work.path)
    (person,) = actives(work, 1)
    columns = [name for (name,) in work.rows("select name from _cksync.columns order by custom_field_id")]
    assert len({name.lower() for name in columns}) == len(world.custom_fields)
    assert {"field_id", "field_state", "field_created_at"} <= set(columns)
    sets = ", ".join("\"{}\" = '{}'".format(name.replace('"', '""'), n) for n, name in enumerate(columns))
    work.edit(f"update subscribers set {sets} where id = {person}")
    assert work.push().exit_status == 0
    assert_synced(work, world)


# -- responses of the API


@pytest.mark.heavy
def test_change_that_was_rejected_is_kept_and_not_tried_again_until_it_is_edited(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    first, second = actives(work, 2)
    work.edit(
        f"update subscribers set email_address = 'taken@example.com' where id = {first}",
        f"update subscribers set first_name = 'Zed' where id = {second}",
    )
    body = json.dumps({"error": "Error updating subscriber", "message": "Email address has already been taken"})
    refused = effects.status(422, body, "application/json")
    sandbox.faults.add(refused, path=f"/subscribers/{first}", method="PUT", count=None)
    report = work.push()
    assert report.exit_status == 3
    assert {r.outcome: r.message for _, r in report.results} == {
        "rejected": "Email address has already been taken",
        "done": "",
    }
    sandbox.journal.clear()
    again = work.push()
    assert (again.exit_status, len(sandbox.journal.writes()), len(again.plan.skipped)) == (3, 0, 1)
    (left,) = status(work.config.data_dir).not_pushed
    assert (left.what, left.target, left.outcome) == ("update person", str(first), "rejected")
    assert left.message == "Email address has already been taken"
    work.edit(f"update subscribers set email_address = 'free@example.com' where id = {first}")
    sandbox.faults.clear()
    assert work.push().exit_status == 0
    assert status(work.config.data_dir).not_pushed == ()
    assert_synced(work, world)


@pytest.mark.parametrize(
    ("what", "path"),
    [
        pytest.param("tag", "/tags", marks=pytest.mark.heavy),
        pytest.param("field", "/custom_fields", marks=pytest.mark.heavy),
        ("person", "/forms/[0-9]+/subscribe"),
        pytest.param("sequence", "/sequences/[0-9]+/subscribe", marks=pytest.mark.heavy),
        pytest.param("purchase", "/purchases", marks=pytest.mark.heavy),
        pytest.param("broadcast", "/broadcasts", marks=pytest.mark.heavy),
        pytest.param("update", "/subscribers/[0-9]+", marks=pytest.mark.heavy),
        pytest.param("membership", "/tags/[0-9]+/subscribe", marks=pytest.mark.heavy),
        pytest.param("unsubscribe", "/unsubscribe", marks=pytest.mark.heavy),
        pytest.param("untag", "/subscribers/[0-9]+/tags/[0-9]+", marks=pytest.mark.heavy),
    ],
)
@pytest.mark.parametrize(
    "fault",
    [
        "lost_response",
        pytest.param("error_after", marks=pytest.mark.heavy),
        pytest.param("error_before", marks=pytest.mark.heavy),
    ],
)
def test_write_without_an_answer_is_looked_up_before_it_is_sent_again(
    what: str, path: str, fault: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    work.edit(*EVERYTHING)
    method = "PUT" if what in ("update", "unsubscribe") else "DELETE" if what == "untag" else "POST"
    sandbox.faults.add(getattr(effects, fault)(), path=path, method=method, count=1)
    people, tags = len(world.subscribers), len(world.parents["tag"])
    broadcasts, purchases, fields = len(world.broadcasts), len(world.purchases), len(world.custom_fields)
    report = work.push()
    if fault == "error_before" and what in ("sequence", "person", "purchase", "broadcast"):
        outcomes = [r.outcome for _, r in report.results]
        if "unknown" in outcomes:  # it is absent, and not sent again without permission
            assert report.exit_status == 3
            work.push(allow=["repeat-unknown"], retry_rejected=True)
            assert work.push().exit_status == 0
    else:
        assert (report.exit_status, [r.outcome for _, r in report.results]) == (0, ["done"] * 12)
    made = [len(world.subscribers) - people, len(world.parents["tag"]) - tags, len(world.broadcasts) - broadcasts]
    assert [*made, len(world.purchases) - purchases, len(world.custom_fields) - fields] == [1, 1, 1, 1, 1]
    assert work.plan().actions == ()
    assert_synced(work, world)


@pytest.mark.heavy
def test_answer_that_is_lost_is_found_although_reads_lag_behind(work: Work, sandbox: Sandbox, world: World) -> None:
    world.behaviour = replace(world.behaviour, reads_lag_seconds=0.1)
    work.edit(*EVERYTHING)
    sandbox.faults.add(effects.lost_response(), path="/(tags|broadcasts|purchases)", method="POST", count=3)
    tags, broadcasts, purchases = len(world.parents["tag"]), len(world.broadcasts), len(world.purchases)
    assert work.push().exit_status == 0
    made = [len(world.parents["tag"]) - tags, len(world.broadcasts) - broadcasts, len(world.purchases) - purchases]
    assert made == [1, 1, 1]


@pytest.mark.heavy
def test_pull_after_a_push_does_not_go_on_with_one_from_before_it(work: Work, world: World) -> None:
    """What that pull had read is outdated."""
    with closing(pull(work.config, environ={})) as events:  # type: ignore[type-var] # a generator
        while not any(isinstance(event, PageRead) and event.slice.name == "purchases" for event in events):
            pass
    work.edit("insert into broadcasts (subject, content) values ('Hello', 'x')")
    work.push()
    list(pull(work.config, environ={}))
    assert differences(work.config.data_dir / "mirror.duckdb", world) == []


# -- kills


@pytest.mark.parametrize("after", some([False, True], [True]), ids=["before", "after"])
@pytest.mark.parametrize("request_", some(range(1, 13, 3), (4,)))
def test_push_killed_at_any_write_is_completed_by_the_same_command(
    request_: int, after: bool, work: Work, cksync: Command, environ: dict[str, str], sandbox: Sandbox, world: World
) -> None:
    work.edit(*EVERYTHING)
    counts: list[Sized] = [world.subscribers, world.parents["tag"], world.broadcasts, world.purchases]
    before = [len(each) for each in counts]
    assert killed_push(environ, work.path.parent, sandbox, request_, after=after) == -signal.SIGKILL
    assert cksync("push", "work.duckdb", "--yes").returncode == 0
    assert [len(each) - number for each, number in zip(counts, before, strict=True)] == [1, 1, 1, 1]
    assert work.plan().actions == ()
    assert_synced(work, world)


# 200 changes of every kind; {a} are ids of active people.
MIXED = (
    "update subscribers set company = 'C' || id, first_name = 'F' || id where id in ({a[:80]})",
    "insert into tags (name) select 'tag' || n from range(6) as numbers(n)",
    "insert into custom_fields (label, key) select 'label' || n, 'label' || n from range(4) as numbers(n)",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'tag', tags.id, person.id from tags, subscribers as person"
    " where tags.id < 0 and person.id in ({a[80:86]})",
    "insert into subscribers (email_address, first_name)"
    " select 'new' || n || '@example.com', 'New' from range(16) as numbers(n)",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'form', (select min(id) from forms), id from subscribers where id < 0",
    "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
    " select 'sequence', (select min(id) from sequences), id from subscribers where id < 0",
    "insert into broadcasts (subject, content) select 'subject' || n, 'text' from range(8) as numbers(n)",
    "insert into purchases (transaction_id, email_address, currency, total)"
    " select 'T' || n, 'new' || n || '@example.com', 'USD', 5 from range(8) as numbers(n)",
    "insert into purchase_products (purchase_id, position, name, pid, lid, sku, unit_price, quantity)"
    " select id, 1, 'Book', 'p', 'l', 's', 5, 1 from purchases where id < 0",
    "update subscribers set state = 'cancelled' where id in ({a[86:94]})",
    "delete from subscriptions where subscribable_type = 'tag' and id in"
    " (select id from subscriptions where subscribable_type = 'tag' and id > 0 order by id limit 18)",
)


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(3))
def test_two_hundred_changes_are_made_once_through_kills_and_lost_answers(
    seed: int, config: Config, environ: dict[str, str], tmp_path: Path
) -> None:
    """Twenty kills, before and after a write, and one write in thirty without a response."""
    random = Random(seed)
    world = generate(600, seed)
    with serve(world, rate_limit=None) as sandbox:
        environ = {**environ, "CKSYNC_BASE_URL": sandbox.url, "CKSYNC_API_SECRET": sandbox.api_secret}
        secret = SecretRef(sandbox.api_secret, "api.api_secret", tmp_path)
        config = replace(config, api=replace(config.api, base_url=sandbox.url, api_secret=secret))
        list(pull(config, environ={}))
        checkout(Folder(config.data_dir), tmp_path / "work.duckdb")
        work = Work(config, tmp_path / "work.duckdb")
        active = actives(work, 94)
        chosen = {"{a[:80]}": active[:80], "{a[80:86]}": active[80:86], "{a[86:94]}": active[86:]}
        for statement in MIXED:
            for name, ids in chosen.items():
                statement = statement.replace(name, ", ".join(map(str, ids)))
            work.edit(statement)
        assert len(work.plan(["bulk", "send"]).actions) == 200
        kinds: list[Sized] = [world.subscribers, world.parents["tag"], world.broadcasts, world.purchases]
        kinds.append(world.custom_fields)
        before = [len(each) for each in kinds]
        for effect in (effects.lost_response, effects.error_after, effects.error_before):
            unlucky = lambda asked: asked.method != "GET" and random.random() < 1 / 90  # noqa: E731
            sandbox.faults.add(effect(), where=unlucky, count=None)
        kills = 0
        while kills < 20:
            died = killed_push(environ, tmp_path, sandbox, random.randint(1, 9), after=random.random() < 0.5)
            if died != -signal.SIGKILL:  # nothing was left to push
                break
            kills += 1
        sandbox.faults.clear()
        assert kills > 10
        work.push(allow=["bulk", "send", "repeat-unknown"], retry_rejected=True)
        assert work.push(allow=["bulk", "send"]).exit_status == 0
        made = [len(each) - number for each, number in zip(kinds, before, strict=True)]
        assert made == [16, 6, 8, 8, 4]
        transactions = [purchase.transaction_id for purchase in world.purchases.values()]
        assert [transactions.count(f"T{number}") for number in range(8)] == [1] * 8
        assert work.plan().actions == ()
        assert_synced(work, world)
        assert world.mails == []


@pytest.mark.heavy
@pytest.mark.parametrize("form", some(["table", "json"], ["table"]))
@pytest.mark.parametrize("spell", some([str, quote], [quote]))
def test_redacted_push_does_not_repeat_an_address_that_the_api_says(
    work: Work, cksync: Command, sandbox: Sandbox, form: str, spell: Callable[[str], str]
) -> None:
    (person,) = actives(work, 1)
    work.edit(f"update subscribers set email_address = 'zed@taken.example' where id = {person}")
    said = json.dumps({"error": "Bad", "message": f"{spell('zed@taken.example')} belongs to {spell('x@y.example')}"})
    sandbox.faults.add(effects.status(422, said), method="PUT", count=None)
    done = cksync("push", str(work.path), "--yes", "--redact", "--format", form, ok=False)
    assert done.returncode == 3
    assert re.search(r"zed|taken|y\.example", done.stdout + done.stderr) is None
    assert str(person) in done.stdout + done.stderr
