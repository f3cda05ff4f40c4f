"""The functions of the public face: each runs to its end and gives its report.

`config` is what `load_config` gives. While a function runs, `on_event` is called with each event; setting `stop` ends
it cleanly. All raise CksyncError.
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
from cksync.pipeline.events import Note, PageRead, PullReport
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

PullEvent = PageRead | Note | PullReport
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
    """Bring the mirror up to date, event by event; the last event is the PullReport.

    `streams` names what to read (all when empty), `depth` how much of it, `allow` the safety rules to lift.
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
    """Bring the mirror up to date. Its arguments are those of `iter_pull`."""
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
    """Compare the mirror with the account: by counts and samples, or every row (`full`); `repair` fixes it."""
    events = verifies.verify(config, repair=repair, full=full, allow=allow, stop=stop)
    return _run(events, VerifyReport, on_event)


def plan(config: Config, *, streams: Sequence[str] = (), depth: Depth = "nightly") -> PullPlan:
    """What the next pull will ask for, without a request."""
    return plans.plan(config, tuple(streams), depth)


def status(config: Config) -> Status:
    """How fresh and how complete the mirror is."""
    return read_status(config.data_dir)


def query(config: Config, sql: str) -> "pa.Table":
    """The answer of the mirror to a query, or to a saved one (`@name`), as an Arrow table; it has no columns where a
    statement gives no rows. Nothing but the mirror is read, and nothing written."""
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
    """Write tables and models (all when none is named), or the answer to a query, to a file, a folder or a server.

    `form` is the format where the target does not tell; `force` replaces what no export wrote.
    """
    order = Order(str(target), tuple(tables), query, form=form, is_forced=force)
    return _run(exports.export(config.data_dir, order), Exported, on_event)


def checkout(config: Config, path: str | Path, *, refresh: bool = False) -> dict[str, int]:
    """Write a workspace to edit with any SQL tool, or take the mirror of now into it (`refresh`); the number of rows of
    each table."""
    folder, path = Folder(config.data_dir), Path(path)
    if not refresh:
        return workspace.checkout(folder, path)
    workspace.check(path)
    return refresh_workspace(folder, path)


def diff(config: Config, path: str | Path, *, allow: Sequence[str] = ()) -> Plan:
    """The edits of a workspace as a plan of what a push would do, compared with the mirror."""
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
    """Take the edits of a workspace to the account, each once. `confirm` is given the plan, and says whether to go on;
    `allow` are the safety rules to lift."""
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
    """Make the mirror anew from its log, without a request."""
    folder = Folder(config.data_dir)
    with folder.lock("rebuild"):
        return publishing.rebuild(config, folder)


def _run(events: Iterator[Any], kind: type[_Report], on_event: Callable[[Any], object] | None) -> _Report:
    """Take every event, and give the report that comes last."""
    report: _Report | None = None
    for event in events:
        if on_event is not None:
            on_event(event)
        if isinstance(event, kind):
            report = event
    assert report is not None
    return report
