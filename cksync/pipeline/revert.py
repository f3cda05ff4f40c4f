"""Revert edits of a workspace, without API requests."""

from pathlib import Path

from cksync.config import Config
from cksync.errors import Failed, Rejected
from cksync.pipeline.push import plan_push, workspace
from cksync.plural import plural
from cksync.write.plan import Plan
from cksync.write.revert import EVERY, has_schema_errors, revert_all, revert_row, revert_shape
from cksync.write.workspace import key_of

# Edits may depend on each other, so the search for invalid edits is repeated, at most this often.
ROUNDS = 20


def revert(config: Config, path: Path, table: str, key: str) -> None:
    """Revert the edits of one row; `key` contains its key columns, joined with commas. Raises Rejected if there is no
    such row, and what plan_push raises."""
    if table not in EVERY:
        raise Rejected(f"a workspace has no table {table}; choose one of {', '.join(EVERY)}")
    parts = [part.strip() for part in key.split(",")]
    if len(parts) != len(key_of(table)):
        raise Rejected(f"the key of {table} is {', '.join(key_of(table))}, separated by commas; got {key!r}")
    with workspace(config, path) as db:
        if not revert_row(db, table, parts):
            raise Rejected(f"{table} has no row {key}, neither in {path} nor in its checkout")


def revert_everything(config: Config, path: Path) -> None:
    """Revert every unpushed edit."""
    with workspace(config, path) as db:
        revert_all(db)


def revert_invalid(config: Config, path: Path) -> int:
    """Revert the edits that the API does not support, and return their number. Raises Failed if some remain."""
    plan, taken = plan_push(config, path), 0
    for _ in range(ROUNDS):
        if not plan.problems:
            return taken
        taken += len(plan.problems)
        _take_back(config, path, plan)
        plan = plan_push(config, path)
    raise Failed(f"{plural(len(plan.problems), 'edit')} still cannot be pushed; see `cksync diff {path}`")


def _take_back(config: Config, path: Path, plan: Plan) -> None:
    with workspace(config, path) as db:
        for table in dict.fromkeys(problem.table for problem in plan.problems):
            if has_schema_errors(db, table):
                revert_shape(db, table)
        for table, key in dict.fromkeys((problem.table, problem.key) for problem in plan.problems if problem.key):
            revert_row(db, table, [str(part) for part in key])
