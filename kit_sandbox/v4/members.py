"""Tags, forms and sequences as lists, and the people in each."""

from operator import attrgetter
from typing import Any

from ..details import sequences as details
from ..lists import is_shown
from ..messages import Answer, Request, as_json
from ..records import Kind, Parent, Roster, Subscription
from ..routes import KIND_OF, id_of
from ..world import World
from . import asked, shapes
from .cursors import Listing, by_bare_id, by_id, by_tagging, listing
from .refusals import not_found
from .view import View, listed, paged

_BY_ID = by_id(attrgetter("id"))
_TAGS = by_bare_id(attrgetter("id"))
_TAGGED = by_tagging(lambda row: (row.created_ms, row.id))
_PERSON = by_id(attrgetter("subscriber_id"))


def tags(view: View, request: Request) -> Answer:
    is_counted = "subscriber_count" in asked.includes(request, ("subscriber_count",))
    rows = view.world.parents["tag"].values()

    def shape(row: Parent) -> dict[str, Any]:
        return {**shapes.named(row), **(_count(view, row) if is_counted else {})}

    return listed(view, request, "tags", rows, _TAGS, shape)


def forms(view: View, request: Request) -> Answer:
    """Those in use unless told otherwise; no row tells that a form is in the bin."""
    is_counted = "subscriber_count" in asked.includes(request, ("subscriber_count",))
    status = asked.choice(request.params, "status", "active", ("active", "archived", "trashed", "all"))
    kind = asked.choice(request.params, "type", "all", ("all", "embed", "hosted"))
    rows = [row for row in _forms_of(view.world, status) if kind in ("all", row.details.get("type"))]

    def shape(row: Parent) -> dict[str, Any]:
        return {**shapes.form(row), **(_count(view, row) if is_counted else {})}

    return listed(view, request, "forms", rows, _BY_ID, shape)


def _forms_of(world: World, status: str) -> list[Parent]:
    kept, trashed = list(world.parents["form"].values()), list(world.extras.trashed_forms.values())
    match status:
        case "active":
            return [row for row in kept if not row.details.get("archived")]
        case "archived":
            return [row for row in kept if row.details.get("archived")]
        case "trashed":
            return trashed
    return kept + trashed


def sequences(view: View, request: Request) -> Answer:
    include = asked.includes(request, ("stats",))
    rows = view.world.parents["sequence"].values()
    return listed(view, request, "sequences", rows, _BY_ID, lambda row: shown_sequence(view, view.world, row, include))


def sequence(view: View, request: Request, sequence_id: str) -> Answer:
    include = asked.includes(request, ("stats",))
    row = parent_of(view.current, "sequence", sequence_id)
    return as_json({"sequence": shown_sequence(view, view.current, row, include)})


def shown_sequence(view: View, world: World, row: Parent, include: frozenset[str]) -> dict[str, Any]:
    """A sequence with its counts; those of people lag wherever it stands."""
    emails = details.emails(world, row.id)
    counts = {"email_count": len(emails), **_count(view, row)}
    stats = details.sequence_stats(details.email_stats(world, each) for each in emails)
    return {**shapes.sequence(world, row), **counts, **({"stats": stats} if "stats" in include else {})}


def parent_of(world: World, kind: Kind, parent_id: str) -> Parent:
    """The tag, form or sequence with this id; 404 for none."""
    found = world.parents[kind].get(id_of(parent_id))
    if found is None:
        raise not_found()
    return found


def _count(view: View, row: Parent) -> dict[str, int]:
    """The active people in a list."""
    return {"subscriber_count": len(_members(view, row.kind, row.id, frozenset({"active"})).rows)}


def members(view: View, request: Request, plural: str, parent_id: str) -> Answer:
    """The people in a list, by their state; for a tag the latest tagging first, else the newest person."""
    parent, behaviour, params = (
        parent_of(view.current, KIND_OF[plural], parent_id),
        view.world.behaviour,
        request.params,
    )
    verb = "tagged" if parent.kind == "tag" else "added"
    added = asked.window(params, f"{verb}_after", f"{verb}_before", behaviour)
    created = asked.window(params, "created_after", "created_before", behaviour)
    shown, people = _members(view, parent.kind, parent.id, asked.states(params)), view.world.subscribers
    if added != asked.Window() or created != asked.Window():
        rows = [row for row in shown.rows if row.created_ms in added]
        shown = listing([row for row in rows if people[row.subscriber_id].created_ms in created], shown.order)
    slim = asked.is_on(params, "slim")
    return paged(
        view,
        request,
        "subscribers",
        shown,
        lambda row: shapes.member(view.world, people[row.subscriber_id], row, slim),
    )


def _members(view: View, kind: Kind, parent_id: int, states: frozenset[str]) -> Listing[Subscription]:
    """Sorted once for each state and list, until somebody joins, leaves or changes state."""
    world = view.world
    roster, people = world.rosters.get((kind, parent_id), Roster()), world.subscribers

    def build() -> Listing[Subscription]:
        rows = roster.members.values()
        shown = (row for row in rows if is_shown(world.behaviour, row, people[row.subscriber_id].state, states))
        return listing(shown, _TAGGED if kind == "tag" else _PERSON)

    return view.keep(("members", kind, parent_id, states), (roster.version, world.versions["states"]), build)
