"""The forecast of a pull: on a virtual clock, the announced end is the real one, from the first minute on."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from cksync.api.throttle import Pace
from cksync.config import ApiConfig, Config
from cksync.pipeline.events import Event, Forecast, Merging, PageRead, PullReport, Waiting
from cksync.pipeline.pull import pull
from cksync.secrets import SecretRef
from kit_sandbox import Sandbox, edits, effects, generate, serve
from tests.conftest import BARE
from tests.support.large_account import Size, serve_large
from tests.support.virtual_time import VirtualTime

# The limit that Kit has, in requests a minute, for a key and for OAuth.
KEY, OAUTH = 120, 600
LATENCY_SECONDS = 0.2
# What a merge takes on the virtual clock.
MERGE_SECONDS = 15.0
# How wrong the announced end may be after the first minute.
MOST_WRONG = 0.15


@dataclass(frozen=True)
class Seen:
    """An event, and when it came."""

    at: float
    event: Event


def watched(config: Config, clock: VirtualTime) -> list[Seen]:
    """Pull on a virtual clock, on which a merge takes time, and return all events."""
    seen: list[Seen] = []
    for event in pull(config, time=clock.time):
        seen.append(Seen(clock.ticks(), event))
        if isinstance(event, Merging):
            clock.wait(threading.Event(), MERGE_SECONDS)
    return seen


def forecasts(seen: list[Seen]) -> Iterator[tuple[float, Forecast]]:
    """Return the forecasts, and when each was made."""
    for each in seen:
        found = each.event if isinstance(each.event, Forecast) else getattr(each.event, "forecast", None)
        if found is not None:
            yield each.at, found


def most_wrong(seen: list[Seen], since: float = 60.0) -> float:
    """Return by how much the announced ends of reading are wrong at most, as a share of the whole time."""
    (end,) = [each.at for each in seen if isinstance(each.event, Merging) and not each.event.is_early]
    announced = [at + found.seconds - found.merging_seconds for at, found in forecasts(seen) if at >= since]
    assert announced
    return max(abs(each - end) / end for each in announced)


def requests_of(seen: list[Seen]) -> int:
    report = seen[-1].event
    assert isinstance(report, PullReport)
    assert report.exit_status == 0
    return sum(report.requests.values())


def longest_silence(seen: list[Seen]) -> float:
    """Return the longest time without any event, on the virtual clock."""
    times = [each.at for each in seen]
    return max(after - before for before, after in pairwise(times))


@pytest.fixture
def clock() -> VirtualTime:
    return VirtualTime()


def v3(people: int, clock: VirtualTime, folder: Path) -> Iterator[tuple[Config, Sandbox]]:
    world = generate(people, 7, now=clock.wall)
    with serve(world, rate_limit=KEY, ticks=clock.ticks, pause=clock.pause, latency_seconds=LATENCY_SECONDS) as sandbox:
        secret = SecretRef(sandbox.api_secret, "api.api_secret", folder)
        yield (
            Config(folder / "data", "the test", ApiConfig(base_url=sandbox.url, api_secret=secret), models=BARE),
            sandbox,
        )


def v4(size: Size, rate_limit: int, clock: VirtualTime, folder: Path) -> Iterator[tuple[Config, Sandbox]]:
    with serve_large(size, clock, latency_seconds=LATENCY_SECONDS) as sandbox:
        tokens = folder / "oauth.json"
        tokens.touch(0o600)
        tokens.write_text(json.dumps(sandbox.oauth.grant()))
        api = ApiConfig(base_url=sandbox.url_v4, oauth=tokens, version="v4", rate_limit=rate_limit)
        yield Config(folder / "data", "the test", api, models=BARE), sandbox


def check(config: Config, sandbox: Sandbox, clock: VirtualTime) -> None:
    """Pull, and check all that a forecast promises."""
    seen = watched(config, clock)
    assert sandbox.violations() == 0
    assert seen[-1].at > 2 * 60.0, "too short to show anything"
    assert most_wrong(seen) <= MOST_WRONG
    announced = next((at, found) for at, found in forecasts(seen) if isinstance(found, Forecast))
    assert announced[0] < 60.0
    totals = [found.requests for at, found in forecasts(seen) if at >= 60.0]
    made = requests_of(seen)
    assert max(abs(total - made) for total in totals) <= MOST_WRONG * made
    assert longest_silence(seen) <= MERGE_SECONDS + 1.0


def test_end_of_a_first_pull_through_v3_is_announced_within_15_percent(clock: VirtualTime, tmp_path: Path) -> None:
    for config, sandbox in v3(1_000, clock, tmp_path):
        check(config, sandbox, clock)


@pytest.mark.heavy
@pytest.mark.timeout(1800)
def test_end_of_a_first_pull_of_20_000_people_through_v3_is_announced_within_15_percent(
    clock: VirtualTime, tmp_path: Path
) -> None:
    for config, sandbox in v3(20_000, clock, tmp_path):
        check(config, sandbox, clock)


def test_end_of_a_first_pull_through_v4_is_announced_within_15_percent(clock: VirtualTime, tmp_path: Path) -> None:
    """The requests of 100,000 people: a hundred pages of them, of 20 rows each."""
    size = Size(2_000, page_rows=20, tags=12, tagged=1.0, forms=6, joined=0.5, sequences=3, sent=0.5, broadcasts=60)
    for config, sandbox in v4(size, KEY, clock, tmp_path):
        check(config, sandbox, clock)


@pytest.mark.heavy
@pytest.mark.timeout(3600)
def test_end_of_a_first_pull_of_500_000_people_through_v4_is_announced_within_15_percent(
    clock: VirtualTime, tmp_path: Path
) -> None:
    for config, sandbox in v4(Size(500_000, tagged=1.0), OAUTH, clock, tmp_path):
        check(config, sandbox, clock)


@pytest.mark.heavy
def test_a_first_pull_says_what_it_costs_before_most_of_it_is_spent(clock: VirtualTime, tmp_path: Path) -> None:
    for config, _ in v3(500, clock, tmp_path):
        seen = watched(config, clock)
        (place,) = [n for n, each in enumerate(seen) if isinstance(each.event, Forecast)]
        cost = seen[place].event
        assert isinstance(cost, Forecast)
        made = [each.event for each in seen[:place] if isinstance(each.event, PageRead)]
        assert cost.requests == requests_of(seen)
        assert len(made) < 0.3 * cost.requests


def test_waits_for_the_limit_are_told_with_their_seconds(clock: VirtualTime, tmp_path: Path) -> None:
    for config, _ in v3(500, clock, tmp_path):
        waits = [(each.at, each.event) for each in watched(config, clock) if isinstance(each.event, Waiting)]
    assert all(wait.reason == "limit" for _, wait in waits)
    first_at, first = waits[0]
    assert 30 < first.seconds < 60
    ends = [at + wait.seconds for at, wait in waits if at < first_at + first.seconds - 1]
    assert max(ends) - min(ends) < 1.0, "all of them name the same moment"


@pytest.mark.heavy
def test_a_wait_after_a_429_says_so(clock: VirtualTime, tmp_path: Path) -> None:
    for config, sandbox in v3(100, clock, tmp_path):
        sandbox.faults.add(effects.status(429), path="/tags", nth=1)
        waits = [each.event for each in watched(config, clock) if isinstance(each.event, Waiting)]
    assert waits[0].reason == "refused"
    assert waits[0].seconds > 10


@pytest.mark.heavy
def test_a_first_page_that_rested_is_read_again(clock: VirtualTime, tmp_path: Path) -> None:
    """Somebody leaves its list after the first page was read, and another joins: the total is the same."""
    for config, sandbox in v3(1_000, clock, tmp_path):
        world, changed = sandbox.world, 0
        for event in pull(config, time=clock.time):
            if isinstance(event, Waiting) and not changed:
                changed = a_tag_that_rests(sandbox)
                rows = list(world.rosters["tag", changed].members.values())
                others = sorted(set(world.subscribers) - {row.subscriber_id for row in rows})
                edits.untag(world, min(rows, key=lambda row: (row.created_ms, row.id)).subscriber_id, changed)
                edits.tag(world, others[0], changed)
        assert isinstance(event, PullReport)
        assert event.exit_status == 0
        assert pages_asked(sandbox, changed).count("1") >= 2
        with duckdb.connect(str(tmp_path / "data" / "mirror.duckdb"), read_only=True) as db:
            query = "select subscriber_id from subscriptions where subscribable_type = 'tag' and subscribable_id = ?"
            mirrored = {row[0] for row in db.execute(query, [changed]).fetchall()}
        assert {row.subscriber_id for row in world.rosters["tag", changed].members.values()} <= mirrored


def a_tag_that_rests(sandbox: Sandbox) -> int:
    """Return a tag of several pages, not of everybody, of which only the first page was requested."""
    world = sandbox.world
    sizes = {id_: len(roster.members) for (kind, id_), roster in world.rosters.items() if kind == "tag"}
    return next(
        id_
        for id_ in sorted(sizes, reverse=True)  # the last ones rest the longest
        if 50 < sizes[id_] < len(world.subscribers) and pages_asked(sandbox, id_) == ["1"]
    )


def pages_asked(sandbox: Sandbox, tag: int) -> list[str]:
    """Return which pages of the members of a tag were requested."""
    asked = [each for each in sandbox.journal if each.path == f"/tags/{tag}/subscriptions"]
    return [each.params.get("page", "") for each in asked]


@pytest.mark.parametrize(
    ("pace", "requests", "seconds"),
    [
        (Pace((), 120, 60.0), 0, 0.0),
        (Pace((), 120, 60.0), 120, 0.0),
        (Pace((), 120, 60.0), 121, 60.0),
        (Pace((), 120, 60.0), 360, 120.0),
        (Pace((10.0, 20.0), 2, 60.0), 1, 10.0),
        (Pace((10.0, 20.0), 2, 60.0), 4, 80.0),
        (Pace((10.0,), 2, 60.0), 3, 60.0),
        (Pace((), 120, 60.0, closed=15.0), 1, 15.0),
        (Pace((5.0, 10.0, 20.0), 1, 60.0), 1, 20.0),
    ],
)
def test_seconds_until_requests_are_sent(pace: Pace, requests: int, seconds: float) -> None:
    assert pace.seconds_until(requests) == seconds


def test_a_slow_api_takes_longer_than_the_limit_demands() -> None:
    assert Pace((), 120, 60.0).seconds_until(100, gap=1.0) == 100.0
    assert Pace((), 120, 60.0).seconds_until(240, gap=1.0) == 240.0


@pytest.mark.heavy
def test_pull_of_known_lists_says_at_once_what_it_costs(clock: VirtualTime, tmp_path: Path) -> None:
    for config, _ in v3(100, clock, tmp_path):
        list(pull(config, time=clock.time))
        clock.wait(threading.Event(), 86_400.0)
        seen = watched(replace(config), clock)
        assert isinstance(seen[1].event, Forecast)
        assert seen[1].event.requests == requests_of(seen)
