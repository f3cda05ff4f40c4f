"""A hand-made shop: six people, four pulls, days in UTC. The expected rows of the marts are derived from it.

    1 March    the first pull: Ann, Bob, Eve and Fay are active, Cyd has cancelled
    16 March   Fay has bounced
    21 March   Bob has cancelled, Eve is deleted, Dee is new, Ann has joined the form a second time
    10 April   nothing: the models' now

Cyd bought before signing up; one order has neither a buyer nor a valid day. The names are as odd as real ones.
"""

from pathlib import Path
from typing import Any

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, DETAILS, PURCHASES, STATS, members, whole
from cksync.pipeline.publishing import publish
from tests.support.accounts.small import figures, membership, pulled
from tests.support.log_builder import LogBuilder, gone

ANN, BOB, CYD, DEE, EVE, FAY = range(1, 7)
JOINED = {
    ANN: "2025-11-01T00:00:00Z",
    BOB: "2026-01-01T00:00:00Z",
    CYD: "2026-01-15T00:00:00Z",
    DEE: "2026-03-10T00:00:00Z",
    EVE: "2026-02-20T00:00:00Z",
    FAY: "2026-02-01T00:00:00Z",
}
NAMES = {ANN: "Ann", BOB: "Bob", CYD: "Cyd", DEE: "Dee", EVE: "Eve", FAY: "Fay"}
GUIDE = "The \"free\" guide's\n<b>'; drop table tags; --</b>" + "x" * 2000
SENT = {
    310: ("Zero", "2025-12-01T10:00:00Z", figures(310, 0, 0.0, 0.0, 0, 0)),
    311: ("One", "2026-02-02T10:00:00Z", figures(311, 100, 40.0, 10.0, 12, 1)),
    312: ("Two", "2026-02-03T10:00:00Z", figures(312, 300, 20.0, 4.0, 20, 0)),
    313: ("Three", "2026-02-10T10:00:00Z", figures(313, 100, 40.0, 10.0, 15, 0)),
    301: ("<script>alert(1)</script>", "2026-03-12T10:00:00Z", figures(301, 100, 10.0, 10.0, 11, 1)),
    302: (None, "2026-03-13T10:00:00Z", figures(302, 20, 50.0, 0.0, 0, 0)),
}


def person(key: int, state: str = "active") -> dict[str, Any]:
    """Return a person as the API shows it."""
    name = NAMES[key]
    email = f"{name}@Example.com"
    return {"id": key, "email_address": email, "first_name": name, "state": state, "created_at": JOINED[key]}


def sale(key: int, email: str | None, at: str, currency: str, amount: float | None, **more: Any) -> dict[str, Any]:
    """Return a purchase as the API shows it; `amount` is its subtotal."""
    told = {"status": "paid", "products": [], "transaction_id": "the same"}
    return {
        **told,
        "id": key,
        "email_address": email,
        "transaction_time": at,
        "currency": currency,
        "subtotal": amount,
        **more,
    }


def line(name: str, unit_price: float, quantity: int = 1, **numbers: Any) -> dict[str, Any]:
    """Return a product of a purchase; `numbers` are pid and sku."""
    return {"name": name, "unit_price": unit_price, "quantity": quantity, "lid": "1", **numbers}


PURCHASED = [
    sale(201, "ANN@example.com", "2025-11-11T00:00:00Z", "USD", 100, discount=10, tax=5, total=95,
         products=[line("Course", 50, pid="c"), line("Book", 25, 2, pid="b", sku="s")]),
    sale(202, "ann@Example.com", "2026-03-15T10:00:00Z", "USD", 50, products=[line("Course II", 50, pid="c")]),
    sale(203, "bob@example.com", "2026-01-03T12:00:00Z", "JPY", 1200, products=[line("Book", 1200, sku="jp")]),
    sale(204, "nobody@example.com", "2026-03-13T12:00:00Z", "USD", 20, products=[line("Gift", 20)]),
    sale(205, "dee@example.com", "2026-03-10T06:00:00Z", "USD", 30, products=[line("Course", 30, pid="c")]),
    sale(206, "eve@example.com", "2026-02-21T00:00:00Z", "EUR", 40, products=[line("Course", 40, pid="c")]),
    sale(207, "cyd@example.com", "2026-02-21T00:00:00Z", "USD", 99, status="REFUNDED"),
    sale(208, "cyd@example.com", "2025-12-01T00:00:00Z", "USD", -5),
    sale(209, "ann@example.com", "2026-04-01T00:00:00Z", "JPY", None),
    sale(210, "ann@example.com", "2026-03-15T20:00:00Z", "USD", 10, products=[line("Gift", 10)]),
    sale(211, None, "2014-02-29T00:00:00Z", "XTS", 7),
]  # fmt: skip


def shop(root: Path) -> LogBuilder:
    """Return the account, pulled four times and published; two people are enough for an overlap."""
    log = LogBuilder(root)
    pulled(
        log,
        0,
        {
            whole("forms"): [{"id": 70, "name": GUIDE}, {"id": 71, "name": "Nobody's"}],
            whole("tags"): [{"id": 7, "name": "VIP"}, {"id": 8, "name": "VIP"}, {"id": 9, "name": None}],
            whole("sequences"): [{"id": 90, "name": "Welcome"}, {"id": 91, "name": ""}],
            ACTIVE: [person(key) for key in (ANN, BOB, EVE, FAY)],
            CANCELLED: [person(CYD, "cancelled")],
            members("form", "70"): guide_members(101, JOINED[ANN], EVE),
            members("tag", "7"): [
                membership(111, ANN, "2025-11-02T00:00:00Z"),
                membership(112, BOB, "2026-01-02T00:00:00Z"),
                membership(113, CYD, "2026-01-16T00:00:00Z"),
            ],
            members("tag", "8"): [
                membership(121, ANN, "2025-11-03T00:00:00Z"),
                membership(122, BOB, "2026-01-03T00:00:00Z"),
            ],
            members("sequence", "90"): [
                membership(141, ANN, JOINED[ANN]),
                membership(142, BOB, "2026-03-01T00:00:00Z"),
                membership(143, CYD, JOINED[CYD]),
            ],
            PURCHASES: [each for each in PURCHASED if each["id"] in (201, 203, 206, 207, 208)],
        },
    )
    pulled(log, 15, {ACTIVE: [person(key) for key in (ANN, BOB, EVE)], BY_ID: [person(FAY, "bounced")]})
    pulled(
        log,
        20,
        {
            ACTIVE: [person(ANN), person(DEE)],
            CANCELLED: [person(CYD, "cancelled"), person(BOB, "cancelled")],
            BY_ID: [gone(EVE)],
            members("form", "70"): guide_members(109, "2026-03-18T00:00:00Z", DEE),
            members("tag", "9"): [membership(131, ANN, "2026-03-15T12:00:00Z")],
            BROADCASTS: [broadcast(key) for key in SENT],
            DETAILS: [broadcast(key) for key in SENT],
            STATS: [stats for _, _, stats in SENT.values()],
        },
    )
    pulled(log, 40, {PURCHASES: PURCHASED})
    config = Config(root, "the test", models=ModelsConfig(minimum_support=2))
    publish(config, log.folder)
    return log


def guide_members(key: int, joined_at: str, newest: int) -> list[dict[str, Any]]:
    """Return the members of the form: Ann, who leaves it and joins again, by the key and date of her membership."""
    others = (membership(100 + other, other, JOINED[other]) for other in (BOB, CYD, newest))
    return [membership(key, ANN, joined_at), *others]


def broadcast(key: int) -> dict[str, Any]:
    """Return a broadcast as the API shows it."""
    subject, sent_at, _ = SENT[key]
    return {"id": key, "subject": subject, "created_at": "2025-11-01T00:00:00Z", "send_at": sent_at}
