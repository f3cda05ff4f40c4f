"""Match the response to a bulk call of API v4 to its items.

The rows of a response are in no order that could be relied on, and do not always tell which item they are of; its
`failures` repeat the items that were refused, though an id that does not exist may be null there. So an item is matched
by its values: it is done if a row can only be its own, or if no failure can be its own and the numbers add up. What
remains open is unknown, never guessed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cksync.api.v4.bulk_kinds import Bulk, Item, folded


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """The outcome of one item, in the order of the request.

    `done`; `failed`: the API refused this item, for the reason in `message`; `refused`: it refused the whole call, so
    that nothing was done, perhaps because of another item; `unknown`: the response does not tell. `row` is the record
    in the response that shows the item, if one can only be its own.
    """

    item: Item
    outcome: Literal["done", "failed", "refused", "unknown"]
    message: str = ""
    row: Mapping[str, Any] | None = None


def matched(kind: Bulk, items: Sequence[Item], found: Mapping[str, Any]) -> tuple[ItemOutcome, ...]:
    """Match the rows and failures of a response to the items of its call."""
    rows = found[kind.rows] if kind.rows else ()
    own = _own_rows(kind, items, rows)
    failed, open_ = _failed(kind, items, found["failures"], frozenset(own))
    is_whole = not kind.rows or len(rows) + len(found["failures"]) == len(items)
    result = []
    for place, item in enumerate(items):
        if place in failed:
            result.append(ItemOutcome(item, "failed", failed[place]))
        elif place in own or (is_whole and place not in open_):
            result.append(ItemOutcome(item, "done", row=own.get(place)))
        else:
            result.append(ItemOutcome(item, "unknown", "the response does not tell which of the items failed"))
    return tuple(result)


def _own_rows(
    kind: Bulk, items: Sequence[Item], rows: Sequence[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any] | None]:
    """Return the items that rows prove, by their place, each with its row if only one can be its own.

    A person whom a call tags twice has two rows, which do not say of which tag: both prove both.
    """
    shown: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        shown.setdefault(kind.row_key(row), []).append(row)
    sent = Counter(kind.item_key(item) for item in items)
    own: dict[int, Mapping[str, Any] | None] = {}
    for place, item in enumerate(items):
        key = kind.item_key(item)
        its = shown.get(key, [])
        if its and len(its) >= sent[key]:
            own[place] = its[0] if sent[key] == 1 else None
    return own


def _failed(
    kind: Bulk, items: Sequence[Item], failures: Sequence[Mapping[str, Any]], proved: frozenset[int]
) -> tuple[dict[int, str], frozenset[int]]:
    """Return the items that failed, by their place, each with the reason; and those that may have failed, because some
    failures do not say which item they are of."""
    failed: dict[int, str] = {}
    vague: dict[tuple[int, ...], list[str]] = {}
    for exact in (True, False):  # those that name their item first, so that they are no candidates of the others
        for failure in failures:
            shown = failure[kind.item]
            if _is_exact(kind, shown) != exact:
                continue
            places = _candidates(kind, items, shown, frozenset() if exact else {*failed, *proved})
            if exact and places:
                failed[places[0]] = _reason(failure)
            else:
                vague.setdefault(tuple(places), []).append(_reason(failure))
    open_: set[int] = set()
    for group, reasons in vague.items():
        if len(group) == len(reasons) and not open_ & set(group):
            failed |= dict(zip(group, reasons, strict=True))
        else:
            open_ |= set(group)
    return {place: why for place, why in failed.items() if place not in open_}, frozenset(open_)


def _candidates(
    kind: Bulk, items: Sequence[Item], shown: Mapping[str, Any], taken: set[int] | frozenset[int]
) -> list[int]:
    """Return the places of the items that a failure may show: equal in all values that it has."""
    wanted = {name: folded(shown[name]) for name in kind.key if shown.get(name) is not None}
    return [
        place
        for place, item in enumerate(items)
        if place not in taken and all(folded(item.get(name)) == value for name, value in wanted.items())
    ]


def _is_exact(kind: Bulk, shown: Mapping[str, Any]) -> bool:
    return all(shown.get(name) is not None for name in kind.key)


def _reason(failure: Mapping[str, Any]) -> str:
    errors = failure["errors"]
    return "; ".join(map(str, errors)) if isinstance(errors, list) else str(errors)


def problem(kind: Bulk, items: Sequence[Item], found: Any) -> str:
    """Return why a decoded body is not the response to these items; '' if it is."""
    if not isinstance(found, dict) or not _are_records(found.get("failures")):
        return "it has an unexpected structure"
    failures: list[Any] = found["failures"]
    rows: Any = found.get(kind.rows) if kind.rows else []
    if not _are_records(rows) or any("errors" not in each for each in failures):
        return "it has an unexpected structure"
    if not all(isinstance(each.get(kind.item), dict) for each in failures):
        return "it has an unexpected structure"
    if any(name not in row for row in rows for name, _ in kind.row):
        return "it has an unexpected structure"
    return _foreign(kind, items, rows, failures)


def _foreign(
    kind: Bulk, items: Sequence[Item], rows: Sequence[Mapping[str, Any]], failures: Sequence[Mapping[str, Any]]
) -> str:
    """Return why rows and failures cannot be those of these items."""
    if len(rows) + len(failures) > len(items):
        return "it has more items than were sent"
    sent = {kind.item_key(item) for item in items}
    others = [row for row in rows if kind.row_key(row) not in sent]
    if others and (not kind.is_renamed or len(others) == len(rows) > 1):
        return "it concerns a different item"
    if any(not _candidates(kind, items, failure[kind.item], frozenset()) for failure in failures):
        return "it concerns a different item"
    return ""


def _are_records(found: Any) -> bool:
    return isinstance(found, list) and all(isinstance(each, dict) for each in found)
