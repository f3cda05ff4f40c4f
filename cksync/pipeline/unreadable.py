"""Stop a push that depends on parts of the account that the preceding pull could not read."""

from collections.abc import Mapping, Sequence

from cksync.domain import BY_ID, DETAILS, PARENTS
from cksync.errors import ApiUnavailable
from cksync.pipeline.events import Verdict
from cksync.write.action import Action
from cksync.write.plan import Plan

# The tables that depend on each stream.
_PEOPLE = ("subscribers", "subscriptions")
_TABLES: Mapping[str, Sequence[str]] = {
    "subscribers": _PEOPLE,
    "broadcasts": ("broadcasts",),
    "purchases": ("purchases", "purchase_products"),
}


def check_read(plan: Plan, verdicts: Sequence[Verdict]) -> None:
    """Raise ApiUnavailable if the plan depends on something unread: it may have changed in the account, so an edit
    could silently undo a change or create a duplicate. Other unread parts do no harm.
    """
    needed = [
        verdict
        for verdict in verdicts
        if verdict.unread
        and (
            any(_hangs_on(action, verdict) for action in plan.actions)
            or any(noop.table in _tables(verdict) for noop in plan.noops)
        )
    ]
    if needed:
        named = "; ".join(f"{verdict.slice}: {verdict.doubt}" for verdict in needed[:5])
        more = f"; and {len(needed) - 5} more" if len(needed) > 5 else ""
        raise ApiUnavailable(
            f"nothing was written, because the pull could not read what the plan changes ({named}{more}); push"
            " again later, or revert those edits"
        )


def _hangs_on(action: Action, verdict: Verdict) -> bool:
    """Whether an action depends on the unread part of a slice."""
    tables = {table for table, _ in action.settles}
    if verdict.slice in (BY_ID.name, DETAILS.name):
        return action.target in verdict.unread and not tables.isdisjoint(_tables(verdict))
    changed = action.kind.list_of(action)
    if verdict.stream == "subscriptions":
        return changed is not None and changed.name == verdict.slice
    if verdict.stream in PARENTS.values():
        parent = changed.parent if changed else None
        return verdict.stream in tables or (parent is not None and PARENTS[parent[0]] == verdict.stream)
    if verdict.stream == "custom_fields":
        return "custom_fields" in tables or bool(action.args.get("fields"))
    return not tables.isdisjoint(_tables(verdict))


def _tables(verdict: Verdict) -> Sequence[str]:
    return _TABLES.get(verdict.stream, (verdict.stream,))
