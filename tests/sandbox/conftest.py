"""A small account on a server, and a plain HTTP client."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from kit_sandbox import Clock, World, serve
from tests.support.asking import Ask, Serving


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    """An account without people."""
    return World(now=clock)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Serve any world with any options of `serve`, without a limit by default."""
    with ExitStack() as stack:

        def start(world: World, **options: Any) -> Ask:
            session = stack.enter_context(requests.Session())
            sandbox = stack.enter_context(serve(world, **{"rate_limit": None, **options}))
            return Ask(sandbox, session)

        yield start


@pytest.fixture
def ask(serving: Serving, world: World) -> Ask:
    return serving(world)
