"""The verdict on a mirror: fine, stale, incomplete, failed, or none at all; with the reason and what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from cksync.durations import ago, in_words
from cksync.pipeline.status import LoadStatus, Status
from cksync.plural import plural

State = Literal["fine", "stale", "incomplete", "failed", "no mirror"]
EXIT_STATUS: dict[State, int] = {"fine": 0, "stale": 3, "incomplete": 3, "failed": 1, "no mirror": 1}
# The age from which a mirror is called stale if no other is set: a night, and two hours for the pull itself.
MAX_AGE = timedelta(hours=26)
# Exit statuses that leave the mirror as it was, for a reason that a person must remove.
FAILED = (1, 2, 4)
NAMED = 3


@dataclass(frozen=True)
class MirrorVerdict:
    """What `cksync status` says first; `reason` is a sentence, `advice` None if all is fine."""

    state: State
    reason: str
    advice: str | None = None

    @property
    def exit_status(self) -> int:
        """The exit status for a monitor."""
        return EXIT_STATUS[self.state]

    @property
    def sentence(self) -> str:
        """The verdict in one line."""
        line = "stale " + self.reason if self.state == "stale" else f"{self.state}: {self.reason}"
        return f"{line}; {self.advice}" if self.advice else line

    def plain(self) -> dict[str, Any]:
        """As values for JSON."""
        return {**asdict(self), "exit_status": self.exit_status}


def verdict(found: Status, now: datetime, max_age: timedelta | None = None) -> MirrorVerdict:
    """Judge a mirror at a time: what failed counts more than what is missing, and that more than its age."""
    pulls = [load for load in found.loads if not load.is_push]
    last = next((load for load in pulls if load.is_closed), None)
    if last is not None and last.exit_status in FAILED:
        return _failed(found, last, now)
    if found.published_at is None:
        return _none(pulls)
    if missing := _missing(found, pulls):
        return missing
    oldest = min((stream.current_at for stream in found.streams if stream.current_at), default=found.published_at)
    limit = max_age or MAX_AGE
    stopped = _stopped(pulls)
    if now - oldest > limit:
        late = [stream.stream for stream in found.streams if stream.current_at == oldest]
        what = "the last pull" if len(late) == len(found.streams) else f"the last pull of {_few(late)}"
        reason = f"since {_at(oldest + limit)}: {what} began {in_words(now - oldest)} ago"
        return MirrorVerdict("stale", reason, stopped or "run `cksync pull`")
    return MirrorVerdict("fine", f"complete as of {_at(oldest)} ({ago(now - oldest)})", stopped)


def _failed(found: Status, last: LoadStatus, now: datetime) -> MirrorVerdict:
    at = found.published_at
    rest = f"the mirror is of {_at(at)} ({ago(now - at)})" if at else "there is no mirror yet"
    reason = f"the pull of {_at(last.started_at)} ended with: {last.message}; {rest}"
    return MirrorVerdict("failed", reason, "run `cksync pull` once this is fixed")


def _none(pulls: Sequence[LoadStatus]) -> MirrorVerdict:
    if not pulls:
        return MirrorVerdict("no mirror", "no pull was made yet", "run `cksync check`, then `cksync pull`")
    if pulls[0].is_running:
        reason = f"the first pull began at {_at(pulls[0].started_at)} and is still running"
        return MirrorVerdict("no mirror", reason)
    reason = f"the pull of {_at(pulls[0].started_at)} was stopped before it published"
    return MirrorVerdict("no mirror", reason, "run `cksync pull` to continue it")


def _missing(found: Status, pulls: Sequence[LoadStatus]) -> MirrorVerdict | None:
    """What the mirror lacks: streams that were never read to the end, or lists that do not add up."""
    never = [stream.stream for stream in found.streams if stream.current_at is None]
    if never and not any(stream.current_at for stream in found.streams):
        begun = pulls[0] if pulls else None
        if begun is not None and begun.is_running:
            return MirrorVerdict("incomplete", "the first pull is running; the mirror has what was read so far")
        how = "ran out of time" if begun is not None and begun.exit_status == 3 else "was stopped after it published"
        reason = f"the first pull {how}; the mirror has only what was read until then"
        return MirrorVerdict("incomplete", reason, "run `cksync pull` to continue it")
    if never:
        return MirrorVerdict("incomplete", f"never read to the end: {_few(never)}", "run `cksync pull`")
    if found.incomplete:
        lists = plural(len(found.incomplete), "list")
        reason = f"{lists}: {_few(f'{name} ({why})' for name, why in found.incomplete)}"
        return MirrorVerdict(
            "incomplete", reason, "run `cksync pull`, or `cksync verify --repair` if that changes nothing"
        )
    if pulls and pulls[0].exit_status == 3 and not pulls[0].is_finished:
        reason = f"the pull of {_at(pulls[0].started_at)} ran out of time"
        return MirrorVerdict("incomplete", reason, "run `cksync pull` to continue it")
    return None


def _stopped(pulls: Sequence[LoadStatus]) -> str | None:
    """What to know of a pull that was stopped, while the mirror of an earlier one is whole; None if the last one was
    not."""
    if not pulls or (pulls[0].is_closed and pulls[0].is_published):
        return None
    at = _at(pulls[0].started_at)
    if pulls[0].is_running:
        return f"a pull is running since {at}"
    after = " after it published" if pulls[0].is_published else ""
    return f"the pull of {at} was stopped{after}; run `cksync pull` to continue it"


def _few(names: Iterable[str]) -> str:
    found = list(names)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
