"""Rows that are gone from the account: an edit that needs one is a conflict of that row, and the rest is pushed."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cksync.folder import Folder
from cksync.pipeline.pull import pull
from cksync.write.plan import Plan
from cksync.write.refresh import refresh
from kit_sandbox import Sandbox, World, edits, effects, expected_mirror
from tests.conftest import Command, some
from tests.support.workspace import Work, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

ROOT = Path(__file__).parent.parent
JOIN = "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) values ('{}', {}, {})"
ALLOW = ("bulk", "unsubscribe", "delete-field", "delete-broadcast")


def chosen(work: Work, world: World) -> dict[str, int]:
    """Return a row of each kind; a person in none of the lists, another one in the tag, and one for the rest."""
    tag, form, sequence = (min(world.parents[kind]) for kind in ("tag", "form", "sequence"))
    listed = {
        who for key in (("tag", tag), ("form", form), ("sequence", sequence)) for who in world.rosters[key].members
    }
    active = [person.id for person in world.subscribers.values() if person.state == "active"]
    outside = [id_ for id_ in active if id_ not in listed]
    return {
        "person": outside[0],
        "other": outside[1],
        "tagged": next(id_ for id_ in active if id_ in world.rosters["tag", tag].members),
        "bounced": next(person.id for person in world.subscribers.values() if person.state == "bounced"),
        "tag": tag,
        "form": form,
        "sequence": sequence,
        "field": world.field_named("company").id,
        "draft": max(each.id for each in world.broadcasts.values() if each.status == "draft"),
    }


Edits = tuple[str, ...]
Deletion = Callable[[World, Mapping[str, int]], object]

# What is edited here, what is deleted there, and the resulting conflicts, with what is gone.
CONFLICTS: dict[str, tuple[Edits, Deletion, list[tuple[str, str]]]] = {
    "a person's values": (
        ("update subscribers set first_name = 'Zed', company = 'x' where id = {person}",),
        lambda world, ids: edits.delete_subscriber(world, ids["person"]),
        [("subscribers", "person")],
    ),
    "an unsubscription": (
        ("update subscribers set state = 'cancelled' where id = {person}",),
        lambda world, ids: edits.delete_subscriber(world, ids["person"]),
        [("subscribers", "person")],
    ),
    "a person whom no list shows": (
        ("update subscribers set company = 'x' where id = {bounced}",),
        lambda world, ids: edits.delete_subscriber(world, ids["bounced"]),
        [("subscribers", "bounced")],
    ),
    "a subscription to a tag": (
        (JOIN.format("tag", "{tag}", "{person}"),),
        lambda world, ids: edits.delete_tag(world, ids["tag"]),
        [("subscriptions", "tag")],
    ),
    "a subscription to a form": (
        (JOIN.format("form", "{form}", "{person}"),),
        lambda world, ids: edits.delete_form(world, ids["form"]),
        [("subscriptions", "form")],
    ),
    "a subscription to a sequence": (
        (JOIN.format("sequence", "{sequence}", "{person}"),),
        lambda world, ids: edits.delete_sequence(world, ids["sequence"]),
        [("subscriptions", "sequence")],
    ),
    "a new person": (
        (
            "insert into subscribers (email_address) values ('neo@example.com')",
            "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id)"
            " select 'tag', {tag}, id from subscribers where id < 0",
        ),
        lambda world, ids: edits.delete_tag(world, ids["tag"]),
        [("subscribers", "tag"), ("subscriptions", "tag")],
    ),
    "a value of a custom field": (
        ("update subscribers set first_name = 'Zed', company = 'x' where id = {person}",),
        lambda world, ids: edits.delete_custom_field(world, ids["field"]),
        [("subscribers", "field")],
    ),
    "a renamed custom field": (
        ("update custom_fields set label = 'Employer' where id = {field}",),
        lambda world, ids: edits.delete_custom_field(world, ids["field"]),
        [("custom_fields", "field")],
    ),
    "a draft": (
        ("update broadcasts set subject = 'x' where id = {draft}",),
        lambda world, ids: edits.delete_broadcast(world, ids["draft"]),
        [("broadcasts", "draft")],
    ),
}
FEW = ("a person's values",)
REST = ("update subscribers set last_name = 'pushed' where id = {other}", "insert into tags (name) values ('pushed')")


def went_on(world: World, ids: Mapping[str, int]) -> bool:
    """Return True if the edits unrelated to what is gone are in the account."""
    values = expected_mirror(world).subscribers[ids["other"]]["fields"]
    return values["last_name"] == "pushed" and "pushed" in {tag.name for tag in world.parents["tag"].values()}


@pytest.mark.parametrize("when", some(["before", "between"], ["between"]))
@pytest.mark.parametrize("name", some([*CONFLICTS], FEW))
def test_edit_that_needs_what_is_gone_is_a_conflict_and_the_rest_is_pushed(
    name: str, when: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """Gone before the push, or between its plan and the write."""
    edits, delete, wanted = CONFLICTS[name]
    ids = chosen(work, world)
    work.edit(*(statement.format(**ids) for statement in (*edits, *REST)))
    if when == "before":
        delete(world, ids)
    else:
        gone = effects.edit_before(lambda: delete(world, ids))
        sandbox.faults.add(gone, where=lambda asked: asked.method != "GET", nth=1)
    report = work.push(allow=ALLOW)
    assert (report.exit_status, went_on(world, ids)) == (3, True)
    assert {result.outcome for _, result in report.results} <= {"done", "conflict"}
    plan = work.plan(ALLOW)
    found = [(each.table, each.gone.key if each.gone else ()) for each in plan.conflicts]
    assert (found, plan.problems, plan.skipped) == ([(table, (ids[gone],)) for table, gone in wanted], (), ())
    sandbox.journal.clear()
    again = work.push(allow=ALLOW)
    assert (again.exit_status, len(again.plan.conflicts)) == (3, len(wanted))
    assert work.plan(ALLOW).actions == ()
    assert_synced(work, world)


# Deleted here, and gone there.
AGREED: dict[str, tuple[Edits, Deletion]] = {
    "a tag of somebody": (
        ("delete from subscriptions where subscribable_type = 'tag' and subscribable_id = {tag}",),
        lambda world, ids: edits.delete_tag(world, ids["tag"]),
    ),
    "a person's tag": (
        ("delete from subscriptions where subscribable_type = 'tag' and subscriber_id = {tagged}",),
        lambda world, ids: edits.delete_subscriber(world, ids["tagged"]),
    ),
    "a person": (
        ("delete from subscribers where id = {person}",),
        lambda world, ids: edits.delete_subscriber(world, ids["person"]),
    ),
    "everything of a form": (
        (
            "delete from subscriptions where subscribable_type = 'form' and subscribable_id = {form}",
            "delete from forms where id = {form}",
        ),
        lambda world, ids: edits.delete_form(world, ids["form"]),
    ),
    "a tag": (("delete from tags where id = {tag}",), lambda world, ids: edits.delete_tag(world, ids["tag"])),
    "a field": (
        ("delete from custom_fields where id = {field}",),
        lambda world, ids: edits.delete_custom_field(world, ids["field"]),
    ),
    "a cleared value of a field": (
        ("update subscribers set company = null",),
        lambda world, ids: edits.delete_custom_field(world, ids["field"]),
    ),
    "a draft": (
        ("delete from broadcasts where id = {draft}",),
        lambda world, ids: edits.delete_broadcast(world, ids["draft"]),
    ),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*AGREED], ("everything of a form",)))
def test_deletion_of_what_is_gone_is_nothing_to_do(name: str, work: Work, sandbox: Sandbox, world: World) -> None:
    edits, delete = AGREED[name]
    ids = chosen(work, world)
    work.edit(*(statement.format(**ids) for statement in edits))
    delete(world, ids)
    list(pull(work.config, environ={}))
    report = work.push(allow=ALLOW)
    assert (report.exit_status, sandbox.journal.writes()) == (0, [])
    assert work.plan(ALLOW) == Plan()


@pytest.mark.heavy
def test_row_that_is_gone_is_given_up_by_deleting_it_here(work: Work, sandbox: Sandbox, world: World) -> None:
    ids = chosen(work, world)
    work.edit(
        f"update subscribers set company = 'x' where id = {ids['person']}",
        f"update broadcasts set subject = 'x' where id = {ids['draft']}",
    )
    edits.delete_subscriber(world, ids["person"])
    edits.delete_broadcast(world, ids["draft"])
    assert len(work.push().plan.conflicts) == 2
    work.edit(
        f"delete from subscribers where id = {ids['person']}", f"delete from broadcasts where id = {ids['draft']}"
    )
    assert (work.push().exit_status, work.plan(), sandbox.journal.writes()) == (0, Plan(), [])


@pytest.mark.heavy
def test_new_person_is_made_by_a_subscription_whose_list_is_there(work: Work, sandbox: Sandbox, world: World) -> None:
    ids = chosen(work, world)
    joins = (JOIN.format(kind, ids[kind], "(select id from subscribers where id < 0)") for kind in ("tag", "form"))
    work.edit("insert into subscribers (email_address, first_name) values ('neo@example.com', 'Neo')", *joins)
    edits.delete_tag(world, ids["tag"])
    report = work.push()
    assert [(a.what, r.outcome) for a, r in report.results] == [("create person", "done")]
    assert [(each.table, each.gone) for each in report.plan.conflicts if each.gone is None] == []
    (neo,) = (person for person in world.subscribers.values() if person.email_address == "neo@example.com")
    assert neo.id in world.rosters["form", ids["form"]].members
    assert_synced(work, world)


@pytest.mark.heavy
def test_tag_that_is_gone_is_asked_for_once_however_many_need_it(work: Work, sandbox: Sandbox, world: World) -> None:
    ids = chosen(work, world)
    members = world.rosters["tag", ids["tag"]].members
    people = [id_ for id_, person in world.subscribers.items() if person.state == "active" and id_ not in members]
    work.edit(*(JOIN.format("tag", ids["tag"], id_) for id_ in people[:25]))
    gone = effects.edit_before(lambda: edits.delete_tag(world, ids["tag"]))
    sandbox.faults.add(gone, where=lambda asked: asked.method != "GET", nth=1)
    report = work.push(allow=ALLOW)
    assert {result.outcome for _, result in report.results} == {"conflict"}
    assert (report.exit_status, len(report.results)) == (3, 25)
    assert len(sandbox.journal.writes()) <= work.config.api.concurrency


@pytest.mark.heavy
def test_page_that_is_not_the_api_s_proves_nothing_to_be_gone(work: Work, sandbox: Sandbox, world: World) -> None:
    ids = chosen(work, world)
    work.edit(f"update subscribers set company = 'x' where id = {ids['person']}")
    sandbox.faults.add(
        effects.status(404, "<html>not here</html>"), path="/subscribers/[0-9]+", method="PUT", count=None
    )
    report = work.push()
    assert [result.outcome for _, result in report.results] == ["unknown"]
    assert work.plan().conflicts == ()
    sandbox.faults.clear()
    assert work.push().exit_status == 0
    assert_synced(work, world)


@pytest.mark.heavy
def test_conflict_with_what_is_gone_survives_a_refresh(work: Work, world: World) -> None:
    ids = chosen(work, world)
    work.edit(
        f"update subscribers set company = 'x', last_name = 'y' where id = {ids['person']}",
        f"update subscribers set company = 'z' where id = {ids['other']}",
        f"update broadcasts set subject = 'x' where id = {ids['draft']}",
        JOIN.format("tag", ids["tag"], ids["other"]),
        JOIN.format("form", ids["form"], ids["person"]),
    )
    edits.delete_subscriber(world, ids["person"])
    edits.delete_broadcast(world, ids["draft"])
    edits.delete_tag(world, ids["tag"])
    edits.delete_custom_field(world, ids["field"])
    list(pull(work.config, environ={}))
    before = work.plan()
    refresh(Folder(work.config.data_dir), work.path)
    assert (before.problems, len(before.conflicts)) == ((), 5)
    assert sorted(map(repr, work.plan().conflicts)) == sorted(map(repr, before.conflicts))


@pytest.mark.heavy
def test_edit_of_a_column_whose_field_was_renamed_survives_a_refresh(work: Work, world: World) -> None:
    ids = chosen(work, world)
    work.edit(f"update subscribers set company = 'x' where id = {ids['person']}")
    edits.rename_custom_field(world, ids["field"], "Employer")
    list(pull(work.config, environ={}))
    refresh(Folder(work.config.data_dir), work.path)
    assert work.rows(f"select employer from subscribers where id = {ids['person']}") == [("x",)]
    assert work.push().exit_status == 0
    assert_synced(work, world)


@pytest.mark.heavy
def test_conflict_with_what_is_gone_says_what_it_was(work: Work, cksync: Command, world: World) -> None:
    ids = chosen(work, world)
    address, label = world.subscribers[ids["person"]].email_address, world.custom_fields[ids["field"]].label
    work.edit(
        f"update subscribers set first_name = 'Zed' where id = {ids['person']}",
        f"update subscribers set company = 'x' where id = {ids['other']}",
    )
    edits.delete_subscriber(world, ids["person"])
    edits.delete_custom_field(world, ids["field"])
    cksync("pull")
    shown = cksync("diff", "work.duckdb", ok=False)
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (3, "conflicts (not pushed): 2")
    assert (
        f"  subscribers {ids['person']}: no longer in the account (was {address!r}): first_name 'Zed'" in shown.stdout
    )
    assert (
        f"  subscribers {ids['other']}: custom field {ids['field']} is no longer in the account (was {label!r}):"
        " company 'x'"
    ) in shown.stdout
    plan = json.loads(cksync("diff", "work.duckdb", "--format", "json", ok=False).stdout)
    person = next(each for each in plan["conflicts"] if each["key"] == str(ids["person"]))
    assert person["gone"] == {"table": "subscribers", "key": str(ids["person"]), "was": address}
    assert [(cell["column"], cell["mine"]) for cell in person["cells"]] == [("first_name", "Zed")]
    assert (person["table"], person["column"], person["theirs"]) == ("subscribers", None, None)
    for form in ("table", "json"):
        hidden = cksync("diff", "work.duckdb", "--redact", "--format", form, ok=False).stdout
        assert str(ids["person"]) in hidden
        assert re.search("zed|@", hidden, re.IGNORECASE) is None


@pytest.mark.heavy
def test_keys_of_both_kinds_of_conflict_are_in_the_documentation(work: Work, cksync: Command, world: World) -> None:
    ids = chosen(work, world)
    work.edit(f"update subscribers set first_name = 'Zed' where id in ({ids['person']}, {ids['other']})")
    edits.delete_subscriber(world, ids["person"])
    edits.set_first_name(world, ids["other"], "Zoe")
    cksync("pull")
    conflicts: list[dict[str, Any]] = json.loads(cksync("diff", "work.duckdb", "--format", "json", ok=False).stdout)[
        "conflicts"
    ]
    told = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "push.md").read_text(), re.MULTILINE))
    assert len(conflicts) == 2
    assert conflicts[0].keys() == conflicts[1].keys()
    assert {*conflicts[0], *(next(each["gone"] for each in conflicts if each["gone"]))} <= told
