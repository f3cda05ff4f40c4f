"""OAuth: a login by code, refresh tokens for one use, and tokens that expire."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from kit_sandbox import Behaviour, Clock, World, effects
from kit_sandbox.v4.oauth import CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID, challenge_of
from tests.support.asking import Ask
from tests.support.asking_v4 import AskV4, refused

HOME = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43


@pytest.fixture
def kit(ask: Ask) -> AskV4:
    return AskV4(ask)


def authorize(kit: AskV4, **given: str) -> dict[str, str]:
    """What the browser is sent home with."""
    asked = {"client_id": PUBLIC_CLIENT_ID, "redirect_uri": HOME, "response_type": "code", "state": "s", **given}
    answer = kit.get("oauth/authorize", **asked)
    assert answer.status_code == 302
    location = answer.headers["Location"]
    assert location.startswith(HOME + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def login(kit: AskV4, **given: str) -> requests.Response:
    home = authorize(kit, code_challenge=challenge_of(VERIFIER), code_challenge_method="S256")
    asked = {"grant_type": "authorization_code", "client_id": PUBLIC_CLIENT_ID, "redirect_uri": HOME}
    return kit.post("oauth/token", {**asked, "code": home["code"], "code_verifier": VERIFIER, **given})


def refresh(kit: AskV4, tokens: dict[str, Any], path: str = "oauth/token") -> requests.Response:
    names = ("client_id", "client_secret", "refresh_token")
    asked = {name: tokens[name] for name in names if name in tokens}
    return kit.post(path, {"grant_type": "refresh_token", **asked})


def test_a_public_client_logs_in_with_a_code_and_its_verifier(ask: Ask, kit: AskV4) -> None:
    tokens = login(kit).json()
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "scope", "expires_in", "created_at"}
    assert (tokens["token_type"], tokens["created_at"]) == ("Bearer", 1_793_534_400)
    assert AskV4(ask, tokens["access_token"]).get("purchases").status_code == 200


def test_the_challenge_is_that_of_the_standard() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_state_comes_back_with_the_code(kit: AskV4) -> None:
    home = authorize(kit, state="a b", code_challenge="x", code_challenge_method="S256")
    assert (home["state"], bool(home["code"])) == ("a b", True)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://elsewhere"}, "invalid_grant"),
        ({"code": "guessed"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_a_login_that_is_not_right_gets_nothing(kit: AskV4, given: dict[str, str], code: str) -> None:
    answer = login(kit, **given)
    assert (answer.status_code, answer.json()["error"]) == (401 if code == "invalid_client" else 400, code)
    assert answer.json()["error_description"]


def test_a_code_is_good_once(kit: AskV4) -> None:
    home = authorize(kit, client_id=CLIENT_ID)
    asked = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": HOME, "code": home["code"]}
    answers = [kit.post("oauth/token", {"grant_type": "authorization_code", **asked}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 400]


def test_a_code_is_good_for_ten_minutes(kit: AskV4, clock: Clock) -> None:
    home = authorize(kit, client_id=CLIENT_ID)
    clock.advance(seconds=600)
    asked = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "redirect_uri": HOME, "code": home["code"]}
    assert kit.post("oauth/token", {"grant_type": "authorization_code", **asked}).json()["error"] == "invalid_grant"


def test_a_confidential_client_needs_its_secret(kit: AskV4) -> None:
    home = authorize(kit, client_id=CLIENT_ID)
    asked = {"grant_type": "authorization_code", "client_id": CLIENT_ID, "redirect_uri": HOME, "code": home["code"]}
    assert kit.post("oauth/token", {**asked, "client_secret": "wrong"}).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_request"),
        ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_code_challenge_method"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_what_is_wrong_with_an_authorization_goes_home_too(kit: AskV4, given: dict[str, str], code: str) -> None:
    home = authorize(kit, **given)
    assert (home["error"], home["state"], "code" in home) == (code, "s", False)


def test_an_unknown_client_is_sent_nowhere(kit: AskV4) -> None:
    answer = kit.get("oauth/authorize", client_id="nobody", redirect_uri=HOME, response_type="code")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_a_refresh_token_is_good_once_and_gives_the_next(ask: Ask, kit: AskV4) -> None:
    first = ask.sandbox.oauth.grant()
    second = {**first, **refresh(kit, first).json()}
    assert second["refresh_token"] != first["refresh_token"]
    replayed = refresh(kit, first)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert refresh(kit, second).status_code == 200
    assert ask.sandbox.oauth.refreshed == 2


def test_a_refresh_whose_answer_is_lost_has_used_up_the_token(ask: Ask, kit: AskV4) -> None:
    tokens = ask.sandbox.oauth.grant()
    ask.sandbox.faults.add(effects.lost_response(), path="/v4/oauth/token")
    with pytest.raises(requests.ConnectionError):
        refresh(kit, tokens)
    assert refresh(kit, tokens).json()["error"] == "invalid_grant"
    assert AskV4(ask, tokens["access_token"]).get("account").status_code == 200


def test_a_refresh_token_of_another_client_is_not_used_up(ask: Ask, kit: AskV4) -> None:
    tokens = ask.sandbox.oauth.grant()
    assert refresh(kit, {**tokens, "client_id": PUBLIC_CLIENT_ID}).json()["error"] == "invalid_grant"
    assert refresh(kit, tokens).status_code == 200


def test_the_token_endpoint_stands_outside_v4_too_and_takes_a_form(ask: Ask) -> None:
    tokens = ask.sandbox.oauth.grant()
    url = ask.sandbox.url_v4.removesuffix("/v4") + "/oauth/token"
    answer = ask.session.post(url, data={**tokens, "grant_type": "refresh_token"}, timeout=5)
    assert answer.status_code == 200


def test_a_token_expires_by_the_clock_of_the_world(ask: Ask, world: World, clock: Clock) -> None:
    world.behaviour = Behaviour(v4_access_seconds=60)
    tokens = ask.sandbox.oauth.grant()
    kit = AskV4(ask, tokens["access_token"])
    assert tokens["expires_in"] == 60
    clock.advance(seconds=59)
    assert kit.get("account").status_code == 200
    clock.advance(seconds=1)
    assert refused(kit.get("account")) == (401, ["The access token expired"])
    fresh = refresh(kit, tokens).json()["access_token"]
    assert AskV4(ask, fresh).get("account").status_code == 200


def test_revoking_ends_the_pair(ask: Ask, kit: AskV4) -> None:
    tokens = ask.sandbox.oauth.grant()
    client = {name: tokens[name] for name in ("client_id", "client_secret")}
    assert kit.post("oauth/revoke", {**client, "token": tokens["refresh_token"]}).status_code == 200
    assert refused(AskV4(ask, tokens["access_token"]).get("account"))[0] == 401
    assert refresh(kit, tokens).json()["error"] == "invalid_grant"
    assert kit.post("oauth/revoke", {**client, "token": "nobody's"}).status_code == 200
    assert kit.post("oauth/revoke", {"client_id": CLIENT_ID, "token": "x"}).status_code == 403
