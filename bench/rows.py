"""Compare a tool's database with the sandbox's expected content."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from bench.sandbox import Sandbox

Rows = set[tuple[Any, ...]]
# The columns of a person that every tool stores under the API's own names.
PERSON = "select id, email_address, first_name, state, epoch_ms(created_at) from main.subscribers"
KEYED = ("custom_fields", "forms", "sequences", "tags", "broadcasts", "broadcast_stats", "purchases")


@dataclass(frozen=True, slots=True)
class Compared:
    """How many of the expected rows exist, and how many others."""

    right: int
    expected: int
    strange: int

    def __str__(self) -> str:
        more = f" + {self.strange:,} wrong" if self.strange else ""
        return f"{self.right:,} of {self.expected:,}{more}"


def compare(found: Rows, expected: Rows) -> Compared:
    """Compare row by row."""
    return Compared(len(found & expected), len(expected), len(found - expected))


def person(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a person of the API as PERSON selects one."""
    return (*(record[name] for name in ("id", "email_address", "first_name", "state")), _epoch_ms(record["created_at"]))


def _epoch_ms(text: str) -> int | None:
    """Return a moment in milliseconds; None for the few that the sandbox writes in an invalid format on purpose."""
    for form in ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ"):
        with suppress(ValueError):
            return round(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
    return None


def listed_people(sandbox: Sandbox) -> Rows:
    """Return all people in the two lists of /subscribers."""
    return {person(record) for record in sandbox.truth("subscribers") if record["state"] in ("active", "cancelled")}


def people_in(database: Path) -> Rows:
    """Return the people in a tool's database."""
    return select(database, PERSON)


def select(database: Path, query: str) -> Rows:
    """Return a query's rows as a set."""
    with duckdb.connect(str(database), read_only=True) as db:
        return set(db.execute(query).fetchall())


def account_keys(sandbox: Sandbox) -> dict[str, Rows]:
    """Return the keys of every table of the account that some list of the API shows."""
    keys: dict[str, Rows] = {name: {(record["id"],) for record in sandbox.truth(name)} for name in KEYED}
    keys["subscribers"] = {(key,) for key in sandbox.truth("listed")}
    keys["subscriptions"] = {(record["id"],) for record in sandbox.truth("subscriptions")}
    return keys


def keys_in(database: Path, tables: Mapping[str, str]) -> dict[str, Rows]:
    """Return the keys of a tool's tables; `tables` maps each to the column of its key."""
    return {name: select(database, f'select distinct "{key}" from main."{name}"') for name, key in tables.items()}
