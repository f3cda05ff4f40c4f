"""Purchases and their products: created, never changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from cksync.addresses import folded
from cksync.api import WritingApi
from cksync.api.http import Call, Reply
from cksync.api.salvage import readable
from cksync.api.v3.catalog import ask_page
from cksync.api.v3.writes import CALLS
from cksync.domain import PURCHASES
from cksync.write.action import Action, Found, Kind, Result, Seen, Sought
from cksync.write.edits import Edit
from cksync.write.lookup import read
from cksync.write.planning import Context, IsGone, Planned, WorkspaceTable, plain
from cksync.write.reply import page_of, records
from cksync.write.settle import settle_creation

_COLUMNS = (
    *("transaction_id", "status", "email_address", "currency", "transaction_time"),
    *("subtotal", "tax", "shipping", "discount", "total"),
)
_REQUIRED = ("transaction_id", "email_address", "currency")
_PRODUCT_COLUMNS = ("name", "sku", "pid", "lid", "unit_price", "quantity")

NEEDS_OAUTH = (
    "API v4 creates purchases through OAuth only; run `cksync login`, or also set api.api_secret to the secret of API"
    " v3, to create them through v3"
)


def _insert(context: Context, edit: Edit) -> Iterator[Planned]:
    if context.through.purchases is None:
        raise ValueError(NEEDS_OAUTH)
    lines = context.lines.get(edit.key[0], [])
    purchase = _values(edit.row, _COLUMNS)
    for name in _REQUIRED:
        if not purchase.get(name):
            raise ValueError(f"a purchase needs {name}")
    if not lines:
        raise ValueError("a purchase needs rows in purchase_products")
    context.names.purchase(purchase["transaction_id"], purchase["email_address"])
    args = {"purchase": {**purchase, "products": [_values(line.row, _PRODUCT_COLUMNS) for line in lines]}}
    rows = ((each.table, each.key) for each in (edit, *lines))
    yield Action(CREATE, str(edit.key[0]), args, tuple(rows))


def _values(row: Mapping[str, Any], columns: tuple[str, ...]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items() if value is not None and name in columns}


def _insert_product(context: Context, edit: Edit) -> Iterator[Planned]:
    """Plan nothing: a product is sent with its purchase."""
    purchase = edit.row["purchase_id"]
    if ("purchases", purchase) in context.account.gone:
        raise IsGone(context.gone("purchases", purchase))
    if edit.row["position"] is None:
        raise ValueError("a product needs its position in the purchase: 1, 2, 3 ...")
    if purchase not in context.new["purchases"]:
        raise ValueError("products can only be added with a new purchase; the API cannot change existing ones")
    yield from ()


def _created(action: Action, call: Call, values: Mapping[str, Any], who: int | None) -> Result:
    return Result("done", ids={"purchases": int(values["id"])})


def _find(api: WritingApi, sought: Sought, is_last: bool) -> Found:
    """Search both ends of the list, since it is unknown which one is newest, and in the last attempt every page."""
    wanted = sought.action.args["purchase"]
    new = [
        row
        for row in _purchases(api, is_whole=is_last)
        if row["id"] not in sought.known["purchases"] and str(row["transaction_id"]) == str(wanted["transaction_id"])
    ]
    buyer = folded(str(wanted["email_address"]))
    rows = [Result("done", ids={"purchases": row["id"]}) for row in new if folded(str(row["email_address"])) == buyer]
    return Found(rows, "" if rows or not new else "a purchase by another person now has this transaction_id")


def _purchases(api: WritingApi, *, is_whole: bool) -> Iterator[dict[str, Any]]:
    first = api.fetch(ask_page(PURCHASES, 1))
    last = max(first.total_pages or 1, 1)
    seen: set[int] = set()
    for number in range(1, last + 1) if is_whole else sorted({1, last - 1, last} - {0}):
        rows = [row for _, row in readable(first)] if number == 1 else read(api, ask_page(PURCHASES, number))
        if not rows:
            return
        yield from (row for row in rows if row["id"] not in seen)
        seen |= {row["id"] for row in rows}


def _observe(db: duckdb.DuckDBPyConnection, action: Action, call: Call, reply: Reply) -> Seen:
    return page_of(PURCHASES, call, reply, records(reply))


def _buyer(action: Action, owners: Mapping[str, str]) -> str:
    """Return the person with the buyer's address, or the address if nobody has it."""
    address = folded(str(action.args["purchase"]["email_address"]))
    return owners.get(address, address)


CREATE = Kind(
    name="create purchase",
    about="purchases",
    makes="purchases",
    counts=frozenset({"bulk"}),
    person=_buyer,
    call=lambda args, _: CALLS.create_purchase(args["purchase"]),
    read=_created,
    observe=_observe,
    settle=settle_creation,
    find=_find,
)
TABLE = WorkspaceTable(
    "purchases",
    planners={"insert": _insert},
    refusals={"update": "the API cannot change purchases", "delete": "the API cannot delete purchases"},
    streams=("purchases",),
)
PRODUCTS = WorkspaceTable(
    "purchase_products",
    planners={"insert": _insert_product},
    refusals={"update": "the API cannot change purchases", "delete": "the API cannot change purchases"},
    streams=(),
)
