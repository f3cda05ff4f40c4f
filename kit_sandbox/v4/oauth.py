"""OAuth 2 as Kit has it: authorization codes (PKCE for public clients), access tokens that expire, and refresh tokens
that are good for one use, each for the next.

The state is the server's, not the account's. Who asks to authorize is answered at once, as if its owner had agreed.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from ..messages import Answer, Request, as_json

CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-client-secret-not-a-real-one"
PUBLIC_CLIENT_ID = "sandbox-public-client"
INVALID, EXPIRED, REVOKED = "The access token is invalid", "The access token expired", "The access token was revoked"
SCOPE = "read write"
CODE_SECONDS = 600


@dataclass(frozen=True)
class Code:
    """What a client was sent home with after its owner agreed."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    created_at: int


@dataclass
class Access:
    """An access token: whose it is, since when, and how long it is good."""

    client_id: str
    grant: str
    created_at: int
    expires_in: int
    is_revoked: bool = False


class Problem(Exception):
    """An error of OAuth, with its code and a sentence."""


@dataclass
class OAuth:
    """Clients, codes and tokens; `now` is the world's clock in seconds, `expires_in` how long new tokens are good.

    `clients` has the secret of each client, None for a public one. `refreshed` counts the uses of refresh tokens.
    """

    now: Callable[[], int]
    expires_in: Callable[[], int]
    clients: dict[str, str | None] = field(
        default_factory=lambda: {CLIENT_ID: CLIENT_SECRET, PUBLIC_CLIENT_ID: None},
    )
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    refresh: dict[str, tuple[str, str]] = field(default_factory=dict)
    refreshed: int = 0

    # -- for those who hold the server in their hands

    def grant(self, client_id: str = CLIENT_ID) -> dict[str, Any]:
        """A new pair as a login would have got it, with the client it belongs to."""
        secret = self.clients[client_id]
        client = {"client_id": client_id, **({} if secret is None else {"client_secret": secret})}
        return {**client, **self._pair(client_id, token_urlsafe(8))}

    def expire(self) -> None:
        """Makes every access token too old at once; the refresh tokens stay good."""
        for each in self.access.values():
            each.expires_in = 0

    def problem_of(self, token: str) -> str | None:
        """Why a token is not accepted; None if it is."""
        found = self.access.get(token)
        if found is None:
            return INVALID
        if found.is_revoked:
            return REVOKED
        return EXPIRED if self.now() >= found.created_at + found.expires_in else None

    def client_of(self, token: str) -> str | None:
        found = self.access.get(token)
        return found.client_id if found else None

    # -- the endpoints

    def authorize(self, request: Request) -> Answer:
        """Sends the browser back with a code, or with what is wrong."""
        params = request.params
        client_id, redirect_uri = params.get("client_id", ""), params.get("redirect_uri", "")
        if client_id not in self.clients or not redirect_uri:
            return _failed(401, "invalid_client", "Client authentication failed")
        given = {"state": params["state"]} if "state" in params else {}
        try:
            given["code"] = self._code(client_id, redirect_uri, params)
        except Problem as problem:
            given.update(error=problem.args[0], error_description=problem.args[1])
        sign = "&" if "?" in redirect_uri else "?"
        return Answer(302, content_type=None, headers={"Location": f"{redirect_uri}{sign}{urlencode(given)}"})

    def _code(self, client_id: str, redirect_uri: str, params: Mapping[str, str]) -> str:
        challenge = params.get("code_challenge")
        if params.get("response_type") != "code":
            raise Problem("unsupported_response_type", "The authorization server does not support this response type")
        if self.clients[client_id] is None and not challenge:
            raise Problem("invalid_request", "Code challenge is required")
        if challenge and params.get("code_challenge_method") != "S256":
            raise Problem("invalid_code_challenge_method", "The code challenge method must be S256")
        code = token_urlsafe(24)
        self.codes[code] = Code(client_id, redirect_uri, challenge, self.now())
        return code

    def token(self, request: Request) -> Answer:
        """A pair for a code or for a refresh token."""
        given = {key: str(value) for key, value in request.given.items() if value is not None}
        try:
            client_id = self._client(given)
            take = {"authorization_code": self._by_code, "refresh_token": self._by_refresh}[given.get("grant_type", "")]
            return as_json(take(client_id, given))
        except KeyError:
            return _failed(400, "unsupported_grant_type", "The authorization grant type is not supported")
        except Problem as problem:
            return _failed(401 if problem.args[0] == "invalid_client" else 400, *problem.args)

    def revoke(self, request: Request) -> Answer:
        """Ends the grant that a token belongs to; a token that nobody knows is no error."""
        given = {key: str(value) for key, value in request.given.items() if value is not None}
        try:
            client_id = self._client(given)
        except Problem as problem:
            return _failed(403, "unauthorized_client", problem.args[1])
        token = given.get("token", "")
        known = self.access.get(token)
        owner = (known.client_id, known.grant) if known else self.refresh.get(token)
        if owner is not None and owner[0] == client_id:
            self._end(owner[1])
        return as_json({})

    def _client(self, given: Mapping[str, str]) -> str:
        client_id = given.get("client_id", "")
        if client_id not in self.clients:
            raise Problem("invalid_client", "Client authentication failed")
        if self.clients[client_id] not in (None, given.get("client_secret")):
            raise Problem("invalid_client", "Client authentication failed")
        return client_id

    def _by_code(self, client_id: str, given: Mapping[str, str]) -> dict[str, Any]:
        code = self.codes.pop(given.get("code", ""), None)
        if code is None or (code.client_id, code.redirect_uri) != (client_id, given.get("redirect_uri")):
            raise _invalid_grant()
        if self.now() >= code.created_at + CODE_SECONDS:
            raise _invalid_grant()
        if code.challenge is not None and code.challenge != challenge_of(given.get("code_verifier", "")):
            raise _invalid_grant()
        return self._pair(client_id, token_urlsafe(8))

    def _by_refresh(self, client_id: str, given: Mapping[str, str]) -> dict[str, Any]:
        """The token is used up, whatever becomes of the answer."""
        token = given.get("refresh_token", "")
        owner, grant = self.refresh.get(token, ("", ""))
        if owner != client_id:
            raise _invalid_grant()
        del self.refresh[token]
        self.refreshed += 1
        return self._pair(client_id, grant)

    def _pair(self, client_id: str, grant: str) -> dict[str, Any]:
        access, refresh = token_urlsafe(32), token_urlsafe(32)
        made = Access(client_id, grant, self.now(), self.expires_in())
        self.access[access], self.refresh[refresh] = made, (client_id, grant)
        tokens = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "scope": SCOPE}
        return {**tokens, "expires_in": made.expires_in, "created_at": made.created_at}

    def _end(self, grant: str) -> None:
        for each in self.access.values():
            each.is_revoked = each.is_revoked or each.grant == grant
        self.refresh = {token: owner for token, owner in self.refresh.items() if owner[1] != grant}


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a code verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _invalid_grant() -> Problem:
    text = "The provided authorization grant is invalid, expired, revoked, or was issued to another client."
    return Problem("invalid_grant", text)


def _failed(status: int, error: str, description: str) -> Answer:
    return as_json({"error": error, "error_description": description}, status)
