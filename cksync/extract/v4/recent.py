"""What was learned from writes and single records so recently that a lagging list may still show the former state.

Lists of API v4 are up to five minutes behind; records by id and the responses to writes are not. So for ten minutes a
list does not overrule them: of what it shows otherwise, only the former state is passed over, and people and broadcasts
are then requested by id, which tells a lagging list from a change of somebody else.
"""

from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from cksync.domain import BY_ID_V4, Head, Page, Record, Slice, parent_of
from cksync.load.state import MirrorState

_BASICS = ("email_address", "first_name", "state")
# The names of the rows of small lists that a push can rename or delete, and the kinds of change that do.
_LABELS = {
    "tags": ("name", ("rename tag", "delete tag")),
    "custom_fields": ("label", ("rename field", "delete field")),
}
# API v4 gives whole seconds, and API v3 milliseconds.
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a person; `fields` is JSON, None if unknown."""

    email_address: str | None
    first_name: str | None
    state: str | None
    fields: str | None

    def is_like(self, text: bytes) -> bool:
        """Return True if a record shows the same."""
        try:
            shown = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            return False
        if any(_plain(shown.get(name)) != _plain(getattr(self, name)) for name in _BASICS if name in shown):
            return False
        if self.fields is None or not isinstance(shown.get("fields"), dict):
            return True
        known = msgspec.json.decode(self.fields, type=dict[str, Any])
        return all(_plain(value) == _plain(known.get(key)) for key, value in shown["fields"].items())


def _plain(value: object) -> str:
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Recent:
    """`people` were read by id, each with what is known of them; `broadcasts` were changed or deleted by a push; `left`
    have lost a tag by a push, each with when they had got it, by list; `former` are the earlier names of rows that a
    push renamed or deleted, by stream.

    `doubtful` collects people and broadcasts that a list showed otherwise, by stream: to be requested by id.
    """

    people: dict[int, Person] = field(default_factory=dict)
    broadcasts: Set[int] = frozenset()
    left: Mapping[tuple[str, str], Mapping[int, datetime]] = field(default_factory=dict)
    former: Mapping[str, Mapping[int, Set[str]]] = field(default_factory=dict)
    deleted_tags: Set[int] = frozenset()
    doubtful: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @property
    def is_empty(self) -> bool:
        """Return True if nothing is known better than a list may show it."""
        renamed = any(self.former.values())
        return not (self.people or self.broadcasts or self.left or renamed or self.deleted_tags)

    def news(self, page: Page) -> Page:
        """Return a page of a list without the rows that are known better."""
        slice_ = page.request.slice
        if self.is_empty or page.request.key is not None or slice_.version != "v4" or slice_.is_single:
            return page
        parent = parent_of(slice_.name)
        if parent is not None and parent[0] == "tag" and int(parent[1]) in self.deleted_tags:
            return replace(page, records=(), heads=())
        heads = page.heads or (Head(),) * len(page.records)
        kept = [
            place
            for place, (record, head) in enumerate(zip(page.records, heads, strict=True))
            if not self._is_known_better(slice_, parent, record, head)
        ]
        if len(kept) == len(page.records):
            return page
        records = tuple(page.records[place] for place in kept)
        return replace(page, records=records, heads=tuple(heads[place] for place in kept))

    def _is_known_better(self, slice_: Slice, parent: tuple[str, str] | None, record: Record, head: Head) -> bool:
        if record.key is None or record.text is None or not record.key.removeprefix("-").isdecimal():
            return False
        id_ = int(record.key)
        if parent is not None:
            joined = self.left.get(parent, {}).get(id_)
            return joined is not None and (head.at is None or head.at < joined + _SECOND)
        if slice_.stream == "subscribers":
            person = self.people.get(id_)
            is_otherwise = person is not None and not person.is_like(record.text)
        elif slice_.stream == "broadcasts":
            is_otherwise = id_ in self.broadcasts
        else:
            return _label(slice_.stream, record) in self.former.get(slice_.stream, {}).get(id_, ())
        if is_otherwise:
            self.doubtful[slice_.stream].add(id_)
        return is_otherwise


def _label(stream: str, record: Record) -> str | None:
    if stream not in _LABELS or record.text is None:
        return None
    label = msgspec.json.decode(record.text, type=dict[str, Any]).get(_LABELS[stream][0])
    return label if isinstance(label, str) else None


def recent(state: MirrorState, since: datetime) -> Recent:
    """Return what was written or read by id since then."""
    if state.is_empty:
        return Recent()
    pushed: dict[str, set[int]] = defaultdict(set)
    query = "select what, try_cast(target as bigint) from _cksync.pushes where outcome = 'done' and pushed_at > ?"
    for what, target in state.rows(query, [since]):
        pushed[what].add(target)
    return Recent(
        people=_people(state, since),
        broadcasts=pushed["update broadcast"] | pushed["delete broadcast"],
        left=_left(state, since, pushed["untag"]),
        former={
            stream: _former(state, since, stream, label, {id_ for kind in kinds for id_ in pushed[kind]})
            for stream, (label, kinds) in _LABELS.items()
        },
        deleted_tags=frozenset(pushed["delete tag"]),
    )


def _people(state: MirrorState, since: datetime) -> dict[int, Person]:
    """Return the people who were read by id."""
    ids = [key for key, at in state.read_times(BY_ID_V4).items() if at > since]
    query = "select id, email_address, first_name, state, fields from main.subscribers where id in (select unnest(?))"
    return {id_: Person(*known) for id_, *known in state.rows(query, [ids])} if ids else {}


def _former(state: MirrorState, since: datetime, stream: str, label: str, ids: Set[int]) -> dict[int, set[str]]:
    """Return the names that rows had before the push."""
    found: dict[int, set[str]] = defaultdict(set)
    if ids:
        query = f"""
            select id, "{label}" from history."{stream}"
            where valid_to > ? and change <> 'delete' and id in (select unnest(?::bigint[]))
        """
        for id_, name in state.rows(query, [since, sorted(ids)]):
            found[id_].add(name)
    return found


def _left(state: MirrorState, since: datetime, people: Set[int]) -> dict[tuple[str, str], dict[int, datetime]]:
    """Return when those people had got the tags that they lost by the push."""
    found: dict[tuple[str, str], dict[int, datetime]] = defaultdict(dict)
    if people:
        query = """
            select subscribable_id, subscriber_id, max(created_at) from history.subscriptions
            where subscribable_type = 'tag' and valid_to > ? and change <> 'delete'
                and subscriber_id in (select unnest(?::bigint[]))
                and (subscribable_id, subscriber_id) not in (
                    select (subscribable_id, subscriber_id) from main.subscriptions where subscribable_type = 'tag'
                )
            group by all
        """
        for tag, person, joined in state.rows(query, [since, sorted(people)]):
            found["tag", str(tag)][person] = joined
    return found
