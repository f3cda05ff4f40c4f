"""Log in with OAuth: the address to open, the code that comes back, and the tokens for it; and log out.

The authorization code flow with PKCE (RFC 7636), also for apps with a secret: a code that was seen on its way is
useless without the verifier, which never leaves this process but to the token endpoint. No scope is requested, like
Kit's own plugins do: the app has those of its registration, and the response says which.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from cksync.api.exchange import RawResponse
from cksync.api.responses import Refusal, Retry, error_text, printable
from cksync.api.token_endpoint import Surroundings, post
from cksync.api.token_file import KIT_TOKEN_URL, TokenFile, is_token, is_word
from cksync.api.waits import fault_wait
from cksync.errors import CksyncError, Failed, Refused, Rejected, Unauthorized
from cksync.secrets import remember
from cksync.versions import URLS

AGAIN = "run `cksync login` again"
# How often to try while the endpoint is certainly not reached.
ATTEMPTS = 3
LONGEST_ANSWER = 8192
_GIVEN = ("access_token", "refresh_token", "created_at", "expires_in", "scope", "token_type")


@dataclass(frozen=True, slots=True)
class Authorization:
    """One request for access: the address to open in a browser, and what the answer is checked with."""

    address: str
    redirect_uri: str
    state: str
    verifier: str = field(repr=False)


def authorization(base_url: str, client_id: str, redirect_uri: str) -> Authorization:
    """Return a new request for access."""
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    remember(verifier)
    params = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
    }
    return Authorization(f"{base_url}/oauth/authorize?{urlencode(params)}", redirect_uri, state, verifier)


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def code_in(answer: str, asked: Authorization) -> str:
    """Return the code in an answer: the address that the browser was sent to, its query, or the code alone.

    Raises Unauthorized if access was denied, Refused if the answer belongs to another request, Rejected without a code.
    """
    answer = answer.strip()
    query = answer.partition("?")[2].partition("#")[0] if "?" in answer else answer
    given = {name: values[-1] for name, values in parse_qs(query[:LONGEST_ANSWER]).items()}
    is_code = is_word(answer) and not ({"?", "&"} & set(answer) or "://" in answer or {"code", "error"} & given.keys())
    if is_code:  # it has no state; the verifier protects it
        given = {"code": answer, "state": asked.state}
    state = given.get("state", asked.state if "error" in given else "")
    if {"code", "error"} & given.keys() and not secrets.compare_digest(
        state.encode(errors="replace"), asked.state.encode()
    ):
        raise Refused(f"the answer belongs to another login (its state differs); nothing was written; {AGAIN}")
    if "error" in given:
        said = printable(": ".join(filter(None, (given["error"], given.get("error_description", "")))))[:300]
        raise Unauthorized(f"access was denied ({said}); nothing was written")
    code = given.get("code", "")
    if not is_word(code):
        raise Rejected(f"the answer contains no code; nothing was written; {AGAIN}, and copy the whole address")
    remember(code)
    return code


def tokens_for(
    code: str, client: Mapping[str, Any], asked: Authorization, url: str, around: Surroundings
) -> Mapping[str, Any]:
    """Exchange a code for tokens; return the values of the token file. The code works once, so that it is sent again
    only if it was certainly not received.

    Raises Unauthorized if the code or the client is rejected, else Failed.
    """
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.redirect_uri,
        "code_verifier": asked.verifier,
        **_of_client(client),
    }
    around.redactor.learn(code, asked.verifier, client.get("client_secret"))
    answer = _posted(url, sent, around, f"the code may be used up; {AGAIN}")
    if answer.status != 200:
        raise _refused(url, answer, around)
    try:
        given = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        given = {}
    if not is_token(given.get("access_token")) or not is_token(given.get("refresh_token")):
        raise Failed(f"{urlsplit(url).netloc} responded without tokens; nothing was written; {AGAIN}")
    created = {"created_at": int(around.now().timestamp())}
    return {**client, **created, **{name: given[name] for name in _GIVEN if name in given}}


def revoke(tokens: TokenFile, around: Surroundings) -> None:
    """End the validity of tokens. Raises Unauthorized if the client is rejected, else Failed."""
    url = f"{around.base_url}/oauth/revoke"
    around.redactor.learn(*tokens.secrets)
    kept = f"{tokens.path} was kept; try again, or remove the app in Kit and delete the file"
    for token in (tokens.refresh_token, tokens.access_token):  # an expired access token may revoke nothing
        answer = _posted(url, {**_of_client(tokens.values), "token": token}, around, kept)
        if answer.status != 200:
            text = around.redactor.text(error_text(answer.body)) or "no reason given"
            kind = Unauthorized if answer.status in (400, 401, 403) else Failed
            raise kind(f"{urlsplit(url).netloc} did not revoke the token: {answer.status} ({text}); {kept}")


def token_url(base_url: str, client: Mapping[str, Any]) -> str:
    """Return where to send the code: the address in the file of an earlier login, else the one that belongs to the
    API's."""
    given = client.get("token_url")
    return str(given) if given else KIT_TOKEN_URL if base_url == URLS["v4"] else f"{base_url}/oauth/token"


def _of_client(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in ("client_id", "client_secret") if values.get(name)}


def _posted(url: str, sent: Mapping[str, Any], around: Surroundings, so: str) -> RawResponse:
    """Send a request, again only if it was not received. `so` says what follows if it may have been."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return post(url, sent, around, "the network and api.base_url")
        except Refusal as refusal:
            raise Failed(f"{refusal}; {so}") from None
        except Retry as failure:
            if not failure.is_harmless:
                raise Failed(f"{failure}; {so}") from None
            if number == ATTEMPTS or around.stop.wait(fault_wait(number, around.period)):
                raise Failed(f"{failure}; nothing was written; try again later") from None
    raise AssertionError("the loop returns or raises")


def _refused(url: str, answer: RawResponse, around: Surroundings) -> CksyncError:
    """Return the error for a response without tokens."""
    host = urlsplit(url).netloc
    text = around.redactor.text(error_text(answer.body)) or "no reason given"
    said = f"{host} responded with {answer.status} ({text}); nothing was written"
    if text.startswith("invalid_grant"):
        return Unauthorized(f"{said}; a code works once and for a few minutes, and for this client only: {AGAIN}")
    if answer.status in (400, 401, 403):
        return Unauthorized(
            f"{said}; check --client-id and --client-secret, and the redirect address of the app in Kit"
        )
    return Failed(f"{said}; {AGAIN} later")
