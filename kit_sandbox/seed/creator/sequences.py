"""The welcome and the sales sequence: each mail to each person, what they do then, and the figures of the mails."""

from ... import edits
from ...details.reading import reading
from ...details.sequences import COUNTS, emails
from . import leaving, selling
from .shop import GUIDE, WEEK
from .story import DAY_MS, HOUR_MS, Story

_INTERESTS = ("Interest: sourdough", "Interest: pizza", "Interest: rye", "Interest: sweet bakes")
_LEVELS = ("Beginner", "Beginner", "Beginner", "Regular", "Regular", "Professional")


def begin(story: Story, person_id: int, name: str) -> None:
    """Add somebody to a sequence."""
    if story.is_active(person_id):
        edits.join_sequence(story.world, person_id, story.sequences[name])
        _next(story, person_id, name, 0)


def _next(story: Story, person_id: int, name: str, place: int) -> None:
    mails = emails(story.world, story.sequences[name])
    if place < len(mails):
        delay = mails[place].delay_value * (DAY_MS if mails[place].delay_unit == "days" else HOUR_MS)
        story.after(delay, lambda: _send(story, person_id, name, place))
    elif person_id in story.world.rosters["sequence", story.sequences[name]].members:
        edits.finish_sequence(story.world, person_id, story.sequences[name])
        if name == "Welcome" and "Invitation: Bread in a Week" in story.sequences:
            story.after(14 * DAY_MS, lambda: _invite(story, person_id))


def _invite(story: Story, person_id: int) -> None:
    """Those who read get the invitation to the course, unless they have it."""
    member = story.members.get(person_id)
    if member and WEEK.pid not in member.bought and story.world.extras.readers[person_id].openness > 250:
        begin(story, person_id, "Invitation: Bread in a Week")


def _send(story: Story, person_id: int, name: str, place: int) -> None:
    """One mail of a sequence; it counts its opens and clicks when they happen."""
    if not story.is_active(person_id):
        return
    mail_id, random = story.mails[name][place], story.random
    opened_ms, is_clicked = reading(story.world, person_id, mail_id, story.world.ms())
    _count(story, mail_id, "recipients")
    if opened_ms is not None:
        member = story.members[person_id]
        member.opened_ms = max(member.opened_ms, opened_ms)
        story.life.at(opened_ms, lambda: _opened(story, person_id, name, place, is_clicked))
    leaves = 0.004 * (5 if story.members[person_id].source.form == "Stand mixer giveaway" else 1)
    if random.random() < leaves:
        story.after(random.uniform(0.1, 20) * HOUR_MS, lambda: _leave(story, person_id, mail_id))
    elif random.random() < 0.0025 and place == 0:
        edits.bounce(story.world, person_id)
        _count(story, mail_id, "bounces")
    _next(story, person_id, name, place + 1)


def _leave(story: Story, person_id: int, mail_id: int) -> None:
    if leaving.leave(story, person_id):
        _count(story, mail_id, "email_unsubscribes")


def _opened(story: Story, person_id: int, name: str, place: int, is_clicked: bool) -> None:
    mail_id, random = story.mails[name][place], story.random
    _count(story, mail_id, "opens")
    if is_clicked:
        _count(story, mail_id, "clicks")
    if person_id not in story.members:
        return
    if name == "Welcome" and place == 1 and is_clicked:
        story.tag(person_id, random.choices(_INTERESTS, (5, 3, 1, 2))[0])
        edits.set_field(story.world, person_id, "baking_level", random.choice(_LEVELS))
    member = story.members[person_id]
    if name == "Welcome" and place == 3 and random.random() < 0.075 * member.source.buys:
        selling.buy(story, person_id, GUIDE)
    if name != "Welcome" and place >= 2 and random.random() < 0.03 * member.source.buys:
        selling.buy(story, person_id, WEEK, 10)


def _count(story: Story, mail_id: int, what: str) -> None:
    assert what in COUNTS
    known = story.world.extras.sequence_email_stats.get(mail_id, dict.fromkeys(COUNTS, 0))
    edits.set_sequence_email_stats(story.world, mail_id, **{**known, what: known[what] + 1})
