"""Run pipelines to their end, and read the mirror afterwards."""

from typing import Any

from cksync.config import Config
from cksync.pipeline.events import PullReport
from cksync.pipeline.pull import pull
from cksync.pipeline.verify import VerifyReport, verify


def pulled(config: Config, **arguments: Any) -> PullReport:
    """Pull to the end and return the report."""
    *_, report = pull(config, **arguments)
    assert isinstance(report, PullReport)
    return report


def doubts(report: PullReport) -> dict[str, str | None]:
    """Return the slices that the report calls incomplete, with the reasons."""
    return {verdict.slice: verdict.doubt for verdict in report.verdicts if not verdict.is_complete}


def found(config: Config, *, repair: bool = False, full: bool = False) -> VerifyReport:
    """Verify to the end and return the differences it found."""
    *_, findings = verify(config, repair=repair, full=full)
    assert isinstance(findings, VerifyReport)
    return findings
