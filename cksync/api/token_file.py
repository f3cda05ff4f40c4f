"""The file with the OAuth tokens that `cksync login` writes: read, replaced durably, locked, and marked before its
refresh token is sent, because a refresh token works only once."""

import contextlib
import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cksync.api.credential import LOGIN
from cksync.api.throttle import Stopped
from cksync.errors import BadConfig, Failed
from cksync.folder import put_in_place
from cksync.secrets import SHORTEST, remember, shown_path
from cksync.versions import URLS

KIT_TOKEN_URL = "https://api.kit.com/oauth/token"
LARGEST = 100_000  # bytes of a token file
# Space that is reserved for the new tokens before the old ones are spent.
RESERVED_BYTES = 16_384
LOOK_AGAIN_SECONDS = 0.1
_OF_CLIENT = ("client_id", "client_secret", "token_url", "redirect_uri")
_SECRETS = ("access_token", "refresh_token", "client_secret")


@dataclass(frozen=True)
class TokenFile:
    """The content of a token file, with keys that cksync does not know."""

    path: Path
    values: Mapping[str, Any] = field(repr=False)

    @property
    def access_token(self) -> str:
        """The token that requests carry."""
        return str(self.values["access_token"])

    @property
    def refresh_token(self) -> str:
        """The token that buys the next two, once."""
        return str(self.values["refresh_token"])

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything in it that no output may contain."""
        return tuple(str(self.values[name]) for name in _SECRETS if self.values.get(name))

    @property
    def lifetime_seconds(self) -> float | None:
        """How long an access token is valid; None if the file does not say."""
        return _number(self.values.get("expires_in"))

    @property
    def expires_at(self) -> datetime | None:
        """When the access token expires; None if the file does not say."""
        created, lifetime = _number(self.values.get("created_at")), self.lifetime_seconds
        try:
            return None if created is None or lifetime is None else datetime.fromtimestamp(created + lifetime, UTC)
        except (OverflowError, ValueError, OSError):
            return None

    @property
    def permission(self) -> str:
        """What the access token may do, to follow "it"; '' if the file does not say."""
        scope = self.values.get("scope")
        words = set(scope.split()) if isinstance(scope, str) and scope.isprintable() else set()
        if words <= {"read", "write"}:
            return {frozenset(("read",)): "may only read", frozenset(): ""}.get(frozenset(words), "may read and write")
        return f'has the scope "{scope}"'

    def token_url(self, base_url: str) -> str:
        """Where to refresh: the address in the file, else the one that belongs to the API's."""
        given = self.values.get("token_url")
        return str(given) if given else KIT_TOKEN_URL if base_url == URLS["v4"] else f"{base_url}/oauth/token"


def read_tokens(path: Path) -> TokenFile:
    """Read a token file; its secrets are masked from then on. Raises BadConfig, one sentence."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise BadConfig([f"api.oauth: {_shown(path)} {reason}; {LOGIN}"]) from None
    try:
        values = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadConfig([f"api.oauth: {_shown(path)} is not a token file; {LOGIN}"]) from None
    if fault := _fault(values):
        raise BadConfig([f"api.oauth: {_shown(path)} {fault}; {LOGIN}"])
    found = TokenFile(path, values)
    for secret in found.secrets:
        remember(secret)
    return found


def read_client(path: Path) -> Mapping[str, Any]:
    """What a login keeps of a token file: its client, and the addresses given for it. Empty if there is none."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            values = msgspec.json.decode(file.read(LARGEST), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    if not is_word(values.get("client_id")):
        return {}
    kept = {name: value for name in _OF_CLIENT if (value := values.get(name)) and isinstance(value, str)}
    remember(kept.get("client_secret", ""))
    return kept


def _shown(path: Path) -> str:
    """The path for a message; hidden if it may be a secret typed by mistake."""
    return str(path) if path.suffix == ".json" else shown_path(str(path), Path("/"))


def _fault(values: Mapping[str, Any]) -> str:
    """Return why these are not the values of a token file; '' if they are. Never shows a value."""
    if not is_word(values.get("client_id")):
        return "has no valid client_id"
    for name in _SECRETS:
        if not is_token(values.get(name)) and (name != "client_secret" or values.get(name)):
            return f"has no valid {name}"
    url = values.get("token_url")
    return "has no valid token_url" if url and not _is_address(url) else ""


def is_token(value: object) -> bool:
    """Return True for text that can be sent as a token, and is too long to be masked by mistake."""
    return is_word(value) and len(str(value)) >= SHORTEST


def is_word(value: object) -> bool:
    """Return True for text that is one word of ASCII."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _is_address(value: object) -> bool:
    try:
        parts = urlsplit(str(value))
        return isinstance(value, str) and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


class LockedTokens:
    """A token file that no other thread or process refreshes meanwhile.

    The lock is a file beside it. It holds a fingerprint of a refresh token from before it is sent until the new tokens
    are stored: if the process dies in between, that token is not sent again.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self._lock = path, lock

    def read(self) -> TokenFile:
        """Read the file. Tokens that a killed process had stored, but not yet put in place, are put in place."""
        found = read_tokens(self.path)
        if self.is_marked(found):
            with contextlib.suppress(BadConfig, OSError):
                newer = read_tokens(_temporary(self.path))
                if newer.values["client_id"] == found.values["client_id"] and not self.is_marked(newer):
                    put_in_place(_temporary(self.path), self.path)
                    return TokenFile(self.path, newer.values)
        return found

    def is_marked(self, tokens: TokenFile) -> bool:
        """Return True if the refresh token was sent, and may be spent."""
        return os.pread(self._lock, 100, 0).decode(errors="replace").strip() == _fingerprint(tokens)

    def mark(self, tokens: TokenFile) -> None:
        """Note durably that the refresh token is going to be sent."""
        self._note(_fingerprint(tokens))

    def unmark(self) -> None:
        """Note durably that it was not spent, or replaced."""
        self._note("")

    def _note(self, text: str) -> None:
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, text.encode(), 0)
        os.fsync(self._lock)

    @contextlib.contextmanager
    def room(self) -> Iterator[int]:
        """Reserve space for new tokens, before the old ones are spent; yield the file to write them to."""
        temporary = _temporary(self.path)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600)
        try:
            os.fchmod(file, 0o600)
            _write(file, b" " * RESERVED_BYTES)
            yield file
        finally:
            is_blank = os.pread(file, 1, 0) in (b"", b" ")
            os.close(file)
            if is_blank:  # tokens that could not be put in place are kept for the next run
                temporary.unlink(missing_ok=True)

    def delete(self) -> None:
        """Delete the file, and what a killed process left of it."""
        for path in (_temporary(self.path), self.path):
            path.unlink(missing_ok=True)
        self.unmark()

    def store(self, file: int, values: Mapping[str, Any]) -> TokenFile:
        """Write new tokens to the space reserved for them, and put them in place, durably."""
        data = msgspec.json.format(msgspec.json.encode(values), indent=2) + b"\n"
        _write(file, data)
        os.ftruncate(file, len(data))
        os.fsync(file)
        put_in_place(_temporary(self.path), self.path)
        return TokenFile(self.path, values)


def _write(file: int, data: bytes) -> None:
    """Write all of the data to the beginning of a file, durably."""
    written = 0
    while written < len(data):  # a full disk accepts a part, then reports the error
        written += os.pwrite(file, data[written:], written)
    os.fsync(file)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")


def _fingerprint(tokens: TokenFile) -> str:
    return hashlib.sha256(tokens.refresh_token.encode()).hexdigest()[:16]


@contextlib.contextmanager
def locked_tokens(path: Path, stop: threading.Event, so: str = "nothing was refreshed") -> Iterator[LockedTokens]:
    """Lock a token file, and wait for whoever has it. Raises Failed if the lock cannot be written (`so` says what
    follows), Stopped."""
    place = path.with_name(f"{path.name}.lock")
    try:
        lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failed(f"api.oauth: {place} cannot be written: {error.strerror}; {so}") from None
    try:
        while not _taken(lock, place, so):
            if stop.wait(LOOK_AGAIN_SECONDS):
                raise Stopped
        yield LockedTokens(path, lock)
    finally:
        os.close(lock)


def _taken(lock: int, place: Path, so: str) -> bool:
    """Take the lock; return False if another process has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise Failed(f"api.oauth: {place} cannot be locked: {error.strerror}; {so}") from None
    return True


@contextlib.contextmanager
def storing(path: Path, stop: threading.Event) -> Iterator[Callable[[Mapping[str, Any]], TokenFile]]:
    """Reserve the place of the tokens of a login; yield the function that writes them, durably and private to their
    owner. Raises Failed if that is impossible, Stopped."""
    so = "nothing was written"
    with locked_tokens(path, stop, so) as locked, contextlib.ExitStack() as held:
        try:
            if path.is_dir():
                raise IsADirectoryError(0, "it is a folder")
            file = held.enter_context(locked.room())
        except OSError as error:
            raise Failed(f"api.oauth: {path} cannot be written: {error.strerror}; {so}") from None

        def store(values: Mapping[str, Any]) -> TokenFile:
            try:
                stored = locked.store(file, values)
                locked.unmark()
            except OSError as error:
                raise Failed(f"api.oauth: {path} cannot be written: {error.strerror}") from None
            for secret in stored.secrets:
                remember(secret)
            return stored

        yield store


def store_tokens(path: Path, values: Mapping[str, Any], stop: threading.Event) -> TokenFile:
    """Write the tokens of a login: see `storing`."""
    with storing(path, stop) as store:
        return store(values)
