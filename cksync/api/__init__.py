"""The API client: `connect` returns an Api, which turns requests into pages."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from cksync.api.http import ATTEMPTS, Call, HttpClient, Reply
from cksync.api.throttle import MOST_SLOTS, Ledger, Stopped, Throttle
from cksync.api.v3.pages import V3
from cksync.config import Config
from cksync.domain import Page, Request
from cksync.errors import BadConfig
from cksync.folder import Folder
from cksync.secrets import Redactor
from cksync.version import __version__

__all__ = ["Api", "Credential", "Stopped", "WritingApi", "connect", "credentials"]

Credential = Mapping[str, str]


class Api(Protocol):
    """What the rest of cksync sees of an API; thread-safe."""

    def fetch(self, request: Request) -> Page:
        """Fetch one page. Raises CksyncError without a usable answer, Stopped when the run is ending."""


class WritingApi(Api, Protocol):
    """Further methods for a push, and for scripts without a mirror."""

    def read(self, path: str, stream: str) -> Any:
        """Read and decode a path on behalf of a stream; None if it does not exist. Raises as `fetch` does."""

    def write(self, call: Call) -> Reply:
        """Send a write. Raises OutcomeUnknown if it may or may not have been executed, and as `fetch` does."""


def credentials(config: Config, environ: Mapping[str, str]) -> tuple[Credential, Redactor]:
    """Return the parameter that every request carries (the secret, or else the key), and the redactor that hides both.

    Raises BadConfig if neither is configured or a reference cannot be read.
    """
    given = {
        name: reference.resolve(environ)
        for name, reference in (("api_secret", config.api.api_secret), ("api_key", config.api.api_key))
        if reference is not None
    }
    if not given:
        raise BadConfig(
            [
                "api.api_secret: no API secret is configured; set the environment variable CKSYNC_API_SECRET"
                " (Kit: Settings, Developer), or write a config file with `cksync init`"
            ]
        )
    name = "api_secret" if "api_secret" in given else "api_key"
    return {name: given[name]}, Redactor(*given.values())


@contextlib.contextmanager
def connect(
    config: Config,
    given: Credential,
    redactor: Redactor,
    now: Callable[[], datetime],
    stop: threading.Event,
    attempts: int = ATTEMPTS,
) -> Iterator[WritingApi]:
    """Yield an Api for the configured account. Its request budget is stored in the data folder's `state/`.

    `attempts` is how often a request is tried before it fails for good.
    """
    settings = config.api
    ledger = Ledger(
        Folder(config.data_dir).state / "requests",
        min(settings.rate_limit, MOST_SLOTS),
        settings.rate_period_seconds,
        longest=2 * settings.timeout_seconds,
    )
    client = HttpClient(
        settings.base_url,
        given,
        Throttle(ledger, stop),
        redactor=redactor,
        now=now,
        period=settings.rate_period_seconds,
        timeout=settings.timeout_seconds,
        most_mb=settings.max_answer_mb,
        concurrency=settings.concurrency,
        stop=stop,
        user_agent=f"cksync/{__version__}",
        attempts=attempts,
    )
    try:
        yield V3(client)
    finally:
        client.close()
        ledger.close()
