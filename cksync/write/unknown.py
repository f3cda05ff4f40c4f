"""Creations with an unknown outcome: set apart, so that nothing is created twice and no other edit waits for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from cksync.write.action import Action
from cksync.write.journal import Unresolved
from cksync.write.kinds import in_order
from cksync.write.plan import Plan, Skipped


def is_unsafe_to_repeat(action: Action) -> bool:
    """Return True if the action must not be sent again while its outcome is unknown. The API refuses a duplicate tag or
    field, and tagging a person twice has no effect."""
    kind = action.kind
    return kind.find is not None and not kind.is_refused_twice and not kind.is_idempotent(action)


def unsafe_to_repeat(left: Sequence[Unresolved]) -> list[Unresolved]:
    """Return the actions that must not be sent again."""
    return [each for each in left if each.state == "unknown" and is_unsafe_to_repeat(each.action)]


def without_unknown(plan: Plan, held: Sequence[Unresolved]) -> Plan:
    """Remove from a plan whatever such creations would make, however it was edited since. Each becomes a skipped
    action, and problems of their rows are dropped, since a name may be taken by the creation itself."""
    if not held:
        return plan
    made = {(each.action.what, each.action.target, _list_joined(each.action)) for each in held}
    rows = {row for each in held for row in each.action.settles}
    actions = [a for a in plan.actions if (a.what, a.target, _list_joined(a)) not in made]
    skipped = [
        each for each in plan.skipped if (each.action.what, each.action.target, _list_joined(each.action)) not in made
    ]
    return replace(
        plan,
        actions=tuple(actions),
        problems=tuple(problem for problem in plan.problems if (problem.table, problem.key) not in rows),
        skipped=(*skipped, *(Skipped(each.action, each.state, each.message) for each in held)),
        counts=Counter(action.what for action in actions),
    )


def with_repeated(plan: Plan, repeated: Sequence[Unresolved]) -> Plan:
    """Add such creations to a plan to send again. Problems of their rows are ignored: a name may be taken by what they
    created, or by a side effect of another edit (a purchase creates its buyer)."""
    against = {(problem.table, problem.key) for problem in plan.problems}
    again = [each.action for each in repeated if against & {*each.action.settles}]
    if not again:
        return plan
    rows = {row for action in again for row in action.settles}
    actions = in_order((*plan.actions, *again))
    problems = tuple(problem for problem in plan.problems if (problem.table, problem.key) not in rows)
    return replace(plan, actions=tuple(actions), problems=problems, counts=Counter(a.what for a in actions))


def _list_joined(action: Action) -> tuple[object, object]:
    """Return what tells apart the actions about one row: the list that a person joins."""
    if action.kind.makes:
        return None, None
    return action.args.get("parent"), action.args.get("parent_id")
