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
from cksync.extract.by_key import KeyWalk
from cksync.extract.context import Progress, PullContext
from cksync.extract.level import LevelWalk
from cksync.extract.suspects import Shown, leaving
from cksync.extract.tail import TailWalk
from cksync.extract.walk import ListWalk, Walk
from cksync.load.heard import said_of_broadcasts, seen_at_once, seen_otherwise
from cksync.load.known import Known

# People in neither list who are asked for one by one in one pull.
BY_ID_BUDGET = 200


def read_whole(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> ListWalk:
    """A walk of all of a list, going on where an earlier load of this round was stopped.

    What an earlier load only sampled is no part of it. `is_orphan` as `held_by` has it.
    """
    held = held_by(context, slice_, is_orphan=is_orphan)
    earlier = context.earlier.get(slice_.name)
    if earlier is None or earlier.next_page == 1 or earlier.proof not in (None, "content"):
        return ListWalk(slice_, held=held)
    return ListWalk(slice_, earlier, context.keys.get(slice_.name, ()), is_stale=context.is_stale, held=held)


def held_by(context: PullContext, slice_: Slice, *, is_orphan: bool = False) -> Held:
    """The rows of a list that the mirror holds, as the rule `vanish` weighs them. Those of people are weighed together
    (see `lost_people`). `is_orphan`: it lists the members of a form, sequence or tag that its own list does not show,
    though nobody believes that it is gone; then however few are not believed to be gone."""
    if slice_ in CHANGED or slice_.stream == "account":
        return NOTHING_HELD
    is_exempt = slice_.is_left_by_itself and not is_orphan
    least = 1 if is_orphan else VANISH_ROWS
    return context.known.held(slice_, may_vanish=context.may_vanish or is_exempt, least=least)


def read_changed(context: PullContext, slice_: Slice) -> ListWalk:
    """A walk of the people of a list who changed since its last complete reading."""
    changed, since = CHANGED[slice_], context.agenda.since(slice_)
    earlier, keys = context.earlier.get(changed.name), context.keys.get(changed.name, ())
    return ListWalk(changed, earlier, keys, is_stale=context.is_stale, since=since)


def bring_up_to_date(
    context: PullContext,
    slice_: Slice,
    *,
    added: Sequence[int] = (),
    left: Collection[int] = (),
    suspects: Collection[int] = (),
    is_left_by_cancelled: bool = False,
    doubt: str | None = None,
    is_orphan: bool = False,
) -> LevelWalk:
    """A walk that brings a known list up to date, or goes on with the reading of all of it."""
    earlier = context.earlier.get(slice_.name)
    has_begun = earlier is not None and not earlier.is_done and earlier.next_page > 1
    is_of_people = slice_ in CHANGED
    listing = context.known.listing(slice_)
    absent = context.absent.get(slice_.name, set())
    if earlier is not None and earlier.proof == "content":  # the log does not say who was not there
        absent = {*listing.keys} - set(map(int, context.keys.get(slice_.name, ())))
    return LevelWalk(
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
        looks=context.agenda.looks(slice_),
        seed=context.seed,
        held=_held_people(context, slice_) if is_of_people else held_by(context, slice_, is_orphan=is_orphan),
        doubt=doubt,
        whole=read_whole(context, slice_, is_orphan=is_orphan) if has_begun else None,
    )


def _held_people(context: PullContext, slice_: Slice) -> Held:
    return context.known.held(slice_, may_vanish=context.may_vanish)


def lost_people(context: PullContext, walk: ListWalk, other: ListWalk) -> tuple[bool, str | None]:
    """Of the people of a list that was read whole, whether it lost so many to neither list (or shows nobody where
    people were) that it is to be asked for once more, and why it is then not believed."""
    held = _held_people(context, walk.slice)
    lost = [key for key in held.lost(walk.keys) if str(key) not in other.keys]
    return held.is_odd(lost, is_empty=not walk.keys), held.doubt(lost)


def known_parents(known: Known, kind: str) -> set[str]:
    """The ids of forms, sequences or tags whose members the mirror knows."""
    parents = (parent_of(name) for name in known.membership_slices())
    return {parent[1] for parent in parents if parent and parent[0] == kind}


def read_broadcasts(context: PullContext) -> TailWalk | ListWalk:
    """The walk of the list of broadcasts."""
    earlier = context.earlier.get(BROADCASTS.name)
    has_begun = earlier and earlier.next_page > 1
    if not context.agenda.is_known(BROADCASTS) or context.agenda.looks(BROADCASTS) or has_begun:
        return read_whole(context, BROADCASTS)
    known, keys = context.known.listing(BROADCASTS), context.keys.get(BROADCASTS.name, ())
    looks, held = context.agenda.pages_with_drafts, held_by(context, BROADCASTS)
    return TailWalk(BROADCASTS, known, earlier, keys, looks=looks, held=held)


def read_by_id(
    context: PullContext, progress: Progress, people: Collection[int], then: Collection[int] = ()
) -> KeyWalk:
    """A walk of people by their ids, without those that were asked for in this round; `people` come first where there
    are too many for one night."""
    walk = progress.walks.get(BY_ID.name)
    done = walk.keys if walk is not None else context.keys.get(BY_ID.name, set())
    budget = None if context.agenda.depth == "full" else BY_ID_BUDGET
    wanted = [*map(str, [*sorted(people), *sorted(set(then) - set(people))])]
    if wanted and isinstance(walk, KeyWalk):
        wanted += walk.unread  # the later walk speaks for both
    return KeyWalk(BY_ID, wanted, context.earlier.get(BY_ID.name), done, budget)


def read_details(context: PullContext, progress: Progress, ids: Collection[int]) -> KeyWalk:
    """A walk of the broadcasts whose detail is due, of those that are listed now: by age and turn, because the list or
    the figures of this round say something else than before, and drafts without such figures."""
    due = context.agenda.due(ids)[0]
    if context.agenda.depth != "full":
        due |= _said_otherwise(context, progress) & set(ids)
    if STATS.stream not in context.streams:
        due |= {mail.id for mail in context.agenda.mails if mail.is_draft and mail.id in ids}
    return _one_by_one(context, DETAILS, due)


def _said_otherwise(context: PullContext, progress: Progress) -> set[int]:
    """Broadcasts that have another status than before by the figures of this round, or that are not sent and have
    another subject by the list."""
    mails = context.known.broadcasts()
    if not mails:
        return set()
    subjects, statuses = said_of_broadcasts(progress.folder, progress.flushed_segments())
    drafts = {mail.id for mail in context.agenda.mails if not mail.is_final}
    return {
        known.id
        for known in mails
        if statuses.get(known.id, known.status) != known.status
        or (known.id in drafts and (subjects.get(known.id, known.subject) or "") != (known.subject or ""))
    }


def read_stats(context: PullContext, ids: Collection[int]) -> KeyWalk:
    """A walk of the broadcasts whose figures are due, of those that are listed now."""
    return _one_by_one(context, STATS, context.agenda.due(ids)[1])


def _one_by_one(context: PullContext, slice_: Slice, wanted: Collection[int]) -> KeyWalk:
    newest_first = map(str, sorted(wanted, reverse=True))
    return KeyWalk(slice_, newest_first, context.earlier.get(slice_.name), context.keys.get(slice_.name, ()))


def left_behind(context: PullContext, found: Collection[int], listed: Collection[str]) -> set[int]:
    """People to ask for by id: `found` in no list any more, or waiting since an earlier night."""
    waiting = context.known.left_behind(context.began_at - context.agenda.cycle)
    return (set(found) | waiting) - set(map(int, listed))


def suspected(known: Known, cancelled: Collection[int], found: Collection[int]) -> dict[str, set[int]]:
    """The subscriptions, by slice, that may have ended with the state of their people: of `cancelled` people whom the
    mirror has in another state, of people `found` in no list, and of people who were seen in another state since the
    slice was last read."""
    tonight = {*cancelled, *found} - {*known.listing(CANCELLED).keys}
    suspects = known.turned()
    for name, ids in known.memberships_of(tonight).items():
        suspects.setdefault(name, set()).update(ids)
    return suspects


def lists_left_by_cancelled(known: Known) -> set[str]:
    """The lists that people leave when they cancel, as far as this account tells."""
    states = known.states()
    return leaving(starmap(Shown, known.shown()), states.get("active", 0), states.get("cancelled", 0))


def unresolved(context: PullContext, progress: Progress, lists: Sequence[Walk]) -> set[int]:
    """After a reading of all rows: people whom the mirror has and no list shows now; only when both lists are whole,
    and without those whom a subscription of this round shows in another state."""
    if not lists or not all(walk.checkpoint.is_complete for walk in lists):
        return set()
    missing = context.known.left_behind(context.began_at)
    missing.update(*(context.known.listing(walk.slice).keys for walk in lists))
    if context.agenda.depth == "full":
        missing |= {key for key, _ in context.known.unlisted()}
    missing -= {int(key) for walk in lists for key in walk.keys}
    return missing - seen_otherwise(progress.folder, progress.flushed_segments(), missing)


def unsettled(progress: Progress) -> set[int]:
    """People of whom two answers that were under way together say different things."""
    return seen_at_once(progress.folder, progress.segments_to_compare())
