"""What a pull tells while it runs, and at the end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cksync.domain import Proof, Slice
from cksync.load.publish import Published


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page came in. `expected` are the requests of the whole pull: as planned, or where nobody could
    plan (or it takes more) those made and those known to be left for the walks of this phase."""

    slice: Slice
    rows: int
    requests: int
    expected: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something the user should know, in a sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a slice was read; `doubt` says why it is incomplete, `unread` what of it had no usable answer: pages
    of a list, ids of single records."""

    slice: str
    stream: str
    is_complete: bool
    rows: int
    total: int | None
    doubt: str | None
    proof: Proof | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class PullReport:
    """What a pull did. `requests` are its requests by stream, `planned` how many were foreseen (None: nobody
    could know), `seconds` its whole time with publishing; `since` is when the pull began that this one went on with:
    rows that nothing says have changed are as they were then."""

    load_id: str
    account: str
    exit_status: int
    message: str
    requests: Mapping[str, int]
    planned: int | None
    seconds: float
    published: Published
    verdicts: tuple[Verdict, ...]
    since: datetime | None = None


Event = PageRead | Note | PullReport
