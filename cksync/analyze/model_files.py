"""What a file of sql/models or sql/checks says: one select, its header, and what it reads.

The words with a meaning in the header of a model (see sqltext.py) are:

    @key: a, b         the columns that identify a row; a check is made of them
    @stored: table     made as a table at every publish; otherwise it is a view, unless it reads files
    @filter: SQL       the usual filter of a reader
    @unknown: TEXT     what the API cannot tell, so that the model cannot either
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from cksync.sqltext import Header, header, names

# The table functions of DuckDB and of its extensions that open a file or a server.
_READERS = re.compile(r"(?i)read_|glob$|sniff_|parquet_|st_read|.*_(scan|query|attach)$")


@dataclass(frozen=True, slots=True)
class Model:
    """One select with a name. `reads` are the tables and models of `main` it names, in lower case; `has_files` tells
    whether it reads files; `problem` says why it cannot be made."""

    name: str
    sql: str
    file: str
    header: Header
    reads: frozenset[str] = frozenset()
    has_files: bool = False
    problem: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row."""
        return names(self.header.words.get("@key", ""))

    @property
    def kind(self) -> str:
        """`view` or `table`. One that reads files is a table: whoever asks the mirror later reaches no file."""
        return "table" if self.has_files else self.header.words.get("@stored", "view")


def read_folder(folder: Path, shown: str, pattern: str = "*.sql") -> list[Model]:
    """Read the files of a folder that fit a pattern; `shown` is how messages call the folder."""
    return [_read(path, f"{shown}/{path.relative_to(folder).as_posix()}") for path in sorted(folder.glob(pattern))]


def _read(path: Path, shown: str) -> Model:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
        return Model(path.stem, "", shown, Header("", {}, {}), problem=f"{shown} cannot be read: {reason}")
    return model(path.stem, text, shown)


def model(name: str, text: str, shown: str) -> Model:
    """A model from its text; what is wrong with it is its problem."""
    made = Model(name, text, shown, header(text))
    if made.kind not in ("view", "table"):
        return replace(made, problem=f"{shown}: @stored must be view or table, not {made.kind}")
    try:
        reads, has_files = _reads(text)
    except duckdb.Error as error:
        return replace(made, problem=sentence(error, shown))
    except ValueError:
        return replace(made, problem=f"{shown}: must contain exactly one select")
    return replace(made, reads=reads, has_files=has_files)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@cache
def _reads(text: str) -> tuple[frozenset[str], bool]:
    """The tables of `main` that a select names, and whether it reads files. Raises duckdb.Error when DuckDB cannot
    read it, ValueError when it is not one select."""
    (parsed,) = _parser().execute("select json_serialize_sql(?::varchar)", [text]).fetchone() or ("",)
    tree = json.loads(parsed)
    if tree["error"]:
        duckdb.extract_statements(text)
        raise ValueError
    (statement,) = tree["statements"]
    return frozenset(_tables(statement["node"], frozenset())), _has_files(statement["node"])


def _has_files(node: Any) -> bool:
    """Whether a parsed select calls a function that reads files, or names one where a table would stand."""
    if isinstance(node, list):
        return any(map(_has_files, node))
    if not isinstance(node, dict):
        return False
    if node.get("type") == "TABLE_FUNCTION" and _READERS.match(node["function"].get("function_name", "")):
        return True
    if node.get("type") == "BASE_TABLE" and re.search(r"[./:]", node["table_name"]):
        return True
    return any(map(_has_files, node.values()))


def sentence(error: duckdb.Error, shown: str) -> str:
    """DuckDB's words in one line, behind the file and the line they are about."""
    text = str(error)
    at = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    return f"{shown}:{at[1]}: {text.splitlines()[0]}" if at else f"{shown}: {text.splitlines()[0]}"


def _tables(node: Any, hidden: frozenset[str]) -> Iterator[str]:
    """The tables of `main` that a parsed select names; `hidden` are names that mean a CTE here."""
    if isinstance(node, list):
        for each in node:
            yield from _tables(each, hidden)
    elif isinstance(node, dict):
        ctes = node.get("cte_map", {}).get("map", [])
        for entry in ctes:
            yield from _tables(entry["value"], hidden | {node["cte_name"].lower()} if "cte_name" in node else hidden)
            hidden |= {entry["key"].lower()}
        if "cte_name" in node:
            hidden |= {node["cte_name"].lower()}
        if node.get("type") == "BASE_TABLE" and node["schema_name"].lower() in ("", "main"):
            name = node["table_name"].lower()
            if node["schema_name"] or name not in hidden:
                yield name
        for name, each in node.items():
            if name != "cte_map":
                yield from _tables(each, hidden)


def in_order(models: Sequence[Model]) -> list[Model]:
    """Each after those it reads; those that read themselves through one another have that as their problem."""
    found = {each.name.lower(): each for each in models}
    while True:
        graph = {name: [other for other in each.reads if other in found] for name, each in found.items()}
        for name, each in found.items():
            if each.problem:
                graph[name] = []
        try:
            return [found[name] for name in TopologicalSorter(graph).static_order()]
        except CycleError as error:
            cycle = list(reversed(error.args[1]))
            round_trip = " reads ".join(cycle)
            for name in set(cycle):
                found[name] = replace(found[name], problem=f"{found[name].file}: circular dependency: {round_trip}")
