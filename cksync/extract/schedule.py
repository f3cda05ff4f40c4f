"""What a pull is to look at beyond what is new: which lists have their turn, and what is due by its age."""

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

# Pages of a list that are compared when it has its turn, and when the user asks for proof.
ROTATION_SAMPLES, VERIFY_SAMPLES = 2, 4
# The status of what nobody has scheduled; where the API gives drafts no figures, they have none.
DRAFT = "draft"

Depth = Literal["nightly", "verify", "full"]


class Schedule:
    """The agenda of a pull that begins at `at`, from what the mirror knows and without a request.

    `depth`: what changed and a share of everything else, every list's total and samples of it, or all rows.
    """

    def __init__(self, state: MirrorState, settings: PullConfig, at: datetime, depth: Depth) -> None:
        self.state, self.at, self.depth = state, at, depth
        self._settings = settings
        self.cycle = timedelta(days=settings.verify_cycle_days)

    def is_known(self, slice_: Slice) -> bool:
        """Whether the list was ever read completely, so that what changed since is enough."""
        cursor = self.state.cursors.get(slice_.name)
        return self.depth != "full" and cursor is not None and cursor.read_to is not None

    def pages(self, name: str) -> int | None:
        """How many pages a list had when it was last read; None when it never was, to its end."""
        cursor = self.state.cursors.get(name)
        return max(1, ceil(cursor.rows / PAGE_ROWS)) if cursor and cursor.read_to else None

    def since(self, slice_: Slice) -> date:
        """From which day on people of a list who changed are asked for. Raises LookupError when it was
        never read completely."""
        read_to = self.state.cursors[slice_.name].read_to
        if read_to is None:
            raise LookupError(f"{slice_.name} has not been read yet")
        return (read_to - timedelta(days=self._settings.overlap_days)).date()

    def samples(self, slice_: Slice) -> int:
        """How many pages of a list are compared with what the mirror has; as many as it has: all is read."""
        if self.depth == "verify":
            return VERIFY_SAMPLES
        return self.rotation_samples.get(slice_.name, int(slice_ in CHANGED))

    @property
    def _share(self) -> float:
        """The share of the cycle that has gone by since the last pull."""
        last = self.state.last_load_at
        return min(1.0, (self.at - last) / self.cycle) if last else 0.0

    @property
    def _checks(self) -> int:
        """How many requests may be spent on what nothing says has changed."""
        if self.depth != "nightly":
            return 10**9
        return round(self._settings.checks_per_day * self._settings.verify_cycle_days * self._share)

    @cached_property
    def rotation(self) -> Mapping[str, int]:
        """The lists that have their turn, the longest unchecked first, and what proving each may cost."""
        lists = [
            (cursor.checked_at, name, min(ceil(cursor.rows / PAGE_ROWS), ROTATION_SAMPLES))
            for name, cursor in self.state.cursors.items()
            if cursor.read_to is not None
            and cursor.rows > PAGE_ROWS
            and (parent_of(name) or name in (ACTIVE.name, CANCELLED.name, PURCHASES.name))
        ]
        lists.sort(key=lambda each: (each[0] is not None, each[0], each[1]))
        chosen: dict[str, int] = {}
        for _, name, cost in lists[: ceil(len(lists) * self._share - 0.01)]:
            if sum(chosen.values()) + cost <= self._checks:
                chosen[name] = cost
        if BROADCASTS.name in self.state.cursors and self._share:
            cursor = self.state.cursors[BROADCASTS.name]
            cost = ceil(cursor.rows / PAGE_ROWS)
            is_due = next(in_rotation([(0, cursor.checked_at)], self.at, self.cycle), None) is not None
            if is_due and sum(chosen.values()) + cost <= self._checks:
                chosen[BROADCASTS.name] = cost
        return chosen

    @cached_property
    def rotation_samples(self) -> Mapping[str, int]:
        """The lists that have their turn, read whole where the checks allow it: only that shows the state
        of a membership."""
        spare = self._checks - sum(self.rotation.values()) - sum(map(len, self._extra))
        samples = dict(self.rotation)
        for name, cost in self.rotation.items():
            pages = ceil(self.state.cursors[name].rows / PAGE_ROWS)
            if pages - cost <= spare:
                samples[name], spare = pages, spare - (pages - cost)
        return samples

    @property
    def people_in_rotation(self) -> Collection[int]:
        """People whom no list shows and who have their turn to be asked for by id."""
        return self._extra[2]

    def due(self, ids: Collection[int]) -> tuple[set[int], set[int]]:
        """Broadcasts to read the detail and the figures of: new ones, what is due by age, and in turn. What of
        tonight's list and figures is not as it was has to be read besides."""
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
        """What has its turn for the checks that the lists leave: figures and details of broadcasts, and
        people whom no list shows."""
        if self.depth != "nightly" or not self._share:
            return set(), set(), set()
        by_age = set(stats_due(self.mails, self.at))
        spare = max(0, self._checks - sum(self.rotation.values()))
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
        """The broadcasts that the mirror knows."""
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
        """Pages of the list of broadcasts to look at for the subjects of drafts; only the list shows those."""
        if self.depth != "nightly" or not self.is_known(BROADCASTS):
            return []
        places = self.state.listing(BROADCASTS).places
        drafts = [mail for mail in self.mails if mail.is_draft and mail.id in places]
        on_pages = [(places[mail.id] // PAGE_ROWS + 1, mail) for mail in drafts]
        last = ceil(len(places) / PAGE_ROWS)
        before_last = [(page, mail) for page, mail in on_pages if page < last]
        return pages_due(before_last, self.state.pages_read(BROADCASTS.name), self.at, self.cycle)
