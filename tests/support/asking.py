"""A plain HTTP client of the sandbox."""

from collections.abc import Callable
from typing import Any

import requests

from kit_sandbox import Sandbox, World, edits


class Ask:
    """Sends requests to a sandbox with its secret."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.sandbox = sandbox
        self.session = session

    def get(self, path: str, **params: Any) -> requests.Response:
        asked = {"api_secret": self.sandbox.api_secret, **params}
        return self.session.get(f"{self.sandbox.url}/{path}", params=asked, timeout=10)

    def write(self, method: str, path: str, **body: Any) -> requests.Response:
        """Send a POST, PUT or DELETE with a JSON body."""
        asked = {"api_secret": self.sandbox.api_secret, **body}
        return self.session.request(method, f"{self.sandbox.url}/{path}", json=asked, timeout=10)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, path: str, **params: Any) -> list[int]:
        """Return the ids of one page, whatever its key."""
        rows = [value for value in self.json(path, **params).values() if isinstance(value, list)]
        return [row["id"] for row in rows[0]]

    def all(self, path: str, **params: Any) -> list[int]:
        """Return the ids of all pages, until one is empty."""
        found: list[int] = []
        page = 1
        while ids := self.ids(path, page=page, **params):
            found += ids
            page += 1
        return found


Serving = Callable[..., Ask]


def members(ask: Ask, path: str, **params: str) -> list[int]:
    return [row["subscriber"]["id"] for row in ask.json(path, **params)["subscriptions"]]


def error(answer: requests.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert set(body) == {"error", "message"}
    return answer.status_code, body["error"], body["message"]


def add_people(world: World, count: int, first_name: str | None = None) -> list[int]:
    """Add this many people and return their ids."""
    return [edits.add_subscriber(world, f"person{number}@example.com", first_name) for number in range(count)]
