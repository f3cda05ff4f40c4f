"""What release 0.1.0 left on disk: a data folder with five nights of history, a workspace whose push was killed
half-way, and the account at that time. Made by the code of e92758e; later code continues from it unchanged."""

import json
import tarfile
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from kit_sandbox import Account, World
from kit_sandbox.records import Broadcast, CustomField, Parent, Purchase, Roster, Subscriber, Subscription

FIXTURE = Path(__file__).parent.parent / "fixtures" / "release_0_1_0"


class Moment(NamedTuple):
    """The account after a night, as `as_of` must still show it."""

    at: datetime
    states: Mapping[int, str]
    tags: list[str]
    memberships: int


def unpack(folder: Path) -> None:
    """Unpack `data/` and `work.duckdb` (with its `.wal`) into a folder."""
    with tarfile.open(FIXTURE.with_suffix(".tar.xz")) as archive:
        archive.extractall(folder, filter="data")


def moments() -> list[Moment]:
    """Return the nights of the folder, oldest first."""
    return [
        Moment(
            datetime.fromisoformat(row["at"]),
            {int(key): state for key, state in row["states"].items()},
            row["tags"],
            row["memberships"],
        )
        for row in _read()["moments"]
    ]


def account() -> World:
    """Return the account as the killed push left it."""
    held = _read()["world"]
    world = World(Account(**held["account"]))
    world.last_ids.update(held["last_ids"])
    world.custom_fields.update({row["id"]: CustomField(**row) for row in held["custom_fields"]})
    for row in held["subscribers"]:
        values = {int(key): value for key, value in row["values"].items()}
        world.subscribers[row["id"]] = Subscriber(**{**row, "values": values})
        world.by_email[row["email_address"].lower()] = row["id"]
    for row in held["parents"]:
        world.parents[row["kind"]][row["id"]] = Parent(**row)
        world.rosters[row["kind"], row["id"]] = Roster()
    for row in held["memberships"]:
        world.rosters[row["kind"], row["parent_id"]].members[row["subscriber_id"]] = Subscription(**row)
    world.broadcasts.update({row["id"]: Broadcast(**row) for row in held["broadcasts"]})
    world.purchases.update(
        {row["id"]: Purchase(**{**row, "products": tuple(row["products"])}) for row in held["purchases"]}
    )
    return world


def _read() -> Any:
    return json.loads(FIXTURE.with_suffix(".json").read_text(), object_hook=_number)


def _number(value: dict[str, Any]) -> Any:
    return Decimal(value["$decimal"]) if value.keys() == {"$decimal"} else value
