"""Revert: edits of a workspace are taken back; the account is asked for nothing."""

from pathlib import Path

from cksync.config import Config
from cksync.errors import Failed, Rejected
from cksync.pipeline.push import plan_push, workspace
from cksync.write.plan import Plan
from cksync.write.revert import EVERY, has_schema_errors, revert_all, revert_row, revert_shape
from cksync.write.workspace import key_of

# Edits may hang on one another: so often those are looked for that cannot be pushed.
ROUNDS = 20


def revert(config: Config, path: Path, table: str, key: str) -> None:
    """Take back the edit of one row; `key` are its key columns, joined with a comma. Raises Rejected when there is no
    such row, and what plan_push raises."""
    if table not in EVERY:
        raise Rejected(f"{table} is no table of a workspace; there are {', '.join(EVERY)}")
    parts = [part.strip() for part in key.split(",")]
    if len(parts) != len(key_of(table)):
        raise Rejected(f"the key of {table} is {', '.join(key_of(table))}, with commas between; not {key!r}")
    with workspace(config, path) as db:
        if not revert_row(db, table, parts):
            raise Rejected(f"{table} has no row {key}, neither in {path} nor at the checkout")


def revert_everything(config: Config, path: Path) -> None:
    """Take back every edit that was not pushed."""
    with workspace(config, path) as db:
        revert_all(db)


def revert_invalid(config: Config, path: Path) -> int:
    """Take back the edits that the API cannot express, by the plan of what the mirror knows; how many they were. Raises
    Failed when some are left."""
    plan, taken = plan_push(config, path), 0
    for _ in range(ROUNDS):
        if not plan.problems:
            return taken
        taken += len(plan.problems)
        _take_back(config, path, plan)
        plan = plan_push(config, path)
    raise Failed(f"{len(plan.problems):,} edits are left that cannot be pushed; `cksync diff {path}` shows them")


def _take_back(config: Config, path: Path, plan: Plan) -> None:
    with workspace(config, path) as db:
        for table in dict.fromkeys(problem.table for problem in plan.problems):
            if has_schema_errors(db, table):
                revert_shape(db, table)
        for table, key in dict.fromkeys((problem.table, problem.key) for problem in plan.problems if problem.key):
            revert_row(db, table, [str(part) for part in key])
