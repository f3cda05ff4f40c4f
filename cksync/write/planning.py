"""What the planners share: turning an edit into actions, given the account and the other edits."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cksync.write.action import Action, Kind, new_key
from cksync.write.edits import Account, Cell, Edit, EditKind, Key
from cksync.write.names import Names
from cksync.write.plan import Conflict, Gone, Noop
from cksync.write.through import V3, Through

Planned = Action | Conflict | Noop
Planner = Callable[["Context", Edit], Iterator[Planned]]


def _no_columns(context: "Context") -> Collection[str]:
    return ()


@dataclass(frozen=True)
class WorkspaceTable:
    """How the edits of one workspace table are planned: a planner or a refusal for each kind of edit, and the streams
    to pull first. `writable` gives the columns that an update may change; the others are refused before the planner
    sees them, for the reason in `why_fixed`."""

    name: str
    planners: Mapping[EditKind, Planner]
    refusals: Mapping[EditKind, str]
    streams: tuple[str, ...]
    writable: Callable[["Context"], Collection[str]] = _no_columns
    why_fixed: str = ""

    def check_writable(self, context: "Context", edit: Edit) -> None:
        """Raise ValueError when an update changes what cannot be changed."""
        writable = self.writable(context)
        if fixed := [cell.column for cell in edit.cells if cell.column not in writable]:
            raise ValueError(f"{', '.join(fixed)} cannot be changed{self.why_fixed}")


class IsGone(Exception):
    """Something that an edit needs is gone from the account."""

    def __init__(self, gone: Gone, cells: Sequence[Cell] = ()) -> None:
        self.gone, self.cells = gone, tuple(cells)


class Context:
    """The account and all edits: what the planner of one edit needs to know of the others."""

    def __init__(self, account: Account, edits: Sequence[Edit], through: Through = V3) -> None:
        self.account, self.through = account, through
        self.names = Names(account, edits)
        self.new = {name: _new(edits, name) for name in ("subscribers", "tags", "custom_fields", "purchases")}
        # New memberships by person, and new products by purchase.
        self.joins = _by(edits, "subscriptions", "subscriber_id")
        self.lines = _by(edits, "purchase_products", "purchase_id")
        # The API's key of each custom field, by column of the workspace.
        self.keys = {field.column: field.key for field in account.fields}
        self.keys |= {column: new_key(id_) for column, id_ in account.new_columns.items()}
        # And its id.
        self.field_ids = {field.column: field.id for field in account.fields} | dict(account.new_columns)
        # Tags that the edits delete.
        self.deleted_tags = {edit.key[0] for edit in edits if edit.table == "tags" and edit.kind == "delete"}

    def gone(self, table: str, id_: int, key: Key | None = None) -> Gone:
        """Return a description of a former row of the account; pass `key` if it is more than the id."""
        return Gone(table, key or (id_,), self.account.gone.get((table, id_)))

    def wanted(self, edit: Edit) -> Generator[Planned, None, list[Cell]]:
        """Yield conflicts and no-ops of single cells; return the other cells, which are to be written."""
        wanted, agreed = [], []
        for cell in edit.cells:
            base, mine, theirs = (value or "" for value in (cell.base, cell.mine, cell.theirs))
            if mine == theirs:
                agreed.append(cell)
            elif theirs == base:
                wanted.append(cell)
            else:
                yield Conflict(edit.table, edit.key, cell)
        if agreed:
            yield noop(edit, agreed)
        return wanted


def action(kind: Kind, target: object, args: Mapping[str, Any], edit: Edit, cells: Iterable[Cell] = ()) -> Action:
    """Return an action that carries one edited row to the account."""
    return Action(kind, str(target), args, ((edit.table, edit.key),), tuple(cells))


def noop(edit: Edit, cells: Iterable[Cell] = ()) -> Noop:
    """Return an edit that the account already has."""
    return Noop(edit.table, edit.kind, edit.key, tuple(cells))


def check_state(edit: Edit, reason: str) -> None:
    """Raise ValueError if a new row sets a state."""
    if edit.row.get("state") not in (None, "", "active"):
        raise ValueError(f"state cannot be set: {reason}")


def plain(value: object) -> Any:
    """Convert a value to JSON: amounts keep their digits as numbers, times are UTC."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    return float(value) if isinstance(value, Decimal) else value


def _new(edits: Iterable[Edit], table: str) -> dict[Any, Edit]:
    return {edit.key[0]: edit for edit in edits if edit.table == table and edit.kind == "insert"}


def _by(edits: Iterable[Edit], table: str, column: str) -> dict[Any, list[Edit]]:
    found: dict[Any, list[Edit]] = {}
    for edit in edits:
        if edit.table == table and edit.kind == "insert":
            found.setdefault(edit.row[column], []).append(edit)
    return found
