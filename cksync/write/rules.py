"""Safety rules: what cannot be undone is not done before the user allows it by name."""

from collections.abc import Iterator, Sequence

from cksync.write.edits import Account
from cksync.write.plan import Action, Held

RULES = ("send", "unsubscribe", "resubscribe", "delete-field", "delete-broadcast", "bulk", "repeat-unknown")
# People whom one push may unsubscribe without being asked, and from where on a change of many is one of too many.
MOST_UNSUBSCRIBED, BULK_ROWS, BULK_SHARE = 10, 100, 0.3


def held_back(actions: Sequence[Action], account: Account, revived: Sequence[str]) -> Iterator[Held]:
    """The safety rules that the actions break."""
    of: dict[str, list[str]] = {}
    for action in actions:
        of.setdefault(action.what, []).append(action.target)
    mails = [a.target for a in actions if "broadcast" in a.what and (a.args.get("send_at") or a.args.get("public"))]
    changed = {action.target for action in actions if action.what in ("update person", "unsubscribe")}
    found: list[tuple[str, Sequence[str], str]] = [
        ("send", mails, "broadcasts would be sent, or published"),
        ("resubscribe", revived, "people who have cancelled, bounced or complained would be subscribed"),
        ("delete-field", of.get("delete field", ()), "custom fields would be deleted with everybody's values"),
        ("delete-broadcast", of.get("delete broadcast", ()), "broadcasts would be deleted"),
    ]
    if len(of.get("unsubscribe", ())) > MOST_UNSUBSCRIBED:
        found.append(("unsubscribe", of["unsubscribe"], "people would be unsubscribed"))
    if len(changed) >= BULK_ROWS and len(changed) > BULK_SHARE * account.subscribers:
        found.append(("bulk", sorted(changed), f"of {account.subscribers:,} people would be changed"))
    for rule, rows, reason in found:
        if rows:
            yield Held(rule, len(rows), tuple(rows[:5]), reason)
