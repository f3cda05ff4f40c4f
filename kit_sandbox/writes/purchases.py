"""Create purchases."""

import math
from collections.abc import Mapping
from typing import Any

from .. import edits, serializers
from ..messages import Answer, Request, created, error
from ..records import Purchase
from ..world import World
from .params import is_email, mapping, moment, rows, text, with_email

_REQUIRED = ("transaction_id", "email_address", "currency", "products")
_REQUIRED_OF_PRODUCT = ("name", "pid", "lid", "unit_price", "quantity")
_AMOUNTS = ("subtotal", "discount", "tax", "shipping", "total")


def create(world: World, request: Request) -> Answer:
    """Create another purchase, even for a known transaction_id (unless the behaviour appends); the response is bare."""
    given = mapping(request.given.get("purchase"))
    problems = _problems(given) if given else ["purchase can't be blank"]
    if problems:
        return error(400, "Your request is missing parameters", ", ".join(problems))
    known = (
        None
        if world.behaviour.repeated_transaction == "new"
        else with_transaction(world, text(given["transaction_id"]))
    )
    if known is None:
        purchase_id = add(world, given)
    else:
        purchase_id = known.id
        edits.extend_purchase(world, purchase_id, lines(given))
    return created(serializers.purchase(world.purchases[purchase_id]))


def _problems(given: Mapping[str, Any]) -> list[str]:
    """Return the problems of the body, in the API's words."""
    found = [f"{name} can't be blank" for name in _REQUIRED if not given.get(name)]
    email = text(given.get("email_address"))
    if email and not is_email(email):
        found.append("email_address is invalid")
    try:
        moment(given.get("transaction_time"))
    except ValueError:
        found.append("transaction_time is invalid")
    return found + problems_of_products(given)


def problems_of_products(given: Mapping[str, Any]) -> list[str]:
    """Return what the products lack."""
    return [
        f"{name.capitalize()} can't be blank for product: {text(line.get('name'))}"
        for line in map(mapping, rows(given.get("products")))
        for name in _REQUIRED_OF_PRODUCT
        if not text(line.get(name))
    ]


def with_transaction(world: World, transaction_id: str) -> Purchase | None:
    """Return the purchase with this transaction_id."""
    return next((row for row in world.purchases.values() if row.transaction_id == transaction_id), None)


def add(world: World, given: Mapping[str, Any]) -> int:
    """Add an order, and the buyer unless the address is known; return its id."""
    email = text(given["email_address"])
    if world.behaviour.purchase_creates_person and with_email(world, email) is None:
        edits.add_subscriber(world, email, text(given.get("first_name")) or None)
    return edits.add_purchase(
        world,
        email,
        currency=text(given["currency"]).upper(),
        status=text(given.get("status")) or "paid",
        transaction_id=text(given["transaction_id"]),
        transaction_time=moment(given.get("transaction_time")),
        products=lines(given),
        **amounts(given),
    )


def amounts(given: Mapping[str, Any]) -> dict[str, float]:
    return {name: _money(given.get(name)) for name in _AMOUNTS}


def lines(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the products as lists show them: pid and lid are texts."""
    return [_line(mapping(each)) for each in rows(given["products"])]


def _line(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "unit_price": _money(given["unit_price"]),
        "quantity": int(_money(given["quantity"])),
        "sku": None if given.get("sku") is None else text(given["sku"]),
        "name": text(given["name"]),
        "pid": text(given["pid"]),
        "lid": text(given["lid"]),
    }


def _money(given: Any) -> float:
    """Return a number, or one given as text; anything else counts as 0."""
    try:
        amount = float(given)
    except (TypeError, ValueError):
        return 0.0
    return amount if math.isfinite(amount) else 0.0
