"""`--hash-emails`: replace every email address by the SHA-256 (hex) of its lower-case text.

Columns named as addresses are hashed whole, whatever they hold. In every other text, and in JSON, each part that looks
like an address is hashed, including `%40` for the @ of a URL. The same address has the same hash everywhere, equal to
`email_hash` in the models. A person who has an address can find it again; names, ids, domains in columns of their own,
and unusual spellings ("ada at example") stay.
"""

import re
from dataclasses import replace

from cksync.analyze.export.source import ExportColumn, ExportTable
from cksync.analyze.export.types import is_nested
from cksync.sqltext import identifier, literal

_IS_ADDRESS = re.compile(r"(^|_)e_?mail(_?address)?$", re.IGNORECASE)
_LOCAL = r"[^\s@\"'<>()\[\]{},;:\\/?&=%|]+"
_ADDRESS = (
    rf"{_LOCAL}(?:(?:'|%2[bB]){_LOCAL})*(?:@|%40)"
    r"[A-Za-z0-9\x{80}-\x{10FFFF}.-]*[A-Za-z0-9\x{80}-\x{10FFFF}]"
)
# In JSON, the n of \n is not part of an address that follows it.
_ESCAPES = r"(?:\\u[0-9a-fA-F]{4}|\\[^u])*"


def hashed(table: ExportTable) -> ExportTable:
    """Return the table without addresses."""
    expressions = [f"{_hidden(column)} as {identifier(column.name)}" for column in table.columns]
    columns = tuple(replace(column, type="JSON") if _has_parts(column) else column for column in table.columns)
    return replace(table, columns=columns, relation=f"(select {', '.join(expressions)} from {table.relation})")


def _has_parts(column: ExportColumn) -> bool:
    return is_nested(column) and ("VARCHAR" in column.type or "JSON" in column.type)


def _hidden(column: ExportColumn) -> str:
    name = identifier(column.name)
    if column.type == "VARCHAR" and _IS_ADDRESS.search(column.name):
        return f"case when {name} = '' then '' else sha256(lower({name})) end"
    if column.type == "VARCHAR":
        return _in_text(name)
    if column.type == "JSON":
        return _in_json(f"{name}::varchar")
    return _in_json(f"to_json({name})::varchar") if _has_parts(column) else name


def _in_text(text: str) -> str:
    return f"case when {_has(text, '@', '%40')} then {_replaced(text, _ADDRESS)} else {text} end"


def _in_json(text: str) -> str:
    is_escaped = _has(text, r"\u0040", r"\u0025")
    spelled = f"(case when {is_escaped} then json({text})::varchar else {text} end)"  # an escaped @ becomes an @
    is_suspect = _has(spelled, "@", "%40")
    return f"(case when {is_suspect} then {_replaced(spelled, _ESCAPES + _ADDRESS)} else {text} end)::json"


def _has(text: str, *marks: str) -> str:
    return "(" + " or ".join(f"contains({text}, {literal(mark)})" for mark in marks) + ")"


def _replaced(text: str, pattern: str) -> str:
    """Return SQL that joins the text between the addresses with their hashes."""
    found = literal(pattern)
    escapes = f"regexp_extract(found, {literal('^' + _ESCAPES)})" if pattern.startswith(_ESCAPES) else "''"
    hashes = f"""
        list_transform(
            regexp_extract_all({text}, {found}),
            lambda found: {escapes} || sha256(lower(url_decode(substr(found, length({escapes}) + 1))))
        )
    """
    pairs = f"list_zip(regexp_split_to_array({text}, {found}), {hashes})"
    return f"array_to_string(list_transform({pairs}, lambda pair: pair[1] || coalesce(pair[2], '')), '')"
