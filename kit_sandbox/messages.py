"""A request and its response as values, passed between the API and the sockets."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .codec import encode
from .params import without

# Waits for so many seconds.
Pause = Callable[[float], Awaitable[None]]

CREDENTIALS = ("api_key", "api_secret", "integration_key")
WRITE_METHODS = ("POST", "PUT", "PATCH", "DELETE")
READS_BY_POST = ("/v4/subscribers/filter",)
OAUTH_PREFIXES = ("/v4/oauth/", "/oauth/")


def is_write(method: str, path: str) -> bool:
    """Whether a request is there to change the account."""
    return method in WRITE_METHODS and path not in READS_BY_POST and not path.startswith(OAUTH_PREFIXES)


@dataclass(frozen=True)
class Request:
    """A client's request; `path` begins after `/v3`, `params` joins the query and scalars of the body.

    Under v4 the path begins with `/v4`, and `headers` has the credentials, by names in lower case.

    `given` has the same parameters as sent: nested, and numbers as numbers. `is_malformed`: the body could not be read.
    `failing` is set by a fault: the items of a bulk call that fail, by their places, each with its reason.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    accepts_gzip: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    is_malformed: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    failing: Mapping[int, str] = field(default_factory=dict)

    @property
    def is_write(self) -> bool:
        return is_write(self.method, self.path)

    def asking(self, **params: str) -> "Request":
        """The same request with other parameters."""
        return replace(self, params={**self.params, **params})

    @property
    def page(self) -> int:
        """The requested page; anything but a positive number is page 1."""
        text = self.params.get("page", "1")
        return max(1, int(text)) if text.isdecimal() and text.isascii() else 1

    @property
    def public_params(self) -> dict[str, Any]:
        """The parameters without the credentials; those of a write as sent."""
        if self.path.startswith(OAUTH_PREFIXES):
            return {name: self.params[name] for name in ("client_id", "grant_type") if name in self.params}
        shown: dict[str, Any] = without(CREDENTIALS, self.params if self.method == "GET" else self.given)
        return shown


@dataclass(frozen=True)
class Answer:
    """A response, and how to send it.

    `delay_seconds` passes before the first byte; `is_reset` breaks the connection instead of responding; `cut_bytes`
    sends that many bytes less than announced; `drip_seconds` is the pause after every piece.
    """

    status: int
    body: bytes = b""
    content_type: str | None = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    is_reset: bool = False
    cut_bytes: int = 0
    drip_seconds: float = 0.0


Handler = Callable[[Request], Answer]


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, encode(value))


def error(status: int, title: str, message: str) -> Answer:
    """Return the API's error body: always both keys, the message often empty."""
    return as_json({"error": title, "message": message}, status)


def created(value: Any, **headers: str) -> Answer:
    """Return 201 with what was created."""
    return replace(as_json(value, 201), headers=headers)


NO_CONTENT = Answer(204, content_type=None)
MALFORMED = error(400, "Bad Request", "There was a problem in the JSON you submitted")
NOT_FOUND = error(404, "Not Found", "The entity you were trying to find doesn't exist")
RETRY_LATER = Answer(429, b"Retry later\n", "text/plain")
