"""Requests to API v4: where the credential is, what each failure is called, and how often a request is tried."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cksync.api import credentials
from cksync.api.http import ATTEMPTS
from cksync.api.v4.catalog import ask_account
from cksync.config import Config
from cksync.domain import Miss, members
from cksync.errors import BadConfig, CksyncError, EndpointFailed, Failed, Rejected, Unauthorized
from cksync.extract.fetch import fetch_all
from cksync.extract.scan.full import FullScan
from cksync.pipeline.account import check
from cksync.secrets import SecretRef
from kit_sandbox import Answer, Behaviour, Effect, Sandbox, effects
from tests.conftest import Command
from tests.support.connecting import connected, having, http, read, with_key, with_oauth

ACCOUNT = ask_account()


@pytest.fixture
def keyed(config: Config, sandbox: Sandbox) -> Config:
    """A config for API v4 with a key."""
    return with_key(config, sandbox)


def refused(status: int, errors: object) -> Effect:
    return effects.answer_with(Answer(status, json.dumps({"errors": errors}).encode()))


def failure(config: Config, path: str, body: dict[str, Any] | None = None) -> EndpointFailed:
    """Return the failure of an endpoint, while the account answers."""
    with http(config) as client, pytest.raises(EndpointFailed) as caught:
        read(client, path, body)
    assert "\n" not in str(caught.value)
    return caught.value


def error_of(config: Config) -> CksyncError:
    with connected(config) as api, pytest.raises(CksyncError) as caught:
        api.fetch(ACCOUNT)
    return caught.value


# -- where the credential is


@pytest.fixture
def raw() -> Iterator[tuple[str, list[tuple[str, str, dict[str, str], bytes]]]]:
    """A server that answers `{"account": …}` to all: its address without a version, and the requests as they came."""
    seen: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            seen.append((self.command, self.path, dict(self.headers), body))
            account = {"name": "A", "primary_email_address": "a@example.com"}
            answer = json.dumps({**account, "account": account}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()
        thread.join(100)


def test_key_is_in_a_header_and_never_in_an_address_or_a_body(
    keyed: Config, raw: tuple[str, list[tuple[str, str, dict[str, str], bytes]]], sandbox: Sandbox
) -> None:
    url, seen = raw
    with http(having(keyed, base_url=f"{url}/v4")) as client:
        read(client, "account")
        read(client, "subscribers/filter", {"all": []})
    assert [(method, path) for method, path, _, _ in seen] == [
        ("GET", "/v4/account"),
        ("POST", "/v4/subscribers/filter"),
    ]
    assert [headers["X-Kit-Api-Key"] for _, _, headers, _ in seen] == [sandbox.v4_key] * 2
    assert [body for *_, body in seen] == [b"", b'{"all":[]}']
    assert seen[1][2]["Content-Type"] == "application/json"


def test_token_is_in_a_header_and_never_in_an_address(
    config: Config, raw: tuple[str, list[tuple[str, str, dict[str, str], bytes]]], sandbox: Sandbox
) -> None:
    url, seen = raw
    made = with_oauth(config, sandbox)
    with connected(having(made, base_url=f"{url}/v4")) as api:
        api.fetch(ACCOUNT)
    ((_, path, headers, body),) = seen
    assert (path, body) == ("/v4/account", b"")
    assert headers["Authorization"].startswith("Bearer ")
    assert "X-Kit-Api-Key" not in headers


def test_secret_of_v3_is_a_parameter_as_before_and_in_no_header(
    config: Config, raw: tuple[str, list[tuple[str, str, dict[str, str], bytes]]], sandbox: Sandbox
) -> None:
    url, seen = raw
    with connected(having(config, base_url=f"{url}/v3")) as api:
        api.fetch(ACCOUNT)
    ((_, path, headers, _),) = seen
    assert path == f"/v3/account?api_secret={sandbox.api_secret}"
    assert not {"Authorization", "X-Kit-Api-Key"} & headers.keys()


def test_oauth_is_used_where_a_key_is_given_too(config: Config, sandbox: Sandbox, tmp_path: Path) -> None:
    made = having(with_oauth(config, sandbox), api_key=SecretRef("env:NOT_SET", "api.api_key", tmp_path))
    given, _ = credentials(made, {})
    assert (given.main.kind, given.version) == ("oauth", "v4")


# -- 401

WRONG_KEY = "kit_0123456789abcdef"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"api_key": WRONG_KEY}, "api.version v4 (The access token is invalid): the key is wrong or was deleted; copy"),
        ({"api_key": "a-secret-of-v3-012"}, "api.version v4 (The access token is invalid): this seems to be a key or"),
        ({"v3": WRONG_KEY}, "api.version v3 (API Key not valid): this is a key of API v4; put it into api.api_key"),
        ({"v3": "a-wrong-secret-012"}, "api.version v3 (API Key not valid): the secret is wrong"),
    ],
)
def test_credentials_that_are_refused_are_told_apart(
    settings: dict[str, str], said: str, config: Config, sandbox: Sandbox, tmp_path: Path
) -> None:
    ((name, value),) = settings.items()
    reference = SecretRef(value, "k", tmp_path)
    made = (
        having(config, api_secret=reference)
        if name == "v3"
        else having(config, base_url=sandbox.url_v4, api_key=reference, api_secret=None)
    )
    error = error_of(made)
    assert isinstance(error, Unauthorized)
    assert said in str(error)
    assert value not in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_key_where_oauth_is_needed_fails_that_endpoint_only(status: Any, keyed: Config, sandbox: Sandbox) -> None:
    sandbox.behaviour = Behaviour(v4_key_on_oauth=status)
    error = failure(keyed, "purchases")
    assert error.status == status
    assert error.reason.endswith(
        "API v4 gives purchases to OAuth only; set api.oauth after `cksync login`, or for purchases the api.api_secret"
        " of API v3"
    )
    with http(keyed) as client:
        assert read(client, "tags")["tags"]


def test_credentials_that_do_not_suit_the_version_are_refused_before_a_request(
    config: Config, sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(BadConfig, match="the secret of API v3 does not open API v4; set CKSYNC_API_KEY"):
        credentials(having(config, version="v4", base_url=""), {})
    with pytest.raises(BadConfig, match="no key is configured"):
        credentials(having(config, version="v4", base_url="", api_secret=None), {})
    with pytest.raises(BadConfig, match=r"API v3 has no OAuth; set api\.version"):
        credentials(having(with_oauth(config, sandbox), version="v3", base_url=""), {})
    odd = SecretRef("kit_CANARY_with_ümläuts", "k", tmp_path)
    with pytest.raises(BadConfig, match="contains characters that no key has") as caught:
        credentials(having(config, base_url=sandbox.url_v4, api_key=odd, api_secret=None), {})
    assert "CANARY" not in str(caught.value)


# -- the bodies of errors

BODIES: dict[str, tuple[bytes, str]] = {
    "a list": (b'{"errors": ["one", "two"]}', "one; two"),
    "a text": (b'{"errors": "one"}', "one"),
    "nested lists": (b'{"errors": [["one"], ["two", ["three"]]]}', "one; two; three"),
    "numbers": (b'{"errors": [1, null, "two"]}', "1; two"),
    "none": (b"{}", "no reason given"),
    "an empty list": (b'{"errors": []}', "no reason given"),
    "of v3": (b'{"error": "Bad", "message": "one"}', "one"),
    "of OAuth": (b'{"error": "invalid_scope", "error_description": "one"}', "invalid_scope: one"),
    "of OAuth, short": (b'{"error": "invalid_scope"}', "invalid_scope"),
    "a web page": (b"<html>no</html>", "no reason given"),
    "nothing": (b"", "no reason given"),
    "a bare list": (b'["one"]', "no reason given"),
    "too deep": (b'{"errors": ' + b"[" * 900 + b'"x"' + b"]" * 900 + b"}", ""),
    "control characters": (b'{"errors": ["a\\u001b[31mb"]}', "a [31mb"),
    "no end": (b'{"errors": ["' + b"x" * 5000 + b'"]}', "x" * 300),
}


@pytest.mark.parametrize("name", BODIES)
def test_every_shape_of_an_error_gives_one_message(name: str, keyed: Config, sandbox: Sandbox) -> None:
    body, said = BODIES[name]
    sandbox.faults.add(effects.answer_with(Answer(422, body)), path="/v4/tags")
    error = failure(keyed, "tags")
    assert error.status == 422
    assert error.reason.endswith(f"responded with 422: {said}" if said else "")


@pytest.mark.parametrize(
    ("stats", "shape", "said"),
    [
        ("empty", "list", "no reason given"),
        ("refused", "list", ""),
        ("refused", "string", ""),
        ("refused", "nested", ""),
    ],
)
def test_stats_that_the_plan_does_not_include_fail_that_endpoint_only(
    stats: Any, shape: Any, said: str, keyed: Config, sandbox: Sandbox
) -> None:
    sandbox.behaviour = Behaviour(v4_bulk_stats=stats, v4_errors=shape)
    error = failure(keyed, "broadcasts/stats")
    assert (error.status, error.is_of_api, error.is_too_large) == (403, True, False)
    assert "[" not in error.reason
    assert said in error.reason


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
def test_refusal_is_tried_once_and_tells_its_status(status: int, keyed: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(refused(status, ["no"]), path="/v4/tags", count=None)
    error = failure(keyed, "tags")
    assert (error.status, len(error.attempts)) == (status, 1)
    assert sandbox.journal.by_path() == {"/v4/tags": 1}  # the account was not requested: it was the API that refused


def test_what_does_not_exist_is_none(keyed: Config) -> None:
    with http(keyed) as client:
        assert read(client, "account/creator_profile/none") is None


def test_failures_tell_the_status_of_the_last_response(keyed: Config, sandbox: Sandbox) -> None:
    hurried = having(keyed, rate_period_seconds=0.05)
    for effect, status in [(effects.status(502), 502), (effects.garbage(), 200), (effects.reset(), None)]:
        sandbox.faults.clear()
        sandbox.faults.add(effect, path="/v4/tags", count=None)
        error = failure(hurried, "tags")
        assert (error.status, len(error.attempts)) == (status, ATTEMPTS + (status is None or status >= 200))


def test_many_refusals_of_the_api_do_not_close_an_endpoint(keyed: Config, sandbox: Sandbox) -> None:
    """Statistics of old broadcasts give 400, one after the other; the next one may be there."""
    sandbox.faults.add(refused(400, ["Stats are not available"]), path="/v4/broadcasts/[0-9]+/stats", count=15)
    there = max(sandbox.world.broadcasts)
    with http(keyed) as client:
        for number in range(15):
            with pytest.raises(EndpointFailed) as caught:
                read(client, f"broadcasts/{number}/stats")
            assert caught.value.status == 400
        assert read(client, f"broadcasts/{there}/stats")["broadcast"]["id"] == there
    assert len(sandbox.journal) == 16


def test_page_over_the_size_limit_says_so_and_does_not_close_its_endpoint(keyed: Config, sandbox: Sandbox) -> None:
    tiny = having(keyed, max_answer_mb=0.001)
    with http(tiny) as client:
        for _ in range(12):
            with pytest.raises(EndpointFailed) as caught:
                read(client, "subscribers")
            assert (caught.value.is_too_large, caught.value.status) == (True, 200)
    assert sandbox.journal.by_path() == {"/v4/subscribers": 12}


def test_scan_is_told_the_status_of_what_it_missed(config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(422), path="/tags/1/subscriptions", count=None)
    scan = FullScan(members("tag", "1"))
    with connected(config) as api:
        items = [item for item in fetch_all([scan], api, 1, threading.Event()) if item is not None]
    missed = [came for _, came in items if isinstance(came, Miss)]
    assert {(each.status, each.is_too_large) for each in missed} == {(422, False)}


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, Unauthorized, "responded with 403 (gone): the account has no access to API v4"),
        (410, Failed, "API v4 appears to be switched off"),
        (404, Rejected, "api.base_url must be the address of API v4, ending in /v4"),
    ],
)
def test_messages_name_the_version_in_use(
    status: int, kind: type[CksyncError], said: str, keyed: Config, sandbox: Sandbox
) -> None:
    sandbox.faults.add(refused(status, ["gone"]), path="/v4/account", count=None)
    error = error_of(keyed)
    assert isinstance(error, kind)
    assert said in str(error)


def test_failed_answer_names_its_request_for_the_support(
    keyed: Config, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Answer(502, b"", headers={"X-Request-Id": f"id-1\x1b{sandbox.v4_key}"})
    sandbox.faults.add(effects.answer_with(traced), path="/v4/tags", count=None)
    error = failure(having(keyed, rate_period_seconds=0.05), "tags")
    assert "(x-request-id id-1 ***)" in str(error)
    assert "x-request-id" not in error.reason  # it is stored, and compared from night to night
    assert all("(x-request-id id-1 ***); trying again" in record.message for record in caplog.records[:3])


@pytest.mark.parametrize("said", ["text", "empty"])
def test_429_is_waited_out_whatever_it_says(said: Any, keyed: Config, sandbox: Sandbox) -> None:
    body = b"" if said == "empty" else b"Retry later"
    sandbox.faults.add(effects.answer_with(Answer(429, body, "text/plain")), path="/v4/account", count=2)
    with connected(having(keyed, rate_period_seconds=0.1)) as api:
        assert [attempt.status for attempt in api.fetch(ACCOUNT).attempts] == [429, 429, 200]


# -- a POST that reads

FILTER = "subscribers/filter"


def test_search_by_conditions_is_a_read(keyed: Config, sandbox: Sandbox) -> None:
    with http(keyed) as client:
        found = client.get(
            FILTER,
            {},
            lambda body: (json.loads(body), 3),
            stream="subscriber_stats",
            slice_="subscriber_stats",
            body={"all": [], "per_page": 3},
        )
    assert found.content is not None
    assert len(found.content["subscribers"]) == 3
    (attempt,) = found.attempts
    assert (attempt.endpoint, attempt.params, attempt.rows) == (f"POST {FILTER}", '{"all":[],"per_page":3}', 3)


def test_search_that_gives_5xx_is_tried_three_times(keyed: Config, sandbox: Sandbox) -> None:
    """An invalid condition gives 5xx: more tries would be in vain."""
    sandbox.faults.add(effects.status(500), path=f"/v4/{FILTER}", count=None)
    error = failure(having(keyed, rate_period_seconds=0.05), FILTER, {"all": [{"type": "nonsense"}]})
    assert (error.status, sandbox.journal.by_path()[f"/v4/{FILTER}"]) == (500, 3)
    assert str(error).startswith(f"POST {FILTER}: 500 from ")


def test_search_is_tried_again_after_other_faults(keyed: Config, sandbox: Sandbox) -> None:
    for number, effect in enumerate([effects.reset(), effects.status(502), effects.garbage(), effects.status(502)], 1):
        sandbox.faults.add(effect, path=f"/v4/{FILTER}", nth=number)
    with http(having(keyed, rate_period_seconds=0.05)) as client:
        assert read(client, FILTER, {"all": []})["subscribers"]
    assert len(sandbox.journal) == 5


# -- budgets


def state_files(config: Config) -> set[str]:
    return {path.name for path in (config.data_dir / "state").iterdir()}


def test_each_kind_of_credential_has_a_ledger_of_its_own(config: Config, sandbox: Sandbox) -> None:
    for made, name in [
        (config, "requests"),
        (with_key(config, sandbox), "requests-v4-key"),
        (with_oauth(config, sandbox), "requests-v4-oauth"),
    ]:
        apart = having(made)
        with connected(apart) as api:
            api.fetch(ACCOUNT)
        assert name in state_files(config)
    assert state_files(config) == {"requests", "requests-v4-key", "requests-v4-oauth"}


def slots(path: Path) -> int:
    """Return how many slots a ledger has: its limit."""
    return (path.stat().st_size - 48) // 8


def test_purchases_through_v3_have_the_limit_of_v3(config: Config, sandbox: Sandbox) -> None:
    secret = config.api.api_secret
    made = having(with_key(config, sandbox), api_secret=secret, rate_limit=50, v3_rate_limit=30)
    with connected(made) as api:
        api.fetch(ACCOUNT)
    assert {name: slots(config.data_dir / "state" / name) for name in state_files(config)} == {
        "requests": 30,
        "requests-v4-key": 50,
    }


# -- check


def test_check_tests_the_secret_of_v3_beside_v4(config: Config, sandbox: Sandbox) -> None:
    found = check(having(with_key(config, sandbox), api_secret=config.api.api_secret), {})
    assert found["API"] == "v4"
    assert found["credentials"] == "accepted, API key from a literal value"
    assert found["purchases"] == "through API v3, accepted, from a literal value"
    assert found["account"] == "Acme Corp. <owner@example.com>"
    assert sandbox.journal.by_path() == {"/v4/account": 1, "/account": 1}


def test_check_refuses_a_secret_of_another_account_beside_v4(config: Config, sandbox: Sandbox) -> None:
    other = b'{"primary_email_address": "other@example.com"}'
    sandbox.faults.add(effects.answer_with(Answer(200, other)), path="/account")
    with pytest.raises(CksyncError, match=r"^api\.api_secret belongs to the account other@example\.com, but "):
        check(having(with_key(config, sandbox), api_secret=config.api.api_secret), {})


def test_check_says_when_the_token_expires(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, created_at=4_000_000_000, expires_in=3600)
    found = check(made, {})
    assert found["credentials"] == (
        f"accepted, OAuth token from {made.api.oauth}, which may read and write,"
        " expires at 2096-10-02 08:06 UTC and is then refreshed"
    )
    assert "purchases" not in found


def test_check_and_status_say_once_that_v3_will_end(cksync: Command, sandbox: Sandbox) -> None:
    for command in ("check", "status"):
        assert cksync(command).stdout.count("Kit will switch it off, at a date not announced yet") == 1
        env = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_API_KEY": sandbox.v4_key, "CKSYNC_API_SECRET": None}
        assert "switch it off" not in cksync(command, env=env).stdout


# -- what v4 cannot do yet


def test_push_refuses_v4_before_anything_is_sent(sandbox: Sandbox, cksync: Command, environ: dict[str, str]) -> None:
    cksync("pull", "tags")
    cksync("checkout", "work.duckdb")
    sandbox.journal.clear()
    env = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_API_KEY": sandbox.v4_key}
    done = cksync("push", "work.duckdb", "--yes", env=env, ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cksync: writing through API v4 is not built yet; ")
    assert len(sandbox.journal) == 0
