"""The files of sql/ with their headers, and names and values where they stand in SQL.

A header is the comment lines at the top of a file. The first says what a row is. Then, each on its line:

    @name: TEXT      a word with a meaning of its own; load/tables.py and analyze/catalogue.py have lists of them
    column: TEXT     the description of a column

A line without such a name goes on with the one before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"(@?\w+):\s*(.*)")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself: its first line, the words with a meaning, the columns' descriptions."""

    grain: str
    words: Mapping[str, str]
    comments: Mapping[str, str]


def sql_folder() -> Path:
    """Where sql/ is: inside the installed package, or at the top of a checkout."""
    installed = Path(__file__).parent / "sql"
    return installed if installed.is_dir() else installed.parent.parent / "sql"


def header(text: str) -> Header:
    """The header of a file."""
    entries: dict[str, str] = {}
    name = ""  # the first line has none
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        said = line.removeprefix("--").strip()
        match = _ENTRY.fullmatch(said) if entries else None
        name, said = (match[1], match[2]) if match else (name, said)
        entries[name] = f"{entries[name]} {said}".strip() if name in entries else said
    words = {name: said for name, said in entries.items() if name.startswith("@")}
    comments = {name: said for name, said in entries.items() if name and name not in words}
    return Header(entries.get("", ""), words, comments)


def names(text: str) -> tuple[str, ...]:
    """The names of a list such as `a, b`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def quoted(columns: Sequence[str], prefix: str = "") -> str:
    """Column names for SQL, each behind `prefix`."""
    return ", ".join(prefix + identifier(name) for name in columns)


def identifier(name: str) -> str:
    """A name for SQL, whatever its characters."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A text for SQL where no parameter can stand."""
    return "'" + str(value).replace("'", "''") + "'"


def comments(kind: str, name: str, grain: str, meanings: Mapping[str, str]) -> str:
    """The statements that describe a table or view (`name` as it stands in SQL) and its columns in the database."""
    said = [f"comment on {kind} {name} is {literal(grain)}"]
    said += [f"comment on column {name}.{identifier(column)} is {literal(text)}" for column, text in meanings.items()]
    return f"begin; {'; '.join(said)}; commit"
