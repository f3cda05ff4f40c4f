"""OAuth: a token is refreshed in time and once, and its refresh token is never sent twice, whatever goes wrong."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cksync.api import Stopped
from cksync.api.token_file import locked_tokens, read_tokens, store_tokens
from cksync.api.v4.catalog import ask_account
from cksync.config import Config
from cksync.errors import ApiUnavailable, BadConfig, CksyncError, Failed, Unauthorized
from kit_sandbox import Answer, Effect, Sandbox, effects
from kit_sandbox.messages import Handler, Request
from tests.conftest import Command
from tests.support.connecting import closed_port, connected, having, with_oauth, write_tokens

ACCOUNT = ask_account()
TOKEN = "/v4/oauth/token"
LOGIN = "cksync login"


def token_requests(sandbox: Sandbox) -> int:
    return sandbox.journal.by_path().get(TOKEN, 0)


def saying(**values: object) -> Effect:
    """A token endpoint that does its work, and says something else of it."""

    def effect(request: Request, handle: Handler) -> Answer:
        answer = handle(request)
        return replace(answer, body=json.dumps({**json.loads(answer.body), **values}).encode())

    return effect


def tokens(config: Config) -> dict[str, Any]:
    assert config.api.oauth
    values: dict[str, Any] = json.loads(config.api.oauth.read_text())
    return values


def error_of(config: Config) -> CksyncError:
    """Return the error of requesting the account."""
    with pytest.raises(CksyncError) as caught, connected(config) as api:
        api.fetch(ACCOUNT)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.fixture
def oauth(config: Config, sandbox: Sandbox) -> Config:
    """A config for API v4 with OAuth."""
    return with_oauth(config, sandbox)


@pytest.fixture
def expired(oauth: Config, sandbox: Sandbox) -> Config:
    """The same, after the access token has expired."""
    sandbox.oauth.expire()
    return oauth


# -- refreshing


def test_token_that_expires_on_the_way_is_refreshed_once_for_all_threads(oauth: Config, sandbox: Sandbox) -> None:
    before = tokens(oauth)
    with connected(oauth) as api, ThreadPoolExecutor(8) as pool:
        api.fetch(ACCOUNT)
        sandbox.oauth.expire()
        pages = list(pool.map(lambda _: api.fetch(ACCOUNT), range(24)))
    assert {page.records[0].key for page in pages} == {"owner@example.com"}
    assert sandbox.oauth.refreshed == token_requests(sandbox) == 1
    after = tokens(oauth)
    assert {name for name in before if before[name] != after[name]} <= {
        *("access_token", "refresh_token", "created_at", "expires_in")
    }
    assert before["access_token"] != after["access_token"]
    assert before["refresh_token"] != after["refresh_token"]


def test_request_that_met_an_expired_token_is_noted_and_repeated(expired: Config) -> None:
    with connected(expired) as api:
        first, second = api.fetch(ACCOUNT).attempts
    assert (first.status, second.status, second.problem) == (401, 200, None)
    assert first.problem is not None
    assert "The access token expired" in first.problem


@pytest.mark.parametrize(("left_seconds", "refreshed"), [(17_000, 1), (18_000, 0)])
def test_token_is_refreshed_once_a_tenth_of_its_life_is_left(
    left_seconds: int, refreshed: int, config: Config, sandbox: Sandbox
) -> None:
    made_at = datetime.now(UTC) - timedelta(seconds=172_800 - left_seconds)
    made = with_oauth(config, sandbox, created_at=int(made_at.timestamp()), expires_in=172_800)
    with connected(made) as api:
        assert len(api.fetch(ACCOUNT).attempts) == 1  # without a 401
        api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == refreshed


def test_new_token_of_a_server_whose_clock_is_behind_is_not_refreshed_again(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, created_at=1, expires_in=172_800)
    sandbox.faults.add(saying(created_at=1), path=TOKEN, count=None)
    with connected(made) as api:
        for _ in range(3):
            api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == 1


def test_token_without_a_known_life_is_refreshed_when_the_api_rejects_it(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, created_at=None, expires_in=None)
    sandbox.oauth.expire()
    with connected(made) as api:
        api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == 1


def test_run_longer_than_the_life_of_tokens_refreshes_each_in_turn(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox)
    with connected(made) as api:
        for _ in range(3):
            sandbox.oauth.expire()
            api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == 3


def test_token_that_expires_as_soon_as_it_is_made_ends_with_a_sentence(expired: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(401, '{"errors": ["The access token expired"]}'), path="/v4/account", count=None)
    assert "(The access token expired): run `cksync login`" in str(error_of(expired))
    assert sandbox.oauth.refreshed == 2


def test_keys_that_cksync_does_not_know_are_kept(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, note="mine", token_url=f"{sandbox.url_v4}/oauth/token")
    sandbox.oauth.expire()
    with connected(made) as api:
        api.fetch(ACCOUNT)
    assert (tokens(made)["note"], tokens(made)["token_url"]) == ("mine", f"{sandbox.url_v4}/oauth/token")


def test_new_file_is_private_although_the_old_one_was_not(expired: Config) -> None:
    assert expired.api.oauth
    expired.api.oauth.chmod(0o644)
    with connected(expired) as api:
        api.fetch(ACCOUNT)
    assert {path.name: path.stat().st_mode & 0o777 for path in expired.api.oauth.parent.glob("*oauth*")} == {
        "oauth.json": 0o600,
        "oauth.json.lock": 0o600,
    }


def test_public_client_sends_no_secret(config: Config, sandbox: Sandbox) -> None:
    path = config.data_dir.parent / "oauth.json"
    write_tokens(path, sandbox.oauth.grant("sandbox-public-client"))
    sandbox.oauth.expire()
    seen: list[set[str]] = []

    def note(request: Request, handle: Handler) -> Answer:
        seen.append(set(request.given))
        return handle(request)

    sandbox.faults.add(note, path=TOKEN)
    with connected(having(config, base_url=sandbox.url_v4, oauth=path)) as api:
        api.fetch(ACCOUNT)
    assert seen == [{"grant_type", "refresh_token", "client_id"}]


# -- others who use the same file


def test_token_that_another_process_has_stored_is_used_without_a_refresh(oauth: Config, sandbox: Sandbox) -> None:
    assert oauth.api.oauth
    with connected(oauth) as api:
        write_tokens(oauth.api.oauth, sandbox.oauth.grant())
        sandbox.faults.add(effects.status(401, '{"errors": ["The access token was revoked"]}'), path="/v4/account")
        assert len(api.fetch(ACCOUNT).attempts) == 2
    assert sandbox.oauth.refreshed == 0


def test_processes_that_meet_an_expired_token_at_once_refresh_it_once(
    expired: Config, sandbox: Sandbox, environ: dict[str, str]
) -> None:
    """The first one is kept waiting, so that the others come to the lock meanwhile."""
    sandbox.faults.add(effects.latency(1.0), path=TOKEN)
    env = {**environ, "CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(expired.api.oauth)}
    checks = [
        subprocess.Popen([sys.executable, "-m", "cksync", "check"], env=env, stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [process.wait(60) for process in checks if process.communicate()] == [0, 0, 0]
    assert sandbox.oauth.refreshed == token_requests(sandbox) == 1


def test_waiting_for_another_process_ends_when_the_run_ends(expired: Config) -> None:
    assert expired.api.oauth
    stop = threading.Event()
    stop.set()
    with (
        locked_tokens(expired.api.oauth, threading.Event()),
        pytest.raises(Stopped),
        locked_tokens(expired.api.oauth, stop),
    ):
        pass


# -- the outcome of a refresh is unknown

UNKNOWN: dict[str, Effect] = {
    "lost": effects.lost_response(),
    "reset": effects.reset(),
    "500 after it": effects.error_after(500),
    "503": effects.status(503),
    "truncated": effects.truncated(),
    "garbage": effects.garbage(),
    "a web page": effects.html(),
    "no tokens": effects.answer_with(Answer(200, b'{"ok": true}')),
    "tokens that are none": saying(access_token="two words of text"),
    "nothing": effects.answer_with(Answer(204, b"")),
    "hang": effects.hang(),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_refresh_token_with_an_unknown_outcome_is_never_sent_again(
    name: str, expired: Config, sandbox: Sandbox
) -> None:
    sandbox.faults.add(UNKNOWN[name], path=TOKEN)
    hurried = having(expired, timeout_seconds=1.0)
    before = tokens(expired)
    for _ in range(3):
        error = error_of(hurried)
        assert isinstance(error, Unauthorized)
        assert LOGIN in str(error)
    assert token_requests(sandbox) == 1
    assert tokens(expired) == before


def test_login_ends_the_trouble(expired: Config, sandbox: Sandbox) -> None:
    assert expired.api.oauth
    sandbox.faults.add(effects.lost_response(), path=TOKEN)
    error_of(expired)
    store_tokens(expired.api.oauth, sandbox.oauth.grant(), threading.Event())
    sandbox.oauth.expire()
    with connected(expired) as api:
        api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == 2


def test_token_that_is_still_valid_is_used_after_a_refresh_in_vain(
    config: Config, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    made = with_oauth(config, sandbox, created_at=1, expires_in=172_800)  # it seems to be old
    sandbox.faults.add(effects.lost_response(), path=TOKEN, count=None)
    with connected(made) as api:
        for _ in range(3):
            api.fetch(ACCOUNT)
    assert token_requests(sandbox) == 1
    (said,) = [record.message for record in caplog.records if "using the current token" in record.message]
    assert LOGIN in said


@pytest.fixture
def holding() -> Iterator[tuple[str, threading.Event, list[bytes], threading.Event]]:
    """A token endpoint that answers all but the last byte: its address, an event for that, what it received, and an
    event that lets it end."""
    is_answered, end, received = threading.Event(), threading.Event(), list[bytes]()
    body = json.dumps({"access_token": "a" * 20 + "xyz", "refresh_token": "r" * 20 + "xyz"}).encode()

    def answer(listening: socket.socket) -> None:
        while not end.is_set():
            connection, _ = listening.accept()
            with connection:
                data = b""
                while b"refresh_token" not in data and (part := connection.recv(65536)):
                    data += part
                if data:
                    received.append(data)
                    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                    connection.sendall(head.encode() + body[:-1])
                    is_answered.set()
                    end.wait(100)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}/oauth/token", is_answered, received, end
        end.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(100)


def test_kill_between_the_answer_and_the_file_leaves_a_sentence_that_says_login(
    config: Config,
    sandbox: Sandbox,
    environ: dict[str, str],
    cksync: Command,
    holding: tuple[str, threading.Event, list[bytes], threading.Event],
) -> None:
    url, is_answered, received, _ = holding
    made = with_oauth(config, sandbox, token_url=url)
    sandbox.oauth.expire()
    env = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(made.api.oauth)}
    with subprocess.Popen([sys.executable, "-m", "cksync", "check"], env={**environ, **env}) as process:
        assert is_answered.wait(100)
        process.send_signal(signal.SIGKILL)
    done = cksync("check", env=env, ok=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert LOGIN in done.stderr
    assert len(received) == 1


def test_tokens_that_a_killed_process_had_written_are_put_in_place(expired: Config, sandbox: Sandbox) -> None:
    """It died between writing and renaming: the old refresh token is spent, the new one is in the other file."""
    path = expired.api.oauth
    assert path
    with locked_tokens(path, threading.Event()) as locked:
        locked.mark(locked.read())
    newer = sandbox.oauth.grant()
    write_tokens(path.with_name(".oauth.json.new"), newer)
    with connected(expired) as api:
        api.fetch(ACCOUNT)
    assert tokens(expired) == newer
    assert sandbox.oauth.refreshed == 0


def test_tokens_that_a_killed_process_had_written_in_part_are_ignored(expired: Config, sandbox: Sandbox) -> None:
    path = expired.api.oauth
    assert path
    with locked_tokens(path, threading.Event()) as locked:
        locked.mark(locked.read())
    path.with_name(".oauth.json.new").write_text(json.dumps(sandbox.oauth.grant())[:-9])
    assert LOGIN in str(error_of(expired))


# -- a refresh that was certainly not executed


def test_refresh_is_tried_again_after_429(expired: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.retry_later(), path=TOKEN, count=2)
    with connected(having(expired, rate_period_seconds=0.1)) as api:
        api.fetch(ACCOUNT)
    assert (sandbox.oauth.refreshed, token_requests(sandbox)) == (1, 3)


def test_unreachable_token_endpoint_costs_no_token(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, token_url=f"http://127.0.0.1:{closed_port()}/oauth/token")
    sandbox.oauth.expire()
    error = error_of(having(made, rate_period_seconds=0.1))
    assert isinstance(error, ApiUnavailable)
    assert "refuses the connection (check token_url in oauth.json and api.base_url)" in str(error)
    values = tokens(made)
    del values["token_url"]
    assert made.api.oauth
    write_tokens(made.api.oauth, values)
    with connected(made) as api:
        api.fetch(ACCOUNT)
    assert sandbox.oauth.refreshed == 1


@pytest.mark.parametrize("in_the_way", [".oauth.json.new", "oauth.json.lock"])
def test_file_that_cannot_be_replaced_is_found_out_before_the_token_is_spent(
    in_the_way: str, expired: Config, sandbox: Sandbox
) -> None:
    assert expired.api.oauth
    obstacle = expired.api.oauth.with_name(in_the_way)
    obstacle.mkdir()
    error = error_of(expired)
    assert isinstance(error, Failed)
    assert str(error).endswith("Is a directory; nothing was refreshed")
    assert token_requests(sandbox) == 0
    obstacle.rmdir()
    with connected(expired) as api:
        api.fetch(ACCOUNT)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_read_only_folder_is_found_out_before_the_token_is_spent(expired: Config, sandbox: Sandbox) -> None:
    assert expired.api.oauth
    folder = expired.api.oauth.parent / "etc"
    folder.mkdir()
    moved = having(expired, oauth=expired.api.oauth.rename(folder / "oauth.json"))
    folder.chmod(0o500)
    error = error_of(moved)
    folder.chmod(0o700)
    assert str(error).endswith("Permission denied; nothing was refreshed")
    assert token_requests(sandbox) == 0


def test_full_disk_is_found_out_before_the_token_is_spent(
    expired: Config, sandbox: Sandbox, environ: dict[str, str]
) -> None:
    """A limit on the size of files is to a program like a full disk."""
    env = {**environ, "CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(expired.api.oauth)}
    before = tokens(expired)
    settings = expired.data_dir.parent / "small.toml"
    settings.write_text("[api]\nrate_limit = 100\n")
    done = subprocess.run(
        [sys.executable, "-m", "cksync", "check"],
        env={**env, "CKSYNC_CONFIG": str(settings)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, 8_000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.endswith("cannot be replaced: File too large; nothing was refreshed\n")
    assert token_requests(sandbox) == 0
    assert tokens(expired) == before


# -- a refusal


def test_refresh_token_that_is_refused_is_not_sent_again(expired: Config, sandbox: Sandbox) -> None:
    sandbox.oauth.refresh.clear()
    for _ in range(2):
        error = error_of(expired)
        assert isinstance(error, Unauthorized)
        assert LOGIN in str(error)
    assert token_requests(sandbox) == 1


def test_wrong_client_is_named_and_can_be_corrected(config: Config, sandbox: Sandbox) -> None:
    right = with_oauth(config, sandbox)
    values = tokens(right)
    assert right.api.oauth
    write_tokens(right.api.oauth, {**values, "client_secret": "not-the-secret-of-it"})
    sandbox.oauth.expire()
    error = error_of(right)
    assert "(invalid_client: Client authentication failed); check client_id and client_secret in " in str(error)
    write_tokens(right.api.oauth, values)
    with connected(right) as api:
        api.fetch(ACCOUNT)


def test_wrong_address_of_the_endpoint_is_named(config: Config, sandbox: Sandbox) -> None:
    made = with_oauth(config, sandbox, token_url=f"{sandbox.url_v4}/nowhere")
    sandbox.oauth.expire()
    error = error_of(made)
    assert str(error).endswith("oauth.json and api.base_url")
    assert "responded with 404 (Not Found); check token_url in " in str(error)


@pytest.mark.parametrize("text", ["The access token was revoked", "The access token is invalid"])
def test_token_that_is_not_accepted_says_login_without_a_refresh(text: str, oauth: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(401, json.dumps({"errors": [text]})), path="/v4/account", count=None)
    error = error_of(oauth)
    assert f"rejects the OAuth token with api.version v4 ({text}): run `cksync login`" in str(error)
    assert token_requests(sandbox) == 0


def test_account_that_lost_its_access_is_shown_the_reason_of_the_api(oauth: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(401, '{"errors": ["Your trial is over"]}'), path="/v4/account", count=None)
    error = error_of(oauth)
    assert "(Your trial is over): the text in parentheses is Kit's reason" in str(error)
    assert LOGIN not in str(error)


# -- the file

GOOD: dict[str, object] = {
    "client_id": "the-client",
    "access_token": "CANARY-access-0123456789",
    "refresh_token": "CANARY-refresh-0123456789",
}
BAD: dict[str, tuple[str, str]] = {
    "no JSON": ("CANARY", "is not a token file"),
    "a list": ("[1]", "is not a token file"),
    "nothing": ("", "is not a token file"),
    "too deep": ("[" * 5000, "is not a token file"),
    "no text": ("\udcff", "is not a token file"),
    **{
        f"no {name}": (json.dumps({**GOOD, name: value}), f"has no valid {name}")
        for name, value in [
            ("client_id", None),
            ("client_id", "two words"),
            ("access_token", ""),
            ("access_token", 7),
            ("access_token", "CANARY\nX-Injected: header"),
            ("access_token", "CANARY-ümläut-0123456789"),
            ("refresh_token", "short"),
            ("client_secret", ["CANARY"]),
            ("token_url", "ftp://CANARY"),
            ("token_url", "http://[CANARY"),
        ]
    },
}


@pytest.mark.parametrize("name", BAD)
def test_file_without_tokens_gives_one_sentence_that_says_login(name: str, oauth: Config) -> None:
    content, fault = BAD[name]
    assert oauth.api.oauth
    oauth.api.oauth.write_bytes(content.encode(errors="surrogateescape"))
    error = error_of(oauth)
    assert isinstance(error, BadConfig)
    assert str(error) == f"api.oauth: {oauth.api.oauth} {fault}; run `cksync login`"


def test_file_that_is_missing_or_a_folder_says_so(oauth: Config) -> None:
    path = oauth.api.oauth
    assert path
    path.unlink()
    assert str(error_of(oauth)) == f"api.oauth: {path} does not exist; run `cksync login`"
    path.mkdir()
    assert str(error_of(oauth)) == f"api.oauth: {path} cannot be read: Is a directory; run `cksync login`"


def test_secret_in_place_of_the_path_is_not_shown(oauth: Config) -> None:
    error = error_of(having(oauth, oauth=Path("/tmp/CANARY-0123456789")))
    assert "CANARY" not in str(error)


def test_file_behind_a_pipe_is_not_waited_for(oauth: Config) -> None:
    path = oauth.api.oauth
    assert path
    path.unlink()
    os.mkfifo(path)
    assert LOGIN in str(error_of(oauth))


def test_tokens_are_not_shown_by_their_own_text(oauth: Config) -> None:
    assert oauth.api.oauth
    found = read_tokens(oauth.api.oauth)
    assert not any(secret in f"{found} {found!r}" for secret in found.secrets)


# -- secrets


@pytest.mark.heavy
def test_no_token_appears_in_any_output_or_file_of_the_data_folder(
    config: Config, sandbox: Sandbox, cksync: Command
) -> None:
    """Not the old tokens, not the new ones, whatever the API repeats of them."""
    made = with_oauth(config, sandbox)
    assert made.api.oauth
    env = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(made.api.oauth)}
    secrets = set(read_tokens(made.api.oauth).secrets)

    def repeated(request: Request, handle: Handler) -> Answer:
        token = request.headers["authorization"].removeprefix("Bearer ")
        return Answer(403, json.dumps({"errors": [f"not with {token}"]}).encode())

    def from_the_endpoint(request: Request, handle: Handler) -> Answer:
        said = {"error": "invalid_client", "error_description": f"no {request.given['refresh_token']}"}
        return Answer(401, json.dumps(said).encode())

    said: list[subprocess.CompletedProcess[str]] = []
    for effect, path in [(None, ""), (repeated, "/v4/account"), (from_the_endpoint, TOKEN), (None, "")]:
        sandbox.faults.clear()
        sandbox.oauth.expire()
        if effect is not None:
            sandbox.faults.add(effect, path=path, count=None, where=lambda request: "authorization" in request.headers)
        said.append(cksync("-vv", "pull", env=env, ok=False))
        secrets |= set(read_tokens(made.api.oauth).secrets)
    assert sandbox.oauth.refreshed >= 3
    assert len(secrets) >= 7
    printed = [text for done in said for text in (done.stdout, done.stderr)]
    stored = [path.read_bytes().decode(errors="replace") for path in config.data_dir.rglob("*") if path.is_file()]
    beside = (made.api.oauth.parent / "oauth.json.lock").read_text()
    assert not [secret for secret in secrets for text in (*printed, *stored, beside) if secret in text]
    assert "***" in "".join(printed)
