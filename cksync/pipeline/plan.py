"""Estimate the requests of the next pull, from the state of the mirror and recent pulls."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import ceil
from statistics import median
from typing import Any

from cksync.api.throttle import floor_seconds
from cksync.api.v3.catalog import PAGE_ROWS
from cksync.clock import Clock, wall_clock
from cksync.config import Config, read_version, with_version
from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, PURCHASES
from cksync.errors import Failed
from cksync.extract.phases import LISTS
from cksync.extract.schedule import VERIFY_SAMPLES, Depth, Schedule
from cksync.extract.streams import choose
from cksync.extract.v4.estimate import estimates
from cksync.folder import Folder
from cksync.load.log import open_round, was_ever_finished
from cksync.load.publish import must_rebuild
from cksync.load.state import MirrorState, mirror_state
from cksync.pipeline.first_pull import first_pull
from cksync.secrets import environment
from cksync.versions import Version

# The group of people requested by id in a plan.
PEOPLE_BY_ID = "people by id"
# The number of past nightly pulls that adjust the estimate.
NIGHTS = 7


@dataclass(frozen=True)
class Line:
    """The estimate for one group of requests. `requests` is None if unknown; `base` is the certain part, the rest comes
    from recent pulls."""

    group: str
    lists: int
    base: int
    requests: int | None
    reason: str


@dataclass(frozen=True)
class PullPlan:
    """The estimate for the next pull. `seconds` is the minimum time under the rate limit; both totals are None if a
    part is unknown. `note` is a remark for the user."""

    lines: tuple[Line, ...]
    requests: int | None
    seconds: float | None
    note: str | None

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        return asdict(self)


def plan(
    config: Config,
    streams: tuple[str, ...] = (),
    depth: Depth = "nightly",
    now: Clock = wall_clock,
    people: int | None = None,
) -> PullPlan:
    """Estimate the next pull without making requests; for a first one a range, for so many `people`. Raises Rejected
    for an unknown stream, Failed for an unreadable mirror or log."""
    config = with_version(config, read_version(config, environment()))
    folder = Folder(config.data_dir)
    if not folder.mirror.exists() and was_ever_finished(folder.log):
        raise Failed(f"there is a log but no mirror in {folder.root}; create it with `cksync rebuild`, or run the pull")
    with mirror_state(folder) as mirror:
        if _version(config) == "v4" and must_rebuild(folder):
            mirror = MirrorState(None)  # the next pull rebuilds it
        unfinished = [load for load in open_round(folder.log) if load.start.account]
        at = unfinished[0].start.started_at if unfinished else None
        return priced(mirror, config, choose(streams, _version(config)), depth, now(), at, people)


def priced(
    mirror: MirrorState,
    config: Config,
    streams: frozenset[str],
    depth: Depth,
    now: datetime,
    open_since: datetime | None,
    people: int | None = None,
) -> PullPlan:
    """The estimate for a pull that begins `now`, or continues the one begun at `open_since`. `people` says how large an
    account is that was never read."""
    schedule = Schedule(mirror, config.pull, now, depth)
    has_purchases = config.api.oauth is not None or config.api.api_secret is not None
    is_v4 = _version(config) == "v4"
    found = _lines_v4(schedule, has_purchases=has_purchases) if is_v4 else _lines(schedule, _habit(mirror))
    lines = tuple(line for line in found if _stream(line.group) in streams)
    known_costs = [line.requests for line in lines if line.requests is not None]
    total = sum(known_costs) if len(known_costs) == len(lines) else None
    api = config.api
    seconds = None if total is None else floor_seconds(total, api.rate_limit, api.rate_period_seconds)
    note = None
    if open_since:
        note = f"continues the pull of {open_since:%Y-%m-%d %H:%M} UTC, then updates what that pull had read"
    elif total is None:
        people = people if people is not None else mirror.people_count() or None
        note = f"it is exact once the first lists have been read; {first_pull(api, _version(config), people)}"
    return PullPlan(lines, total, seconds, note)


def _version(config: Config) -> Version:
    return "v4" if config.api.version == "v4" else "v3"


def _lines_v4(schedule: Schedule, *, has_purchases: bool) -> list[Line]:
    """Estimates for API v4; `has_purchases`: the credentials open them."""
    found = (each for each in estimates(schedule) if each.stream != "purchases" or has_purchases)
    return [_line(each.stream, each.lists, each.requests, {}, each.reason) for each in found]


def _stream(group: str) -> str:
    return BY_ID.stream if group == PEOPLE_BY_ID else group


def _lines(schedule: Schedule, habit: Mapping[str, int]) -> list[Line]:
    lines = [Line(name, 1, 1, 1, "the whole list") for name in ("account", *LISTS, "webhooks")]
    if schedule.depth == "full":
        return lines + _full(schedule)
    lines += _people(schedule, habit)
    lines.append(_memberships(schedule, habit))
    lines += _broadcasts(schedule, habit)
    is_known = schedule.is_known(PURCHASES)
    lines.append(_line("purchases", 1, 1 if is_known else None, habit, "the newest page"))
    return lines


def _full(schedule: Schedule) -> list[Line]:
    """Estimates for reading every row; unknown for what was never read."""
    lists = {
        "subscribers": [ACTIVE.name, CANCELLED.name],
        "subscriptions": sorted(schedule.state.membership_slices()),
        "broadcasts": [BROADCASTS.name],
        "purchases": [PURCHASES.name],
    }
    lines = []
    for group, names in lists.items():
        pages = [schedule.pages(name) for name in names]
        requests = sum(page for page in pages if page is not None) + (
            len(schedule.mails) if group == "broadcasts" else 0
        )
        is_known = bool(names) and None not in pages
        lines.append(_line(group, len(names), requests if is_known else None, {}, "every row, as of the last pull"))
    is_known = schedule.pages(BROADCASTS.name) is not None
    lines.append(_line("broadcast_stats", 1, len(schedule.mails) if is_known else None, {}, "each broadcast"))
    return lines


def _line(group: str, lists: int, base: int | None, habit: Mapping[str, int], reason: str) -> Line:
    if base is None:
        return Line(group, lists, 0, None, "never read completely")
    extra = habit.get(group, 0)
    return Line(
        group, lists, base, max(base + extra, 0), f"{reason}; {extra:+d} from recent pulls" if extra else reason
    )


def _people(schedule: Schedule, habit: Mapping[str, int]) -> list[Line]:
    if not (schedule.is_known(ACTIVE) and schedule.is_known(CANCELLED)):
        return [_line("subscribers", 2, None, habit, "")]
    changed = ceil(schedule.state.people_since(schedule.since(ACTIVE)) / PAGE_ROWS)
    base = max(1, changed) + 1 + max(1, schedule.samples(ACTIVE)) + max(1, schedule.samples(CANCELLED))
    asked = len(schedule.state.left_behind(schedule.at - schedule.cycle)) + len(schedule.people_in_rotation)
    return [
        _line("subscribers", 2, base, habit, "changed people, and a sample of each list"),
        _line(PEOPLE_BY_ID, 1, asked, habit, "people in neither list"),
    ]


def _memberships(schedule: Schedule, habit: Mapping[str, int]) -> Line:
    slices = schedule.state.membership_slices()
    if not slices or any(schedule.state.cursors[name].read_to is None for name in slices):
        return _line("subscriptions", len(slices), None, habit, "")
    if schedule.depth == "verify":  # a list longer than its sample has its newest page read, too
        pages = [schedule.pages(name) or 1 for name in slices]
        requests = sum(min(each, VERIFY_SAMPLES) + (each > VERIFY_SAMPLES) for each in pages)
        return _line("subscriptions", len(slices), requests, {}, "samples of each list")
    rotation = sum(samples for name, samples in schedule.rotation_samples.items() if name in slices)
    return _line(
        "subscriptions",
        len(slices),
        len(slices) + rotation,
        habit,
        "the newest page of each list, and samples in rotation",
    )


def _broadcasts(schedule: Schedule, habit: Mapping[str, int]) -> list[Line]:
    if not schedule.is_known(BROADCASTS):
        return [_line(name, 1, None, habit, "") for name in ("broadcasts", "broadcast_stats")]
    details, stats = schedule.due({mail.id for mail in schedule.mails})
    rows = schedule.state.cursors[BROADCASTS.name].rows
    pages = ceil(rows / PAGE_ROWS) if schedule.samples(BROADCASTS) else 1 + len(schedule.pages_with_drafts)
    pages += rows > 0 and rows % PAGE_ROWS == 0  # a list without totals ends with a page that is not full
    return [
        _line("broadcasts", 1, pages + len(details), habit, "the last pages, and details that may change"),
        _line("broadcast_stats", 1, len(stats), habit, "statistics due by age"),
    ]


def _habit(mirror: MirrorState) -> dict[str, int]:
    """The requests of recent nightly pulls beyond the certain part, by group: their median."""
    extras: dict[str, list[int]] = {}
    for base, spent in mirror.past_nights(NIGHTS):
        for group in base:
            asked = spent.get(BY_ID.name if group == PEOPLE_BY_ID else group, 0)
            extras.setdefault(group, []).append(asked - base[group])
    return {group: round(median(found)) for group, found in extras.items()}
