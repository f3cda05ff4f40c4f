"""The vocabulary of cksync: values without I/O, shared by all packages.

A round is the loads that belong together: it ends with the first load that has read everything it was to read.
"""

from array import array
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from cksync.plural import plural
from cksync.versions import Version

# How well a slice is proved: its changes were read; its total matches; sampled pages match; every row was read, so
# that a row not seen does not exist.
Proof = Literal["changes", "counts", "borders", "content"]

# Deletions are not accepted from a list that loses more than this share of its rows, and at least this many rows
# including dependent ones.
VANISH_SHARE, VANISH_ROWS = 0.3, 100

# What begins the name of a slice that API v4 shows; what follows a `?` in a name is a parameter of its requests.
V4 = "v4/"
PARAMETER = "?"

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Slice:
    """The unit that is read, checkpointed and marked complete, such as `subscriptions/tag/123`."""

    stream: str
    name: str

    @property
    def version(self) -> Version:
        """The version of the API that shows it."""
        return "v4" if self.name.startswith(V4) else "v3"

    @property
    def parent(self) -> tuple[str, str] | None:
        """The type and the id of the form, sequence or tag whose members it lists; None for any other slice."""
        return parent_of(self.name)

    @property
    def is_single(self) -> bool:
        """Whether its records are requested one by one: a record that was not requested is not deleted."""
        return self in SINGLE

    @property
    def is_left_by_itself(self) -> bool:
        """Whether its rows may disappear on their own, in any number: people finish a sequence."""
        return self.parent is not None and self.parent[0] == "sequence"

    @property
    def is_changed_only(self) -> bool:
        """Whether it shows only the rows of a list that changed since a day, or only their count."""
        return self.name.endswith(CHANGED_ONLY) or PROBED in self.name


# The types of memberships, and the streams that list their parents.
PARENTS = {"form": "forms", "sequence": "sequences", "tag": "tags"}
MEMBERSHIPS = "subscriptions"
ACTIVE = Slice("subscribers", "subscribers/active")
CANCELLED = Slice("subscribers", "subscribers/cancelled")
# Stands in the name of a list of which only the count is requested.
PROBED = "/count/"
# The same two lists, limited to people who changed since a day; this ends their names.
CHANGED_ONLY = "/changed"
CHANGED = {slice_: Slice(slice_.stream, slice_.name + CHANGED_ONLY) for slice_ in (ACTIVE, CANCELLED)}
BY_ID = Slice("subscribers", "subscribers/by_id")
BROADCASTS = Slice("broadcasts", "broadcasts")
DETAILS = Slice("broadcasts", "broadcasts/detail")
STATS = Slice("broadcast_stats", "broadcast_stats")
PURCHASES = Slice("purchases", "purchases")
# The same in API v4.
BY_ID_V4 = Slice("subscribers", f"{V4}subscribers/by_id")
BROADCASTS_BY_ID_V4 = Slice("broadcasts", f"{V4}broadcasts/by_id")
STATS_BY_ID_V4 = Slice("broadcast_stats", f"{V4}broadcast_stats/by_id")
SINGLE = (BY_ID, DETAILS, STATS, BY_ID_V4, BROADCASTS_BY_ID_V4, STATS_BY_ID_V4)


def whole(stream: str, version: Version = "v3") -> Slice:
    """The slice of a stream that is read as a whole."""
    return Slice(stream, f"{V4 if version == 'v4' else ''}{stream}")


def members(parent: str, parent_id: str, version: Version = "v3") -> Slice:
    """The subscriptions of one `form`, `sequence` or `tag`."""
    return Slice(MEMBERSHIPS, f"{V4 if version == 'v4' else ''}{MEMBERSHIPS}/{parent}/{parent_id}")


def parent_of(name: str) -> tuple[str, str] | None:
    """The type and the id in the name of a list of members; None for the name of any other slice."""
    stream, _, rest = name.removeprefix(V4).partition("/")
    parent, _, id_ = rest.partition("/")
    return (parent, id_) if stream == MEMBERSHIPS and id_ else None


def counted(list_: Slice) -> Slice:
    """The slice of the counts of a list of members."""
    return Slice(list_.stream, f"{V4.rstrip('/')}{PROBED}{list_.name.removeprefix(V4)}")


def members_sql(parent: str, parent_id: str) -> str:
    """SQL for the name of a list of members, given expressions for the type and the id of its parent."""
    return f"'{MEMBERSHIPS}/' || {parent} || '/' || {parent_id}"


def list_sql(name: str) -> str:
    """SQL for the name of a slice without its version and parameter, given an expression for its name."""
    return f"split_part(if(starts_with({name}, '{V4}'), substr({name}, {len(V4) + 1}), {name}), '{PARAMETER}', 1)"


def version_sql(name: str) -> str:
    """SQL for the version of the API that shows a slice, given an expression for its name."""
    return f"if(starts_with({name}, '{V4}'), 'v4', 'v3')"


@dataclass(frozen=True, slots=True)
class Request:
    """One read of the API: the path below the base URL and its parameters, never a credential. With a `body` it is a
    POST that changes nothing, such as a search with conditions.

    `page` is the requested page number (-1 is the first page of the list in newest-first order), or the position in
    the order of requests if single records are requested by `key`.
    """

    slice: Slice
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    page: int = 1
    key: str | None = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a scan needs of a record of API v4: the person's `state` and `tags`, the active people in a list (`count`),
    when it was created or joined (`at`) and `updated_at`; the emails of a sequence, the clicks of a broadcast
    (`inside`)."""

    state: str | None = None
    tags: tuple[int, ...] | None = None
    count: int | None = None
    at: datetime | None = None
    updated_at: datetime | None = None
    inside: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One record as the API sent it.

    `key` identifies it within its stream, as text (None: no readable key); `text` is its original JSON, byte for byte
    (None: the API responded with 404, so it was deleted).
    """

    key: str | None
    text: bytes | None


@dataclass(frozen=True, slots=True)
class Step:
    """How far a command is that makes no requests: what it does now, as the `done`-th of `total` steps."""

    what: str
    done: int
    total: int


# Receives the steps of a command. It only shows them: nothing that it does comes back.
OnStep = Callable[[Step], None]


def unseen(step: Step) -> None:
    """Receive a step, and show nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that was made, for `_cksync.requests`. `status` is None without a response; `slice` is the name of
    the slice it read, if any."""

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
    """A response of the API, split into records.

    `total`, `total_pages` and `page_echo` are None if the response has none. `strangers` counts records in a state
    that does not belong in the slice. `is_missing` means 404: the only record is a tombstone, or there is none because
    the response did not come from the API itself. Pages of API v4 have a `cursor` and `has_next` instead of numbers,
    the most rows of a page (`per_page`), and the `heads` of their records.
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
    cursor: str | None = None
    has_next: bool = False
    per_page: int | None = None
    heads: tuple[Head, ...] = ()


@dataclass(frozen=True, slots=True)
class Miss:
    """A request without a usable response, while other endpoints of the API work.

    `at` is when it was first sent, or would have been: requests to an endpoint that keeps failing are skipped.
    `status` is that of the last response (None: there was none); `is_too_large`: the response exceeded
    api.max_answer_mb.
    """

    request: Request
    at: datetime
    reason: str
    attempts: tuple[Attempt, ...] = ()
    status: int | None = None
    is_too_large: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a slice as of a stored segment: how far it was read, and whether it is complete.

    `began_at` is when the scan began, the earlier of the local clock and the server's `Date`: the cursor of the next
    scan. `read_from` is the first observation that counts: rows not seen since are not in the slice. `mend` lists pages
    to read again because rows may have moved past them. `rows` counts distinct keys, `total` is the last count of the
    API (None if it gives none). `doubt` is the reason why the slice cannot be complete, whatever follows. `is_gone`:
    its form, sequence or tag was deleted. `proof` is the evidence for a complete slice. `unread` lists what had no
    usable response: page numbers of a list, or keys of single records. `cursor` is where a walk of API v4 goes on,
    behind the number of the walk.
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
    cursor: str | None = None


class Listing:
    """The rows of a list in the mirror: their keys, in the order of the API."""

    def __init__(self, keys: Iterable[int] = ()) -> None:
        self.keys = array("q", keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: int) -> bool:
        return key in self.places

    @cached_property
    def places(self) -> dict[int, int]:
        """The position of each key, from 0."""
        return {key: place for place, key in enumerate(self.keys)}


@dataclass(frozen=True, slots=True)
class LoadEnd:
    """How a load (one run that reads the API) ended.

    `is_finished`: everything was read, so the next load begins a new round instead of continuing this one.
    """

    ended_at: datetime
    exit_status: int
    message: str
    is_finished: bool


@dataclass(frozen=True, slots=True)
class Built:
    """The result of building a model: `kind` is `view` or `table`, `file` contains its SQL, `seconds` is the build
    time; `problem` says why it could not be built."""

    name: str
    kind: str
    file: str
    seconds: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of a data check: how many rows fail it, and some of them as JSON. `problem` says why it could not be
    run."""

    name: str
    fact: str
    rows: int
    sample: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """The models that a publish built, and the results of its data checks."""

    models: tuple[Built, ...] = ()
    checks: tuple[Checked, ...] = ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """Every problem, one sentence each."""
        models = (f"{model.name}: {model.problem}" for model in self.models if model.problem)
        checks = (
            f"{check.name}: " + (check.problem or f"check failed ({plural(check.rows, 'row')}): {check.fact}")
            for check in self.checks
            if check.problem or check.rows
        )
        return (*models, *checks)


def vanish_doubt(lost: int, rows: int, along: int = 0, least: int = VANISH_ROWS) -> str | None:
    """The reason to reject a list that lost this many rows at once; None to accept it. `along` counts dependent rows
    that would be deleted with them, `least` is the number of deletions from which the rule applies."""
    if lost + along < least or lost <= VANISH_SHARE * rows:
        return None
    with_them = f", which {along:,} other rows depend on" if along else ""
    return (
        f"lost {lost:,} of {rows:,} rows at once{with_them}; the mirror keeps the old rows unless you run `cksync"
        " pull --allow vanish`"
    )


def _nothing(keys: Collection[int]) -> int:
    return 0


@dataclass(frozen=True)
class Held:
    """The rows of a list in the mirror, for the safety rule `vanish`.

    `along` counts dependent rows; `may_vanish`: all of them may be deleted (the rule was lifted, or people finish a
    sequence); `least` is the number of deletions from which the rule applies.
    """

    keys: Collection[int] = ()
    along: Callable[[Collection[int]], int] = _nothing
    may_vanish: bool = False
    least: int = VANISH_ROWS

    def lost(self, there: Container[str]) -> list[int]:
        """The rows missing from a scan, given the keys that it found, as text."""
        return [key for key in self.keys if str(key) not in there]

    def doubt(self, lost: Collection[int]) -> str | None:
        """The reason to reject a list without these rows; None to accept it."""
        if self.may_vanish or not lost or len(lost) <= VANISH_SHARE * len(self.keys):
            return None
        return vanish_doubt(len(lost), len(self.keys), self.along(lost), self.least)

    def is_odd(self, lost: Collection[int], *, is_empty: bool) -> bool:
        """Whether to request a list without these rows again before using it."""
        return bool(lost) and (is_empty or self.doubt(lost) is not None)


# A list that the mirror does not have.
NOTHING_HELD = Held()
