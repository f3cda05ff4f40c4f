"""cksync: an exact local mirror of a ConvertKit (Kit) account in DuckDB and Parquet.

    import cksync

    config = cksync.load_config()
    report = cksync.pull(config)
    people = cksync.query(config, "select state, count(*) as people from subscribers group by all")

Everything is loaded on first use, so that `import cksync` stays cheap.
"""

from typing import TYPE_CHECKING

from cksync.version import __version__

if TYPE_CHECKING:
    from cksync.analyze.export.events import Exported, Moving, Written
    from cksync.api.client import Client, Kit, connect
    from cksync.api.v4.client import V4Client
    from cksync.api.v4.outcomes import ItemOutcome
    from cksync.config import Config, load_config
    from cksync.errors import (
        ApiUnavailable,
        BadConfig,
        CksyncError,
        EndpointFailed,
        Failed,
        Interrupted,
        Locked,
        OutcomeUnknown,
        Refused,
        Rejected,
        TurnedDown,
        Unauthorized,
    )
    from cksync.library import (
        checkout,
        diff,
        export,
        iter_pull,
        plan,
        pull,
        push,
        query,
        rebuild,
        status,
        verify,
    )
    from cksync.load.publish import Published
    from cksync.pipeline.events import Forecast, Merging, Note, PageRead, PullReport, Verdict, Waiting
    from cksync.pipeline.plan import PullPlan
    from cksync.pipeline.push import PushReport
    from cksync.pipeline.status import Status
    from cksync.pipeline.verify import VerifyReport
    from cksync.write.action import Action, Result
    from cksync.write.apply import Pushed
    from cksync.write.plan import Conflict, Plan

__all__ = [
    "Action",
    "ApiUnavailable",
    "BadConfig",
    "CksyncError",
    "Client",
    "Config",
    "Conflict",
    "EndpointFailed",
    "Exported",
    "Failed",
    "Forecast",
    "Interrupted",
    "ItemOutcome",
    "Kit",
    "Locked",
    "Merging",
    "Moving",
    "Note",
    "OutcomeUnknown",
    "PageRead",
    "Plan",
    "Published",
    "PullPlan",
    "PullReport",
    "PushReport",
    "Pushed",
    "Refused",
    "Rejected",
    "Result",
    "Status",
    "TurnedDown",
    "Unauthorized",
    "V4Client",
    "Verdict",
    "VerifyReport",
    "Waiting",
    "Written",
    "__version__",
    "checkout",
    "connect",
    "diff",
    "export",
    "iter_pull",
    "load_config",
    "plan",
    "pull",
    "push",
    "query",
    "rebuild",
    "status",
    "verify",
]

_HOMES = {
    "cksync.analyze.export.events": ("Exported", "Moving", "Written"),
    "cksync.api.client": ("Client", "Kit", "connect"),
    "cksync.api.v4.client": ("V4Client",),
    "cksync.api.v4.outcomes": ("ItemOutcome",),
    "cksync.config": ("Config", "load_config"),
    "cksync.errors": (
        *("ApiUnavailable", "BadConfig", "CksyncError", "EndpointFailed", "Failed", "Interrupted", "Locked"),
        *("OutcomeUnknown", "Refused", "Rejected", "TurnedDown", "Unauthorized"),
    ),
    "cksync.library": (
        *("checkout", "diff", "export", "iter_pull", "plan", "pull", "push", "query", "rebuild", "status", "verify"),
    ),
    "cksync.load.publish": ("Published",),
    "cksync.pipeline.events": ("Forecast", "Merging", "Note", "PageRead", "PullReport", "Verdict", "Waiting"),
    "cksync.pipeline.plan": ("PullPlan",),
    "cksync.pipeline.push": ("PushReport",),
    "cksync.pipeline.status": ("Status",),
    "cksync.pipeline.verify": ("VerifyReport",),
    "cksync.write.action": ("Action", "Result"),
    "cksync.write.apply": ("Pushed",),
    "cksync.write.plan": ("Conflict", "Plan"),
}

if not TYPE_CHECKING:  # otherwise type checkers would accept misspelt names

    def __getattr__(name):
        """Load a public name from its module on first use."""
        from importlib import import_module

        for module, names in _HOMES.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module 'cksync' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
