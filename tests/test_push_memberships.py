"""A membership is identified by its list and its person, whether the mirror knows an id of its own or not."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from cksync.errors import Failed
from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.pipeline.revert import revert, revert_invalid
from cksync.write.plan import Plan
from cksync.write.refresh import refresh
from cksync.write.workspace import checkout
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror
from tests.conftest import some
from tests.support.connecting import with_key
from tests.support.workspace import Work, actives, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

JOIN = "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) values ('{}', {}, {})"
LEAVE = "delete from subscriptions where subscribable_type = '{}' and subscribable_id = {} and subscriber_id = {}"
MOVE = (
    "update subscriptions set subscriber_id = {3}"
    " where subscribable_type = '{0}' and subscribable_id = {1} and subscriber_id = {2}"
)
OTHER = "update subscribers set last_name = 'pushed' where id = {}"
REFUSED = "a subscription can be inserted, and deleted from a tag, but not updated"
# In a mirror of API v3, and in one that API v4 alone filled.
IDS = some([True, False], [True])


def without_ids(work: Work, sandbox: Sandbox) -> None:
    """Fill the folder through API v4 instead, which gives a membership no id and no state, and check it out."""
    shutil.rmtree(work.config.data_dir)
    work.path.unlink()
    v4 = with_key(work.config, sandbox)
    list(pull(replace(v4, pull=replace(v4.pull, settle_seconds=0.01)), environ={}))
    checkout(Folder(work.config.data_dir), work.path)
    assert work.rows("select count(*) from subscriptions where id is not null or state is not null") == [(0,)]


def refreshed(work: Work) -> None:
    refresh(Folder(work.config.data_dir), work.path)


def member(work: Work, kind: str) -> tuple[int, int]:
    """Return a list and an active member of it."""
    (found,) = work.rows(
        "select subscribable_id, subscriber_id from subscriptions join subscribers on subscribers.id = subscriber_id"
        f" where subscribable_type = '{kind}' and subscribers.state = 'active' order by all limit 1"
    )
    return found


def outsider(work: Work, kind: str, parent: int, number: int = 0) -> int:
    """Return an active person who is not in a list."""
    rows = work.rows(
        "select id from subscribers where state = 'active' and id not in (select subscriber_id from subscriptions"
        f" where subscribable_type = '{kind}' and subscribable_id = {parent}) order by id"
    )
    return int(rows[number][0])


def assert_members(work: Work, world: World) -> None:
    """Assert that after a pull the mirror has the memberships of the account, whatever their ids."""
    list(pull(work.config, environ={}))
    with duckdb.connect(str(work.config.data_dir / "mirror.duckdb"), read_only=True) as db:
        found = db.execute("select subscribable_type, subscribable_id, subscriber_id from subscriptions").fetchall()
    shown = expected_mirror(world).subscriptions.items()
    assert set(found) == {(kind, parent, row["subscriber_id"]) for (kind, parent, _), row in shown}


def planned(plan: Plan) -> list[tuple[str, int, object]]:
    """Return kind, person and list of each action."""
    return [(a.what, int(a.target), a.args.get("parent_id", a.args.get("tag_id"))) for a in plan.actions]


def problems(plan: Plan) -> list[tuple[tuple[Any, ...], str]]:
    return [(problem.key, problem.reason) for problem in plan.problems]


# -- with and without ids


@pytest.fixture(params=IDS, ids=["with ids", "without ids"])
def either(request: pytest.FixtureRequest, work: Work, sandbox: Sandbox) -> Work:
    """A workspace of a mirror with or without ids of memberships."""
    if not request.param:
        without_ids(work, sandbox)
    return work


def test_memberships_are_inserted_and_deleted_by_list_and_person(either: Work) -> None:
    work = either
    assert work.plan() == Plan()
    tag, member_ = member(work, "tag")
    new = outsider(work, "tag", tag)
    work.edit(LEAVE.format("tag", tag, member_), JOIN.format("tag", tag, new))
    assert planned(work.plan()) == [("subscribe", new, tag), ("untag", member_, tag)]
    refreshed(work)
    assert planned(work.plan()) == [("subscribe", new, tag), ("untag", member_, tag)]
    for who in (new, member_):
        revert(work.config, work.path, "subscriptions", f"tag, {tag}, {who}")
    assert work.plan() == Plan()


def test_nobody_is_removed_from_a_form(either: Work) -> None:
    form, who = member(either, "form")
    either.edit(LEAVE.format("form", form, who))
    ((key, reason),) = problems(either.plan())
    assert (key, "cannot remove people from forms" in reason) == (("form", form, who), True)


def test_membership_that_is_put_back_is_no_edit(either: Work) -> None:
    """With a new id, or with none; also after a refresh."""
    work = either
    for kind, columns, values in (("tag", "", ""), ("form", ", id", ", null")):
        parent, who = member(work, kind)
        work.edit(
            LEAVE.format(kind, parent, who),
            JOIN.format(kind, parent, f"{who}{values}").replace("subscriber_id)", f"subscriber_id{columns})"),
        )
    for _ in range(2):
        plan = work.plan()
        assert (plan.actions, plan.problems, len(plan.noops)) == ((), (), 2)
        refreshed(work)


def test_membership_that_is_put_back_is_sent_if_the_account_ended_it(either: Work) -> None:
    work = either
    tag, who = member(work, "tag")
    work.edit(LEAVE.format("tag", tag, who), JOIN.format("tag", tag, who))
    with duckdb.connect(str(work.config.data_dir / "mirror.duckdb")) as db:
        db.execute(LEAVE.format("tag", tag, who))
    for _ in range(2):
        assert planned(work.plan()) == [("subscribe", who, tag)]
        refreshed(work)


def test_membership_that_the_account_has_by_now_is_no_edit_after_a_refresh(either: Work) -> None:
    work = either
    tag, _ = member(work, "tag")
    new = outsider(work, "tag", tag)
    work.edit(JOIN.format("tag", tag, new))
    with duckdb.connect(str(work.config.data_dir / "mirror.duckdb")) as db:
        db.execute(JOIN.format("tag", tag, new))
    assert len(work.plan().noops) == 1
    refreshed(work)
    assert work.plan() == Plan()
    assert work.rows(f"select count(*) from subscriptions where subscribable_id = {tag} and subscriber_id = {new}") == [
        (1,)
    ]


@pytest.mark.parametrize("place", some(["tag", "form"], ["form"]))
def test_two_rows_of_one_membership_are_one_problem_and_no_other_row_s(
    place: str, either: Work, sandbox: Sandbox, world: World
) -> None:
    """Two new ones, and a new one of a membership that is there."""
    work = either
    parent, there = member(work, place)
    new, other = (outsider(work, place, parent, number) for number in range(2))
    work.edit(*(JOIN.format(place, parent, who) for who in (there, new, new, other)))
    reason = "2 rows are this one subscription; keep one of them"
    assert dict(problems(work.plan())) == {(place, parent, who): reason for who in (there, new)}
    assert planned(work.plan()) == [("subscribe", other, parent)]
    with pytest.raises(
        Failed, match=f"cannot be refreshed: subscriptions {place}, {parent}, {min(there, new)}: 2 rows"
    ):
        refreshed(work)
    assert revert_invalid(work.config, work.path) == 2
    assert (planned(work.plan()), problems(work.plan())) == ([("subscribe", other, parent)], [])


def test_row_of_nobody_is_a_problem(work: Work) -> None:
    tag, _ = member(work, "tag")
    work.edit(JOIN.format("tag", tag, "null"))
    assert problems(work.plan()) == [(("tag", tag, None), "person None does not exist")]
    assert revert_invalid(work.config, work.path) == 1
    assert work.plan() == Plan()


# -- an UPDATE of the key


def test_tag_that_moves_to_another_person_is_taken_and_given(either: Work) -> None:
    """Also with the state of the former person's membership: it came along, nobody set it."""
    work = either
    tag, who = member(work, "tag")
    new = outsider(work, "tag", tag)
    work.edit(MOVE.format("tag", tag, who, new))
    with duckdb.connect(str(work.path)) as db:
        for schema in ("main", "base"):
            db.execute(f"update {schema}.subscriptions set state = 'inactive' where subscriber_id in ({who}, {new})")
    for _ in range(2):
        assert planned(work.plan()) == [("subscribe", new, tag), ("untag", who, tag)]
        refreshed(work)


@pytest.mark.parametrize("place", some(["form", "sequence"], ["form"]))
def test_membership_of_a_form_that_is_given_to_another_person_is_refused_as_one(place: str, either: Work) -> None:
    """Half of it would send mail to somebody."""
    work = either
    parent, who = member(work, place)
    new = outsider(work, place, parent)
    work.edit(MOVE.format(place, parent, who, new))
    for _ in range(2):
        plan = work.plan()
        assert (problems(plan), plan.actions) == ([((place, parent, who), REFUSED)], ())
        refreshed(work)
    revert(work.config, work.path, "subscriptions", f"{place}, {parent}, {who}")
    assert work.plan() == Plan()


def test_all_memberships_of_a_person_are_given_to_another(work: Work) -> None:
    """All of the same second, as API v4 gives it, and without ids: those of tags move, and no other is sent."""
    form, who = member(work, "form")
    tags = [tag for (tag,) in work.rows("select id from tags order by id")]
    new = outsider(work, "form", form)
    with work.open() as db:
        db.execute(f"delete from main.subscriptions where subscriber_id in ({who}, {new})")
        for kind, parent in (*(("tag", tag) for tag in tags), ("form", form)):
            db.execute(JOIN.format(kind, parent, who))
        db.execute(f"update main.subscriptions set id = null, created_at = '2026-01-01' where subscriber_id = {who}")
        db.execute("create or replace table base.subscriptions as from main.subscriptions")
    work.edit(f"update subscriptions set subscriber_id = {new} where subscriber_id = {who}")
    plan = work.plan()
    assert problems(plan) == [(("form", form, who), REFUSED)]
    assert {action.args.get("parent", "tag") for action in plan.actions} == {"tag"}


def test_update_of_another_column_is_refused(work: Work) -> None:
    form, who = member(work, "form")
    work.edit(
        f"update subscriptions set state = 'inactive', created_at = now() where subscribable_type = 'form'"
        f" and subscribable_id = {form} and subscriber_id = {who}"
    )
    assert problems(work.plan()) == [(("form", form, who), REFUSED)]


# -- pushes


def test_memberships_are_pushed_and_the_account_s_are_not_sent(either: Work, sandbox: Sandbox, world: World) -> None:
    work = either
    tag, who = member(work, "tag")
    new, there = (outsider(work, "tag", tag, number) for number in range(2))
    work.edit(*(JOIN.format("tag", tag, each) for each in (new, there)), LEAVE.format("tag", tag, who))
    edits.tag(world, there, tag)
    report = work.push()
    assert [(action.what, action.target, result.outcome) for action, result in report.results] == [
        ("subscribe", str(new), "done"),
        ("untag", str(who), "done"),
    ]
    assert (report.exit_status, len(report.plan.noops), len(sandbox.journal.writes())) == (0, 1, 2)
    assert work.plan() == Plan()
    assert work.rows("select count(*) from subscriptions where id < 0") == [(0,)]
    assert work.push().results == ()
    members = world.rosters["tag", tag].members
    assert (new in members, there in members, who in members) == (True, True, False)
    assert_members(work, world)


NEW = (
    "insert into tags (name) values ('new tag')",
    "insert into subscribers (email_address) values ('neo@example.com')",
    *(
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
        f" select '{kind}', (select {which}(id) from {kind}s), id from subscribers where id < 0"
        for kind, which in (("tag", "min"), ("form", "max"), ("sequence", "max"))
    ),
)


@pytest.mark.heavy
def test_keys_of_new_people_and_tags_follow_their_ids(either: Work, sandbox: Sandbox, world: World) -> None:
    work = either
    work.edit(*NEW)
    assert work.push().exit_status == 0
    ((neo,),) = work.rows("select id from subscribers where email_address = 'neo@example.com'")
    ((tag,),) = work.rows("select id from tags where name = 'new tag'")
    assert neo in world.subscribers
    for schema in ("main", "base"):
        rows = work.rows(
            f"select subscribable_type, subscribable_id from {schema}.subscriptions where subscriber_id = {neo}"
        )
        assert ({kind for kind, _ in rows}, ("tag", tag) in rows, len(rows)) == ({"tag", "form", "sequence"}, True, 3)
    assert work.plan() == Plan()
    assert_members(work, world)


@pytest.mark.heavy
def test_unknown_membership_of_a_new_person_is_not_sent_again_once_the_person_has_an_id(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    """A form created the person; the sequence's answer and its members cannot be read."""
    work.edit(*NEW)
    sequence = max(world.parents["sequence"])
    subscribe = f"/sequences/{sequence}/subscribe"
    lost_in(sandbox, "sequence", sequence)
    assert "unknown" in {result.outcome for _, result in work.push().results}
    work.edit(OTHER.format(actives(work, 1)[0]))
    plan = work.plan()
    assert ([each.outcome for each in plan.skipped], [each.what for each in plan.actions]) == (
        ["unknown"],
        ["update person"],
    )
    report = work.push()
    assert [(action.what, result.outcome) for action, result in report.results] == [
        ("subscribe", "unknown"),
        ("update person", "done"),
    ]
    assert sandbox.journal.count(path=subscribe, method="POST") == 1
    sandbox.faults.clear()
    assert (work.push().exit_status, work.plan()) == (0, Plan())
    assert sandbox.journal.count(path=subscribe, method="POST") == 1
    assert_synced(work, world)


def lost_in(sandbox: Sandbox, place: str, parent: int) -> None:
    sandbox.faults.add(effects.lost_response(), path=f"/{place}s/{parent}/subscribe", method="POST", count=None)
    sandbox.faults.add(effects.status(503), path=f"/{place}s/{parent}/subscriptions", count=None, nth=2)
    sandbox.faults.add(effects.status(503), path="/subscribers/[0-9]+/tags", count=None)


# -- workspaces of an older cksync, whose journals keyed a membership by its id


def as_array(key: Sequence[object]) -> object:
    return list(key)


def as_text(key: Sequence[object]) -> object:
    """As 0.1.0 did."""
    return ", ".join(map(str, key))


FORMATS = some([as_array, as_text], [as_array])


def made_before(work: Work, written: Callable[[Sequence[object]], object], state: str | None = None) -> None:
    """Store keys of memberships as an older cksync did, and optionally another state of the actions of this push."""
    with work.open() as db:
        for id_, target, body, rows in db.execute("select id, target, body, rows from _cksync.actions").fetchall():
            settles, cells = json.loads(rows)
            old = [
                [table, written(_old_key(db, target, json.loads(body)) if table == "subscriptions" else key)]
                for table, key in settles
            ]
            db.execute("update _cksync.actions set rows = ? where id = ?", [json.dumps([old, cells]), id_])
        if state:
            db.execute("update _cksync.actions set state = ?, message = null where state = 'unknown'", [state])


def _old_key(db: duckdb.DuckDBPyConnection, target: str, args: dict[str, Any]) -> list[object]:
    kind, parent = (args["parent"], args["parent_id"]) if "parent" in args else ("tag", args["tag_id"])
    (id_,) = db.execute(
        "select max(id) from (from main.subscriptions union all from base.subscriptions)"
        " where subscribable_type = ? and subscribable_id = ? and subscriber_id = ?",
        [kind, parent, target],
    ).fetchone() or (None,)
    return [kind, parent, id_ or -77]


@pytest.mark.heavy
@pytest.mark.parametrize("written", FORMATS)
@pytest.mark.parametrize("state", some(["sent", "unknown"], ["unknown"]))
@pytest.mark.parametrize("place", some(["tag", "form"], ["form"]))
def test_membership_that_an_older_cksync_left_open_is_found(
    place: str, state: str, written: Callable[..., object], work: Work, sandbox: Sandbox, world: World
) -> None:
    parent = min(world.parents[place])  # type: ignore[index]
    new = outsider(work, place, parent)
    work.edit(JOIN.format(place, parent, new))
    lost_in(sandbox, place, parent)
    assert [result.outcome for _, result in work.push().results] == ["unknown"]
    made_before(work, written, state)
    sandbox.faults.clear()
    sandbox.journal.clear()
    assert (work.push().exit_status, sandbox.journal.writes()) == (0, [])
    assert (work.plan(), work.push().results) == (Plan(), ())
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("written", FORMATS)
def test_creation_that_an_older_cksync_left_open_is_found_with_its_memberships(
    written: Callable[..., object], work: Work, sandbox: Sandbox, world: World
) -> None:
    work.edit(*NEW)
    people = len(world.subscribers)
    form = max(world.parents["form"])
    sandbox.faults.add(effects.lost_response(), path=f"/forms/{form}/subscribe", method="POST", count=1)
    sandbox.faults.add(effects.status(503), path=f"/forms/{form}/subscriptions", count=None)
    assert "unknown" in {result.outcome for _, result in work.push().results}
    made_before(work, written, "sent")
    sandbox.faults.clear()
    work.push()
    assert work.push().exit_status == 0
    assert (len(world.subscribers), work.plan()) == (people + 1, Plan())
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("written", FORMATS)
def test_membership_that_an_older_cksync_saw_rejected_is_not_sent_again(
    written: Callable[..., object], work: Work, sandbox: Sandbox, world: World
) -> None:
    tag, who = member(work, "tag")
    new = outsider(work, "tag", tag)
    work.edit(JOIN.format("tag", tag, new), LEAVE.format("tag", tag, who))
    no = effects.status(422, json.dumps({"error": "Error", "message": "not today"}), "application/json")
    sandbox.faults.add(no, path="/(tags|subscribers)/.*", where=lambda asked: asked.method != "GET", count=None)
    assert [result.outcome for _, result in work.push().results] == ["rejected", "rejected"]
    sandbox.faults.clear()
    made_before(work, written)
    written_before = len(sandbox.journal.writes())
    assert [skipped.message for skipped in work.plan().skipped] == ["not today"] * 2
    assert (work.push().exit_status, len(sandbox.journal.writes())) == (3, written_before)
    assert work.push(retry_rejected=True).exit_status == 0
    assert work.plan() == Plan()
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("written", FORMATS)
def test_untagging_that_an_older_cksync_left_open_is_done_once(
    written: Callable[..., object], work: Work, sandbox: Sandbox, world: World
) -> None:
    tag, who = member(work, "tag")
    work.edit(LEAVE.format("tag", tag, who))
    sandbox.faults.add(effects.lost_response(), method="DELETE", count=None)
    sandbox.faults.add(effects.status(503), path="/subscribers/[0-9]+/tags", count=None)
    assert [result.outcome for _, result in work.push().results] == ["unknown"]
    made_before(work, written, "sent")
    sandbox.faults.clear()
    assert work.push().exit_status == 0
    assert work.plan() == Plan()
    assert_synced(work, world)


def doubled(work: Work, tag: int, who: int) -> None:
    """Add a second row of a membership, as a mirror that keyed them by id gave it to the workspace."""
    with work.open() as db:
        for schema in ("base", "main"):
            db.execute(
                f"insert into {schema}.subscriptions select * replace (id + 1 as id)"
                f" from {schema}.subscriptions where subscribable_type = 'tag' and subscribable_id = {tag}"
                f" and subscriber_id = {who}"
            )
            db.execute(JOIN.format("tag", tag, "null").replace("into ", f"into {schema}.", 1))


def test_membership_that_an_old_checkout_has_twice_is_no_obstacle(work: Work) -> None:
    tag, who = member(work, "tag")
    doubled(work, tag, who)
    assert work.plan() == Plan()
    refreshed(work)
    assert work.plan() == Plan()
    assert work.rows(f"select count(*) from subscriptions where subscribable_id = {tag} and subscriber_id = {who}") == [
        (1,)
    ]
    work.edit(LEAVE.format("tag", tag, who))
    assert planned(work.plan()) == [("untag", who, tag)]


def test_edit_of_a_membership_that_an_old_checkout_has_twice_waits_for_a_refresh(work: Work) -> None:
    tag, who = member(work, "tag")
    doubled(work, tag, who)
    work.edit(LEAVE.format("tag", tag, who))
    ((key, reason),) = problems(work.plan())
    assert (key, "run `cksync checkout --refresh`" in reason) == (("tag", tag, who), True)
    refreshed(work)
    assert problems(work.plan()) == []
