"""Where a secret comes from, and how its value is kept out of everything that is written or shown."""

import html
import os
import re
import shlex
import string
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cksync.errors import BadConfig

MASK = "***"
SCHEMES = ("env", "file", "keyring", "cmd")
# Shorter values are masked in messages but not in data, where they would hit ordinary words.
SHORTEST_IN_DATA = 8


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

    def resolve(self, environ: Mapping[str, str]) -> str:
        """Read the secret's value. Raises BadConfig that says which key, which place and what to do."""
        readers: dict[str, Callable[[str], str]] = {
            "env": lambda name: environ.get(name, ""),
            "file": lambda path: (self.base_dir / Path(path).expanduser()).read_text(encoding="utf-8"),
            "keyring": _from_keyring,
            "cmd": _from_command,
        }
        if self.scheme == "literal":
            value = self.source
        else:
            try:
                value = readers[self.scheme](self.source.partition(":")[2])
            except (OSError, ValueError, LookupError, RuntimeError, subprocess.SubprocessError) as error:
                raise BadConfig([f"{self.key}: {self.place} could not be read: {_reason(error)}"]) from None
        value = value.strip("\ufeff" + string.whitespace)  # a line end comes along from files, shells and Kubernetes
        if not value:
            raise BadConfig([f"{self.key}: {self.place} is empty; put the account's API secret there"])
        if not value.isprintable() or any(character.isspace() for character in value):
            raise BadConfig([f"{self.key}: {self.place} holds more than one word; it must be the API secret alone"])
        _read.add(value)
        return value


# Every secret that this process has read: whatever it shows or logs is cleaned of them, also what no
# code of ours has worded. Only ever added to.
_read: set[str] = set()


def remember(value: str) -> None:
    """A secret that came another way: from now on `redact` masks it, too."""
    if value:
        _read.add(value)


def redact(text: str) -> str:
    """A text for people, without any secret that this process has read."""
    return Redactor(*_read).text(text)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, subprocess.CalledProcessError):
        return f"the command ended with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return "the command did not end within 60 seconds"
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
        raise LookupError(f"the keyring has no entry; create it with: keyring set {service} {user}")
    return str(value)


def _from_command(command: str) -> str:
    words = shlex.split(command)
    if not words:
        raise LookupError("write it as cmd:COMMAND")
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


class Redactor:
    """Removes secrets by value, in every spelling in which one could travel."""

    def __init__(self, *values: str | None) -> None:
        longest_first = sorted({value for value in values if value}, key=len, reverse=True)
        self._patterns = [re.compile(_spellings(value)) for value in longest_first]
        self._data_patterns = [
            re.compile(_spellings(value).encode()) for value in longest_first if len(value) >= SHORTEST_IN_DATA
        ]

    def text(self, text: str) -> str:
        """A message without the secrets."""
        for pattern in self._patterns:
            text = pattern.sub(MASK, text)
        return text

    def data(self, data: bytes) -> bytes:
        """Bytes of the API without the secrets (legacy forms carry the api_key in `embed_js`)."""
        for pattern in self._data_patterns:
            data = pattern.sub(MASK.encode(), data)
        return data


def _spellings(value: str) -> str:
    """A pattern for a value whose marks may each be plain, or escaped as in a URL, in JSON or in HTML."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter == "_") else f"(?:{'|'.join(_escapes(letter))})"
        for letter in value
    )


def _escapes(mark: str) -> list[str]:
    percent = "".join(f"%{byte:02X}" for byte in mark.encode())
    code = mark.encode("utf-16-be").hex()
    in_json = "".join(rf"\\u{code[n : n + 4]}" for n in range(0, len(code), 4))
    # The plain mark last: an escape may begin with it.
    return [
        rf"\\{re.escape(mark)}",
        f"(?i:{percent}|{in_json})",
        re.escape(html.escape(mark)),
        re.escape(mark),
    ]


def environment() -> Mapping[str, str]:
    """The process's environment: the one place where it is read."""
    return os.environ
