"""The types of the public API, as a user of the installed cksync sees them. Checked by mypy, never run.

Each `ignore` is itself checked: mypy complains if the line has no such error.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_type

import cksync
from cksync import (
    Action,
    CksyncError,
    Client,
    Config,
    Exported,
    Forecast,
    ItemOutcome,
    Merging,
    Note,
    OutcomeUnknown,
    PageRead,
    Plan,
    Published,
    PullPlan,
    PullReport,
    PushReport,
    Refused,
    Result,
    Status,
    TurnedDown,
    V4Client,
    VerifyReport,
    Waiting,
)

config = cksync.load_config(path="config.toml")
assert_type(config, Config)
stop = threading.Event()

report = cksync.pull(config, on_event=print)
assert_type(report, PullReport)
assert_type(report.exit_status, int)
assert_type(report.requests, Mapping[str, int])
PullEvent = Forecast | PageRead | Waiting | Merging | Note | PullReport
assert_type(cksync.iter_pull(config, streams=["tags"], stop=stop), Iterator[PullEvent])
assert_type(cksync.verify(config, repair=True), VerifyReport)
assert_type(cksync.plan(config), PullPlan)
assert_type(cksync.status(config), Status)
assert_type(cksync.export(config, "out.xlsx", ["subscribers"]), Exported)
assert_type(cksync.checkout(config, "work.duckdb"), dict[str, int])
assert_type(cksync.rebuild(config), Published)

plan = cksync.diff(config, "work.duckdb", allow=["send"])
assert_type(plan, Plan)
assert_type(plan.actions, tuple[Action, ...])


def accept(plan: Plan) -> bool:
    """Accept small plans."""
    return plan.requests < 100


pushed = cksync.push(config, "work.duckdb", confirm=accept)
assert_type(pushed, PushReport)
for action, result in pushed.results:
    assert_type(action, Action)
    assert_type(result, Result)

with cksync.connect(config) as client:
    assert_type(client, Client)
    assert_type(client.subscribe("form", 1, "ada@example.com", fields={"company": "Acme"}), Any)
    client.create_broadcast(subject="Hello", public=False)
    client.create_broadcast(subjct="Hello")  # type: ignore[call-arg]
    client.subscribe("list", 1, "ada@example.com")  # type: ignore[arg-type]
    assert_type(client.v4, V4Client)
    assert_type(client.v4.bulk_tag([{"tag_id": 1, "subscriber_id": 2}]), Sequence[ItemOutcome])
    client.v4.bulk_tag([{"tag": 1, "subscriber_id": 2}])  # type: ignore[typeddict-item]
    assert_type(client.v4.subscribers(status="all", include=["tags"]), Iterator[dict[str, Any]])
    client.v4.subscribers(state="all")  # type: ignore[call-arg]
    client.v4.tags(include="stats")  # type: ignore[arg-type]
    client.v4.create_broadcast(subject="Hello", email_template_id=1)
    client.v4.create_broadcast(email_layout_template="x")  # type: ignore[call-arg]

errors: tuple[type[CksyncError], ...] = (TurnedDown, OutcomeUnknown, Refused)

cksync.does_not_exist(1)  # type: ignore[attr-defined]

cksync.pull(config, dept="full")  # type: ignore[call-arg]
cksync.pull(config, depth="fully")  # type: ignore[arg-type]
