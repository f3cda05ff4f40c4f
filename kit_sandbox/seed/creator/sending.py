"""Broadcasts: from the draft to the last open, and who leaves because of them."""

from bisect import bisect_right, insort
from datetime import UTC, datetime
from functools import partial

from ... import edits
from ...details.mailings import EVERYBODY
from ...details.reading import reading
from . import leaving, letters, selling
from .letters import Letter, appeal
from .story import DAY_MS, HOUR_MS, Sending, Story

_COUNTED_DAYS = 21
_AHEAD_DAYS = 7
_HOUR = 13
"""The hour (UTC) of the weekly letter."""


def plan_letter(story: Story, age: int, last_age: int) -> None:
    """Begin the draft of the weekly letter, so that the last one before the account was made is of the day before."""
    sent_age = age + _AHEAD_DAYS
    if sent_age < 14 or (last_age - sent_age) % 7:
        return
    letter, sent_ms = letters.weekly(sent_age // 7), story.day_ms(sent_age) + _HOUR * HOUR_MS
    story.after(16 * HOUR_MS, lambda: _write(story, letter, sent_ms))


def _write(story: Story, letter: Letter, sent_ms: int) -> None:
    broadcast_id = _draft(story, letter)
    send_at = datetime.fromtimestamp(sent_ms / 1000, UTC)
    story.after(3 * HOUR_MS, lambda: edits.edit_broadcast(story.world, broadcast_id, send_at=send_at))
    story.life.at(sent_ms, lambda: _send(story, broadcast_id, letter))


def keep_draft(story: Story) -> None:
    """A mail that has been waiting for its day for weeks."""
    _draft(story, Letter("Some thoughts for the new season", "Not finished yet.", (letters.SITE,), 1.0, 0))


def send_now(story: Story, letter: Letter) -> None:
    """Write a mail and send it at once."""
    _send(story, _draft(story, letter), letter)


def _draft(story: Story, letter: Letter) -> int:
    world = story.world
    broadcast_id = edits.add_broadcast(
        world,
        letter.subject,
        letters.body(story.random, letter.subject, letter.links[0]),
        description=letter.preview,
        public=letter.leaving == 1.0,
        email_layout_template="Slow Loaf letter",
    )
    edits.set_broadcast_details(
        world, broadcast_id, preview_text=letter.preview, subscriber_filter=[dict(each) for each in EVERYBODY]
    )
    return broadcast_id


def _send(story: Story, broadcast_id: int, letter: Letter) -> None:
    """Send to everybody, and draw who opens, clicks, buys, leaves and bounces."""
    world, readers = story.world, story.readers()
    edits.send_broadcast(world, broadcast_id, len(readers))
    edits.set_stats(world, broadcast_id, show_total_clicks=True)
    made = Sending(broadcast_id, world.ms(), len(readers))
    fatigue = 1.1 - 0.2 * min(1.0, len(readers) / max(1, story.size))
    world.extras.appeals[broadcast_id] = appeal(letter.opens * fatigue, letter.clicks)
    world.extras.links[broadcast_id] = letter.links
    for person_id in readers:
        opened_ms, is_clicked = reading(world, person_id, broadcast_id, made.sent_ms)
        if opened_ms is not None:
            made.opened.append(opened_ms)
            story.members[person_id].opened_ms = max(story.members[person_id].opened_ms, opened_ms)
            if is_clicked:
                made.clicked.append(opened_ms)
                selling.after_letter(story, person_id, opened_ms)
        _lose(story, made, person_id, letter)
    made.opened.sort()
    made.clicked.sort()
    story.sendings.append(made)


def _lose(story: Story, made: Sending, person_id: int, letter: Letter) -> None:
    """Who leaves after a mail: newcomers and those who came for a prize rather than others, customers seldom."""
    member, random = story.members[person_id], story.random
    chance = 0.0027 * letter.leaving
    if made.sent_ms - member.joined_ms < 45 * DAY_MS:
        chance *= 3
    if member.source.openness < 300:
        chance *= 3.5
    if member.bought:
        chance *= 0.4
    draw = random.random()
    if draw < chance:
        left_ms = made.sent_ms + int(random.expovariate(1 / 9) * HOUR_MS)
        story.life.at(left_ms, partial(_leave, story, made, person_id))
    elif draw > 0.99982:
        edits.bounce(story.world, person_id)
    elif draw > 0.99977:
        edits.complain(story.world, person_id)


def _leave(story: Story, made: Sending, person_id: int) -> None:
    if leaving.leave(story, person_id):
        insort(made.left, story.world.ms())


def count(story: Story) -> None:
    """Bring the figures of recent mails up to date; those of older ones stand still."""
    now = story.world.ms()
    for each in [each for each in story.sendings if each.broadcast_id in story.world.broadcasts]:
        opened, clicked = bisect_right(each.opened, now), bisect_right(each.clicked, now)
        edits.set_stats(
            story.world,
            each.broadcast_id,
            open_rate=_percent(opened, each.recipients),
            click_rate=_percent(clicked, each.recipients),
            emails_opened=opened,
            total_clicks=clicked + clicked // 4,
            unsubscribes=len(each.left),
        )
    story.sendings = [each for each in story.sendings if now - each.sent_ms < _COUNTED_DAYS * DAY_MS]


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0
