"""Bulk calls: up to 100 items at once with a failure for each that cannot be; more are accepted and done later.

What becomes of a call that was accepted is reported to no one: the sandbox calls no `callback_url`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from ...codec import encode
from ...messages import Answer, Request, as_json
from ...world import World
from ..refusals import Refusal, invalid
from ..view import View

ITEMS_AT_ONCE = 100
_QUEUE_FULL = (
    "This request exceeds your queued bulk requests limit. "
    "Please wait while we process your existing requests and try again later."
)

Item = Mapping[str, Any]
Failing = Mapping[int, str]


class Done(NamedTuple):
    """The row of an item that was carried out, and whether it was new to the account."""

    row: Any
    is_new: bool = True


def as_sent(done: Sequence[Done]) -> list[Done]:
    return list(done)


def no_guard(world: World, items: Sequence[Item]) -> None:
    """Accept any items."""


@dataclass(frozen=True)
class Bulk:
    """A bulk call: the names of its items, of one of them in a failure, and of the rows in the answer.

    `carry_out` does one item, or raises a Refusal with its errors. `failed` is how a failure shows the item, `mixed`
    the order of the rows that the API gives them, `guard` what may refuse the whole call.
    """

    items: str
    item: str
    carry_out: Callable[[World, Item], Done]
    failed: Callable[[World, Item], dict[str, Any]]
    rows: str | None = None
    mixed: Callable[[Sequence[Done]], list[Done]] = as_sent
    guard: Callable[[World, Sequence[Item]], None] = no_guard

    def answer(self, view: View, request: Request) -> Answer:
        """Carry out a call, or accept it for later; without items it is 422."""
        world, items = view.current, self._items(request)
        self.guard(world, items)
        if len(items) > ITEMS_AT_ONCE:
            return self._accept(world, items, request.failing)
        return as_json(self._carry_out(world, items, request.failing))

    def _items(self, request: Request) -> list[Item]:
        items = request.given.get(self.items)
        if not isinstance(items, list) or not items:
            raise invalid(f"No {self.items.replace('_', ' ')} included for processing")
        if not all(isinstance(each, dict) and each for each in items):
            raise Refusal(400, f"param is missing or the value is empty: {self.items}")
        return items

    def _carry_out(self, world: World, items: Sequence[Item], failing: Failing) -> dict[str, Any]:
        done: list[Done] = []
        failures: list[dict[str, Any]] = []
        for place, item in enumerate(items):
            try:
                if place in failing:
                    raise invalid(failing[place])
                done.append(self.carry_out(world, item))
            except Refusal as refusal:
                failures.append({"errors": refusal.texts, self.item: self.failed(world, item)})
        shown = {} if self.rows is None else {self.rows: [each.row for each in self._ordered(world, done)]}
        return {**shown, "failures": failures}

    def _ordered(self, world: World, done: Sequence[Done]) -> list[Done]:
        match world.behaviour.v4_bulk_order:
            case "mixed":
                return self.mixed(done)
            case "reversed":
                return list(reversed(done))
        return list(done)

    def _accept(self, world: World, items: Sequence[Item], failing: Failing) -> Answer:
        size = len(encode(items))
        if world.queued_bytes + size > world.behaviour.v4_bulk_queue_bytes:
            raise Refusal(413, _QUEUE_FULL)
        world.queued_bytes += size
        world.later(world.behaviour.v4_bulk_seconds, partial(self._finish, world, items, failing, size))
        return as_json({}, 202)

    def _finish(self, world: World, items: Sequence[Item], failing: Failing, size: int) -> None:
        world.queued_bytes -= size
        self._carry_out(world, items, failing)
