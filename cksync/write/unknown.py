"""Creations of which nobody knows whether they were executed: they are set apart, so that nothing is made twice and
no other edit waits for them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from cksync.write.action import Action
from cksync.write.journal import Unresolved
from cksync.write.kinds import in_order
from cksync.write.plan import Plan, Skipped


def is_unsafe_to_repeat(action: Action) -> bool:
    """Whether it must not be sent again as long as nobody knows its outcome. The API refuses a tag or a field the
    second time, and takes into a tag whoever is in it."""
    kind = action.kind
    return kind.find is not None and not kind.is_refused_twice and not kind.is_idempotent(action)


def unsafe_to_repeat(left: Sequence[Unresolved]) -> list[Unresolved]:
    """Those of some actions that must not be sent again."""
    return [each for each in left if each.state == "unknown" and is_unsafe_to_repeat(each.action)]


def without_unknown(plan: Plan, held: Sequence[Unresolved]) -> Plan:
    """A plan without what such creations are to make, however it was edited since; each of them is parked, and what
    the plan has against their rows (a name that is taken: by themselves, maybe) is no problem."""
    if not held:
        return plan
    made = {(each.action.what, each.action.target, _place(each.action)) for each in held}
    rows = {row for each in held for row in each.action.settles}
    actions = [a for a in plan.actions if (a.what, a.target, _place(a)) not in made]
    skipped = [each for each in plan.skipped if (each.action.what, each.action.target, _place(each.action)) not in made]
    return replace(
        plan,
        actions=tuple(actions),
        problems=tuple(problem for problem in plan.problems if (problem.table, problem.key) not in rows),
        skipped=(*skipped, *(Skipped(each.action, each.state, each.message) for each in held)),
        counts=Counter(action.what for action in actions),
    )


def with_repeated(plan: Plan, repeated: Sequence[Unresolved]) -> Plan:
    """A plan with such creations, which may be sent again: also those against whose rows it has something, for a name
    may be taken by what they made, or by what came of another edit (a purchase makes its buyer)."""
    against = {(problem.table, problem.key) for problem in plan.problems}
    again = [each.action for each in repeated if against & {*each.action.settles}]
    if not again:
        return plan
    rows = {row for action in again for row in action.settles}
    actions = in_order((*plan.actions, *again))
    problems = tuple(problem for problem in plan.problems if (problem.table, problem.key) not in rows)
    return replace(plan, actions=tuple(actions), problems=problems, counts=Counter(a.what for a in actions))


def _place(action: Action) -> tuple[object, object]:
    """What tells the actions about one row apart: the list that a person joins."""
    if action.kind.makes:
        return None, None
    return action.args.get("parent"), action.args.get("parent_id")
