"""Compare a published mirror with the sandbox's world as API v4 shows it, in Python, without any of cksync's SQL."""

import contextlib
import json
from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from kit_sandbox import World
from kit_sandbox.expected_v4 import expected_v4

_KEYS: Mapping[str, tuple[str, ...]] = {
    "subscriptions": ("subscribable_type", "subscribable_id", "subscriber_id"),
    "broadcast_links": ("broadcast_id", "id"),
    "broadcast_stats": ("broadcast_id",),
    "sequence_email_stats": ("email_id",),
    "subscriber_stats": ("subscriber_id",),
}
# Keys that change with every look or have a table of their own.
_ELSEWHERE = {"products", "tags", "document", "subscriber_count", "email_count", "stats", "user"}
# Figures that no cheap signal shows (docs/completeness.md).
LEFT_TO_THE_CYCLE = ("subscriber_stats", "sequence_email_stats", "broadcast_links")


def differences_v4(mirror: Path, world: World, but: Collection[str] = ()) -> list[str]:
    """Return every difference between the mirror's tables and the world as sentences; [] if they are equal. `but` names
    tables to leave out."""
    truth, found = expected_v4(world), list[str]()
    with duckdb.connect(str(mirror), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        for name in (field.name for field in fields(truth) if field.name not in but):
            want = getattr(truth, name)
            found += _compare(db, name, {want["id"]: want} if name == "account" else want)
    return found


def _compare(db: duckdb.DuckDBPyConnection, table: str, want: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    cursor = db.execute(f'select * from main."{table}"')
    columns = [column[0] for column in cursor.description or ()]
    rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    key = _KEYS.get(table, ("id",))
    have = {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row for row in rows}
    found = [f"{table}: {each} is missing" for each in want.keys() - have.keys()]
    found += [f"{table}: {each} is not in the account" for each in have.keys() - want.keys()]
    for each in have.keys() & want.keys():
        for name, value in want[each].items():
            if name == "attribution_source_mechanism_id" and value is not None:
                value = str(value)
            if name not in _ELSEWHERE and _plain(have[each].get(name)) != _plain(value):
                found.append(f"{table}: {each}: {name} is {have[each].get(name, 'no column')!r}, not {value!r}")
    return found


def _plain(value: Any) -> Any:
    """Return a value of either side as text or number, JSON as a value."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and value[:1] in ("[", "{"):
        with contextlib.suppress(ValueError):  # a text that begins like JSON
            return json.loads(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return value
