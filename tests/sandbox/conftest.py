"""A small account on a server, and a client that knows nothing but HTTP."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from kit_sandbox import Clock, Sandbox, World, serve


class Ask:
    """Sends requests to a sandbox with its secret."""

    def __init__(self, sandbox: Sandbox, session: requests.Session) -> None:
        self.sandbox = sandbox
        self.session = session

    def get(self, path: str, **params: Any) -> requests.Response:
        asked = {"api_secret": self.sandbox.api_secret, **params}
        return self.session.get(f"{self.sandbox.url}/{path}", params=asked, timeout=10)

    def write(self, method: str, path: str, **body: Any) -> requests.Response:
        """A POST, PUT or DELETE with a JSON body."""
        asked = {"api_secret": self.sandbox.api_secret, **body}
        return self.session.request(method, f"{self.sandbox.url}/{path}", json=asked, timeout=10)

    def json(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, path: str, **params: Any) -> list[int]:
        """The ids of one page, whatever its key."""
        rows = [value for value in self.json(path, **params).values() if isinstance(value, list)]
        return [row["id"] for row in rows[0]]

    def all(self, path: str, **params: Any) -> list[int]:
        """The ids of all pages, until one is empty."""
        found: list[int] = []
        page = 1
        while ids := self.ids(path, page=page, **params):
            found += ids
            page += 1
        return found


Serving = Callable[..., Ask]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """An account without anybody."""
    return World(now=clock)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Serves any world with any options of `serve`, without a limit unless asked for."""
    with ExitStack() as stack:

        def start(world: World, **options: Any) -> Ask:
            session = stack.enter_context(requests.Session())
            sandbox = stack.enter_context(serve(world, **{"rate_limit": None, **options}))
            return Ask(sandbox, session)

        yield start


@pytest.fixture
def ask(serving: Serving, world: World) -> Ask:
    return serving(world)
