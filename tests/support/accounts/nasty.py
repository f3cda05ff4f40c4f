"""A hand-made account whose every number and date is as bad as the API allows; two nights, days on Kiritimati.

The pulls are on 1 and 2 March 2026 at 9:00 UTC. In the second one Fay has cancelled, Gus is deleted, Hal has another
address, and there are new orders.
"""

from pathlib import Path
from typing import Any

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, DETAILS, PURCHASES, STATS, members, whole
from cksync.pipeline.publishing import publish
from tests.support.accounts.small import figures, membership, pulled
from tests.support.log_builder import LogBuilder, gone

ANN, BOB, CYD, DEE, EVE, FAY, GUS, HAL = range(1, 9)
GOOD = "2026-01-10T12:00:00Z"
JOINED = {
    ANN: GOOD,
    BOB: "2099-06-01T00:00:00Z",
    CYD: "0001-01-01T00:00:00Z",
    DEE: None,
    EVE: "1970-01-01T00:00:00Z",
    FAY: "9999-12-31T23:59:59Z",
    GUS: "2099-01-01T00:00:00Z",
    HAL: GOOD,
}
NAMES = {ANN: "ann", BOB: "bob", CYD: "cyd", DEE: "dee", EVE: "eve", FAY: "fay", GUS: "gus", HAL: "hal"}
DAY = "2026-02-01T12:00:00Z"


def person(key: int, state: str = "active", **changed: Any) -> dict[str, Any]:
    """Return a person as the API shows it."""
    email = f"{NAMES[key]}@example.com"
    told = {"id": key, "email_address": email, "first_name": None, "state": state, "created_at": JOINED[key]}
    return {**told, **changed}


def order(key: int, name: str, lines: str = "", at: str = DAY, currency: str = "USD", **amounts: str) -> str:
    """Return a purchase as text, so that its numbers keep their digits; `amounts` are numbers in JSON."""
    told = "".join(f', "{amount}": {number}' for amount, number in amounts.items())
    return (
        f'{{"id": {key}, "email_address": "{name}@example.com", "status": "paid", "transaction_id": "t{key}",'
        f' "transaction_time": "{at}", "currency": "{currency}", "products": [{lines}]{told}}}'
    )


def line(name: str, unit_price: str = "10", quantity: str = "1") -> str:
    """Return a product of a purchase as text."""
    return f'{{"name": "{name}", "pid": "{name}", "unit_price": {unit_price}, "quantity": {quantity}}}'


# By currency, so that each case has figures of its own.
PURCHASED = [
    # an invalid amount beside a valid one
    order(201, "x1", currency="AAA", subtotal="0.123456789"),
    order(202, "x1", currency="AAA", subtotal="10", total="10"),
    # no valid amount at all; the second order's discount is unknown, its total is known
    order(203, "x2", currency="BBB", subtotal="123456789012345678"),
    order(204, "x3", currency="CCC", subtotal="20", discount="0.123456789", total="15"),
    order(205, "x3", currency="CCC", subtotal="30", discount="0.123456789"),
    # quantities and prices
    order(211, "x4", line("half", "20", "1.5"), currency="DDD", subtotal="30"),
    order(212, "x4", line("none", "20", "0"), currency="DDD", subtotal="0"),
    order(213, "x4", line("back", "5", "-2"), currency="DDD", subtotal="-10"),
    order(214, "x4", line("null", "5", "null"), currency="DDD", subtotal="5"),
    order(215, "x4", line("free", "null", "3"), currency="DDD", subtotal="6"),
    order(216, "x5", ", ".join((line("known", "10", "2"), line("unknown", "0.123456789", "1"))), currency="EEE",
          subtotal="50", discount="5"),
    order(217, "x5", line("known", "10", "4"), currency="EEE", subtotal="40", discount="4"),
    order(218, "x6", line("huge", "99999999999999", "9223372036854775807"), currency="FFF", subtotal="1"),
    # one currency
    order(221, "x7", currency="usd", subtotal="1"),
    order(222, "x7", currency="USD", subtotal="2"),
    order(223, "x7", currency=" usd ", subtotal="4"),
    # dates
    order(231, "ann", at="2099-01-01T00:00:00Z", currency="GGG", subtotal="8"),
    order(232, "ann", at="0001-01-01T00:00:00Z", currency="GGG", subtotal="16"),
    order(233, "ann", at="2026-02-20T00:00:00Z", currency="GGG", subtotal="32"),
    order(234, "bob", at="2026-02-20T00:00:00Z", currency="GGG", subtotal="64"),
    # Hal, before and after he changed his address
    order(241, "hal", at="2026-02-01T00:00:00Z", currency="HHH", subtotal="3"),
]  # fmt: skip
LATER = [
    order(242, "hal.new", at="2026-03-01T20:00:00Z", currency="HHH", subtotal="5"),
    # Hal's old address, in an order that arrived late
    order(243, "hal", at="2026-03-01T01:00:00Z", currency="HHH", subtotal="7"),
    order(244, "hal.new", at="2026-03-01T21:00:00Z", currency="HHH", subtotal="9").replace('"paid"', '"refunded"'),
]
SENT = {
    301: ("2099-01-01T00:00:00Z", "2026-02-10T10:00:00Z"),
    302: ("0001-01-01T00:00:00Z", None),
    303: ("2026-02-11T10:00:00Z", "9999-12-31T23:59:59Z"),
}


def nasty_account(root: Path, zone: str = "Pacific/Kiritimati") -> LogBuilder:
    """Return the account, pulled and published twice."""
    log, config = LogBuilder(root), Config(root, "the test", models=ModelsConfig(timezone=zone))
    broadcasts = [
        {"id": key, "subject": None, "created_at": "2026-02-01T10:00:00Z", "send_at": send, "published_at": published}
        for key, (send, published) in SENT.items()
    ]
    pulled(
        log,
        0,
        {
            whole("forms"): [{"id": 70, "name": "Guide"}, {"id": 71, "name": "Old"}],
            whole("tags"): [{"id": 7, "name": "VIP"}],
            whole("sequences"): [{"id": 90, "name": "Welcome"}],
            ACTIVE: [person(key) for key in (ANN, BOB, CYD, DEE, FAY, GUS, HAL)],
            CANCELLED: [person(EVE, "cancelled")],
            members("form", "70"): [
                membership(100 + key, key, at)
                for key, at in ((ANN, GOOD), (BOB, "2099-06-01T00:00:00Z"), (CYD, "0001-01-01T00:00:00Z"))
            ],
            members("form", "71"): [membership(120, ANN, "0001-01-01T00:00:00Z")],
            members("tag", "7"): [membership(130, HAL, "2099-06-01T00:00:00Z")],
            members("sequence", "90"): [membership(140, ANN, "9999-12-31T23:59:59Z")],
            BROADCASTS: broadcasts,
            DETAILS: broadcasts,
            STATS: [
                figures(301, 100, 1e300, 2.0, 1, 0),
                {"id": 302, "stats": {"status": "completed", "progress": 100.0}},
                figures(303, 100, 20.0, 2.0, 1, 0),
            ],
            PURCHASES: PURCHASED,
        },
    )
    publish(config, log.folder)
    pulled(
        log,
        1,
        {
            ACTIVE: [*(person(key) for key in (ANN, BOB, CYD, DEE)), person(HAL, email_address="Hal.New@Example.com ")],
            CANCELLED: [person(EVE, "cancelled"), person(FAY, "cancelled")],
            BY_ID: [gone(GUS)],
            PURCHASES: [*PURCHASED, *LATER],
        },
    )
    publish(config, log.folder)
    return log
