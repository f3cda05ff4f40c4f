"""The generated account through v4: what is walked is what `expected_v4` says, and v3 shows what it always did."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kit_sandbox import Behaviour, Clock, World, edits, effects, expected_mirror, expected_v4, generate, switched
from kit_sandbox.seed.content import make_content
from kit_sandbox.seed.people import Span
from tests.support.asking import Ask, Serving
from tests.support.asking_v4 import AskV4, refused, send


@pytest.fixture
def account(clock: Clock) -> World:
    return generate(600, seed=7, now=clock)


@pytest.fixture
def kit(serving: Serving, account: World) -> AskV4:
    ask = serving(account)
    return AskV4(ask, ask.sandbox.oauth.grant()["access_token"])


@pytest.fixture
def plain(ask: Ask) -> AskV4:
    return AskV4(ask)


def by_id(rows: list[Any]) -> dict[int, Any]:
    found = {row["id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_the_lists_hold_what_a_mirror_must_equal(kit: AskV4, account: World) -> None:
    truth = expected_v4(account)
    told = kit.json("account")["account"]
    assert {**told, "timezone": told["timezone"]["name"]} == truth.account
    for table in ("custom_fields", "tags", "segments", "email_templates", "webhooks", "purchases"):
        assert by_id(kit.walk(table, per_page=7)) == json.loads(
            json.dumps(getattr(truth, table), default=float), object_hook=_ids
        )
    forms = kit.walk("forms") + kit.walk("forms", status="archived")
    assert by_id(forms) == truth.forms
    sequences = [without(row, "email_count", "subscriber_count") for row in kit.walk("sequences")]
    assert by_id(sequences) == truth.sequences
    assert by_id(kit.walk("posts", include_content="true")) == truth.posts
    snippets = [kit.walk("snippets", include_content="true", archived=each) for each in ("false", "true")]
    assert by_id([without(row, "document") for part in snippets for row in part]) == truth.snippets


def _ids(value: dict[str, Any]) -> dict[Any, Any]:
    """Keys of JSON that are ids as numbers again."""
    return {int(key) if key.isdecimal() else key: inner for key, inner in value.items()}


def test_people_hold_what_a_mirror_must_equal(kit: AskV4, account: World) -> None:
    truth = expected_v4(account)
    rows = by_id(kit.walk("subscribers", status="all", include="attribution,location", per_page=50))
    assert rows.keys() == truth.subscribers.keys()
    cancelled = by_id(kit.walk("subscribers", status="cancelled", include="canceled_at"))
    for person, row in rows.items():
        expected = truth.subscribers[person]
        for name in ("id", "first_name", "email_address", "state", "created_at"):
            assert row[name] == expected[name]
        for prefix in ("attribution", "location"):
            told = row[prefix] or {}
            mine = {name: value for name, value in expected.items() if name.startswith(prefix)}
            assert mine == {name: told.get(name.removeprefix(f"{prefix}_")) for name in mine}
        assert expected["canceled_at"] == cancelled.get(person, {}).get("canceled_at")
    assert any(row["canceled_at"] for row in truth.subscribers.values())


def test_memberships_hold_what_a_mirror_must_equal(kit: AskV4, account: World) -> None:
    truth, found = expected_v4(account), set()
    for plural, kind in (("tags", "tag"), ("forms", "form"), ("sequences", "sequence")):
        for parent in account.parents[kind]:  # type: ignore[index]  # kinds, seen by mypy as plain text
            for row in kit.walk(f"{plural}/{parent}/subscribers", status="all", per_page=40):
                key, at = (kind, parent, row["id"]), row.get("tagged_at", row.get("added_at"))
                assert truth.subscriptions[key]["created_at"] == at
                assert truth.subscriptions[key]["referrer"] == row.get("referrer")
                assert key not in found
                found.add(key)
    assert found == truth.subscriptions.keys()


def test_mails_hold_what_a_mirror_must_equal(kit: AskV4, account: World) -> None:
    truth = expected_v4(account)
    assert by_id(kit.walk("broadcasts", per_page=9)).keys() == truth.broadcasts.keys()
    stats = {row["id"]: row["stats"] for row in kit.walk("broadcasts/stats", per_page=9)}
    assert {key: {"broadcast_id": key, **row} for key, row in stats.items()} == truth.broadcast_stats
    assert len(stats) < len(truth.broadcasts)
    for broadcast in stats:
        assert kit.json(f"broadcasts/{broadcast}/stats")["broadcast"]["stats"] == stats[broadcast]
        for link in kit.walk_links(broadcast):
            assert truth.broadcast_links[broadcast, link["id"]] == {"broadcast_id": broadcast, **link}
    mails: dict[int, Any] = {}
    for sequence in account.parents["sequence"]:
        mails |= by_id(kit.walk(f"sequences/{sequence}/emails", include_content="true", include="stats"))
    assert {key: without(row, "stats") for key, row in mails.items()} == truth.sequence_emails
    assert {key: row["stats"] for key, row in mails.items()} == {
        key: without(dict(row), "email_id", "sequence_id") for key, row in truth.sequence_email_stats.items()
    }


def test_engagement_of_everybody_is_what_a_mirror_must_equal(kit: AskV4, account: World) -> None:
    truth = expected_v4(account)
    active = {"type": "subscriber_state", "states": ["active"]}
    body: dict[str, Any] = {"all": [active], "include": [{"type": "stats"}], "sort_field": "id", "per_page": 1000}
    rows = {row["id"]: row["stats"] for row in kit.filter(**body)["subscribers"]}
    assert {
        key: {"subscriber_id": key, **row, "window_days": 90} for key, row in rows.items()
    } == truth.subscriber_stats
    assert any(row["opened"] for row in rows.values())


def test_the_truth_moves_with_the_account(world: World) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com"), edits.add_tag(world, "t")
    edits.tag(world, person, tag)
    send(world)
    assert expected_v4(world).subscriptions.keys() == {("tag", tag, person)}
    edits.cancel(world, person)
    truth = expected_v4(world)
    assert truth.subscribers[person]["canceled_at"] == "2026-11-01T12:00:00Z"
    assert truth.subscriber_stats == {}
    edits.delete_subscriber(world, person)
    truth = expected_v4(world)
    assert (truth.subscribers, truth.subscriptions) == ({}, {})


def test_records_of_v4_change_nothing_in_v3(account: World) -> None:
    before = expected_mirror(account)
    make_content(account, 9, Span(0, 1))
    assert expected_mirror(account) == before


def test_the_same_seed_gives_the_same_account_and_another_one_does_not(clock: Clock) -> None:
    one, same, other = (expected_v4(generate(120, seed=seed, now=clock)) for seed in (1, 1, 2))
    assert one == same
    assert one.subscribers != other.subscribers


def test_the_truth_of_v4_can_be_read_over_http(plain: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    sandbox, url = plain.sandbox, f"{plain.sandbox.control_url}/truth"

    def read(**params: str) -> Any:
        return plain.session.get(url, params=params, headers=sandbox.control_headers, timeout=5).json()

    assert read(version="v4")["subscriber_stats"] == 1
    assert read(version="v4", table="subscribers")[0]["id"] == person
    assert read(version="v4", table="account")[0]["timezone"] == "America/Bogota"
    assert "subscriber_stats" not in read()


def test_tokens_can_be_had_and_made_old_over_http(plain: AskV4) -> None:
    sandbox = plain.sandbox

    def post(path: str) -> Any:
        url = f"{sandbox.control_url}/{path}"
        return plain.session.post(url, json={}, headers=sandbox.control_headers, timeout=5).json()

    tokens = post("oauth")["access_token"]
    plain.headers = {"Authorization": f"Bearer {tokens}"}
    assert plain.get("account").status_code == 200
    post("oauth/expire")
    assert refused(plain.get("account")) == (401, ["The access token expired"])


# -- faults


def test_faults_of_v3_work_on_v4_by_their_path(plain: AskV4, world: World) -> None:
    edits.add_subscriber(world, "ana@example.com", "Ana")
    faults = plain.sandbox.faults
    faults.add(effects.status(502), path="/v4/tags")
    assert [plain.get("tags").status_code for _ in range(2)] == [502, 200]
    faults.add(effects.garbage(), path="/v4/subscribers")
    with pytest.raises(requests.JSONDecodeError):
        plain.get("subscribers").json()
    faults.add(effects.retry_later(), path="/v4/.*")
    assert (plain.get("tags").status_code, plain.get("tags").status_code) == (429, 200)
    faults.add(effects.reset(), path="/v4/tags")
    with pytest.raises(requests.ConnectionError):
        plain.get("tags")
    faults.add(effects.drip(0.001), path="/v4/tags")
    assert plain.json("tags")["tags"] == []
    faults.add(effects.set_key("state", "odd"), path="/v4/subscribers")
    assert plain.rows("subscribers")[0]["state"] == "odd"
    asked = {"include_total_count": "true"}
    faults.add(effects.wrong_total(3), path="/v4/subscribers")
    assert plain.json("subscribers", **asked)["pagination"]["total_count"] == 4
    faults.add(effects.rows_left(0), path="/v4/subscribers")
    body = plain.json("subscribers", **asked)
    assert (body["subscribers"], body["pagination"]["total_count"]) == ([], 0)
    faults.add(effects.set_pagination("has_next_page", True), path="/v4/subscribers")
    assert plain.json("subscribers")["pagination"]["has_next_page"] is True
    faults.add(effects.truncated(), path="/v4/oauth/token")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        plain.post("oauth/token", {})


def test_an_edit_can_wait_for_a_page(plain: AskV4, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    plain.sandbox.faults.add(effects.edit_after(lambda: edits.cancel(world, person)), path="/v4/subscribers")
    assert [plain.ids("subscribers") for _ in range(2)] == [[person], []]


# -- the program


def test_switches_of_v4_can_be_given_as_text() -> None:
    given = ["v4_lag_seconds=3", "v4_errors=string", "v4_key_on_oauth=403", "v4_filter_states=active,bounced"]
    behaviour = switched(Behaviour(), given)
    assert (behaviour.v4_lag_seconds, behaviour.v4_errors, behaviour.v4_key_on_oauth) == (3, "string", 403)
    assert behaviour.v4_filter_states == ("active", "bounced")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    options = ["--subscribers", "80", "--seed", "7", "--port", "0", "--lag", "60", "--v4-key", "kit_chosen"]
    command = [sys.executable, "-m", "kit_sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_the_program_tells_the_address_and_the_key_of_v4(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    url, control, line = (process.stdout.readline().strip() for _ in range(3))
    v4 = url.split()[-1].replace("/v3", "/v4")
    assert line == f"it is at {v4} too, with the header X-Kit-Api-Key: kit_chosen"
    headers = {"X-Kit-Api-Key": "kit_chosen"}
    assert (
        len(
            requests.get(f"{v4}/subscribers", headers=headers, params={"status": "all"}, timeout=5).json()[
                "subscribers"
            ]
        )
        == 80
    )
    token = dict([control.removeprefix("control routes need the header ").split(": ")])
    edit = {"edit": "add_tag", "args": {"name": "new"}}
    assert requests.post(v4.replace("/v4", "/_sandbox/edits"), json=edit, headers=token, timeout=5).ok
    names = [row["name"] for row in requests.get(f"{v4}/tags", headers=headers, timeout=5).json()["tags"]]
    assert "new" not in names
