"""Who v4 lets in, and how often."""

import pytest

from kit_sandbox import Behaviour, World, edits
from tests.support.asking import Ask, Serving, error
from tests.support.asking_v4 import AskV4, refused

INVALID = (401, ["The access token is invalid"])


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def test_the_key_and_a_token_are_let_in(ask: Ask, kit: AskV4) -> None:
    assert kit.get("account").status_code == 200
    assert AskV4(ask, ask.sandbox.oauth.grant()["access_token"]).get("account").status_code == 200


def test_nobody_and_a_wrong_key_are_told_that_the_token_is_invalid(ask: Ask, kit: AskV4) -> None:
    kit.headers = {}
    assert refused(kit.get("account")) == INVALID
    kit.headers = {"X-Kit-Api-Key": "kit_wrong"}
    assert refused(kit.get("account")) == INVALID
    kit.headers = {"Authorization": "Bearer wrong"}
    assert refused(kit.get("account")) == INVALID


def test_the_credentials_of_v3_are_worth_nothing_under_v4(ask: Ask, kit: AskV4, world: World) -> None:
    kit.headers = {}
    assert refused(kit.get("account", api_secret=world.api_secret, api_key=world.api_key)) == INVALID
    kit.headers = {"X-Kit-Api-Key": world.api_secret}
    assert refused(kit.get("account")) == INVALID


def test_a_key_of_v4_is_worth_nothing_under_v3(ask: Ask, world: World) -> None:
    answer = ask.get("account", api_secret=world.v4_key)
    assert error(answer) == (401, "Authorization Failed", "API Key not valid")


def test_an_expired_and_a_revoked_token_say_so(ask: Ask) -> None:
    tokens = ask.sandbox.oauth.grant()
    kit = AskV4(ask, tokens["access_token"])
    ask.sandbox.oauth.expire()
    assert refused(kit.get("account")) == (401, ["The access token expired"])
    client = {name: tokens[name] for name in ("client_id", "client_secret")}
    assert kit.post("oauth/revoke", {**client, "token": tokens["access_token"]}).json() == {}
    assert refused(kit.get("account")) == (401, ["The access token was revoked"])


@pytest.mark.parametrize("path", ["purchases", "purchases/1"])
def test_purchases_are_for_oauth_alone(ask: Ask, kit: AskV4, world: World, path: str) -> None:
    assert refused(kit.get(path)) == INVALID
    ask.sandbox.behaviour = Behaviour(v4_key_on_oauth=403)
    assert kit.get(path).status_code == 403
    purchase = edits.add_purchase(world, "ana@example.com")
    oauth = AskV4(ask, ask.sandbox.oauth.grant()["access_token"])
    assert oauth.ids("purchases") == [purchase]


def test_an_unknown_path_is_404_whatever_the_method(kit: AskV4) -> None:
    assert refused(kit.get("nothing")) == (404, ["Not Found"])
    assert refused(kit.post("segments", {"name": "a"})) == (404, ["Not Found"])
    assert refused(kit.get("subscribers/filter")) == (404, ["Not Found"])


@pytest.mark.parametrize("path", ["/v3/v4/account", "/v3/oauth/token", "/account", "/v5/account", "/v3account", "/v4"])
def test_a_path_below_neither_version_is_404(ask: Ask, kit: AskV4, path: str) -> None:
    address = ask.sandbox.url.removesuffix("/v3") + path
    assert ask.session.get(address, headers=kit.headers, timeout=5).status_code == 404


def test_every_answer_has_a_request_id_and_no_word_of_the_limit(kit: AskV4) -> None:
    for path in ("account", "nothing"):
        headers = {name.lower() for name in kit.get(path).headers}
        assert "x-request-id" in headers
        assert not [name for name in headers if "ratelimit" in name or name == "retry-after"]


def test_errors_can_be_a_text_or_lists_in_a_list(ask: Ask, kit: AskV4) -> None:
    ask.sandbox.behaviour = Behaviour(v4_errors="string")
    assert refused(kit.get("subscribers/1")) == (404, "Not Found")
    ask.sandbox.behaviour = Behaviour(v4_errors="nested")
    assert refused(kit.get("subscribers/1")) == (404, [["Not Found"]])


def test_a_body_that_is_no_json_is_400(ask: Ask, kit: AskV4) -> None:
    url = f"{ask.sandbox.url_v4}/subscribers/filter"
    answer = ask.session.post(url, data="{", headers={**kit.headers, "Content-Type": "application/json"}, timeout=5)
    assert answer.status_code == 400


# -- the limit


def test_key_oauth_and_v3_have_windows_of_their_own(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=2)
    kit, oauth = AskV4(ask), AskV4(ask, ask.sandbox.oauth.grant()["access_token"])
    assert [kit.get("account").status_code for _ in range(3)] == [200, 200, 429]
    assert [oauth.get("account").status_code for _ in range(11)] == [200] * 10 + [429]
    assert [ask.get("account").status_code for _ in range(3)] == [200, 200, 429]
    assert ask.sandbox.violations() == 3


def test_a_client_has_one_window_for_all_its_tokens(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=1)
    kits = [AskV4(ask, ask.sandbox.oauth.grant()["access_token"]) for _ in range(2)]
    assert [kits[number % 2].get("account").status_code for number in range(6)] == [200] * 5 + [429]


def test_another_key_does_not_take_from_the_window(serving: Serving, world: World) -> None:
    ask = serving(world, rate_limit=1)
    kit, stranger = AskV4(ask), AskV4(ask)
    stranger.headers = {"X-Kit-Api-Key": "kit_wrong"}
    assert [stranger.get("account").status_code for _ in range(2)] == [401, 429]
    assert kit.get("account").status_code == 200


@pytest.mark.parametrize(("body", "text"), [("text", "Retry later"), ("empty", "")])
def test_beyond_the_limit_comes_429_with_a_text_or_without(
    serving: Serving, world: World, body: str, text: str
) -> None:
    ask = serving(world, rate_limit=1, behaviour=Behaviour(v4_limit_body=body))  # type: ignore[arg-type]  # a literal
    kit = AskV4(ask)
    answer = [kit.get("account") for _ in range(2)][-1]
    assert (answer.status_code, answer.text.strip()) == (429, text)


def test_the_journal_has_the_path_with_v4_and_no_credentials(ask: Ask, kit: AskV4, world: World) -> None:
    kit.get("tags", per_page=5)
    kit.filter(all=[])
    grant = {"grant_type": "refresh_token", "refresh_token": "secret-a", "client_secret": "secret-b", "client_id": "x"}
    kit.post("oauth/token", grant)
    journal = ask.sandbox.journal
    assert [(each.method, each.path, each.params) for each in journal] == [
        ("GET", "/v4/tags", {"per_page": "5"}),
        ("POST", "/v4/subscribers/filter", {"all": []}),
        ("POST", "/v4/oauth/token", {"client_id": "x", "grant_type": "refresh_token"}),
    ]
    assert journal.writes() == []
    text = str(journal.summary())
    assert world.v4_key not in text
    assert "secret-" not in text
