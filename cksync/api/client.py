"""One request -> one decoded answer: the only module that speaks HTTP, and the only one that retries.

What is retried: connection errors, time-outs, 5xx, 429, and bodies that are not whole JSON. A write is
retried after these only if repeating it is harmless, or if it cannot have been executed. Each try
takes its own slot of the throttle. Nothing that leaves this module holds a credential: errors are
sentences of our own, and the libraries' messages are never passed on.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import requests
import tenacity
from requests.adapters import HTTPAdapter

from cksync.api.answers import Retry, is_json, judge, judge_write, strict
from cksync.api.throttle import Throttle
from cksync.domain import Attempt
from cksync.errors import ApiUnavailable, Failed, OutcomeUnknown, Rejected
from cksync.secrets import Redactor

log = logging.getLogger("cksync.api")

ATTEMPTS = 7
# The first wait of each kind, as a share of the limit's period, doubled at every further try.
FAULT_WAIT_SHARE, FAULT_WAIT_LEAST_SECONDS = 1 / 60, 0.05
LIMIT_WAIT_SHARE, LIMIT_WAIT_MOST_SHARE = 1 / 4, 1.0
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


@dataclass(frozen=True, slots=True)
class Call:
    """A write: what to send, and whether sending it twice is as good as once. A body never holds a credential."""

    method: str
    path: str
    body: Mapping[str, Any]
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What the API said to a write. `message` says why it was turned down (status 400 and above)."""

    status: int
    body: bytes
    sent_at: datetime
    received_at: datetime
    attempts: tuple[Attempt, ...]
    message: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the API took it (202: will do so)."""
        return self.status < 300


class Client:
    """Requests below `base_url` with a credential that stays inside."""

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
        self._credential, self._throttle = dict(credential), throttle
        self._host = urlsplit(base_url).netloc
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
        answer: Answer[Content] = self._until_known(
            "GET", path, params, tries, lambda: self._try(path, params, tries, bodies, cut)
        )
        return answer

    def write(self, call: Call) -> Reply:
        """Send a write. What the API turns down (4xx) is a reply, too.

        Raises what `get` raises, and OutcomeUnknown when nobody can say whether it was executed.
        """
        tries: list[Attempt] = []
        reply: Reply = self._until_known(call.method, call.path, {}, tries, lambda: self._try_write(call, tries))
        return reply

    def _until_known(
        self, method: str, path: str, params: Mapping[str, str], tries: list[Attempt], once: Callable[[], Any]
    ) -> Any:
        """Try until there is an answer, or no hope. An error knows the `tries` that were made."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retry),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._attempts),
            sleep=self._sleep,
            before_sleep=lambda state: _say(method, path, params, state, self._attempts),
            retry_error_callback=lambda state: _give_up(method, path, state),
        )
        try:
            return retrying(once)
        except (Failed, Rejected) as error:
            error.attempts = tuple(tries)
            raise

    def _try_write(self, call: Call, tries: list[Attempt]) -> Reply:
        status: int | None = None
        problem: str | None = None
        sent_at, started = self._now(), time.monotonic()
        try:
            with self._throttle.slot():
                sent_at, started = self._now(), time.monotonic()
                response = self._send(call.path, {}, call)
                status = response.status_code
                body = self._redactor.data(self._read(response, started))
                received_at = self._now()
            location = response.headers.get("Location", "")
            message = judge_write(status, body, location, path=call.path, host=self._host, redactor=self._redactor)
        except Retry as failure:
            problem = str(failure)
            if call.is_repeatable or failure.is_harmless:
                raise
            raise OutcomeUnknown(
                f"{call.method} {call.path}: {problem}; whether it was executed is not known"
            ) from None
        except (Failed, Rejected) as error:
            problem = str(error)
            raise
        finally:
            spent = round((time.monotonic() - started) * 1000)
            if status is not None or problem is not None:
                tries.append(Attempt(sent_at, f"{call.method} {call.path}", "", status, spent, None, problem))
        return Reply(status, body, sent_at, received_at, tuple(tries), message)

    def _sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next try. After a 429 the throttle itself keeps everybody waiting."""
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, Retry) and failure.status == 429:
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
            location = response.headers.get("Location", "")
            judge(status, body, location, path=path, host=self._host, redactor=self._redactor)
            if status == 200:
                body, problem = strict(body, bodies)
                content, rows = cut(body)
        except Malformed as error:
            problem = f"the answer is not the API's: {error} (is base_url right?)"
            raise Retry(problem) from None
        except (Retry, Failed, Rejected) as error:
            problem = str(error)
            raise
        finally:
            spent = round((time.monotonic() - started) * 1000)
            if status is not None or problem is not None:  # not when the run ended before it was sent
                tries.append(Attempt(sent_at, path, urlencode(params), status, spent, rows, problem))
        server_at = _server_time(response.headers.get("Date", ""))
        return Answer(content, is_json(body), sent_at, received_at, server_at, tuple(tries))

    def _send(self, path: str, params: Mapping[str, str], call: Call | None = None) -> requests.Response:
        """One exchange: no redirect is followed, no cookie kept, no ~/.netrc searched. The credential of a
        write is in its body."""
        request = self._base.copy()
        request.url = f"{(self._base.url or '').rstrip('/')}/{path}"
        if call is None:
            request.url += f"?{urlencode({**params, **self._credential})}"
        else:
            request.prepare_method(call.method)
            request.headers["Content-Type"] = "application/json"
            request.prepare_body(msgspec.json.encode({**call.body, **self._credential}), None)
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
                    raise Retry(f"the answer was not whole within {self._timeout:g} s", response.status_code)
            response.raw.read()  # raises when the connection closed before the announced length
        except Retry:
            response.close()
            raise
        except Exception as error:  # urllib3's and zlib's many names for a body that broke off
            response.close()
            raise Retry(f"the answer broke off ({type(error).__name__})", response.status_code) from None
        response.close()
        return b"".join(parts)

    def _why(self, error: Exception) -> Exception:
        """A library's exception as a sentence of ours: its own text holds the URL with the secret."""
        host = self._host
        kinds = requests.exceptions
        if isinstance(error, kinds.SSLError) and "CERTIFICATE_VERIFY_FAILED" not in str(error):
            return Retry(f"the TLS connection to {host} broke (is base_url right?)")
        if isinstance(error, kinds.SSLError):
            return Failed(
                f"the certificate of {host} is not trusted; check base_url, the clock, and proxies on the way"
            )
        if isinstance(error, kinds.ProxyError):
            return Retry(f"the proxy on the way to {host} does not answer")
        if isinstance(error, kinds.Timeout):
            is_unsent = isinstance(error, kinds.ConnectTimeout)
            return Retry(f"no answer from {host} within {self._timeout:g} s", is_harmless=is_unsent)
        if isinstance(error, kinds.ConnectionError):
            text = str(error)
            if "NameResolutionError" in text or "getaddrinfo" in text:
                return Retry(
                    f"the name {host} cannot be resolved (is there a network, is base_url right?)", is_harmless=True
                )
            if "refused" in text:
                return Retry(f"{host} refuses the connection (is base_url right?)", is_harmless=True)
            return Retry(f"the connection to {host} broke")
        return Failed(
            f"a request to {host} cannot be made ({type(error).__name__}); check base_url, and what the environment"
            " says of proxies and certificates"
        )

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()


@lru_cache(maxsize=8)
def _server_time(date: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else None


def _say(method: str, path: str, params: Mapping[str, str], state: tenacity.RetryCallState, attempts: int) -> None:
    failure = state.outcome.exception() if state.outcome else None
    page = f" page {params['page']}" if params.get("page", "1") != "1" else ""
    again = state.attempt_number + 1
    log.warning("%s %s%s: %s; trying again (%d of %d)", method, path, page, failure, again, attempts)


def _give_up(method: str, path: str, state: tenacity.RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    raise ApiUnavailable(f"{method} {path}: {failure} (tried {state.attempt_number} times); try again later") from None
