"""Diff: base x mine x theirs -> what would be done. Pure: no database, no API.

Each edited row becomes actions, or nothing (the account is as wanted already), or a conflict (the same value
was changed on both sides, or the row is gone in the account), or a problem (the API cannot express it). Rules
hold actions back that cannot be undone, until they are allowed.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cksync.api.writes import FIELDS_AT_ONCE, MOST_FIELDS
from cksync.write.edits import Account, Cell, Edit, Problem
from cksync.write.names import Names
from cksync.write.plan import Action, Conflict, Gone, Noop, Parked, Plan
from cksync.write.rules import held_back
from cksync.write.workspace import NUMBERED

# The order in which actions are carried out: what others need comes first, what cannot be undone last. Whoever
# is named by an address gets a new one after that, and a field its new key after its old one was used.
ORDER = (
    *("create field", "create tag", "create person", "subscribe", "untag", "unsubscribe", "update person"),
    *("create purchase", "create broadcast", "update broadcast", "rename field", "delete broadcast", "delete field"),
)
_GONE_STATES = ("cancelled", "bounced", "complained")
# Broadcasts that nobody has been sent yet.
UNSENT = ("draft", "scheduled")


def diff(
    edits: Sequence[Edit],
    problems: Sequence[Problem],
    account: Account,
    allowed: Collection[str] = (),
    parked: Mapping[str, tuple[str, str]] | None = None,
    *,
    skip_invalid: bool = False,
) -> Plan:
    """The plan for some edits. `allowed` are the safety rules that the user lifted; `parked` are changes that are
    not sent again, by id: their outcome and why. With `skip_invalid` it has nothing of rows that have problems, and
    nothing that needs them."""
    work = _Work(account, edits)
    for edit in edits:
        work.take(edit)
    wanted = sorted(work.actions, key=lambda action: ORDER.index(action.what))
    if skip_invalid:
        wanted = _without_invalid(wanted, (*problems, *work.problems))
    left = parked or {}
    actions = [action for action in wanted if action.id not in left]
    held = [each for each in held_back(actions, account, work.revived) if each.rule not in allowed]
    return Plan(
        tuple(actions),
        tuple(work.conflicts),
        (*problems, *work.problems),
        tuple(held),
        tuple(Parked(action, *left[action.id]) for action in wanted if action.id in left),
        tuple(work.noops),
        Counter(action.what for action in actions),
    )


class _IsGone(Exception):
    """What an edit needs is gone in the account."""

    def __init__(self, gone: Gone, cells: Sequence[Cell] = ()) -> None:
        self.gone, self.cells = gone, tuple(cells)


class _Work:
    """The edits one after the other, and what has become of them."""

    def __init__(self, account: Account, edits: Sequence[Edit]) -> None:
        self.account = account
        self.names = Names(account, edits)
        self.actions: list[Action] = []
        self.conflicts: list[Conflict] = []
        self.problems: list[Problem] = []
        self.noops: list[Noop] = []
        self.revived: list[str] = []
        self._new = {name: _new(edits, name) for name in ("subscribers", "tags", "custom_fields", "purchases")}
        self._joins = [edit for edit in edits if edit.table == "subscriptions" and edit.kind == "insert"]
        self._lines = [edit for edit in edits if edit.table == "purchase_products" and edit.kind == "insert"]
        self._first = {edit.row["subscriber_id"]: edit for edit in reversed(self._joins) if not self._gone_parent(edit)}
        self._wishes = Counter(
            (e.row["subscribable_type"], e.row["subscribable_id"], e.row["subscriber_id"]) for e in self._joins
        )
        self._keys = {field.column: field.key for field in account.fields}
        self._keys |= {column: new_key(id_) for column, id_ in account.new_columns.items()}

    def take(self, edit: Edit) -> None:
        """One edit -> an action, a conflict, a problem or nothing."""
        try:
            if edit.kind == "insert" and edit.table in NUMBERED and not _is_new(edit):
                raise ValueError("a new row gets its id, below zero, from the table: leave id out")
            if edit.kind == "update" and not edit.is_there:
                raise _IsGone(self._gone(edit.table, edit.key[0], _key(edit)), edit.cells)
            if edit.kind == "delete" and not edit.is_there and edit.table != "subscriptions":
                self._agree(edit)
            else:
                getattr(self, f"_{edit.kind}_{edit.table}", self._refuse)(edit)
        except _IsGone as error:
            self.conflicts.append(Conflict(edit.table, _key(edit), None, error.gone, error.cells))
        except ValueError as error:
            self.problems.append(Problem(edit.table, _key(edit), str(error)))

    def _gone(self, table: str, id_: int, key: str | None = None) -> Gone:
        return Gone(table, key or str(id_), self.account.gone.get((table, id_)))

    def _refuse(self, edit: Edit) -> None:
        raise ValueError(_REFUSALS.get((edit.kind, edit.table), f"the API cannot {edit.kind} a row of {edit.table}"))

    def _add(self, what: str, target: object, args: Mapping[str, Any], edit: Edit, cells: Sequence[Cell] = ()) -> None:
        self.actions.append(Action(what, str(target), args, ((edit.table, _key(edit)),), tuple(cells)))

    def _wanted(self, edit: Edit) -> list[Cell]:
        """The cells that are to be written: not those that the account has already, nor those in conflict."""
        wanted, agreed = [], []
        for cell in edit.cells:
            base, mine, theirs = (value or "" for value in (cell.base, cell.mine, cell.theirs))
            if mine == theirs:
                agreed.append(cell)
            elif theirs == base:
                wanted.append(cell)
            else:
                self.conflicts.append(Conflict(edit.table, _key(edit), cell))
        if agreed:
            self._agree(edit, agreed)
        return wanted

    def _agree(self, edit: Edit, cells: Sequence[Cell] = ()) -> None:
        self.noops.append(Noop(edit.table, edit.kind, edit.key, tuple(cells)))

    # -- people

    def _update_subscribers(self, edit: Edit) -> None:
        if fixed := [cell.column for cell in edit.cells if cell.column in ("id", "created_at")]:
            raise ValueError(f"{', '.join(fixed)} cannot be changed")
        cells = self._wanted(self._without_lost(edit))
        id_ = int(edit.key[0])
        fields = [cell for cell in cells if cell.column in self._keys]
        basics = {cell.column: cell.mine or "" for cell in cells if cell.column in ("email_address", "first_name")}
        if "email_address" in basics:
            self.names.address(basics["email_address"], id_)
        for number in range(0, max(len(fields), 1), FIELDS_AT_ONCE):
            part = fields[number : number + FIELDS_AT_ONCE]
            args = {**basics, **({"fields": self._values(part)} if part else {})}
            said = [cell for cell in cells if cell in part or (cell.column in basics and number == 0)]
            if args:
                self._add("update person", id_, args, edit, said)
            basics = {}
        for cell in cells:
            if cell.column == "state":
                if cell.mine != "cancelled":
                    raise ValueError(f"state can only become 'cancelled', which unsubscribes; not {cell.mine!r}")
                address = self.account.people[id_].email_address
                self._add("unsubscribe", id_, {"email_address": address}, edit, [cell])

    def _without_lost(self, edit: Edit) -> Edit:
        """Without the values of custom fields that are gone: each is a conflict, unless it was cleared."""
        for cell in edit.cells:
            if cell.column in self.account.lost and cell.mine:
                gone = self._gone("custom_fields", self.account.lost[cell.column])
                self.conflicts.append(Conflict(edit.table, _key(edit), None, gone, (cell,)))
        kept = tuple(cell for cell in edit.cells if cell.column not in self.account.lost or not cell.mine)
        return replace(edit, cells=kept)

    def _insert_subscribers(self, edit: Edit) -> None:
        address = str(edit.row["email_address"] or "")
        self.names.address(address)
        _check_state(edit, "a new person is active, or waits to confirm")
        first = self._first_join(edit.key[0])
        kind, parent = self._parent(first)
        lost = (Cell(column, None, edit.row[column], None) for column in self.account.lost if edit.row.get(column))
        self._without_lost(replace(edit, cells=tuple(lost)))
        cells = [Cell(column, None, edit.row[column], None) for column in self._keys if edit.row.get(column)]
        given = {"first_name": edit.row["first_name"], "fields": self._values(cells[:FIELDS_AT_ONCE])}
        args = {"parent": kind, "parent_id": parent, "email_address": address}
        args |= {name: value for name, value in given.items() if value}
        rows = ((edit.table, _key(edit)), (first.table, _key(first)))
        self.actions.append(Action("create person", str(edit.key[0]), args, rows, tuple(cells[:FIELDS_AT_ONCE])))
        for number in range(FIELDS_AT_ONCE, len(cells), FIELDS_AT_ONCE):
            part = cells[number : number + FIELDS_AT_ONCE]
            self._add("update person", edit.key[0], {"fields": self._values(part)}, edit, part)

    def _first_join(self, who: int) -> Edit:
        """The subscription that makes a new person."""
        if who in self._first:
            return self._first[who]
        for edit in self._joins:
            if edit.row["subscriber_id"] == who and (gone := self._gone_parent(edit)):
                raise _IsGone(gone)
        raise ValueError("a new person needs a row in subscriptions: the API makes people by subscribing them")

    def _values(self, cells: Sequence[Cell]) -> dict[str, str]:
        return {self._keys[cell.column]: cell.mine or "" for cell in cells}

    # -- memberships

    def _gone_parent(self, edit: Edit) -> Gone | None:
        """The form, sequence or tag of a new subscription, if it is gone."""
        table, id_ = f"{edit.row['subscribable_type']}s", edit.row["subscribable_id"]
        return self._gone(table, id_) if (table, id_) in self.account.gone else None

    def _parent(self, edit: Edit) -> tuple[str, int]:
        """The form, sequence or tag of a new subscription. Raises ValueError when there is none, _IsGone when there
        was one."""
        if gone := self._gone_parent(edit):
            raise _IsGone(gone)
        kind, parent = str(edit.row["subscribable_type"]), edit.row["subscribable_id"]
        there: Mapping[str, Collection[int]] = {
            "form": self.account.forms,
            "sequence": self.account.sequences,
            "tag": {*self.account.tags, *self._new["tags"]},
        }
        if kind not in there:
            raise ValueError(f"subscribable_type must be form, sequence or tag, not {kind!r}")
        if parent not in there[kind]:
            raise ValueError(f"there is no {kind} {parent}")
        return kind, int(parent)

    def _insert_subscriptions(self, edit: Edit) -> None:
        kind, parent = self._parent(edit)
        who = edit.row["subscriber_id"]
        _check_state(edit, "the API decides whether a subscription is active")
        if self._wishes[kind, parent, who] > 1:
            raise ValueError(f"this subscription of {who} is there twice")
        if who in self._new["subscribers"]:
            if self._first[who] is not edit:
                address = self._new["subscribers"][who].row["email_address"]
                self._add("subscribe", who, {"parent": kind, "parent_id": parent, "email_address": address}, edit)
            return
        person = self.account.people.get(who)
        if ("subscribers", who) in self.account.gone:
            raise _IsGone(self._gone("subscribers", who))
        if person is None:
            raise ValueError(f"there is no person {who}")
        if (kind, parent, who) in self.account.memberships:
            self._agree(edit)
            return
        if person.state in _GONE_STATES:
            self.revived.append(f"{who} ({person.state})")
        args = {"parent": kind, "parent_id": parent, "email_address": person.email_address}
        self._add("subscribe", who, args, edit)

    def _delete_subscriptions(self, edit: Edit) -> None:
        kind, parent, who = (edit.row[name] for name in ("subscribable_type", "subscribable_id", "subscriber_id"))
        is_made_anew = (kind, parent, who) in self._wishes
        if is_made_anew or (kind, parent, who) not in self.account.memberships:
            self._agree(edit)
            return
        if kind != "tag":
            raise ValueError("the API takes nobody out of a form or a sequence; set state = 'cancelled' to unsubscribe")
        self._add("untag", who, {"subscriber_id": who, "tag_id": parent}, edit)

    # -- tags and custom fields

    def _insert_tags(self, edit: Edit) -> None:
        self._add("create tag", edit.key[0], {"name": self.names.tag(edit.row["name"])}, edit)

    def _insert_custom_fields(self, edit: Edit) -> None:
        if len(self.account.labels) + len(self._new["custom_fields"]) > MOST_FIELDS:
            raise ValueError(f"an account has at most {MOST_FIELDS} custom fields, it has {len(self.account.labels)}")
        label = self.names.label(edit.row["label"], edit.key[0])
        self.names.key(edit.row["key"])
        self._add("create field", edit.key[0], {"label": label}, edit)

    def _update_custom_fields(self, edit: Edit) -> None:
        if fixed := [cell.column for cell in edit.cells if cell.column != "label"]:
            raise ValueError(f"{', '.join(fixed)} cannot be changed: the API makes them of the label")
        for cell in self._wanted(edit):
            args = {"field_id": int(edit.key[0]), "label": self.names.label(cell.mine, edit.key[0])}
            self._add("rename field", edit.key[0], args, edit, [cell])

    def _delete_custom_fields(self, edit: Edit) -> None:
        self._add("delete field", edit.key[0], {"field_id": int(edit.key[0])}, edit)

    # -- broadcasts

    def _insert_broadcasts(self, edit: Edit) -> None:
        self._add("create broadcast", edit.key[0], _broadcast(edit.row), edit)

    def _update_broadcasts(self, edit: Edit) -> None:
        id_ = int(edit.key[0])
        if fixed := [cell.column for cell in edit.cells if cell.column not in _BROADCAST]:
            raise ValueError(f"{', '.join(fixed)} cannot be changed")
        if (cells := self._wanted(edit)) and self._is_unsent(edit, cells):
            values = {cell.column: cell.mine for cell in cells}
            self._add("update broadcast", id_, {"broadcast_id": id_, **_broadcast(values, all_of=True)}, edit, cells)

    def _delete_broadcasts(self, edit: Edit) -> None:
        if self._is_unsent(edit):
            self._add("delete broadcast", edit.key[0], {"broadcast_id": int(edit.key[0])}, edit)

    def _is_unsent(self, edit: Edit, cells: Sequence[Cell] = ()) -> bool:
        """Whether a broadcast can still be changed. One that was sent since the checkout is a conflict; raises
        ValueError for one that was sent before."""
        status = self.account.statuses.get(edit.key[0])
        if status in UNSENT:
            return True
        if edit.key[0] in self.account.sent:
            raise ValueError(f"this broadcast is {status}; only drafts and scheduled ones can be changed")
        reason = status_reason(status)
        self.conflicts.append(Conflict(edit.table, _key(edit), cells=tuple(cells), reason=reason))
        return False

    # -- purchases

    def _insert_purchases(self, edit: Edit) -> None:
        lines = [each.row for each in self._lines if each.row["purchase_id"] == edit.key[0]]
        purchase = {name: _plain(value) for name, value in edit.row.items() if value is not None and name in _PURCHASE}
        for name in ("transaction_id", "email_address", "currency"):
            if not purchase.get(name):
                raise ValueError(f"a purchase needs {name}")
        if not lines:
            raise ValueError("a purchase needs rows in purchase_products")
        self.names.purchase(purchase["transaction_id"], purchase["email_address"])
        products = [{k: _plain(v) for k, v in line.items() if v is not None and k in _PRODUCT} for line in lines]
        rows = [("purchases", _key(edit)), *(("purchase_products", _row_key(row)) for row in lines)]
        args = {"purchase": {**purchase, "products": products}}
        self.actions.append(Action("create purchase", str(edit.key[0]), args, tuple(rows)))

    def _insert_purchase_products(self, edit: Edit) -> None:
        purchase = edit.row["purchase_id"]
        if ("purchases", purchase) in self.account.gone:
            raise _IsGone(self._gone("purchases", purchase))
        if edit.row["position"] is None:
            raise ValueError("a product needs its position in the purchase: 1, 2, 3 ...")
        if purchase not in self._new["purchases"]:
            raise ValueError("only new purchases take products; the API changes none that is there")


_BROADCAST = (
    *("subject", "description", "content", "public", "email_address", "email_layout_template"),
    *("thumbnail_alt", "thumbnail_url", "published_at", "send_at"),
)
_PURCHASE = (
    *("transaction_id", "status", "email_address", "currency", "transaction_time"),
    *("subtotal", "tax", "shipping", "discount", "total"),
)
_PRODUCT = ("name", "sku", "pid", "lid", "unit_price", "quantity")
_REFUSALS = {
    ("delete", "subscribers"): "the API deletes nobody; set state = 'cancelled' to unsubscribe",
    ("update", "subscriptions"): "a subscription is made or taken away, not changed",
    ("update", "tags"): "the API renames no tag",
    ("delete", "tags"): "the API deletes no tag",
    ("update", "purchases"): "the API changes no purchase",
    ("delete", "purchases"): "the API deletes no purchase",
    ("update", "purchase_products"): "the API changes no purchase",
    ("delete", "purchase_products"): "the API changes no purchase",
}


def _without_invalid(actions: Sequence[Action], problems: Sequence[Problem]) -> list[Action]:
    """The actions that take no row with a problem to the account, and need none that is not made then."""
    invalid = {(problem.table, problem.key) for problem in problems}
    kept = [action for action in actions if invalid.isdisjoint(action.settles)]
    while True:
        made = {(action.what, action.target) for action in kept if action.what.startswith("create")}
        left = [action for action in kept if made.issuperset(_needs(action))]
        if len(left) == len(kept):
            return left
        kept = left


def _needs(action: Action) -> Iterator[tuple[str, str]]:
    """The creations without which an action cannot be: of rows that have no id in the account yet."""
    args = action.args
    if action.what in ("subscribe", "update person") and int(action.target) < 0:
        yield "create person", action.target
    for tag in (args.get("parent_id"), args.get("tag_id")):
        if isinstance(tag, int) and tag < 0:
            yield "create tag", str(tag)
    for key in args.get("fields", ()):
        if key.startswith("@"):
            yield "create field", key.removeprefix("@")


def status_reason(status: str | None) -> str:
    """Why a broadcast with a status can be changed no more."""
    if status is None:
        return "the API does not say whether this broadcast was sent"
    return f"this broadcast is {status} by now; only drafts and scheduled ones can be changed"


def _new(edits: Iterable[Edit], table: str) -> dict[Any, Edit]:
    return {edit.key[0]: edit for edit in edits if edit.table == table and edit.kind == "insert"}


def new_key(field_id: int) -> str:
    """Stands for the key of a custom field that is still to be created: the API makes it of the label."""
    return f"@{field_id}"


def _check_state(edit: Edit, reason: str) -> None:
    if edit.row.get("state") not in (None, "", "active"):
        raise ValueError(f"state cannot be given: {reason}")


def _is_new(edit: Edit) -> bool:
    return isinstance(edit.key[-1], int) and edit.key[-1] < 0


def _key(edit: Edit) -> str:
    return ", ".join(map(str, edit.key))


def _row_key(line: Mapping[str, Any]) -> str:
    return f"{line['purchase_id']}, {line['position']}"


def _broadcast(row: Mapping[str, Any], *, all_of: bool = False) -> dict[str, Any]:
    """The values of a broadcast as the API takes them; of a new one only what is set."""
    values = {name: _plain(row[name]) for name in _BROADCAST if name in row}
    for name in ("send_at", "published_at"):
        if isinstance(values.get(name), str):  # as a cell has it
            values[name] = _plain(datetime.fromisoformat(values[name]))
    if isinstance(values.get("public"), str):
        values["public"] = values["public"] == "true"
    return values if all_of else {name: value for name, value in values.items() if value is not None}


def _plain(value: object) -> Any:
    """A value as JSON: amounts keep their digits as numbers, times are UTC."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    return float(value) if isinstance(value, Decimal) else value
