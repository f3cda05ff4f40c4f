"""Only the API's own response to a write counts. Everything else is an unknown outcome, and looked up."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cksync.api.responses import Expected, strangeness
from cksync.api.v3.writes import CALLS
from cksync.write.alike import is_accepted, is_alike
from kit_sandbox import Sandbox, World, effects
from tests.conftest import some
from tests.support.workspace import EVERYTHING, Work, actives, assert_synced, first, work, world

__all__ = ["first", "work", "world"]  # fixtures

ALLOW = ("bulk", "unsubscribe", "delete-field", "delete-broadcast", "repeat-unknown")
HTML = "<!DOCTYPE html><html>Log in to the network</html>"
JSON = "application/json; charset=utf-8"

# An edit, and the path and method of its write.
WRITES: dict[str, tuple[str, str, str]] = {
    "untag": (
        "delete from subscriptions where subscribable_type = 'tag' and id = (select min(id) from subscriptions"
        " where subscribable_type = 'tag')",
        "/subscribers/[0-9]+/tags/[0-9]+",
        "DELETE",
    ),
    "delete broadcast": ("delete from broadcasts where id = {draft}", "/broadcasts/[0-9]+", "DELETE"),
    "delete field": ("delete from custom_fields where key = 'company'", "/custom_fields/[0-9]+", "DELETE"),
    "rename field": (
        "update custom_fields set label = 'Employer' where key = 'company'",
        "/custom_fields/[0-9]+",
        "PUT",
    ),
    "update person": (
        "update subscribers set first_name = 'Zed' where id = {person}",
        "/subscribers/[0-9]+",
        "PUT",
    ),
    "update broadcast": ("update broadcasts set subject = 'x' where id = {draft}", "/broadcasts/[0-9]+", "PUT"),
    "unsubscribe": ("update subscribers set state = 'cancelled' where id = {person}", "/unsubscribe", "PUT"),
    "subscribe": (
        "insert into subscriptions (subscribable_type, subscribable_id, subscriber_id) select 'tag', {tag}, {person}",
        "/tags/[0-9]+/subscribe",
        "POST",
    ),
    "create tag": ("insert into tags (name) values ('new')", "/tags", "POST"),
    "create field": ("insert into custom_fields (label) values ('Shoe size')", "/custom_fields", "POST"),
    "create broadcast": ("insert into broadcasts (subject) values ('new')", "/broadcasts", "POST"),
}
SOMEBODY = {
    "html": effects.html(),
    "html 404": effects.status(404, HTML),
    "html as json": effects.status(200, HTML, JSON),
    "empty 204": effects.status(204, "", None),
    "unexpected structure": effects.status(200, '{"ok": true}', JSON),
    "another record": effects.status(200, json.dumps({"id": 1, "name": "x", "subject": "x", "state": "x"}), JSON),
}
# Where the documentation specifies an empty 204, its origin is unknown.
SILENT = ("delete broadcast", "delete field", "rename field")


def edit_of(name: str, work: Work, world: World) -> str:
    (person,) = actives(work, 1)
    draft = max(each.id for each in world.broadcasts.values() if each.status == "draft")
    tag = next(tag for tag in sorted(world.parents["tag"]) if person not in world.rosters["tag", tag].members)
    return WRITES[name][0].format(person=person, draft=draft, tag=tag)


@pytest.mark.parametrize("somebody", some([*SOMEBODY], ["html"]))
@pytest.mark.parametrize("name", some([*WRITES], ["untag"]))
def test_answer_from_elsewhere_is_not_trusted(
    name: str, somebody: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    """However often it answers; the mirror and the base stay, and the next push makes the change once."""
    if somebody == "empty 204" and name in SILENT:
        pytest.skip("the API answers so")
    _, path, method = WRITES[name]
    work.edit(edit_of(name, work, world))
    sandbox.faults.add(SOMEBODY[somebody], path=path, method=method, count=None)
    report = work.push(allow=ALLOW[:-1])
    assert (report.exit_status, [r.outcome for _, r in report.results]) == (3, ["unknown"])
    assert_synced(work, world)
    sandbox.faults.clear()
    sandbox.journal.clear()
    again = work.push(allow=ALLOW)
    assert (again.exit_status, [r.outcome for _, r in again.results]) == (0, ["done"])
    assert len(sandbox.journal.writes()) == 1
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("name", some([*WRITES], ["delete field"]))
def test_write_that_was_done_behind_a_page_of_somebody_else_is_found(
    name: str, work: Work, sandbox: Sandbox, world: World
) -> None:
    def hidden(asked: Any, handle: Callable[[Any], Any]) -> Any:
        handle(asked)
        return effects.html()(asked, handle)

    _, path, method = WRITES[name]
    work.edit(edit_of(name, work, world))
    sandbox.faults.add(hidden, path=path, method=method, count=None)
    report = work.push(allow=ALLOW[:-1])
    assert (report.exit_status, [r.outcome for _, r in report.results]) == (0, ["done"])
    assert work.plan(ALLOW).actions == ()
    assert_synced(work, world)


@pytest.mark.heavy
def test_write_answered_from_elsewhere_holds_up_no_other_edit(work: Work, sandbox: Sandbox, world: World) -> None:
    one, other = actives(work, 2)
    work.edit(f"update subscribers set first_name = 'Zed' where id in ({one}, {other})")
    sandbox.faults.add(effects.html(), path=f"/subscribers/{one}", method="PUT", count=None)
    report = work.push()
    assert {action.target: result.outcome for action, result in report.results} == {
        str(one): "unknown",
        str(other): "done",
    }
    assert world.subscribers[other].first_name == "Zed"


# -- every write


def expected(call: Any) -> Expected:
    found: Expected = call.expected
    return found


CALLED = {
    "subscribe": CALLS.subscribe("sequence", 7, "a@example.com"),
    "untag": CALLS.untag(5, 7),
    "untag_address": CALLS.untag_address(7, "a@example.com"),
    "update_subscriber": CALLS.update_subscriber(5, first_name="A"),
    "unsubscribe": CALLS.unsubscribe("a@example.com"),
    "create_tag": CALLS.create_tag("A"),
    "create_custom_field": CALLS.create_custom_field("A"),
    "rename_custom_field": CALLS.rename_custom_field(7, "A"),
    "delete_custom_field": CALLS.delete_custom_field(7),
    "create_broadcast": CALLS.create_broadcast(subject="A"),
    "update_broadcast": CALLS.update_broadcast(7, subject="A"),
    "delete_broadcast": CALLS.delete_broadcast(7),
    "create_purchase": CALLS.create_purchase({"transaction_id": "T"}),
    "create_hook": CALLS.create_hook("https://example.com", {"name": "x"}),
    "delete_hook": CALLS.delete_hook(7),
}
PERSON = {"id": 5, "email_address": "a@example.com", "state": "active"}
JOINED = {"id": 1, "subscribable_id": 7, "subscribable_type": "course", "subscriber": PERSON}
GIVEN: dict[str, Any] = {
    "subscribe": {"subscription": JOINED},
    "untag": {"id": 7, "name": "A"},
    "untag_address": {"id": 7, "name": "A"},
    "update_subscriber": {"subscriber": PERSON},
    "unsubscribe": {"subscriber": PERSON},
    "create_tag": [{"id": 1, "name": "A"}],
    "create_custom_field": {"id": 1, "name": "ck", "key": "a", "label": "A"},
    "create_broadcast": {"broadcast": {"id": 1, "subject": "A", "content": None}},
    "update_broadcast": {"broadcast": {"id": 7, "subject": "A", "content": None}},
    "create_purchase": {"id": 1, "transaction_id": "T"},
    "create_hook": {"rule": {"id": 1, "event": {}}},
    "delete_hook": {"success": True},
}


def test_every_write_says_what_answers_it() -> None:
    written = {name for name in vars(type(CALLS)) if not name.startswith("_")}
    assert written == set(CALLED)
    assert {name for name in CALLED if CALLED[name].expected.is_empty} == set(CALLED) - set(GIVEN)


@pytest.mark.parametrize("name", CALLED)
def test_answer_to_a_write_counts_by_its_type_its_shape_and_its_id(name: str) -> None:
    wanted = expected(CALLED[name])
    assert strangeness(200, HTML.encode(), "text/html", wanted)
    assert strangeness(200, b"", "", wanted)
    assert strangeness(404, HTML.encode(), "text/html", wanted)
    assert strangeness(404, b'{"detail": "no route"}', JSON, wanted)
    assert strangeness(404, b'{"error": "Not Found", "message": ""}', JSON, wanted) == ""
    assert strangeness(200, b'{"ok": true}', JSON, wanted)
    assert bool(strangeness(204, b"", "", wanted)) == (name in GIVEN)
    if name in GIVEN:
        body = json.dumps(GIVEN[name]).encode()
        assert strangeness(200, body, JSON, wanted) == ""
        assert strangeness(200, body, "text/html", wanted)
        for key in wanted.same:
            other = json.dumps(GIVEN[name]).replace(f'"{key}": ', f'"{key}": 99, "was": ').encode()
            assert strangeness(200, other, JSON, wanted) == f"it concerns a different {key}"


# -- what the API accepted


@pytest.mark.parametrize(
    ("column", "sent", "found", "is_one"),
    [
        ("company", "The Foundation of Arts, Berlin", "The Foundation of Arts, Paris", False),
        ("company", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000Z", False),
        ("subject", "2024-01-01T00:00:00 news", "2024-01-01T00:00:00 olds", False),
        ("send_at", "2031-02-03T04:05:06Z", "2031-02-03T04:05:06.000Z", True),
        ("send_at", "2031-02-03T04:05:06Z", "2031-02-03T05:05:06.000+01:00", True),
        ("send_at", "2031-02-03T04:05:06Z", "2031-02-03T04:06:06Z", False),
        ("send_at", None, "2031-02-03T04:05:06Z", False),
        ("send_at", None, None, True),
        ("public", True, True, True),
        ("public", False, True, False),
        ("company", "", None, True),
        ("content", "<p>a<br>b</p>", "<p>a<br />b</p>", True),
        ("subject", "a  b ", "a b", True),
        ("subject", "A &amp; B", "A & B", True),
        ("subject", "a b", "ab", False),
    ],
)
def test_times_are_compared_as_times_and_texts_as_texts(column: str, sent: object, found: object, is_one: bool) -> None:
    assert is_accepted(column, sent, found) == is_one


@pytest.mark.parametrize(
    ("sent", "found", "is_one"),
    [
        ("Hello<br>you", "Hello you", True),
        ("Hello  <b>you</b>", "Hello <strong>you</strong>", True),
        ("<p>a</p>", "<div><p>a</p>\n</div>", True),
        ("Hello", "Hello there", False),
    ],
)
def test_texts_that_show_the_same_are_alike(sent: str, found: str, is_one: bool) -> None:
    assert is_alike(sent, found) == is_one


@pytest.mark.heavy
def test_value_that_the_api_passes_over_is_reported(work: Work, sandbox: Sandbox, world: World) -> None:
    (person,) = actives(work, 1)
    set_company = f"update subscribers set company = 'The Foundation of Arts, {{}}' where id = {person}"
    work.edit(set_company.format("Paris"))
    assert work.push().exit_status == 0
    work.edit(set_company.format("Berlin"), f"update subscribers set first_name = 'Zed' where id = {person}")
    sandbox.faults.add(_passing_over("company"), path=f"/subscribers/{person}", method="PUT")
    report = work.push()
    assert [(r.outcome, r.message) for _, r in report.results] == [
        ("rejected", "the API accepted the rest, but not fields.company")
    ]
    assert_synced(work, world)


def _passing_over(key: str) -> Callable[[Any, Callable[[Any], Any]], Any]:
    def handled(asked: Any, handle: Callable[[Any], Any]) -> Any:
        fields = {name: value for name, value in asked.given["fields"].items() if name != key}
        return handle(replace(asked, given={**asked.given, "fields": fields}))

    return handled


@pytest.mark.heavy
def test_everything_behind_pages_of_somebody_else_now_and_then_is_done_once(
    work: Work, sandbox: Sandbox, world: World
) -> None:
    work.edit(*EVERYTHING)
    people, drafts = len(world.subscribers), len(world.broadcasts)
    sandbox.faults.add(effects.html(), where=lambda asked: asked.method != "GET", every=3, count=None)
    work.push(allow=ALLOW)
    sandbox.faults.clear()
    for _ in range(2):
        work.push(allow=ALLOW, retry_rejected=True)
    assert work.push().exit_status == 0
    assert (len(world.subscribers) - people, len(world.broadcasts) - drafts) == (1, 1)
    assert_synced(work, world)


@pytest.mark.heavy
@pytest.mark.parametrize("status", some([401, 403, 410], [403]))
def test_refusal_by_somebody_else_is_no_refusal_of_the_api(
    status: int, work: Work, sandbox: Sandbox, world: World
) -> None:
    """A firewall that blocks one text neither rejects a credential nor switches the API off."""
    (who,) = actives(work, 1)
    work.edit(
        "insert into broadcasts (subject, content) values ('Hello', '<script>x</script>')",
        f"update subscribers set first_name = 'Zed' where id = {who}",
    )
    sandbox.faults.add(effects.status(status, HTML), path="/broadcasts", method="POST", count=None)
    report = work.push()
    assert {action.what: result.outcome for action, result in report.results} == {
        "create broadcast": "unknown",
        "update person": "done",
    }
    assert (report.exit_status, sandbox.journal.count(path="/broadcasts", method="POST")) == (3, 1)
