"""OAuth for requests of API v4: a valid access token, refreshed before it expires, or when the API says it has.

A refresh token works only once. So one thread of one process refreshes at a time; what it needs to store the new tokens
is reserved before the old ones are spent; and a refresh token that may have been spent is never sent again.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from cksync.api.credential import EXPIRED, LOGIN
from cksync.api.exchange import RawResponse
from cksync.api.responses import Refusal, Retry, Stale, error_text
from cksync.api.throttle import Stopped
from cksync.api.token_endpoint import Surroundings, post
from cksync.api.token_file import LockedTokens, TokenFile, is_token, locked_tokens, read_tokens
from cksync.api.waits import fault_wait, limit_wait
from cksync.errors import ApiUnavailable, CksyncError, Failed, Unauthorized
from cksync.secrets import remember

log = logging.getLogger("cksync.api")

# A token is refreshed once this share of its life is left: with Kit's two days, almost five hours.
MARGIN_SHARE = 0.1
_NEVER = datetime.max.replace(tzinfo=UTC)
# After these the refresh token was not used: it may be sent again.
_NOT_EXECUTED = (429,)
_RENEWED = ("access_token", "refresh_token", "created_at", "expires_in", "scope")


class Tokens:
    """The tokens of a run, for all its threads."""

    def __init__(self, path: Path, around: Surroundings) -> None:
        """Raises BadConfig if the file is not usable."""
        self._path, self._around = path, around
        self._mutex, self._due_at = threading.Lock(), _NEVER
        self._hold(read_tokens(path))

    def header(self) -> Mapping[str, str]:
        """Return the header of a request. A token that is about to expire is refreshed first; if that fails, it is used
        until the API rejects it. Raises Stopped."""
        with self._mutex:
            if self._around.now() >= self._due_at:
                try:
                    self._renew(is_expired=True)
                except CksyncError as error:
                    log.warning("%s; using the current token until it expires", error)
                    self._due_at = _NEVER
            return self._header()

    def renew(self, rejected: Mapping[str, str], stale: Stale) -> None:
        """Get another token than the one that the API just rejected: the newest in the file, or a new one.

        Raises Unauthorized if there is none, ApiUnavailable or Failed if there may be one later, Stopped.
        """
        is_expired = stale.message == EXPIRED
        with self._mutex:
            if self._header() != rejected:  # another thread has renewed it
                return
            try:
                if self._renew(is_expired=is_expired):
                    return
            except Failed:
                if is_expired:
                    raise
            raise stale.verdict

    def _header(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._held.access_token}"}

    def _renew(self, *, is_expired: bool) -> bool:
        """Use what another process has stored; else refresh a token that has expired. Return False without a token."""
        with locked_tokens(self._path, self._around.stop) as locked:
            found = locked.read()
            if found.access_token != self._held.access_token:
                self._hold(found)
                return True
            if is_expired:
                self._hold(self._refreshed(locked, found), is_new=True)
            return is_expired

    def _hold(self, tokens: TokenFile, *, is_new: bool = False) -> None:
        """Use these tokens. The life of new ones begins now, whatever the server's clock shows."""
        self._held = tokens
        self._around.redactor.learn(*tokens.secrets)
        lifetime = tokens.lifetime_seconds
        try:
            life = timedelta(seconds=lifetime if lifetime is not None else -1)
            expires_at = self._around.now() + life if is_new else tokens.expires_at
            self._due_at = _NEVER if expires_at is None or lifetime is None else expires_at - MARGIN_SHARE * life
        except (OverflowError, ValueError):
            self._due_at = _NEVER

    def _refreshed(self, locked: LockedTokens, found: TokenFile) -> TokenFile:
        if locked.is_marked(found):
            spent = "its refresh token works only once, and was sent before, but no new one was stored"
            raise Unauthorized(f"{self._path}: {spent}; {LOGIN}")
        with contextlib.ExitStack() as held:
            try:
                file = held.enter_context(locked.room())
                locked.mark(found)
            except OSError as error:
                raise Failed(f"{self._path} cannot be replaced: {error.strerror}; nothing was refreshed") from None
            values = self._bought(locked, found)
            try:
                stored = locked.store(file, values)
                locked.unmark()
            except OSError as error:
                raise Failed(f"{self._path}: the new tokens cannot be stored: {error.strerror}; {LOGIN}") from None
        log.info("refreshed the OAuth token in %s", self._path)
        return stored

    def _bought(self, locked: LockedTokens, found: TokenFile) -> Mapping[str, Any]:
        """Send the refresh token; return the new values of the file. Sends it again only if it was certainly not used;
        after any other failure it stays marked."""
        url, stop, problem = found.token_url(self._around.base_url), self._around.stop, ""
        host = urlsplit(url).netloc
        for number in range(1, self._around.attempts + 1):
            wait = fault_wait(number, self._around.period)
            try:
                answer = self._send(url, found)
            except Refusal as refusal:
                raise self._lost(host, str(refusal)) from None
            except Retry as failure:
                if not failure.is_harmless:
                    raise self._lost(host, str(failure)) from None
                problem = str(failure)
            except (Failed, Stopped):  # it was not sent
                locked.unmark()
                raise
            else:
                if answer.status == 200:
                    return self._new_values(host, found, answer.body)
                if answer.status not in _NOT_EXECUTED:
                    raise self._refused(locked, url, answer)
                problem = f"{host} responded with {answer.status}"
                wait = limit_wait(number, self._around.period)
            log.warning("refreshing the OAuth token: %s (try %d of %d)", problem, number, self._around.attempts)
            if number < self._around.attempts and stop.wait(wait):
                break
        locked.unmark()
        if stop.is_set():
            raise Stopped
        raise ApiUnavailable(f"the OAuth token could not be refreshed: {problem}; try again later")

    def _send(self, url: str, found: TokenFile) -> RawResponse:
        sent = {"grant_type": "refresh_token", "refresh_token": found.refresh_token}
        sent |= {name: found.values[name] for name in ("client_id", "client_secret") if found.values.get(name)}
        return post(url, sent, self._around, f"token_url in {self._path.name} and api.base_url")

    def _new_values(self, host: str, found: TokenFile, body: bytes) -> Mapping[str, Any]:
        """The values of the file with the new tokens in place of the old ones."""
        try:
            given = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._lost(host, "the response is not JSON") from None
        if not is_token(given.get("access_token")) or not is_token(given.get("refresh_token", found.refresh_token)):
            raise self._lost(host, "the response contains no tokens")
        new = {"created_at": int(self._around.now().timestamp())}
        new |= {name: given[name] for name in _RENEWED if name in given}
        for name in ("access_token", "refresh_token"):
            remember(str(new.get(name, "")))
        return {**found.values, **new}

    def _refused(self, locked: LockedTokens, url: str, answer: RawResponse) -> CksyncError:
        """The error for a response that is not a pair of tokens."""
        host = urlsplit(url).netloc
        text = self._around.redactor.text(error_text(answer.body)) or "no reason given"
        said = f"{host} responded with {answer.status} ({text})"
        if answer.status < 300 or answer.status == 408 or answer.status >= 500:
            return self._lost(host, f"{host} responded with {answer.status}")
        if text.startswith("invalid_grant"):
            return Unauthorized(f"the OAuth token cannot be refreshed: {said}; {LOGIN}")
        locked.unmark()
        if answer.status in (400, 401, 403):
            advice = f"check client_id and client_secret in {self._path}, or {LOGIN}"
            return Unauthorized(f"the OAuth token cannot be refreshed: {said}; {advice}")
        return Failed(f"the OAuth token cannot be refreshed: {said}; check token_url in {self._path} and api.base_url")

    def _lost(self, host: str, problem: str) -> Unauthorized:
        """The error if the refresh token may be spent, and there is no new one."""
        spent = "the refresh token, which works only once, may be used up"
        return Unauthorized(f"{problem} while {host} refreshed the OAuth token: {spent}; {LOGIN}")
