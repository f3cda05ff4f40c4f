"""The events of a pull, and its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cksync.domain import Proof, Slice
from cksync.load.publish import Published
from cksync.versions import Version


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a pull will have cost at its end, as far as is known now: its requests, and the seconds that are left of it,
    of which it merges for `merging_seconds`, without requests. As an event of its own it comes before the bulk of the
    requests."""

    requests: int
    seconds: float
    merging_seconds: float


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page was read. `expected` is the number of requests of the whole pull: as planned, or without a plan (or if it
    was too low) those made plus those left. `forecast` is None before the lists have told how long they are."""

    slice: Slice
    rows: int
    requests: int
    expected: int
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """No request is sent for so many seconds: because the rate limit is used up (`limit`), because the API has answered
    with 429 (`refused`), or because its counts lag behind (`lag`)."""

    seconds: float
    reason: Literal["limit", "refused", "lag"] = "limit"
    forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class Merging:
    """Everything is read; it is now merged into the mirror, which takes no request. `is_early`: a first pull publishes
    what it has read so far, and goes on."""

    is_early: bool = False


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


Event = Forecast | PageRead | Waiting | Merging | Note | PullReport
