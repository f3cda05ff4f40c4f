"""The sandbox as a process of its own, and its control routes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kit_sandbox import World, edits
from tests.support.asking import Ask, Serving


def control(ask: Ask, method: str, path: str, body: Any = None, **params: str) -> Any:
    url = f"{ask.sandbox.control_url}/{path}"
    answer = ask.session.request(method, url, json=body, params=params, headers=ask.sandbox.control_headers, timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_journal_can_be_read_and_cleared(ask: Ask) -> None:
    ask.get("tags", page=3)
    journal = control(ask, "GET", "journal")
    assert (journal["total"], journal["violations"]) == (1, 0)
    assert (journal["by_status"], journal["by_path"]) == ({"200": 1}, {"/tags": 1})
    assert journal["requests"][0]["params"] == {"page": "3"}
    control(ask, "POST", "journal/clear")
    assert control(ask, "GET", "journal")["total"] == 0


def test_control_requests_are_outside_limit_and_journal(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=1)
    for _ in range(3):
        control(ask, "GET", "journal")
    assert ask.get("tags").status_code == 200
    assert len(ask.sandbox.journal) == 1


def test_faults_can_be_added_seen_and_cleared(ask: Ask) -> None:
    rule = {"effect": "status", "args": {"code": 502}, "path": "/tags", "nth": 2, "count": None}
    control(ask, "POST", "faults", rule)
    assert [ask.get("tags").status_code for _ in range(3)] == [200, 502, 502]
    (shown,) = control(ask, "GET", "faults")
    assert (shown["path"], shown["seen"], shown["fired"]) == ("/tags", 3, 2)
    control(ask, "DELETE", "faults")
    assert ask.get("tags").status_code == 200


def test_edits_can_be_made_and_tell_their_result(ask: Ask, world: World) -> None:
    args = {"email_address": "ana@example.com", "created_at": "2026-05-01T00:00:00+00:00"}
    person = control(ask, "POST", "edits", {"edit": "add_subscriber", "args": args})["result"]
    control(ask, "POST", "edits", {"edit": "cancel", "args": {"subscriber_id": person}})
    assert world.subscribers[person].state == "cancelled"
    assert ask.json(f"subscribers/{person}")["subscriber"]["created_at"] == "2026-05-01T00:00:00.000Z"


def test_an_edit_can_wait_for_a_request(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    edit = {"edit": "cancel", "args": {"subscriber_id": person}}
    control(ask, "POST", "faults", {"effect": "edit_before", "args": edit, "path": "/subscribers", "nth": 2})
    assert [ask.ids("subscribers") for _ in range(2)] == [[person], []]


def test_the_truth_can_be_read_by_table(ask: Ask, world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "a")
    subscription = edits.tag(world, person, tag)
    counts = control(ask, "GET", "truth")
    assert (counts["subscribers"], counts["subscriptions"], counts["tags"]) == (1, 1, 1)
    (row,) = control(ask, "GET", "truth", table="subscriptions")
    assert (row["kind"], row["subscribable_id"], row["id"]) == ("tag", tag, subscription)
    assert row["subscriber_id"] == person
    assert control(ask, "GET", "truth", table="subscribers")[0]["id"] == person
    assert control(ask, "GET", "truth", table="account")[0]["name"] == "Acme Corp."


def test_the_behaviour_can_be_read_and_changed(ask: Ask, world: World) -> None:
    made = [edits.add_purchase(world, "ana@example.com") for _ in range(2)]
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
def test_nonsense_is_400_with_a_reason(ask: Ask, path: str, body: Any) -> None:
    url, headers = f"{ask.sandbox.control_url}/{path}", ask.sandbox.control_headers
    answer = ask.session.post(url, json=body, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["message"]


def test_an_unknown_control_route_is_404(ask: Ask) -> None:
    url, headers = f"{ask.sandbox.control_url}/nothing", ask.sandbox.control_headers
    assert ask.session.get(url, headers=headers, timeout=5).status_code == 404


# -- access


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8333"}, 200),
        ({"Host": "[::1]:8333"}, 200),
        ({"X-Sandbox-Token": None}, 401),
        ({"X-Sandbox-Token": "guessed"}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8333"}, 403),
        ({"Host": "192.168.1.7:8333"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "truth"), ("POST", "edits")])
def test_control_is_this_machines_and_wants_the_token(
    ask: Ask, world: World, method: str, path: str, headers: dict[str, str | None], status: int
) -> None:
    given = {**ask.sandbox.control_headers, **headers}
    kept = {name: value for name, value in given.items() if value is not None}
    body = {"edit": "add_tag", "args": {"name": "a"}} if method == "POST" else None
    url = f"{ask.sandbox.control_url}/{path}"
    assert ask.session.request(method, url, json=body, headers=kept, timeout=5).status_code == status
    assert len(world.parents["tag"]) == (status == 200 and method == "POST")


def test_a_form_of_another_site_cannot_post(ask: Ask, world: World) -> None:
    body = '{"edit": "add_tag", "args": {"name": "a"}}'
    headers = {"Content-Type": "text/plain", "Origin": "https://evil.example", **ask.sandbox.control_headers}
    answer = ask.session.post(f"{ask.sandbox.control_url}/edits", data=body, headers=headers, timeout=5)
    assert (answer.status_code, len(world.parents["tag"])) == (403, 0)


def test_control_stays_on_loopback_where_others_are_served(serving: Serving, world: World) -> None:
    ask = serving(world, host="0.0.0.0")
    assert ask.sandbox.control_url.startswith("http://127.0.0.1:")
    assert control(ask, "GET", "journal")["total"] == 0


def test_a_host_that_is_not_loopback_is_warned_about() -> None:
    command = [sys.executable, "-m", "kit_sandbox", "--subscribers", "1", "--host", "0.0.0.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("warning: 0.0.0.0 is reachable from other machines")
        running.kill()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    options = ["--subscribers", "80", "--seed", "7", "--port", "0", "--rate-limit", "5"]
    command = [sys.executable, "-m", "kit_sandbox", *options, "--api-secret", "chosen-secret"]
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
    header, token = process.stdout.readline().removeprefix("control routes need the header ").strip().split(": ")
    assert requests.get(url.replace("/v3", "/_sandbox/journal"), headers={header: token}, timeout=5).ok
    answer = requests.get(f"{url}/account", params={"api_secret": "chosen-secret"}, timeout=5)
    assert answer.status_code == 200
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
