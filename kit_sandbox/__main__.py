"""`python -m kit_sandbox`: a generated account on loopback until SIGTERM or SIGINT."""

import argparse

from .behaviour import Behaviour
from .server import run
from .switches import switched


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m kit_sandbox", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--rate-limit", type=int, default=120, help="requests per period; 0 for no limit")
    parser.add_argument("--rate-period", type=float, default=60.0, help="seconds")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--api-secret", default=None)
    parser.add_argument(
        "--control-token", default=None, help="token for the control routes; generated and printed if omitted"
    )
    parser.add_argument(
        "--size", action="append", default=[], type=_size, metavar="NAME=NUMBER", help="such as tags=60; repeatable"
    )
    parser.add_argument("--behaviour", action="append", default=[], help="a field of Behaviour: name=value; repeatable")
    parser.add_argument("--v4-key", default=None, help="the key that v4 accepts")
    parser.add_argument("--lag", type=float, default=0.0, help="seconds by which the lists of v4 are behind")
    given = parser.parse_args()
    run(
        subscribers=given.subscribers,
        seed=given.seed,
        host=given.host,
        port=given.port,
        rate_limit=given.rate_limit or None,
        rate_period_seconds=given.rate_period,
        latency_seconds=given.latency_ms / 1000,
        api_secret=given.api_secret,
        sizes=dict(given.size),
        behaviour=switched(Behaviour(v4_lag_seconds=given.lag), given.behaviour),
        control_token=given.control_token,
        v4_key=given.v4_key,
    )


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    return name, int(number)


if __name__ == "__main__":
    main()
