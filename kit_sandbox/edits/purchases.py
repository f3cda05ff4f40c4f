"""Edits of purchases."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ..codec import timestamp
from ..records import Json, Money, Purchase
from ..world import World
from .registry import edit


@edit
def add_purchase(
    world: World,
    /,
    email_address: str,
    total: Money = 20.0,
    currency: str = "USD",
    status: str = "paid",
    transaction_id: str | None = None,
    transaction_time: datetime | None = None,
    products: Iterable[Mapping[str, Json]] | None = None,
    **amounts: Money,
) -> int:
    """Add an order; a `transaction_time` in the past simulates a late import, which is still a new record."""
    purchase_id, moment = world.next_id("purchase", 5), world.ms(transaction_time)
    lines = [_line(total)] if products is None else products
    money = {"subtotal": total, "discount": 0.0, "tax": 0.0, "shipping": 0.0, "total": total, **amounts}
    world.purchases[purchase_id] = Purchase(
        purchase_id,
        transaction_id or f"order-{purchase_id}",
        status,
        email_address,
        currency,
        moment,
        timestamp(moment),
        money,
        tuple(lines),
    )
    world.versions["purchases"] += 1
    return purchase_id


@edit
def extend_purchase(world: World, /, purchase_id: int, products: Iterable[Mapping[str, Json]]) -> None:
    """Add products to an order; its amounts stay as sent."""
    old = world.purchases[purchase_id]
    world.purchases[purchase_id] = old._replace(products=(*old.products, *products))
    world.versions["purchases"] += 1


@edit
def repeat_purchase(
    world: World, /, purchase_id: int, status: str, products: Iterable[Mapping[str, Json]], **amounts: Money
) -> None:
    """Send an order once more to API v4, which takes the new status and amounts and adds the products again."""
    extend_purchase(world, purchase_id, products)
    old = world.purchases[purchase_id]
    world.purchases[purchase_id] = old._replace(status=status, amounts={**old.amounts, **amounts})


@edit
def set_purchase_status(world: World, /, purchase_id: int, status: str) -> None:
    """Set a status, such as a refund in old accounts; no list shows that the record changed."""
    world.purchases[purchase_id] = world.purchases[purchase_id]._replace(status=status)
    world.versions["purchases"] += 1


@edit
def delete_purchase(world: World, /, purchase_id: int) -> None:
    """Delete a purchase; the API has no such call, so the row is simply gone."""
    del world.purchases[purchase_id]
    world.versions["purchases"] += 1


def _line(price: Money) -> Mapping[str, Json]:
    return {"unit_price": price, "quantity": 1, "sku": None, "name": "Field Guide", "pid": "1", "lid": "1"}
