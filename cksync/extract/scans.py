"""Begin the walks of a pull, from what the mirror and earlier loads of the round know."""

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

# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200


def full_scan(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> FullScan:
    """A walk of all of a list, going on where an earlier load of this round was stopped.

    What an earlier load only sampled is no part of it. `is_orphan` as `held_by` has it.
    """
    held = held_by(context, slice_, is_orphan=is_orphan)
    earlier = context.earlier.get(slice_.name)
    if earlier is None or earlier.next_page == 1 or earlier.proof not in (None, "content"):
        return FullScan(slice_, held=held)
    return FullScan(slice_, earlier, context.keys.get(slice_.name, ()), is_stale=context.is_stale, held=held)


def held_by(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> Held:
    """The rows of a list that the mirror holds, as the rule `vanish` weighs them. Those of people are weighed together
    (see `lost_people`). `is_orphan`: it lists the members of a form, sequence or tag that its own list does not show,
    though nobody believes that it is gone; then however few are not believed to be gone."""
    if slice_ in CHANGED or slice_.stream == "account":
        return NOTHING_HELD
    is_exempt = slice_.is_left_by_itself and not is_orphan
    least = 1 if is_orphan else VANISH_ROWS
    return context.state.held(slice_, may_vanish=context.may_vanish or is_exempt, least=least)


def changed_scan(context: PullContext, slice_: Slice) -> FullScan:
    """A walk of the people of a list who changed since its last complete reading."""
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
    """A walk that brings a known list up to date, or goes on with the reading of all of it."""
    earlier = context.earlier.get(slice_.name)
    has_begun = earlier is not None and not earlier.is_done and earlier.next_page > 1
    is_of_people = slice_ in CHANGED
    listing = context.state.listing(slice_)
    absent = context.absent.get(slice_.name, set())
    if earlier is not None and earlier.proof == "content":  # the log does not say who was not there
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
    """Of the people of a list that was read whole, whether it lost so many to neither list (or shows nobody where
    people were) that it is to be asked for once more, and why it is then not believed."""
    held = _held_people(context, scan.slice)
    lost = [key for key in held.lost(scan.keys) if str(key) not in other.keys]
    return held.is_odd(lost, is_empty=not scan.keys), held.doubt(lost)


def known_parents(state: MirrorState, kind: str) -> set[str]:
    """The ids of forms, sequences or tags whose members the mirror knows."""
    parents = (parent_of(name) for name in state.membership_slices())
    return {parent[1] for parent in parents if parent and parent[0] == kind}


def broadcasts_scan(context: PullContext) -> TailScan | FullScan:
    """The walk of the list of broadcasts."""
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
    """A walk of people by their ids, without those that were asked for in this round; `people` come first where there
    are too many for one night."""
    scan = progress.scans.get(BY_ID.name)
    done = scan.keys if scan is not None else context.keys.get(BY_ID.name, set())
    budget = None if context.schedule.depth == "full" else BY_ID_BUDGET
    wanted = [*map(str, [*sorted(people), *sorted(set(then) - set(people))])]
    if wanted and isinstance(scan, ByIdScan):
        wanted += scan.unread  # the later walk speaks for both
    return ByIdScan(BY_ID, wanted, context.earlier.get(BY_ID.name), done, budget)


def details_scan(context: PullContext, progress: Progress, ids: Collection[int]) -> ByIdScan:
    """A walk of the broadcasts whose detail is due, of those that are listed now: by age and turn, because the list or
    the figures of this round say something else than before, and drafts without such figures."""
    due = context.schedule.due(ids)[0]
    if context.schedule.depth != "full":
        due |= _said_otherwise(context, progress) & set(ids)
    if STATS.stream not in context.streams:
        due |= {mail.id for mail in context.schedule.mails if mail.is_draft and mail.id in ids}
    return _one_by_one(context, DETAILS, due)


def _said_otherwise(context: PullContext, progress: Progress) -> set[int]:
    """Broadcasts that have another status than before by the figures of this round, or that are not sent and have
    another subject by the list."""
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
    """A walk of the broadcasts whose figures are due, of those that are listed now."""
    return _one_by_one(context, STATS, context.schedule.due(ids)[1])


def _one_by_one(context: PullContext, slice_: Slice, wanted: Collection[int]) -> ByIdScan:
    newest_first = map(str, sorted(wanted, reverse=True))
    return ByIdScan(slice_, newest_first, context.earlier.get(slice_.name), context.keys.get(slice_.name, ()))


def left_behind(context: PullContext, found: Collection[int], listed: Collection[str]) -> set[int]:
    """People to ask for by id: `found` in no list any more, or waiting since an earlier night."""
    waiting = context.state.left_behind(context.began_at - context.schedule.cycle)
    return (set(found) | waiting) - set(map(int, listed))


def suspected(state: MirrorState, cancelled: Collection[int], found: Collection[int]) -> dict[str, set[int]]:
    """The subscriptions, by slice, that may have ended with the state of their people: of `cancelled` people whom the
    mirror has in another state, of people `found` in no list, and of people who were seen in another state since the
    slice was last read."""
    tonight = {*cancelled, *found} - {*state.listing(CANCELLED).keys}
    suspects = state.turned()
    for name, ids in state.memberships_of(tonight).items():
        suspects.setdefault(name, set()).update(ids)
    return suspects


def lists_left_by_cancelled(state: MirrorState) -> set[str]:
    """The lists that people leave when they cancel, as far as this account tells."""
    states = state.states()
    return leaving(starmap(Shown, state.shown()), states.get("active", 0), states.get("cancelled", 0))


def unresolved(context: PullContext, progress: Progress, lists: Sequence[Scan]) -> set[int]:
    """After a reading of all rows: people whom the mirror has and no list shows now; only when both lists are whole,
    and without those whom a subscription of this round shows in another state."""
    if not lists or not all(scan.checkpoint.is_complete for scan in lists):
        return set()
    missing = context.state.left_behind(context.began_at)
    missing.update(*(context.state.listing(scan.slice).keys for scan in lists))
    if context.schedule.depth == "full":
        missing |= {key for key, _ in context.state.unlisted()}
    missing -= {int(key) for scan in lists for key in scan.keys}
    return missing - seen_in_other_states(progress.folder, progress.flushed_segments(), missing)


def unsettled(progress: Progress) -> set[int]:
    """People of whom two answers that were under way together say different things."""
    return seen_contradictory(progress.folder, progress.segments_to_compare())
