"""Safety rules: what cannot be undone is not done before the user allows it by name.

Rules that count people count over the life of a workspace: whom a plan concerns, and whom earlier pushes concerned
that did not lift the rule.
"""

from collections.abc import Iterator, Mapping, Sequence

from cksync.addresses import folded
from cksync.write.edits import Account
from cksync.write.plan import Action, Held

RULES = ("send", "unsubscribe", "resubscribe", "delete-field", "delete-broadcast", "bulk", "repeat-unknown")
# People whom a workspace may put into sequences and forms, or unsubscribe, without being asked, and from where on a
# change of many is one of too many.
MOST_MAILED, MOST_UNSUBSCRIBED, BULK_ROWS, BULK_SHARE = 10, 10, 100, 0.3
# Joining one of these starts mail.
MAILING = ("form", "sequence")
_JOINS = ("create person", "subscribe")
_TOUCHES = (*_JOINS, "untag", "update person", "unsubscribe", "create purchase")
_TIMED = ("send_at", "published_at", "public")


def counted_by(what: str, parent: str | None) -> Iterator[str]:
    """The rules that count the person whom an action is about. `parent` is the kind of list that it puts somebody
    into."""
    if what in _JOINS and parent in MAILING:
        yield "send"
    if what == "unsubscribe":
        yield "unsubscribe"
    if what in _TOUCHES:
        yield "bulk"


def held_back(actions: Sequence[Action], account: Account, revived: Sequence[str]) -> Iterator[Held]:
    """The safety rules that the actions break."""
    of: dict[str, list[str]] = {}
    people: dict[str, dict[str, None]] = {"send": {}, "unsubscribe": {}, "bulk": {}}
    whose = _owners(actions, account)
    for action in actions:
        of.setdefault(action.what, []).append(action.target)
        for rule in counted_by(action.what, action.args.get("parent")):
            people[rule][_person(action, whose)] = None
    mails = [action.target for action in actions if _is_mail(action, account)]
    sent = account.counted
    if _is_over(MOST_MAILED, people["send"], sent.get("send", frozenset())):
        yield _people("send", people, account, "people would join forms or sequences, which may send them mail")
    if mails:
        yield Held("send", len(mails), tuple(mails[:5]), "broadcasts would be sent, or published")
    if _is_over(MOST_UNSUBSCRIBED, people["unsubscribe"], sent.get("unsubscribe", frozenset())):
        yield _people("unsubscribe", people, account, "people would be unsubscribed")
    for rule, rows, reason in (
        ("resubscribe", revived, "people who have cancelled, bounced or complained would be subscribed"),
        ("delete-field", of.get("delete field", ()), "custom fields would be deleted with everybody's values"),
        ("delete-broadcast", of.get("delete broadcast", ()), "broadcasts would be deleted"),
    ):
        if rows:
            yield Held(rule, len(rows), tuple(rows[:5]), reason)
    most = max(BULK_ROWS - 1, BULK_SHARE * account.subscribers)
    if _is_over(most, people["bulk"], sent.get("bulk", frozenset())):
        yield _people("bulk", people, account, f"of {account.subscribers:,} people would be changed")


def _is_over(most: float, now: Mapping[str, None], before: frozenset[str]) -> bool:
    return bool(now) and len(before | now.keys()) > most


def _people(rule: str, people: Mapping[str, Mapping[str, None]], account: Account, reason: str) -> Held:
    now, before = people[rule], account.counted.get(rule, frozenset())
    earlier = f", {len(before):,} were before" if before else ""
    return Held(rule, len(now), tuple(now)[:5], reason + earlier)


def _owners(actions: Sequence[Action], account: Account) -> Mapping[str, str]:
    """People by their folded addresses, those whom the actions make among them."""
    made = {folded(str(a.args["email_address"])): a.target for a in actions if a.what == "create person"}
    return {**made, **{address: str(id_) for address, id_ in account.addresses.items()}}


def _person(action: Action, whose: Mapping[str, str]) -> str:
    """Whom an action is about: an id, or the address of a buyer whom nobody knows."""
    if action.what != "create purchase":
        return action.target
    address = folded(str(action.args["purchase"]["email_address"]))
    return whose.get(address, address)


def _is_mail(action: Action, account: Account) -> bool:
    """Whether an action sends or publishes a broadcast, or changes one that is going to be sent."""
    if action.what not in ("create broadcast", "update broadcast"):
        return False
    is_waiting = action.what == "update broadcast" and account.statuses.get(int(action.target)) == "scheduled"
    return is_waiting or any(action.args.get(name) for name in _TIMED)
