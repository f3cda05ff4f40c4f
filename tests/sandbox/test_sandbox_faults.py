"""Scripted faults: every kind, and the requests they hit."""

import json

import pytest
import requests

from kit_sandbox import World, edits, effects
from tests.support.asking import Ask, add_people

# -- which requests are hit


def test_a_fault_hits_once_by_default(ask: Ask) -> None:
    rule = ask.sandbox.faults.add(effects.status(500))
    assert [ask.get("tags").status_code for _ in range(3)] == [500, 200, 200]
    assert (rule.seen, rule.fired) == (3, 1)


def test_a_fault_hits_the_nth_match_and_count_of_them(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.status(500), nth=2, count=2)
    assert [ask.get("tags").status_code for _ in range(5)] == [200, 500, 500, 200, 200]


def test_a_fault_hits_every_third_without_end(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.status(500), every=3, count=None)
    assert [ask.get("tags").status_code for _ in range(7)] == [500, 200, 200, 500, 200, 200, 500]


def test_a_fault_hits_only_its_path_method_and_parameters(ask: Ask, world: World) -> None:
    tag = edits.add_tag(world, "a")
    faults = ask.sandbox.faults
    faults.add(effects.status(500), path=r"/tags/\d+/subscriptions", params={"page": "2"}, count=None)
    faults.add(effects.status(501), method="POST", count=None)
    faults.add(effects.status(502), where=lambda request: request.page == 9, count=None)
    assert ask.get("tags").status_code == 200
    assert ask.get(f"tags/{tag}/subscriptions").status_code == 200
    assert ask.get(f"tags/{tag}/subscriptions", page=2).status_code == 500
    assert ask.get("subscribers", page=9).status_code == 502


def test_cleared_faults_hit_nothing(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.status(500), count=None)
    ask.sandbox.faults.clear()
    assert ask.get("tags").status_code == 200


def test_faults_combine(ask: Ask, world: World) -> None:
    add_people(world, 3, "Ana")
    ask.sandbox.faults.add(effects.wrong_total(1))
    ask.sandbox.faults.add(effects.empty_list())
    body = ask.json("subscribers")
    assert (body["total_subscribers"], body["subscribers"]) == (4, [])


# -- other responses


def test_429_is_plain_text_without_retry_after(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.retry_later())
    answer = ask.get("tags")
    assert (answer.status_code, answer.text.strip()) == (429, "Retry later")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize("code", [500, 502])
def test_5xx_is_a_web_page(ask: Ask, code: int) -> None:
    ask.sandbox.faults.add(effects.status(code))
    answer = ask.get("tags")
    assert answer.status_code == code
    assert answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("code", [503, 410, 403])
def test_other_refusals_are_empty_unless_given_a_body(ask: Ask, code: int) -> None:
    ask.sandbox.faults.add(effects.status(code))
    ask.sandbox.faults.add(effects.status(code, '{"error":"Gone"}', "application/json"), nth=2)
    assert (ask.get("tags").content, ask.get("tags").json()) == (b"", {"error": "Gone"})


def test_a_web_page_may_come_with_status_200(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.html())
    answer = ask.get("tags")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_redirect_leads_to_another_host(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.redirect("https://elsewhere.example/v3/tags"))
    url = f"{ask.sandbox.url}/tags?api_secret={ask.sandbox.api_secret}"
    answer = ask.session.get(url, allow_redirects=False, timeout=5)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.example/v3/tags")


# -- broken connections and damaged bodies


def test_a_reset_gives_no_answer_at_all(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.reset())
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        ask.get("tags")
    assert ask.get("tags").status_code == 200


def test_a_truncated_body_is_shorter_than_announced(ask: Ask, world: World) -> None:
    add_people(world, 10, "Ana")
    ask.sandbox.faults.add(effects.truncated())
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="bytes read"):
        ask.get("subscribers")
    assert ask.get("subscribers").status_code == 200


def test_bad_gzip_cannot_be_decoded(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.bad_gzip())
    with pytest.raises(requests.exceptions.ContentDecodingError):
        ask.get("tags")


def test_garbage_is_no_json(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.garbage())
    answer = ask.get("account")
    assert answer.headers["Content-Type"].startswith("application/json")
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)


def test_invalid_utf8_stands_in_a_name(ask: Ask, world: World) -> None:
    add_people(world, 1, "Ana")
    ask.sandbox.faults.add(effects.invalid_utf8())
    content = ask.get("subscribers").content
    assert b'"first_name":"\xffAna"' in content
    with pytest.raises(UnicodeDecodeError):
        content.decode()


def test_a_lone_surrogate_stands_in_a_name_even_where_it_was_null(ask: Ask, world: World) -> None:
    edits.add_subscriber(world, "ana@example.com")
    ask.sandbox.faults.add(effects.lone_surrogate())
    content = ask.get("subscribers").content
    assert rb'"first_name":"\ud800",' in content
    assert json.loads(content)["subscribers"][0]["first_name"] == "\ud800"


# -- slow responses


def test_a_hanging_request_outlasts_the_patience_of_the_client(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.hang())
    with pytest.raises(requests.ReadTimeout):
        ask.session.get(f"{ask.sandbox.url}/tags", timeout=0.1)


def test_latency_comes_on_top_of_the_answer(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.latency(0.03, jitter_seconds=0.01))
    assert ask.get("tags").elapsed.total_seconds() >= 0.03


def test_a_dripping_body_arrives_whole_at_last(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.drip(0.0001))
    assert ask.json("tags") == {"tags": []}


# -- wrong responses


def test_an_ignored_page_is_page_one(ask: Ask, world: World) -> None:
    people = add_people(world, 60, "Ana")
    ask.sandbox.faults.add(effects.ignore_page())
    body = ask.json("subscribers", page=2)
    assert (body["page"], [row["id"] for row in body["subscribers"]]) == (1, people[:50])


def test_a_repeated_page_has_the_rows_of_the_one_before(ask: Ask, world: World) -> None:
    people = add_people(world, 60, "Ana")
    ask.sandbox.faults.add(effects.repeat_page())
    body = ask.json("subscribers", page=2)
    assert (body["page"], [row["id"] for row in body["subscribers"]]) == (2, people[:50])


@pytest.mark.parametrize("off_by", [-2, 3])
def test_a_total_can_be_off(ask: Ask, world: World, off_by: int) -> None:
    add_people(world, 5, "Ana")
    ask.sandbox.faults.add(effects.wrong_total(off_by))
    assert ask.json("subscribers")["total_subscribers"] == 5 + off_by


def test_a_total_can_change_at_every_request(ask: Ask, world: World) -> None:
    add_people(world, 5, "Ana")
    ask.sandbox.faults.add(effects.moving_total(), count=None)
    assert [ask.json("subscribers")["total_subscribers"] for _ in range(3)] == [6, 7, 8]


def test_a_cancelled_person_can_stand_in_the_active_list(ask: Ask, world: World) -> None:
    add_people(world, 3, "Ana")
    ask.sandbox.faults.add(effects.wrong_state("cancelled", row=1))
    states = [row["state"] for row in ask.json("subscribers")["subscribers"]]
    assert states == ["active", "cancelled", "active"]


def test_a_record_can_lack_its_id(ask: Ask, world: World) -> None:
    add_people(world, 2, "Ana")
    ask.sandbox.faults.add(effects.without_key("id"))
    rows = ask.json("subscribers")["subscribers"]
    assert ["id" in row for row in rows] == [False, True]


def test_a_single_record_can_be_changed_too(ask: Ask, world: World) -> None:
    (person,) = add_people(world, 1, "Ana")
    purchase = edits.add_purchase(world, "ana@example.com")
    ask.sandbox.faults.add(effects.set_key("first_name", 7), path="/subscribers/.*")
    ask.sandbox.faults.add(effects.without_key("id"), path="/purchases/.*")
    assert ask.json(f"subscribers/{person}")["subscriber"]["first_name"] == 7
    assert "id" not in ask.json(f"purchases/{purchase}")


def test_a_list_can_be_empty_in_spite_of_its_total(ask: Ask, world: World) -> None:
    add_people(world, 3, "Ana")
    ask.sandbox.faults.add(effects.empty_list())
    body = ask.json("subscribers")
    assert (body["total_subscribers"], body["subscribers"]) == (3, [])


def test_a_row_can_come_twice(ask: Ask, world: World) -> None:
    people = add_people(world, 2, "Ana")
    ask.sandbox.faults.add(effects.duplicate_row())
    assert ask.ids("subscribers") == [*people, people[0]]


def test_changed_answers_keep_the_digits_of_money(ask: Ask, world: World) -> None:
    from decimal import Decimal

    edits.add_purchase(world, "ana@example.com", Decimal("12345678901234.5678"))
    ask.sandbox.faults.add(effects.wrong_total())
    assert b'"total":12345678901234.5678,' in ask.get("purchases").content


# -- a world that changes


def test_a_person_who_leaves_between_two_pages_makes_the_next_page_skip_one(ask: Ask, world: World) -> None:
    people = add_people(world, 100, "Ana")
    leave = effects.edit_before(lambda: edits.cancel(world, people[0]))
    ask.sandbox.faults.add(leave, path="/subscribers", params={"page": "2"})
    assert ask.all("subscribers") == people[:50] + people[51:]


def test_an_edit_after_a_request_shows_from_the_next_one_on(ask: Ask, world: World) -> None:
    add_people(world, 1, "Ana")
    join = effects.edit_after(lambda: edits.add_subscriber(world, "new@example.com"))
    ask.sandbox.faults.add(join)
    assert [ask.json("subscribers")["total_subscribers"] for _ in range(2)] == [1, 2]


def test_faults_leave_their_mark_in_the_journal(ask: Ask) -> None:
    ask.sandbox.faults.add(effects.status(500))
    ask.sandbox.faults.add(effects.reset(), nth=2)
    ask.get("tags")
    with pytest.raises(requests.ConnectionError):
        ask.get("tags")
    assert [entry.status for entry in ask.sandbox.journal] == [500, None]
