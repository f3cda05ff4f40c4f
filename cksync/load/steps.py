"""The statements of a merge: each file of sql/merge does one step, and can be run and explained alone.

The header of a file (see sqltext.py) says what the step makes or changes, and from what. What differs from table to
table stands in the statement as a {placeholder}; the header describes each, as it would a column.
"""

import re
from functools import cache
from itertools import dropwhile

from cksync.load.tables import Table
from cksync.sqltext import quoted, sql_folder

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def step(name: str, of: Table | None = None, /, **given: str) -> str:
    """The statement of the file sql/merge/`name`.sql. Its placeholders are those of a table and those `given`; raises
    KeyError where that leaves one."""
    values = (_of_table(of) if of else {}) | given
    return _PLACEHOLDER.sub(lambda match: values[match[1]], _statement(name))


def same_key(table: Table, one: str, other: str) -> str:
    """That the rows of two relations have the same key."""
    return " and ".join(f'{one}."{name}" = {other}."{name}"' for name in table.key)


def _of_table(table: Table) -> dict[str, str]:
    return {
        "table": table.name,
        "key": quoted(table.key),
        "key_of_held": quoted(table.key, "held."),
        "last_key": table.key[-1],
        "slice": table.slice or "null",
    }


@cache
def _statement(name: str) -> str:
    """A file without its header, whose words are no statement."""
    lines = (sql_folder() / "merge" / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(dropwhile(lambda line: line.startswith("--"), lines))
