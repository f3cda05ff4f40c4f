"""Orders, what they change of a person, and refunds."""

from ... import edits
from . import shop
from .shop import GUIDE, WORKSHOP, Product
from .story import DAY_MS, MINUTE_MS, Story


def buy(story: Story, person_id: int, product: Product, off_percent: int = 0) -> None:
    """Somebody buys something, once."""
    member = story.members.get(person_id)
    if member is None or product.pid in member.bought or person_id not in story.world.subscribers:
        return
    products = tuple(each for each in shop.basket(story.random, product) if each.pid not in member.bought)
    person, currency = story.world.subscribers[person_id], member.place.currency
    made = shop.order(products, currency, off_percent)
    story.orders += 1
    purchase_id = edits.add_purchase(
        story.world,
        person.email_address,
        currency=currency,
        transaction_id=f"ord-{story.orders}",
        products=made.products,
        **made.amounts,
    )
    member.bought.update(each.pid for each in products if each is not WORKSHOP)
    edits.set_field(story.world, person_id, "last_name", member.last_name)
    story.tag(person_id, "Customer")
    for each in products:
        if each is not WORKSHOP:
            story.tag(person_id, each.tag)
    if story.random.random() < product.refunded / 1_000:
        story.after(story.random.uniform(1, 14) * DAY_MS, lambda: _refund(story, purchase_id, person_id, product))


def _refund(story: Story, purchase_id: int, person_id: int, product: Product) -> None:
    edits.set_purchase_status(story.world, purchase_id, "refunded")
    story.tag(person_id, "Refunded")
    if story.has_tag(person_id, product.tag):
        edits.untag(story.world, person_id, story.tag_id(product.tag))


def after_letter(story: Story, person_id: int, opened_ms: int) -> None:
    """A few who click in a letter buy the guide or the calculator."""
    member, random = story.members[person_id], story.random
    if random.random() < 0.022 * member.source.buys * (2.0 if member.bought else 1.0):
        product = GUIDE if GUIDE.pid not in member.bought else shop.CALCULATOR
        story.life.at(opened_ms + 20 * MINUTE_MS, lambda: buy(story, person_id, product))
