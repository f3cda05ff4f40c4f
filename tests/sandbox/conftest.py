"""A small account on a server, and a client that knows nothing but HTTP."""

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
