"""Secrets: read from their sources, removed from all output."""

import html
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cksync.config import load_config
from cksync.errors import BadConfig
from cksync.secrets import MASK, Redactor, SecretRef, redact, without_addresses
from tests.conftest import some

HIDDEN = "… (hidden: it may be the secret itself)"
CANARY = "CANARY-s3cr+t/äöü=~%"


def read(source: str, base_dir: Path = Path("/"), environ: Mapping[str, str] | None = None) -> str:
    return SecretRef(source, "api.api_secret", base_dir).resolve(environ or {})


def problem_of(source: str, base_dir: Path = Path("/"), environ: Mapping[str, str] | None = None) -> str:
    """Return the message that refuses a reference."""
    with pytest.raises(BadConfig) as caught:
        read(source, base_dir, environ)
    (problem,) = caught.value.problems
    assert problem.startswith("api.api_secret: ")
    assert "\n" not in problem
    return problem.removeprefix("api.api_secret: ")


# -- sources


def test_a_literal_is_the_secret_itself() -> None:
    assert read(CANARY) == CANARY


@pytest.mark.parametrize("value", ["https://x", "a:b", ":x", "ENV:X", "environment:X"])
def test_what_begins_like_no_scheme_is_a_literal(value: str) -> None:
    assert SecretRef(value, "k", Path()).scheme == "literal"


def test_env_reads_a_variable() -> None:
    assert read("env:THE_SECRET", environ={"THE_SECRET": CANARY}) == CANARY


@pytest.mark.parametrize("environ", [{}, {"THE_SECRET": ""}, {"THE_SECRET": " \n"}])
def test_env_without_a_value_says_so(environ: dict[str, str]) -> None:
    assert problem_of("env:THE_SECRET", environ=environ) == (
        "env:THE_SECRET is empty; put the account's API secret there"
    )


@pytest.mark.parametrize("before", ["", "\ufeff", " \t"])
@pytest.mark.parametrize("after", ["", "\n", "\r\n", "\n\n", " \t", "\r"])
def test_a_secret_is_taken_without_what_stands_around_it(before: str, after: str, tmp_path: Path) -> None:
    content = f"{before}{CANARY}{after}"
    (tmp_path / "secret").write_bytes(content.encode())
    printing = f"cmd:{sys.executable} -c \"print(open('{tmp_path}/secret', newline='').read(), end='')\""
    assert read("file:secret", tmp_path) == CANARY
    assert read("env:THE_SECRET", environ={"THE_SECRET": content}) == CANARY
    assert read(content) == CANARY
    assert read(printing) == CANARY
    for said in (content, f"{before}env:THE_SECRET{after}".removeprefix("\ufeff")):
        reference = load_config(environ={"CKSYNC_API_SECRET": said}).api.api_secret
        assert reference
        assert reference.resolve({"THE_SECRET": content}) == CANARY


def test_a_variable_is_taken_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[api]\nconcurrency = 3\n")
    config = load_config(
        environ={
            "CKSYNC_CONFIG": f"{tmp_path}/config.toml\n",
            "CKSYNC_BASE_URL": " https://api.example/v3\r\n",
            "CKSYNC_DATA_DIR": f"{tmp_path}/data\n",
        }
    )
    assert (config.api.concurrency, config.api.base_url) == (3, "https://api.example/v3")
    assert config.data_dir == tmp_path / "data"


def test_file_may_be_absolute_or_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text(CANARY)
    assert read(f"file:{tmp_path}/secret") == read("file:~/secret") == CANARY


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("file:none", f"file:{HIDDEN} could not be read: no such file or directory"),
        ("file:folder", "file:folder could not be read: is a directory"),
        ("file:binary", "file:binary could not be read: not a text file"),
        ("file:empty", "file:empty is empty; put the account's API secret there"),
        ("file:~nobody-of-this-name/x", f"file:{HIDDEN} could not be read: "),
        ("file:a\0b", f"file:{HIDDEN} could not be read: "),
    ],
)
def test_file_that_holds_no_secret_says_why(source: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "empty").touch()
    assert problem_of(source, tmp_path).startswith(reason)


def test_cmd_reads_what_a_command_prints(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    assert read(f"cmd:cat '{tmp_path}/secret'") == CANARY


def test_cmd_is_no_shell() -> None:
    assert read("cmd:echo $HOME/somewhere;id").startswith("$HOME")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("cmd:", "cmd: could not be read: write it as cmd:COMMAND"),
        ("cmd:false", "cmd:false could not be read: the command exited with status 1"),
        ("cmd:no-such-program", f"cmd:{HIDDEN} could not be read: no such file or directory"),
        ("cmd:true", "cmd:true is empty; put the account's API secret there"),
        ("cmd:echo 'x", "cmd:echo … could not be read: No closing quotation"),
        (r"cmd:printf '\377'", "cmd:printf … could not be read: not a text file"),
    ],
)
def test_cmd_that_gives_no_secret_says_why(source: str, reason: str) -> None:
    assert problem_of(source) == reason


def test_what_a_failing_command_says_is_not_repeated() -> None:
    assert "CANARY" not in problem_of("cmd:sh -c 'echo CANARY-1; echo CANARY-2 >&2; exit 3'")


def test_the_arguments_of_a_command_are_not_shown() -> None:
    assert SecretRef("cmd:vault login -token=CANARY", "k", Path()).place == "cmd:vault …"


@pytest.mark.parametrize("value", ["two words", "two\nlines", "bell\a", "line\u2028break", "no\u00a0break"])
def test_a_secret_is_one_printable_word(value: str) -> None:
    problem = problem_of("env:S", environ={"S": value})
    assert problem == "env:S contains more than one word; it must contain only the API secret"


def test_what_a_reference_shows_of_itself_never_holds_a_literal() -> None:
    reference = SecretRef(CANARY, "api.api_secret", Path())
    assert CANARY not in f"{reference} {reference!r} {reference.place}"


# -- a secret in place of a reference

TYPED = "CANARY-s3cret-0123456789abcdef"


@pytest.mark.parametrize("scheme", ["env", "file", "cmd", "keyring"])
@pytest.mark.parametrize("typed", [TYPED, "THE-SECRET-ITSELF", "x" * 43, f"{TYPED}/with+marks=", "THESECRETINCAPITALS"])
def test_a_secret_where_a_reference_belongs_is_not_shown(scheme: str, typed: str, tmp_path: Path) -> None:
    problem = problem_of(f"{scheme}:{typed}", tmp_path)
    assert typed not in problem
    assert problem.startswith(f"{scheme}:{HIDDEN} ")


@pytest.mark.parametrize("name", ["THE_SECRET", "KIT_SECRET_2", "MY_API_KEY"])
def test_what_looks_like_a_name_is_shown(name: str) -> None:
    assert problem_of(f"env:{name}").startswith(f"env:{name} is empty")


def test_what_is_there_is_shown(tmp_path: Path) -> None:
    (tmp_path / "kit-secret").touch()
    assert problem_of("file:kit-secret", tmp_path).startswith("file:kit-secret is empty")
    assert problem_of("env:kit_secret", environ={"kit_secret": ""}).startswith("env:kit_secret is empty")
    assert problem_of(f"file:{tmp_path}/{TYPED}").startswith(f"file:{tmp_path}/{HIDDEN} could not be read")


# -- invalid secrets


@pytest.mark.parametrize(
    "value", ["short", "elevenchars", "subscribers", "subscriptions", "Email_Address", "123456789012345", "x" * 20]
)
def test_what_is_no_secret_is_refused_and_not_shown(value: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(value)
    for source, place in ((value, "a literal value"), ("file:secret", "file:secret")):
        problem = problem_of(source, tmp_path)
        assert problem.startswith(f"{place} is not an API secret")
        assert value not in problem.removeprefix(place)


@pytest.mark.parametrize(
    "source", some(["file:/dev/zero", "file:endless", "cmd:yes", "cmd:cat /dev/zero"], ["file:/dev/zero"])
)
def test_what_never_ends_is_read_as_far_as_a_secret_goes(source: str, tmp_path: Path) -> None:
    (tmp_path / "endless").symlink_to("/dev/urandom")
    reason = problem_of(source, tmp_path)
    assert "is too long" in reason or "not a text file" in reason


def test_a_huge_file_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "huge").write_text("s3cret" * 1_000_000)
    assert problem_of("file:huge", tmp_path).startswith("file:huge is too long")


def test_a_pipe_gives_a_secret_once_somebody_writes_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["sh", "-c", f"printf %s '{TYPED}' > '{tmp_path}/pipe'"]):
        assert read("file:pipe", tmp_path) == TYPED


def test_what_says_nothing_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cksync.secrets.WAIT_SECONDS", 0.05)
    os.mkfifo(tmp_path / "pipe")
    assert problem_of("file:pipe", tmp_path) == "file:pipe could not be read: no result within 0 seconds"
    assert problem_of("cmd:sleep 100") == "cmd:sleep … could not be read: no result within 0 seconds"


# -- the system's keyring, in a process of its own: the library reads its settings once

BACKEND = """
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Fake(KeyringBackend):
    priority = 1
    def set_password(self, service, username, password):
        raise NotImplementedError
    def get_password(self, service, username):
        if service == "locked":
            raise KeyringLocked("the keyring is locked")
        return "\\ufeff CANARY-keyring\\r\\n" if (service, username) == ("kit", "owner") else None
"""

Ask = Callable[..., str]


@pytest.fixture
def ask_keyring(tmp_path: Path) -> Ask:
    """Return the output of resolving a reference: the secret, or the problem."""
    (tmp_path / "fake_keyring.py").write_text(BACKEND)
    program = """
import os, sys
from pathlib import Path
from cksync.config import load_config
from cksync.errors import BadConfig
from cksync.secrets import SecretRef
try:
    print(SecretRef(sys.argv[1], "key", Path()).resolve(os.environ))
except BadConfig as error:
    print(error)
"""

    def ask(source: str, backend: str = "fake_keyring.Fake", **environ: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, source],
            env={"PYTHONPATH": str(tmp_path), "PYTHON_KEYRING_BACKEND": backend, "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    return ask


def test_keyring_reads_an_entry_of_the_system(ask_keyring: Ask) -> None:
    assert ask_keyring("keyring:kit/owner") == "CANARY-keyring"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("keyring:kit/nobody", "the keyring has no such entry; create it with: keyring set SERVICE USER"),
        ("keyring:kit", "write it as keyring:SERVICE/USER"),
        ("keyring:locked/owner", "the system keyring reported: the keyring is locked"),
    ],
)
def test_keyring_without_an_entry_says_what_to_do(source: str, reason: str, ask_keyring: Ask) -> None:
    assert ask_keyring(source) == f"key: keyring:{HIDDEN} could not be read: {reason}"


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", "no_such_module.Keyring"])
def test_a_machine_without_a_keyring_gives_a_message(backend: str, ask_keyring: Ask) -> None:
    answer = ask_keyring("keyring:kit/owner", backend)
    assert answer.startswith(f"key: keyring:{HIDDEN} could not be read: ")
    assert "\n" not in answer


def test_without_the_extra_its_name_is_reported(ask_keyring: Ask, tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text("raise ImportError")
    assert ask_keyring("keyring:kit/owner").endswith("install the extra first: pip install 'cksync[keyring]'")


# -- hiding it

SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda value: value,
    "in a query": quote_plus,
    "in a path": quote,
    "percent everywhere": lambda value: quote(value, safe=""),
    "percent as JavaScript does": lambda value: quote(value, safe="!*'()"),
    "an address as JavaScript escapes it": lambda value: quote(value, safe=";,/?:@&=+$#!*'()"),
    "percent in small letters": lambda value: "".join(
        letter if letter.isascii() and letter.isalnum() else quote(letter, safe="").lower() for letter in value
    ),
    "urlencode": lambda value: urlencode({"": value})[1:],
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON with text as it is": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "in JSON with slashes escaped": lambda value: json.dumps(value)[1:-1].replace("/", r"\/"),
    "in JSON as Rails writes it": lambda value: (
        json.dumps(value, ensure_ascii=False)[1:-1]
        .replace("&", r"\u0026")
        .replace("<", r"\u003c")
        .replace(">", r"\u003e")
    ),
    "in HTML": html.escape,
    "every byte in percent": lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    "percent twice": lambda value: quote(quote(value, safe=""), safe=""),
    "every letter escaped in JSON": lambda value: "".join(
        f"\\u{code[n : n + 4]}" for code in [value.encode("utf-16-be").hex()] for n in range(0, len(code), 4)
    ),
    "every letter as a number in HTML": lambda value: "".join(f"&#{ord(letter)};" for letter in value),
    "in a traceback": lambda value: repr(value)[1:-1],
}

SECRETS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=8, max_size=40).filter(str.isprintable)


@pytest.mark.parametrize("spelling", some([*SPELLINGS], [*SPELLINGS][::4]))
@given(secret=SECRETS)
def test_every_secret_is_masked_in_every_spelling(spelling: str, secret: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    assert Redactor(secret).text(f"before {spelled} after") == f"before {MASK} after"
    assert Redactor(secret).data(f"before {spelled} after".encode()) == f"before {MASK} after".encode()


@given(secret=SECRETS, text=st.text("xyz01%\\&+/;*"))
def test_text_without_the_secret_stays_as_it_is(secret: str, text: str) -> None:
    assert Redactor(f"Q{secret}").text(text) == text
    assert Redactor(f"Q{secret}").data(text.encode()) == text.encode()


@given(secrets=st.lists(SECRETS, max_size=3), data=st.binary())
def test_bytes_that_are_no_text_pass_the_redactor(secrets: list[str], data: bytes) -> None:
    cleaned = Redactor(*secrets).data(data + b"\xff")
    assert not any(secret.encode() in cleaned for secret in secrets)


def test_a_secret_beside_bytes_that_are_no_text_is_masked() -> None:
    assert Redactor(CANARY).data(b"\xff" + CANARY.encode() + b"\xfe") == b"\xff***\xfe"


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    assert Redactor("abcdefgh", "abcdefgh-ijkl").text("abcdefgh-ijkl abcdefgh") == "*** ***"


def test_a_short_secret_is_masked_in_messages_but_not_in_data() -> None:
    assert Redactor("name").text("name") == MASK
    assert Redactor("name").data(b'{"name": 1}') == b'{"name": 1}'


def test_without_secrets_nothing_is_masked() -> None:
    assert Redactor(None, "").text("text") == "text"
    assert Redactor(None, "").data(b"data") == b"data"


def test_whatever_was_read_in_this_process_is_masked() -> None:
    read("env:S", environ={"S": "CANARY-read-once"})
    assert redact("it was CANARY-read-once") == "it was ***"


def test_masked_json_is_still_json() -> None:
    secret = 'CANARY"\\/ü'
    text = json.dumps({"embed_js": f"https://example.com/{secret}.js"})
    assert json.loads(Redactor(secret).data(text.encode())) == {"embed_js": "https://example.com/***.js"}


@pytest.mark.parametrize(
    "spelled",
    [
        "zed@example.com",
        "zed%40example.com",
        "zed%2540example.com",
        "zed\\u0040example.com",
        "zed&#64;example.com",
        "ZED@例え.jp",
    ],
)
def test_an_address_is_masked_in_every_spelling(spelled: str) -> None:
    assert (
        without_addresses(f'Email "{spelled}" is taken, {spelled}: person 5') == 'Email "***" is taken, ***: person 5'
    )
