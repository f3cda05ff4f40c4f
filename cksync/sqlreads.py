"""What a select reads, found by DuckDB's own parser."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb

# The table functions of DuckDB and its extensions that open a file or a server.
_READERS = re.compile(r"(?i)read_|glob$|sniff_|parquet_|st_read|.*_(scan|query|attach)$")


@dataclass(frozen=True, slots=True)
class Reads:
    """The tables that a select names, by schema (`main` where it names none) and name in lower case; `has_files` is
    True if it reads files."""

    tables: frozenset[tuple[str, str]]
    has_files: bool


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@cache
def read(text: str) -> Reads:
    """Return what a select reads. Raises duckdb.Error if DuckDB cannot parse it, ValueError if it is not one select."""
    (parsed,) = _parser().execute("select json_serialize_sql(?::varchar)", [text]).fetchone() or ("",)
    tree = json.loads(parsed)
    if tree["error"]:
        duckdb.extract_statements(text)
        raise ValueError
    (statement,) = tree["statements"]
    return Reads(frozenset(_tables(statement["node"], frozenset())), _has_files(statement["node"]))


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


def _tables(node: Any, hidden: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield the tables that a parsed select names; `hidden` are names that mean a CTE here."""
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
        if node.get("type") == "BASE_TABLE":
            schema, name = node["schema_name"].lower(), node["table_name"].lower()
            if schema or name not in hidden:
                yield schema or "main", name
        for name, each in node.items():
            if name != "cte_map":
                yield from _tables(each, hidden)
