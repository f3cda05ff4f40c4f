"""Memberships that SQL put back or moved: what looks like other edits is seen as the one that was meant.

A membership that was deleted and inserted again has the key of the checkout; it is an insertion. One that an UPDATE
gave to another person or list is a deletion and an insertion. The API removes nobody from a form or sequence, so there
both are one update, which is refused as a whole.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cksync.write.edits import Cell, Edit, Key
from cksync.write.workspace import key_of

_TABLE = "subscriptions"
# The columns that show that a row is a former one with another key, surest first. API v4 gives no id.
_SAME_ROW = (
    ("subscribable_type", "subscribable_id", "id"),
    ("subscribable_type", "subscribable_id", "created_at"),
    ("id",),
    ("created_at",),
)


def as_meant(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits with those of memberships as they were meant."""
    meant: dict[tuple[str, Key], Edit | None] = {}
    for old, new in _moves([edit for edit in edits if edit.table == _TABLE]):
        if old.key[0] == "tag":  # its state came along; nobody asked for it
            meant["insert", new.key] = replace(new, row={**new.row, "state": None})
        else:
            meant["delete", old.key] = _update(old, new)
            meant["insert", new.key] = None
    found = (meant.get((edit.kind, edit.key), edit) if edit.table == _TABLE else edit for edit in edits)
    return [_inserted_again(edit) if _is_put_back(edit) else edit for edit in found if edit is not None]


def _is_put_back(edit: Edit) -> bool:
    """Return True if a membership was deleted and inserted again: it has a new id, or nothing but its key."""
    if edit.table != _TABLE or edit.kind != "update":
        return False
    values = {cell.column: cell.mine or "" for cell in edit.cells}
    return values.get("id", "").startswith("-") or not any(values.values())


def _inserted_again(edit: Edit) -> Edit:
    row = {**edit.row, **{cell.column: cell.mine for cell in edit.cells}}
    return replace(edit, kind="insert", row=row, cells=())


def _moves(edits: Sequence[Edit]) -> Iterator[tuple[Edit, Edit]]:
    """Yield deletions and insertions that are one row with another key."""
    old = {edit.key: edit for edit in edits if edit.kind == "delete"}
    new = {edit.key: edit for edit in edits if edit.kind == "insert" and (edit.row.get("id") or 0) >= 0}
    for columns in _SAME_ROW:
        places: dict[Key, list[Edit]] = {}
        for edit in new.values():
            places.setdefault(_values(edit, columns), []).append(edit)
        for edit in [*old.values()]:
            place = _values(edit, columns)
            if None not in place and (others := places.get(place)):
                yield old.pop(edit.key), new.pop(others.pop(0).key)


def _values(edit: Edit, columns: Sequence[str]) -> Key:
    return tuple(edit.row.get(name) for name in columns)


def _update(old: Edit, new: Edit) -> Edit:
    """Return a deletion and an insertion as the update of a key."""
    names = key_of(_TABLE)
    cells = (
        Cell(name, str(was), str(now), None)
        for name, was, now in zip(names, old.key, new.key, strict=True)
        if was != now
    )
    return Edit(_TABLE, "update", old.key, dict(zip(names, old.key, strict=True)), tuple(cells), old.is_there)
