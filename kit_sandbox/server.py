"""The sandbox as a real HTTP server on loopback, in a thread of its own."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from .app import App
from .behaviour import Behaviour
from .control import TOKEN_HEADER, is_loopback
from .faults import Faults
from .journal import Journal
from .limit import RollingLimit
from .messages import Pause
from .v4 import OAuth
from .v4.oauth import PUBLIC_CLIENT_ID
from .world import World


class Sandbox:
    """A running server: its address, and what a test may inspect or change while it runs."""

    def __init__(self, app: App, host: str, port: int) -> None:
        self.app = app
        self.url = f"http://{_in_address(host)}:{port}/v3"
        self.url_v4 = f"http://{_in_address(host)}:{port}/v4"
        # Control is on loopback, wherever else the account is served.
        self.control_url = f"http://{_in_address(host if is_loopback(host) else '127.0.0.1')}:{port}/_sandbox"

    @property
    def world(self) -> World:
        return self.app.world

    @property
    def control_headers(self) -> Mapping[str, str]:
        """The headers that a request to the control routes needs."""
        return {TOKEN_HEADER: self.app.control_token}

    @property
    def api_key(self) -> str:
        return self.world.api_key

    @property
    def api_secret(self) -> str:
        return self.world.api_secret

    @property
    def v4_key(self) -> str:
        return self.world.v4_key

    @property
    def oauth(self) -> OAuth:
        """The clients and tokens of v4; `oauth.grant()` is a pair as a login would get it."""
        return self.app.v4.oauth

    @property
    def faults(self) -> Faults:
        return self.app.faults

    @property
    def journal(self) -> Journal:
        return self.app.journal

    @property
    def behaviour(self) -> Behaviour:
        return self.world.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.world.behaviour = behaviour

    def violations(self) -> int:
        """The number of arrivals that the limit rejected."""
        return self.app.limit.rejected + self.app.v4_limits.rejected


def _in_address(host: str) -> str:
    return f"[{host}]" if ":" in host else host


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
    control_token: str | None = None,
    ticks: Callable[[], float] = time.monotonic,
    pause: "Pause | None" = None,
) -> Iterator[Sandbox]:
    """Serve a world until the block ends; it is ready when the block begins.

    Port 0 picks a free one. `behaviour` replaces the world's own. `counts_rejected`: a request that the limit rejected
    still occupies its window. `rate_limit` is what v3 takes, and v4 of each key; of
    each OAuth client it takes five times as much. None: no limit. `control_token` opens the control routes
    (`Sandbox.control_headers`); None generates one. `ticks` is the clock of the limit, and `pause` waits for latency:
    both are the machine's, unless a test has a virtual clock.
    """
    from .listener import Listener, sleep

    if behaviour is not None:
        world.behaviour = behaviour
    limit = RollingLimit(rate_limit, rate_period_seconds, counts_rejected)
    app = App(world, limit, latency_seconds=latency_seconds, control_token=control_token, ticks=ticks)
    with Listener(app, host, port, pause or sleep) as listener:
        yield Sandbox(app, host, listener.port)


def run(
    world: World,
    host: str,
    port: int,
    rate_limit: int | None,
    rate_period_seconds: float,
    latency_seconds: float,
    api_secret: str | None,
    *,
    control_token: str | None = None,
    v4_key: str | None = None,
) -> None:
    """Serve a world until SIGTERM or SIGINT; call it from the main thread.

    The first line shows the address, the second the header for the control routes, with `control_token` or a generated
    one.
    """
    world.api_secret = api_secret or world.api_secret
    world.v4_key = v4_key or world.v4_key
    with (
        _until_signalled() as stopped,
        serve(
            world,
            host=host,
            port=port,
            rate_limit=rate_limit,
            rate_period_seconds=rate_period_seconds,
            latency_seconds=latency_seconds,
            control_token=control_token,
        ) as sandbox,
    ):
        if not is_loopback(host):
            warning = (
                f"warning: {host} is reachable from other machines; use --host 127.0.0.1 to serve this machine only"
            )
            print(warning, file=sys.stderr, flush=True)
        print(f"sandbox listening on {sandbox.url}", flush=True)
        if control_token is None:
            print(f"control routes need the header {TOKEN_HEADER}: {sandbox.app.control_token}", flush=True)
        print(f"it is at {sandbox.url_v4} too, with the header X-Kit-Api-Key: {sandbox.v4_key}", flush=True)
        print(f"its OAuth client without a secret is {PUBLIC_CLIENT_ID}", flush=True)
        stopped.wait()


@contextmanager
def _until_signalled() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM or SIGINT sets; afterwards restore the signals."""
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
