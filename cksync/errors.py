"""Every error of cksync, by what the caller can do about it.

    CksyncError                 exit status
    ├── Failed             1    something went wrong outside; the message says what and what to try
    │   ├── Locked         1    another cksync works in this folder
    │   ├── ApiUnavailable 1    no usable response from the API, after all retries
    │   │   └── EndpointFailed 1    one endpoint fails while others work: a pull continues without it
    │   ├── OutcomeUnknown 1    a write was sent, but it is unclear whether it was executed
    │   └── TurnedDown     1    the API rejected a write, with a reason
    ├── Rejected           2    the caller must change something: usage, configuration, credentials
    │   ├── BadConfig      2    every problem of the configuration at once
    │   └── Unauthorized   2    the API rejected the credentials
    ├── Refused            4    a safety rule stopped it before anything was written
    └── Interrupted      130    the user or the system asked it to stop; the log is kept

A message is one sentence or a short list: what, where, what to do. It never holds a secret.
"""

from datetime import datetime

from cksync.domain import Attempt


class CksyncError(Exception):
    """The base of every error that cksync raises on purpose.

    `attempts` holds the failed requests, if any.
    """

    exit_status = 1
    attempts: tuple[Attempt, ...] = ()


class Failed(CksyncError):
    """Something outside went wrong; nothing is lost, and the message says what to try."""


class Locked(Failed):
    """Another process is using the data folder."""


class ApiUnavailable(Failed):
    """The API gave no usable response, after all sensible retries."""


class EndpointFailed(ApiUnavailable):
    """One endpoint gave no usable response, while other endpoints work.

    `reason` is the cause without the request; `at` is the time of the first attempt; `status` is that of the last
    response (None: there was none); `is_too_large`: the response exceeded api.max_answer_mb; `is_of_api`: the endpoint
    works, and refused this request only.
    """

    def __init__(
        self,
        message: str,
        reason: str,
        at: datetime,
        status: int | None = None,
        *,
        is_too_large: bool = False,
        is_of_api: bool = False,
    ) -> None:
        super().__init__(message)
        self.reason, self.at, self.status = reason, at, status
        self.is_too_large, self.is_of_api = is_too_large, is_of_api


class OutcomeUnknown(Failed):
    """A write was sent, but it is unclear whether it was executed; check before sending it again."""


class TurnedDown(Failed):
    """The API rejected a write; the message contains the reason."""


class Rejected(CksyncError):
    """The caller must change something first: usage, configuration or credentials."""

    exit_status = 2


class BadConfig(Rejected):
    """The configuration has problems; the message lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Unauthorized(Rejected):
    """The API rejected the credentials (401 or 403)."""


class Refused(CksyncError):
    """A safety rule stopped the command before anything was written."""

    exit_status = 4


class Interrupted(CksyncError):
    """A signal asked the command to stop; what was read is kept in the log."""

    exit_status = 130
