"""A client of the sandbox's v4 that knows nothing but HTTP."""

from collections.abc import Callable
from typing import Any

import requests

from kit_sandbox import World, edits
from tests.support.asking import Ask


class AskV4:
    """Sends requests to v4, with the sandbox's key, or with an OAuth token where one is given."""

    def __init__(self, ask: Ask, token: str | None = None) -> None:
        self.sandbox, self.session = ask.sandbox, ask.session
        self.headers = {"Authorization": f"Bearer {token}"} if token else {"X-Kit-Api-Key": self.sandbox.v4_key}

    def get(self, path: str, **params: Any) -> requests.Response:
        return self._send("GET", path, params=params)

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self._send("POST", path, json=body)

    def write(self, method: str, path: str, **body: Any) -> requests.Response:
        """Send a POST, PUT, PATCH or DELETE with a JSON body."""
        return self._send(method, path, json=body)

    def _send(self, method: str, path: str, **given: Any) -> requests.Response:
        url = f"{self.sandbox.url_v4}/{path}"
        return self.session.request(method, url, headers=self.headers, timeout=10, allow_redirects=False, **given)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def filter(self, **body: Any) -> Any:
        answer = self.post("subscribers/filter", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, path: str, **params: Any) -> list[Any]:
        """The rows of the first page, whatever its name."""
        return rows_of(self.json(path, **params))

    def ids(self, path: str, **params: Any) -> list[int]:
        return [row["id"] for row in self.rows(path, **params)]

    def walk(self, path: str, between: Callable[[], object] = lambda: None, **params: Any) -> list[Any]:
        """The rows of all pages to the one that has no next; `between` happens after each page."""
        found: list[Any] = []
        after: dict[str, str] = {}
        while True:
            body = self.json(path, **params, **after)
            found += rows_of(body)
            if not body["pagination"]["has_next_page"]:
                return found
            after = {"after": body["pagination"]["end_cursor"]}
            between()

    def walk_links(self, broadcast_id: int) -> list[Any]:
        """The links of a mail, which stand a level deeper than other rows."""
        links: list[Any] = self.json(f"broadcasts/{broadcast_id}/clicks")["broadcast"]["clicks"]
        return links


def rows_of(body: dict[str, Any]) -> list[Any]:
    rows: list[Any] = next(value for value in body.values() if isinstance(value, list))
    return rows


def refused(answer: requests.Response) -> tuple[int, Any]:
    """The status of an answer and its texts."""
    assert set(answer.json()) == {"errors"}
    return answer.status_code, answer.json()["errors"]


def done(answer: requests.Response, status: int = 200) -> Any:
    """The body of an answer with the right status."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def send(world: World, subject: str = "News", **stats: Any) -> int:
    """A broadcast that is out, with these figures."""
    broadcast_id = edits.add_broadcast(world, subject)
    edits.send_broadcast(world, broadcast_id)
    edits.set_stats(world, broadcast_id, **stats)
    return broadcast_id
