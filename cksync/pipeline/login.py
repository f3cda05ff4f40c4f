"""Log in with OAuth and log out: the configuration, the browser's answer, the tokens, and a first request."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cksync.api import Stopped
from cksync.api.login import Authorization, authorization, code_in, revoke, token_url, tokens_for
from cksync.api.token_endpoint import Surroundings
from cksync.api.token_file import TokenFile, is_word, locked_tokens, read_client, read_tokens, storing
from cksync.clock import wall_clock
from cksync.config import Config, token_path
from cksync.errors import BadConfig, Interrupted, Rejected
from cksync.pipeline.account import check
from cksync.secrets import Redactor, SecretRef
from cksync.version import __version__
from cksync.versions import v4_beside, version_in


@dataclass(frozen=True)
class LoginClient:
    """The app that logs in, and where its tokens go. `values` is what the token file says of the app."""

    path: Path
    base_url: str
    values: Mapping[str, Any] = field(repr=False)

    @property
    def redirect_uri(self) -> str:
        """The redirect address of an earlier login, if one was given; else ''."""
        return str(self.values.get("redirect_uri", ""))

    def request(self, redirect_uri: str) -> Authorization:
        """Return a new request for access."""
        return authorization(self.base_url, str(self.values["client_id"]), redirect_uri)


def login_client(
    config: Config, client_id: str | None, secret: SecretRef | None, environ: Mapping[str, str], stop: threading.Event
) -> LoginClient:
    """Return the app that logs in: the one named, else that of the last login.

    Raises Rejected without a client or with a literal secret, BadConfig if the secret cannot be read, Failed if the
    token file cannot be written.
    """
    path = token_path(config)
    known = read_client(path)
    if client_id is None and not known:
        raise Rejected(
            "--client-id: the first login needs the client ID of your own app (in Kit: the app's Authentication"
            " tab); docs/oauth.md says how to create one"
        )
    if client_id is not None and not is_word(client_id):
        raise Rejected("--client-id: contains characters that no client ID has; copy it again from the app in Kit")
    values = dict(known) if client_id in (None, known.get("client_id")) else {"client_id": client_id}
    if secret is not None:
        if secret.scheme == "literal" or not secret.is_plain(environ):
            raise Rejected(
                "--client-secret: give a reference to the secret (env:NAME, file:PATH of an existing file,"
                " keyring:SERVICE/USER or cmd:COMMAND), not the secret itself"
            )
        values["client_secret"] = secret.resolve(environ)
    try:
        with storing(path, stop):
            pass
    except Stopped:
        raise Interrupted("stopped; nothing was written") from None
    return LoginClient(path, v4_beside(config.api.base_url), values)


def finish(
    config: Config,
    client: LoginClient,
    asked: Authorization,
    answer: str,
    stop: threading.Event,
    *,
    keep_redirect: bool = False,
) -> TokenFile:
    """Exchange the browser's answer for tokens, and store them; `keep_redirect` remembers the redirect address. Raises
    as `code_in` and `tokens_for` do, Failed if the tokens cannot be stored, Interrupted."""
    code = code_in(answer, asked)
    kept = {"redirect_uri": asked.redirect_uri} if keep_redirect else {}
    try:
        with storing(client.path, stop) as store:
            around = _around(config, client.base_url, stop)
            url = token_url(client.base_url, client.values)
            return store(tokens_for(code, {**client.values, **kept}, asked, url, around))
    except Stopped:
        raise Interrupted("stopped; nothing was written") from None


def with_login(config: Config, client: LoginClient) -> Config:
    """The same settings, with API v4 and the tokens of a login as the only credentials."""
    alone = replace(config.api, api_key=None, api_secret=None, oauth=client.path)
    return replace(config, api=replace(alone, version="v4", base_url=client.base_url))


def try_login(config: Config, client: LoginClient, environ: Mapping[str, str]) -> dict[str, str]:
    """Request the account with the new tokens; return what `cksync check` finds."""
    return check(with_login(config, client), environ)


def logout(config: Config, stop: threading.Event) -> Path:
    """Revoke the tokens and delete their file; return its path. If they cannot be revoked, the file is kept.

    Raises Rejected if there are none, Unauthorized if the client is rejected, Failed, Interrupted.
    """
    path = token_path(config)
    if not path.exists():
        raise Rejected(f"{path} does not exist: there is no login to end")
    base_url = v4_beside(config.api.base_url)
    try:
        with locked_tokens(path, stop, "the token was not revoked") as locked:
            revoke(locked.read(), _around(config, base_url, stop))
            locked.delete()
    except Stopped:
        raise Interrupted("stopped; the token was not revoked") from None
    return path


def next_steps(config: Config, client: LoginClient) -> str:
    """Return the settings to change before commands use the login, as one phrase; '' if there are none."""
    api, from_file = config.api, config.source != "the environment"
    is_v3 = api.version == "v3" or version_in(api.base_url) == "v3"
    file = (
        client.path.name if from_file and client.path.parent == Path(config.source).absolute().parent else client.path
    )
    steps = [
        ("oauth", "CKSYNC_OAUTH", file if api.oauth is None else None),
        ("version", "CKSYNC_API_VERSION", "v4" if is_v3 else None),
        ("base_url", "CKSYNC_BASE_URL", client.base_url if version_in(api.base_url) == "v3" else None),
    ]
    if from_file:
        said = ", ".join(f'{key} = "{value}"' for key, _, value in steps if value is not None)
        return said and f"set {said} below [api] in {config.source}"
    said = " ".join(f"{name}={value}" for _, name, value in steps if value is not None)
    return said and f"export {said}"


def token_summary(config: Config) -> str | None:
    """Describe the token that is in use, without a request; None if none is."""
    if config.api.oauth is None or config.api.decided_version != "v4":
        return None
    try:
        tokens = read_tokens(config.api.oauth)
    except BadConfig as error:
        return str(error)
    expires_at, refresh = tokens.expires_at, "the next command refreshes it in time"
    if expires_at is None:
        until = "expires at an unknown time"
    else:
        verb = "expired" if expires_at <= wall_clock() else "expires"
        until = f"{verb} at {expires_at:%Y-%m-%d %H:%M} UTC"
    return "; ".join(filter(None, (tokens.permission, until, refresh)))


def _around(config: Config, base_url: str, stop: threading.Event) -> Surroundings:
    api = config.api
    return Surroundings(
        base_url,
        None,
        Redactor(),
        wall_clock,
        stop,
        period=api.rate_period_seconds,
        timeout=api.timeout_seconds,
        most_mb=api.max_answer_mb,
        user_agent=f"cksync/{__version__}",
    )
