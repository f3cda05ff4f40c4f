"""The functions of the public API: each runs to completion and returns its report.

`config` comes from `load_config`. While a function runs, it calls `on_event` with each event; setting `stop` ends it
cleanly. All raise CksyncError.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cksync.analyze.export import run as exports
from cksync.analyze.export.events import Event as ExportEvent
from cksync.analyze.export.events import Exported
from cksync.analyze.export.run import Order
from cksync.analyze.export.target import Form
from cksync.analyze.query import ask
from cksync.config import Config
from cksync.extract.schedule import Depth
from cksync.folder import Folder
from cksync.load.publish import Published
from cksync.pipeline import plan as plans
from cksync.pipeline import publishing
from cksync.pipeline import pull as pulls
from cksync.pipeline import push as pushes
from cksync.pipeline import verify as verifies
from cksync.pipeline.events import Forecast, Merging, Note, PageRead, PullReport, Waiting
from cksync.pipeline.plan import PullPlan
from cksync.pipeline.push import PushEvent, PushReport
from cksync.pipeline.status import Status
from cksync.pipeline.status import status as read_status
from cksync.pipeline.verify import VerifyReport
from cksync.write import workspace
from cksync.write.plan import Plan
from cksync.write.refresh import refresh as refresh_workspace

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "checkout",
    "diff",
    "export",
    "iter_pull",
    "plan",
    "pull",
    "push",
    "query",
    "rebuild",
    "status",
    "verify",
]

PullEvent = Forecast | PageRead | Waiting | Merging | Note | PullReport
_Report = TypeVar("_Report")


def iter_pull(
    config: Config,
    *,
    streams: Sequence[str] = (),
    depth: Depth = "nightly",
    max_minutes: float | None = None,
    allow: Sequence[str] = (),
    stop: threading.Event | None = None,
) -> Iterator[PullEvent]:
    """Bring the mirror up to date, yielding events; the last one is the PullReport.

    `streams` names the streams to read (all by default), `depth` how much of them, `allow` the safety rules to lift.
    """
    return pulls.pull(
        config,
        streams=streams,
        depth=depth,
        max_minutes=max_minutes,
        allow=allow,
        stop=stop,
    )


def pull(
    config: Config,
    *,
    streams: Sequence[str] = (),
    depth: Depth = "nightly",
    max_minutes: float | None = None,
    allow: Sequence[str] = (),
    stop: threading.Event | None = None,
    on_event: Callable[[PullEvent], object] | None = None,
) -> PullReport:
    """Bring the mirror up to date. Takes the arguments of `iter_pull`."""
    events = iter_pull(config, streams=streams, depth=depth, max_minutes=max_minutes, allow=allow, stop=stop)
    return _run(events, PullReport, on_event)


def verify(
    config: Config,
    *,
    repair: bool = False,
    full: bool = False,
    allow: Sequence[str] = (),
    stop: threading.Event | None = None,
    on_event: Callable[[PullEvent | VerifyReport], object] | None = None,
) -> VerifyReport:
    """Compare the mirror with the account, by counts and samples or row by row (`full`); `repair` fixes differences."""
    events = verifies.verify(config, repair=repair, full=full, allow=allow, stop=stop)
    return _run(events, VerifyReport, on_event)


def plan(config: Config, *, streams: Sequence[str] = (), depth: Depth = "nightly") -> PullPlan:
    """Estimate the requests of the next pull, without making any."""
    return plans.plan(config, tuple(streams), depth)


def status(config: Config) -> Status:
    """Report how current and complete the mirror is."""
    return read_status(config.data_dir)


def query(config: Config, sql: str) -> "pa.Table":
    """Run a query, or a saved one (`@name`), on the mirror and return an Arrow table, which has no columns if a
    statement returns no rows. Read-only, and limited to the mirror."""
    import pyarrow as pa

    with ask(config.data_dir, sql, config.models.path) as answer:
        return answer.relation.to_arrow_table() if answer.relation is not None else pa.table({})


def export(
    config: Config,
    target: str | Path,
    tables: Sequence[str] = (),
    *,
    query: str | None = None,
    form: Form | None = None,
    force: bool = False,
    on_event: Callable[[ExportEvent], object] | None = None,
) -> Exported:
    """Export tables and models (all by default), or the result of a query, to a file, a folder or a server.

    `form` is the format, inferred from the target by default; `force` replaces targets that cksync did not export.
    """
    order = Order(str(target), tuple(tables), query, form=form, is_forced=force)
    return _run(exports.export(config.data_dir, order), Exported, on_event)


def checkout(config: Config, path: str | Path, *, refresh: bool = False) -> dict[str, int]:
    """Create a workspace to edit with any SQL tool, or refresh one from the current mirror (`refresh`). Returns the
    number of rows per table."""
    folder, path = Folder(config.data_dir), Path(path)
    if not refresh:
        return workspace.checkout(folder, path)
    workspace.check(path)
    return refresh_workspace(folder, path)


def diff(config: Config, path: str | Path, *, allow: Sequence[str] = ()) -> Plan:
    """Plan a push: the edits of a workspace, compared with the mirror."""
    return pushes.plan_push(config, Path(path), allow)


def push(
    config: Config,
    path: str | Path,
    *,
    confirm: Callable[[Plan], bool] = lambda plan: True,
    allow: Sequence[str] = (),
    skip_invalid: bool = False,
    retry_rejected: bool = False,
    stop: threading.Event | None = None,
    on_event: Callable[[PushEvent], object] | None = None,
) -> PushReport:
    """Apply the edits of a workspace to the account, each only once. `confirm` receives the plan and returns whether to
    proceed; `allow` names the safety rules to lift."""
    events = pushes.push(
        config,
        Path(path),
        allow=allow,
        confirm=confirm,
        skip_invalid=skip_invalid,
        retry_rejected=retry_rejected,
        stop=stop,
    )
    return _run(events, PushReport, on_event)


def rebuild(config: Config) -> Published:
    """Rebuild the mirror from its log, without API requests."""
    folder = Folder(config.data_dir)
    with folder.lock("rebuild"):
        return publishing.rebuild(config, folder)


def _run(events: Iterator[Any], kind: type[_Report], on_event: Callable[[Any], object] | None) -> _Report:
    """Consume all events and return the report, which comes last."""
    report: _Report | None = None
    for event in events:
        if on_event is not None:
            on_event(event)
        if isinstance(event, kind):
            report = event
    assert report is not None
    return report
