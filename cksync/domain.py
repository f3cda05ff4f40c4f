"""The words of cksync: values without I/O that every room shares."""

from array import array
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal

# How well a slice is known: what changed was read; its total fits; pages of it stand where they should;
# every row was read, so that what was not seen is not there.
Proof = Literal["changes", "counts", "borders", "content"]

# A list that loses more than this share of its rows, and at least so many with what hangs on them, is not believed.
VANISH_SHARE, VANISH_ROWS = 0.3, 100

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Slice:
    """The unit that is read, checkpointed and called complete, such as `subscriptions/tag/123`."""

    stream: str
    name: str

    @property
    def parent(self) -> tuple[str, str] | None:
        """The type and the id of the form, sequence or tag whose members it lists; None for any other slice."""
        return parent_of(self.name)

    @property
    def is_single(self) -> bool:
        """Whether its records are asked for one by one: what was not asked for is not gone."""
        return self in SINGLE

    @property
    def is_left_by_itself(self) -> bool:
        """Whether its rows go without anybody's doing, however many: people finish a sequence."""
        return self.parent is not None and self.parent[0] == "sequence"

    @property
    def is_changed_only(self) -> bool:
        """Whether it shows only those rows of a list that changed since a day."""
        return self in CHANGED.values()


# The types of memberships, and the streams that list their parents.
PARENTS = {"form": "forms", "sequence": "sequences", "tag": "tags"}
MEMBERSHIPS = "subscriptions"
ACTIVE = Slice("subscribers", "subscribers/active")
CANCELLED = Slice("subscribers", "subscribers/cancelled")
# The same two lists cut down to people who changed since a day.
CHANGED = {
    ACTIVE: Slice("subscribers", "subscribers/active/changed"),
    CANCELLED: Slice("subscribers", "subscribers/cancelled/changed"),
}
BY_ID = Slice("subscribers", "subscribers/by_id")
BROADCASTS = Slice("broadcasts", "broadcasts")
DETAILS = Slice("broadcasts", "broadcasts/detail")
STATS = Slice("broadcast_stats", "broadcast_stats")
PURCHASES = Slice("purchases", "purchases")
SINGLE = (BY_ID, DETAILS, STATS)


def whole(stream: str) -> Slice:
    """The slice of a stream that is read in one piece."""
    return Slice(stream, stream)


def members(parent: str, parent_id: str) -> Slice:
    """The subscriptions of one `form`, `sequence` or `tag`."""
    return Slice(MEMBERSHIPS, f"{MEMBERSHIPS}/{parent}/{parent_id}")


def parent_of(name: str) -> tuple[str, str] | None:
    """The type and the id in the name of a list of members; None for the name of any other slice."""
    stream, _, rest = name.partition("/")
    parent, _, id_ = rest.partition("/")
    return (parent, id_) if stream == MEMBERSHIPS and id_ else None


def members_sql(parent: str, parent_id: str) -> str:
    """SQL for the name of a list of members, given expressions for the type and the id of its parent."""
    return f"'{MEMBERSHIPS}/' || {parent} || '/' || {parent_id}"


@dataclass(frozen=True, slots=True)
class Request:
    """One GET of the API: the path below the base URL and its parameters, never a credential.

    `page` is the number asked for in a list (-1 is the first page of the same list newest first), or the
    place in the order of asking where single records are asked for by `key`.
    """

    slice: Slice
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page: int = 1
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the API sent it.

    `key` is its identity within its stream as text (None: it has none that can be read); `text` is
    its own JSON, byte for byte (None: the API answered 404, so the thing is gone).
    """

    key: str | None
    text: bytes | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request as it was made, for `_cksync.requests`; `status` is None when no answer came, `slice` the name of the
    one it read, if it read one."""

    requested_at: datetime
    endpoint: str
    params: str
    status: int | None
    milliseconds: int
    rows: int | None
    problem: str | None
    stream: str | None = None
    slice: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the API, cut into records.

    `total`, `total_pages` and `page_echo` are None where the answer has none. `strangers` counts records
    in a state that does not belong into the slice. `is_missing`: 404; the one
    record is then a tombstone, or there is none because the answer was not the API's own.
    """

    request: Request
    sent_at: datetime
    received_at: datetime
    server_at: datetime | None
    attempts: tuple[Attempt, ...]
    records: tuple[Record, ...] = ()
    total: int | None = None
    total_pages: int | None = None
    page_echo: int | None = None
    strangers: int = 0
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """A request to which no usable answer came, while the API answers elsewhere.

    `at` is when it was first sent, or would have been: an endpoint that keeps failing is not asked every time.
    """

    request: Request
    at: datetime
    reason: str
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known about a slice once a segment is stored: how far it was read, and how well.

    `began_at` is when the reading began, the earlier of the local clock and the server's `Date`: the
    cursor of the next reading. `read_from` is the first observation that counts: rows not seen since are
    not in the slice. `mend` are pages to read again because rows may have slipped past them. `rows` are
    distinct keys, `total` what the API counted last (None where it does not). `doubt` says what keeps
    the slice from being complete, whatever follows. `is_gone`: its form, sequence or tag is no more.
    `proof` says what a complete slice rests on. `unread` is what had no usable answer: page numbers of a list, or
    keys where single records are asked for.
    """

    slice: Slice
    began_at: datetime
    read_from: datetime
    next_page: int = 1
    mend: tuple[int, ...] = ()
    rows: int = 0
    total: int | None = None
    is_done: bool = False
    is_complete: bool = False
    doubt: str | None = None
    is_gone: bool = False
    proof: Proof | None = None
    unread: tuple[str, ...] = ()


class Listing:
    """The rows of one list that the mirror knows: their keys, in the order in which the API lists them."""

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self.keys = array("q", keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: int) -> bool:
        return key in self.places

    @cached_property
    def places(self) -> dict[int, int]:
        """Where each key stands, from 0."""
        return {key: place for place, key in enumerate(self.keys)}


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """How a load (one run that read the API) ended.

    `is_finished`: everything that was to be read was read, so the next load begins a new round instead
    of going on with this one.
    """

    ended_at: datetime
    exit_status: int
    message: str
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Built:
    """A model as a publish left it: `kind` is `view` or `table`, `file` where its SQL is; `problem` says why it
    could not be made. `seconds` are those of making it."""

    name: str
    kind: str
    file: str
    seconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A fact that must hold: how many rows contradict it, and some of them as JSON. `problem` says why it could
    not be looked at."""

    name: str
    fact: str
    rows: int
    sample: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a publish made beside the mirror's own tables, and whether it holds."""

    models: tuple[Built, ...] = ()
    checks: tuple[Checked, ...] = ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """Everything that is not as it should be, a sentence each."""
        models = (f"{model.name}: {model.problem}" for model in self.models if model.problem)
        checks = (
            f"{check.name}: {check.problem or f'does not hold ({check.rows:,} rows): {check.fact}'}"
            for check in self.checks
            if check.problem or check.rows
        )
        return (*models, *checks)


def vanish_doubt(lost: int, rows: int, along: int = 0, least: int = VANISH_ROWS) -> str | None:
    """Why a list that lost so many of its rows at once is not believed; None: it is. `along` are the memberships,
    values and other rows that would go with them, `least` how many must go for a doubt."""
    if lost + along < least or lost <= VANISH_SHARE * rows:
        return None
    with_them = f", which {along:,} others hang on" if along else ""
    return f"lost {lost:,} of {rows:,} rows at once{with_them}; its old rows stay unless you `pull --allow vanish`"


def _nothing(keys: Collection[int]) -> int:
    return 0


@dataclass(frozen=True)
class Held:
    """The rows of a list that the mirror holds, as the rule `vanish` weighs them.

    `along` counts what would go with some of them; `may_vanish`: they may all go (a safety rule was lifted, people
    finish sequences); so many must go for a doubt as `least` says.
    """

    keys: Collection[int] = ()
    along: Callable[[Collection[int]], int] = _nothing
    may_vanish: bool = False
    least: int = VANISH_ROWS

    def lost(self, there: Container[str]) -> list[int]:
        """The rows that a reading did not show, given the keys that it did, as text."""
        return [key for key in self.keys if str(key) not in there]

    def doubt(self, lost: Collection[int]) -> str | None:
        """Why a list without these rows is not believed; None: it is."""
        if self.may_vanish or not lost or len(lost) <= VANISH_SHARE * len(self.keys):
            return None
        return vanish_doubt(len(lost), len(self.keys), self.along(lost), self.least)

    def is_odd(self, lost: Collection[int], *, is_empty: bool) -> bool:
        """Whether a list without these rows is to be asked for once more before anything is made of it."""
        return bool(lost) and (is_empty or self.doubt(lost) is not None)


# A list of which nothing is known.
NOTHING_HELD = Held()
