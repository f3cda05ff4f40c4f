"""Writes: how parameters arrive, how they fail, how late they show, and what the journal records of them."""

from dataclasses import replace
from typing import Any

import pytest
import requests

from kit_sandbox import Clock, World, edits, effects, expected_mirror
from tests.support.asking import Ask, Serving


def url(ask: Ask, path: str) -> str:
    return f"{ask.sandbox.url}/{path}"


# -- how parameters arrive


def test_a_form_body_is_read_like_a_json_body(ask: Ask, world: World) -> None:
    form, tag = edits.add_form(world, "A form"), edits.add_tag(world, "a")
    edits.add_custom_field(world, "City")
    sent = {"api_secret": world.api_secret, "email": "ana@example.com", "fields[city]": "Rome", "tags[]": str(tag)}
    answer = ask.session.post(url(ask, f"forms/{form}/subscribe"), data=sent, timeout=5)
    assert answer.json()["subscription"]["subscriber"]["fields"] == {"city": "Rome"}
    assert ask.json(f"tags/{tag}/subscriptions")["total_subscriptions"] == 1


def test_parameters_and_credentials_may_stand_in_the_query(ask: Ask, world: World) -> None:
    sent = {"api_secret": world.api_secret, "tag[name]": "News"}
    assert ask.session.post(url(ask, "tags"), params=sent, timeout=5).status_code == 201
    assert [tag.name for tag in world.parents["tag"].values()] == ["News"]


def test_lists_of_objects_may_stand_in_a_form(ask: Ask, world: World) -> None:
    sent = [("api_secret", world.api_secret), ("tag[][name]", "a"), ("tag[][name]", "b")]
    made = ask.session.post(url(ask, "tags"), data=sent, timeout=5).json()
    assert [tag["name"] for tag in made] == ["a", "b"]


@pytest.mark.parametrize("body", [b'{"tag": {', b'{"x": NaN}', b'{"x": "\\ud800"}', b"\xff", b"[" * 100_000])
def test_a_malformed_body_is_400(ask: Ask, world: World, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    asked = {"api_secret": world.api_secret}
    answer = ask.session.post(url(ask, "tags"), params=asked, data=body, headers=headers, timeout=5)
    assert (answer.status_code, set(answer.json())) == (400, {"error", "message"})


def test_a_form_that_contradicts_itself_is_400(ask: Ask, world: World) -> None:
    sent = [("api_secret", world.api_secret), ("tag", "a"), ("tag[name]", "b")]
    assert ask.session.post(url(ask, "tags"), data=sent, timeout=5).status_code == 400


def test_an_empty_answer_stays_empty_for_those_who_accept_gzip(serving: Serving, world: World) -> None:
    world.behaviour = replace(world.behaviour, gzip=True)
    field = edits.add_custom_field(world, "City")
    answer = serving(world).write("DELETE", f"custom_fields/{field}")
    assert (answer.status_code, answer.content) == (204, b"")


# -- faults


def add_tag(ask: Ask) -> requests.Response:
    return ask.write("POST", "tags", tag={"name": "News"})


def test_a_lost_response_leaves_the_write_done(ask: Ask, world: World) -> None:
    ask.sandbox.faults.add(effects.lost_response(), method="POST", path="/tags")
    assert ask.get("tags").status_code == 200
    with pytest.raises(requests.ConnectionError):
        add_tag(ask)
    assert len(world.parents["tag"]) == 1
    assert add_tag(ask).status_code == 422


def test_an_error_after_leaves_the_write_done(ask: Ask, world: World) -> None:
    ask.sandbox.faults.add(effects.error_after(), method="POST")
    assert add_tag(ask).status_code == 500
    assert len(world.parents["tag"]) == 1


def test_an_error_before_leaves_the_write_undone(ask: Ask, world: World) -> None:
    ask.sandbox.faults.add(effects.error_before(502), method="POST")
    assert add_tag(ask).status_code == 502
    assert len(world.parents["tag"]) == 0
    assert add_tag(ask).status_code == 201


def test_faults_of_reads_hit_writes_too(ask: Ask, world: World) -> None:
    faults = ask.sandbox.faults
    faults.add(effects.retry_later(), method="POST")
    faults.add(effects.set_key("name", "Other"), method="POST", nth=2)
    faults.add(effects.latency(0.03), method="DELETE")
    faults.add(effects.status(503), where=lambda request: request.given.get("label") == ["City"])
    assert add_tag(ask).status_code == 429
    assert add_tag(ask).json()["name"] == "Other"
    assert ask.write("DELETE", "broadcasts/1").elapsed.total_seconds() >= 0.03
    assert ask.write("POST", "custom_fields", label=["City"]).status_code == 503


def test_faults_of_answers_pass_over_bare_arrays_and_empty_bodies(ask: Ask, world: World) -> None:
    field = edits.add_custom_field(world, "City")
    ask.sandbox.faults.add(effects.wrong_total(), count=None)
    assert ask.get("automations/hooks").json() == []
    assert ask.write("DELETE", f"custom_fields/{field}").status_code == 204


def test_the_limit_rejects_writes_before_they_are_executed(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=1)
    assert [add_tag(ask).status_code, ask.write("POST", "tags", tag={"name": "b"}).status_code] == [201, 429]
    assert len(world.parents["tag"]) == 1


# -- reads that lag behind


@pytest.fixture
def lagging(ask: Ask, world: World) -> Ask:
    world.behaviour = replace(world.behaviour, reads_lag_seconds=5)
    return ask


def test_new_things_show_in_their_lists_only_after_the_lag(lagging: Ask, clock: Clock) -> None:
    line = {"pid": 1, "lid": 1, "name": "Map", "unit_price": 5, "quantity": 1}
    sale = {"transaction_id": "1", "email_address": "ana@example.com", "currency": "usd", "products": [line]}
    writes: dict[str, dict[str, Any]] = {
        "tags": {"tag": {"name": "a"}},
        "custom_fields": {"label": "City"},
        "broadcasts": {"subject": "Hello"},
        "purchases": {"purchase": sale},
    }
    for path, body in writes.items():
        assert lagging.write("POST", path, **body).status_code == 201
        assert lagging.ids(path) == []
    clock.advance(seconds=4.9)
    assert [lagging.ids(path) for path in writes] == [[], [], [], []]
    clock.advance(seconds=0.1)
    assert [len(lagging.ids(path)) for path in writes] == [1, 1, 1, 1]


def test_a_changed_person_shows_as_before_until_the_lag_is_over(lagging: Ask, world: World, clock: Clock) -> None:
    person, tag = edits.add_subscriber(world, "ana@example.com", "A"), edits.add_tag(world, "a")
    path = f"subscribers/{person}"
    assert lagging.write("PUT", path, first_name="B").json()["subscriber"]["first_name"] == "B"
    clock.advance(seconds=3)
    lagging.write("PUT", path, first_name="C")
    lagging.write("POST", f"tags/{tag}/subscribe", email="ana@example.com")
    assert lagging.json(path)["subscriber"]["first_name"] == "A"
    clock.advance(seconds=2)
    assert lagging.json(path)["subscriber"]["first_name"] == "B"
    assert lagging.json(f"tags/{tag}/subscriptions")["total_subscriptions"] == 0
    clock.advance(seconds=3)
    assert lagging.json(path)["subscriber"]["first_name"] == "C"
    assert lagging.json(f"tags/{tag}/subscriptions")["total_subscriptions"] == 1
    assert world.subscribers[person].first_name == "C"


def test_writes_and_the_truth_do_not_lag(lagging: Ask, world: World) -> None:
    tag = add_tag(lagging).json()["id"]
    assert add_tag(lagging).status_code == 422
    assert lagging.write("POST", f"tags/{tag}/subscribe", email="ana@example.com").status_code == 200
    assert list(expected_mirror(world).tags) == [tag]


def test_the_lag_of_a_late_update_begins_when_it_takes_effect(lagging: Ask, world: World, clock: Clock) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    for number in range(11):
        edits.add_custom_field(world, f"f{number}")
    lagging.write("PUT", f"subscribers/{person}", fields={f"f{number}": "x" for number in range(11)})
    shown = []
    for _ in range(4):
        shown.append(lagging.json(f"subscribers/{person}")["subscriber"]["fields"]["f0"])
        clock.advance(seconds=2.7)
    assert shown == [None, None, None, "x"]


# -- the journal


def test_the_journal_keeps_the_body_of_a_write_without_credentials(ask: Ask, world: World) -> None:
    ask.write("POST", "tags", tag={"name": "a"}, api_key="k", integration_key="i")
    ask.write("POST", "purchases", purchase={"currency": "usd", "integration_key": "i"})
    first, second = ask.sandbox.journal
    assert (first.method, first.path, first.params) == ("POST", "/tags", {"tag": {"name": "a"}})
    assert second.params == {"purchase": {"currency": "usd"}}


def test_requests_are_counted_by_method_and_path(ask: Ask, world: World) -> None:
    tag = edits.add_tag(world, "a")
    for email in ("ana@example.com", "ben@example.com"):
        ask.write("POST", f"tags/{tag}/subscribe", email=email)
    ask.get("tags")
    journal = ask.sandbox.journal
    assert (journal.count(method="POST"), journal.count(method="GET", path="/tags")) == (2, 1)
    assert (journal.count(path=r"/tags/\d+/subscribe"), journal.count(method="PUT")) == (2, 0)


def test_executed_writes_are_those_the_api_did_whatever_the_client_heard(ask: Ask, world: World) -> None:
    faults = ask.sandbox.faults
    faults.add(effects.error_before(), method="POST")
    faults.add(effects.error_after(), method="POST", nth=2)
    faults.add(effects.lost_response(), method="POST", nth=3)
    for name in ("a", "b"):
        ask.write("POST", "tags", tag={"name": name})
    with pytest.raises(requests.ConnectionError):
        ask.write("POST", "tags", tag={"name": "c"})
    ask.write("POST", "tags", tag={"name": "c"})
    ask.get("tags")
    done = ask.sandbox.journal.writes()
    assert [(each.params["tag"]["name"], each.status, each.made) for each in done] == [
        ("b", 500, 201),
        ("c", None, 201),
    ]
    assert ask.sandbox.journal.writes(method="PUT") == ask.sandbox.journal.writes(path="/tags/1") == []


def test_mails_can_be_read_from_another_process(ask: Ask) -> None:
    ask.write("POST", "broadcasts", send_at="2026-12-24T18:00:00Z")
    url, headers = f"{ask.sandbox.control_url}/mails", ask.sandbox.control_headers
    (mail,) = ask.session.get(url, headers=headers, timeout=5).json()
    assert mail["send_at"] == "2026-12-24T18:00:00.000Z"
