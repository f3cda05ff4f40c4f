"""The few kinds of values that formats other than DuckDB's distinguish, and columns converted to them."""

from typing import Literal

from cksync.analyze.export.source import ExportColumn
from cksync.sqltext import identifier

# An instant has a zone (UTC), a moment none. JSON is text that contains JSON.
Kind = Literal["integer", "decimal", "float", "boolean", "instant", "moment", "date", "text", "json"]

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"), "integer"),
    **dict.fromkeys(("DECIMAL", "HUGEINT", "UBIGINT"), "decimal"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "moment"),
    "BOOLEAN": "boolean",
    "TIMESTAMP WITH TIME ZONE": "instant",
    "DATE": "date",
    "JSON": "json",
}


def kind_of(column: ExportColumn) -> Kind:
    """Return the kind of a column for a format with few types; a column without a kind of its own is text."""
    if is_nested(column):
        return "json"
    return _KINDS.get(column.type.split("(")[0], "text")


def is_nested(column: ExportColumn) -> bool:
    """Return True if a column's values have parts: a list, a struct, a map."""
    return column.type.endswith("]") or column.type.startswith(("STRUCT(", "MAP(", "UNION("))


def digits(column: ExportColumn) -> tuple[int, int]:
    """Return precision and scale of a decimal column."""
    inside = column.type.partition("(")[2].rstrip(")")
    precision, scale = (int(part) for part in inside.split(",")) if inside else (38, 0)
    return precision, scale


def plain(column: ExportColumn) -> str:
    """Return the SQL of a column as a BIGINT, DECIMAL, DOUBLE, BOOLEAN, TIMESTAMPTZ, TIMESTAMP, DATE or VARCHAR."""
    name = identifier(column.name)
    if is_nested(column):
        return f"to_json({name})::varchar"
    if column.type == "BLOB":
        return f"to_base64({name})"
    precision, scale = digits(column) if kind_of(column) == "decimal" else (0, 0)
    casts: dict[Kind, str] = {
        "integer": "bigint",
        "decimal": f"decimal({precision}, {scale})",
        "float": "double",
        "boolean": "boolean",
        "instant": "timestamptz",
        "moment": "timestamp",
        "date": "date",
        "text": "varchar",
        "json": "varchar",
    }
    return f"{name}::{casts[kind_of(column)]}"


def iso(column: ExportColumn) -> str:
    """Return SQL for a time in ISO 8601, with microseconds if it has any; an instant in UTC."""
    zone = "'+00:00'" if kind_of(column) == "instant" else "''"
    value = plain(column)
    second = f"strftime({value}, '%Y-%m-%dT%H:%M:%S')"
    fraction = f"case when microsecond({value}) % 1000000 = 0 then '' else strftime({value}, '.%f') end"
    return f"case when {is_common(value)} then {second} || {fraction} || {zone} else {value}::varchar end"


def is_common(value: str) -> str:
    """Return an SQL condition for times that strftime writes as ISO 8601: finite, and not before the year 1."""
    return f"(isfinite({value}) and era({value}) > 0)"
