"""Memberships of forms, sequences and tags. API v3 subscribes people by address, and removes them only from tags."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import duckdb

from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.v3.writes import CALLS
from cksync.domain import PARENTS, Slice, members, whole
from cksync.write.action import Action, Found, Kind, Needed, ReadList, Result, Seen, Sought
from cksync.write.edits import Edit, Key
from cksync.write.gone import ONE_OF
from cksync.write.lookup import has_tag, memberships
from cksync.write.plan import Gone
from cksync.write.planning import Context, IsGone, Planned, WorkspaceTable, action, check_state, noop
from cksync.write.reply import page_of, records, wrong_person
from cksync.write.settle import settle_creation, settle_removal
from cksync.write.workspace import key_of

KIND_OF = {stream: kind for kind, stream in PARENTS.items()}


def parent_of(context: Context, edit: Edit) -> tuple[str, int]:
    """Return the form, sequence or tag of a new membership. Raises ValueError if it never existed, IsGone if it is
    gone."""
    if gone := gone_parent(context, edit):
        raise IsGone(gone)
    kind, parent = str(edit.row["subscribable_type"]), edit.row["subscribable_id"]
    there: Mapping[str, Collection[int]] = {
        "form": context.account.forms,
        "sequence": context.account.sequences,
        "tag": {*context.account.tags, *context.new["tags"]},
    }
    if kind not in there:
        raise ValueError(f"subscribable_type must be form, sequence or tag, not {kind!r}")
    if parent not in there[kind]:
        raise ValueError(f"{kind} {parent} does not exist")
    if kind == "tag" and parent in context.deleted_tags and context.through.version == "v4":
        raise ValueError(f"tag {parent} is deleted by the same edits")
    return kind, int(parent)


def gone_parent(context: Context, edit: Edit) -> Gone | None:
    """Return the form, sequence or tag of a new membership if it is gone."""
    table, id_ = f"{edit.row['subscribable_type']}s", edit.row["subscribable_id"]
    return context.gone(table, id_) if (table, id_) in context.account.gone else None


def first_join(context: Context, who: int) -> Edit:
    """Return the membership that creates a new person. Raises ValueError if there is none, IsGone if its list is
    gone."""
    gone = None
    for edit in context.joins.get(who, ()):
        lost = gone_parent(context, edit)
        if lost is None:
            return edit
        gone = gone or lost
    if gone:
        raise IsGone(gone)
    raise ValueError("a new person needs a row in subscriptions: the API creates people by subscribing them")


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    kind, parent = parent_of(context, edit)
    who = edit.row["subscriber_id"]
    check_state(edit, "the API sets the state of a subscription")
    if who in context.new["subscribers"]:
        if (
            context.through.version == "v4" or first_join(context, who) is not edit
        ):  # the first membership is sent with the person
            yield _subscribe(edit, kind, parent, context.new["subscribers"][who].row["email_address"])
        return
    if ("subscribers", who) in context.account.gone:
        raise IsGone(context.gone("subscribers", who))
    person = context.account.people.get(who)
    if person is None:
        raise ValueError(f"person {who} does not exist")
    if (kind, parent, who) in context.account.memberships:
        yield noop(edit)
    else:
        yield _subscribe(edit, kind, parent, person.email_address)


def _subscribe(edit: Edit, kind: str, parent: int, address: str) -> Action:
    args = {"parent": kind, "parent_id": parent, "email_address": address}
    return action(SUBSCRIBE, edit.row["subscriber_id"], args, edit)


def _delete(context: Context, edit: Edit) -> Iterator[Planned]:
    kind, parent, who = edit.key
    if (kind, parent, who) not in context.account.memberships:
        yield noop(edit)
    elif kind != "tag":
        raise ValueError("the API cannot remove people from forms or sequences; set state = 'cancelled' to unsubscribe")
    else:
        yield action(UNTAG, who, {"subscriber_id": who, "tag_id": parent}, edit)


def subscribe(args: dict[str, Any], who: int) -> Call:
    """Return the call that adds a person to a list, and creates them if the account has nobody with that address."""
    return CALLS.subscribe(args.pop("parent"), args.pop("parent_id"), args.pop("email_address"), **args)


def membership_of(target: str, args: Mapping[str, Any]) -> Key:
    """Return the key of the membership that an action with this target and arguments is about."""
    kind, parent = (args["parent"], args["parent_id"]) if "parent" in args else ("tag", args["tag_id"])
    return kind, parent, int(target)


def joined_list(action: Action) -> Slice:
    """Return the list that an action adds a person to."""
    return members(action.args["parent"], str(action.args["parent_id"]))


def needed_parent(action: Action, call: Call) -> Needed:
    """Return the form, sequence or tag of a call that adds a person to it."""
    parents, id_, _ = call.path.split("/")
    return Needed(whole(parents), id_, ONE_OF[parents])


def observe_membership(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    """Return the membership that a reply shows."""
    parents, id_, _ = call.path.split("/")
    return page_of(members(KIND_OF[parents], id_), call, reply, records(reply))


def _subscribed(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result:
    if int(values["subscriber"]["id"]) != who:
        return wrong_person("subscribed", values["subscriber"]["id"], who)
    return Result("done", ids={"subscriptions": int(values["id"])})


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    args, who = sought.action.args, sought.action.target
    is_tag = args["parent"] == "tag"
    if is_tag and not has_tag(api, who, args["parent_id"]):
        return Found()
    return Found(memberships(api, sought, lambda person: str(person["id"]) == who, is_whole=is_tag and is_last))


def _find_in_mirror(db: duckdb.DuckDBPyConnection, action: Action) -> Result | None:
    return mirrored(db, action, "person.id = ?", int(action.target))


def mirrored(db: duckdb.DuckDBPyConnection, action: Action, is_it: str, who: object) -> Result | None:
    """Return a membership that the mirror got since the plan; the plan had none, so it is this one. `is_it` picks the
    `person` by the value `who`."""
    query = f"""
        select joined.id, person.id from mirror.main.subscriptions as joined
        join mirror.main.subscribers as person on person.id = joined.subscriber_id
        where joined.subscribable_type = ? and joined.subscribable_id = ? and {is_it}
    """
    row = db.execute(query, [action.args["parent"], action.args["parent_id"], who]).fetchone()
    if row is None:
        return None
    given = zip(("subscriptions", "subscribers"), row, strict=True)
    return Result("done", ids={table: id_ for table, id_ in given if id_ is not None})  # API v4 gives a membership none


def _untagged_list(action: Action) -> Slice:
    return members("tag", str(action.args["tag_id"]))


def _is_untagged(api: WritingApi, call: Call | None, action: Action, read_list: ReadList) -> bool:
    return not has_tag(api, action.target, action.args["tag_id"])


def _observe_untagging(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen | None:
    """Return the end of a membership. API v3 lists memberships by an id; without one, the next pull finds it ended."""
    listed = _listed_ids(db, membership_of(action.target, action.args))
    return page_of(_untagged_list(action), call, reply, absent=listed) if listed else None


def _listed_ids(db: duckdb.DuckDBPyConnection, key: Key) -> tuple[int, ...]:
    """Return the ids under which API v3 lists a membership, as the mirror or else the checkout knows them."""
    is_it = " and ".join(f"{name} = ?" for name in key_of("subscriptions"))
    for place in ("mirror.main", "base"):
        query = f"select id from {place}.subscriptions where {is_it} and id is not null"
        if rows := db.execute(query, key).fetchall():
            return tuple(id_ for (id_,) in rows)
    return ()


SUBSCRIBE = Kind(
    name="subscribe",
    about="subscribers",
    list_of=joined_list,
    counts=frozenset({"send", "bulk"}),
    address="joins",
    joins=True,
    is_parallel=True,
    call=subscribe,
    read=_subscribed,
    needed=needed_parent,
    observe=observe_membership,
    settle=settle_creation,
    shows_person=True,
    find=_find,
    find_in_mirror=_find_in_mirror,
    is_idempotent=lambda action: bool(action.args["parent"] == "tag"),
)
UNTAG = Kind(
    name="untag",
    about="subscribers",
    list_of=_untagged_list,
    counts=frozenset({"bulk"}),
    is_parallel=True,
    call=lambda args, _: CALLS.untag(**args),
    observe=_observe_untagging,
    settle=settle_removal,
    is_done=_is_untagged,
    is_removal=True,
)
TABLE = WorkspaceTable(
    "subscriptions",
    planners={"insert": _insert, "delete": _delete},
    refusals={"update": "a subscription can be inserted, and deleted from a tag, but not updated"},
    streams=("subscribers", "tags", "forms", "sequences"),
)
