"""Bulk calls of API v4: at most 100 items in one request, and from its response an outcome for each item."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

import msgspec

from cksync.api.http import Call, Reply
from cksync.api.responses import Expected
from cksync.api.v4.bodies import Addition, FieldValue, NewPerson, Tagging
from cksync.api.v4.bulk_kinds import (
    ADD_TO_FORMS,
    CREATE_CUSTOM_FIELDS,
    CREATE_SUBSCRIBERS,
    CREATE_TAGS,
    DELETE_TAGS,
    SET_FIELD_VALUES,
    TAG,
    UNTAG,
    Bulk,
    Item,
)
from cksync.api.v4.outcomes import ItemOutcome, matched, problem

# With more items, the API answers 202, does them later, and reports the outcome to no one.
ITEMS_AT_ONCE = 100
# After these the call was certainly not executed.
_NOT_EXECUTED = (401, 429)
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class BulkCall:
    """A bulk call with its items; `call` is what to send."""

    kind: Bulk
    items: tuple[Item, ...]
    call: Call


def bulk_call(kind: Bulk, items: Sequence[Item]) -> BulkCall:
    """Return the call for some items. Each may be sent twice: the account is as after one. Raises ValueError if there
    are none, more than ITEMS_AT_ONCE, or two alike, whose outcomes could not be told apart."""
    if not 0 < len(items) <= ITEMS_AT_ONCE:
        raise ValueError(f"a bulk call takes 1 to {ITEMS_AT_ONCE} items, not {len(items)}")
    alike = Counter(kind.key_of(each) for each in items)
    if len(alike) < len(items):
        raise ValueError(f"{kind.items} contain an item twice: {' '.join(alike.most_common(1)[0][0])}")
    sent = tuple(dict(each) for each in items)
    expected = Expected("", ("failures",), problem=partial(problem, kind, sent))
    return BulkCall(
        kind, sent, Call(kind.method, kind.path, {kind.items: sent}, expected, stream=kind.stream, version="v4")
    )


class BulkWrites(Generic[Done]):
    """The bulk calls by name; each returns what `do` makes of its kind and items."""

    def __init__(self, do: Callable[[Bulk, Sequence[Item]], Done]) -> None:
        self._do_bulk = do

    def bulk_tag(self, taggings: Sequence[Tagging]) -> Done:
        """Tag people."""
        return self._do_bulk(TAG, _plain(taggings))

    def bulk_untag(self, taggings: Sequence[Tagging]) -> Done:
        """Remove tags from people."""
        return self._do_bulk(UNTAG, _plain(taggings))

    def bulk_add_to_forms(self, additions: Sequence[Addition]) -> Done:
        """Add people to forms."""
        return self._do_bulk(ADD_TO_FORMS, _plain(additions))

    def bulk_create_subscribers(self, people: Sequence[NewPerson]) -> Done:
        """Create people; of those who exist, the first name is overwritten. Without custom fields."""
        return self._do_bulk(CREATE_SUBSCRIBERS, _plain(people))

    def bulk_create_tags(self, names: Sequence[str]) -> Done:
        """Create tags, or return those that have these names in any case."""
        return self._do_bulk(CREATE_TAGS, [{"name": name} for name in names])

    def bulk_delete_tags(self, tag_ids: Sequence[int]) -> Done:
        """Delete tags. No other call does."""
        return self._do_bulk(DELETE_TAGS, [{"id": tag_id} for tag_id in tag_ids])

    def bulk_create_custom_fields(self, labels: Sequence[str]) -> Done:
        """Create custom fields, or return those that have these labels."""
        return self._do_bulk(CREATE_CUSTOM_FIELDS, [{"label": label} for label in labels])

    def bulk_set_field_values(self, values: Sequence[FieldValue]) -> Done:
        """Set values of custom fields of people."""
        return self._do_bulk(SET_FIELD_VALUES, _plain(values))


# The calls themselves: nothing is sent.
BULK_CALLS: BulkWrites[BulkCall] = BulkWrites(bulk_call)


def outcomes(bulk: BulkCall, reply: Reply) -> tuple[ItemOutcome, ...]:
    """Return the outcome of each item, in the order of the request."""
    if reply.status == 202:
        return unknown(bulk, "the API will do it later, and report no outcome")
    if not reply.is_done:
        said = f"{reply.message} ({reply.status})"
        return tuple(ItemOutcome(item, "refused", said) for item in bulk.items)
    found = matched(bulk.kind, bulk.items, msgspec.json.decode(reply.body, type=dict[str, Any]))
    if bulk.kind.is_removal and any(each.status not in _NOT_EXECUTED for each in reply.attempts[:-1]):
        return tuple(
            ItemOutcome(each.item, "unknown", _by_earlier(each)) if each.outcome == "failed" else each for each in found
        )
    return found


def _by_earlier(failed: ItemOutcome) -> str:
    return f"{failed.message}; an earlier try without a response may have done it"


def unknown(bulk: BulkCall, reason: str) -> tuple[ItemOutcome, ...]:
    """Return the outcomes of a call without a response of the API."""
    return tuple(ItemOutcome(item, "unknown", reason) for item in bulk.items)


def _plain(items: Sequence[Any]) -> list[Item]:
    """Typed dictionaries as items: they are mappings, but type checkers do not accept them as such."""
    return cast("list[Item]", list(items))
