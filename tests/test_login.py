"""`cksync login` and `logout`: a real process, a real listener, and an HTTP client in place of the browser."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from cksync.api.login import authorization, code_in
from cksync.api.token_file import read_tokens
from cksync.errors import CksyncError, Refused, Rejected, Unauthorized
from kit_sandbox import Sandbox, effects
from kit_sandbox.v4.oauth import CLIENT_ID, CLIENT_SECRET, PUBLIC_CLIENT_ID, REVOKED
from tests.conftest import Command, some, some_rows
from tests.support.connecting import closed_port, write_tokens

FIRST = ("--client-id", PUBLIC_CLIENT_ID)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def visited(address: str) -> tuple[int, str]:
    """Open an address like a browser that follows no redirect; return the status, and where it leads or the body."""
    try:
        with urllib.request.build_opener(_NoRedirect).open(address, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location") or error.read().decode()


class Login:
    """A login under way; `address` is the one it printed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stderr is not None
        self.said, self.address = "", ""
        for line in process.stderr:
            self.said += line
            if line.startswith("http"):
                self.address = line.strip()
                break

    @property
    def redirect_uri(self) -> str:
        return parse_qs(urlsplit(self.address).query)["redirect_uri"][0]

    @property
    def state(self) -> str:
        return parse_qs(urlsplit(self.address).query)["state"][0]

    def answer(self, **given: str) -> int:
        """Send the listener an answer of one's own; return the status of its page."""
        return visited(f"{self.redirect_uri}?{urlencode(given)}")[0]

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit status, stdout and stderr."""
        out, errors = self.process.communicate(timeout=100)
        return self.process.returncode, out, self.said + errors

    def failure(self) -> tuple[int, str]:
        """Wait for the end; return the exit status and the one sentence it ends with."""
        status, out, errors = self.end()
        assert out == ""
        (sentence,) = [line for line in errors.splitlines() if line.startswith("cksync: ")]
        return status, sentence.removeprefix("cksync: ")


Start = Callable[..., Login]


@pytest.fixture
def env(sandbox: Sandbox, environ: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a login: API v4 and the place of the tokens, without any secret."""
    given = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(tmp_path / "oauth.json")}
    return {**{name: value for name, value in environ.items() if name != "CKSYNC_API_SECRET"}, **given}


@pytest.fixture
def login(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start `cksync login` with a listener on any free port, and return when it has printed the address."""
    with contextlib.ExitStack() as held:

        def start(*arguments: str, more: Mapping[str, str] | None = None) -> Login:
            process = held.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "cksync", "login", "--port", "0", *arguments],
                    cwd=tmp_path,
                    env={**env, **(more or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            held.callback(process.kill)
            return Login(process)

        yield start


def stored(tmp_path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((tmp_path / "oauth.json").read_text())
    return values


# -- the browser's way


def test_login_by_browser_stores_tokens_tests_them_and_says_what_is_next(
    login: Start, sandbox: Sandbox, tmp_path: Path
) -> None:
    begun = login(*FIRST)
    status, target = visited(begun.address)
    assert status == 302
    assert visited(target)[0] == 200
    status, out, _ = begun.end()
    assert status == 0
    path = tmp_path / "oauth.json"
    assert out.startswith(f"wrote {path}\naccount: Acme Corp. <owner@example.com>\ncredentials: accepted, ")
    assert "which may read and write, expires at " in out
    assert out.endswith("next: `cksync pull`\n")
    assert path.stat().st_mode & 0o777 == 0o600
    values = stored(tmp_path)
    assert sandbox.oauth.problem_of(values["access_token"]) is None
    assert values["client_id"] == PUBLIC_CLIENT_ID
    assert "client_secret" not in values
    assert not list(tmp_path.glob(".oauth.json*"))


@pytest.mark.heavy
def test_browser_is_opened_where_there_is_one(login: Start, tmp_path: Path) -> None:
    """$BROWSER names a program that follows the address to the end."""
    program = tmp_path / "browser"
    program.write_text(f"#!{sys.executable}\nimport sys, urllib.request\nurllib.request.urlopen(sys.argv[1]).read()\n")
    program.chmod(0o700)
    status, out, _ = login(*FIRST, more={"BROWSER": f"{program} %s"}).end()
    assert (status, out.startswith("wrote ")) == (0, True)


@pytest.mark.heavy
def test_requests_of_anything_else_do_not_end_the_login(login: Start) -> None:
    begun = login(*FIRST)
    base = begun.redirect_uri.removesuffix("/callback")
    assert visited(f"{base}/favicon.ico")[0] == 404
    assert visited(begun.redirect_uri)[0] == 400
    idle = urlsplit(base)
    assert idle.hostname
    assert idle.port
    with socket.create_connection((idle.hostname, idle.port)):  # a connection that a browser opens and leaves
        visited(visited(begun.address)[1])
        assert begun.end()[0] == 0


def test_app_with_a_secret_logs_in_and_is_remembered(login: Start, sandbox: Sandbox, tmp_path: Path) -> None:
    begun = login("--client-id", CLIENT_ID, "--client-secret", "env:APP_SECRET", more={"APP_SECRET": CLIENT_SECRET})
    visited(visited(begun.address)[1])
    assert begun.end()[0] == 0
    first = stored(tmp_path)
    assert first["client_secret"] == CLIENT_SECRET
    begun = login()
    visited(visited(begun.address)[1])
    assert begun.end()[0] == 0
    second = stored(tmp_path)
    assert (second["client_id"], second["client_secret"]) == (CLIENT_ID, CLIENT_SECRET)
    assert second["access_token"] != first["access_token"]


def test_another_app_does_not_get_the_secret_of_the_first(login: Start, sandbox: Sandbox, tmp_path: Path) -> None:
    write_tokens(tmp_path / "oauth.json", sandbox.oauth.grant())
    begun = login(*FIRST)
    visited(visited(begun.address)[1])
    assert begun.end()[0] == 0
    assert "client_secret" not in stored(tmp_path)


def test_login_after_v3_says_which_settings_to_change(
    login: Start, sandbox: Sandbox, tmp_path: Path, env: dict[str, str]
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'data_dir = "data"\n[api]\nbase_url = "{sandbox.url}"\n')
    more = {"CKSYNC_CONFIG": str(settings), "CKSYNC_OAUTH": "", "CKSYNC_BASE_URL": "", "CKSYNC_DATA_DIR": ""}
    begun = login(*FIRST, more=more)
    visited(visited(begun.address)[1])
    status, out, _ = begun.end()
    assert status == 0
    said = f'oauth = "oauth.json", version = "v4", base_url = "{sandbox.url_v4}"'
    assert out.endswith(f"next: set {said} below [api] in {settings}; then `cksync pull`\n")


def test_given_port_is_used(login: Start) -> None:
    port = closed_port()
    begun = login(*FIRST, "--port", str(port))
    assert begun.redirect_uri == f"http://127.0.0.1:{port}/callback"
    visited(visited(begun.address)[1])
    assert begun.end()[0] == 0


# -- pasting


@pytest.mark.parametrize("form", ["address", "query", "code"])
def test_answer_can_be_pasted(form: str, login: Start, sandbox: Sandbox, env: dict[str, str], tmp_path: Path) -> None:
    redirect = "https://example.com/cksync"
    with subprocess.Popen(
        [sys.executable, "-m", "cksync", "login", "--paste", "--redirect-uri", redirect, *FIRST],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        begun = Login(process)
        target = visited(begun.address)[1]
        assert target.startswith(f"{redirect}?")
        query = urlsplit(target).query
        pasted = {"address": target, "query": query, "code": parse_qs(query)["code"][0]}[form]
        out, _ = process.communicate(f"{pasted}\n", timeout=100)
    assert process.returncode == 0
    assert "account: Acme Corp. <owner@example.com>" in out
    assert stored(tmp_path)["redirect_uri"] == redirect


def pasted(cksync: Command, env: dict[str, str], answer: str, *arguments: str, **more: str) -> tuple[int, str]:
    """Paste an answer; return the exit status and the one sentence of the failure."""
    done = cksync("login", "--paste", *(arguments or FIRST), env={**env, **more}, ok=False, stdin=answer)
    assert done.stdout == ""
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("cksync: ")]
    return done.returncode, sentence.removeprefix("cksync: ")


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ("", 2, "nothing was pasted"),
        ("https://example.com/\n", 2, "the answer contains no code"),
        ("https://example.com/?code=abc&state=of-another\n", 4, "the answer belongs to another login"),
        ("https://example.com/?code=abc\n", 4, "the answer belongs to another login"),
        ("https://example.com/?error=access_denied\n", 2, "access was denied (access_denied)"),
        ("abcdef\n", 2, "127.0.0.1:"),
    ],
)
def test_pasted_answer_that_is_none_gives_one_sentence(
    answer: str, status: int, said: str, cksync: Command, env: dict[str, str], tmp_path: Path
) -> None:
    found = pasted(cksync, env, answer)
    assert found[0] == status
    assert found[1].startswith(said)
    assert "nothing was written" in found[1]
    assert not (tmp_path / "oauth.json").exists()


# -- failures


def test_denied_access_is_said_and_ends_with_2(login: Start, tmp_path: Path) -> None:
    begun = login(*FIRST)
    given = {"error": "access_denied", "error_description": "The owner denied it", "state": begun.state}
    assert begun.answer(**given) == 200
    assert begun.failure() == (2, "access was denied (access_denied: The owner denied it); nothing was written")
    assert not (tmp_path / "oauth.json").exists()


def test_answer_with_another_state_is_refused(login: Start, sandbox: Sandbox, tmp_path: Path) -> None:
    begun = login(*FIRST)
    begun.answer(code="abc", state="of-another")
    status, said = begun.failure()
    assert (status, said.startswith("the answer belongs to another login (its state differs)")) == (4, True)
    assert sandbox.journal.count(path="/v4/oauth/token") == 0


def test_browser_that_never_answers_ends_with_1(login: Start) -> None:
    status, said = login(*FIRST, "--timeout", "0.3").failure()
    assert status == 1
    assert "within 0.3 s; nothing was written" in said
    assert "--paste" in said


def test_taken_port_is_named(login: Start, cksync: Command, env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = cksync("login", *FIRST, "--port", port, env=env, ok=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"cksync: port {port} of 127.0.0.1 cannot be used: Address already in use; choose another with --port, or 0 for"
        " any free one\n"
    )


def test_code_that_is_too_old_is_said(login: Start, sandbox: Sandbox) -> None:
    begun = login(*FIRST)
    target = visited(begun.address)[1]
    sandbox.oauth.codes.clear()
    visited(target)
    status, said = begun.failure()
    assert status == 2
    assert "invalid_grant" in said
    assert "a code works once and for a few minutes" in said


@pytest.mark.parametrize("client", [(CLIENT_ID,), (CLIENT_ID, "--client-secret", "env:WRONG"), ("unknown-client",)])
def test_wrong_client_is_named(client: tuple[str, ...], cksync: Command, env: dict[str, str]) -> None:
    status, said = pasted(cksync, env, "code\n", "--client-id", *client, WRONG="wrong-secret-of-an-app")
    assert status == 2
    assert "(invalid_client: Client authentication failed); nothing was written; check --client-id" in said


def test_no_network_ends_with_1_after_few_tries(cksync: Command, env: dict[str, str], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{closed_port()}/v4"
    status, said = pasted(cksync, env, "code\n", CKSYNC_BASE_URL=address)
    assert status == 1
    assert said.endswith("(check the network and api.base_url); nothing was written; try again later")


def test_lost_answer_does_not_send_the_code_again(login: Start, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(effects.lost_response(), path="/v4/oauth/token", count=None)
    begun = login(*FIRST)
    visited(visited(begun.address)[1])
    status, said = begun.failure()
    assert (status, said.endswith("the code may be used up; run `cksync login` again")) == (1, True)
    assert sandbox.journal.by_path()["/v4/oauth/token"] == 1


@pytest.mark.parametrize("where", some(["missing/oauth.json", "file/oauth.json", "folder"], ["folder"]))
def test_place_that_cannot_be_written_is_found_before_the_browser_opens(
    where: str, cksync: Command, env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    done = cksync("login", *FIRST, env={**env, "CKSYNC_OAUTH": str(tmp_path / where)}, ok=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cksync: api.oauth: ")
    assert done.stderr.endswith("nothing was written\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--client-id: the first login needs the client ID of your own app"),
        (("--client-id", "two words"), "--client-id: contains characters"),
        ((*FIRST, "--client-secret", "a-literal-secret-of-an-app"), "--client-secret: give a reference"),
        ((*FIRST, "--client-secret", "env:NOT_SET"), "--client-secret: env:NOT_SET is empty; put the account's client"),
        ((*FIRST, "--redirect-uri", "https://example.com/"), "--redirect-uri needs --paste"),
    ],
)
def test_usage_is_checked_first(arguments: tuple[str, ...], said: str, cksync: Command, env: dict[str, str]) -> None:
    done = cksync("login", *arguments, env=env, ok=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"cksync: {said}")
    assert "a-literal-secret" not in done.stderr


def test_interrupted_login_writes_nothing(login: Start, tmp_path: Path) -> None:
    begun = login(*FIRST)
    begun.process.send_signal(signal.SIGINT)
    assert begun.failure() == (130, "stopped; nothing was written")
    assert not (tmp_path / "oauth.json").exists()


def test_tokens_that_the_api_rejects_are_kept_and_said(login: Start, sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(effects.status(403, '{"errors": ["Trial is over"]}', "application/json"), path="/v4/account")
    begun = login(*FIRST)
    visited(visited(begun.address)[1])
    status, out, errors = begun.end()
    assert (status, out) == (2, f"wrote {tmp_path / 'oauth.json'}\n")
    assert "Trial is over" in errors


@pytest.mark.parametrize("content", some(["", "[]", '{"client_id": 7}', "\x00"], ['{"client_id": 7}']))
def test_damaged_file_is_replaced(content: str, login: Start, tmp_path: Path) -> None:
    (tmp_path / "oauth.json").write_text(content)
    begun = login(*FIRST)
    visited(visited(begun.address)[1])
    assert begun.end()[0] == 0
    assert read_tokens(tmp_path / "oauth.json").access_token


def test_no_token_code_or_secret_is_in_any_output(
    login: Start, sandbox: Sandbox, tmp_path: Path, cksync: Command
) -> None:
    more = {"APP_SECRET": CLIENT_SECRET}
    begun = login("-vv", "--client-id", CLIENT_ID, "--client-secret", "env:APP_SECRET", more=more)
    target = visited(begun.address)[1]
    code = parse_qs(urlsplit(target).query)["code"][0]
    visited(target)
    _, out, errors = begun.end()
    values = stored(tmp_path)
    secrets = {CLIENT_SECRET, code, values["access_token"], values["refresh_token"]}
    env = {"CKSYNC_BASE_URL": sandbox.url_v4, "CKSYNC_OAUTH": str(tmp_path / "oauth.json")}
    others = [cksync("-vv", name, env=env) for name in ("check", "status", "logout")]
    said = [out, errors, *(text for done in others for text in (done.stdout, done.stderr))]
    assert not [secret for secret in secrets for text in said if secret in text]
    files = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert not [secret for secret in secrets for data in files if secret.encode() in data]


# -- logging out, and what is known of a token


@pytest.fixture
def logged_in(sandbox: Sandbox, env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    write_tokens(tmp_path / "oauth.json", sandbox.oauth.grant())
    return env


def test_logout_revokes_and_deletes(
    logged_in: dict[str, str], cksync: Command, sandbox: Sandbox, tmp_path: Path
) -> None:
    token = stored(tmp_path)["access_token"]
    done = cksync("logout", env=logged_in)
    assert done.stdout == f"revoked the token, and deleted {tmp_path / 'oauth.json'}\n"
    assert sandbox.oauth.problem_of(token) == REVOKED
    assert not (tmp_path / "oauth.json").exists()
    again = cksync("logout", env=logged_in, ok=False)
    assert (again.returncode, "there is no login to end" in again.stderr) == (2, True)
    assert "run `cksync login`" in cksync("check", env=logged_in, ok=False).stderr


@pytest.mark.parametrize(
    ("address", "values", "status", "said"),
    [
        (f"http://127.0.0.1:{closed_port()}/v4", {}, 1, "refuses the connection"),
        (
            None,
            {"client_secret": "wrong-secret-of-an-app"},
            2,
            "403 (unauthorized_client: Client authentication failed)",
        ),
    ],
    ids=["nobody there", "wrong secret"],
)
def test_token_that_cannot_be_revoked_is_kept(
    address: str | None,
    values: dict[str, Any],
    status: int,
    said: str,
    logged_in: dict[str, str],
    cksync: Command,
    tmp_path: Path,
) -> None:
    (tmp_path / "oauth.json").write_text(json.dumps({**stored(tmp_path), **values}))
    env = {**logged_in, **({"CKSYNC_BASE_URL": address} if address else {})}
    done = cksync("logout", env=env, ok=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert said in done.stderr
    assert (tmp_path / "oauth.json").exists()


def test_logout_whose_output_is_lost_is_done_all_the_same(
    logged_in: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cksync", "logout"], cwd=tmp_path, env=logged_in, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 3
    assert b"the command itself completed" in done.stderr
    assert not (tmp_path / "oauth.json").exists()


@pytest.mark.parametrize("given", some([b"\xff\xfe\n", b"\x00\n", b"x" * 100_000], [b"\xff\xfe\n"]))
def test_paste_of_anything_is_one_sentence(given: bytes, env: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cksync", "login", "--paste", *FIRST],
        cwd=tmp_path,
        env=env,
        input=given,
        capture_output=True,
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert [line for line in done.stderr.splitlines() if line.startswith(b"cksync: ") and b"internal" not in line]


@pytest.mark.parametrize(
    ("scope", "may"),
    some_rows(
        [
            ("read write", "may read and write; "),
            ("read", "may only read; "),
            ("public", 'has the scope "public"; '),
            (None, ""),
        ],
        [("read", "may only read; ")],
    ),
)
def test_status_says_what_the_token_may_do_and_until_when(
    scope: str | None, may: str, logged_in: dict[str, str], cksync: Command, tmp_path: Path, sandbox: Sandbox
) -> None:
    changed = {**stored(tmp_path), "scope": scope, "created_at": 4_000_000_000, "expires_in": 3600}
    (tmp_path / "oauth.json").write_text(json.dumps(changed))
    said = f"{may}expires at 2096-10-02 08:06 UTC; the next command refreshes it in time"
    assert f"OAuth token: {said}\n" in cksync("status", env=logged_in).stdout
    assert json.loads(cksync("status", "--format", "json", env=logged_in).stdout)["oauth"] == said
    assert len(sandbox.journal) == 0


def test_status_says_that_a_login_is_missing(env: dict[str, str], cksync: Command) -> None:
    assert "does not exist; run `cksync login`\n" in cksync("status", env=env).stdout


# -- the answer, as values

ASKED = authorization("https://api.kit.com/v4", "app", "http://127.0.0.1:1/callback")


@pytest.mark.parametrize(
    "answer",
    [
        f"{ASKED.redirect_uri}?code=ab%3D&state={ASKED.state}",
        f" code=ab%3D&state={ASKED.state}\n",
        "ab=",
        "?code=ab%3D&state=" + ASKED.state,
    ],
    ids=["address", "line", "code", "query"],  # not the random state: every process must name the tests alike
)
def test_code_is_found_in_every_form_of_an_answer(answer: str) -> None:
    assert code_in(answer, ASKED) == "ab="


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("code=a&state=other", Refused),
        ("error=access_denied&state=other", Refused),
        ("error=access_denied", Unauthorized),
        ("two words", Rejected),
        ("", Rejected),
        (f"state={ASKED.state}&x=1", Rejected),
        (f"code=%00&state={ASKED.state}", Rejected),
        ("\udcff", Rejected),
        ("code=a&state=\udcff", Refused),
        ("http://[?code=a", Refused),
    ],
    ids=map(str, range(10)),
)
def test_every_other_answer_is_an_error(answer: str, kind: type[CksyncError]) -> None:
    with pytest.raises(kind) as caught:
        code_in(answer, ASKED)
    assert type(caught.value) is kind


def test_address_to_open_has_the_challenge_and_never_the_verifier() -> None:
    given = parse_qs(urlsplit(ASKED.address).query)
    assert given["code_challenge_method"] == ["S256"]
    assert ASKED.verifier not in ASKED.address
    assert ASKED.verifier not in repr(ASKED)
    assert 43 <= len(ASKED.verifier) <= 128
