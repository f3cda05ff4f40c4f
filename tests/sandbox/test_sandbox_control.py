"""The sandbox as a process of its own, and the routes by which a test steers it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

from cksync.sandbox import World

if TYPE_CHECKING:
    from tests.sandbox.conftest import Ask, Serving


def control(ask: "Ask", method: str, path: str, body: Any = None, **params: str) -> Any:
    url = f"{ask.sandbox.control_url}/{path}"
    answer = ask.session.request(method, url, json=body, params=params, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_journal_can_be_read_and_cleared(ask: "Ask") -> None:
    ask.get("tags", page=3)
    journal = control(ask, "GET", "journal")
    assert (journal["total"], journal["violations"]) == (1, 0)
    assert (journal["by_status"], journal["by_path"]) == ({"200": 1}, {"/tags": 1})
    assert journal["requests"][0]["params"] == {"page": "3"}
    control(ask, "POST", "journal/clear")
    assert control(ask, "GET", "journal")["total"] == 0


def test_control_requests_are_outside_limit_and_journal(serving: "Serving", world: World) -> None:
    ask = serving(world, rate_limit=1)
    for _ in range(3):
        control(ask, "GET", "journal")
    assert ask.get("tags").status_code == 200
    assert len(ask.sandbox.journal) == 1


def test_faults_can_be_added_seen_and_cleared(ask: "Ask") -> None:
    rule = {"effect": "status", "args": {"code": 502}, "path": "/tags", "nth": 2, "count": None}
    control(ask, "POST", "faults", rule)
    assert [ask.get("tags").status_code for _ in range(3)] == [200, 502, 502]
    (shown,) = control(ask, "GET", "faults")
    assert (shown["path"], shown["seen"], shown["fired"]) == ("/tags", 3, 2)
    control(ask, "DELETE", "faults")
    assert ask.get("tags").status_code == 200


def test_edits_can_be_made_and_tell_their_result(ask: "Ask", world: World) -> None:
    args = {"email_address": "ana@example.com", "created_at": "2026-05-01T00:00:00+00:00"}
    person = control(ask, "POST", "edits", {"edit": "add_subscriber", "args": args})["result"]
    control(ask, "POST", "edits", {"edit": "cancel", "args": {"subscriber_id": person}})
    assert world.subscribers[person].state == "cancelled"
    assert ask.json(f"subscribers/{person}")["subscriber"]["created_at"] == "2026-05-01T00:00:00.000Z"


def test_an_edit_can_wait_for_a_request(ask: "Ask", world: World) -> None:
    person = world.add_subscriber("ana@example.com")
    edit = {"edit": "cancel", "args": {"subscriber_id": person}}
    control(ask, "POST", "faults", {"effect": "edit_before", "args": edit, "path": "/subscribers", "nth": 2})
    assert [ask.ids("subscribers") for _ in range(2)] == [[person], []]


def test_the_truth_can_be_read_by_table(ask: "Ask", world: World) -> None:
    person, tag = world.add_subscriber("ana@example.com"), world.add_tag("a")
    subscription = world.tag(person, tag)
    counts = control(ask, "GET", "truth")
    assert (counts["subscribers"], counts["subscriptions"], counts["tags"]) == (1, 1, 1)
    (row,) = control(ask, "GET", "truth", table="subscriptions")
    assert (row["kind"], row["subscribable_id"], row["id"]) == ("tag", tag, subscription)
    assert row["subscriber_id"] == person
    assert control(ask, "GET", "truth", table="subscribers")[0]["id"] == person
    assert control(ask, "GET", "truth", table="account")[0]["name"] == "Acme Corp."


def test_the_behaviour_can_be_read_and_changed(ask: "Ask", world: World) -> None:
    made = [world.add_purchase("ana@example.com") for _ in range(2)]
    assert control(ask, "GET", "behaviour")["purchases_order"] == "oldest"
    control(ask, "POST", "behaviour", {"purchases_order": "newest", "cancelled_leave": ["form"]})
    assert ask.ids("purchases") == made[::-1]
    assert world.behaviour.cancelled_leave == ("form",)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("edits", {"edit": "explode"}),
        ("edits", {"edit": "cancel", "args": {"subscriber_id": 1}}),
        ("edits", {"edit": "cancel", "args": {"person": 1}}),
        ("faults", {"effect": "explode"}),
        ("faults", {"effect": "status", "args": {"number": 1}}),
        ("behaviour", {"gravity": 1}),
    ],
)
def test_nonsense_is_400_with_a_reason(ask: "Ask", path: str, body: Any) -> None:
    answer = ask.session.post(f"{ask.sandbox.control_url}/{path}", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_unknown_control_route_is_404(ask: "Ask") -> None:
    assert ask.session.get(f"{ask.sandbox.control_url}/nothing", timeout=5).status_code == 404


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    options = ["--subscribers", "80", "--seed", "7", "--port", "0", "--rate-limit", "5"]
    command = [sys.executable, "-m", "cksync.sandbox", *options, "--api-secret", "chosen-secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_program_says_where_it_listens_and_quits_cleanly(
    process: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox listening on http://127.0.0.1:")
    url = line.split()[-1]
    answer = requests.get(f"{url}/account", params={"api_secret": "chosen-secret"}, timeout=5)
    assert answer.status_code == 200
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
