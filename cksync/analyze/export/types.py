"""The few kinds of values that formats other than DuckDB's tell apart, and columns as these."""

from typing import Literal

from cksync.analyze.export.source import Column
from cksync.sqltext import identifier

# An instant has a zone (UTC), a moment none. JSON is text that holds JSON.
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


def kind_of(column: Column) -> Kind:
    """What a column is to a format that knows few types; what has no kind of its own is text."""
    if is_nested(column):
        return "json"
    return _KINDS.get(column.type.split("(")[0], "text")


def is_nested(column: Column) -> bool:
    """Whether its values have parts: a list, a struct, a map."""
    return column.type.endswith("]") or column.type.startswith(("STRUCT(", "MAP(", "UNION("))


def digits(column: Column) -> tuple[int, int]:
    """Precision and scale of a decimal column."""
    inside = column.type.partition("(")[2].rstrip(")")
    precision, scale = (int(part) for part in inside.split(",")) if inside else (38, 0)
    return precision, scale


def plain(column: Column) -> str:
    """The column in SQL, as a BIGINT, DECIMAL, DOUBLE, BOOLEAN, TIMESTAMPTZ, TIMESTAMP, DATE or VARCHAR."""
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


def iso(column: Column) -> str:
    """A time in SQL as ISO 8601 writes it, to the microsecond where there is one; an instant in UTC."""
    zone = "'+00:00'" if kind_of(column) == "instant" else "''"
    value = plain(column)
    second = f"strftime({value}, '%Y-%m-%dT%H:%M:%S')"
    fraction = f"case when microsecond({value}) % 1000000 = 0 then '' else strftime({value}, '.%f') end"
    return f"case when {is_common(value)} then {second} || {fraction} || {zone} else {value}::varchar end"


def is_common(value: str) -> str:
    """In SQL whether a time or date is of an age that strftime writes as ISO 8601: finite, and not before Christ."""
    return f"(isfinite({value}) and era({value}) > 0)"
