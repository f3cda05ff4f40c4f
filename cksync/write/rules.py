"""Safety rules: what cannot be undone is not done until the user allows it by name.

Rules that count people count over the life of a workspace: the people of the plan, and those of earlier pushes that did
not lift the rule.
"""

from collections.abc import Iterator, Mapping, Sequence

from cksync.addresses import folded
from cksync.write.action import Action, Kind
from cksync.write.edits import Account
from cksync.write.plan import Blocked

# How many people a workspace may subscribe to sequences and forms, or unsubscribe, without permission; and the size
# from which a change counts as bulk.
MOST_MAILED, MOST_UNSUBSCRIBED, BULK_ROWS, BULK_SHARE = 10, 10, 100, 0.3
# Joining one of these starts emails.
MAILING = ("form", "sequence")
# People in these states left by themselves; subscribing them again needs permission.
LEFT = ("cancelled", "bounced", "complained")


def counted_by(kind: Kind, parent: str | None) -> Iterator[str]:
    """Yield the rules that count the person of an action. `parent` is the type of the list that it joins."""
    return (rule for rule in kind.counts if rule != "send" or parent in MAILING)


def held_back(actions: Sequence[Action], account: Account) -> Iterator[Blocked]:
    """Yield the safety rules that the actions break."""
    people: dict[str, dict[str, None]] = {"send": {}, "unsubscribe": {}, "bulk": {}}
    owners = _owners(actions, account)
    for action in actions:
        for rule in counted_by(action.kind, action.args.get("parent")):
            people[rule][action.kind.person(action, owners)] = None
    sent = account.counted
    if _is_over(MOST_MAILED, people["send"], sent.get("send", frozenset())):
        yield _people("send", people, account, "people would be added to forms or sequences, which may send them email")
    mails = [action.target for action in actions if action.kind.is_mail(action, account)]
    if mails:
        yield Blocked("send", len(mails), tuple(mails[:5]), "broadcasts would be sent or published")
    if _is_over(MOST_UNSUBSCRIBED, people["unsubscribe"], sent.get("unsubscribe", frozenset())):
        yield _people("unsubscribe", people, account, "people would be unsubscribed")
    if revived := list(_revived(actions, account)):
        reason = "people who cancelled, bounced or complained would be resubscribed"
        yield Blocked("resubscribe", len(revived), tuple(revived[:5]), reason)
    ruled: dict[tuple[str, str], list[str]] = {}
    for action in actions:
        if action.kind.rule:
            ruled.setdefault(action.kind.rule, []).append(action.target)
    for (rule, reason), targets in ruled.items():
        yield Blocked(rule, len(targets), tuple(targets[:5]), reason)
    most = max(BULK_ROWS - 1, BULK_SHARE * account.subscribers)
    if _is_over(most, people["bulk"], sent.get("bulk", frozenset())):
        yield _people("bulk", people, account, f"of {account.subscribers:,} people would be changed")


def _is_over(most: float, now: Mapping[str, None], before: frozenset[str]) -> bool:
    return bool(now) and len(before | now.keys()) > most


def _people(rule: str, people: Mapping[str, Mapping[str, None]], account: Account, reason: str) -> Blocked:
    now, before = people[rule], account.counted.get(rule, frozenset())
    earlier = f" ({len(before):,} pushed before)" if before else ""
    return Blocked(rule, len(now), tuple(now)[:5], reason + earlier)


def _owners(actions: Sequence[Action], account: Account) -> Mapping[str, str]:
    """Map folded addresses to people, including those whom the actions create."""
    made = {folded(str(a.args["email_address"])): a.target for a in actions if a.kind.makes == "subscribers"}
    return {**made, **{address: str(id_) for address, id_ in account.addresses.items()}}


def _revived(actions: Sequence[Action], account: Account) -> Iterator[str]:
    """Yield the people who left and would join a list again."""
    for action in actions:
        person = account.people.get(int(action.target)) if action.kind.joins else None
        if person is not None and person.state in LEFT:
            yield f"{person.id} ({person.state})"
