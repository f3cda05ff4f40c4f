"""Where a secret comes from, and how its value is kept out of everything that is written or shown."""

import html
import os
import re
import select
import shlex
import shutil
import string
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cksync.errors import BadConfig

MASK = "***"
SCHEMES = ("env", "file", "keyring", "cmd")
# Shorter values are masked in messages but not in data, where they would hit ordinary words.
SHORTEST_IN_DATA = 8
# The API's own have 22 and 43 characters.
SHORTEST, LONGEST = 12, 4096
# How long a file that is none (a pipe, a device), or a command, may take to give its secret.
WAIT_SECONDS = 60.0
# A secret that is one of them, or a part of one, would be masked in the API's answers, which could then not be read.
API_WORDS = (
    "subscribers subscriptions subscription subscriber subscribable_id subscribable_type subscriber_id"
    " custom_fields email_address primary_email_address email_layout_template total_subscribers"
    " total_subscriptions first_name broadcasts broadcast_id sequences purchases transaction_id"
    " transaction_time purchase_products created_at updated_at cancelled_at published_at thumbnail_alt"
    " thumbnail_url description success_message sign_up_button_text embed_script click_tracking_disabled"
    " open_tracking_disabled show_total_clicks total_clicks unsubscribes recipients total_pages api_secret"
    " api.convertkit.com application/json automations/hooks authorization"
)
_HIDDEN = "… (not shown: it may be the secret itself)"


@dataclass(frozen=True)
class SecretRef:
    """A secret, named but not read: env:NAME, file:PATH, keyring:SERVICE/USER, cmd:COMMAND or a literal."""

    source: str = field(repr=False)
    key: str
    base_dir: Path

    @property
    def scheme(self) -> str:
        """How the secret is found: one of SCHEMES, or `literal`."""
        scheme, colon, _ = self.source.partition(":")
        return scheme if colon and scheme in SCHEMES else "literal"

    @property
    def place(self) -> str:
        """Where the secret comes from, in words that do not give it away."""
        if self.scheme == "literal":
            return f"the environment's {self.key}" if self.key.isupper() else "a literal value"
        program, space, _ = self.source.partition(" ")  # a command's arguments may hold a secret of their own
        return f"{program} …" if self.scheme == "cmd" and space else self.source

    def typed(self, environ: Mapping[str, str]) -> str:
        """The reference as it may be shown when nothing was found by it: somebody may have typed the secret itself
        behind `env:` or `file:`. What is shown is there, or is what names of variables look like."""
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
        """Whether a reference, as far as it goes, cannot be the secret itself."""
        if self.scheme == "cmd" and " " in self.source.strip():
            return True
        if self.scheme == "keyring":
            return all(self.source.partition(":")[2].partition("/"))
        return self.typed(environ) != f"{self.scheme}:{_HIDDEN}"

    def resolve(self, environ: Mapping[str, str]) -> str:
        """Read the secret's value. Raises BadConfig that says which key, which place and what to do."""
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
        value = value.strip("\ufeff" + string.whitespace)  # a line end comes along from files, shells and Kubernetes
        if fault := _fault(value):
            raise BadConfig([f"{self.key}: {self.typed(environ)} {fault}"])
        _read.add(value)
        return value


# What names of variables look like, and secrets do not: short words in capitals.
_VARIABLE = re.compile(r"[A-Z]{1,12}[0-9]{0,2}(_[A-Z]{1,12}[0-9]{0,2}|_[0-9]{1,2})*")


def shown_path(name: str, base: Path) -> str:
    """A path as it may be shown where a secret may have been typed instead: the part of it that is there."""
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
    """Why a value cannot be the API's secret, behind where it stands; '' where it may be. Never the value itself."""
    if not value:
        return "is empty; put the account's API secret there"
    if len(value) > LONGEST:
        return "holds more than a secret can be; it must be the API secret alone"
    if not value.isprintable() or any(character.isspace() for character in value):
        return "holds more than one word; it must be the API secret alone"
    if len(value) < SHORTEST:
        return f"is no API secret, which has more than {SHORTEST - 1} characters; copy it from Kit: Settings, Developer"
    if value.isdecimal() or len(set(value)) < 4 or value.lower() in API_WORDS:
        return "is no API secret but a word or a number of the API's own; copy it from Kit: Settings, Developer"
    return ""


# Every secret that this process has read: whatever it shows or logs is cleaned of them, also what no
# code of ours has worded. Only ever added to.
_read: set[str] = set()


def remember(value: str) -> None:
    """A secret that came another way: from now on `redact` masks it, too."""
    if value:
        _read.add(value)


_ADDRESS = re.compile(
    r"(?i)[^\s\"'<>()\[\]{},;:=&?|]+(?:@|%(?:25)*40|\\u0040|&#0*64;|&#x0*40;|&commat;)[^\s\"'<>()\[\]{},;:=&?|]+"
)


def without_addresses(text: str) -> str:
    """A text without mail addresses, however they are escaped."""
    return _ADDRESS.sub(MASK, text)


def redact(text: str) -> str:
    """A text for people, without any secret that this process has read."""
    return Redactor(*_read).text(text)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command ended with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not end within {WAIT_SECONDS:.0f} seconds"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
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
    except Exception as error:  # a backend is anybody's code
        raise LookupError(f"the system's keyring says: {' '.join(str(error).split())}") from None
    if value is None:
        raise LookupError("the keyring has no such entry; create it with: keyring set SERVICE USER")
    return str(value)


def _from_file(path: Path) -> str:
    """A file's text; of a pipe or a device no more, and no longer, than a secret takes."""
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
    """What a descriptor gives before its end, or one byte more than a secret can have. Raises TimeoutExpired."""
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
    """Removes secrets by value, in every spelling in which one could travel."""

    def __init__(self, *values: str | None) -> None:
        longest_first = sorted({value for value in values if value}, key=len, reverse=True)
        in_data = [value for value in longest_first if len(value) >= SHORTEST_IN_DATA]
        self._patterns = [re.compile(_spellings(value)) for value in longest_first]
        self._data_patterns = [re.compile(_spellings(value).encode()) for value in in_data]
        # Where even letters and digits are escaped. They cost twenty times as much, and are hardly ever needed.
        self._escaped = [re.compile(_spellings(value, is_whole=True)) for value in longest_first]
        self._escaped_data = [re.compile(_spellings(value, is_whole=True).encode()) for value in in_data]

    def text(self, text: str) -> str:
        """A message without the secrets."""
        is_escaped = any(mark in text for mark in _MARKS) and _ESCAPED.search(text)
        patterns = [*self._escaped, *self._patterns] if is_escaped else self._patterns
        for pattern in patterns:
            text = pattern.sub(MASK, text)
        return text

    def data(self, data: bytes) -> bytes:
        """Bytes of the API without the secrets (legacy forms carry the api_key in `embed_js`)."""
        is_escaped = any(mark in data for mark in _MARKS_DATA) and _ESCAPED_DATA.search(data)
        for pattern in [*self._escaped_data, *self._data_patterns] if is_escaped else self._data_patterns:
            data = pattern.sub(MASK.encode(), data)
        return data


# A letter or a digit that somebody has escaped without need, or a percent sign: something is escaped twice.
_CODES = "(?:3[0-9]|[46][1-9a-fA-F]|[57][0-9aA]|5[fF]|2[dD]|25)"
_ESCAPED = re.compile(rf"[%\\&](?:(?<=%){_CODES}|(?:u00|x){_CODES}|#[xX]?[0-9])")
_ESCAPED_DATA = re.compile(_ESCAPED.pattern.encode())
# What each of them begins with: most answers have none, and to look for these costs a hundredth.
_MARKS = ("%", "\\u00", "\\x", "&#")
_MARKS_DATA = tuple(mark.encode() for mark in _MARKS)


def _spellings(value: str, *, is_whole: bool = False) -> str:
    """A pattern for a value whose marks may each be plain, or escaped as in a URL, in JSON or in HTML; with `is_whole`
    its letters and digits, too, and a URL in a URL."""
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
    # The plain mark last: an escape may begin with it.
    return [
        *([] if mark.isalnum() else [rf"\\{re.escape(mark)}"]),
        f"(?i:{percent}|{in_json}{numbered})",
        re.escape(html.escape(mark)),
        re.escape(mark),
    ]


def environment() -> Mapping[str, str]:
    """The process's environment: the one place where it is read."""
    return os.environ
