"""Create purchases, and add to those that are repeated."""

from collections.abc import Mapping
from typing import Any

from ... import edits
from ...messages import Answer, Request, as_json
from ...world import World
from ...writes.params import is_email, mapping, moment, rows, text
from ...writes.purchases import add, amounts, lines, problems_of_products, with_transaction
from .. import shapes
from ..refusals import invalid
from ..view import View

DEFAULT_CURRENCY = "USD"


def create(view: View, request: Request) -> Answer:
    """Create a purchase; a known transaction_id is updated instead, and gets the products as further lines.

    The body is a purchase in a wrapper, as documented, or bare, as Kit's PHP SDK sends it.
    """
    world = view.current
    given = {"currency": DEFAULT_CURRENCY, **mapping(request.given.get("purchase", request.given))}
    problems = _problems(given)
    if problems:
        raise invalid(*problems)
    known = with_transaction(world, text(given["transaction_id"]))
    if known is None:
        purchase_id = add(world, given)
    else:
        purchase_id = known.id
        _repeat(world, purchase_id, given)
    return as_json({"purchase": shapes.purchase(world, world.purchases[purchase_id])}, 201)


def _repeat(world: World, purchase_id: int, given: Mapping[str, Any]) -> None:
    status = text(given.get("status")) or world.purchases[purchase_id].status
    sent = {name: value for name, value in amounts(given).items() if name in given}
    edits.repeat_purchase(world, purchase_id, status, lines(given), **sent)


def _problems(given: Mapping[str, Any]) -> list[str]:
    """Return the problems of a purchase, in the API's words."""
    found = []
    if not text(given.get("transaction_id")):
        found.append("Transaction cannot be blank")
    if not is_email(text(given.get("email_address"))):
        found.append("Email address is invalid")
    if not rows(given.get("products")):
        found.append("Products cannot be blank")
    try:
        moment(given.get("transaction_time"))
    except ValueError:
        found.append("Transaction time is invalid")
    return found + problems_of_products(given)
