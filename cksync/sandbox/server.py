"""The sandbox as a real HTTP server on loopback, in a thread of its own."""

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .behaviour import Behaviour
from .faults import Faults
from .journal import Journal
from .limit import RollingLimit
from .site import Site
from .world import World


class Sandbox:
    """A running server: where it listens, and what a test may look at or change while it runs."""

    def __init__(self, site: Site, host: str, port: int) -> None:
        self.site = site
        self.url = f"http://{host}:{port}/v3"
        self.control_url = f"http://{host}:{port}/_sandbox"

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def api_key(self) -> str:
        return self.world.api_key

    @property
    def api_secret(self) -> str:
        return self.world.api_secret

    @property
    def faults(self) -> Faults:
        return self.site.faults

    @property
    def journal(self) -> Journal:
        return self.site.journal

    @property
    def behaviour(self) -> Behaviour:
        return self.world.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.world.behaviour = behaviour

    def violations(self) -> int:
        """How many arrivals the limit rejected."""
        return self.site.limit.rejected


@contextmanager
def serve(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    rate_limit: int | None = 120,
    rate_period_seconds: float = 60.0,
    counts_rejected: bool = True,
    behaviour: Behaviour | None = None,
    latency_seconds: float = 0.0,
) -> Iterator[Sandbox]:
    """Serves a world until the block ends; ready when the block begins.

    Port 0 takes a free one. `behaviour` replaces the world's own. `counts_rejected` tells whether a request
    that the limit rejected still takes a place in its window. `rate_limit` None: no limit.
    """
    from .listener import Listener

    if behaviour is not None:
        world.behaviour = behaviour
    limit = RollingLimit(rate_limit, rate_period_seconds, counts_rejected)
    site = Site(world, limit, latency_seconds=latency_seconds)
    with Listener(site, host, port) as listener:
        yield Sandbox(site, host, listener.port)


def run(
    subscribers: int,
    seed: int,
    host: str,
    port: int,
    rate_limit: int | None,
    rate_period_seconds: float,
    latency_seconds: float,
    api_secret: str | None,
    *,
    sizes: Mapping[str, Any] | None = None,
    behaviour: Behaviour | None = None,
) -> None:
    """Serves a generated world (`sizes`: see `generate`) until SIGTERM or SIGINT; call it from the main thread."""
    from .seed import generate

    world = generate(subscribers, seed, behaviour=behaviour, **(sizes or {}))
    world.api_secret = api_secret or world.api_secret
    with (
        _until_signalled() as stopped,
        serve(
            world,
            host=host,
            port=port,
            rate_limit=rate_limit,
            rate_period_seconds=rate_period_seconds,
            latency_seconds=latency_seconds,
        ) as sandbox,
    ):
        print(f"sandbox listening on {sandbox.url}", flush=True)
        stopped.wait()


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """An event that is set by SIGTERM or SIGINT; afterwards the signals mean what they meant before."""
    stopped = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
