"""A hand-made account in which everything happens in the same second, pulled over nights that write its rows in another
order: whatever a model takes as the first, the last or the largest has ties."""

from pathlib import Path
from typing import Any

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, DETAILS, PURCHASES, STATS, Slice, members, whole
from cksync.pipeline.publishing import publish
from tests.support.accounts.small import figures, membership, pulled
from tests.support.log_builder import LogBuilder, gone

THEN = "2025-11-01T00:00:00Z"
PEOPLE, SENDS = range(1, 41), range(301, 316)
GROUPS = (("form", 71), ("form", 70), ("tag", 8), ("tag", 7), ("sequence", 91), ("sequence", 90))


def person(key: int, night: int = 0) -> dict[str, Any]:
    """Return a person; every third one has a new name each night, and one in four has cancelled from the second night
    on."""
    state = "cancelled" if night and not key % 4 else "active"
    name = f"n{night}" if not key % 3 else "n"
    email = f"p{key}.{night}@example.com" if not key % 5 else f"p{key}@example.com"
    return {"id": key, "email_address": email, "first_name": name, "state": state, "created_at": THEN,
            "fields": {"plan": f"plan {key % 7}"}}  # fmt: skip


def joined(kind: str, parent: int, night: int) -> list[dict[str, Any]]:
    """Return all people in the group since the same second, each with a referrer; each night some rows are written
    again."""
    number = GROUPS.index((kind, parent))
    return [
        membership(1000 * number + key, key, THEN, f"https://{kind}{parent}.example.org/?utm_source={kind}{parent}")
        | {"state": "cancelled" if night and (key + number) % 3 == night else "active"}
        for key in PEOPLE
        if not (night == 2 and key == 40)
    ]


def sales(night: int) -> list[dict[str, Any]]:
    """Return an order in each of two currencies for every person in the same second, of a product with many names."""
    return [
        {
            "id": 10 * key + place,
            "email_address": f"P{key}@example.com",
            "status": "Paid" if night and not (key + place) % 3 else "paid",
            "transaction_time": THEN,
            "currency": currency,
            "subtotal": 7 * key + 0.01,
            "discount": 0.03,
            "products": [
                {"name": f"name {key} {number}", "pid": "p", "unit_price": 1.1 * number, "quantity": number}
                for number in range(1, 4)
            ],
        }
        for key in PEOPLE
        for place, currency in enumerate(("EUR", "USD"))
    ]


def sends(night: int) -> list[dict[str, Any]]:
    """Return broadcasts of the same moment, one of them without a subject."""
    return [
        {"id": key, "subject": None if key == SENDS[-1] else f"{key} {night if key % 2 else ''}", "created_at": THEN,
         "send_at": THEN}
        for key in SENDS
    ]  # fmt: skip


def night_of(log: LogBuilder, night: int) -> None:
    """Log a pull that reads everything, in another order each time, and publish it."""
    people = [person(key, night) for key in PEOPLE if key != 40 or night < 2]
    lists: dict[Slice, list[Any]] = {
        whole("forms"): [{"id": key, "name": "Form" if night else f"Form {key}"} for key in (70, 71)],
        whole("tags"): [{"id": key, "name": "Tag" if night else f"Tag {key}"} for key in (7, 8)],
        whole("sequences"): [{"id": key, "name": f"Sequence {night}"} for key in (90, 91)],
        whole("custom_fields"): [{"id": 1, "key": "plan", "label": f"Plan {night}"}],
        ACTIVE: [each for each in people if each["state"] == "active"],
        CANCELLED: [each for each in people if each["state"] == "cancelled"],
        BROADCASTS: sends(night),
        DETAILS: sends(night),
        STATS: [figures(key, 97 + key % 5, 10.1 + key % 7 / 3 + night, 3.3 + key % 3 / 7, 9, 1) for key in SENDS],
        PURCHASES: sales(night),
    }
    for kind, parent in GROUPS if night % 2 else GROUPS[::-1]:
        lists[members(kind, str(parent))] = joined(kind, parent, night)
    if night == 2:
        lists[BY_ID] = [gone(40)]
    pulled(log, night, {slice_: given[::-1] if night % 2 else given for slice_, given in lists.items()})
    publish(Config(log.folder.root, "the test", models=ModelsConfig(minimum_support=2)), log.folder)


def tied_account(root: Path) -> LogBuilder:
    """Return the account, pulled and published on three nights."""
    log = LogBuilder(root)
    for night in range(3):
        night_of(log, night)
    return log
