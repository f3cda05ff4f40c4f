"""One request -> one decoded answer: the only module that speaks HTTP, and the only one that retries.

What is retried: connection errors, time-outs, 5xx, 429, and bodies that are not whole JSON. Each try
takes its own slot of the throttle. Nothing that leaves this module holds a credential: errors are
sentences of our own, and the libraries' messages are never passed on.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
import tenacity
from requests.adapters import HTTPAdapter

from cksync.api.throttle import Throttle
from cksync.domain import Attempt
from cksync.errors import ApiUnavailable, Failed, Rejected, Unauthorized
from cksync.secrets import Redactor

log = logging.getLogger("cksync.api")

ATTEMPTS = 7
# The first wait of each kind, as a share of the limit's period, doubled at every further try.
FAULT_WAIT_SHARE, FAULT_WAIT_LEAST_SECONDS = 1 / 60, 0.25
LIMIT_WAIT_SHARE, LIMIT_WAIT_MOST_SHARE = 1 / 4, 1.0
# The same bytes refused this often will not get better: read them leniently, and say so.
SAME_BODY_TRIES = 3

HINTS = {
    "API Key not present": "no credential arrived there; set CKSYNC_API_SECRET or api.api_secret",
    "API Key not valid": "the secret is wrong (it says 'API Key' for both); copy the API Secret from Kit's settings",
    "You do not have sufficient permissions to access this resource": (
        "that is the public API key; a mirror needs the API Secret, which stands below it in Kit's settings"
    ),
}


Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Answer(Generic[Content]):
    """A usable answer: what the caller cut from a 200, or None for a 404, which a proxy on the way may
    have given instead of the API: `is_json` tells."""

    content: Content | None
    is_json: bool
    sent_at: datetime
    received_at: datetime
    server_at: datetime | None
    attempts: tuple[Attempt, ...]
    is_lenient: bool = False


class Malformed(ValueError):
    """A body that is JSON but not the API's: raised by the caller's `cut`, and retried."""


class _Retry(Exception):
    """This try failed in a way that another may mend."""

    def __init__(self, problem: str, status: int | None = None) -> None:
        super().__init__(problem)
        self.status = status


class Client:
    """GETs below `base_url` with a credential that stays inside."""

    def __init__(
        self,
        base_url: str,
        credential: Mapping[str, str],
        throttle: Throttle,
        *,
        redactor: Redactor,
        now: Callable[[], datetime],
        period: float,
        timeout: float,
        concurrency: int,
        stop: threading.Event,
        user_agent: str,
        attempts: int = ATTEMPTS,
    ) -> None:
        self._base_url, self._credential, self._throttle = base_url, dict(credential), throttle
        self._redactor, self._now, self._stop = redactor, now, stop
        self._period, self._timeout, self._attempts = period, timeout, attempts
        session = requests.Session()  # asked once what the environment says of proxies and certificates
        self._surroundings = session.merge_environment_settings(base_url, {}, True, None, None)
        self._base = requests.Request("GET", base_url).prepare()
        self._base.headers.update(
            {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
        )
        self._adapter = HTTPAdapter(pool_maxsize=concurrency, max_retries=0)

    def get(self, path: str, params: Mapping[str, str], cut: Callable[[bytes], tuple[Content, int]]) -> Answer[Content]:
        """Fetch one path. `cut` turns a good body into its content and the number of its records.

        Raises Unauthorized (401, 403), ApiUnavailable (all tries in vain, or a refusal), Failed
        (certificate, redirect, API switched off), Stopped (the run is ending).
        """
        tries: list[Attempt] = []
        bodies: list[bytes] = []
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Retry),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._attempts),
            sleep=self._sleep,
            before_sleep=lambda state: _say(path, params, state, self._attempts),
            retry_error_callback=lambda state: _give_up(path, state),
        )
        try:
            answer: Answer[Content] = retrying(self._try, path, params, tries, bodies, cut)
        except (Failed, Rejected) as error:
            error.attempts = tuple(tries)
            raise
        return answer

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try. After a 429 the throttle itself keeps everybody waiting."""
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, _Retry) and failure.status == 429:
            share = min(LIMIT_WAIT_SHARE * 2 ** (state.attempt_number - 1), LIMIT_WAIT_MOST_SHARE)
            seconds = self._period * share * random.uniform(1.0, 1.1)
            self._throttle.back_off(seconds)
            return 0.0
        first = max(self._period * FAULT_WAIT_SHARE, FAULT_WAIT_LEAST_SECONDS)
        return float(first * 2 ** (state.attempt_number - 1) * random.uniform(0.8, 1.2))

    def _try(
        self,
        path: str,
        params: Mapping[str, str],
        tries: list[Attempt],
        bodies: list[bytes],
        cut: Callable[[bytes], tuple[Content, int]],
    ) -> Answer[Content]:
        status: int | None = None
        rows: int | None = None
        problem: str | None = None
        content: Content | None = None
        sent_at, started = self._now(), time.monotonic()
        try:
            with self._throttle.slot():
                sent_at, started = self._now(), time.monotonic()
                response = self._send(path, params)
                status = response.status_code
                body = self._redactor.data(self._read(response, started))
                received_at = self._now()
            self._judge(path, response, body)
            if status == 200:
                body, problem = _strict(body, bodies)
                content, rows = cut(body)
        except Malformed as error:
            problem = f"the answer is not the API's: {error} (is base_url right?)"
            raise _Retry(problem) from None
        except (_Retry, Failed, Rejected) as error:
            problem = str(error)
            raise
        finally:
            spent = round((time.monotonic() - started) * 1000)
            if status is not None or problem is not None:  # not when the run ended before it was sent
                tries.append(Attempt(sent_at, path, urlencode(params), status, spent, rows, problem))
        server_at = _server_time(response.headers.get("Date", ""))
        return Answer(content, _is_json(body), sent_at, received_at, server_at, tuple(tries))

    def _send(self, path: str, params: Mapping[str, str]) -> requests.Response:
        """One exchange: no redirect is followed, no cookie kept, no ~/.netrc searched."""
        request = self._base.copy()
        request.url = f"{(self._base.url or '').rstrip('/')}/{path}?{urlencode({**params, **self._credential})}"
        try:
            return self._adapter.send(
                request,
                stream=True,
                timeout=self._timeout,
                verify=self._surroundings["verify"] or False,
                proxies=self._surroundings["proxies"],
            )
        except (OSError, ValueError) as error:  # requests' own are OSErrors; an address may be none at all
            raise self._why(error) from None

    def _read(self, response: requests.Response, started: float) -> bytes:
        """The whole body, no later than the time-out after sending, however slowly it drips."""
        parts: list[bytes] = []
        try:
            while part := response.raw.read1(1 << 16, decode_content=True):
                parts.append(part)
                if time.monotonic() - started > self._timeout:
                    raise _Retry(f"the answer was not whole within {self._timeout:g} s", response.status_code)
            response.raw.read()  # raises when the connection closed before the announced length
        except _Retry:
            response.close()
            raise
        except Exception as error:  # urllib3's and zlib's many names for a body that broke off
            response.close()
            raise _Retry(f"the answer broke off ({type(error).__name__})", response.status_code) from None
        response.close()
        return b"".join(parts)

    def _why(self, error: Exception) -> Exception:
        """A library's exception as a sentence of ours: its own text holds the URL with the secret."""
        host = urlsplit(self._base_url).netloc
        kinds = requests.exceptions
        if isinstance(error, kinds.SSLError) and "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return _Retry(f"the TLS connection to {host} broke (is base_url right?)")
        if isinstance(error, kinds.SSLError):
            return Failed(
                f"the certificate of {host} is not trusted; check base_url, the clock, and proxies on the way"
            )
        if isinstance(error, kinds.ProxyError):
            return _Retry(f"the proxy on the way to {host} does not answer")
        if isinstance(error, kinds.Timeout):
            return _Retry(f"no answer from {host} within {self._timeout:g} s")
        if isinstance(error, kinds.ConnectionError):
            text = str(error)
            if "NameResolutionError" in text or "getaddrinfo" in text:
                return _Retry(f"the name {host} cannot be resolved (is there a network, is base_url right?)")
            if "refused" in text:
                return _Retry(f"{host} refuses the connection (is base_url right?)")
            return _Retry(f"the connection to {host} broke")
        return Failed(
            f"a request to {host} cannot be made ({type(error).__name__}); check base_url, and what the environment"
            " says of proxies and certificates"
        )

    def _judge(self, path: str, response: requests.Response, body: bytes) -> None:
        """Pass 200 and 404; raise for everything else by what can be done about it."""
        status, host = response.status_code, urlsplit(self._base_url).netloc
        if status == 429:
            raise _Retry("429: another program uses this key's limit", 429)
        if status >= 500:
            raise _Retry(f"{status} from {host}", status)
        if status in (401, 403):
            raise Unauthorized(_unauthorized(status, host, self._redactor.text(_message(body))))
        if status == 410:
            raise Failed(f"{host} answers 410: API v3 seems to be switched off; the mirror stays as it is")
        if 300 <= status < 400:
            target = _host(self._redactor.text(response.headers.get("Location", ""))) or "another place"
            raise Failed(f"{host} redirects to {target}; put the right address into api.base_url")
        if status not in (200, 404):
            reason = self._redactor.text(_message(body)) or "no reason given"
            raise ApiUnavailable(f"GET {path}: {host} answers {status}: {reason}")

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()


def _is_json(body: bytes) -> bool:
    try:
        body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
    return body[:64].lstrip()[:1] in (b"{", b"[")


# An escaped pair is fine, a lone half is not; `\\\\.` steps over every other escape.
_SURROGATE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def _strict(body: bytes, earlier: list[bytes]) -> tuple[bytes, str | None]:
    """The body if it is strict JSON; else retry, and once the same came often enough, mend its text."""
    if _is_json(body):
        return body, None
    earlier.append(body)
    if earlier.count(body) >= SAME_BODY_TRIES:
        text = body.decode("utf-8-sig", "replace")
        mended = _SURROGATE.sub(lambda m: r"\ufffd" if m[1] else m[0], text).encode()
        if _is_json(mended):
            return mended, "text that is not valid Unicode was read with a replacement character"
    kind = "an HTML page" if body.lstrip()[:1] == b"<" else "something that is not JSON" if body else "nothing"
    raise _Retry(f"the answer holds {kind} (is base_url the API's address?)", 200)


def _message(body: bytes) -> str:
    """The `message` (else `error`) of an error body, or ''."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    text = str(fields.get("message") or fields.get("error") or "")[:300]
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _host(address: str) -> str:
    try:
        return urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _unauthorized(status: int, host: str, message: str) -> str:
    if status == 403:
        return f"{host} answers 403 ({message or 'no reason given'}): the account may not use API v3 (any more)"
    hint = HINTS.get(message, "check the API Secret in Kit's settings")
    return f"{host} turns the credentials down ({message or 'no reason given'}): {hint}"


@lru_cache(maxsize=8)
def _server_time(date: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else None


def _say(path: str, params: Mapping[str, str], state: tenacity.RetryCallState, attempts: int) -> None:
    failure = state.outcome.exception() if state.outcome else None
    page = f" page {params['page']}" if params.get("page", "1") != "1" else ""
    log.warning("GET %s%s: %s; trying again (%d of %d)", path, page, failure, state.attempt_number + 1, attempts)


def _give_up(path: str, state: tenacity.RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    raise ApiUnavailable(f"GET {path}: {failure} (tried {state.attempt_number} times); try again later") from None
