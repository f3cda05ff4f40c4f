"""The events of a pull, and its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cksync.domain import Proof, Slice
from cksync.load.publish import Published
from cksync.versions import Version


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page was read. `expected` is the number of requests of the whole pull: as planned, or without a plan (or if it
    was too low) those made plus those remaining for the scans of this phase."""

    slice: Slice
    rows: int
    requests: int
    expected: int


@dataclass(frozen=True, slots=True)
class Merging:
    """Everything is read; it is now merged into the mirror, which takes no request."""


@dataclass(frozen=True, slots=True)
class Note:
    """A message for the user, in one sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result for a slice. `doubt` is the reason why it is incomplete; `unread` lists what had no usable response:
    pages of a list, or ids of single records."""

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
    """The result of a pull. `requests` counts its requests by stream, `planned` is the estimate (None if there was
    none), `seconds` its total time including publishing. `since` is the start of the interrupted pull that this one
    continued: rows without a known change are as of then."""

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
    version: Version = "v3"


Event = PageRead | Merging | Note | PullReport
