"""One pull in this process, of a world that is served over HTTP by a thread beside it."""

import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.clock import RunningClock
from bench.tools import NO_LIMIT
from cksync.config import ApiConfig, Config
from cksync.folder import Folder
from cksync.pipeline.events import PullReport
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, World, serve
from tests.support.comparison import differences

# The purpose of a request, by its path below /v3; the first pattern that matches.
GROUPS: Mapping[str, re.Pattern[str]] = {
    "lists": re.compile(r"/(account|custom_fields|forms|sequences|courses|tags)"),
    "people": re.compile(r"/subscribers"),
    "memberships": re.compile(r"/(forms|sequences|courses|tags)/\d+/subscriptions"),
    "broadcasts": re.compile(r"/broadcasts.*"),
    "purchases": re.compile(r"/purchases.*"),
    "by id": re.compile(r"/subscribers/.+"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A world on a server, and the data folder of a pull that reads it."""

    world: World
    clock: RunningClock
    sandbox: Sandbox
    config: Config

    @property
    def folder(self) -> Folder:
        """The folder of the mirror and its log."""
        return Folder(self.config.data_dir)


@dataclass(frozen=True, slots=True)
class Night:
    """The cost of one pull: requests are the server's count; `planned` is the pull's own estimate, if it made one."""

    seconds: float
    requests: Mapping[str, int]
    planned: float | None
    report: PullReport

    @property
    def total(self) -> int:
        """The total number of requests."""
        return sum(self.requests.values())


@contextmanager
def served(world: World, clock: RunningClock) -> Iterator[Place]:
    """Serve the world without a rate limit, with an empty data folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="cksync-bench-") as name, serve(world, rate_limit=None) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", Path(name))
        api = ApiConfig(base_url=sandbox.url, api_secret=secret, rate_limit=NO_LIMIT, rate_period_seconds=1.0)
        yield Place(world, clock, sandbox, Config(Path(name) / "data", "the benchmark", api))


def spend_night(place: Place) -> Night:
    """Pull once. The reasons why a slice is incomplete go to stderr."""
    place.sandbox.journal.clear()
    began = time.perf_counter()
    *_, report = pull(place.config, wall=place.clock, environ={})
    seconds = time.perf_counter() - began
    assert isinstance(report, PullReport)
    if report.exit_status:
        print(f"{place.clock():%Y-%m-%d}: exit {report.exit_status}: {report.message}", file=sys.stderr)
    return Night(seconds, by_group(place.sandbox), getattr(report, "planned", None), report)


def by_group(sandbox: Sandbox) -> dict[str, int]:
    """Return the journal's requests by purpose."""
    counted = Counter(group_of(path) for path in (entry.path for entry in sandbox.journal))
    return {group: counted[group] for group in (*GROUPS, "other") if group in GROUPS or counted[group]}


def group_of(path: str) -> str:
    """Return the group of a path."""
    return next((group for group, pattern in GROUPS.items() if pattern.fullmatch(path)), "other")


def verdict(place: Place) -> str:
    """Return if the mirror equals the world; the first differences go to stderr."""
    found = differences(place.folder.mirror, place.world)
    for text in found[:5]:
        print(f"  {text}", file=sys.stderr)
    return f"no: {len(found):,}" if found else "yes"
