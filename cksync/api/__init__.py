"""The API client: `connect` returns an Api, which turns requests into pages."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from cksync.api.credential import LOGIN, Credential, Credentials
from cksync.api.http import ATTEMPTS, NO_PARAMS, Call, HttpClient, Reply
from cksync.api.oauth import Tokens
from cksync.api.throttle import MOST_SLOTS, Ledger, Stopped, Throttle
from cksync.api.token_endpoint import Surroundings
from cksync.api.token_file import is_word, read_tokens
from cksync.api.v3.pages import V3
from cksync.api.v4.pages import V4
from cksync.clock import REAL_TIME, Time
from cksync.config import ApiConfig, Config, with_version
from cksync.domain import Page, Request
from cksync.errors import BadConfig
from cksync.folder import Folder
from cksync.secrets import Redactor
from cksync.version import __version__
from cksync.versions import Version, version_of_key

__all__ = ["Api", "Credentials", "LimitedApi", "Stopped", "WritingApi", "beside_v4", "connect", "credentials"]


class Api(Protocol):
    """What the rest of cksync sees of an API; thread-safe."""

    def fetch(self, request: Request) -> Page:
        """Fetch one page. Raises CksyncError without a usable answer, Stopped when the run is ending."""


class WritingApi(Api, Protocol):
    """Further methods for a push, and for scripts without a mirror."""

    def read(
        self,
        path: str,
        stream: str,
        params: Mapping[str, str] = NO_PARAMS,
        body: Mapping[str, Any] | None = None,
        root: str = "",
    ) -> Any:
        """Read and decode a path on behalf of a stream, with a `body` by a POST that changes nothing; None if it does
        not exist. A body without the key `root` is not the API's. Raises as `fetch` does."""

    def write(self, call: Call) -> Reply:
        """Send a write. Raises OutcomeUnknown if it may or may not have been executed, and as `fetch` does."""


class LimitedApi(WritingApi, Protocol):
    """An Api that says what it waits for."""

    def throttles(self) -> Mapping[Version, Throttle]:
        """Return what the requests of each version of the API wait for."""


def credentials(config: Config, environ: Mapping[str, str]) -> tuple[Credentials, Redactor]:
    """Return what requests carry, and the redactor that hides it together with all other configured secrets.

    Raises BadConfig if nothing suitable is configured, or if a secret or the token file cannot be read.
    """
    api = config.api
    references = {"api_key": api.api_key, "api_secret": api.api_secret}
    if api.decided_version == "v4" and api.oauth:
        del references["api_key"]  # it is not used, so it may be missing
    given = {name: each.resolve(environ) for name, each in references.items() if each is not None}
    version = api.decided_version or version_of_key(given.get("api_key", ""))
    redactor = Redactor(*given.values())
    if version == "v3":
        return Credentials(_of_v3(api, given)), redactor
    secret = Credential("v3", "api_secret", given["api_secret"]) if "api_secret" in given else None
    if api.oauth is not None:
        redactor.learn(*read_tokens(api.oauth).secrets)
        return Credentials(Credential("v4", "oauth"), api.oauth, secret), redactor
    return Credentials(_key_of_v4(api, given), purchases=secret), redactor


def _of_v3(api: ApiConfig, given: Mapping[str, str]) -> Credential:
    if "api_secret" in given:
        return Credential("v3", "api_secret", given["api_secret"])
    if "api_key" in given:
        return Credential("v3", "api_key", given["api_key"])
    if api.oauth is not None:
        raise BadConfig(['api.oauth: API v3 has no OAuth; set api.version = "v4", or give the secret of API v3'])
    raise BadConfig(
        [
            "api.api_secret: no API secret is configured; set the environment variable CKSYNC_API_SECRET"
            " (Kit: Settings, Developer), or write a config file with `cksync init`"
        ]
    )


def _key_of_v4(api: ApiConfig, given: Mapping[str, str]) -> Credential:
    if "api_key" not in given:
        found = "the secret of API v3 does not open API v4" if "api_secret" in given else "no key is configured"
        raise BadConfig(
            [
                f"api.api_key: {found}; set CKSYNC_API_KEY to a key of API v4 (Kit: Settings, Developer), {LOGIN},"
                ' or set api.version = "v3"'
            ]
        )
    if not is_word(given["api_key"]):
        raise BadConfig(
            ["api.api_key: contains characters that no key has; copy it again from Kit: Settings, Developer"]
        )
    return Credential("v4", "api_key", given["api_key"])


@contextlib.contextmanager
def connect(
    config: Config,
    given: Credentials,
    redactor: Redactor,
    now: Callable[[], datetime],
    stop: threading.Event,
    attempts: int = ATTEMPTS,
    time: Time = REAL_TIME,
) -> Iterator[LimitedApi]:
    """Yield an Api for the configured account, of the version that the credentials are for. Its request budget is
    stored in the data folder's `state/`.

    `attempts` is how often a request is tried before it fails for good.
    """
    config = with_version(config, given.version)
    with contextlib.ExitStack() as held:
        client = held.enter_context(http_client(config, given, redactor, now, stop, attempts, time=time))
        if given.version == "v3":
            yield V3(client)
            return
        purchases = None
        if given.purchases is not None:
            beside = beside_v4(config), Credentials(given.purchases)
            setting = "api.v3_base_url"
            client_v3 = http_client(*beside, redactor, now, stop, attempts, setting, time)
            purchases = V3(held.enter_context(client_v3))
        yield V4(client, purchases)


def beside_v4(config: Config) -> Config:
    """The settings to read from API v3 what v4 does not give: its address, and a limit of its own."""
    api = with_version(config, "v4").api
    return replace(config, api=replace(api, version="v3", base_url=api.v3_base_url, rate_limit=api.v3_rate_limit))


@contextlib.contextmanager
def http_client(
    config: Config,
    given: Credentials,
    redactor: Redactor,
    now: Callable[[], datetime],
    stop: threading.Event,
    attempts: int,
    setting: str = "api.base_url",
    time: Time = REAL_TIME,
) -> Iterator[HttpClient]:
    """Yield a client for one version. `setting` names its address in messages."""
    settings, user_agent = config.api, f"cksync/{__version__}"
    with contextlib.ExitStack() as held:
        ledger = Ledger(
            Folder(config.data_dir).state / given.main.ledger,
            min(settings.rate_limit, MOST_SLOTS),
            settings.rate_period_seconds,
            longest=2 * settings.timeout_seconds,
        )
        held.callback(ledger.close)
        throttle = Throttle(ledger, stop, time)
        around = Surroundings(
            settings.base_url,
            throttle,
            redactor,
            now,
            stop,
            period=settings.rate_period_seconds,
            timeout=settings.timeout_seconds,
            most_mb=settings.max_answer_mb,
            user_agent=user_agent,
            attempts=attempts,
        )
        client = HttpClient(
            settings.base_url,
            given.main,
            throttle,
            redactor=redactor,
            now=now,
            period=settings.rate_period_seconds,
            timeout=settings.timeout_seconds,
            most_mb=settings.max_answer_mb,
            concurrency=settings.concurrency,
            stop=stop,
            user_agent=user_agent,
            attempts=attempts,
            tokens=Tokens(given.oauth, around) if given.oauth else None,
            setting=setting,
            time=time,
        )
        held.callback(client.close)
        yield client
