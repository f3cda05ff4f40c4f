"""Accounts for the report: an empty one, and one whose every text attempts to be markup."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cksync.config import Config, ModelsConfig
from cksync.domain import ACTIVE, BROADCASTS, CANCELLED, DETAILS, PURCHASES, STATS, members, whole
from cksync.pipeline.publishing import publish
from tests.support.log_builder import LogBuilder

# Ends elements, begins others, runs scripts, reverses the direction of writing, and is long.
EVIL = (
    '</script></style></title><img src=x onerror="window.evil=1"><script>window.evil=2</script>\'"`&lt;{{7*7}}'
    " \u202eright to left\u2028 مرحبا 🎉" + "W" * 120
)
PEOPLE = 40
FIRST = datetime(2025, 12, 1, tzinfo=UTC)


def empty_account(root: Path) -> LogBuilder:
    """An account without anything yet."""
    log = LogBuilder(root)
    load = log.begin(0)
    lists = [whole(name) for name in ("custom_fields", "forms", "sequences", "tags")]
    for minute, slice_ in enumerate([*lists, ACTIVE, CANCELLED, BROADCASTS, PURCHASES], 1):
        load.page(slice_, minute, [], is_complete=True)
    load.end(30)
    publish(Config(root, "the test"), log.folder)
    return log


def hostile_account(root: Path) -> LogBuilder:
    """Forty people, and a hostile name wherever the account can have one; people's own names begin with zz-private."""
    log = LogBuilder(root)
    load = log.begin(0)
    moments = [f"{FIRST + timedelta(days=2 * n):%Y-%m-%dT%H:%M:%SZ}" for n in range(PEOPLE)]
    email = "zz-private.{}@example.com"
    account = {"name": f"{EVIL} account", "plan_type": EVIL, "primary_email_address": "kai@example.com"}
    people = [
        {"id": n + 1, "email_address": email.format(n), "first_name": f"zz-private {EVIL}", "state": "active",
         "created_at": moments[n], "fields": {"key": EVIL}}
        for n in range(PEOPLE)
    ]  # fmt: skip
    lists: dict[Any, list[dict[str, Any]]] = {
        whole("account"): [account],
        whole("custom_fields"): [{"id": 1, "key": "key", "label": f"{EVIL} field"}],
        whole("forms"): [{"id": 5, "name": f"{EVIL} form", "type": "embed", "created_at": moments[0]}],
        whole("tags"): [{"id": n, "name": f"{EVIL} tag", "created_at": moments[0]} for n in (7, 8, 9)],
        whole("sequences"): [{"id": 4, "name": EVIL, "hold": False, "repeat": False}],
        ACTIVE: people,
        CANCELLED: [],
        BROADCASTS: [{"id": n, "created_at": moments[n], "subject": f"{EVIL} subject"} for n in range(1, 9)],
        DETAILS: [
            {"id": n, "created_at": moments[n], "subject": f"{EVIL} subject", "published_at": moments[n]}
            for n in range(1, 9)
        ],
        STATS: [
            {"id": n, "stats": {"recipients": 40, "open_rate": 30.0 + 7 * (n % 3), "click_rate": 2.0 + n % 4,
             "total_clicks": n, "unsubscribes": 1, "status": "completed", "progress": 100.0}}
            for n in range(1, 9)
        ],
        PURCHASES: [
            {"id": n, "email_address": email.format(n), "transaction_time": moments[-1], "status": "paid",
             "transaction_id": EVIL, "currency": ("<b>", "USD", EVIL)[n % 3], "subtotal": 10.0 * n, "total": 10.0 * n,
             "products": [{"name": f"{EVIL} product", "unit_price": 10.0, "quantity": n, "pid": EVIL, "sku": EVIL,
                           "lid": EVIL}]}
            for n in range(1, 10)
        ],
    }  # fmt: skip
    for kind, key in (("form", "5"), ("tag", "7"), ("tag", "8"), ("tag", "9")):
        lists[members(kind, key)] = [
            {"id": 1000 * int(key) + n, "state": "active", "created_at": moments[n], "referrer": f"https://{EVIL}/",
             "source": EVIL, "subscriber": {"id": n + 1}}
            for n in range(PEOPLE - (int(key) - 5) * 4)
        ]  # fmt: skip
    for minute, (slice_, records) in enumerate(lists.items(), 1):
        load.page(slice_, minute, records, is_complete=True)
    load.end(30)
    publish(Config(root, "the test", models=ModelsConfig(minimum_support=2)), log.folder)
    return log
