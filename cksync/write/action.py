"""Actions and their kinds: the types that planning, applying and resolving share."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import duckdb

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v4.bulk_kinds import Bulk, Item
from cksync.domain import Page, Record, Slice
from cksync.write.edits import Account, Cell, Key

# An edited row: its table and its key.
Row = tuple[str, Key]
# The ids that the account gave to new rows, by table and local id.
Ids = Mapping[tuple[str, int], int]
# A page for the log, and the ids that it proves deleted from their list.
Seen = tuple[Page, tuple[int, ...]]
# What a bulk call shows of one item: the slice, its record if there is one, and the ids that it proves deleted.
SeenRow = tuple[Slice, tuple[Record, ...], tuple[int, ...]]

# Reads an unpaged list whole.
ReadList = Callable[[Slice], Page]
Outcome = Literal["done", "rejected", "unknown", "conflict"]

# Arguments that may name a row not created yet, and the table of that row.
_REFERENCES = (
    ("parent_id", "tags"),
    ("tag_id", "tags"),
    ("subscriber_id", "subscribers"),
    ("custom_field_id", "custom_fields"),
)
# Prefixes the id of a custom field that is not created yet, in place of the key that the API will assign.
_NEW_FIELD = "@"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an action. On `conflict`, something it needs is gone from the account or belongs to another person.
    `ids` are those of the rows it created, by table; `values` are what else the API returned."""

    outcome: Outcome
    message: str = ""
    ids: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needed:
    """A row that a write requires: where to read it, its id, and a phrase that describes it."""

    slice: Slice
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Action:
    """One request of a plan. `target` is the id of its row (negative: not created yet), `args` are the arguments of the
    write, `settles` the edited rows that it carries to the account."""

    kind: "Kind"
    target: str
    args: Mapping[str, Any]
    settles: tuple[Row, ...]
    cells: tuple[Cell, ...] = ()

    @property
    def what(self) -> str:
        """The name of the action's kind."""
        return self.kind.name

    @property
    def id(self) -> str:
        """An id that depends only on what is requested, not on the rest of the plan."""
        text = json.dumps([self.what, self.target, self.args], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Sought:
    """What to look for: an action with the ids created since, when it was sent, the ids that the account had before (by
    table), and the number of like actions without an outcome."""

    action: Action
    sent_at: datetime
    known: Mapping[str, frozenset[int]]
    requested: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a lookup: the rows that match, or the reason why finding none proves nothing."""

    rows: Sequence[Result] = ()
    doubt: str = ""


def _not_observed(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> None:
    return None


def _nothing_needed(action: Action, call: Call) -> None:
    return None


def _no_list(action: Action) -> None:
    return None


def _never(action: Action) -> bool:
    return False


def _no_mail(action: Action, account: Account) -> bool:
    return False


def _no_bulk(action: Action) -> None:
    return None


def _target(action: Action, owners: Mapping[str, str]) -> str:
    return action.target


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind:
    """One kind of change, and everything the engine knows about it.

    Identity
      name        in plans, journals and logs
      about       the table of the row that an action's `target` names
      makes       the table of the row that it creates, if it creates one

    Planning (a `planning.WorkspaceTable` says how edits become actions)
      list_of     the list of members that an action changes
      counts      the safety rules that count the affected person, given by `person`
      rule        the safety rule that every action of the kind breaks, and its reason
      is_mail     True if an action sends or publishes mail, or changes mail that will be sent
      address     set when the write names a person by address, who is looked up first: the address must be `free`,
                  or its owner `joins` or `leaves` a list
      joins       True if it adds a person to a list
      is_unsent_only  True if it is about a broadcast, whose status is read first
      is_parallel     True if actions of the kind do not depend on one another

    Applying
      call        arguments and the id of the row -> the request
      read        a reply with a body -> its result; None if it does not show one
      needed      the row whose absence a 404 may mean
      observe     a reply, and what the workspace knows of its row -> a page for the log
      settle      makes a row of the workspace the base once the account has it
      shows_person    True if the reply shows the person it changed
      reread      a slice that no reply shows, read once the push is done
      ends        the list that ends with the row that it deletes

    Bulk calls of API v4
      bulk        the bulk call that takes an action, if any
      item        arguments and the id of the row -> the item of that call
      row_of      the record that shows an item -> its result
      observe_row     what a bulk call shows of an action (its record, if any) -> a slice, records and absent ids

    Resolving an unknown outcome
      find        searches for what an action creates
      find_in_mirror  the same in the mirror
      is_done     reads the account for a change that creates nothing (no call: it was an item of a bulk call)
      is_refused_twice  True if the API refuses the second of two equal ones
      is_idempotent     True if sending an action twice has the same effect as once
      is_removal        True if a 404 may mean that it was done before
      find_gone   what an action needs and is gone from the account, as text
    """

    name: str
    about: str
    call: Callable[[dict[str, Any], int], Call]
    settle: Callable[[duckdb.DuckDBPyConnection, Action, Row, Result, Ids], None]
    makes: str | None = None
    list_of: Callable[[Action], Slice | None] = _no_list
    counts: frozenset[str] = frozenset()
    person: Callable[[Action, Mapping[str, str]], str] = _target
    rule: tuple[str, str] | None = None
    is_mail: Callable[[Action, Account], bool] = _no_mail
    address: Literal["free", "joins", "leaves"] | None = None
    joins: bool = False
    is_unsent_only: bool = False
    is_parallel: bool = False
    read: Callable[[Action, Call, Mapping[str, Any], int | None], Result | None] | None = None
    needed: Callable[[Action, Call], Needed | None] = _nothing_needed
    observe: Callable[[duckdb.DuckDBPyConnection, Action, Call, Reply], Seen | None] = _not_observed
    shows_person: bool = False
    reread: Slice | None = None
    ends: Callable[[Action], Slice | None] = _no_list
    bulk: Callable[[Action], Bulk | None] = _no_bulk
    item: Callable[[dict[str, Any], int], Item] | None = None
    row_of: Callable[[Action, Item], Result] | None = None
    observe_row: Callable[[Action, Item | None], SeenRow | None] | None = None
    find: Callable[[WritingApi, Sought, bool], Found] | None = None
    find_in_mirror: Callable[[duckdb.DuckDBPyConnection, Action], Result | None] | None = None
    is_done: Callable[[WritingApi, Call | None, Action, ReadList], bool] | None = None
    is_refused_twice: bool = False
    is_idempotent: Callable[[Action], bool] = _never
    is_removal: bool = False
    find_gone: Callable[[WritingApi, Action], str | None] | None = None


def call_of(action: Action, ids: Ids, keys: Mapping[str, str]) -> Call:
    """Return the request of an action. `ids` are those of rows created during the push, `keys` those of custom fields.
    Raises KeyError when it needs a row that could not be created."""
    return action.kind.call(*_arguments(action, ids, keys))


def item_of(action: Action, ids: Ids, keys: Mapping[str, str]) -> Item:
    """Return an action as an item of its bulk call; see call_of."""
    assert action.kind.item is not None
    return action.kind.item(*_arguments(action, ids, keys))


def _arguments(action: Action, ids: Ids, keys: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    args = dict(action.args)
    for name, table in _REFERENCES:
        if isinstance(args.get(name), int) and args[name] < 0:
            args[name] = ids[table, args[name]]
    who = int(action.target)
    if who < 0 and action.kind.makes is None:
        who = ids[action.kind.about, who]
    if "fields" in args:
        args["fields"] = {
            keys[key] if key.startswith(_NEW_FIELD) else key: value for key, value in args["fields"].items()
        }
    return args, who


def with_ids(action: Action, ids: Ids) -> Action:
    """Return an action with the `ids` that rows created since its plan have, wherever it names them."""
    args = dict(action.args)
    for name, table in _REFERENCES:
        if isinstance(args.get(name), int):
            args[name] = ids.get((table, args[name]), args[name])
    who = int(action.target)
    target = action.target if action.kind.makes else str(ids.get((action.kind.about, who), who))
    settles = tuple((table, key_with_ids(table, key, ids)) for table, key in action.settles)
    return replace(action, target=target, args=args, settles=settles)


def key_with_ids(table: str, key: Key, ids: Ids) -> Key:
    """Return the key of a row with the `ids` that it and the rows that it names have by now."""
    if table == "subscriptions":
        kind, parent, who = key
        return kind, ids.get(("tags", parent), parent), ids.get(("subscribers", who), who)
    return (ids.get((table, key[0]), key[0]), *key[1:])


def needs(action: Action) -> Iterator[tuple[str, str]]:
    """Yield the rows that must exist before an action can be sent, by table and id."""
    if action.kind.makes is None and int(action.target) < 0:
        yield action.kind.about, action.target
    for name, table in _REFERENCES:
        id_ = action.args.get(name)
        if isinstance(id_, int) and id_ < 0:
            yield table, str(id_)
    for key in action.args.get("fields", ()):
        if key.startswith(_NEW_FIELD):
            yield "custom_fields", key.removeprefix(_NEW_FIELD)


def new_key(field_id: int | str) -> str:
    """Return a placeholder for the key of a custom field that is not created yet; the API derives the key from the
    label."""
    return f"{_NEW_FIELD}{field_id}"
