"""The statements of a merge: each file of sql/merge is one step that can be run and explained alone.

The header of a file (see sqltext.py) says what the step creates or changes, and from what. A {placeholder} stands for
what differs between tables; the header describes each as it would a column.
"""

import re
from functools import cache
from itertools import dropwhile

from cksync.load.tables import Table
from cksync.sqltext import quoted, sql_folder

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def step(name: str, of: Table | None = None, /, **given: str) -> str:
    """Return the statement of sql/merge/`name`.sql, with the placeholders of a table and the `given` ones filled in.
    Raises KeyError if one is left."""
    values = (_of_table(of) if of else {}) | given
    return _PLACEHOLDER.sub(lambda match: values[match[1]], _statement(name))


def same_key(table: Table, one: str, other: str) -> str:
    """Return the SQL condition that rows of two relations have the same key."""
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
    """Return a file without its header, which is not part of the statement."""
    lines = (sql_folder() / "merge" / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(dropwhile(lambda line: line.startswith("--"), lines))
