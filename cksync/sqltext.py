"""The files in sql/ with their headers, and quoting of names and values in SQL.

A header is the comment lines at the top of a file. The first one defines what a row is. Then, one per line:

    @name: TEXT      a directive; load/tables.py and analyze/model_files.py list them
    column: TEXT     the description of a column

A line without such a name continues the line before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ENTRY = re.compile(r"(@?\w+):\s*(.*)")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file: its first line, its directives, and the descriptions of its columns."""

    grain: str
    words: Mapping[str, str]
    comments: Mapping[str, str]


def sql_folder() -> Path:
    """The path of sql/: inside the installed package, or at the top of a checkout."""
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
    """Column names for SQL, each with `prefix`."""
    return ", ".join(prefix + identifier(name) for name in columns)


def identifier(name: str) -> str:
    """A quoted identifier for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A string literal for SQL, where parameters are not allowed."""
    return "'" + str(value).replace("'", "''") + "'"


def comments(kind: str, name: str, grain: str, meanings: Mapping[str, str]) -> str:
    """The statements that describe a table or view (`name` as it stands in SQL) and its columns in the database."""
    said = [f"comment on {kind} {name} is {literal(grain)}"]
    said += [f"comment on column {name}.{identifier(column)} is {literal(text)}" for column, text in meanings.items()]
    return "; ".join(said)


def commented(kind: str, name: str, grain: str, meanings: Mapping[str, str]) -> str:
    """The same statements in one transaction, because a commit for each takes longer than they do."""
    return f"begin; {comments(kind, name, grain, meanings)}; commit"
