"""The lines of a plan of a push: what is added, changed and removed, by kind, in the words of the account."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from cksync.cli.streams import colored as paint
from cksync.plural import plural

if TYPE_CHECKING:
    from cksync.write.action import Action
    from cksync.write.labels import Labels

COLORS = {"+": "green", "~": "yellow", "-": "red", "!": "red"}
# The first words of kinds that remove something.
_REMOVING = ("delete", "unsubscribe", "untag")
_ADDING = ("create", "subscribe", "tag", "add")
# The argument of an action that names a list of members, and the table of that list.
_LISTS = {"parent_id": None, "tag_id": "tags", "form_id": "forms", "sequence_id": "sequences"}
WIDTH = 60


def mark(what: str) -> str:
    """Return `+` for a kind of change that adds something, `-` for one that removes something, else `~`."""
    word = what.split(" ")[0]
    return "-" if word in _REMOVING else "+" if word in _ADDING else "~"


def colored(sign: str, text: str) -> str:
    """Return a line that begins with a sign, in its color."""
    return paint(f"{sign} {text}", COLORS[sign])


def lines_of(actions: list["Action"], names: "Labels", limit: int, *, redact: bool) -> Iterator[str]:
    """Yield the lines of the actions of one kind: a heading, and at most `limit` changes."""
    sign = mark(actions[0].what)
    yield colored(sign, f"{actions[0].what}: {len(actions):,}")
    left = limit
    for place, some in groupby(
        sorted(actions, key=lambda each: _list_of(each, names)), lambda each: _list_of(each, names)
    ):
        group = list(some)
        indent = "    " if place and not redact else "  "
        if place and not redact and left > 0:
            yield f"  {place}: {len(group):,}"
        for action in group[: max(left, 0)]:
            yield from _lines(action, names, indent, sign, redact=redact)
        left -= len(group)
    if len(actions) > limit:
        yield f"  ... and {len(actions) - limit:,} more; --limit {len(actions)} prints all"


def _list_of(action: "Action", names: "Labels") -> str:
    """Return the list of members that an action changes, as in `tag "Launch" (5)`; '' if it changes none."""
    if action.kind.about != "subscribers":  # it changes the tag itself
        return ""
    for name, table in _LISTS.items():
        if (id_ := action.args.get(name)) is not None:
            table = table or f"{action.args['parent']}s"
            way = "from" if mark(action.what) == "-" else "to"
            return f"{way} {table.removesuffix('s')} {named(table, int(id_), names, quote=True)}"
    return ""


def named(table: str, id_: int, names: "Labels", *, quote: bool = False) -> str:
    """Return the label of a row with its id, or `new`."""
    label = names.get((table, id_))
    number = "new" if id_ < 0 else str(id_)
    if label is None:
        return number
    return f'"{short(label)}" ({number})' if quote else f"{short(label)} ({number})"


def _lines(action: "Action", names: "Labels", indent: str, sign: str, *, redact: bool) -> Iterator[str]:
    if redact:
        yield indent + colored(sign, action.target)
        return
    yield indent + colored(sign, named(action.kind.about, int(action.target), names))
    values = _values(action)
    width = max(map(len, values), default=0)
    for column, value in values.items():
        yield f"{indent}    {column:{width}}  {value}"


def _values(action: "Action") -> Mapping[str, str]:
    """Return what an action writes, by column: old and new values, or those of a new row."""
    values = {cell.column: f"{_value(cell.base)} -> {_value(cell.mine)}" for cell in action.cells}
    if not action.kind.makes:
        return values
    shown = {*_LISTS, "parent", "name", "label", "subject"}  # in the lines above
    if action.kind.about == "subscribers":
        shown.add("email_address")
    args = {
        name: value for name, value in action.args.items() if not isinstance(value, dict | list) and value is not None
    }
    cells = {cell.column: cell.mine for cell in action.cells}
    return {name: _value(value) for name, value in {**args, **cells}.items() if name not in shown}


def _value(value: object) -> str:
    return "(empty)" if value in (None, "") else short(repr(value) if isinstance(value, str) else str(value))


def short(text: str) -> str:
    """Return a text on one line, cut where it is too long."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def summary(actions: list["Action"]) -> str:
    """Return how many changes of each sign there are."""
    signs = [mark(action.what) for action in actions]
    words = {"+": "to add", "~": "to change", "-": "to remove"}
    return ", ".join(f"{signs.count(sign):,} {word}" for sign, word in words.items() if sign in signs) or plural(
        0, "change"
    )
