"""Forecast what a running pull still costs: its requests under the rate limit, and the merge."""

from cksync.api.connections import connections_needed, usable_rate
from cksync.api.v3.catalog import PAGE_ROWS as PAGE_ROWS_V3
from cksync.api.v4.catalog import PAGE_ROWS as PAGE_ROWS_V4
from cksync.domain import MEMBERSHIPS, V4
from cksync.pipeline.events import Forecast
from cksync.pipeline.run import Run

# A rule of thumb for what a merge takes, models included: at least, and for each row. The first publish of a pull
# replaces it by what it took.
MERGE_SECONDS, MERGE_SECONDS_PER_ROW = 5.0, 50e-6
# The streams whose lists fill pages; of others a request gives a row or two.
LONG = ("subscribers", MEMBERSHIPS, "subscriber_stats", "purchases")

# So many lists must be measured before the others are taken to be as long.
LEAST_SIZES = 60


def expected(run: Run) -> int:
    """Return the requests of the whole pull: those made, and those left or planned."""
    made, left = run.progress.requests.total(), run.progress.remaining().total()
    return max(made + left, run.planned or 0)


def forecast(run: Run) -> Forecast | None:
    """Return what is left; None as long as nothing tells how much there is."""
    progress = run.progress
    is_known = progress.is_measured and (not progress.unmeasured or len(progress.sizes) >= LEAST_SIZES)
    if run.planned is None and not is_known:
        return None
    total, merging = expected(run), _merging_seconds(run)
    return Forecast(total, _reading_seconds(run, total) + merging, merging)


def _reading_seconds(run: Run, total: int) -> float:
    left, latency, limits = run.progress.remaining(), run.latency.seconds or 0.0, run.config.api
    main = run.context.version
    left[main] += max(0, total - run.progress.requests.total() - left.total())
    rate = usable_rate(limits.version, limits.rate_limit, limits.rate_period_seconds)
    gap = latency / connections_needed(rate, latency, limits.concurrency)
    throttles = run.api.throttles()
    seconds = sum(
        throttles[version].pace(latency).seconds_until(requests, gap)
        for version, requests in left.items()
        if version in throttles
    )
    # The pages of a list of API v4 come one after the other.
    longest = max((pages for name, pages in run.progress.left.items() if name.startswith(V4)), default=0)
    return max(seconds, longest * latency)


def _merging_seconds(run: Run) -> float:
    rows_left = sum(
        pages * (PAGE_ROWS_V4 if name.startswith(V4) else PAGE_ROWS_V3)
        for name, pages in run.progress.left.items()
        if name.removeprefix(V4).partition("/")[0].partition("?")[0] in LONG
    )
    published = run.rows_published
    least = run.publishing.total_seconds() if published else MERGE_SECONDS
    return least + MERGE_SECONDS_PER_ROW * (run.progress.rows - published + rows_left)
