"""What was learned from writes and single records so recently that a lagging list may still show the former state.

Lists of API v4 are up to five minutes behind; records by id and the responses to writes are not. So for ten minutes a
list does not overrule them. A change that somebody else makes in that time is read by the first pull after it.
"""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec

from cksync.domain import BY_ID_V4, Page, Record, Slice, parent_of
from cksync.load.state import MirrorState

_BASICS = ("email_address", "first_name", "state")


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
    """`people` were read by id or written, each with what is known of them; `left` have lost a membership by a push, by
    list; `rows` of small lists were changed or deleted by a push, by stream."""

    people: Mapping[int, "Person"] = field(default_factory=dict)
    left: Mapping[tuple[str, str], Set[int]] = field(default_factory=dict)
    rows: Mapping[str, Set[int]] = field(default_factory=dict)
    deleted_tags: Set[int] = frozenset()

    def news(self, page: Page) -> Page:
        """Return a page of a list without the rows that are known better."""
        slice_ = page.request.slice
        if page.request.key is not None or slice_.version != "v4" or slice_.is_single:
            return page
        parent = parent_of(slice_.name)
        if parent is not None and parent[0] == "tag" and int(parent[1]) in self.deleted_tags:
            return replace(page, records=(), heads=())
        better = self.left.get(parent, ()) if parent else self._of_stream(slice_.stream)
        if not better:
            return page
        kept = [
            place
            for place, record in enumerate(page.records)
            if not (record.key and int(record.key) in better and self._is_other(slice_, record))
        ]
        if len(kept) == len(page.records):
            return page
        heads = tuple(page.heads[place] for place in kept) if page.heads else ()
        return replace(page, records=tuple(page.records[place] for place in kept), heads=heads)

    def _is_other(self, slice_: Slice, record: Record) -> bool:
        """Return True if a row differs from what is known; a person's row adds details if it does not."""
        if slice_.stream != "subscribers" or record.key is None or record.text is None:
            return True
        return not self.people[int(record.key)].is_like(record.text)

    def _of_stream(self, stream: str) -> Collection[int]:
        return self.people if stream == "subscribers" else self.rows.get(stream, frozenset())


def recent(state: MirrorState, since: datetime) -> Recent:
    """Return what was written or read by id since then."""
    if state.is_empty:
        return Recent()
    ids = [key for key, at in state.read_times(BY_ID_V4).items() if at > since]
    query = "select id, email_address, first_name, state, fields from main.subscribers where id in (select unnest(?))"
    people = {id_: Person(*known) for id_, *known in state.rows(query, [ids])} if ids else {}
    pushed = state.rows(
        "select what, try_cast(target as bigint) from _cksync.pushes where outcome = 'done' and pushed_at > ?", [since]
    )
    targets: dict[str, set[int]] = {}
    for what, target in pushed:
        targets.setdefault(what, set()).add(target)
    left: dict[tuple[str, str], set[int]] = {}
    if untagged := targets.get("untag"):
        gone = state.rows(
            """
            select subscribable_id, subscriber_id from history.subscriptions
            where change = 'delete' and subscribable_type = 'tag' and valid_from > ?
                and subscriber_id in (select unnest(?::bigint[]))
            """,
            [since, sorted(untagged)],
        )
        there = set(
            state.rows(
                """
                select subscribable_id, subscriber_id from main.subscriptions
                where subscribable_type = 'tag' and subscriber_id in (select unnest(?::bigint[]))
                """,
                [sorted(untagged)],
            )
        )
        for tag, person in gone:
            if (tag, person) not in there:
                left.setdefault(("tag", str(tag)), set()).add(person)
    deleted = frozenset(targets.get("delete tag", ()))
    rows = {
        "tags": deleted | targets.get("rename tag", set()),
        "custom_fields": targets.get("rename field", set()) | targets.get("delete field", set()),
        "broadcasts": targets.get("update broadcast", set()) | targets.get("delete broadcast", set()),
    }
    return Recent(people, left, rows, deleted)
