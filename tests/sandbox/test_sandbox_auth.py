"""Access control, and the responses to unauthorized requests."""

import pytest

from kit_sandbox import World, edits
from tests.support.asking import Ask, error

SECRET_ONLY = [
    "account",
    "subscribers",
    "subscribers/1",
    "forms/1/subscriptions",
    "sequences/1/subscriptions",
    "courses/1/subscriptions",
    "tags/1/subscriptions",
    "broadcasts",
    "broadcasts/1",
    "broadcasts/1/stats",
    "purchases",
    "purchases/1",
    "automations/hooks",
]
KEY_SUFFICES = ["forms", "sequences", "courses", "tags", "custom_fields"]


@pytest.mark.parametrize("path", SECRET_ONLY + KEY_SUFFICES)
def test_without_credentials_the_key_is_called_not_present(ask: Ask, path: str) -> None:
    answer = ask.session.get(f"{ask.sandbox.url}/{path}", timeout=5)
    assert error(answer) == (401, "Authorization Failed", "API Key not present")


@pytest.mark.parametrize("path", SECRET_ONLY + KEY_SUFFICES)
def test_a_wrong_secret_is_called_a_key_not_valid(ask: Ask, path: str) -> None:
    assert error(ask.get(path, api_secret="wrong")) == (401, "Authorization Failed", "API Key not valid")


def test_a_wrong_key_is_not_valid(ask: Ask) -> None:
    answer = ask.get("tags", api_secret=None, api_key="wrong")
    assert error(answer) == (401, "Authorization Failed", "API Key not valid")


@pytest.mark.parametrize("path", SECRET_ONLY)
def test_the_key_does_not_suffice_where_the_secret_is_needed(ask: Ask, path: str) -> None:
    answer = ask.get(path, api_secret=None, api_key=ask.sandbox.api_key)
    message = "You do not have sufficient permissions to access this resource"
    assert error(answer) == (401, "Authorization Failed", message)


@pytest.mark.parametrize("path", KEY_SUFFICES)
def test_the_key_alone_suffices_for_the_unpaged_lists(ask: Ask, path: str) -> None:
    assert ask.get(path, api_secret=None, api_key=ask.sandbox.api_key).status_code == 200


def test_the_key_alone_suffices_for_the_tags_of_a_person(ask: Ask, world: World) -> None:
    person = edits.add_subscriber(world, "ana@example.com")
    answer = ask.get(f"subscribers/{person}/tags", api_secret=None, api_key=world.api_key)
    assert answer.json() == {"tags": []}


@pytest.mark.parametrize("path", KEY_SUFFICES)
def test_the_secret_is_accepted_wherever_the_key_is(ask: Ask, path: str) -> None:
    assert ask.get(path).status_code == 200


def test_credentials_and_parameters_may_stand_in_the_json_body_of_a_get(ask: Ask, world: World) -> None:
    people = [edits.add_subscriber(world, f"p{number}@example.com") for number in range(51)]
    body = {"api_secret": world.api_secret, "page": 2}
    answer = ask.session.get(f"{ask.sandbox.url}/subscribers", json=body, timeout=5)
    assert [row["id"] for row in answer.json()["subscribers"]] == people[50:]


def test_the_secret_of_a_world_can_be_chosen(world: World, ask: Ask) -> None:
    world.api_secret = "another"
    assert ask.sandbox.api_secret == "another"
    assert ask.get("account").status_code == 200


def test_answers_carry_a_request_id_and_the_date_of_the_world(ask: Ask) -> None:
    first, second = ask.get("account").headers, ask.get("account").headers
    assert first["X-Request-Id"] != second["X-Request-Id"]
    assert first["Date"] == "Sun, 01 Nov 2026 12:00:00 GMT"


def test_no_header_tells_of_the_rate_limit(ask: Ask) -> None:
    names = {name.lower() for name in ask.get("account").headers}
    assert not [name for name in names if "ratelimit" in name or name == "retry-after"]


@pytest.mark.parametrize("path", ["nothing", "subscribers/1/nothing", "forms/1"])
def test_an_unknown_path_is_404(ask: Ask, path: str) -> None:
    assert ask.get(path).status_code == 404


def test_a_method_that_a_path_does_not_have_is_404(ask: Ask) -> None:
    assert ask.write("DELETE", "account").status_code == 404
