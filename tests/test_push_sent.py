"""A broadcast sent since the checkout, or being sent, is neither changed nor deleted."""

import pytest

from cksync.errors import ApiUnavailable
from cksync.folder import Folder
from cksync.write.refresh import refresh
from kit_sandbox import Sandbox, World, edits, effects
from tests.conftest import Command, some
from tests.support.workspace import Work, actives, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

EDITS = {
    "update": "update broadcasts set subject = 'x' where id = {}",
    "delete": "delete from broadcasts where id = {}",
}
ALLOW = ("delete-broadcast", "send")
SENT = ("sending", "completed", "aborted", "some new word")


def draft(world: World) -> int:
    return max(each.id for each in world.broadcasts.values() if each.status == "draft")


def touched(sandbox: Sandbox) -> list[str]:
    """Return the writes to broadcasts."""
    return [entry.path for entry in sandbox.journal.writes() if "/broadcasts" in entry.path]


@pytest.mark.parametrize("status", some([*SENT], ["sending"]))
@pytest.mark.parametrize("edit", some([*EDITS], [*EDITS][:1]))
def test_broadcast_that_was_sent_since_the_checkout_is_a_conflict_and_the_rest_is_pushed(
    edit: str, status: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    mail, (person,) = draft(world), actives(work, 1)
    work.edit(EDITS[edit].format(mail), f"update subscribers set first_name = 'Zed' where id = {person}")
    edits.set_broadcast_status(world, mail, status)
    report = work.push(allow=ALLOW)
    assert (report.exit_status, world.subscribers[person].first_name, touched(sandbox)) == (3, "Zed", [])
    (conflict,) = report.plan.conflicts
    assert (conflict.key, conflict.reason) == (
        (mail,),
        f"this broadcast is now {status}; only drafts and scheduled broadcasts can be changed",
    )
    assert work.plan().conflicts == (conflict,)  # what was read is in the mirror
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("edit", some([*EDITS], ["update"]))
def test_broadcast_that_is_sent_between_plan_and_write_is_not_touched(
    edit: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """Sent while the push makes an earlier write."""
    mail = draft(world)
    work.edit(EDITS[edit].format(mail), "insert into tags (name) values ('first')")
    sandbox.faults.add(effects.edit_before(lambda: edits.send_broadcast(world, mail)), path="/tags", method="POST")
    report = work.push(allow=ALLOW)
    assert {action.what: result.outcome for action, result in report.results} == {
        "create tag": "done",
        f"{edit} broadcast": "conflict",
    }
    assert (report.exit_status, touched(sandbox), len(work.plan().conflicts)) == (3, [], 1)


@pytest.mark.heavy
def test_draft_that_is_scheduled_between_plan_and_write_waits_for_another_plan(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    mail = draft(world)
    work.edit(EDITS["update"].format(mail), "insert into tags (name) values ('first')")
    schedule = effects.edit_before(lambda: edits.set_broadcast_status(world, mail, "scheduled"))
    sandbox.faults.add(schedule, path="/tags", method="POST")
    report = work.push()
    assert (report.exit_status, touched(sandbox)) == (3, [])
    assert [held.rule for held in work.plan().blocked] == ["send"]


@pytest.mark.heavy
@pytest.mark.parametrize("has_time", [False, True])
def test_broadcast_without_a_status_is_a_draft_only_if_it_has_no_time(
    has_time: bool, work: Work, sandbox: Sandbox, world: World
) -> None:
    mail = draft(world)
    if has_time:
        edits.edit_broadcast(world, mail, published_at="2026-01-01T00:00:00.000Z")
    work.edit(EDITS["update"].format(mail))
    none = effects.status(200, f'{{"broadcast": {{"id": {mail}}}}}', "application/json")
    sandbox.faults.add(none, path=f"/broadcasts/{mail}/stats", count=None)
    report = work.push()
    assert (report.exit_status, len(touched(sandbox))) == ((3, 0) if has_time else (0, 1))
    if has_time:
        assert report.plan.conflicts[0].reason == "the API does not report whether this broadcast was sent"


@pytest.mark.heavy
def test_status_that_cannot_be_read_stops_the_push(work: Work, sandbox: Sandbox, world: World) -> None:
    mail = draft(world)
    work.edit(EDITS["update"].format(mail), "insert into tags (name) values ('first')")
    sandbox.faults.add(effects.status(403), path=f"/broadcasts/{mail}/stats", count=None)
    with pytest.raises(ApiUnavailable, match=f"nothing was written, because the status of broadcast {mail} could not"):
        work.push()
    assert sandbox.journal.writes() == []
    sandbox.faults.clear()
    assert work.push().exit_status == 0


@pytest.mark.heavy
def test_same_edit_on_both_sides_of_a_broadcast_that_was_sent_is_no_edit(work: Work, world: World) -> None:
    mail = draft(world)
    work.edit(EDITS["update"].format(mail))
    edits.edit_broadcast(world, mail, subject="x")
    edits.send_broadcast(world, mail)
    report = work.push()
    assert (report.exit_status, len(report.plan.noops)) == (0, 1)


@pytest.mark.heavy
def test_conflict_of_a_broadcast_that_was_sent_is_reported(
    work: Work, world: World, cksync: Command, sandbox: Sandbox
) -> None:
    mail = draft(world)
    work.edit(EDITS["update"].format(mail))
    edits.send_broadcast(world, mail)
    done = cksync("push", "work.duckdb", "--yes", ok=False)
    assert (done.returncode, f"  broadcasts {mail}: this broadcast is now completed" in done.stdout) == (3, True)
    assert "subject 'x'" in done.stdout
    assert "Traceback" not in done.stderr
    refresh(Folder(work.config.data_dir), work.path)
    (problem,) = work.plan().problems
    assert problem.reason == "this broadcast is completed; only drafts and scheduled broadcasts can be changed"
