"""Parse the files of sql/models and sql/checks: one select, its header, and what it reads.

The words with a meaning in the header of a model (see sqltext.py) are:

    @key: a, b         the columns that identify a row; also a check
    @stored: table     built as a table at every publish; otherwise it is a view, unless it reads files
    @filter: SQL       the usual filter of a reader
    @unknown: TEXT     what neither the API nor the model can tell
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

# The table functions of DuckDB and its extensions that open a file or a server.
_READERS = re.compile(r"(?i)read_|glob$|sniff_|parquet_|st_read|.*_(scan|query|attach)$")


@dataclass(frozen=True, slots=True)
class Model:
    """One select with a name. `reads` are the tables and models of `main` it uses, in lower case; `has_files` is True
    if it reads files; `problem` says why it cannot be built."""

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
        """`view` or `table`. A model that reads files is a table, because later queries of the mirror cannot open
        files."""
        return "table" if self.has_files else self.header.words.get("@stored", "view")


def read_folder(folder: Path, shown: str, pattern: str = "*.sql") -> list[Model]:
    """Read the files of a folder that match a pattern; `shown` is the folder's name in messages."""
    return [_read(path, f"{shown}/{path.relative_to(folder).as_posix()}") for path in sorted(folder.glob(pattern))]


def _read(path: Path, shown: str) -> Model:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        return Model(path.stem, "", shown, Header("", {}, {}), problem=f"{shown} cannot be read: {reason}")
    return model(path.stem, text, shown)


def model(name: str, text: str, shown: str) -> Model:
    """Return a model from its text; any error becomes its problem."""
    made = Model(name, text, shown, header(text))
    if made.kind not in ("view", "table"):
        return replace(made, problem=f"{shown}: @stored is view or table, not {made.kind}")
    try:
        reads, has_files = _reads(text)
    except duckdb.Error as error:
        return replace(made, problem=sentence(error, shown))
    except ValueError:
        return replace(made, problem=f"{shown}: must be one select and nothing else")
    return replace(made, reads=reads, has_files=has_files)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@cache
def _reads(text: str) -> tuple[frozenset[str], bool]:
    """Return the tables of `main` that a select uses, and True if it reads files. Raises duckdb.Error if DuckDB cannot
    parse it, ValueError if it is not one select."""
    (parsed,) = _parser().execute("select json_serialize_sql(?::varchar)", [text]).fetchone() or ("",)
    tree = json.loads(parsed)
    if tree["error"]:
        duckdb.extract_statements(text)
        raise ValueError
    (statement,) = tree["statements"]
    return frozenset(_tables(statement["node"], frozenset())), _has_files(statement["node"])


def _has_files(node: Any) -> bool:
    """Return True if a parsed select calls a function that reads files, or names a file in place of a table."""
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
    """Return DuckDB's message in one line, after the file and line that it concerns."""
    text = str(error)
    at = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    return f"{shown}:{at[1]}: {text.splitlines()[0]}" if at else f"{shown}: {text.splitlines()[0]}"


def _tables(node: Any, hidden: frozenset[str]) -> Iterator[str]:
    """Yield the tables of `main` that a parsed select uses; `hidden` are names that mean a CTE here."""
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
    """Order models after those they read; a model in a cycle gets that as its problem."""
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
                found[name] = replace(found[name], problem=f"{found[name].file}: reads itself: {round_trip}")
