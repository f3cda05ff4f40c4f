"""Run a command in a terminal on a virtual clock, beside a sandbox that keeps the same time; print nothing else.

    python -m tests.support.on_virtual_clock PEOPLE LATENCY_SECONDS pull

The account is the sandbox's of that many people, and its limit is the real one of API v3. Connections are one, so that
the order of the requests, and with it what is shown, is the same each time.
"""

import os
import sys

from cksync.cli import main
from kit_sandbox import generate, serve
from tests.support.virtual_time import VirtualTime

LIMIT = 120
SECRET = "secret-of-the-recorded-account-0000"


def run(people: int, latency_seconds: float, arguments: list[str]) -> None:
    """Serve the account, and run the command until it exits."""
    clock = VirtualTime()
    world = generate(people, 7, now=clock.wall)
    world.api_secret = SECRET
    with serve(
        world, rate_limit=LIMIT, ticks=clock.ticks, pause=clock.pause, latency_seconds=latency_seconds
    ) as sandbox:
        os.environ |= {"CKSYNC_BASE_URL": sandbox.url, "CKSYNC_API_SECRET": SECRET}
        main(arguments, clock.time)


if __name__ == "__main__":
    run(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
