"""Compare a published mirror with the sandbox's world, in Python, without any of cksync's SQL."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb

from kit_sandbox import World, expected_mirror

Rows = dict[Any, dict[str, Any]]

_MONEY = ("subtotal", "tax", "shipping", "discount", "total", "unit_price")
_TIMES = ("created_at", "published_at", "send_at", "transaction_time")
_WHOLE = ("recipients", "unsubscribes", "total_clicks", "quantity", "id", "subscriber_id")
_RATES = ("open_rate", "click_rate", "progress")
_JSON = ("fields", "subscriber_filter", "send_days", "exclude_subscriber_sources", "event", "plan", "sending_addresses")
_TEXT = ("uid", "transaction_id", "sku", "pid", "lid", "subject", "name", "title", "source", "referrer")


def differences(mirror: Path, world: World) -> list[str]:
    """Return every difference between the mirror's tables and the world as sentences; [] if they are equal."""
    truth = expected_mirror(world)
    found: list[str] = []
    with duckdb.connect(str(mirror), read_only=True) as db:
        db.execute("set TimeZone = 'UTC'")
        people = {key: row for key, row in truth.subscribers.items() if key in truth.listed}
        expected: dict[str, Mapping[Any, Mapping[str, Any]]] = {
            "custom_fields": truth.custom_fields,
            "forms": truth.forms,
            "sequences": truth.sequences,
            "tags": truth.tags,
            "subscribers": people,
            "subscriptions": truth.subscriptions,
            "broadcasts": truth.broadcasts,
            "broadcast_stats": truth.broadcast_stats,
            "purchases": truth.purchases,
        }
        for table, rows in expected.items():
            have = _read(db, table)
            if table == "subscribers":  # people in no list are read only within the verify cycle
                have = {
                    key: row for key, row in have.items() if key in people or row["state"] in ("active", "cancelled")
                }
            found += _compare(table, have, rows)
        found += _compare_products(db, truth.purchases)
        account = db.execute("select name, primary_email_address from account").fetchall()
        if account != [(truth.account["name"], truth.account["primary_email_address"])]:
            found.append(f"account: {account}")
    return found


def _read(db: duckdb.DuckDBPyConnection, table: str) -> Rows:
    cursor = db.execute(f'select * from main."{table}"')
    names = [item[0] for item in cursor.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return {_key(table, row): row for row in rows}


def _key(table: str, row: Mapping[str, Any]) -> Any:
    if table == "subscriptions":
        return (row["subscribable_type"], row["subscribable_id"], row["id"])
    return row["broadcast_id"] if table == "broadcast_stats" else row["id"]


def _compare(table: str, have: Rows, want: Mapping[Any, Mapping[str, Any]]) -> list[str]:
    found = [f"{table}: {key} is missing" for key in want.keys() - have.keys()]
    found += [f"{table}: {key} is not in the account" for key in have.keys() - want.keys()]
    for key in have.keys() & want.keys():
        payload = want[key]
        if table == "broadcast_stats":
            payload = payload.get("stats") or {}
        if table == "subscriptions":
            payload = {**payload, "subscribable_type": {"course": "sequence"}.get(key[0], key[0])}
        found += [f"{table}: {key}: {text}" for text in _compare_row(have[key], payload)]
    return found


def _compare_row(have: Mapping[str, Any], want: Mapping[str, Any]) -> list[str]:
    extra = json.loads(have["_extra"]) if have["_extra"] else {}
    found = []
    for name, value in want.items():
        if name in ("products", "subscriber"):
            continue
        column = have.get(name)
        if name in _JSON:
            column = json.loads(column) if column else column
        if name in have and (column is not None or value is None or name not in extra):
            if column != expected(name, value):
                found.append(f"{name} is {column!r}, not {value!r}")
        elif extra.get(name, ...) != _plain(value):
            found.append(f"{name} {value!r} is lost (_extra {extra})")
    return found


def expected(name: str, value: Any) -> Any:
    """Return a value of the API as its column must hold it."""
    if value is None:
        return None
    if name in _TIMES:
        return _time(str(value))
    if name in _MONEY:
        return _money(value)
    if name in _WHOLE:
        return int(value) if re.fullmatch(r"-?\d+", str(value)) else None
    if name in _RATES:
        return float(value)
    if name == "fields":
        return {key: _plain(item) for key, item in value.items()}
    return str(value) if name in _TEXT else value


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _money(value: Any) -> Decimal | None:
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return None
    return exact.quantize(Decimal("0.0001")) if exact == exact.quantize(Decimal("0.0001")) else None


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _compare_products(db: duckdb.DuckDBPyConnection, purchases: Mapping[int, Mapping[str, Any]]) -> list[str]:
    cursor = db.execute("select * from purchase_products order by purchase_id, position")
    names = [item[0] for item in cursor.description or ()]
    have = {(row[0], row[1]): dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    want = {
        (key, place): product
        for key, purchase in purchases.items()
        for place, product in enumerate(purchase.get("products") or (), 1)
    }
    found = [f"purchase_products: {key}" for key in have.keys() ^ want.keys()]
    for key in have.keys() & want.keys():
        found += [f"purchase_products: {key}: {text}" for text in _compare_row(have[key], want[key])]
    return found
