"""Verify: compare the mirror with the account, stream by stream, and optionally repair it.

It is a pull that checks every list, regardless of the schedule; without `repair` nothing is kept.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cksync.clock import Clock, wall_clock
from cksync.config import Config
from cksync.domain import CHANGED_ONLY, PROBED, SINGLE
from cksync.errors import Failed
from cksync.extract.schedule import Depth
from cksync.extract.streams import streams_of
from cksync.folder import Folder
from cksync.load.history import Change
from cksync.load.state import mirror_state
from cksync.load.tables import tables
from cksync.pipeline.events import Event, PullReport, Verdict
from cksync.pipeline.pull import pull

# Streams without a list to compare; only reading every record proves them.
NO_LIST = ("broadcast_stats",)
# The number of incomplete slices named per stream.
DOUBTS_NAMED = 3
_SINGLE = {slice_.name for slice_ in SINGLE}


@dataclass(frozen=True)
class Finding:
    """The result for one stream. `verdict` is `content proved`, `counts proved`, `differs`, `mended`, `not provable` or
    `incomplete`; `reason` says what differs, or why it cannot be proved."""

    stream: str
    verdict: str
    lists: int
    requests: int
    reason: str


@dataclass(frozen=True)
class VerifyReport:
    """The result of verify; `unlisted` counts people in no list, last seen between two days."""

    findings: tuple[Finding, ...]
    exit_status: int
    requests: int
    seconds: float
    unlisted: int
    seen_from: datetime | None
    seen_to: datetime | None

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        return asdict(self)


def verify(
    config: Config,
    *,
    repair: bool = False,
    full: bool = False,
    allow: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
    wall: Clock = wall_clock,
) -> Iterator[Event | VerifyReport]:
    """Compare the mirror; the last event is the VerifyReport. Raises what `pull` raises, and Failed without a
    mirror."""
    folder = Folder(config.data_dir)
    if not folder.mirror.exists():
        raise Failed(f"there is no mirror in {folder.root} to verify yet; create it with `cksync pull`")
    depth: Depth = "full" if full else "verify"
    report: PullReport | None = None
    for event in pull(config, depth=depth, allow=allow, environ=environ, stop=stop, wall=wall, is_dry=not repair):
        if isinstance(event, PullReport):
            report = event
        else:
            yield event
    assert report is not None
    yield _findings(folder, report, repair=repair, full=full)


def _findings(folder: Folder, report: PullReport, *, repair: bool, full: bool) -> VerifyReport:
    findings = tuple(
        _finding(name, [v for v in report.verdicts if v.stream == name], report, repair=repair, full=full)
        for name in streams_of(report.version)
    )
    is_proved = not any(
        finding.verdict == "incomplete" or (finding.verdict == "differs" and (full or finding.stream not in NO_LIST))
        for finding in findings
    )
    with mirror_state(folder) as mirror:
        unlisted = mirror.unlisted() if report.version == "v3" else []
        seen = sorted(at for _, at in unlisted if at is not None)
    return VerifyReport(
        findings,
        0 if is_proved else 3,
        sum(report.requests.values()),
        report.seconds,
        len(seen),
        seen[0] if seen else None,
        seen[-1] if seen else None,
    )


def _finding(name: str, verdicts: Sequence[Verdict], report: PullReport, *, repair: bool, full: bool) -> Finding:
    of_stream = {table.name for table in tables() if table.streams[0] == name}
    changes = [change for change in report.published.changes if change.table in of_stream]
    doubts = [verdict for verdict in verdicts if not verdict.is_complete]
    found = "; ".join(filter(None, map(_words, changes)))
    if doubts:
        more = f"; and {len(doubts) - DOUBTS_NAMED} more" if len(doubts) > DOUBTS_NAMED else ""
        named = "; ".join(f"{doubt.slice}: {doubt.doubt}" for doubt in doubts[:DOUBTS_NAMED])
        verdict, reason = "incomplete", f"{named}{more}"
    elif found:
        verdict, reason = ("mended" if repair else "differs"), found
    elif not verdicts:
        verdict, reason = "not provable", "was not read"
    elif report.version == "v3" and name in NO_LIST and not full:
        verdict, reason = "not provable", "has no list to compare; the statistics due by age match"
    elif all(each.proof == "content" for each in verdicts) and (full or report.version == "v4" or name != "broadcasts"):
        verdict, reason = "content proved", ""
    elif report.version == "v4":
        verdict, reason = "counts proved", "what changed, and the API's counts"
    elif name == "broadcasts":
        verdict, reason = "counts proved", "the whole list, and the details of unsent broadcasts"
    else:
        verdict, reason = "counts proved", "totals and sampled pages"
    lists = [each for each in verdicts if each.slice not in _SINGLE and not _is_part(each.slice)]
    return Finding(name, verdict, len(lists), report.requests.get(name, 0), reason)


def _is_part(name: str) -> bool:
    return name.endswith(CHANGED_ONLY) or PROBED in name


def _words(change: Change) -> str:
    parts = ((change.inserted, "missing here"), (change.updated, "changed"), (change.deleted, "missing in the account"))
    counted = ", ".join(f"{count:,} {what}" for count, what in parts if count)
    return f"{change.table}: {counted}" if counted else ""
