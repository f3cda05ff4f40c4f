"""Actions, and what a kind of action says about itself: the words that planning, applying and resolving share."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import duckdb

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.domain import Page, Slice
from cksync.write.edits import Account, Cell, Key

# An edited row: its table and its key.
Row = tuple[str, Key]
# The ids that the account gave to rows made in the workspace, by table and the id they had there.
Ids = Mapping[tuple[str, int], int]
# A page for the log, and the ids that it proves to be gone from their list.
Seen = tuple[Page, tuple[int, ...]]

# Reads an unpaged list whole.
ReadList = Callable[[Slice], Page]
Outcome = Literal["done", "rejected", "unknown", "conflict"]

# Arguments that name a row which may not be created yet, and its table.
_REFERENCES = (("parent_id", "tags"), ("tag_id", "tags"), ("subscriber_id", "subscribers"))
# Stands before the id of a custom field that is not created yet, in place of the key that the API will make for it.
_NEW_FIELD = "@"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an action (`conflict`: what it needs is gone from the account, or is somebody else's). `ids` are
    those of the rows that it created, by table; `values` what else the API gave them."""

    outcome: Outcome
    message: str = ""
    ids: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needed:
    """A row that a write needs to exist: where to read it, its id, and what it is in a sentence."""

    slice: Slice
    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Action:
    """One request to come. `target` is the id of the row it is about (below zero: not created yet), `args` are the
    arguments of the write, `settles` the edited rows that it takes to the account."""

    kind: "Kind"
    target: str
    args: Mapping[str, Any]
    settles: tuple[Row, ...]
    cells: tuple[Cell, ...] = ()

    @property
    def what(self) -> str:
        """The name of its kind."""
        return self.kind.name

    @property
    def id(self) -> str:
        """The same for the same wish, whatever else is in the plan."""
        text = json.dumps([self.what, self.target, self.args], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: an action, with the ids of what was created since; when it was sent; the ids that the
    account had before, by table; and how many actions without an outcome are like it."""

    action: Action
    sent_at: datetime
    known: Mapping[str, frozenset[int]]
    wishes: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up found: rows that match, or the reason why finding none proves nothing."""

    rows: Sequence[Result] = ()
    doubt: str = ""


def _not_observed(action: Action, call: Call, reply: Reply) -> None:
    return None


def _nothing_needed(action: Action, call: Call) -> None:
    return None


def _no_list(action: Action) -> None:
    return None


def _never(action: Action) -> bool:
    return False


def _no_mail(action: Action, account: Account) -> bool:
    return False


def _target(action: Action, owners: Mapping[str, str]) -> str:
    return action.target


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind:
    """One kind of change, and everything the engine knows about it.

    Identity
      name        in plans, journals and logs
      about       the table of the row that an action's `target` names
      makes       the table of the row that it creates, if it creates one

    Planning (how edits become actions is said by the table: see `planning.Table`)
      list_of     the list of members that an action changes
      counts      the safety rules that count the person concerned; `person` says who that is
      rule        the safety rule that every action of the kind breaks, and its reason
      is_mail     whether an action sends or publishes something, or changes what is going to be sent
      address     set when the write names somebody by address, who is asked for before: the address must be `free`,
                  or its owner `joins` or `leaves` a list
      is_unsent_only  whether it is about a broadcast, whose status is asked for before
      is_parallel     whether actions of the kind do not depend on one another

    Applying
      call        arguments and the id of the row -> the request
      read        a reply with a body -> what it means; None when it does not say
      needed      the row whose absence a 404 may mean
      observe     a reply -> a page for the log
      settle      makes a row of the workspace the base, once the account has it
      shows_person    whether the reply shows the person whom it changed
      reread      what no reply shows and is read once the push is done

    Resolving an unknown outcome
      find        looks for what an action creates
      find_in_mirror  the same in the mirror
      is_done     reads whether a change that creates nothing is in the account
      is_refused_twice  whether the API refuses the second of two equal ones
      is_idempotent     whether sending an action twice does what sending it once does
      is_removal        whether a 404 may mean that it was done before
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
    is_unsent_only: bool = False
    is_parallel: bool = False
    read: Callable[[Action, Call, Mapping[str, Any], int | None], Result | None] | None = None
    needed: Callable[[Action, Call], Needed | None] = _nothing_needed
    observe: Callable[[Action, Call, Reply], Seen | None] = _not_observed
    shows_person: bool = False
    reread: Slice | None = None
    find: Callable[[WritingApi, Sought, bool], Found] | None = None
    find_in_mirror: Callable[[duckdb.DuckDBPyConnection, Action], Result | None] | None = None
    is_done: Callable[[WritingApi, Call, Action, ReadList], bool] | None = None
    is_refused_twice: bool = False
    is_idempotent: Callable[[Action], bool] = _never
    is_removal: bool = False


def call_of(action: Action, ids: Ids, keys: Mapping[str, str]) -> Call:
    """The request of an action. `ids` are those of rows created meanwhile, `keys` those of custom fields. Raises
    KeyError when it needs a row that could not be created."""
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
    return action.kind.call(args, who)


def needs(action: Action) -> Iterator[tuple[str, str]]:
    """The rows that must be created before an action can be sent, by table and id."""
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
    """Stands for the key of a custom field that is not created yet: the API makes it from the label."""
    return f"{_NEW_FIELD}{field_id}"
