"""The two launches and the workshops: waiting lists, letters, and who buys."""

from functools import partial

from ... import edits
from . import growth, letters, selling, sending, shop
from .shop import WORKSHOP
from .story import DAY_MS, HOUR_MS, Story, add_form


def plan_launch(story: Story, age: int) -> None:
    """The waiting list, the letters and the orders of a launch that begins in two weeks."""
    if age + growth.WAITLIST_DAYS not in growth.LAUNCHES:
        return
    number = growth.LAUNCHES.index(age + growth.WAITLIST_DAYS)
    name, opens_ms = shop.COURSES[number].name, story.day_ms(growth.LAUNCHES[number]) + 14 * HOUR_MS
    form, tag = f"{name}: waiting list", f"Waiting: {name}"
    story.after(8.4 * HOUR_MS, lambda: add_form(story, form, {"type": "hosted"}))
    for person_id in story.readers():
        openness = story.world.extras.readers[person_id].openness
        if story.random.random() < 0.16 * openness / 1_000 * story.members[person_id].source.buys:
            moment_ms = story.day_ms(age) + int(story.random.uniform(9, 24 * growth.WAITLIST_DAYS) * HOUR_MS)
            story.life.at(moment_ms, partial(_wait, story, person_id, form, tag))
    for days, letter in letters.launch_letters(number):
        story.life.at(opens_ms + days * DAY_MS, partial(sending.send_now, story, letter))
    story.life.at(opens_ms, lambda: _open_doors(story, number))


def _wait(story: Story, person_id: int, form: str, tag: str) -> None:
    if story.is_active(person_id):
        edits.join_form(story.world, person_id, story.forms[form], referrer=letters.SITE + "/")
        story.tag(person_id, tag)


def _open_doors(story: Story, number: int) -> None:
    """Who buys the course, and when: most on the first two days and on the last."""
    product, random = shop.COURSES[number], story.random
    for person_id in story.readers():
        member = story.members[person_id]
        chance = 0.17 if story.has_tag(person_id, f"Waiting: {product.name}") else 0.009 * member.source.buys
        if random.random() < chance * (2.2 if member.bought else 1.0):
            days = random.choice((random.uniform(0, 1.5), random.uniform(0, 1.5), random.uniform(1.5, 6), 6.3))
            delay_ms = (days + random.random() * 0.4) * DAY_MS
            off = 20 if days < 1.5 else 0
            story.after(delay_ms, partial(selling.buy, story, person_id, product, off))


def plan_workshop(story: Story, age: int) -> None:
    """Twice in half a year: a letter, tickets, and a tag for those who came."""
    if age < 380 or (age - 380) % 98 or any(abs(age - launch) < 25 for launch in growth.LAUNCHES):
        return
    title = letters.WORKSHOPS[(age - 380) // 98 % len(letters.WORKSHOPS)]
    sent_ms = story.day_ms(age) + 15 * HOUR_MS
    story.life.at(sent_ms, lambda: sending.send_now(story, letters.workshop_letter(title)))
    story.life.at(sent_ms, lambda: _sell_tickets(story, title))


def _sell_tickets(story: Story, title: str) -> None:
    for person_id in story.readers():
        member, openness = story.members[person_id], story.world.extras.readers[person_id].openness
        chance = 0.028 * openness / 1_000 * member.source.buys * (2.5 if member.bought else 1.0)
        if story.random.random() < chance:
            delay_ms = story.random.expovariate(1 / 2.5) * DAY_MS
            story.after(min(delay_ms, 9 * DAY_MS), partial(_attend, story, person_id, title))


def _attend(story: Story, person_id: int, title: str) -> None:
    selling.buy(story, person_id, WORKSHOP)
    story.tag(person_id, f"Workshop: {title}")
