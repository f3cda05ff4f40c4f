"""The small lists of the account, which say what exists and count the members of each form, sequence and tag."""

from collections.abc import Collection, Generator, Mapping
from datetime import datetime

from cksync.api.v4.catalog import (
    BROADCASTS,
    PAGE_ROWS,
    STATS,
    TRASHED,
    query_of,
)
from cksync.domain import (
    BROADCASTS_BY_ID_V4,
    PARENTS,
    VANISH_ROWS,
    Checkpoint,
    members,
    whole,
)
from cksync.extract.first_pages import FirstPages
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.cursor import CursorScan, IdsProbe
from cksync.extract.scans import BY_ID_BUDGET
from cksync.extract.v4.night import Night, Scans
from cksync.extract.v4.settling import Pause, Phases, Reading, settle

# Lists of a page or two that are read whole each time.
LISTS = ("custom_fields", "forms", "sequences", "tags", "segments", "email_templates", "posts", "snippets", "webhooks")


class SmallLists:
    """Reads the small lists, and finds out which forms, sequences and tags are gone."""

    def __init__(self, night: Night) -> None:
        self.night = night

    def read(self) -> Reading:
        """Read the small lists; return their scans, by slice."""
        names = [name for name in LISTS if self.night.is_wanted(name)]
        scans = [self._list(name) for name in names]
        if self.night.is_wanted("broadcasts"):
            scans.append(self._list("broadcasts"))
        if self.night.is_wanted("broadcast_stats"):
            scans.append(CursorScan(STATS, query_of(STATS), with_heads=True, is_optional=True))
        last = yield from settle(scans, self.night.settings.settle_seconds)
        self.night.page_rows = min((scan.per_page for scan in last.values()), default=PAGE_ROWS)
        again = [scan.again() for scan in last.values() if scan.absent]  # a row is gone only if two walks lack it
        if again:
            last |= yield from settle(again, self.night.settings.settle_seconds)
        for scan in last.values():
            self.night.note_absent(scan)
        yield from self._confirm_parents(last)
        if BROADCASTS.name in last and last[BROADCASTS.name].is_complete:
            gone = self.night.known.ids("broadcasts") - last[BROADCASTS.name].ids
            yield [ByIdScan(BROADCASTS_BY_ID_V4, map(str, sorted(gone)), budget=BY_ID_BUDGET)] if gone else []
        return last

    def _list(self, stream: str) -> CursorScan:
        """Return a scan of a list of the account; whether rows of it that other rows depend on are gone, is confirmed
        by id."""
        slice_ = whole(stream, "v4")
        known = self.night.known.ids(stream)
        is_confirmed = stream in PARENTS.values() or slice_ == BROADCASTS
        held = self.night.context.state.held_of(
            slice_, known, may_vanish=self.night.context.may_vanish, least=VANISH_ROWS
        )
        young = () if is_confirmed else self.night.known.young(stream)
        return self.night.scan(slice_, known=() if is_confirmed else known, young=young, held=held, with_heads=True)

    def _confirm_parents(self, last: Mapping[str, CursorScan]) -> Phases:
        """Find the forms, sequences and tags there are. One that its list lacks is gone if the list of its members is,
        too, or if it is a form in the trash, whose members the API may go on listing."""
        for kind, stream in PARENTS.items():
            scan = last.get(whole(stream, "v4").name)
            if scan is None:
                self.night.parents[kind] = []
                continue
            there, held = scan.ids, self.night.known.parents(kind)
            began_at = scan.checkpoint.began_at
            self.night.counted_at = min(self.night.counted_at or began_at, began_at)
            for id_, head in scan.heads.items():
                self.night.counts[members(kind, str(id_), "v4").name] = head.count
            lost = sorted(held - there)
            if not scan.is_complete:
                self.night.parents[kind] = sorted(there | held)
                continue
            gone = (yield from self._trashed(lost)) if kind == "form" and lost else {}
            left = [id_ for id_ in lost if id_ not in gone]
            slices = [members(kind, str(id_), "v4") for id_ in left]
            probes = [CursorScan(slice_, query_of(slice_)) for slice_ in slices]
            yield probes
            gone |= {id_: probe.last_at for id_, probe in zip(left, probes, strict=True) if probe.is_missing}
            self.night.parents[kind] = sorted(there | (held - gone.keys()))
            for id_, at in gone.items():
                at = at or self.night.context.began_at
                gone_with = Checkpoint(
                    members(kind, str(id_), "v4"), at, at, is_done=True, is_complete=True, is_gone=True, proof="content"
                )
                self.night.put(gone_with)
                self.night.progress.writer.mark(
                    [gone_with]
                )  # in one segment with the absence: a kill must not part them
                self.night.observe_absent(whole(stream, "v4"), at, [id_])

    def _trashed(
        self, forms: Collection[int]
    ) -> Generator[Scans | FirstPages | Pause, None, dict[int, datetime | None]]:
        """Return which of some forms are in the trash, and when they were seen there."""
        trash = IdsProbe(TRASHED, query_of(TRASHED), with_heads=True, states_only=True)
        yield [trash]
        return {id_: trash.last_at for id_ in forms if id_ in trash.ids}
