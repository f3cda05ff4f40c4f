"""`python -m kit_sandbox`: a generated account on loopback until SIGTERM or SIGINT."""

import argparse

from .behaviour import Behaviour
from .seed.named import seeded
from .server import run
from .switches import switched


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m kit_sandbox", description=__doc__)
    parser.add_argument("--subscribers", type=int, default=None)
    parser.add_argument("--seed", default="oddities:0", help="creator or oddities, with a number for another account")
    parser.add_argument("--days", type=int, default=0, help="made so many days ago, and lived since")
    parser.add_argument("--days-ago", type=float, default=0.0, help="the clock and the account as they were then")
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
    try:
        world = seeded(
            given.seed,
            given.subscribers,
            days=given.days,
            days_ago=given.days_ago,
            behaviour=switched(Behaviour(v4_lag_seconds=given.lag), given.behaviour),
            sizes=dict(given.size),
        )
    except ValueError as problem:
        parser.error(str(problem))
    run(
        world,
        host=given.host,
        port=given.port,
        rate_limit=given.rate_limit or None,
        rate_period_seconds=given.rate_period,
        latency_seconds=given.latency_ms / 1000,
        api_secret=given.api_secret,
        control_token=given.control_token,
        v4_key=given.v4_key,
    )


def _size(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    return name, int(number)


if __name__ == "__main__":
    main()
