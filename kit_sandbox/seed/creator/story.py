"""The account of a newsletter about bread, on its first day, and what the events of its life share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from random import Random

from ... import edits
from ...codec import milliseconds
from ...records import Json
from ...world import World
from ..life import Life
from . import growth
from .letters import INVITATION, SITE, WELCOME, Mail, appeal, body
from .names import Place

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
PROFILE = {
    "name": "The Slow Loaf",
    "byline": "A weekly letter about bread",
    "bio": "<p>Nora Lindberg bakes, and writes about it every week.</p>",
    "image_url": f"{SITE}/nora.jpg",
    "profile_url": SITE,
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_FORMS = (
    ("Home page", {"type": "hosted"}),
    ("Recipe pages", {"type": "embed", "format": "inline"}),
    ("Creator Network", {"type": "hosted"}),
    ("Starter rescue checklist", {"type": "hosted"}),
    ("Stand mixer giveaway", {"type": "hosted"}),
)
_SNIPPETS = (
    ("Signature", "<p>Happy baking,<br>Nora</p>", "inline"),
    ("Course banner", "<p>Bread in a Week</p>", "block"),
)


@dataclass
class Member:
    """What the story knows of a person beyond the account's record."""

    source: growth.Source
    place: Place
    last_name: str
    joined_ms: int
    opened_ms: int
    bought: set[str] = field(default_factory=set)


@dataclass
class Sending:
    """A mail whose figures still grow: the moments of its opens, clicks and departures, in their order."""

    broadcast_id: int
    sent_ms: int
    recipients: int
    opened: list[int] = field(default_factory=list)
    clicked: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


@dataclass
class Story:
    """The account while it lives.

    `addresses` are all that were ever in use, `per_weight` the number of arrivals of a day of weight 1, `size` the
    number of people that the account has on the day on which it was made.
    """

    world: World
    life: Life
    random: Random
    begins_on: date
    per_weight: float
    size: int
    members: dict[int, Member] = field(default_factory=dict)
    forms: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    mails: dict[str, list[int]] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)
    sendings: list[Sending] = field(default_factory=list)
    orders: int = 10_400

    def age(self, day: date) -> int:
        return (day - self.begins_on).days

    def day_ms(self, age: int) -> int:
        """The midnight on which a day of the account's life begins."""
        return milliseconds(datetime.combine(self.begins_on, datetime.min.time(), UTC)) + age * DAY_MS

    def after(self, delay_ms: float, event: Callable[[], object]) -> None:
        self.life.at(self.world.ms() + int(delay_ms), event)

    def tag_id(self, name: str) -> int:
        """A tag by its name, made when it is first needed."""
        if self.tags.get(name) not in self.world.parents["tag"]:
            self.tags[name] = edits.add_tag(self.world, name)
        return self.tags[name]

    def tag(self, person_id: int, name: str) -> None:
        if person_id in self.members and person_id in self.world.subscribers:
            edits.tag(self.world, person_id, self.tag_id(name))

    def has_tag(self, person_id: int, name: str) -> bool:
        roster = self.world.rosters.get(("tag", self.tags.get(name, 0)))
        return roster is not None and person_id in roster.members

    def is_active(self, person_id: int) -> bool:
        person = self.world.subscribers.get(person_id)
        return person is not None and person.state == "active"

    def readers(self) -> list[int]:
        """Everybody who gets the next letter, and whom the story knows: others were added by the API."""
        people = self.world.subscribers.values()
        return [person.id for person in people if person.state == "active" and person.id in self.members]


def furnish(story: Story) -> None:
    """What the account has from the first day on."""
    world = story.world
    world.extras.profile, world.extras.account_created_ms = PROFILE, world.ms()
    edits.change_account_name(world, "The Slow Loaf")
    edits.change_account_email(world, "nora@example.com")
    edits.set_colors(world, ("#2f2a25", "#c97b3c", "#f4ece1"))
    edits.set_time_zone(world, "America/New_York", "Eastern Time (US & Canada)", "-05:00")
    for label in ("Last name", "Baking level", "Company"):
        edits.add_custom_field(world, label)
    for name, details in _FORMS[:3]:
        add_form(story, name, details)
    story.life.at(_evening(story, growth.CHECKLIST - 1), lambda: add_form(story, *_FORMS[3]))
    story.life.at(_evening(story, growth.GIVEAWAY - 1), lambda: add_form(story, *_FORMS[4]))
    ended = growth.GIVEAWAY + growth.GIVEAWAY_DAYS + 2
    story.life.at(_evening(story, ended), lambda: edits.archive_form(world, story.forms["Stand mixer giveaway"]))
    add_sequence(story, "Welcome", WELCOME)
    invited = _evening(story, growth.LAUNCHES[0] + 30)
    story.life.at(invited, lambda: add_sequence(story, "Invitation: Bread in a Week", INVITATION))
    for name, content, kind in _SNIPPETS:
        edits.add_snippet(world, name, content, kind)
    edits.add_email_template(world, "Slow Loaf letter")
    for name in ("Engaged, last 90 days", "Customers", "Waiting for a course"):
        edits.add_segment(world, name)
    edits.add_webhook_endpoint(world, "Shop", "https://shop.example.com/kit", ("subscriber.created",))


def _evening(story: Story, age: int) -> int:
    return story.day_ms(age) + 19 * HOUR_MS + 1_267_000


def add_form(story: Story, name: str, details: dict[str, Json]) -> None:
    slug = name.lower().replace(":", "").replace(" ", "-")
    shown = {"embed_js": f"{SITE}/{slug}/index.js", "embed_url": f"{SITE}/{slug}", **details}
    story.forms[name] = edits.add_form(story.world, name, None, **shown)


def add_sequence(story: Story, name: str, mails: tuple[Mail, ...]) -> None:
    world = story.world
    sequence_id = story.sequences[name] = edits.add_sequence(world, name)
    edits.edit_sequence(
        world,
        sequence_id,
        email_address=world.account.primary_email_address,
        email_template_id=_template(world),
        send_days=list(WEEKDAYS),
        send_hour=9,
        time_zone="America/New_York",
        active=True,
        exclude_subscriber_sources=[],
    )
    story.mails[name] = [_add_mail(story, sequence_id, mail) for mail in mails]


def _add_mail(story: Story, sequence_id: int, mail: Mail) -> int:
    email_id = edits.add_sequence_email(
        story.world,
        sequence_id,
        mail.subject,
        preview_text=mail.preview,
        content=body(story.random, mail.subject, f"{SITE}/start"),
        email_template_id=_template(story.world),
        delay_value=mail.delay,
        delay_unit=mail.unit,
        send_days=WEEKDAYS if mail.unit == "days" else None,
    )
    story.world.extras.appeals[email_id] = appeal(mail.opens, mail.clicks)
    return email_id


def _template(world: World) -> int:
    return max(world.extras.email_templates)
