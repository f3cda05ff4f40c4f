"""Cut the responses of API v4 into records."""

from dataclasses import replace
from typing import Any

import msgspec

from cksync.api.http import Call, HttpClient, Malformed, Reply
from cksync.api.v3.pages import V3
from cksync.domain import Page, Record, Request
from cksync.errors import Rejected


class V4:
    """API v4 behind the protocol `Api`. `purchases` reads them through API v3, if its secret is configured."""

    def __init__(self, client: HttpClient, purchases: V3 | None) -> None:
        self._client, self._purchases = client, purchases

    def fetch(self, request: Request) -> Page:
        """Fetch the account. Raises what HttpClient.get raises, and Rejected for any other request."""
        if request.slice.stream != "account":
            raise Rejected(f'API v4 cannot read {request.slice.stream} yet; set api.version = "v3"')
        answer = self._client.get(
            request.path,
            request.params,
            _account,
            stream=request.slice.stream,
            slice_=request.slice.name,
            body=request.body,
        )
        if answer.content is None:
            unknown = f"GET {request.path} does not exist there (404)"
            raise Rejected(f"{unknown}: api.base_url must be the address of API v4, ending in /v4")
        page = Page(request, answer.sent_at, answer.received_at, answer.server_at, answer.attempts)
        return replace(page, records=(answer.content,))

    def read(self, path: str, stream: str) -> Any:
        """Return the decoded value at a path; None for a 404. Raises what HttpClient.get raises."""
        return self._client.get(path, {}, lambda body: (msgspec.json.decode(body), 1), stream=stream).content

    def write(self, call: Call) -> Reply:
        """Send a write: see HttpClient.write."""
        return self._client.write(call)


def _account(body: bytes) -> tuple[Record, int]:
    try:
        text = bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])["account"])
        key = msgspec.json.decode(text, type=dict[str, Any])["primary_email_address"]
    except (msgspec.DecodeError, LookupError):
        raise Malformed("no account") from None
    if not isinstance(key, str):
        raise Malformed("no primary_email_address")
    return Record(key, text), 1
