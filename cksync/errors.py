"""Every error of cksync, by what the caller can do about it.

    CksyncError                 exit status
    ├── Failed             1    something went wrong outside; the message says what and what to try
    │   ├── Locked         1    another cksync works in this folder
    │   ├── ApiUnavailable 1    the API did not answer usefully, after every retry
    │   │   └── EndpointFailed 1    one endpoint did not, while others do: a pull goes on without it
    │   ├── OutcomeUnknown 1    a write was sent, and nobody can say whether it was executed
    │   └── TurnedDown     1    the API refused a write, and says why
    ├── Rejected           2    the caller must change something: usage, configuration, credentials
    │   ├── BadConfig      2    every problem of the configuration at once
    │   └── Unauthorized   2    the API turned the credentials down
    ├── Refused            4    a safety rule stopped it before anything was written
    └── Interrupted      130    the user or the system asked it to stop; the log is kept

A message is one sentence or a short list: what, where, what to do. It never holds a secret.
"""

from datetime import datetime

from cksync.domain import Attempt


class CksyncError(Exception):
    """The base of every error that cksync raises on purpose.

    `attempts` holds the requests that were made in vain (values of domain.Attempt), where there were any.
    """

    exit_status = 1
    attempts: tuple[Attempt, ...] = ()


class Failed(CksyncError):
    """Something outside went wrong; nothing is lost, and the message says what to try."""


class Locked(Failed):
    """Another process works in the data folder."""


class ApiUnavailable(Failed):
    """The API did not give a usable answer, after every retry that makes sense."""


class EndpointFailed(ApiUnavailable):
    """One endpoint gave no usable answer, while the API answers elsewhere.

    `reason` is the short cause, without the request; `at` is when the endpoint was first asked.
    """

    def __init__(self, message: str, reason: str, at: datetime) -> None:
        super().__init__(message)
        self.reason, self.at = reason, at


class OutcomeUnknown(Failed):
    """A write was sent, and nobody can say whether it was executed; look before sending it again."""


class TurnedDown(Failed):
    """The API refused a write; the message has its reason."""


class Rejected(CksyncError):
    """The caller must change something before it can work."""

    exit_status = 2


class BadConfig(Rejected):
    """The configuration has problems; the message lists all of them."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class Unauthorized(Rejected):
    """The API turned the credentials down (401 or 403)."""


class Refused(CksyncError):
    """A safety rule stopped the command before anything was written."""

    exit_status = 4


class Interrupted(CksyncError):
    """A signal asked the command to stop; what was read is kept in the log."""

    exit_status = 130
