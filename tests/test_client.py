"""The client: every way a request can fail, over real HTTP, and the resulting message."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import cksync
from cksync.api import Stopped
from cksync.api.http import ATTEMPTS
from cksync.api.v3.catalog import ask_one, ask_page
from cksync.config import Config
from cksync.domain import ACTIVE, BY_ID, Page, whole
from cksync.errors import ApiUnavailable, CksyncError, Failed, Rejected, Unauthorized
from cksync.secrets import SecretRef
from kit_sandbox import Answer, Behaviour, Effect, Sandbox, World, effects, serve
from tests.support.connecting import closed_port, connected, having

ACCOUNT = ask_page(whole("account"), 1)


def error_of(config: Config) -> CksyncError:
    """Return the error of requesting the account."""
    with connected(config) as api, pytest.raises(CksyncError) as caught:
        api.fetch(ACCOUNT)
    return caught.value


def body(text: str | bytes, **headers: str) -> Effect:
    """A 200 with any body."""
    return effects.answer_with(Answer(200, text if isinstance(text, bytes) else text.encode(), headers=headers))


# -- failures that a retry fixes

PASSING: Mapping[str, tuple[Effect, int | None, str]] = {
    "429": (effects.retry_later(), 429, "429: another program is using up this key's rate limit"),
    "500 in HTML": (effects.status(500), 500, "500 from "),
    "502 in HTML": (effects.status(502), 502, "502 from "),
    "503 empty": (effects.status(503), 503, "503 from "),
    "truncated": (effects.truncated(), 200, "the response broke off"),
    "bad gzip": (effects.bad_gzip(), 200, "the response broke off"),
    "half a JSON": (effects.garbage(), 200, "the response contains something that is not JSON"),
    "a web page": (effects.html(), 200, "the response contains an HTML page"),
    "nothing": (body(""), 200, "the response contains nothing"),
    "a number": (body("12"), 200, "the response contains something that is not JSON"),
    "unexpected structure": (body('{"ok": true}'), 200, "not a response of the API"),
    "a list": (body("[1]"), 200, "not a response of the API"),
    "an account without an address": (body('{"primary_email_address": null}'), 200, "not a response of the API"),
    "brackets without end": (body("[" * 100_000), 200, "the response contains something that is not JSON"),
    "brackets too deep": (body('{"a":' + "[" * 5000 + "]" * 5000 + "}"), 200, "the response contains something"),
    "invalid UTF-8": (effects.invalid_utf8(), 200, "the response contains something that is not JSON"),
    "lone surrogate": (effects.lone_surrogate(), 200, "the response contains something that is not JSON"),
    "reset": (effects.reset(), None, "the connection to "),
    "hang": (effects.hang(), None, "no response from "),
    "drip": (effects.drip(), 200, "no complete response within 1 s"),
}


@pytest.mark.parametrize("name", PASSING)
def test_a_passing_fault_costs_one_more_try_and_is_noted(name: str, config: Config, sandbox: Sandbox) -> None:
    effect, status, problem = PASSING[name]
    sandbox.faults.add(effect)
    with connected(having(config, timeout_seconds=1.0 if name in ("hang", "drip") else 100.0)) as api:
        page = api.fetch(ACCOUNT)
    first, second = page.attempts
    assert page.records[0].key == "owner@example.com"
    assert (first.endpoint, first.status, first.rows) == ("account", status, None)
    assert first.problem is not None
    assert first.problem.startswith(problem)
    assert (second.status, second.rows, second.problem) == (200, 1, None)


def test_a_full_window_at_the_server_is_waited_out(config: Config, world: World) -> None:
    """Another program uses the key: the client's own limit is far higher than the server's."""
    with (
        serve(world, rate_limit=4, rate_period_seconds=0.4) as strict,
        connected(having(config, base_url=strict.url, rate_limit=1000, rate_period_seconds=0.4)) as api,
    ):
        pages = [api.fetch(ACCOUNT) for _ in range(10)]
    assert len(pages) == 10
    assert strict.violations() > 0


def test_a_429_keeps_the_other_threads_from_the_door_too(config: Config, world: World) -> None:
    with (
        serve(world, rate_limit=6, rate_period_seconds=0.4) as strict,
        connected(having(config, base_url=strict.url, rate_limit=1000, rate_period_seconds=0.4, concurrency=8)) as api,
        ThreadPoolExecutor(8) as pool,
    ):
        pages = list(pool.map(lambda _: api.fetch(ACCOUNT), range(16)))
    assert len(pages) == 16
    assert strict.journal.count(status=200) == 16


@pytest.mark.parametrize("effect", [effects.drip(0.001), effects.latency(0.05)], ids=["drip", "latency"])
@pytest.mark.parametrize("gzip", [False, True])
def test_a_slow_answer_within_the_time_out_is_taken_at_once(
    effect: Effect, gzip: bool, config: Config, sandbox: Sandbox
) -> None:
    sandbox.behaviour = Behaviour(gzip=gzip)
    sandbox.faults.add(effect)
    with connected(config) as api:
        assert len(api.fetch(ACCOUNT).attempts) == 1


@pytest.mark.parametrize("space", ["\n", " \t\r\n"])
def test_space_before_the_json_is_no_fault(space: str, config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(body(space + '{"primary_email_address": "a@example.com"}'))
    with connected(config) as api:
        assert len(api.fetch(ACCOUNT).attempts) == 1


# -- text that strict JSON always refuses


def lenient(config: Config, sandbox: Sandbox, effect: Effect) -> Page:
    sandbox.faults.add(effect, count=None)
    with connected(config) as api:
        return api.fetch(ACCOUNT)


@pytest.mark.parametrize("effect", [effects.lone_surrogate(), effects.invalid_utf8()], ids=["surrogate", "UTF-8"])
def test_what_stays_no_unicode_is_read_with_a_replacement_and_reported(
    effect: Effect, config: Config, sandbox: Sandbox
) -> None:
    page = lenient(config, sandbox, effect)
    assert json.loads(page.records[0].text or b"")["name"].startswith("\N{REPLACEMENT CHARACTER}")
    assert len(page.attempts) == 3
    assert page.attempts[-1].problem == "invalid Unicode in the text was replaced"


def test_reading_leniently_changes_nothing_but_the_lone_half(config: Config, sandbox: Sandbox) -> None:
    text = r'{"name": "\ud83d\ude00 \udc00\ud800 \\ud800 \"\u00e4", "primary_email_address": "a@example.com"}'
    page = lenient(config, sandbox, body(text))
    assert json.loads(page.records[0].text or b"")["name"] == '😀 �� \\ud800 "ä'


def test_garbage_that_stays_garbage_is_never_read_leniently(config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.garbage(), count=3)
    with connected(config) as api:
        assert len(api.fetch(ACCOUNT).attempts) == 4


# -- failures that no retry fixes

REFUSALS: Mapping[str, tuple[int, str, type[CksyncError], str]] = {
    "no credential": (
        401,
        '{"error": "Authorization Failed", "message": "API Key not present"}',
        Unauthorized,
        r"API Key not present\): no credential was received; set CKSYNC_API_SECRET",
    ),
    "a wrong one": (
        401,
        '{"error": "Authorization Failed", "message": "API Key not valid"}',
        Unauthorized,
        r"API Key not valid\): the secret is wrong .* copy the API Secret from Kit's settings",
    ),
    "the public one": (
        401,
        '{"message": "You do not have sufficient permissions to access this resource"}',
        Unauthorized,
        r"this is the public API key; a mirror needs the API Secret",
    ),
    "401 in HTML": (401, "<html>", Unauthorized, r"no reason given\): check the API Secret"),
    "403": (403, "", Unauthorized, r"responded with 403 .*the account has no access to API v3"),
    "410": (410, "", Failed, "API v3 appears to be switched off; the mirror is unchanged"),
    "400": (400, '{"error": "Bad Request", "message": ""}', ApiUnavailable, "responded with 400: Bad Request"),
    "422": (422, "<html>", ApiUnavailable, "responded with 422: no reason given"),
    "204": (204, "", ApiUnavailable, "responded with 204: no reason given"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_ends_the_run_at_once_with_what_to_do(name: str, config: Config, sandbox: Sandbox) -> None:
    status, text, kind, sentence = REFUSALS[name]
    sandbox.faults.add(effects.status(status, text), count=None)
    error = error_of(config)
    assert type(error) is kind
    with pytest.raises(CksyncError, match=sentence):
        raise error
    assert [(attempt.status, attempt.problem) for attempt in error.attempts] == [(status, str(error))]
    assert len(sandbox.journal) == 1


def test_the_apis_own_words_cannot_write_on_the_terminal(config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.status(403, json.dumps({"message": "one\ntwo\x1b[2Jthree"})))
    assert "(one two [2Jthree)" in str(error_of(config))


def test_the_sandbox_turns_a_wrong_secret_down(config: Config, tmp_path: Path) -> None:
    error = error_of(having(config, api_secret=SecretRef("not-the-secret", "api.api_secret", tmp_path)))
    assert "API Key not valid" in str(error)


def test_the_public_key_alone_is_distinguished_from_the_secret(
    config: Config, sandbox: Sandbox, tmp_path: Path
) -> None:
    key = SecretRef(sandbox.api_key, "api.api_key", tmp_path)
    with (
        connected(having(config, api_secret=None, api_key=key)) as api,
        pytest.raises(Unauthorized, match="public API key"),
    ):
        api.fetch(ask_page(ACTIVE, 1))


def test_an_address_that_knows_no_account_is_the_callers_mistake(config: Config, sandbox: Sandbox) -> None:
    error = error_of(having(config, base_url=f"{sandbox.url}/nowhere"))
    assert type(error) is Rejected
    assert (
        str(error)
        == "GET account does not exist there (404): api.base_url must be the address of API v3, ending in /v3"
    )


def test_a_redirect_is_named_and_not_followed(config: Config, sandbox: Sandbox) -> None:
    with serve(World(), rate_limit=None) as other:
        sandbox.faults.add(effects.redirect(f"{other.url}/account?api_secret={sandbox.api_secret}"), count=None)
        error = error_of(config)
        host = other.url.removeprefix("http://").removesuffix("/v3")
        assert str(error).endswith(f"redirects to {host}; set api.base_url to the right address")
        assert len(other.journal) == 0


@pytest.mark.parametrize("location", ["", "/v4/account", "http://[/", "http://user:word@[::1", "\x7f"])
def test_a_redirect_to_nowhere_is_a_sentence_too(location: str, config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.redirect(location), count=None)
    assert isinstance(error_of(config), Failed)


@pytest.mark.parametrize("date", ["", "soon", "Mon, 99 Foo 2020", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_date_header_that_is_none_is_no_fault(date: str, config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(body('{"primary_email_address": "a@example.com"}', Date=date))
    with connected(config) as api:
        assert api.fetch(ACCOUNT).server_at is None


# -- tries are limited


@pytest.mark.heavy
def test_seven_tries_in_vain_end_with_what_to_check(config: Config, tmp_path: Path) -> None:
    """In parallel, since each waits a quarter of a minute in all."""

    def ends(place: int, url: str) -> str:
        error = error_of(having(replace(config, data_dir=tmp_path / str(place)), base_url=url))
        assert isinstance(error, ApiUnavailable)
        assert [attempt.status for attempt in error.attempts] == [None] * ATTEMPTS
        return str(error)

    port = closed_port()
    with ThreadPoolExecutor() as pool:
        refused, unknown = pool.map(ends, range(2), [f"http://127.0.0.1:{port}/v3", "http://nope.invalid/v3"])
    assert refused.startswith(f"GET account: 127.0.0.1:{port} refuses the connection")
    assert unknown.startswith("GET account: the name nope.invalid cannot be resolved")
    for sentence in (refused, unknown):
        assert "api.base_url)" in sentence
        assert sentence.endswith("(tried 7 times); try again later")


def test_429s_without_end_are_given_up(config: Config, sandbox: Sandbox) -> None:
    sandbox.faults.add(effects.retry_later(), count=None)
    error = error_of(having(config, rate_period_seconds=0.1))
    assert isinstance(error, ApiUnavailable)
    assert [attempt.status for attempt in error.attempts] == [429] * ATTEMPTS
    assert len(sandbox.journal) == ATTEMPTS


@pytest.mark.parametrize("effect", [effects.status(500), effects.retry_later()], ids=["500", "429"])
def test_no_further_try_is_made_once_the_run_is_ending(effect: Effect, config: Config, sandbox: Sandbox) -> None:
    stop = threading.Event()
    sandbox.faults.add(effect, count=None)
    sandbox.faults.add(effects.edit_before(stop.set))
    with connected(having(config, rate_period_seconds=3600.0), stop) as api, pytest.raises(Stopped):
        api.fetch(ACCOUNT)
    assert len(sandbox.journal) == 1


# -- single records


def test_a_404_of_one_record_is_an_answer_and_becomes_a_tombstone(config: Config) -> None:
    with connected(config) as api:
        page = api.fetch(ask_one(BY_ID, "1", 1))
    assert page.is_missing
    assert [(record.key, record.text) for record in page.records] == [("1", None)]


def test_another_record_than_the_one_asked_for_is_not_trusted(config: Config, sandbox: Sandbox) -> None:
    wanted, other = list(sandbox.world.subscribers)[:2]
    sandbox.faults.add(effects.set_key("id", other))
    with connected(config) as api:
        page = api.fetch(ask_one(BY_ID, str(wanted), 1))
    assert [record.key for record in page.records] == [str(wanted)]
    assert page.attempts[0].problem is not None


# -- what is sent


class Listener:
    """A plain server of the standard library that answers as /account and keeps what it received.

    It closes the first `hangs_up` connections before any handshake.
    """

    def __init__(self, context: ssl.SSLContext | None = None, hangs_up: int = 0) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                listener.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
                content = b'{"primary_email_address": "owner@example.com"}'
                self.send_response(200)
                self.send_header("Set-Cookie", "session=1; path=/")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            left = hangs_up

            def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
                connection, address = super().get_request()
                if self.left:
                    self.left -= 1
                    connection.recv(1 << 16)
                    connection.close()
                    raise OSError("hung up")
                return (context.wrap_socket(connection, server_side=True) if context else connection), address

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Listener":
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as running:
        yield running


def test_cookies_are_not_kept(config: Config, listener: Listener) -> None:
    with connected(having(config, base_url=f"http://{listener.host}/v3")) as api:
        api.fetch(ACCOUNT)
        api.fetch(ACCOUNT)
    assert [headers.get("cookie") for _, headers in listener.asked] == [None, None]


def test_requests_say_who_asks(config: Config, listener: Listener) -> None:
    with connected(having(config, base_url=f"http://{listener.host}/v3")) as api:
        api.fetch(ACCOUNT)
    assert listener.asked[0][1]["user-agent"] == f"cksync/{cksync.__version__}"


def test_passwords_of_other_programs_are_not_sent(
    config: Config, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with connected(having(config, base_url=f"http://{listener.host}/v3")) as api:
        api.fetch(ACCOUNT)
    assert "authorization" not in listener.asked[0][1]


def test_the_proxy_of_the_environment_is_used(
    config: Config, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://{listener.host}")
    with connected(having(config, base_url="http://nope.invalid/v3")) as api:
        api.fetch(ACCOUNT)
    assert listener.asked[0][0].startswith("http://nope.invalid/v3/account?")


def test_a_request_notes_its_parameters_without_the_credential(config: Config, sandbox: Sandbox) -> None:
    with connected(config) as api:
        page = api.fetch(ask_page(ACTIVE, 2))
    assert [(attempt.endpoint, attempt.params) for attempt in page.attempts] == [("subscribers", "page=2")]


# -- certificates


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An unsigned certificate for 127.0.0.1, and its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
        f" -addext subjectAltName=IP:127.0.0.1 -addext keyUsage=critical,digitalSignature,keyCertSign"
        f" -keyout {path} -out {path}.crt".split(),
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Listener]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Listener(context) as running:
        yield running


def test_an_untrusted_certificate_ends_the_run_before_anything_is_sent(config: Config, secure: Listener) -> None:
    error = error_of(having(config, base_url=f"https://{secure.host}/v3"))
    assert isinstance(error, Failed)
    assert str(error).startswith(f"the certificate of {secure.host} is not trusted; check api.base_url, the clock")
    assert len(error.attempts) == 1
    assert secure.asked == []


def test_a_handshake_that_breaks_off_is_tried_again(
    config: Config, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with (
        Listener(context, hangs_up=1) as hasty,
        connected(having(config, base_url=f"https://{hasty.host}/v3")) as api,
    ):
        first, second = api.fetch(ACCOUNT).attempts
    assert first.problem == f"the TLS connection to {hasty.host} broke (check api.base_url)"
    assert second.status == 200


def test_a_certificate_that_the_environment_trusts_is_accepted(
    config: Config, secure: Listener, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with connected(having(config, base_url=f"https://{secure.host}/v3")) as api:
        assert api.fetch(ACCOUNT).records[0].key == "owner@example.com"


def test_a_missing_file_of_certificates_gives_a_message(
    config: Config, secure: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    error = error_of(having(config, base_url=f"https://{secure.host}/v3"))
    assert "the environment's proxy and certificate settings" in str(error)
