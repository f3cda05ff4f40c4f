"""Create the scans of a pull from the mirror's state and the earlier loads of the round."""

from collections.abc import Collection, Sequence
from itertools import starmap

from cksync.domain import (
    BROADCASTS,
    BY_ID,
    CANCELLED,
    CHANGED,
    DETAILS,
    NOTHING_HELD,
    PURCHASES,
    STATS,
    VANISH_ROWS,
    Held,
    Slice,
    parent_of,
)
from cksync.extract.context import Progress, PullContext
from cksync.extract.scan.by_id import ByIdScan
from cksync.extract.scan.full import FullScan, Scan
from cksync.extract.scan.incremental import IncrementalScan
from cksync.extract.scan.tail import TailScan
from cksync.extract.suspects import Shown, leaving
from cksync.load.state import MirrorState
from cksync.load.unpublished import seen_contradictory, seen_in_other_states, unpublished_broadcasts

# The most people in neither list that one pull reads by id.
BY_ID_BUDGET = 200


def full_scan(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> FullScan:
    """Return a full scan of a list, resumed where an earlier load of this round stopped.

    What an earlier load only sampled does not count. `is_orphan` is as for `held_by`.
    """
    held = held_by(context, slice_, is_orphan=is_orphan)
    earlier = context.earlier.get(slice_.name)
    if earlier is None or earlier.next_page == 1 or earlier.proof not in (None, "content"):
        return FullScan(slice_, held=held)
    return FullScan(slice_, earlier, context.keys.get(slice_.name, ()), is_stale=context.is_stale, held=held)


def held_by(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> Held:
    """Return the mirror's rows of a list, for the `vanish` safety rule. People are weighed over both lists together
    (see `lost_people`). `is_orphan`: the list's form, sequence or tag is missing from its own list, though its deletion
    is not believed; then even a few missing members are not believed to be deleted."""
    if slice_ in CHANGED or slice_.stream == "account":
        return NOTHING_HELD
    is_exempt = slice_.is_left_by_itself and not is_orphan
    least = 1 if is_orphan else VANISH_ROWS
    return context.state.held(slice_, may_vanish=context.may_vanish or is_exempt, least=least)


def changed_scan(context: PullContext, slice_: Slice) -> FullScan:
    """Return a scan of the people of a list who changed since its last complete read."""
    changed, since = CHANGED[slice_], context.schedule.since(slice_)
    earlier, keys = context.earlier.get(changed.name), context.keys.get(changed.name, ())
    return FullScan(changed, earlier, keys, is_stale=context.is_stale, since=since)


def incremental_scan(
    context: PullContext,
    slice_: Slice,
    *,
    added: Sequence[int] = (),
    left: Collection[int] = (),
    suspects: Collection[int] = (),
    is_left_by_cancelled: bool = False,
    doubt: str | None = None,
    is_orphan: bool = False,
) -> IncrementalScan:
    """Return a scan that brings a known list up to date, or resumes a full read of it."""
    earlier = context.earlier.get(slice_.name)
    has_begun = earlier is not None and not earlier.is_done and earlier.next_page > 1
    is_of_people = slice_ in CHANGED
    listing = context.state.listing(slice_)
    absent = context.absent.get(slice_.name, set())
    if earlier is not None and earlier.proof == "content":  # the log does not record who was absent
        absent = {*listing.keys} - set(map(int, context.keys.get(slice_.name, ())))
    return IncrementalScan(
        slice_,
        listing,
        earlier,
        added=added,
        left=frozenset(left),
        suspects=frozenset(suspects),
        leave=bool(suspects) and is_left_by_cancelled,
        absent=absent,
        ends="none" if is_of_people else "both" if slice_ == PURCHASES else "newest",
        is_by_id=slice_ != CANCELLED,
        samples=context.schedule.samples(slice_),
        seed=context.seed,
        held=_held_people(context, slice_) if is_of_people else held_by(context, slice_, is_orphan=is_orphan),
        doubt=doubt,
        whole=full_scan(context, slice_, is_orphan=is_orphan) if has_begun else None,
    )


def _held_people(context: PullContext, slice_: Slice) -> Held:
    return context.state.held(slice_, may_vanish=context.may_vanish)


def lost_people(context: PullContext, scan: FullScan, other: FullScan) -> tuple[bool, str | None]:
    """Check a list of people that was read in full. Return True if so many are in neither list now (or the list is
    empty though the mirror has people) that it must be read again, and the reason for distrust if that persists."""
    held = _held_people(context, scan.slice)
    lost = [key for key in held.lost(scan.keys) if str(key) not in other.keys]
    return held.is_odd(lost, is_empty=not scan.keys), held.doubt(lost)


def known_parents(state: MirrorState, kind: str) -> set[str]:
    """Return the ids of forms, sequences or tags whose members the mirror knows."""
    parents = (parent_of(name) for name in state.membership_slices())
    return {parent[1] for parent in parents if parent and parent[0] == kind}


def broadcasts_scan(context: PullContext) -> TailScan | FullScan:
    """Return a scan of the list of broadcasts."""
    earlier = context.earlier.get(BROADCASTS.name)
    has_begun = earlier and earlier.next_page > 1
    if not context.schedule.is_known(BROADCASTS) or context.schedule.samples(BROADCASTS) or has_begun:
        return full_scan(context, BROADCASTS)
    known, keys = context.state.listing(BROADCASTS), context.keys.get(BROADCASTS.name, ())
    samples, held = context.schedule.pages_with_drafts, held_by(context, BROADCASTS)
    return TailScan(BROADCASTS, known, earlier, keys, samples=samples, held=held)


def by_id_scan(
    context: PullContext, progress: Progress, people: Collection[int], then: Collection[int] = ()
) -> ByIdScan:
    """Return a scan of people by id, without those already read in this round; `people` come first if there are too
    many for one night."""
    scan = progress.scans.get(BY_ID.name)
    done = scan.keys if scan is not None else context.keys.get(BY_ID.name, set())
    budget = None if context.schedule.depth == "full" else BY_ID_BUDGET
    wanted = [*map(str, [*sorted(people), *sorted(set(then) - set(people))])]
    if wanted and isinstance(scan, ByIdScan):
        wanted += scan.unread  # the later scan covers both
    return ByIdScan(BY_ID, wanted, context.earlier.get(BY_ID.name), done, budget)


def details_scan(context: PullContext, progress: Progress, ids: Collection[int]) -> ByIdScan:
    """Return a scan of the broadcasts whose detail is due, among those listed now: by age and rotation, because the
    list or figures of this round differ from before, and drafts without figures."""
    due = context.schedule.due(ids)[0]
    if context.schedule.depth != "full":
        due |= _said_otherwise(context, progress) & set(ids)
    if STATS.stream not in context.streams:
        due |= {mail.id for mail in context.schedule.mails if mail.is_draft and mail.id in ids}
    return _one_by_one(context, DETAILS, due)


def _said_otherwise(context: PullContext, progress: Progress) -> set[int]:
    """Return the broadcasts whose status changed by this round's figures, or that are unsent and have a new subject in
    the list."""
    mails = context.state.broadcasts()
    if not mails:
        return set()
    subjects, statuses = unpublished_broadcasts(progress.folder, progress.flushed_segments())
    drafts = {mail.id for mail in context.schedule.mails if not mail.is_final}
    return {
        known.id
        for known in mails
        if statuses.get(known.id, known.status) != known.status
        or (known.id in drafts and (subjects.get(known.id, known.subject) or "") != (known.subject or ""))
    }


def stats_scan(context: PullContext, ids: Collection[int]) -> ByIdScan:
    """Return a scan of the broadcasts whose figures are due, among those listed now."""
    return _one_by_one(context, STATS, context.schedule.due(ids)[1])


def _one_by_one(context: PullContext, slice_: Slice, wanted: Collection[int]) -> ByIdScan:
    newest_first = map(str, sorted(wanted, reverse=True))
    return ByIdScan(slice_, newest_first, context.earlier.get(slice_.name), context.keys.get(slice_.name, ()))


def left_behind(context: PullContext, found: Collection[int], listed: Collection[str]) -> set[int]:
    """Return the people to read by id: those `found` in no list any more, and those waiting since an earlier night."""
    waiting = context.state.left_behind(context.began_at - context.schedule.cycle)
    return (set(found) | waiting) - set(map(int, listed))


def suspected(state: MirrorState, cancelled: Collection[int], found: Collection[int]) -> dict[str, set[int]]:
    """Return the subscriptions, by slice, that may have ended with a change of their person's state: of `cancelled`
    people with another state in the mirror, of people `found` in no list, and of people seen in another state since the
    slice was last read."""
    tonight = {*cancelled, *found} - {*state.listing(CANCELLED).keys}
    suspects = state.state_changed()
    for name, ids in state.memberships_of(tonight).items():
        suspects.setdefault(name, set()).update(ids)
    return suspects


def lists_left_by_cancelled(state: MirrorState) -> set[str]:
    """Return the lists that people leave when they cancel, as learned from this account."""
    states = state.states()
    return leaving(starmap(Shown, state.shown()), states.get("active", 0), states.get("cancelled", 0))


def unresolved(context: PullContext, progress: Progress, lists: Sequence[Scan]) -> set[int]:
    """After a full read, return people whom the mirror has and no list shows now. Requires that both lists are
    complete; excludes people whom a subscription of this round shows in another state."""
    if not lists or not all(scan.checkpoint.is_complete for scan in lists):
        return set()
    missing = context.state.left_behind(context.began_at)
    missing.update(*(context.state.listing(scan.slice).keys for scan in lists))
    if context.schedule.depth == "full":
        missing |= {key for key, _ in context.state.unlisted()}
    missing -= {int(key) for scan in lists for key in scan.keys}
    return missing - seen_in_other_states(progress.folder, progress.flushed_segments(), missing)


def unsettled(progress: Progress) -> set[int]:
    """Return the people about whom two answers in flight together disagree."""
    return seen_contradictory(progress.folder, progress.segments_to_compare())
