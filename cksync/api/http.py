"""One request -> one decoded response: the only module that retries.

Retried are connection errors, time-outs, 5xx, 429, and bodies that are not complete JSON. A write is retried after
these only if repeating it is harmless, or if it cannot have been executed. Each try takes its own slot of the throttle.
When a request fails for good, the account is requested: if that answers, only this endpoint failed (`breaker` then
spares it further tries); if not, the run ends. Nothing that leaves this module contains a credential: error messages
are cksync's own, and those of libraries are never passed on.
"""

import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import tenacity

from cksync.api.breaker import Breaker, endpoint_of
from cksync.api.credential import Credential
from cksync.api.exchange import Exchange, RawResponse
from cksync.api.oauth import Tokens
from cksync.api.responses import Expected, Refusal, Retry, Stale, classify, classify_write, is_json, parse_json
from cksync.api.throttle import Throttle
from cksync.api.waits import fault_wait, limit_wait, lost_seconds, most_lost_seconds
from cksync.clock import REAL_TIME, Time
from cksync.domain import Attempt
from cksync.errors import ApiUnavailable, EndpointFailed, Failed, OutcomeUnknown, Rejected
from cksync.secrets import Redactor
from cksync.versions import Version

log = logging.getLogger("cksync.api")

ATTEMPTS = 7
# A POST that reads answers 5xx to conditions that it does not know, so that more tries are in vain.
POST_READ_FAULTS = 3
# A token may be replaced this often before a request fails: by a newer one of another process, and by a new one.
RENEWALS = 2
# The request that shows if the API is up, and how often it is tried.
PULSE, PULSE_ATTEMPTS = "account", 2
NO_PARAMS: Mapping[str, str] = {}
Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Response(Generic[Content]):
    """A usable response: what the caller cut from a 200, or None for a 404, which a proxy may have sent instead of the
    API; then `is_json` is False."""

    content: Content | None
    is_json: bool
    sent_at: datetime
    received_at: datetime
    server_at: datetime | None
    attempts: tuple[Attempt, ...]


class Malformed(ValueError):
    """A body that is JSON but not the API's; raised by the caller's `cut`, and retried."""


@dataclass(frozen=True, slots=True)
class Call:
    """A write: what to send, what the API returns on success, True if it may be sent twice, and the version of the API
    that it is for. A body never contains a credential."""

    method: str
    path: str
    body: Mapping[str, Any]
    expected: Expected
    is_repeatable: bool = True
    stream: str = ""
    version: Version = "v3"


@dataclass(frozen=True, slots=True)
class Reply:
    """The API's response to a write. `message` is the reason for a rejection (status 400 and above)."""

    status: int
    body: bytes
    sent_at: datetime
    received_at: datetime
    attempts: tuple[Attempt, ...]
    message: str = ""

    @property
    def is_done(self) -> bool:
        """True if the API accepted it (202: will do it)."""
        return self.status < 300


@dataclass(slots=True)
class _Note:
    """The record of one try in progress."""

    sent_at: datetime
    started: float
    received_at: datetime = datetime.max
    status: int | None = None
    rows: int | None = None
    problem: str | None = None

    def fail(self, failure: Exception) -> None:
        """Note why it failed."""
        self.problem = str(failure)
        if isinstance(failure, Retry):
            self.status = self.status or failure.status


@dataclass(frozen=True, slots=True)
class _Ask:
    """A read: its path, its parameters, and its purpose."""

    path: str
    query: str
    stream: str
    slice: str | None = None
    body: bytes | None = None

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    @property
    def said(self) -> str:
        """Its parameters, for the record of requests."""
        return self.query if self.body is None else self.body.decode()

    @property
    def endpoint(self) -> str:
        """Its path, for the record of requests."""
        return self.path if self.body is None else f"POST {self.path}"


class HttpClient:
    """Sends requests below `base_url` with a credential that stays inside. With OAuth, `tokens` has the tokens."""

    def __init__(
        self,
        base_url: str,
        credential: Credential,
        throttle: Throttle,
        *,
        redactor: Redactor,
        now: Callable[[], datetime],
        period: float,
        timeout: float,
        most_mb: float,
        concurrency: int,
        stop: threading.Event,
        user_agent: str,
        attempts: int = ATTEMPTS,
        tokens: Tokens | None = None,
        setting: str = "api.base_url",
        time: Time = REAL_TIME,
    ) -> None:
        self._time = time
        self._credential, self._throttle, self._tokens = credential, throttle, tokens
        self._signature = urlencode(credential.params)
        self._host = urlsplit(base_url).netloc
        self._redactor, self._now, self._stop = redactor, now, stop
        self._period, self._timeout, self._attempts = period, timeout, attempts
        self._breaker = Breaker(attempts, most_lost_seconds(attempts, timeout, period), period)
        self._pulse_lock, self._is_silent = threading.Lock(), False
        self._exchange = Exchange(
            base_url,
            self._host,
            timeout=timeout,
            most_mb=most_mb,
            concurrency=concurrency,
            stop=stop,
            user_agent=user_agent,
            setting=setting,
        )

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        cut: Callable[[bytes], tuple[Content, int]],
        *,
        stream: str,
        slice_: str | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Response[Content]:
        """Fetch one path for a stream, with a `body` by a POST that changes nothing. `cut` turns a valid response into
        its content and its number of records.

        Raises EndpointFailed if only this endpoint gives no usable answer after all its tries; Unauthorized (401
        anywhere; 403 of the account), ApiUnavailable (nothing answers), Failed (certificate; redirect of the account,
        API switched off), Stopped (the run is ending).
        """
        ask = _Ask(path, urlencode(params), stream, slice_, None if body is None else msgspec.json.encode(body))
        endpoint, asked, started = endpoint_of(path), f"{path}?{ask.said}", self._time.ticks()
        tries: list[Attempt] = []
        bodies: list[bytes] = []
        if path != PULSE and not self._breaker.lets_pass(endpoint):
            reason = self._breaker.reason(endpoint)
            raise EndpointFailed(
                f"{ask.method} {path}: not requested again because {endpoint} keeps failing: {reason}",
                reason,
                self._now(),
            )
        try:
            answer: Response[Content] = self._until_known(
                ask.method,
                path,
                params,
                tries,
                lambda: self._with_token(lambda headers: self._try(ask, headers, tries, bodies, cut)),
                lambda: 1 if self._is_silent or _is_in_vain(ask, tries) else self._breaker.attempts(endpoint, asked),
            )
        except EndpointFailed as error:
            error.at = tries[0].requested_at
            if error.is_of_api:
                self._breaker.answered(endpoint, self._time.ticks())
                raise
            self._breaker.failed(endpoint, asked, error.reason, lost_seconds(tries, self._period))
            self._feel_pulse(endpoint, started, error)
            raise
        self._breaker.answered(endpoint, self._time.ticks())
        return answer

    def _feel_pulse(self, endpoint: str, started: float, error: EndpointFailed) -> None:
        """Request the account after a failure that may be one of the whole API; raise if it does not answer."""
        with self._pulse_lock:
            silence = ApiUnavailable(f"{error}, and the account endpoint does not respond either; try again later")
            if self._is_silent:
                raise _with_attempts(silence, error.attempts)
            if not self._breaker.needs_pulse(endpoint, started, self._time.ticks()):
                return
            tries: list[Attempt] = []
            try:
                self._until_known(
                    "GET",
                    PULSE,
                    {},
                    tries,
                    lambda: self._with_token(
                        lambda headers: self._try(_Ask(PULSE, "", PULSE), headers, tries, [], lambda body: (None, 1))
                    ),
                    lambda: PULSE_ATTEMPTS,
                )
            except ApiUnavailable:
                self._is_silent = True
                raise _with_attempts(silence, (*error.attempts, *tries)) from None
            except (Failed, Rejected) as refused:
                raise _with_attempts(refused, (*error.attempts, *tries)) from None
            self._breaker.answered(PULSE, self._time.ticks())
            error.attempts += tuple(tries)

    def write(self, call: Call) -> Reply:
        """Send a write. A rejection by the API (4xx) is a reply, too.

        Raises what `get` raises, and OutcomeUnknown if the write may or may not have been executed.
        """
        tries: list[Attempt] = []
        reply: Reply = self._until_known(
            call.method,
            call.path,
            {},
            tries,
            lambda: self._with_token(lambda headers: self._try_write(call, headers, tries)),
            lambda: self._attempts,
            is_read=False,
        )
        return reply

    def _with_token(self, once: Callable[[Mapping[str, str]], Any]) -> Any:
        """Try once, given the headers of the credential. If the token has expired meanwhile, the request was not
        executed: replace the token and try again at once."""
        if self._tokens is None:
            return once(self._credential.headers)
        for _ in range(RENEWALS):
            headers = self._tokens.header()
            try:
                return once(headers)
            except Stale as stale:
                self._tokens.renew(headers, stale)
        try:
            return once(self._tokens.header())
        except Stale as stale:
            raise stale.verdict from None

    def _until_known(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        tries: list[Attempt],
        once: Callable[[], Any],
        most: Callable[[], int],
        *,
        is_read: bool = True,
    ) -> Any:
        """Try until there is an answer or a final failure, at most `most` times, which may decrease meanwhile. An error
        carries the `tries` that were made."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Retry),
            wait=self._wait,
            stop=lambda state: state.attempt_number >= most(),
            sleep=self._sleep,
            before_sleep=lambda state: _say(method, path, params, state, most()),
            retry_error_callback=lambda state: _give_up(method, path, state, tries, is_read=is_read),
        )
        try:
            return retrying(once)
        except (Failed, Rejected) as error:
            error.attempts = tuple(tries)
            raise

    def _try_write(self, call: Call, headers: Mapping[str, str], tries: list[Attempt]) -> Reply:
        with self._noted(tries, f"{call.method} {call.path}", "", call.stream) as note:
            try:
                sent = msgspec.json.encode({**call.body, **self._credential.params})
                answer = self._send(note, call.method, call.path, headers, body=sent)
                message = classify_write(
                    answer.status,
                    answer.body,
                    answer.headers,
                    call.expected,
                    path=call.path,
                    host=self._host,
                    redactor=self._redactor,
                    credential=self._credential,
                )
            except (Retry, Refusal) as failure:
                if isinstance(failure, Retry) and (call.is_repeatable or failure.is_harmless):
                    raise
                note.fail(failure)
                raise OutcomeUnknown(f"{call.method} {call.path}: {failure}; outcome unknown") from None
        return Reply(answer.status, answer.body, note.sent_at, note.received_at, tuple(tries), message)

    @contextlib.contextmanager
    def _noted(
        self, tries: list[Attempt], endpoint: str, query: str, stream: str, slice_: str | None = None
    ) -> Iterator["_Note"]:
        """One try of a request, whose result is noted in `tries`."""
        note = _Note(self._now(), self._time.ticks())
        try:
            yield note
        except OutcomeUnknown:  # the reason is noted
            raise
        except (Retry, Stale, Failed, Rejected) as failure:
            note.fail(failure)
            raise
        finally:
            if note.status is not None or note.problem is not None:  # not if the run ended before it was sent
                spent = round((self._time.ticks() - note.started) * 1000)
                tries.append(
                    Attempt(note.sent_at, endpoint, query, note.status, spent, note.rows, note.problem, stream, slice_)
                )

    def _send(
        self,
        note: "_Note",
        method: str,
        path: str,
        headers: Mapping[str, str],
        query: str = "",
        body: bytes | None = None,
    ) -> RawResponse:
        """Take a slot of the throttle and send; the response is redacted. Raises what Exchange.send raises, Stopped."""
        with self._throttle.slot():
            note.sent_at, note.started = self._now(), self._time.ticks()
            answer = self._exchange.send(method, path, query, body, headers)
            note.status, note.received_at = answer.status, self._now()
            return replace(answer, body=self._redactor.data(answer.body))

    def _sleep(self, seconds: float) -> None:
        self._time.wait(self._stop, seconds)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds until the next try. After a 429, the throttle itself delays every request."""
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, Retry) and failure.status == 429:
            self._throttle.back_off(limit_wait(state.attempt_number, self._period) * random.uniform(1.0, 1.1))
            return 0.0
        return fault_wait(state.attempt_number, self._period) * random.uniform(0.8, 1.2)

    def _try(
        self,
        ask: "_Ask",
        headers: Mapping[str, str],
        tries: list[Attempt],
        bodies: list[bytes],
        cut: Callable[[bytes], tuple[Content, int]],
    ) -> Response[Content]:
        content: Content | None = None
        with self._noted(tries, ask.endpoint, ask.said, ask.stream, ask.slice) as note:
            try:
                query = "&".join(filter(None, (ask.query, self._signature)))
                answer = self._send(note, ask.method, ask.path, headers, query, ask.body)
                body = answer.body
                classify(
                    answer.status,
                    body,
                    answer.headers,
                    path=ask.path,
                    host=self._host,
                    redactor=self._redactor,
                    credential=self._credential,
                )
                if answer.status == 200:
                    body, note.problem = parse_json(body, bodies)
                    content, note.rows = cut(body)
            except Malformed as malformed:
                problem = f"not a response of the API: {malformed}"
                raise Retry(problem, note.status, hint="check api.base_url") from None
            except Refusal as refusal:
                if ask.path == PULSE:
                    raise refusal.verdict from None
                raise EndpointFailed(
                    f"{ask.method} {ask.path}: {refusal}",
                    refusal.reason,
                    note.sent_at,
                    refusal.status,
                    is_too_large=refusal.is_too_large,
                    is_of_api=refusal.is_of_api,
                ) from None
        server_at = _server_time(answer.headers.get("Date", ""))
        is_apis = content is not None or is_json(body)
        return Response(content, is_apis, note.sent_at, note.received_at, server_at, tuple(tries))

    @property
    def throttle(self) -> Throttle:
        """Return what its requests wait for."""
        return self._throttle

    def close(self) -> None:
        """Close all connections."""
        self._exchange.close()


@lru_cache(maxsize=8)
def _server_time(date: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else None


def _is_in_vain(ask: _Ask, tries: list[Attempt]) -> bool:
    """Return True if a POST that reads was answered with 5xx often enough."""
    return ask.body is not None and sum((each.status or 0) >= 500 for each in tries) >= POST_READ_FAULTS


def _say(method: str, path: str, params: Mapping[str, str], state: tenacity.RetryCallState, attempts: int) -> None:
    failure = state.outcome.exception() if state.outcome else None
    page = f" page {params['page']}" if params.get("page", "1") != "1" else ""
    again = state.attempt_number + 1
    log.warning("%s %s%s: %s; trying again (%d of %d)", method, path, page, failure, again, attempts)


def _give_up(method: str, path: str, state: tenacity.RetryCallState, tries: list[Attempt], *, is_read: bool) -> None:
    failure = state.outcome.exception() if state.outcome else None
    times = f" (tried {state.attempt_number} times)" if state.attempt_number > 1 else ""
    message = f"{method} {path}: {failure}{times}"
    if is_read and path != PULSE and isinstance(failure, Retry):
        raise EndpointFailed(message, f"{failure.problem}{times}", tries[0].requested_at, failure.status) from None
    raise ApiUnavailable(f"{message}; try again later") from None


def _with_attempts(error: Failed | Rejected, attempts: tuple[Attempt, ...]) -> Failed | Rejected:
    error.attempts = attempts
    return error
