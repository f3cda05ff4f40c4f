"""How long to wait after a failed try, and what failed tries cost. In seconds, without randomness and I/O."""

from collections.abc import Sequence

from cksync.domain import Attempt

# The first wait of each kind, as a share of the limit's period; doubled at each further try.
FAULT_WAIT_SHARE, FAULT_WAIT_LEAST_SECONDS = 1 / 60, 0.01
LIMIT_WAIT_SHARE, LIMIT_WAIT_MOST_SHARE = 1 / 4, 1.0


def fault_wait(number: int, period: float) -> float:
    """Return the wait after the `number`-th failed try."""
    return float(max(period * FAULT_WAIT_SHARE, FAULT_WAIT_LEAST_SECONDS) * 2 ** (number - 1))


def limit_wait(number: int, period: float) -> float:
    """Return how long to stop all requests after the `number`-th try was answered with 429."""
    return float(period * min(LIMIT_WAIT_SHARE * 2 ** (number - 1), LIMIT_WAIT_MOST_SHARE))


def lost_seconds(tries: Sequence[Attempt], period: float) -> float:
    """Return what the tries of a failed request have cost, with the waits after them."""
    waits = [
        limit_wait(number, period) if one.status == 429 else fault_wait(number, period) * (number < len(tries))
        for number, one in enumerate(tries, 1)
    ]
    return sum(waits) + sum(one.milliseconds for one in tries) / 1000


def most_lost_seconds(attempts: int, timeout: float, period: float) -> float:
    """Return what a request costs that times out at every try."""
    return attempts * timeout + sum(fault_wait(number, period) for number in range(1, attempts))
