"""Parse the files of sql/models and sql/checks: one select, its header, and what it reads.

The words with a meaning in the header of a model (see sqltext.py) are:

    @key: a, b         the columns that identify a row; also a check
    @stored: table     built as a table at every publish; otherwise it is a view, unless it reads files
    @filter: SQL       the usual filter of a reader
    @unknown: TEXT     what neither the API nor the model can tell
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import duckdb

from cksync.sqlreads import read
from cksync.sqltext import Header, header, names


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
        reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
        return Model(path.stem, "", shown, Header("", {}, {}), problem=f"{shown} cannot be read: {reason}")
    return model(path.stem, text, shown)


def model(name: str, text: str, shown: str) -> Model:
    """Return a model from its text; any error becomes its problem."""
    made = Model(name, text, shown, header(text))
    if made.kind not in ("view", "table"):
        return replace(made, problem=f"{shown}: @stored must be view or table, not {made.kind}")
    try:
        found = read(text)
    except duckdb.Error as error:
        return replace(made, problem=sentence(error, shown))
    except ValueError:
        return replace(made, problem=f"{shown}: must contain exactly one select")
    reads = frozenset(name for schema, name in found.tables if schema == "main")
    return replace(made, reads=reads, has_files=found.has_files)


def sentence(error: duckdb.Error, shown: str) -> str:
    """Return DuckDB's message in one line, after the file and line that it concerns."""
    text = str(error)
    at = re.search(r"^LINE (\d+):", text, re.MULTILINE)
    return f"{shown}:{at[1]}: {text.splitlines()[0]}" if at else f"{shown}: {text.splitlines()[0]}"


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
                found[name] = replace(found[name], problem=f"{found[name].file}: circular dependency: {round_trip}")
