"""Diff: base x mine x theirs -> the plan of a push. Pure: no database, no API.

Each edited row becomes actions, nothing (the account already has it), a conflict (both sides changed the value, or the
row is gone from the account), or a problem (the API cannot express it). Safety rules hold back actions that cannot be
undone until the user allows them.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cksync.write.action import Action, needs
from cksync.write.edits import Account, Edit, Problem
from cksync.write.kinds import in_order, kinds_of, tables_of
from cksync.write.moved import as_meant
from cksync.write.plan import Conflict, Noop, Plan, Skipped
from cksync.write.planning import Context, IsGone, noop
from cksync.write.rules import held_back
from cksync.write.through import V3, Through
from cksync.write.workspace import NUMBERED, key_of


def diff(
    edits: Sequence[Edit],
    problems: Sequence[Problem],
    account: Account,
    allowed: Collection[str] = (),
    skipped: Mapping[str, tuple[str, str]] | None = None,
    *,
    skip_invalid: bool = False,
    through: Through = V3,
) -> Plan:
    """Return the plan for some edits. `allowed` are the safety rules that the user lifted; `skipped` maps actions that
    are not sent again, by id, to their outcome and reason. `skip_invalid` leaves out rows with problems and whatever
    needs them; `through` says how the API is written."""
    edits = as_meant(edits)
    planned = _Planned(Context(account, edits, through))
    for edit in edits:
        planned.take(edit)
    wanted = in_order(planned.actions)
    if skip_invalid:
        wanted = _without_invalid(wanted, (*problems, *planned.problems))
    left = skipped or {}
    actions = [action for action in wanted if action.id not in left]
    held = [each for each in held_back(actions, account) if each.rule not in allowed]
    return Plan(
        tuple(actions),
        tuple(planned.conflicts),
        (*problems, *planned.problems),
        tuple(held),
        tuple(Skipped(action, *left[action.id]) for action in wanted if action.id in left),
        tuple(planned.noops),
        Counter(action.what for action in actions),
        account.names,
        through,
    )


class _Planned:
    """The plan of the edits taken so far."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tables, self._kinds = tables_of(context.through), kinds_of(context.through)
        self.actions: list[Action] = []
        self.conflicts: list[Conflict] = []
        self.problems: list[Problem] = []
        self.noops: list[Noop] = []

    def take(self, edit: Edit) -> None:
        """Plan one edit with the planner of its table."""
        try:
            self._plan(edit)
        except IsGone as error:
            self.conflicts.append(Conflict(edit.table, edit.key, None, error.gone, error.cells))
        except ValueError as error:
            self.problems.append(Problem(edit.table, edit.key, str(error)))

    def _plan(self, edit: Edit) -> None:
        if edit.kind == "insert" and _is_numbered(edit.table) and not _is_new(edit):
            raise ValueError("leave id out of a new row; the table assigns a negative id")
        if edit.kind == "update" and not edit.is_there:
            raise IsGone(self._context.gone(edit.table, edit.key[0], edit.key), edit.cells)
        if edit.kind == "delete" and not edit.is_there and edit.table != "subscriptions":
            self.noops.append(noop(edit))
            return
        table = self._tables.get(edit.table)
        planner = table.planners.get(edit.kind) if table else None
        if planner is None:
            refusals = table.refusals if table else {}
            raise ValueError(refusals.get(edit.kind, f"the API cannot {edit.kind} a row of {edit.table}"))
        if edit.kind == "update" and table:
            table.check_writable(self._context, edit)
        for planned in planner(self._context, edit):
            match planned:
                case Action():
                    self.actions.append(replace(planned, kind=self._kinds[planned.what]))
                case Conflict():
                    self.conflicts.append(planned)
                case Noop():
                    self.noops.append(planned)


def _is_numbered(table: str) -> bool:
    """Return True if new rows of a table are identified by their negative id."""
    return table in NUMBERED and key_of(table) == ("id",)


def _is_new(edit: Edit) -> bool:
    return isinstance(edit.key[0], int) and edit.key[0] < 0


def _without_invalid(actions: Sequence[Action], problems: Sequence[Problem]) -> list[Action]:
    """Return the actions that carry no row with a problem, and need no row that would then be missing."""
    invalid = {(problem.table, problem.key) for problem in problems}
    kept = [action for action in actions if invalid.isdisjoint(action.settles)]
    while True:
        made = {(action.kind.makes, action.target) for action in kept}
        left = [action for action in kept if made.issuperset(needs(action))]
        if len(left) == len(kept):
            return left
        kept = left
