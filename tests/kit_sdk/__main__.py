"""Run the tests of a checkout of Kit/ConvertKitSDK-PHP against the sandbox, all but those that need a page of Kit's.

Fetches nothing and writes nothing into the checkout. Needs PHP and PHPUnit; on Debian:

    apt-get install --no-install-recommends phpunit php-curl php-guzzlehttp-guzzle php-monolog
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from kit_sandbox import serve

from .account import Settings, account
from .clock import SkippingClock
from .phpunit import Missing, Outcome, run
from .suite import RUNS, Case, Kind, cases_of, settings_of

_KINDS: tuple[Kind, ...] = ("reads", "no request", "writes", "page", "skipped by Kit")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.kit_sdk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path, help="folder of the SDK, with src/, tests/ and .env.example")
    checkout: Path = parser.parse_args().checkout
    if not (checkout / ".env.example").is_file():
        parser.error(f"{checkout} is no checkout of Kit/ConvertKitSDK-PHP: it has no .env.example")
    tests, settings = cases_of(checkout), settings_of((checkout / ".env.example").read_text())
    outcomes: dict[Case, Outcome] = {}
    try:
        for kinds in RUNS:
            outcomes |= _outcomes(checkout, settings, [each for each in tests if each.kind in kinds])
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    print("\n".join(_lines(tests, outcomes)))
    return 0 if all(each.word == "passed" for each in outcomes.values()) else 1


def _outcomes(checkout: Path, settings: Settings, tests: Sequence[Case]) -> dict[Case, Outcome]:
    """Run tests on a new account."""
    with tempfile.TemporaryDirectory() as folder:
        clock = SkippingClock(Path(folder) / "clock")
        with serve(account(settings, clock), rate_limit=None) as sandbox:
            outcomes = run(checkout, sandbox, clock, settings, tests)
            print(f"the sandbox answered {len(sandbox.journal)} requests", file=sys.stderr)
    return outcomes


def _lines(tests: Sequence[Case], outcomes: dict[Case, Outcome]) -> Iterable[str]:
    """Every test with its outcome, then how many there are of each kind."""
    for test in tests:
        outcome = outcomes.get(test)
        yield f"{outcome.word if outcome else f'left out ({test.kind})'}: {test}"
        if outcome is not None and outcome.text:
            yield "".join(f"    {line}\n" for line in outcome.text.strip().splitlines()).rstrip()
    yield ""
    counts = Counter((test.kind, outcomes[test].word if test in outcomes else "left out") for test in tests)
    for kind in _KINDS:
        words = [f"{number} {word}" for (each, word), number in sorted(counts.items()) if each == kind]
        yield f"{kind}: {', '.join(words) or 'none'}"


if __name__ == "__main__":
    sys.exit(main())
