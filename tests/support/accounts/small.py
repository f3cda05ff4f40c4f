"""A small hand-made account: nine people, four nights, days in New York. The expected rows of the models are
derived from the events below.

The pulls are on 1 to 4 March 2026 at 9:00 UTC, 4:00 in the morning there. What happened:

    1 March   the first pull: Ann, Bob, Dee and Eve are active, Cyd has cancelled
    2 March   Bob has cancelled; Fay (22:00 of the day before) and Gus (1:00) are new
    3 March   Dee has bounced, Eve is deleted, Hal has joined (15:00 of the day before) and cancelled
    4 March   Cyd is back; Ida, who joined in December, has confirmed
"""

from pathlib import Path
from typing import Any

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, BROADCASTS, BY_ID, CANCELLED, DETAILS, PURCHASES, STATS, Slice, members, whole
from cksync.pipeline.publishing import publish
from tests.support.log_builder import LogBuilder, gone

NIGHT = 24 * 60
ANN, BOB, CYD, DEE, EVE, FAY, GUS, HAL, IDA = range(1, 10)

JOINED = {
    ANN: "2026-01-10T12:00:00Z",
    BOB: "2026-02-01T04:00:00Z",  # 31 January in New York
    CYD: "2026-01-20T12:00:00Z",
    DEE: "2026-02-15T12:00:00Z",
    EVE: "2026-02-20T12:00:00Z",
    FAY: "2026-03-02T03:00:00Z",  # 1 March in New York
    GUS: "2026-03-02T06:00:00Z",
    HAL: "2026-03-02T20:00:00Z",
    IDA: "2025-12-01T12:00:00Z",
}
NAMES = {ANN: "Ann", BOB: "Bob", CYD: "Cyd", DEE: "Dee", EVE: "Eve", FAY: "Fay", GUS: "Gus", HAL: "Hal", IDA: "Ida"}
FIELDS = {ANN: {"plan": "pro", "state": "NY"}, BOB: {"plan": "free"}, GUS: {"plan": ""}}
BLOG = "https://www.blog.example.org/p?utm_source=news%20letter&utm_medium=email&utm_campaign=spring+sale"
SOCIAL = "https://social.example.net/@a"


def person(key: int, state: str = "active", **changed: Any) -> dict[str, Any]:
    """Return a person as the API shows it."""
    return {
        "id": key,
        "email_address": f"{NAMES[key]}@Example.com",
        "first_name": NAMES[key],
        "state": state,
        "created_at": JOINED[key],
        "fields": FIELDS.get(key, {}),
        **changed,
    }


def membership(key: int, of: int, created_at: str, referrer: str | None = None) -> dict[str, Any]:
    """Return a subscription as the API shows it, with only the id of the person."""
    return {
        "id": key,
        "state": "active",
        "created_at": created_at,
        "referrer": referrer,
        "source": None,
        "subscriber": {"id": of},
    }


def purchase(key: int, email: str, day: str, products: list[dict[str, Any]], **amounts: Any) -> dict[str, Any]:
    """Return a purchase as the API shows it; `amounts` may include status and currency."""
    told = {"status": "paid", "currency": "USD", "transaction_id": f"t{key}", **amounts}
    return {"id": key, "email_address": email, "transaction_time": day, "products": products, **told}


def line(name: str, unit_price: float, quantity: int = 1) -> dict[str, Any]:
    """Return a product of a purchase."""
    return {"name": name, "unit_price": unit_price, "quantity": quantity, "sku": name.lower(), "pid": "9", "lid": "1"}


def figures(key: int, recipients: int, open_rate: float, click_rate: float, clicks: int, left: int) -> dict[str, Any]:
    """Return the stats of a sent broadcast, as the API shows them."""
    stats = {"recipients": recipients, "open_rate": open_rate, "click_rate": click_rate, "total_clicks": clicks}
    return {"id": key, "stats": {**stats, "unsubscribes": left, "status": "completed", "progress": 100.0}}


PURCHASED = [
    purchase(
        201, "ANN@example.com", "2026-02-01T03:00:00Z", [line("Course", 50.0), line("Book", 25.0, 2)],
        subtotal=100.0, discount=10.0, tax=5.0, shipping=0.0, total=95.0,
    ),
    purchase(
        202, "ann@example.com ", "2026-03-02T12:00:00Z", [line("A", 1.0), line("B", 1.0), line("C", 1.0)],
        subtotal=None, discount=None, tax=2.0, shipping=3.0, total=30.0,
    ),
    purchase(
        203, "ann@example.com", "2026-01-15T12:00:00Z", [line("Course", 50.0)],
        subtotal=50.0, total=50.0, status="Refunded", currency="EUR",
    ),
    purchase(204, "nobody@example.com", "2026-02-10T12:00:00Z", [line("Gift", 0.0)], subtotal=20.0, currency="EUR"),
    purchase(205, "bob@example.com", "2026-03-03T12:00:00Z", [], subtotal=12.5, discount=2.5, currency="EUR"),
]  # fmt: skip

GUIDE, VIP, BUYER, WELCOME = members("form", "70"), members("tag", "7"), members("tag", "8"), members("sequence", "90")


def pulled(log: LogBuilder, night: int, lists: dict[Slice, list[Any]]) -> None:
    """Log a pull of everything at nine o'clock of a night (from 0) that read these lists, one per minute."""
    load = log.begin(night * NIGHT)
    for minute, (slice_, records) in enumerate(lists.items(), 1):
        load.page(slice_, night * NIGHT + minute, records, is_complete=True)
    load.end(night * NIGHT + 30)


def small_account(root: Path, **settings: Any) -> LogBuilder:
    """Return the account, pulled four times and published with its models."""
    log = LogBuilder(root)
    pulled(
        log,
        0,
        {
            whole("forms"): [{"id": 70, "name": "Guide", "type": "embed", "created_at": "2025-01-01T00:00:00Z"}],
            whole("tags"): [{"id": 7, "name": "VIP"}, {"id": 8, "name": "Buyer"}],
            whole("sequences"): [{"id": 90, "name": "Welcome", "hold": False, "repeat": False}],
            whole("custom_fields"): [
                {"id": 1, "key": "plan", "label": "Plan"},
                {"id": 2, "key": "state", "label": "State"},
            ],
            ACTIVE: [person(key) for key in (ANN, BOB, DEE, EVE)],
            CANCELLED: [person(CYD, "cancelled")],
            GUIDE: [membership(101, ANN, JOINED[ANN], BLOG), membership(102, BOB, JOINED[BOB], SOCIAL)],
            VIP: [membership(103, ANN, "2026-01-11T12:00:00Z"), membership(104, CYD, JOINED[CYD])],
            BUYER: [membership(105, ANN, "2026-01-09T12:00:00Z")],
            WELCOME: [membership(106, DEE, JOINED[DEE])],
            BROADCASTS: [{"id": 301, "created_at": "2026-02-27T00:00:00Z", "subject": "Hello"},
                         {"id": 302, "created_at": "2026-02-28T00:00:00Z", "subject": None}],
            DETAILS: [
                {"id": 301, "created_at": "2026-02-27T00:00:00Z", "subject": "Hello",
                 "published_at": "2026-02-28T14:00:00Z", "send_at": "2026-03-01T02:00:00Z"},
                {"id": 302, "created_at": "2026-02-28T00:00:00Z", "subject": None},
            ],
            STATS: [figures(301, 4, 50.0, 25.0, 2, 0), {"id": 302, "stats": {"recipients": 0, "status": "draft"}}],
            PURCHASES: PURCHASED[:1],
        },
    )  # fmt: skip
    pulled(
        log,
        1,
        {
            whole("tags"): [{"id": 7, "name": "V.I.P."}, {"id": 8, "name": "Buyer"}],
            ACTIVE: [person(key) for key in (ANN, DEE, EVE, FAY, GUS)],
            CANCELLED: [person(CYD, "cancelled"), person(BOB, "cancelled")],
            STATS: [figures(301, 4, 75.0, 25.0, 3, 1)],
            PURCHASES: PURCHASED[:3],
        },
    )
    pulled(
        log,
        2,
        {
            ACTIVE: [person(key) for key in (ANN, FAY, GUS)],
            CANCELLED: [person(CYD, "cancelled"), person(BOB, "cancelled"), person(HAL, "cancelled")],
            BY_ID: [person(DEE, "bounced"), gone(EVE)],
            VIP: [membership(103, ANN, "2026-01-11T12:00:00Z")],
            PURCHASES: PURCHASED,
        },
    )
    pulled(
        log,
        3,
        {
            ACTIVE: [person(ANN, email_address="ann@example.com"), *map(person, (FAY, GUS, CYD, IDA))],
            CANCELLED: [person(BOB, "cancelled"), person(HAL, "cancelled")],
        },
    )
    publish(Config(root, "the test", models=ModelsConfig(timezone="America/New_York", **settings)), log.folder)
    return log
