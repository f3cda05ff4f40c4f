"""Schedule what a pull reads besides changes: lists in rotation, and records due by age."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from math import ceil
from typing import Literal

from cksync.api.v3.catalog import FINAL, PAGE_ROWS
from cksync.config import PullConfig
from cksync.domain import ACTIVE, BROADCASTS, CANCELLED, CHANGED, DETAILS, PURCHASES, STATS, Slice, parent_of
from cksync.extract.due import Mail, details_due, in_rotation, pages_due, stats_due
from cksync.load.state import MirrorState

# Pages of a list to compare when it is in rotation, and when the user asks for proof.
ROTATION_SAMPLES, VERIFY_SAMPLES = 2, 4
# The status of an unscheduled broadcast; where the API has no figures for drafts, it is unset.
DRAFT = "draft"

Depth = Literal["nightly", "verify", "full"]


class Schedule:
    """The schedule of a pull that begins at `at`, derived from the mirror without a request.

    `depth`: changes and a share of everything else, every list's total with samples, or all rows.
    """

    def __init__(self, state: MirrorState, settings: PullConfig, at: datetime, depth: Depth) -> None:
        self.state, self.at, self.depth = state, at, depth
        self.settings = settings
        self.cycle = timedelta(days=settings.verify_cycle_days)

    def is_known(self, slice_: Slice) -> bool:
        """Return True if the list was ever read completely, so that changes since then suffice."""
        cursor = self.state.cursors.get(slice_.name)
        return self.depth != "full" and cursor is not None and cursor.read_to is not None

    def pages(self, name: str) -> int | None:
        """Return the number of pages a list had when last read to its end; None if it never was."""
        cursor = self.state.cursors.get(name)
        return max(1, ceil(cursor.rows / PAGE_ROWS)) if cursor and cursor.read_to else None

    def since(self, slice_: Slice) -> date:
        """Return the first day of changes to request for people of a list. Raises LookupError if it was never read
        completely."""
        read_to = self.state.cursors[slice_.name].read_to
        if read_to is None:
            raise LookupError(f"{slice_.name} has not been read yet")
        return (read_to - timedelta(days=self.settings.overlap_days)).date()

    def samples(self, slice_: Slice) -> int:
        """Return how many pages of a list to compare with the mirror; a value as large as the list means a full
        read."""
        if self.depth == "verify":
            return VERIFY_SAMPLES
        return self.rotation_samples.get(slice_.name, int(slice_ in CHANGED))

    @property
    def share(self) -> float:
        """Return the share of the cycle that has passed since the last pull."""
        last = self.state.last_load_at
        return min(1.0, (self.at - last) / self.cycle) if last else 0.0

    @property
    def checks(self) -> int:
        """Return how many requests may be spent on records without signs of change."""
        if self.depth != "nightly":
            return 10**9
        return round(self.settings.checks_per_day * self.settings.verify_cycle_days * self.share)

    @cached_property
    def rotation(self) -> Mapping[str, int]:
        """Return the lists in rotation, the longest unchecked first, with the cost of proving each."""
        lists = [
            (cursor.checked_at, name, min(ceil(cursor.rows / PAGE_ROWS), ROTATION_SAMPLES))
            for name, cursor in self.state.cursors.items()
            if cursor.read_to is not None
            and cursor.rows > PAGE_ROWS
            and (parent_of(name) or name in (ACTIVE.name, CANCELLED.name, PURCHASES.name))
        ]
        lists.sort(key=lambda each: (each[0] is not None, each[0], each[1]))
        chosen: dict[str, int] = {}
        for _, name, cost in lists[: ceil(len(lists) * self.share - 0.01)]:
            if sum(chosen.values()) + cost <= self.checks:
                chosen[name] = cost
        if BROADCASTS.name in self.state.cursors and self.share:
            cursor = self.state.cursors[BROADCASTS.name]
            cost = ceil(cursor.rows / PAGE_ROWS)
            is_due = next(in_rotation([(0, cursor.checked_at)], self.at, self.cycle), None) is not None
            if is_due and sum(chosen.values()) + cost <= self.checks:
                chosen[BROADCASTS.name] = cost
        return chosen

    @cached_property
    def rotation_samples(self) -> Mapping[str, int]:
        """Return the lists in rotation, read in full where the budget of checks allows: only that shows the state of a
        membership."""
        spare = self.checks - sum(self.rotation.values()) - sum(map(len, self._extra))
        samples = dict(self.rotation)
        for name, cost in self.rotation.items():
            pages = ceil(self.state.cursors[name].rows / PAGE_ROWS)
            if pages - cost <= spare:
                samples[name], spare = pages, spare - (pages - cost)
        return samples

    @property
    def people_in_rotation(self) -> Collection[int]:
        """Return the people in no list who are due to be read by id."""
        return self._extra[2]

    def due(self, ids: Collection[int]) -> tuple[set[int], set[int]]:
        """Return the broadcasts whose detail and whose figures to read: new ones, those due by age, and those in
        rotation. Those that differ in tonight's list and figures are added later."""
        if self.depth == "full":
            return set(ids), set(ids)
        mails = [mail for mail in self.mails if mail.id in ids]
        new = set(ids) - {mail.id for mail in mails}
        stats, details, _ = self._extra
        if self.depth == "verify":
            details = details.union(mail.id for mail in mails if not mail.is_final)
        return (
            new | set(details_due(mails, self.at, self.cycle)) | (details & set(ids)),
            new | set(stats_due(mails, self.at)) | (stats & set(ids)),
        )

    @cached_property
    def _extra(self) -> tuple[set[int], set[int], set[int]]:
        """Return what the checks left over by the lists allow, in rotation: figures and details of broadcasts, and
        people in no list."""
        if self.depth != "nightly" or not self.share:
            return set(), set(), set()
        by_age = set(stats_due(self.mails, self.at))
        spare = max(0, self.checks - sum(self.rotation.values()))
        found: list[set[int]] = []
        for reads in (
            [(mail.id, mail.stats_read_at) for mail in self.mails if mail.id not in by_age],
            [(mail.id, mail.detail_read_at) for mail in self.mails if mail.is_final],
            self.state.unlisted() if spare else [],
        ):
            found.append(set(islice(in_rotation(reads, self.at, self.cycle), spare)))
            spare -= len(found[-1])
        return found[0], found[1], found[2]

    @cached_property
    def mails(self) -> list[Mail]:
        """Return the broadcasts that the mirror knows."""
        details, stats = self.state.read_times(DETAILS), self.state.read_times(STATS)
        return [
            Mail(
                id=known.id,
                sent_at=known.sent_at,
                is_final=known.status in FINAL,
                detail_read_at=details.get(known.id),
                stats_read_at=stats.get(known.id),
                is_draft=known.status == DRAFT or (known.status is None and known.id in stats and not known.is_dated),
                touched_at=known.touched_at,
            )
            for known in self.state.broadcasts()
        ]

    @cached_property
    def pages_with_drafts(self) -> list[int]:
        """Return the pages of the broadcast list to check for the subjects of drafts, which only the list shows."""
        if self.depth != "nightly" or not self.is_known(BROADCASTS):
            return []
        places = self.state.listing(BROADCASTS).places
        drafts = [mail for mail in self.mails if mail.is_draft and mail.id in places]
        on_pages = [(places[mail.id] // PAGE_ROWS + 1, mail) for mail in drafts]
        last = ceil(len(places) / PAGE_ROWS)
        before_last = [(page, mail) for page, mail in on_pages if page < last]
        return pages_due(before_last, self.state.pages_read(BROADCASTS.name), self.at, self.cycle)
