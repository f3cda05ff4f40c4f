"""An account on a simulated API v3 and v4: for the demo, the tests and the benchmarks.

Written from the API's documentation alone; imports nothing from cksync, so that it cannot share its bugs.

    with serve(generate(5_000, seed=7)) as sandbox:
        sandbox.faults.add(effects.status(500), path="/subscribers", nth=2)
        edits.cancel(sandbox.world, subscriber_id)
        ...  # a client pulls from sandbox.url with sandbox.api_secret
        assert sandbox.violations() == 0

Under v4 the same account is at `sandbox.url_v4`, with the key `sandbox.v4_key` or with the tokens of
`sandbox.oauth.grant()`; `expected_v4` tells what a mirror of it must equal. The paths of faults and
journal begin with `/v4`.
"""

from . import edits, effects
from .behaviour import Behaviour
from .clock import Clock, ShiftedClock
from .effects import Effect
from .expected import Expected, expected_mirror
from .expected_v4 import ExpectedV4, expected_v4
from .faults import Faults, Rule
from .journal import Entry, Journal
from .messages import Answer, Request
from .records import Account, Hook, Mail
from .seed import generate
from .seed.creator import creator
from .seed.named import seeded
from .server import Sandbox, run, serve
from .switches import switched
from .v4 import OAuth
from .world import World

__all__ = [
    "Account",
    "Answer",
    "Behaviour",
    "Clock",
    "Effect",
    "Entry",
    "Expected",
    "ExpectedV4",
    "Faults",
    "Hook",
    "Journal",
    "Mail",
    "OAuth",
    "Request",
    "Rule",
    "Sandbox",
    "ShiftedClock",
    "World",
    "creator",
    "edits",
    "effects",
    "expected_mirror",
    "expected_v4",
    "generate",
    "run",
    "seeded",
    "serve",
    "switched",
]
