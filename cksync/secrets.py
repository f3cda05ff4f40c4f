"""References to secrets, and redaction of their values from everything that is written or shown."""

import html
import os
import re
import select
import shlex
import shutil
import string
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cksync.errors import BadConfig

MASK = "***"
SCHEMES = ("env", "file", "keyring", "cmd")
# Shorter values are masked in messages but not in data, where they would hit ordinary words.
SHORTEST_IN_DATA = 8
# The API's keys and secrets have 22 and 43 characters.
SHORTEST, LONGEST = 12, 4096
# Timeout for reading a secret from a command, or from a pipe or device.
WAIT_SECONDS = 60.0
# A secret equal to one of these would be masked in API responses, which would make them unreadable.
API_WORDS = (
    "subscribers subscriptions subscription subscriber subscribable_id subscribable_type subscriber_id"
    " custom_fields email_address primary_email_address email_layout_template total_subscribers"
    " total_subscriptions first_name broadcasts broadcast_id sequences purchases transaction_id"
    " transaction_time purchase_products created_at updated_at cancelled_at published_at thumbnail_alt"
    " thumbnail_url description success_message sign_up_button_text embed_script click_tracking_disabled"
    " open_tracking_disabled show_total_clicks total_clicks unsubscribes recipients total_pages api_secret"
    " api.convertkit.com application/json automations/hooks authorization"
)
_HIDDEN = "… (hidden: it may be the secret itself)"


@dataclass(frozen=True)
class SecretRef:
    """A reference to a secret, which is not read yet: env:NAME, file:PATH, keyring:SERVICE/USER, cmd:COMMAND or a
    literal."""

    source: str = field(repr=False)
    key: str
    base_dir: Path

    @property
    def scheme(self) -> str:
        """The kind of reference: one of SCHEMES, or `literal`."""
        scheme, colon, _ = self.source.partition(":")
        return scheme if colon and scheme in SCHEMES else "literal"

    @property
    def place(self) -> str:
        """The source of the secret, without revealing it."""
        if self.scheme == "literal":
            return f"the environment's {self.key}" if self.key.isupper() else "a literal value"
        program, space, _ = self.source.partition(" ")  # a command's arguments may contain another secret
        return f"{program} …" if self.scheme == "cmd" and space else self.source

    def typed(self, environ: Mapping[str, str]) -> str:
        """The reference for a message about a failed lookup. It hides anything that may be the secret itself, typed
        after `env:` or `file:` by mistake: it shows only what exists, or looks like a variable name."""
        scheme, _, name = self.source.partition(":")
        if self.scheme == "literal":
            return self.place
        if self.scheme == "env":
            is_shown = name in environ or _VARIABLE.fullmatch(name) is not None
            return self.place if is_shown else f"env:{_HIDDEN}"
        if self.scheme == "cmd":
            words = name.split()
            return self.place if words and shutil.which(words[0]) else f"cmd:{_HIDDEN if words else ''}"
        if self.scheme == "file":
            return f"file:{shown_path(name, self.base_dir)}"
        return f"{scheme}:{_HIDDEN}"

    def is_plain(self, environ: Mapping[str, str]) -> bool:
        """Whether a reference is certainly not the secret itself."""
        if self.scheme == "cmd" and " " in self.source.strip():
            return True
        if self.scheme == "keyring":
            return all(self.source.partition(":")[2].partition("/"))
        return self.typed(environ) != f"{self.scheme}:{_HIDDEN}"

    def resolve(self, environ: Mapping[str, str]) -> str:
        """Read the secret. Raises BadConfig with the key, the source and what to do."""
        readers: dict[str, Callable[[str], str]] = {
            "env": lambda name: environ.get(name, ""),
            "file": lambda path: _from_file(self.base_dir / Path(path).expanduser()),
            "keyring": _from_keyring,
            "cmd": _from_command,
        }
        if self.scheme == "literal":
            value = self.source
        else:
            try:
                value = readers[self.scheme](self.source.partition(":")[2])
            except (OSError, ValueError, LookupError, RuntimeError, subprocess.SubprocessError) as error:
                raise BadConfig([f"{self.key}: {self.typed(environ)} could not be read: {_reason(error)}"]) from None
        value = value.strip("\ufeff" + string.whitespace)  # files, shells and Kubernetes add a line end
        if fault := _fault(value):
            key = self.key.lower()
            what = "API key" if "api_key" in key else "client secret" if "client-secret" in key else "API secret"
            raise BadConfig([f"{self.key}: {self.typed(environ)} {fault.replace('API secret', what)}"])
        _read.add(value)
        return value


# Looks like a variable name and not like a secret: short words in capitals.
_VARIABLE = re.compile(r"[A-Z]{1,12}[0-9]{0,2}(_[A-Z]{1,12}[0-9]{0,2}|_[0-9]{1,2})*")


def shown_path(name: str, base: Path) -> str:
    """The part of a path that exists; the rest is hidden, as it may be a secret typed by mistake."""
    try:
        path = base / Path(name).expanduser()
        if os.path.lexists(path):
            return name
        if "/" in name and path.parent.is_dir():
            return f"{name.rpartition('/')[0]}/{_HIDDEN}"
    except (OSError, RuntimeError, ValueError):
        pass
    return _HIDDEN


def _fault(value: str) -> str:
    """The reason why a value cannot be an API secret, to follow its source; '' if it can. Never shows the value."""
    if not value:
        return "is empty; put the account's API secret there"
    if len(value) > LONGEST:
        return "is too long; it must contain only the API secret"
    if not value.isprintable() or any(character.isspace() for character in value):
        return "contains more than one word; it must contain only the API secret"
    if len(value) < SHORTEST:
        return f"is not an API secret, which has at least {SHORTEST} characters; copy it from Kit: Settings, Developer"
    if value.isdecimal() or len(set(value)) < 4 or value.lower() in API_WORDS:
        return "is not an API secret but a word or number; copy it from Kit: Settings, Developer"
    return ""


# All secrets that this process has read. They are masked in all output and logs, including text from libraries.
# Never shrinks.
_read: set[str] = set()


def remember(value: str) -> None:
    """Add a secret from another source to those masked by `redact`."""
    if value:
        _read.add(value)


_ADDRESS = re.compile(
    r"(?i)[^\s\"'<>()\[\]{},;:=&?|]+(?:@|%(?:25)*40|\\u0040|&#0*64;|&#x0*40;|&commat;)[^\s\"'<>()\[\]{},;:=&?|]+"
)


def without_addresses(text: str) -> str:
    """Mask email addresses in a text, however they are escaped."""
    return _ADDRESS.sub(MASK, text)


def redact(text: str) -> str:
    """Mask all secrets that this process has read."""
    return Redactor(*_read).text(text)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command exited with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no result within {WAIT_SECONDS:.0f} seconds"
    if isinstance(error, UnicodeDecodeError):
        return "not a text file"
    return str(error)


def _from_keyring(place: str) -> str:
    try:
        import keyring
    except ImportError:
        raise LookupError("install the extra first: pip install 'cksync[keyring]'") from None
    service, slash, user = place.partition("/")
    if not slash:
        raise LookupError("write it as keyring:SERVICE/USER")
    try:
        value = keyring.get_password(service, user)
    except Exception as error:  # backends are third-party code
        raise LookupError(f"the system keyring reported: {' '.join(str(error).split())}") from None
    if value is None:
        raise LookupError("the keyring has no such entry; create it with: keyring set SERVICE USER")
    return str(value)


def _from_file(path: Path) -> str:
    """Read a file, with limits on size and time, as it may be a pipe or device."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return _bounded(descriptor, time.monotonic() + WAIT_SECONDS).decode()
    finally:
        os.close(descriptor)


def _from_command(command: str) -> str:
    words = shlex.split(command)
    if not words:
        raise LookupError("write it as cmd:COMMAND")
    until = time.monotonic() + WAIT_SECONDS
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            printed = _bounded(process.stdout.fileno(), until)
            if len(printed) <= LONGEST:
                process.wait(max(until - time.monotonic(), 0.1))
        finally:
            process.kill()
    if len(printed) <= LONGEST and process.returncode:
        raise subprocess.CalledProcessError(process.returncode, "the command")
    return printed.decode()


def _bounded(descriptor: int, until: float) -> bytes:
    """Read a descriptor to its end, up to one byte more than the longest secret. Raises TimeoutExpired."""
    data = b""
    while len(data) <= LONGEST:
        if not select.select([descriptor], [], [], max(until - time.monotonic(), 0))[0]:
            raise subprocess.TimeoutExpired("it", WAIT_SECONDS)
        part = os.read(descriptor, LONGEST + 1 - len(data))
        if not part:
            break
        data += part
    return data


class Redactor:
    """Masks secrets by value, in all their common encodings."""

    def __init__(self, *values: str | None) -> None:
        self._lock = threading.Lock()
        self._values = frozenset(value for value in values if value)
        self._compile()

    def learn(self, *values: str | None) -> None:
        """Mask these values, too. Safe while other threads use it."""
        with self._lock:
            known = self._values | {value for value in values if value}
            self._values, is_new = known, known != self._values
            if is_new:
                self._compile()

    def _compile(self) -> None:
        longest_first = sorted(self._values, key=len, reverse=True)
        in_data = [value for value in longest_first if len(value) >= SHORTEST_IN_DATA]
        self._patterns = [re.compile(_spellings(value)) for value in longest_first]
        self._data_patterns = [re.compile(_spellings(value).encode()) for value in in_data]
        # Patterns with escaped letters and digits. They are twenty times as slow and rarely needed.
        self._escaped = [re.compile(_spellings(value, is_whole=True)) for value in longest_first]
        self._escaped_data = [re.compile(_spellings(value, is_whole=True).encode()) for value in in_data]

    def text(self, text: str) -> str:
        """Mask the secrets in a message."""
        is_escaped = any(mark in text for mark in _MARKS) and _ESCAPED.search(text)
        patterns = [*self._escaped, *self._patterns] if is_escaped else self._patterns
        for pattern in patterns:
            text = pattern.sub(MASK, text)
        return text

    def data(self, data: bytes) -> bytes:
        """Mask the secrets in bytes from the API (legacy forms contain the api_key in `embed_js`)."""
        is_escaped = any(mark in data for mark in _MARKS_DATA) and _ESCAPED_DATA.search(data)
        for pattern in [*self._escaped_data, *self._data_patterns] if is_escaped else self._data_patterns:
            data = pattern.sub(MASK.encode(), data)
        return data


# An unnecessarily escaped letter or digit, or an escaped percent sign: double escaping.
_CODES = "(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|2[dD]|25)"
_ESCAPED = re.compile(rf"[%\\&](?:(?<=%){_CODES}|(?:u00|x){_CODES}|#[xX]?[0-9])")
_ESCAPED_DATA = re.compile(_ESCAPED.pattern.encode())
# Their first characters: most responses have none, and searching for these is a hundred times as fast.
_MARKS = ("%", "\\u00", "\\x", "&#")
_MARKS_DATA = tuple(mark.encode() for mark in _MARKS)


def _spellings(value: str, *, is_whole: bool = False) -> str:
    """A pattern for a value whose special characters may be plain, or escaped for URLs, JSON or HTML; with `is_whole`
    also its letters and digits, and URLs nested in URLs."""
    return "".join(
        letter
        if not is_whole and letter.isascii() and (letter.isalnum() or letter == "_")
        else f"(?:{'|'.join(_escapes(letter, is_whole))})"
        for letter in value
    )


def _escapes(mark: str, is_whole: bool) -> list[str]:
    percent = "".join(f"%{'(?:25)*' if is_whole else ''}{byte:02X}" for byte in mark.encode())
    code = mark.encode("utf-16-be").hex()
    in_json = "".join(rf"\\u{code[n : n + 4]}" for n in range(0, len(code), 4))
    numbered = rf"|&#0*{ord(mark)};|&#x0*{ord(mark):x};" if is_whole else ""
    # The plain character last: an escape may begin with it.
    return [
        *([] if mark.isalnum() else [rf"\\{re.escape(mark)}"]),
        f"(?i:{percent}|{in_json}{numbered})",
        re.escape(html.escape(mark)),
        re.escape(mark),
    ]


def environment() -> Mapping[str, str]:
    """The environment of the process, read only here."""
    return os.environ
