"""The plan of a push: its actions in order, and what blocks them."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any

from cksync.api.v4.bulk import ITEMS_AT_ONCE
from cksync.api.v4.bulk_kinds import Bulk
from cksync.domain import BY_ID_V4, STATS, Slice
from cksync.write.action import Action
from cksync.write.edits import Cell, EditKind, Key, Problem, shown_key
from cksync.write.labels import Labels
from cksync.write.through import V3, Through

# Addresses that one request of API v4 looks up.
ADDRESSES_AT_ONCE = 50
# People whom a push through API v4 reads back at most.
READ_BACK = 200


@dataclass(frozen=True, slots=True)
class Noop:
    """An edit that the account already has; nothing is sent for it. For an updated row, `cells` are the values."""

    table: str
    kind: EditKind
    key: Key
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that the account no longer has, and its address, name, label or subject."""

    table: str
    key: Key
    was: str | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An edit that contradicts the account: a value also changed there, differently (`cell`); a row that is gone there,
    with its edited values (`cells`); or a row that can no longer change (`reason`)."""

    table: str
    key: Key
    cell: Cell | None = None
    gone: Gone | None = None
    cells: tuple[Cell, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Actions that a safety rule blocks: their number, and the first few."""

    rule: str
    count: int
    examples: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A change that the API rejected, or whose outcome is unknown; it is not sent again until edited."""

    action: Action
    outcome: str
    message: str


@dataclass(frozen=True)
class Plan:
    """The plan of a push, in order. `names` are labels of rows, for people to read."""

    actions: tuple[Action, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[Problem, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    noops: tuple[Noop, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    names: Labels = field(default_factory=dict, compare=False)
    through: Through = field(default=V3, compare=False)

    @property
    def checksum(self) -> str:
        """Return a checksum of all actions: plans with the same checksum do the same."""
        text = json.dumps([action.id for action in self.actions])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def requests(self) -> int:
        """Return the number of requests, including address lookups, and reading back what no reply shows."""
        reads = self._reads_back()
        if self.through.version == "v4":
            writes = sum(1 if bulk is None else -(-len(part) // ITEMS_AT_ONCE) for bulk, part in self._parts())
            new = sum(action.kind.address == "free" for action in self.actions)
            return writes + -(-new // ADDRESSES_AT_ONCE) + reads
        asked = (a.kind.address == "free" or (a.kind.address and int(a.target) > 0) for a in self.actions)
        return len(self.actions) + sum(map(bool, asked)) + reads

    def _reads_back(self) -> int:
        """Return the number of requests for what no reply shows: a list, each broadcast's figures, each person."""
        rows: dict[Slice, set[Any]] = {}
        for action in self.actions:
            if action.kind.reread and is_unseen(action, self.through):
                rows.setdefault(action.kind.reread, set()).add(action.target)
        most = {STATS: len(self.actions), BY_ID_V4: READ_BACK}
        return sum(min(len(targets), most.get(slice_, 1)) for slice_, targets in rows.items())

    def _parts(self) -> Iterator[tuple[Bulk | None, Sequence[Action]]]:
        """Yield the actions that bulk calls take together, and each other one alone."""
        for _, run in groupby(self.actions, key=lambda action: action.what):
            together: dict[Bulk, list[Action]] = {}
            for action in run:
                if self.through.is_bulk and (bulk := action.kind.bulk(action)):
                    together.setdefault(bulk, []).append(action)
                else:
                    yield None, [action]
            yield from together.items()

    def about(self, tables: Collection[str]) -> "Plan":
        """Return the part that concerns edits of some tables; all if none is named."""
        if not tables:
            return self

        def settles(action: Action) -> bool:
            return any(table in tables for table, _ in action.settles)

        return replace(
            self,
            actions=tuple(filter(settles, self.actions)),
            conflicts=tuple(conflict for conflict in self.conflicts if conflict.table in tables),
            problems=tuple(problem for problem in self.problems if problem.table in tables),
            skipped=tuple(skipped for skipped in self.skipped if settles(skipped.action)),
        )


def as_json(plan: Plan, *, redact: bool = False, only: Collection[str] = ()) -> dict[str, Any]:
    """Return the plan as JSON, as docs/push.md describes it. `redact` leaves out everything but counts and ids; `only`
    limits the lists to some tables, beside the counts and the checksum of the whole plan."""
    head = {"checksum": plan.checksum, "requests": plan.requests, "noops": len(plan.noops), "counts": dict(plan.counts)}
    plan = plan.about(only)
    if redact:
        return {
            **head,
            "actions": [{"id": a.id, "what": a.what, "target": a.target} for a in plan.actions],
            "conflicts": [_conflict(conflict, redact=True) for conflict in plan.conflicts],
            "problems": [{"table": p.table, "key": shown_key(p.key)} for p in plan.problems],
            "held": [{"rule": held.rule, "count": held.count} for held in plan.blocked],
            "parked": [{"id": p.action.id, "outcome": p.outcome} for p in plan.skipped],
        }
    return {
        **head,
        "actions": [_action(action) for action in plan.actions],
        "conflicts": [_conflict(conflict, redact=False) for conflict in plan.conflicts],
        "problems": [{**asdict(problem), "key": shown_key(problem.key)} for problem in plan.problems],
        "held": [asdict(held) for held in plan.blocked],
        "parked": [{**_action(p.action), "outcome": p.outcome, "message": p.message} for p in plan.skipped],
    }


def _conflict(conflict: Conflict, *, redact: bool) -> dict[str, Any]:
    """Return a conflict with the same keys for both kinds; those that do not apply are null or empty."""
    cell = asdict(conflict.cell) if conflict.cell else dict.fromkeys(("column", "base", "mine", "theirs"))
    head = {"table": conflict.table, "key": shown_key(conflict.key), "reason": conflict.reason}
    gone = {**asdict(conflict.gone), "key": shown_key(conflict.gone.key)} if conflict.gone else None
    if redact:
        hidden = {"table": gone["table"], "key": gone["key"]} if gone else None
        columns = [{"column": cell.column} for cell in conflict.cells]
        return {**head, "column": cell["column"], "gone": hidden, "cells": columns}
    return {**head, **cell, "gone": gone, "cells": [asdict(cell) for cell in conflict.cells]}


def _action(action: Action) -> dict[str, Any]:
    rows = [{"table": table, "key": shown_key(key)} for table, key in action.settles]
    cells = [asdict(cell) for cell in action.cells]
    head = {"id": action.id, "what": action.what, "target": action.target}
    return {**head, "rows": rows, "cells": cells, "args": dict(action.args)}


def is_unseen(action: Action, through: Through) -> bool:
    """Return True if the reply to an action does not show its row. That to the creation of one person does; that of a
    bulk call does not."""
    return action.kind.reread != BY_ID_V4 or not action.kind.makes or through.is_bulk
